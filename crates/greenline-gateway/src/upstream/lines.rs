//! Headers of an answer as they came: named and bounded, never copied into a map.
//!
//! Most answers are read only to be written out again. What belongs to one connection is left out when they are
//! read; everything else goes on as it stands.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use smallvec::SmallVec;

/// What belongs to one connection, or is set anew.
const LEFT_OUT: [HeaderName; 4] = [
    header::CONNECTION,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::CONTENT_LENGTH,
];

/// Where a line's name and its value stand.
type Place = [(u32, u32); 2];

/// The headers of an answer.
#[derive(Clone, Debug)]
pub(crate) enum Lines {
    /// In a map.
    Map(HeaderMap),
    /// As they came.
    Raw(Box<Raw>),
}

/// Headers as they came, and some of our own.
#[derive(Clone, Debug)]
pub(crate) struct Raw {
    head: Bytes,
    places: SmallVec<[Place; 16]>,
    own: SmallVec<[(&'static str, HeaderValue); 2]>,
}

/// Whether a header stays with the connection it came over.
pub(super) fn is_left_out(name: &str) -> bool {
    let is = |other: &str| name.eq_ignore_ascii_case(other);
    LEFT_OUT.iter().any(|other| is(other.as_str())) || is("keep-alive")
}

/// Headers that were found in a head: where each one's name and value stand.
pub(super) fn raw(head: Bytes, places: SmallVec<[Place; 16]>) -> Lines {
    Lines::Raw(Box::new(Raw {
        head,
        places,
        own: SmallVec::new(),
    }))
}

impl Default for Lines {
    fn default() -> Self {
        Self::Map(HeaderMap::new())
    }
}

impl Raw {
    fn text(&self, (from, to): (u32, u32)) -> &[u8] {
        self.head
            .get(from as usize..to as usize)
            .unwrap_or_default()
    }
}

impl Lines {
    /// Sets one of our own headers, whatever was there under its name.
    pub(crate) fn set(&mut self, name: &'static str, value: HeaderValue) {
        match self {
            Self::Map(map) => {
                map.insert(HeaderName::from_static(name), value);
            }
            Self::Raw(raw) => {
                let Raw { head, places, own } = &mut **raw;
                places.retain(|[(from, to), _]| {
                    let there = head.get(*from as usize..*to as usize);
                    !there.is_some_and(|there| there.eq_ignore_ascii_case(name.as_bytes()))
                });
                own.push((name, value));
            }
        }
    }

    /// Whether a header is there; its name in lower case.
    pub(crate) fn has(&self, name: &str) -> bool {
        match self {
            Self::Map(map) => map.contains_key(name),
            Self::Raw(raw) => {
                let mut places = raw.places.iter();
                places.any(|[place, _]| raw.text(*place).eq_ignore_ascii_case(name.as_bytes()))
                    || raw.own.iter().any(|(own, _)| *own == name)
            }
        }
    }

    /// Hands each header to `line`.
    pub(crate) fn each(&self, mut line: impl FnMut(&[u8], &[u8])) {
        match self {
            Self::Map(map) => {
                for (name, value) in map {
                    line(name.as_str().as_bytes(), value.as_bytes());
                }
            }
            Self::Raw(raw) => {
                for [name, value] in &raw.places {
                    line(raw.text(*name), raw.text(*value));
                }
                for (name, value) in &raw.own {
                    line(name.as_bytes(), value.as_bytes());
                }
            }
        }
    }

    /// Without what belongs to one connection; of headers as they came that was never taken.
    pub(crate) fn without_connection(self) -> Self {
        match self {
            Self::Map(map) => Self::Map(crate::pass::answer_headers(map)),
            raw @ Self::Raw(_) => raw,
        }
    }

    /// In a map.
    pub(crate) fn into_map(self) -> HeaderMap {
        if let Self::Map(map) = self {
            return map;
        }
        let mut map = HeaderMap::new();
        self.each(|name, value| {
            if let (Ok(name), Ok(value)) =
                (HeaderName::from_bytes(name), HeaderValue::from_bytes(value))
            {
                map.append(name, value);
            }
        });
        map
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines() -> Lines {
        let head = Bytes::from_static(b"Date: today\r\nX-One: 1\r\nGreenline-Decision: theirs\r\n");
        let places = [
            [(0, 4), (6, 11)],
            [(13, 18), (20, 21)],
            [(23, 41), (43, 49)],
        ];
        raw(head, SmallVec::from_iter(places))
    }

    #[test]
    fn our_own_takes_the_place_of_what_came_under_its_name() {
        let mut lines = lines();
        lines.set("greenline-decision", HeaderValue::from_static("ours"));
        let map = lines.clone().into_map();
        assert_eq!(map.len(), 3);
        assert_eq!(map["greenline-decision"], "ours");
        assert_eq!(
            (&map["x-one"], &map["date"]),
            (&"1".parse().unwrap(), &"today".parse().unwrap())
        );
        assert!(lines.has("date") && lines.has("greenline-decision") && !lines.has("x-two"));
    }

    #[test]
    fn what_belongs_to_a_connection_is_known_in_any_case() {
        for name in [
            "Connection",
            "KEEP-ALIVE",
            "transfer-encoding",
            "Upgrade",
            "Content-Length",
        ] {
            assert!(is_left_out(name), "{name}");
        }
        assert!(!is_left_out("date"));
    }
}
