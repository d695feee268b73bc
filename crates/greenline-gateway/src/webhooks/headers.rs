//! Which of the platform's headers go on to the apps.

use http::HeaderMap;

/// Headers kept of one delivery at most.
const HEADERS_MAX: usize = 32;
/// Bytes of them at most.
const HEADER_BYTES_MAX: usize = 8 * 1024;

/// Not handed on: what belongs to one connection, what proxies before us add, what would vouch with a
/// secret that is not the app's, and what could carry one.
const DROPPED: [&str; 23] = [
    "accept-encoding",
    "authorization",
    "connection",
    "content-length",
    "cookie",
    "expect",
    "forwarded",
    "greenline-delivery",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-forwarded-for",
    "x-hub-signature",
    "x-hub-signature-256",
    "x-real-ip",
    "x-request-id",
];

/// The headers to hand on, in order.
pub(super) fn handed_on(headers: &HeaderMap) -> Vec<(Box<str>, Box<str>)> {
    let mut bytes = 0;
    headers
        .iter()
        .filter(|(name, _)| {
            !DROPPED.contains(&name.as_str()) && !name.as_str().starts_with("x-forwarded-")
        })
        .filter_map(|(name, value)| Some((name.as_str().into(), value.to_str().ok()?.into())))
        .take_while(|(name, value): &(Box<str>, Box<str>)| {
            bytes += name.len() + value.len();
            bytes <= HEADER_BYTES_MAX
        })
        .take(HEADERS_MAX)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    #[test]
    fn the_platforms_headers_go_on_and_secrets_do_not() {
        let given = [
            ("content-type", "application/json"),
            ("user-agent", "facebookexternalua"),
            ("x-hub-signature", "sha1=00"),
            ("x-hub-signature-256", "sha256=00"),
            ("host", "wa.example"),
            ("content-length", "2"),
            ("x-forwarded-proto", "https"),
            ("cookie", "a=b"),
            ("x-fb-something", "1"),
        ];
        let headers = given
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .collect();
        let kept = handed_on(&headers);
        let names: Vec<&str> = kept.iter().map(|(name, _)| &**name).collect();
        assert_eq!(names, ["content-type", "user-agent", "x-fb-something"]);
    }

    #[test]
    fn a_flood_of_headers_is_bounded() {
        let mut headers = HeaderMap::new();
        for place in 0..500 {
            let name = HeaderName::try_from(format!("x-many-{place}")).unwrap();
            headers.insert(
                name,
                HeaderValue::from_static("some value that takes its room"),
            );
        }
        assert_eq!(handed_on(&headers).len(), HEADERS_MAX);
    }
}
