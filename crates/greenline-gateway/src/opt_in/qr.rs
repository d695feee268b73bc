//! QR codes, as pictures that can be printed.

use std::fmt::Write as _;

use qrcode::{Color, EcLevel, QrCode};

/// White modules around the code, as the standard asks.
const QUIET: usize = 4;
/// Pixels of a module in a PNG.
const MODULE_PIXELS: usize = 8;

/// The modules, row by row with the quiet zone, and how many make a side.
fn modules(text: &str) -> Option<(usize, Vec<bool>)> {
    // Some of it may be lost: posters get torn. Long texts make do with less.
    let code = QrCode::with_error_correction_level(text, EcLevel::M)
        .or_else(|_| QrCode::with_error_correction_level(text, EcLevel::L))
        .ok()?;
    let inner = code.width();
    let side = inner + 2 * QUIET;
    let mut dark = vec![false; side * side];
    for (at, colour) in code.to_colors().into_iter().enumerate() {
        let place = (at / inner + QUIET) * side + at % inner + QUIET;
        if let Some(module) = dark.get_mut(place) {
            *module = colour == Color::Dark;
        }
    }
    Some((side, dark))
}

/// As an `svg` element; `None` when the text is too long for any code.
#[must_use]
pub fn svg(text: &str) -> Option<String> {
    let (side, dark) = modules(text)?;
    let mut path = String::new();
    for (y, row) in dark.chunks(side).enumerate() {
        let mut x = 0;
        while x < row.len() {
            let run = row.iter().skip(x).take_while(|dark| **dark).count();
            if run > 0 {
                let _ = write!(path, "M{x} {y}h{run}v1h-{run}z");
            }
            x += run.max(1);
        }
    }
    Some(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" shape-rendering=\"crispEdges\"><path fill=\"#fff\" d=\"M0 0h{side}v{side}H0z\"/><path d=\"{path}\"/></svg>"
    ))
}

/// As a PNG in black and white; `None` when the text is too long for any code.
#[must_use]
pub fn png(text: &str) -> Option<Vec<u8>> {
    let (side, dark) = modules(text)?;
    let pixels = side * MODULE_PIXELS;
    let mut rows = Vec::with_capacity(pixels * pixels.div_ceil(8));
    for row in dark.chunks(side) {
        let mut line = vec![0_u8; pixels.div_ceil(8)];
        for x in 0..pixels {
            let is_dark = row.get(x / MODULE_PIXELS).copied().unwrap_or_default();
            if let (false, Some(byte)) = (is_dark, line.get_mut(x / 8)) {
                *byte |= 0x80 >> (x % 8);
            }
        }
        for _ in 0..MODULE_PIXELS {
            rows.extend_from_slice(&line);
        }
    }
    let width = u32::try_from(pixels).ok()?;
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, width);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    let mut writer = encoder.write_header().ok()?;
    writer.write_image_data(&rows).ok()?;
    writer.finish().ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_pictures_show_the_same_code() {
        let text = "https://wa.me/15550100001?text=Yes";
        let (side, dark) = modules(text).unwrap();
        let bytes = png(text).unwrap();
        let decoder = png::Decoder::new(std::io::Cursor::new(&bytes));
        let mut reader = decoder.read_info().unwrap();
        let mut rows = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut rows).unwrap();
        assert_eq!(info.width as usize, side * MODULE_PIXELS);
        for (at, dark) in dark.iter().enumerate() {
            let (x, y) = (at % side * MODULE_PIXELS, at / side * MODULE_PIXELS);
            let byte = rows[y * info.line_size + x / 8];
            assert_eq!(byte & (0x80 >> (x % 8)) == 0, *dark, "{x} {y}");
        }
        let svg = svg(text).unwrap();
        let drawn: usize = svg
            .split("v1h-")
            .skip(1)
            .filter_map(|run| run.split_once('z')?.0.parse::<usize>().ok())
            .sum();
        assert_eq!(drawn, dark.iter().filter(|dark| **dark).count());
    }

    #[test]
    fn a_text_beyond_any_code_has_none() {
        assert!(svg(&"x".repeat(2_000)).is_some());
        assert!(svg(&"x".repeat(10_000)).is_none());
    }
}
