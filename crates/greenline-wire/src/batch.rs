//! Graph batch calls: several requests in one `POST /`.
//!
//! Each item is judged as if it had come alone. References from one item into
//! the answer of another (`{result=…}`) are refused: what they will say is not
//! known when the item is judged.

use std::borrow::Cow;

use http::Method;
use serde_json::value::RawValue;

use crate::json::Json;
use crate::send::Body;
use crate::shy::shy_debug;
use crate::strict::{self, check_nesting};
use crate::{ShapeError, ascii, form};

/// The platform takes at most this many requests in one batch.
pub const BATCH_ITEMS_MAX: usize = 50;

/// A batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch<'a> {
    /// Its items, in order.
    pub items: Vec<BatchItem<'a>>,
    /// Whether the answers carry their headers.
    pub include_headers: bool,
}

/// One request of a batch.
#[derive(Clone, PartialEq, Eq)]
pub struct BatchItem<'a> {
    /// The method, upper case.
    pub method: Method,
    /// Path and query, with or without a leading slash.
    pub relative_url: Cow<'a, str>,
    /// The body as sent, form-encoded unless a header says JSON.
    pub body: Option<Cow<'a, str>>,
    /// Headers of this item.
    pub headers: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// Its name.
    pub name: Option<Cow<'a, str>>,
    /// The item it waits for.
    pub depends_on: Option<Cow<'a, str>>,
    /// Whether files of the outer request belong to it.
    pub attached_files: bool,
    /// Whether its answer is left out when it succeeds; the platform's default is
    /// to leave it out for items others depend on.
    pub omit_response_on_success: Option<bool>,
}

impl BatchItem<'_> {
    /// The same, owning its text.
    #[must_use]
    pub fn into_owned(self) -> BatchItem<'static> {
        fn own(text: Cow<'_, str>) -> Cow<'static, str> {
            Cow::Owned(text.into_owned())
        }
        BatchItem {
            method: self.method,
            relative_url: own(self.relative_url),
            body: self.body.map(own),
            headers: self
                .headers
                .into_iter()
                .map(|(name, value)| (own(name), own(value)))
                .collect(),
            name: self.name.map(own),
            depends_on: self.depends_on.map(own),
            attached_files: self.attached_files,
            omit_response_on_success: self.omit_response_on_success,
        }
    }

    /// The path of `relative_url`, with exactly one leading slash, still encoded.
    #[must_use]
    pub fn path(&self) -> String {
        let path = self.relative_url.split('?').next().unwrap_or_default();
        format!("/{}", path.strip_prefix('/').unwrap_or(path))
    }

    /// The query of `relative_url`, without `?`; empty where there is none.
    #[must_use]
    pub fn query(&self) -> &str {
        self.relative_url
            .split_once('?')
            .map_or("", |(_, query)| query)
    }

    /// The body, ready to be read as a send or a call.
    #[must_use]
    pub fn content(&self) -> Body<'_> {
        match self.body.as_deref() {
            None => Body::Empty,
            Some(body) if self.says_json() => Body::Json(body.as_bytes()),
            Some(body) => Body::Form(body.as_bytes()),
        }
    }

    fn says_json(&self) -> bool {
        self.headers.iter().any(|(name, value)| {
            name.eq_ignore_ascii_case("content-type") && value.to_ascii_lowercase().contains("json")
        })
    }
}

/// One answer of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchAnswer<'a> {
    /// The HTTP status.
    pub code: u16,
    /// Headers, written only when the batch asks for them.
    pub headers: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// The body, which becomes a JSON text.
    pub body: Cow<'a, str>,
}

/// Reads a batch from the body of `POST /`, or from its query string.
pub fn parse<'a>(query: &'a str, body: Body<'a>) -> Result<Batch<'a>, ShapeError> {
    let mut found = Outer::default();
    match body {
        Body::Json(json) => found.take_json(json)?,
        Body::Form(form) => found.take_pairs(form::pairs(form)?)?,
        Body::Empty => {}
    }
    found.take_pairs(form::pairs(query.as_bytes())?)?;
    let items = match found.batch {
        None => return Err(ShapeError::new("`batch` is missing")),
        Some(Cow::Borrowed(json)) => items(json)?,
        Some(Cow::Owned(json)) => items(&json)?
            .into_iter()
            .map(BatchItem::into_owned)
            .collect(),
    };
    Ok(Batch {
        items,
        include_headers: found.include_headers.unwrap_or(true),
    })
}

const OUTER: [&str; 3] = ["batch", "include_headers", "method"];

/// The judged parameters around the items.
#[derive(Default)]
struct Outer<'a> {
    /// The items, a JSON text.
    batch: Option<Cow<'a, str>>,
    include_headers: Option<bool>,
}

impl<'a> Outer<'a> {
    fn take_json(&mut self, json: &'a [u8]) -> Result<(), ShapeError> {
        let tape = strict::tape(json)?;
        let object = tape.root();
        strict::exact_names(&object, &OUTER)?;
        for name in OUTER {
            let Some(raw) = strict::only(&object, name)? else {
                continue;
            };
            // The items are an array, or, as in a form, a text that holds one.
            let value = if raw.raw().starts_with('[') {
                Cow::Borrowed(raw.raw())
            } else {
                raw.as_text()
                    .ok_or_else(|| ShapeError::new(format!("`{name}` cannot be read")))?
            };
            self.take(name, value)?;
        }
        Ok(())
    }

    fn take_pairs(
        &mut self,
        pairs: impl Iterator<Item = form::Pair<'a>>,
    ) -> Result<(), ShapeError> {
        for (name, value) in pairs {
            strict::exact_name(&name, &OUTER)?;
            if let Some(name) = OUTER.into_iter().find(|known| *known == name) {
                self.take(name, value)?;
            }
        }
        Ok(())
    }

    fn take(&mut self, name: &'static str, value: Cow<'a, str>) -> Result<(), ShapeError> {
        let twice = || ShapeError::new(format!("`{name}` is given twice"));
        match name {
            "batch" if self.batch.is_some() => return Err(twice()),
            "batch" => self.batch = Some(value),
            "include_headers" if self.include_headers.is_some() => return Err(twice()),
            "include_headers" => {
                self.include_headers = Some(!matches!(&*value, "false" | "0" | ""));
            }
            _ if value.eq_ignore_ascii_case("post") => {}
            _ => return Err(ShapeError::new("`method` of a batch must be `post`")),
        }
        Ok(())
    }
}

fn items(json: &str) -> Result<Vec<BatchItem<'_>>, ShapeError> {
    check_nesting(json.as_bytes())?;
    let raw: Vec<&RawValue> = serde_json::from_str(json)
        .map_err(|_| ShapeError::new("`batch` must be a JSON array of requests"))?;
    if raw.is_empty() {
        return Err(ShapeError::new("`batch` is empty"));
    }
    if raw.len() > BATCH_ITEMS_MAX {
        return Err(ShapeError::new(format!(
            "`batch` holds more than {BATCH_ITEMS_MAX} requests"
        )));
    }
    raw.into_iter()
        .enumerate()
        .map(|(index, raw)| {
            item(raw.get())
                .map_err(|error| ShapeError::new(format!("request {index} of the batch: {error}")))
        })
        .collect()
}

const INNER: [&str; 8] = [
    "method",
    "relative_url",
    "body",
    "headers",
    "name",
    "depends_on",
    "attached_files",
    "omit_response_on_success",
];

fn item(json: &str) -> Result<BatchItem<'_>, ShapeError> {
    let tape =
        strict::tape(json.as_bytes()).map_err(|_| ShapeError::new("it must be a JSON object"))?;
    let object = tape.root();
    strict::exact_names(&object, &INNER)?;
    let method = match strict::only_text(&object, "method")? {
        Some(method) => parse_method(&method)?,
        None => return Err(ShapeError::new("`method` is missing")),
    };
    let relative_url = strict::only_text(&object, "relative_url")?
        .ok_or_else(|| ShapeError::new("`relative_url` is missing"))?;
    let body = strict::only_text(&object, "body")?;
    for (name, text) in [
        ("relative_url", Some(&relative_url)),
        ("body", body.as_ref()),
    ] {
        if text.is_some_and(|text| refers(text)) {
            return Err(ShapeError::new(format!(
                "`{name}` takes a value from another request's result, which cannot be judged"
            )));
        }
    }
    let item = BatchItem {
        method,
        relative_url,
        body,
        headers: headers(&object)?,
        name: strict::only_text(&object, "name")?,
        depends_on: strict::only_text(&object, "depends_on")?,
        attached_files: strict::only(&object, "attached_files")?.is_some(),
        omit_response_on_success: strict::only(&object, "omit_response_on_success")?
            .map(|given| given.raw() != "false"),
    };
    if item.method == Method::POST && item.path() == "/" {
        return Err(ShapeError::new("a batch cannot hold another batch"));
    }
    Ok(item)
}

fn parse_method(text: &str) -> Result<Method, ShapeError> {
    crate::path::known_method(text)
        .ok_or_else(|| ShapeError::new("`method` must be `GET`, `POST`, `PUT` or `DELETE`"))
}

/// Whether a text refers to another item's result, encoded or not.
///
/// The platform puts the result in before it reads the parameters, so that any
/// reference could bring in a whole parameter, not only the value it stands in.
fn refers(text: &str) -> bool {
    const MARKS: [&str; 2] = ["{result", "%7bresult"];
    let lower = text.to_ascii_lowercase();
    let decoded = form_urlencoded::parse(lower.as_bytes())
        .any(|(name, value)| MARKS.iter().any(|m| name.contains(m) || value.contains(m)));
    decoded || MARKS.iter().any(|mark| lower.contains(mark))
}

fn headers<'a>(object: &Json<'_, 'a>) -> Result<Vec<form::Pair<'a>>, ShapeError> {
    let unreadable = || ShapeError::new("`headers` cannot be read");
    strict::only(object, "headers")?;
    object
        .elements("headers")
        .map(|header| {
            let pair = match header.as_text() {
                // `"Name: value"`
                Some(line) => split_header(line),
                // `{"name": …, "value": …}`
                None => header.text("name").zip(header.text("value")),
            };
            pair.ok_or_else(unreadable)
        })
        .collect()
}

fn split_header(line: Cow<'_, str>) -> Option<form::Pair<'_>> {
    match line {
        Cow::Borrowed(line) => line
            .split_once(':')
            .map(|(name, value)| (Cow::Borrowed(name.trim()), Cow::Borrowed(value.trim()))),
        Cow::Owned(line) => line.split_once(':').map(|(name, value)| {
            let own = |text: &str| Cow::Owned(text.trim().to_owned());
            (own(name), own(value))
        }),
    }
}

/// Writes the answer of a batch; `None` becomes `null`, as for an answer left out.
#[must_use]
pub fn answer(answers: &[Option<BatchAnswer<'_>>], include_headers: bool) -> Vec<u8> {
    let mut out = String::with_capacity(answers.len() * 256);
    out.push('[');
    for (index, answer) in answers.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        match answer {
            None => out.push_str("null"),
            Some(answer) => push_answer(&mut out, answer, include_headers),
        }
    }
    out.push(']');
    out.into_bytes()
}

fn push_answer(out: &mut String, answer: &BatchAnswer<'_>, include_headers: bool) {
    out.push_str("{\"code\":");
    out.push_str(&answer.code.to_string());
    if include_headers {
        out.push_str(",\"headers\":[");
        for (index, (name, value)) in answer.headers.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            out.push_str("{\"name\":");
            ascii::push(out, name);
            out.push_str(",\"value\":");
            ascii::push(out, value);
            out.push('}');
        }
        out.push(']');
    }
    out.push_str(",\"body\":");
    ascii::push(out, &answer.body);
    out.push('}');
}

shy_debug!(BatchItem {
    method,
    name,
    depends_on
});
