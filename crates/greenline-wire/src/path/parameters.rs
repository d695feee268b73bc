//! Parameters that change what a path means: method overrides and further ids.

use http::Method;

use crate::json::Tape;
use crate::send::Body;
use crate::{ShapeError, form, strict};

/// One read asks for at most this many nodes (`?ids=`).
pub const IDS_MAX: usize = 50;

/// A method by its name, in any case.
pub(crate) fn known_method(text: &str) -> Option<Method> {
    const KNOWN: [Method; 6] = [
        Method::GET,
        Method::POST,
        Method::DELETE,
        Method::PUT,
        Method::PATCH,
        Method::HEAD,
    ];
    KNOWN
        .into_iter()
        .find(|method| method.as_str().eq_ignore_ascii_case(text))
}

/// Headers that override a method somewhere; a request with one is judged by it too.
pub const OVERRIDE_HEADERS: [&str; 3] = [
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
];

const METHOD: &str = "method";
const BATCH: &str = "batch";

/// All methods a request may be carried out with: its own, and every override
/// (`method=…` in query or body, one of [`OVERRIDE_HEADERS`]).
///
/// Judge by the [`strictest`](super::strictest): whether the platform heeds an override is
/// not ours to guess. For the same reason `batch` is refused here: a batch is read by
/// [`crate::batch`], and anywhere else it would carry requests past their judgement.
pub fn methods(
    method: &Method,
    query: &str,
    override_header: Option<&str>,
    body: Body<'_>,
) -> Result<Vec<Method>, ShapeError> {
    let mut all = vec![method.clone()];
    if let Some(header) = override_header {
        add(&mut all, header)?;
    }
    let form = match body {
        Body::Form(form) => form,
        Body::Json(_) | Body::Empty => &[],
    };
    for (name, value) in form::pairs(query.as_bytes())?.chain(form::pairs(form)?) {
        strict::exact_name(&name, &[METHOD, BATCH])?;
        match &*name {
            METHOD => add(&mut all, &value)?,
            BATCH => return Err(batch_elsewhere()),
            _ => {}
        }
    }
    if let Body::Json(json) = body
        && may_name(json, &[METHOD, BATCH])
        && let Some(tape) = Tape::of(json)
        && let Some(object) = tape.object()
    {
        strict::exact_names(&object, &[METHOD, BATCH])?;
        if let Some(text) = strict::only_text(&object, METHOD)? {
            add(&mut all, &text)?;
        }
        if object.has(BATCH) {
            return Err(batch_elsewhere());
        }
    }
    Ok(all)
}

fn add(all: &mut Vec<Method>, text: &str) -> Result<(), ShapeError> {
    let method = known_method(text.trim())
        .ok_or_else(|| ShapeError::new("the method override is not known"))?;
    if !all.contains(&method) {
        all.push(method);
    }
    Ok(())
}

fn batch_elsewhere() -> ShapeError {
    ShapeError::new("`batch` is taken only by a `POST /`")
}

/// Whether a JSON text could hold a member of one of these names, or of one that looks
/// like it. Nearly every body does not, and this is cheaper than reading it.
fn may_name(json: &[u8], names: &[&str]) -> bool {
    let escaped = json.contains(&b'\\') && json.windows(2).any(|pair| pair == b"\\u");
    escaped
        || json.split(|b| *b == b'"').any(|piece| {
            let piece = piece.trim_ascii_start();
            names.iter().any(|name| {
                let start = piece.get(..name.len());
                start.is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes()))
            })
        })
}

/// The ids a read asks for beside its path (`?ids=a,b`, `?id=a`); empty where there are none.
pub fn ids(query: &str) -> Result<Vec<String>, ShapeError> {
    let mut all = Vec::new();
    for (name, value) in form::pairs(query.as_bytes())? {
        strict::exact_name(&name, &["ids", "id"])?;
        if name != "ids" && name != "id" {
            continue;
        }
        for id in value.split(',').map(str::trim) {
            if id.is_empty() || all.len() == IDS_MAX {
                return Err(ShapeError::new(format!(
                    "`{name}` must name between 1 and {IDS_MAX} nodes"
                )));
            }
            all.push(id.to_owned());
        }
    }
    Ok(all)
}

/// Whether a read asks for somebody's token (`?fields=access_token`); only a trusted app may.
#[must_use]
pub fn asks_for_token(query: &str) -> bool {
    form_urlencoded::parse(query.as_bytes()).any(|(name, value)| {
        name.to_ascii_lowercase().contains("fields")
            && value.to_ascii_lowercase().contains("access_token")
    })
}
