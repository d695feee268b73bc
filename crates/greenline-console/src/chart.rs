//! Bars, drawn as SVG beside their numbers: the numbers are the content, the bars are decoration.

/// Width of a full bar in the drawing's own units.
const FULL: f64 = 100.0;
/// A count that is not zero is never invisible.
const LEAST: f64 = 0.8;

/// The width of a bar for `count` out of `most`, from 0 to 100.
pub(crate) fn bar_width(count: u64, most: u64) -> String {
    if count == 0 || most == 0 {
        return "0".to_owned();
    }
    #[expect(clippy::cast_precision_loss, reason = "a bar's width")]
    let width = (count as f64 / most as f64 * FULL).max(LEAST);
    format!("{width:.1}")
}

/// A count with thin spaces between groups of three digits.
#[must_use]
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 * 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{bar_width, grouped};

    #[test]
    fn bars_are_visible_and_bounded() {
        assert_eq!(bar_width(0, 10), "0");
        assert_eq!(bar_width(10, 10), "100.0");
        assert_eq!(bar_width(1, 1_000_000), "0.8");
    }

    #[test]
    fn counts_are_grouped() {
        assert_eq!(grouped(7), "7");
        assert_eq!(grouped(1_234_567), "1\u{202f}234\u{202f}567");
    }
}
