//! From the cells of a row to an event.
//!
//! The event is read by the same readers as one that comes through the API: strictly when it could open something,
//! leniently when it closes. Only what lists add is dealt with here: words for yes and no, numbers and times as
//! programs write them, and values that hold for the whole file.

use std::collections::BTreeMap;

use greenline_ledger::import::{ImportRow, ROW_KEY};
use greenline_policy::consent::EventKind;
use serde_json::{Map, Value};

use crate::admin::consents::form::{self, Intake};
use crate::directory::Business;

use super::columns::Member;
use super::dates;
use super::number::{self, Country};
use super::options::Options;

/// The member of evidence that says by which import an event came.
pub(crate) const IMPORT: &str = "import";
/// The member of evidence that says which import an event undoes.
pub(crate) const UNDO_OF: &str = "undo_of";

/// Words for a yes, folded.
const YES: [&str; 16] = [
    "yes",
    "y",
    "true",
    "1",
    "opted_in",
    "opt_in",
    "optin",
    "subscribed",
    "active",
    "allowed",
    "granted",
    "confirmed",
    "in",
    "on",
    "si",
    "ja",
];
/// Words for a no, folded.
const NO: [&str; 20] = [
    "no",
    "n",
    "false",
    "0",
    "opted_out",
    "opt_out",
    "optout",
    "unsubscribed",
    "stop",
    "stopped",
    "denied",
    "withdrawn",
    "refused",
    "revoked",
    "out",
    "off",
    "not_subscribed",
    "opt_out_requested",
    "nao",
    "nein",
];

/// The cells of a row, by what they fill.
#[derive(Debug, Default)]
pub(crate) struct Cells {
    texts: BTreeMap<u8, String>,
    /// Members of evidence that come as JSON, with any others.
    evidence: Map<String, Value>,
}

impl Cells {
    /// Puts a cell in its place; an empty one is none. The first of several that fill the same counts.
    pub(crate) fn put(&mut self, member: Member, text: &str) {
        let text = text.trim();
        if !text.is_empty() && member != Member::Nothing {
            self.texts
                .entry(member as u8)
                .or_insert_with(|| text.to_owned());
        }
    }

    /// Puts evidence as JSON has it.
    pub(crate) fn put_evidence(&mut self, evidence: Map<String, Value>) {
        self.evidence = evidence;
    }

    fn take(&mut self, member: Member) -> Option<String> {
        self.texts.remove(&(member as u8))
    }
}

/// What rows are read with.
#[derive(Debug)]
pub(crate) struct RowReader<'a> {
    /// Whose.
    pub(crate) business: &'a Business,
    /// Who imports.
    pub(crate) actor: &'a str,
    /// When the import began.
    pub(crate) now_ms: i64,
    /// The import.
    pub(crate) id: &'a str,
    /// How.
    pub(crate) options: &'a Options,
    /// The country of `options`.
    pub(crate) country: Option<Country>,
}

/// A row that could be read.
#[derive(Debug)]
pub(crate) struct Read {
    /// The event.
    pub(crate) row: ImportRow,
    /// What was left out or changed.
    pub(crate) notes: Vec<String>,
}

impl RowReader<'_> {
    /// Reads a row.
    ///
    /// # Errors
    /// What is wrong, in words, with the member's name.
    pub(crate) fn read(&self, mut cells: Cells) -> Result<Read, String> {
        for (member, text) in &self.options.set {
            if let Some(member) = Member::parse(member) {
                cells.put(member, text);
            }
        }
        if cells.evidence.contains_key(UNDO_OF) {
            return Err("event: marks an import that was undone; nobody said it".to_owned());
        }
        let kind = kind(&mut cells)?;
        let mut row = Map::new();
        row.insert("event".to_owned(), kind.as_str().into());
        row.insert("person".to_owned(), self.person(&mut cells)?);
        if let Some(scope) = cells.take(Member::Scope) {
            row.insert("scope".to_owned(), scope.into());
        }
        if let Some(at) = self.time(&mut cells, kind) {
            row.insert("occurred_at".to_owned(), at.into());
        }
        row.insert("evidence".to_owned(), evidence(&mut cells));
        let intake = Intake {
            actor: self.actor,
            now_ms: self.now_ms,
            by_file: true,
            key: Some("import"),
        };
        // What is said of a row is kept when the file is gone, so it repeats nothing that stood in it.
        let ready = form::read(row, kind, self.business, &intake)
            .map_err(|problem| problem.in_own_words())?;
        let mut event = ready.event;
        event.dedup = event.dedup.map(|key| {
            let hash = key.rsplit(':').next().unwrap_or_default();
            format!("{ROW_KEY}{hash}").into()
        });
        event.evidence.extra_json = with_import(&event.evidence.extra_json, self.id);
        Ok(Read {
            row: ImportRow {
                event,
                dated: ready.dated,
            },
            notes: ready.notes,
        })
    }

    fn person(&self, cells: &mut Cells) -> Result<Value, String> {
        let mut person = Map::new();
        let said = cells.take(Member::WaId);
        let also = cells.take(Member::Phone);
        if let Some(text) = said.or(also) {
            let phone = number::read(&text, self.country);
            let phone = phone.map_err(|why| format!("person.wa_id: {why}"))?;
            person.insert("wa_id".to_owned(), phone.reveal().into());
        }
        if let Some(user) = cells.take(Member::UserId) {
            person.insert("user_id".to_owned(), user.into());
        }
        if person.is_empty() {
            return Err("person: the row says of nobody".to_owned());
        }
        Ok(Value::Object(person))
    }

    /// The date of a yes says nothing of when somebody said no.
    fn time(&self, cells: &mut Cells, kind: EventKind) -> Option<String> {
        let is_no = kind.closes();
        let of_kind = if is_no {
            Member::OptedOutAt
        } else {
            Member::OptedInAt
        };
        let text = cells
            .take(of_kind)
            .or_else(|| cells.take(Member::OccurredAt))?;
        Some(dates::read(&text, self.options.dates, is_no).unwrap_or(text))
    }
}

/// Which event the row tells of: by name, or by a word for yes or no.
fn kind(cells: &mut Cells) -> Result<EventKind, String> {
    let event = cells.take(Member::Event);
    let status = cells.take(Member::Status);
    let out = cells.take(Member::OptOut);
    if let Some(event) = event {
        let row = Map::from_iter([("event".to_owned(), Value::String(event))]);
        return form::kind(&row).map_err(|problem| problem.in_own_words());
    }
    let is = |words: &[&str], text: &str| words.contains(&super::columns::folded(text).as_str());
    if let Some(out) = out {
        if is(&YES, &out) {
            return Ok(EventKind::Withdrawn);
        }
        if !is(&NO, &out) {
            return Err("opt_out: neither a word for yes nor one for no".to_owned());
        }
    }
    match status {
        None => Ok(EventKind::Granted),
        Some(status) if is(&YES, &status) => Ok(EventKind::Granted),
        Some(status) if is(&NO, &status) => Ok(EventKind::Withdrawn),
        Some(_) => Err("status: neither a word for yes nor one for no".to_owned()),
    }
}

fn evidence(cells: &mut Cells) -> Value {
    let mut evidence = std::mem::take(&mut cells.evidence);
    evidence.remove(IMPORT);
    for member in [
        Member::Method,
        Member::Wording,
        Member::WordingVersion,
        Member::BusinessName,
        Member::Source,
        Member::Ip,
        Member::MessageId,
        Member::File,
    ] {
        let has = |evidence: &Map<String, Value>| {
            evidence
                .get(member.as_str())
                .is_some_and(|value| value.as_str() != Some(""))
        };
        if let Some(text) = cells.take(member)
            && !has(&evidence)
        {
            evidence.insert(member.as_str().to_owned(), text.into());
        }
    }
    Value::Object(evidence)
}

/// Other members of evidence, with the import that brought it.
fn with_import(extra: &str, id: &str) -> Box<str> {
    if extra.is_empty() {
        return format!("{{\"{IMPORT}\":\"{id}\"}}").into();
    }
    let mut members: Map<String, Value> = serde_json::from_str(extra).unwrap_or_default();
    members.insert(IMPORT.to_owned(), id.into());
    Value::Object(members).to_string().into()
}
