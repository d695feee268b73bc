//! Which Graph edge a request means, and what it takes to use it.
//!
//! The path is decoded once and refused where two readers could differ on it.
//! Reads pass freely; writes go by a list of edges that can neither reach a
//! person nor reroute traffic; what is not listed is refused. Who owns an id is
//! for the caller to check.

use std::borrow::Cow;

use http::Method;

use crate::ShapeError;

mod edges;
mod parameters;

pub use edges::{DEEPER_SAFE, EdgeRule, SAFE, TRUSTED};
pub(crate) use parameters::known_method;
pub use parameters::{IDS_MAX, OVERRIDE_HEADERS, asks_for_token, ids, methods};

/// What a path names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edge<'a> {
    /// `/{number}/messages`
    Messages {
        /// The phone number id.
        number: Cow<'a, str>,
    },
    /// `/{number}/marketing_messages`
    MarketingMessages {
        /// The phone number id.
        number: Cow<'a, str>,
    },
    /// `/{number}/calls`
    Calls {
        /// The phone number id.
        number: Cow<'a, str>,
    },
    /// `/`: a batch when posted, a read of several nodes (`?ids=`) otherwise.
    Batch,
    /// `/{id}`
    Node {
        /// The id.
        id: Cow<'a, str>,
    },
    /// `/{id}/{edge}`
    NodeEdge {
        /// The id.
        id: Cow<'a, str>,
        /// The edge, lower case.
        edge: Cow<'a, str>,
    },
    /// `/{id}/{edge}/{…}`
    Deeper {
        /// The id.
        id: Cow<'a, str>,
        /// The edge, lower case.
        edge: Cow<'a, str>,
        /// What follows, joined by slashes.
        rest: Cow<'a, str>,
    },
    /// `/upload:{session}`: bytes of a resumable upload.
    Upload {
        /// The whole segment.
        session: Cow<'a, str>,
    },
    /// `/oauth/…`, `/debug_token` and their kind: they deal in tokens.
    Tokens,
}

impl Edge<'_> {
    /// The id whose owner has to be checked, where the path names one.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        match self {
            Edge::Messages { number }
            | Edge::MarketingMessages { number }
            | Edge::Calls { number } => Some(number),
            Edge::Node { id } | Edge::NodeEdge { id, .. } | Edge::Deeper { id, .. } => Some(id),
            Edge::Batch | Edge::Upload { .. } | Edge::Tokens => None,
        }
    }
}

/// What it takes to use an edge, from the freest to the strictest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Passes.
    Read,
    /// A write that can neither reach a person nor reroute traffic: passes.
    WriteSafe,
    /// Can reach a person: decided by the send path.
    Gated,
    /// Needs an app marked `trusted`.
    WriteTrusted,
    /// Not on the list: refused with code 100.
    WriteUnlisted,
}

/// What a bare id stands for, where the caller knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeKind {
    /// A phone number.
    Number,
    /// An account (WABA).
    Account,
    /// A template.
    Template,
    /// A Flow.
    Flow,
    /// A media file.
    Media,
    /// A QR code, catalog or other asset that holds no traffic.
    Asset,
    /// Not known.
    Unknown,
}

/// A path taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GraphPath<'a> {
    /// `v23.0`, where the path begins with a version.
    pub version: Option<Cow<'a, str>>,
    /// What it names.
    pub edge: Edge<'a>,
}

/// Paths are at most this long.
pub const PATH_BYTES_MAX: usize = 2048;

/// Takes the path of a request apart (without query string).
pub fn classify(path: &str) -> Result<GraphPath<'_>, ShapeError> {
    let mut segments = segments(decode(path)?)?.into_iter().peekable();
    let version = segments.next_if(|segment| is_version(segment));
    let Some(first) = segments.next() else {
        return Ok(GraphPath {
            version,
            edge: Edge::Batch,
        });
    };
    let second = segments.next();
    let rest: Vec<_> = segments.collect();
    let edge = if edges::TOKENS
        .iter()
        .any(|word| first.eq_ignore_ascii_case(word))
    {
        Edge::Tokens
    } else if let Some(second) = second {
        node_edge(first, second, &rest)
    } else if first.starts_with("upload:") {
        Edge::Upload { session: first }
    } else {
        Edge::Node { id: first }
    };
    Ok(GraphPath { version, edge })
}

fn node_edge<'a>(id: Cow<'a, str>, edge: Cow<'a, str>, rest: &[Cow<'a, str>]) -> Edge<'a> {
    let edge = if edge.bytes().any(|b| b.is_ascii_uppercase()) {
        Cow::Owned(edge.to_ascii_lowercase())
    } else {
        edge
    };
    match (&*edge, rest) {
        ("messages", []) => Edge::Messages { number: id },
        ("marketing_messages", []) => Edge::MarketingMessages { number: id },
        ("calls", []) => Edge::Calls { number: id },
        (_, []) => Edge::NodeEdge { id, edge },
        (_, rest) => Edge::Deeper {
            id,
            edge,
            rest: Cow::Owned(rest.join("/")),
        },
    }
}

/// Decodes `%XX` once. What could be read as structure after a second decoding, or
/// by a reader with other rules, is refused.
fn decode(path: &str) -> Result<Cow<'_, str>, ShapeError> {
    if path.len() > PATH_BYTES_MAX {
        return Err(ShapeError::new("the path is too long"));
    }
    let strange = || ShapeError::new("the path holds a character that no Graph path has");
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_-.:=,~+@".contains(&b);
    if path.bytes().all(|b| plain(b) || b == b'/') {
        return Ok(Cow::Borrowed(path));
    }
    let mut decoded = String::with_capacity(path.len());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        let byte = match byte {
            b'/' => {
                decoded.push('/');
                continue;
            }
            b'%' => {
                let mut digit = || bytes.next().and_then(|b| char::from(b).to_digit(16));
                let (high, low) = (digit().ok_or_else(strange)?, digit().ok_or_else(strange)?);
                u8::try_from(high * 16 + low).map_err(|_| strange())?
            }
            byte => byte,
        };
        if !plain(byte) {
            return Err(strange());
        }
        decoded.push(char::from(byte));
    }
    Ok(Cow::Owned(decoded))
}

/// The parts between slashes; one slash at the end is forgiven.
fn segments(path: Cow<'_, str>) -> Result<Vec<Cow<'_, str>>, ShapeError> {
    let parts: Vec<Cow<'_, str>> = match path {
        Cow::Borrowed(path) => path.split('/').map(Cow::Borrowed).collect(),
        Cow::Owned(path) => path
            .split('/')
            .map(|part| Cow::Owned(part.to_owned()))
            .collect(),
    };
    let mut parts = parts.into_iter();
    let first = parts.next();
    let mut parts: Vec<_> = parts.collect();
    if first.is_none_or(|first| !first.is_empty()) || parts.is_empty() {
        return Err(ShapeError::new("the path must begin with a slash"));
    }
    if parts.last().is_some_and(|last| last.is_empty()) {
        parts.pop();
    }
    if parts.iter().any(|part| part.is_empty()) {
        return Err(ShapeError::new("the path holds an empty part"));
    }
    if parts.iter().any(|part| part.bytes().all(|b| b == b'.')) {
        return Err(ShapeError::new("the path holds a part of dots only"));
    }
    Ok(parts)
}

/// `v23.0`, `v23`
fn is_version(segment: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    segment.strip_prefix('v').is_some_and(|number| {
        let (major, minor) = number.split_once('.').unwrap_or((number, "0"));
        digits(major) && digits(minor)
    })
}

/// What it takes to use an edge with one method.
///
/// A bare node says nothing about what it is, so a write to one needs a trusted
/// app; a caller who knows what the id stands for asks [`node_access`]. A posted
/// batch is gated: its items are judged one by one.
#[must_use]
pub fn access(method: &Method, edge: &Edge<'_>) -> Access {
    let write = Write::of(method);
    match (edge, write) {
        (Edge::Tokens, _) => Access::WriteTrusted,
        (Edge::NodeEdge { edge, .. }, None) if edges::TOKEN_EDGES.contains(&&**edge) => {
            Access::WriteTrusted
        }
        (_, None) => Access::Read,
        (
            Edge::Messages { .. }
            | Edge::MarketingMessages { .. }
            | Edge::Calls { .. }
            | Edge::Batch,
            Some(Write::Post),
        ) => Access::Gated,
        (Edge::Upload { .. }, Some(Write::Post)) => Access::WriteSafe,
        (Edge::Node { id }, Some(_)) => {
            if is_number(id) {
                node_access(method, NodeKind::Unknown)
            } else {
                Access::WriteUnlisted
            }
        }
        (Edge::NodeEdge { edge, .. }, Some(write)) => edges::access(write, edge, false),
        (Edge::Deeper { edge, .. }, Some(write)) => edges::access(write, edge, true),
        _ => Access::WriteUnlisted,
    }
}

/// What it takes to use a bare node that is known to be of a kind.
#[must_use]
pub fn node_access(method: &Method, kind: NodeKind) -> Access {
    let Some(write) = Write::of(method) else {
        return Access::Read;
    };
    match (kind, write) {
        (_, Write::Other) => Access::WriteUnlisted,
        (NodeKind::Template | NodeKind::Flow | NodeKind::Asset, _)
        | (NodeKind::Media, Write::Delete) => Access::WriteSafe,
        // A post to a number sets its PIN or its callback, one to an account its owner's settings.
        (NodeKind::Number | NodeKind::Account, Write::Post) | (NodeKind::Unknown, _) => {
            Access::WriteTrusted
        }
        (NodeKind::Number | NodeKind::Account, Write::Delete) | (NodeKind::Media, Write::Post) => {
            Access::WriteUnlisted
        }
    }
}

/// The strictest of what several methods take.
#[must_use]
pub fn strictest(methods: &[Method], of: impl Fn(&Method) -> Access) -> Access {
    methods
        .iter()
        .map(of)
        .max()
        .unwrap_or(Access::WriteUnlisted)
}

/// A method that writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Write {
    Post,
    Delete,
    Other,
}

impl Write {
    fn of(method: &Method) -> Option<Self> {
        match *method {
            Method::GET | Method::HEAD | Method::OPTIONS => None,
            Method::POST => Some(Self::Post),
            Method::DELETE => Some(Self::Delete),
            _ => Some(Self::Other),
        }
    }
}

fn is_number(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit())
}
