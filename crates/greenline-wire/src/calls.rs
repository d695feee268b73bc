//! Reading of a request to `/{number}/calls`.
//!
//! As strict as the reading of sends: ringing a person is a way to reach them.

use std::borrow::Cow;
use std::fmt;

use crate::send::{Body, RecipientType, check_addressee};
use crate::shy::Masked;
use crate::{ShapeError, form, strict};

/// A call request.
#[derive(Clone, PartialEq, Eq)]
pub enum Call<'a> {
    /// The business rings a person: needs a consent and a live call permission.
    Connect {
        /// `to` as sent.
        to: Option<Cow<'a, str>>,
        /// `recipient` as sent, a user id.
        recipient: Option<Cow<'a, str>>,
        /// `biz_opaque_callback_data`.
        biz_opaque_callback_data: Option<Cow<'a, str>>,
    },
    /// An act within a call that is already there.
    Other(CallAction),
}

/// An act within a call that is already there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallAction {
    /// `pre_accept`
    PreAccept,
    /// `accept`
    Accept,
    /// `reject`
    Reject,
    /// `terminate`
    Terminate,
}

/// Reads a JSON body.
pub fn parse_json(body: &[u8]) -> Result<Call<'_>, ShapeError> {
    parse_query("", Body::Json(body))
}

/// Reads a form-encoded body.
pub fn parse_form(body: &[u8]) -> Result<Call<'_>, ShapeError> {
    parse_query("", Body::Form(body))
}

/// Reads a body together with the query string (without `?`); the two must not disagree.
pub fn parse_query<'a>(query: &str, body: Body<'a>) -> Result<Call<'a>, ShapeError> {
    let mut members = match body {
        Body::Json(json) => from_json(json)?,
        Body::Form(form) => from_pairs(form::pairs(form)?)?,
        Body::Empty => Members::default(),
    };
    for (name, value) in from_pairs(form::pairs(query.as_bytes())?)?.0 {
        match members.get(name) {
            None => members.0.push((name, Cow::Owned(value.into_owned()))),
            Some(same) if *same == value => {}
            Some(_) => {
                return Err(ShapeError::new(format!(
                    "`{name}` differs between the query string and the body"
                )));
            }
        }
    }
    judge(members)
}

const JUDGED: [&str; 7] = [
    "to",
    "recipient",
    "action",
    "biz_opaque_callback_data",
    "messaging_product",
    "method",
    "batch",
];

/// The judged members, each once.
#[derive(Default)]
struct Members<'a>(Vec<(&'static str, Cow<'a, str>)>);

impl<'a> Members<'a> {
    fn get(&self, name: &str) -> Option<&Cow<'a, str>> {
        self.0
            .iter()
            .find(|(member, _)| *member == name)
            .map(|(_, value)| value)
    }
}

fn from_json(json: &[u8]) -> Result<Members<'_>, ShapeError> {
    let tape = strict::tape(json)?;
    let object = tape.root();
    strict::exact_names(&object, &JUDGED)?;
    let mut members = Members::default();
    for name in JUDGED {
        if let Some(value) = strict::only_text(&object, name)? {
            members.0.push((name, value));
        }
    }
    Ok(members)
}

fn from_pairs<'a>(pairs: impl Iterator<Item = form::Pair<'a>>) -> Result<Members<'a>, ShapeError> {
    let mut members = Members::default();
    for (name, value) in pairs {
        strict::exact_name(&name, &JUDGED)?;
        let Some(name) = JUDGED.into_iter().find(|judged| *judged == name) else {
            continue;
        };
        if members.get(name).is_some() {
            return Err(ShapeError::new(format!("`{name}` is given twice")));
        }
        members.0.push((name, value));
    }
    Ok(members)
}

fn judge(members: Members<'_>) -> Result<Call<'_>, ShapeError> {
    let product = members.get("messaging_product");
    if product.is_some_and(|product| product != "whatsapp") {
        return Err(ShapeError::new("`messaging_product` must be `whatsapp`"));
    }
    let method = members.get("method");
    if method.is_some_and(|method| !method.eq_ignore_ascii_case("post")) {
        return Err(ShapeError::new("`method` of a call must be `post`"));
    }
    if members.get("batch").is_some() {
        return Err(ShapeError::new(
            "`batch` belongs in a `POST /`, not in a call",
        ));
    }
    let action = match members.get("action").map(|action| &**action) {
        Some("connect") => return connect(members),
        Some("pre_accept") => CallAction::PreAccept,
        Some("accept") => CallAction::Accept,
        Some("reject") => CallAction::Reject,
        Some("terminate") => CallAction::Terminate,
        Some(_) => return Err(ShapeError::new("`action` is not known")),
        None => return Err(ShapeError::new("`action` is missing")),
    };
    Ok(Call::Other(action))
}

fn connect(members: Members<'_>) -> Result<Call<'_>, ShapeError> {
    let (mut to, mut recipient, mut biz_opaque_callback_data) = (None, None, None);
    for (name, value) in members.0 {
        match name {
            "to" => to = Some(value),
            "recipient" => recipient = Some(value),
            "biz_opaque_callback_data" => biz_opaque_callback_data = Some(value),
            _ => {}
        }
    }
    if to.is_none() && recipient.is_none() {
        return Err(ShapeError::new("neither `to` nor `recipient` is given"));
    }
    for (name, text) in [("to", &to), ("recipient", &recipient)] {
        if let Some(text) = text {
            check_addressee(name, text, RecipientType::Individual)?;
        }
    }
    Ok(Call::Connect {
        to,
        recipient,
        biz_opaque_callback_data,
    })
}

impl fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Call::Connect { to, recipient, .. } => f
                .debug_struct("Connect")
                .field("to", &to.as_deref().map(Masked))
                .field("recipient", &recipient.as_deref().map(Masked))
                .finish_non_exhaustive(),
            Call::Other(action) => f.debug_tuple("Other").field(action).finish(),
        }
    }
}
