//! How each business's page looks, worked out once: logo, colours, and the policy that lets just these in.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use greenline_console::preference::Brand;
use greenline_console::preference::look::{Colour, Look};
use greenline_ledger::types::BusinessIx;
use http::HeaderValue;
use sha2::{Digest, Sha256};

use crate::config::{Business, Config};

/// Bytes of a logo's file at most: it goes into every page.
pub const LOGO_BYTES_MAX: usize = 128 << 10;

/// Every business's looks.
#[derive(Debug, Default)]
pub struct Brands(Vec<(Brand, HeaderValue)>);

/// What is wrong with a logo.
#[derive(Debug, thiserror::Error)]
pub enum LogoError {
    /// It cannot be read.
    #[error("`{path}` cannot be read: {source}")]
    Read {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// It is too large.
    #[error("`{0}` is larger than {LOGO_BYTES_MAX} bytes")]
    Large(String),
    /// It is no picture that pages can show.
    #[error("`{0}` is neither png, jpeg, webp nor svg")]
    Kind(String),
    /// An address without https.
    #[error("`{0}` is neither a file nor an https address")]
    Address(String),
}

/// What a page's `src` says.
///
/// # Errors
/// The file is not there, too large, or no picture.
pub fn logo(setting: &str) -> Result<String, LogoError> {
    if setting.is_empty() {
        return Ok(String::new());
    }
    if origin(setting).is_some() {
        return Ok(setting.to_owned());
    }
    if setting.contains("://") {
        return Err(LogoError::Address(setting.to_owned()));
    }
    let bytes = std::fs::read(Path::new(setting)).map_err(|source| LogoError::Read {
        path: setting.to_owned(),
        source,
    })?;
    if bytes.len() > LOGO_BYTES_MAX {
        return Err(LogoError::Large(setting.to_owned()));
    }
    let kind = kind(&bytes).ok_or_else(|| LogoError::Kind(setting.to_owned()))?;
    Ok(format!("data:{kind};base64,{}", STANDARD.encode(bytes)))
}

fn kind(bytes: &[u8]) -> Option<&'static str> {
    let start = String::from_utf8_lossy(bytes.get(..512).unwrap_or(bytes));
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [
            b'R',
            b'I',
            b'F',
            b'F',
            _,
            _,
            _,
            _,
            b'W',
            b'E',
            b'B',
            b'P',
            ..,
        ] => Some("image/webp"),
        _ if start.contains("<svg") => Some("image/svg+xml"),
        _ => None,
    }
}

/// The origin of an https address that can stand in a policy.
fn origin(address: &str) -> Option<&str> {
    let rest = address.strip_prefix("https://")?;
    let host = rest.split(['/', '?', '#']).next()?;
    let fits = !host.is_empty()
        && host
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':'));
    let all_fits = address
        .bytes()
        .all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\'' | b'<' | b'>'));
    (fits && all_fits).then(|| address.get(..8 + host.len()))?
}

/// No script, nothing from elsewhere but the logo, no framing; the one style sheet by its hash.
fn policy(look: &Look, logo: &str) -> String {
    let hash = STANDARD.encode(Sha256::digest(look.css().as_bytes()));
    let pictures = match origin(logo) {
        Some(origin) => origin,
        None if logo.is_empty() => "'none'",
        None => "data:",
    };
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; img-src {pictures}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
}

fn brand(business: &Business) -> Result<Brand, LogoError> {
    let page = &business.page;
    let numbers = business.number.iter().map(|number| &number.display_number);
    Ok(Brand {
        name: business.name.clone(),
        logo: logo(&page.logo)?,
        privacy_url: page.privacy_url.clone(),
        numbers: numbers
            .filter(|number| !number.is_empty())
            .cloned()
            .collect(),
        look: Colour::parse(&page.accent)
            .map(Look::new)
            .unwrap_or_default(),
    })
}

impl Brands {
    /// The looks of a configuration.
    ///
    /// # Errors
    /// A logo that cannot be used.
    pub fn new(config: &Config) -> Result<Self, LogoError> {
        let drawn = config.business.iter().map(|business| {
            let brand = brand(business)?;
            let policy = HeaderValue::from_str(&policy(&brand.look, &brand.logo))
                .unwrap_or(HeaderValue::from_static("default-src 'none'"));
            Ok((brand, policy))
        });
        drawn.collect::<Result<_, _>>().map(Self)
    }

    /// A business's.
    #[must_use]
    pub fn get(&self, business: BusinessIx) -> Option<&Brand> {
        self.0.get(business.0 as usize).map(|(brand, _)| brand)
    }

    /// The policy of a business's page, or of one that is nobody's.
    pub(crate) fn policy(&self, business: Option<BusinessIx>) -> HeaderValue {
        let own = business.and_then(|business| self.0.get(business.0 as usize));
        own.map(|(_, policy)| policy.clone())
            .or_else(|| HeaderValue::from_str(&policy(&Look::default(), "")).ok())
            .unwrap_or(HeaderValue::from_static("default-src 'none'"))
    }
}
