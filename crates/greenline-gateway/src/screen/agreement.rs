//! How live decisions agreed with a plan: row by row, what was planned against what was decided when it was sent.
//!
//! A decision is one of the plan's when it is about the plan's template from the plan's number, to somebody whom a row
//! names, within the plan's span; of several about one person the first counts. Decisions are read in their order, a
//! page at a time, and people are looked up among those of the plan in memory: so many at once as `PEOPLE_AT_ONCE`,
//! and for the next so many the decisions are read again. Nothing grows with the list or with the ledger.

mod because;

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use csv::ByteRecord;
use greenline_console::{AgreementDifference, AgreementSection, When};
use greenline_ledger::crowd::spelling_at;
use greenline_ledger::types::{BusinessIx, DecisionId, DecisionRecord, PersonShard};
use greenline_policy::decide::Verdict;
use greenline_policy::identity::{Identifier, Phone};
use greenline_proof::Plan;
use jiff::Timestamp;
use rustc_hash::FxHashMap;
use serde_json::{Value, json};

use crate::app::Shared;
use crate::ids;
use crate::sealer;

use super::Unscreened;
use super::fate::Kind;
use super::plan::{self, Checked};
use super::report::utc;
use because::{Because, because};

/// People who are looked for in one pass over the decisions; about 170 MB.
const PEOPLE_AT_ONCE: usize = 1 << 22;
/// Decisions that are read at once.
const PAGE: usize = 1_000;
/// How far the number of a decision may be off its moment: it is given out when the decision is written down.
const SLACK_MS: i64 = 10 * 60 * 1_000;
/// A decision's number begins with its moment in milliseconds.
const SEQ_BITS: u32 = 20;
/// Differences that are told apart.
const GROUPS_MAX: usize = 200;
/// Rows that are named of each.
const EXAMPLES_MAX: usize = 3;
/// Files of rows that can be decided about, each with what it says of them.
const SHEETS: [(Kind, &str); 3] = [
    (Kind::Allowed, "allowed.csv"),
    (Kind::Held, "held.csv"),
    (Kind::Refused, "refused.csv"),
];

/// Texts that come again and again, by their numbers.
#[derive(Debug)]
struct Known<T> {
    places: FxHashMap<T, u32>,
    all: Vec<T>,
}

impl<T> Default for Known<T> {
    fn default() -> Self {
        Self {
            places: FxHashMap::default(),
            all: Vec::new(),
        }
    }
}

impl<T: Clone + Eq + std::hash::Hash> Known<T> {
    fn place(&mut self, one: T) -> u32 {
        if let Some(place) = self.places.get(&one) {
            return *place;
        }
        let place = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        self.all.push(one.clone());
        self.places.insert(one, place);
        place
    }

    fn at(&self, place: u32) -> Option<&T> {
        self.all.get(place as usize)
    }
}

/// What a plan says of a row.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Then {
    kind: Kind,
    /// Ids of rules, with spaces between.
    rules: Box<str>,
}

/// What was decided since.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Now {
    verdict: &'static str,
    rules: Box<str>,
    agreed: bool,
    same_reasons: bool,
    /// Why it is another answer.
    because: Option<Because>,
}

/// Nothing was decided about them.
const NOTHING: u32 = u32::MAX;

/// Somebody of the plan.
#[derive(Clone, Copy, Debug)]
struct Sought {
    key: u64,
    /// When a held row may go.
    until_ms: i64,
    row: u64,
    then: u32,
    now: u32,
    /// The decision.
    seq: u64,
    shard: u16,
}

/// People who are looked for in one pass.
#[derive(Debug, Default)]
struct Crowd {
    /// By their numbers.
    phones: Vec<Sought>,
    /// By their ids.
    users: FxHashMap<Box<str>, Sought>,
}

/// A number as one person of a list: as duplicates are found.
fn key_of(phone: Phone) -> u64 {
    let (canonical, spelling) = phone.canonical();
    canonical.digits() << 1 | spelling_at(spelling) as u64
}

impl Crowd {
    fn is_full(&self) -> bool {
        self.phones.len() + self.users.len() >= PEOPLE_AT_ONCE
    }

    fn is_empty(&self) -> bool {
        self.phones.is_empty() && self.users.is_empty()
    }

    fn find(&mut self, identifier: &Identifier) -> Option<&mut Sought> {
        match identifier {
            Identifier::User(user) => self.users.get_mut(user.reveal()),
            Identifier::Phone(phone) => {
                let key = key_of(*phone);
                let at = self.phones.binary_search_by_key(&key, |sought| sought.key);
                self.phones.get_mut(at.ok()?)
            }
        }
    }

    fn add(&mut self, identifier: &Identifier, sought: Sought) {
        match identifier {
            Identifier::User(user) => {
                self.users.insert(user.reveal().into(), sought);
            }
            Identifier::Phone(phone) => self.phones.push(Sought {
                key: key_of(*phone),
                ..sought
            }),
        }
    }
}

/// Rows of a plan's files, one after the other.
struct Rows {
    folder: PathBuf,
    sheets: std::slice::Iter<'static, (Kind, &'static str)>,
    open: Option<Sheet>,
    record: ByteRecord,
}

/// A file that is being read: what it says of rows, and where.
struct Sheet {
    kind: Kind,
    name: &'static str,
    reader: csv::Reader<File>,
    row: usize,
    number: usize,
    until: Option<usize>,
    rules: usize,
}

fn bad(name: &str) -> Unscreened {
    Unscreened::Input(format!("`{name}` of the plan does not read"))
}

impl Rows {
    fn of(folder: PathBuf) -> Self {
        Self {
            folder,
            sheets: SHEETS.iter(),
            open: None,
            record: ByteRecord::new(),
        }
    }

    fn next_sheet(&mut self) -> Result<bool, Unscreened> {
        let Some((kind, name)) = self.sheets.next() else {
            return Ok(false);
        };
        let file = File::open(self.folder.join(name)).map_err(|error| unread(&error))?;
        let mut reader = csv::Reader::from_reader(file);
        let names = reader.byte_headers().map_err(|_| bad(name))?;
        let place = |wanted: &str| names.iter().position(|name| name == wanted.as_bytes());
        let (row, number) = (place("row"), place("number"));
        let (until, rules) = (place("until"), place("rules"));
        let (Some(row), Some(number), Some(rules)) = (row, number, rules) else {
            return Err(bad(name));
        };
        self.open = Some(Sheet {
            kind: *kind,
            name,
            reader,
            row,
            number,
            until,
            rules,
        });
        Ok(true)
    }

    /// As many people as are looked for in one pass; nobody once all were.
    fn people(&mut self, thens: &mut Known<Then>) -> Result<Crowd, Unscreened> {
        let mut crowd = Crowd::default();
        while !crowd.is_full() {
            let Some(sheet) = &mut self.open else {
                if self.next_sheet()? {
                    continue;
                }
                break;
            };
            let read = sheet.reader.read_byte_record(&mut self.record);
            if !read.map_err(|_| bad(sheet.name))? {
                self.open = None;
                continue;
            }
            let (who, sought) = sheet
                .sought(&self.record, thens)
                .ok_or_else(|| bad(sheet.name))?;
            crowd.add(&who, sought);
        }
        crowd.phones.sort_unstable_by_key(|sought| sought.key);
        Ok(crowd)
    }
}

impl Sheet {
    fn sought(&self, record: &ByteRecord, thens: &mut Known<Then>) -> Option<(Identifier, Sought)> {
        let text = |at: usize| std::str::from_utf8(record.get(at)?).ok();
        let until_ms = match self.until {
            None => 0,
            Some(at) => text(at)?.parse::<Timestamp>().ok()?.as_millisecond(),
        };
        let then = Then {
            kind: self.kind,
            rules: text(self.rules)?.into(),
        };
        let sought = Sought {
            key: 0,
            until_ms,
            row: text(self.row)?.parse().ok()?,
            then: thens.place(then),
            now: NOTHING,
            seq: 0,
            shard: 0,
        };
        Some((Identifier::parse(text(self.number)?)?, sought))
    }
}

fn unread(error: &io::Error) -> Unscreened {
    Unscreened::Unavailable(format!("the plan's files cannot be read: {error}"))
}

/// Which decisions are those of a plan.
#[derive(Clone, Debug)]
struct Span {
    business: BusinessIx,
    number: Box<str>,
    template: (Box<str>, Box<str>),
    /// The moment that was decided for.
    at_ms: i64,
    from_ms: i64,
    until_ms: i64,
    pack: Box<str>,
}

impl Span {
    fn of(app: &Shared, plan: &Plan) -> Result<Self, Unscreened> {
        let business = app
            .directory
            .business_by_id(&plan.business)
            .ok_or_else(|| {
                Unscreened::Input(format!(
                    "the plan is of the business `{}`, which is not configured here",
                    plan.business
                ))
            })?;
        let moment = |text: &str| {
            let at: Result<Timestamp, _> = text.parse();
            at.map(Timestamp::as_millisecond)
                .map_err(|_| Unscreened::Input("a time of the plan does not read".to_owned()))
        };
        Ok(Self {
            business: business.ix,
            number: plan.number.as_str().into(),
            template: (plan.template.as_str().into(), plan.language.as_str().into()),
            at_ms: moment(&plan.at)?,
            from_ms: moment(&plan.made)?,
            until_ms: moment(&plan.until)?,
            pack: plan.pack.as_str().into(),
        })
    }

    fn holds(&self, record: &DecisionRecord) -> bool {
        (self.from_ms..self.until_ms).contains(&record.at_ms)
            && record.number == self.number
            && record.template.as_ref() == Some(&self.template)
    }
}

/// The first decision number of a moment.
fn seq_at(at_ms: i64) -> u64 {
    u64::try_from(at_ms).unwrap_or(0) << SEQ_BITS
}

/// Rows of a kind.
#[derive(Clone, Copy, Default, Debug)]
struct Sums {
    agreed: u64,
    differed: u64,
    not_sent: u64,
}

/// Rows of which the answer was another, for one cause.
#[derive(Clone, Default, Debug)]
struct Group {
    rows: u64,
    /// The first of them: the row, whom it names, the decision.
    examples: BTreeMap<u64, (String, DecisionId)>,
}

/// What was found so far.
#[derive(Default)]
struct Found {
    thens: Known<Then>,
    nows: Known<Now>,
    sums: [Sums; 3],
    other_reasons: u64,
    groups: FxHashMap<(u32, u32), Group>,
    decisions: u64,
    passes: u64,
}

impl Found {
    /// One decision, from the newest to the oldest: so the first stays.
    fn meet(&mut self, span: &Span, crowd: &mut Crowd, record: &DecisionRecord) {
        for person in &record.people {
            let Some(sought) = crowd.find(&person.identifier) else {
                continue;
            };
            let Some(then) = self.thens.at(sought.then) else {
                continue;
            };
            let goes = record.decision.verdict == Verdict::Allow;
            let planned = match then.kind {
                Kind::Allowed => true,
                Kind::Held => record.at_ms >= sought.until_ms,
                Kind::Refused => false,
            };
            let mut rules: Vec<&str> = Vec::new();
            for reason in &record.decision.reasons {
                if !rules.contains(&reason.rule.id()) {
                    rules.push(reason.rule.id());
                }
            }
            let rules: Box<str> = rules.join(" ").into();
            let agreed = goes == planned;
            let now = Now {
                verdict: record.decision.verdict.as_str(),
                same_reasons: rules == then.rules,
                rules,
                agreed,
                because: (!agreed).then(|| because(&then.rules, record, (&span.pack, span.at_ms))),
            };
            sought.now = self.nows.place(now);
            (sought.seq, sought.shard) = (record.id.seq, record.id.shard.0);
        }
    }

    /// All who were looked for.
    fn fold(&mut self, crowd: &Crowd) {
        let phones = crowd.phones.iter().map(|sought| (sought, None));
        let users = crowd.users.iter().map(|(id, sought)| (sought, Some(&**id)));
        for (sought, user) in phones.chain(users) {
            let Some(kind) = self.thens.at(sought.then).map(|then| then.kind) else {
                continue;
            };
            let sums = &mut self.sums[kind as usize];
            let Some(now) = self.nows.at(sought.now) else {
                sums.not_sent += 1;
                continue;
            };
            if now.agreed {
                sums.agreed += 1;
                self.other_reasons += u64::from(!now.same_reasons);
                continue;
            }
            sums.differed += 1;
            let group = self.groups.entry((sought.then, sought.now)).or_default();
            group.rows += 1;
            let last = group.examples.last_key_value().map(|(row, _)| *row);
            if group.examples.len() < EXAMPLES_MAX || last.is_some_and(|last| sought.row < last) {
                let decision = DecisionId {
                    seq: sought.seq,
                    shard: PersonShard(sought.shard),
                };
                group
                    .examples
                    .insert(sought.row, (masked(sought, user), decision));
                if group.examples.len() > EXAMPLES_MAX {
                    group.examples.pop_last();
                }
            }
        }
    }
}

/// Whom a row names, without what would tell it.
fn masked(sought: &Sought, user: Option<&str>) -> String {
    let whom = match user {
        Some(id) => Identifier::parse(id),
        None => Phone::from_digits(sought.key >> 1).map(Identifier::Phone),
    };
    whom.map_or_else(String::new, |whom| whom.to_string())
}

/// Reads every decision of a span once.
async fn pass(
    app: &Shared,
    span: &Span,
    crowd: &mut Crowd,
    found: &mut Found,
) -> Result<(), Unscreened> {
    let end_ms = span
        .until_ms
        .min(app.clock.now_ms().saturating_add(SLACK_MS));
    let oldest = seq_at(span.from_ms.saturating_sub(SLACK_MS));
    let mut before = DecisionId {
        seq: seq_at(end_ms.saturating_add(SLACK_MS)),
        shard: PersonShard(0),
    };
    found.passes += 1;
    let first = found.passes == 1;
    loop {
        let page = app
            .ledger
            .decisions(Some(span.business), Some(before), PAGE)
            .await?;
        for record in &page {
            if record.id.seq < oldest {
                return Ok(());
            }
            found.decisions += u64::from(first);
            if span.holds(record) {
                found.meet(span, crowd, record);
            }
        }
        match page.last() {
            Some(last) if page.len() == PAGE => before = last.id,
            _ => return Ok(()),
        }
    }
}

/// How live decisions agreed with a plan.
#[derive(Clone, Debug)]
pub struct Agreement {
    value: Value,
    section: AgreementSection,
}

/// Looks how live decisions agreed with the plan in a folder, as of now.
///
/// # Errors
/// There is no plan, it does not hold, or the store does not answer.
pub async fn compare(app: &Shared, folder: &Path) -> Result<Agreement, Unscreened> {
    let path = plan::in_folder(folder);
    let Checked { signed, problems } = blocking(move || plan::check(&path, None)).await?;
    if let Some(problem) = problems.first() {
        return Err(Unscreened::Input(format!(
            "the plan does not hold: {problem}; `greenline verify --plan` says all that is wrong"
        )));
    }
    let plan = signed.plan;
    let span = Span::of(app, &plan)?;
    let is_ours = sealer::keys(app).is_ok_and(|(_, known)| known.contains(&signed.key));
    let (mut rows, mut found) = (Rows::of(folder.to_owned()), Found::default());
    loop {
        let mut thens = std::mem::take(&mut found.thens);
        let (back, read) = blocking(move || {
            let crowd = rows.people(&mut thens)?;
            Ok((rows, (thens, crowd)))
        })
        .await?;
        rows = back;
        let (thens, mut crowd) = read;
        found.thens = thens;
        if crowd.is_empty() {
            break;
        }
        pass(app, &span, &mut crowd, &mut found).await?;
        found.fold(&crowd);
    }
    Ok(Agreement::new(
        &plan,
        &span,
        &found,
        is_ours,
        app.clock.now_ms(),
    ))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Unscreened> + Send + 'static,
) -> Result<T, Unscreened> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| Unscreened::Input("reading the plan ended in a panic".to_owned()))?
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Allowed => "allow",
        Kind::Held => "hold",
        Kind::Refused => "refuse",
    }
}

fn list(rules: &str) -> Vec<&str> {
    rules.split_ascii_whitespace().collect()
}

/// A difference with where to look.
type Told<'f> = (&'f Then, &'f Now, &'f Group);

impl Agreement {
    fn new(plan: &Plan, span: &Span, found: &Found, is_ours: bool, now_ms: i64) -> Self {
        let mut told: Vec<Told<'_>> = found
            .groups
            .iter()
            .filter_map(|((then, now), group)| {
                Some((found.thens.at(*then)?, found.nows.at(*now)?, group))
            })
            .collect();
        told.sort_by(|one, other| {
            let by = |(then, now, group): &Told<'_>| {
                let rows = std::cmp::Reverse(group.rows);
                (rows, then.kind, then.rules.clone(), now.rules.clone())
            };
            by(one).cmp(&by(other))
        });
        let others = told.iter().skip(GROUPS_MAX).map(|(_, _, group)| group.rows);
        let others: u64 = others.sum();
        told.truncate(GROUPS_MAX);
        let sum = |of: fn(&Sums) -> u64| found.sums.iter().map(of).sum::<u64>();
        let (agreed, differed) = (sum(|sums| sums.agreed), sum(|sums| sums.differed));
        let not_sent = sum(|sums| sums.not_sent);
        let by = SHEETS.iter().map(|(kind, _)| {
            let sums = found.sums[*kind as usize];
            let counts = json!({
                "agreed": sums.agreed, "differed": sums.differed, "not_sent": sums.not_sent,
            });
            let name = match kind {
                Kind::Allowed => "allowed",
                Kind::Held => "held",
                Kind::Refused => "refused",
            };
            (name.to_owned(), counts)
        });
        let value = json!({
            "plan": plan.id, "business": plan.business, "number": plan.number,
            "template": { "name": plan.template, "language": plan.language },
            "signed_by_this_installation": is_ours,
            "from": plan.made, "until": plan.until, "looked_at": utc(now_ms),
            "counts": {
                "rows": plan.counts.rows, "agreed": agreed, "differed": differed, "not_sent": not_sent,
                "duplicates": plan.counts.duplicates, "unreadable": plan.counts.unreadable,
            },
            "for_other_reasons": found.other_reasons,
            "by": Value::Object(by.collect()),
            "differences": told.iter().map(|told| difference(*told)).collect::<Vec<_>>(),
            "other_differences": others,
            "decisions_read": found.decisions, "passes": found.passes,
        });
        let section = AgreementSection {
            from: When::dated(span.from_ms),
            until: When::dated(span.until_ms),
            looked: When::dated(now_ms),
            agreed,
            other_reasons: found.other_reasons,
            differed,
            not_sent,
            duplicates: plan.counts.duplicates,
            unreadable: plan.counts.unreadable,
            differences: told.iter().map(|told| shown(*told)).collect(),
            others,
        };
        Self { value, section }
    }

    /// For programs.
    #[must_use]
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// Whether no row was answered otherwise.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.section.differed == 0
    }

    /// The report of a screening with this as its last part.
    ///
    /// # Errors
    /// It cannot be drawn.
    pub fn within(&self, report: &str) -> Result<String, Unscreened> {
        self.section.within(report).map_err(|error| {
            Unscreened::Unavailable(format!("the report cannot be drawn: {error}"))
        })
    }

    /// A few lines for a terminal.
    #[must_use]
    pub fn text(&self) -> String {
        let (of, counts) = (&self.section, &self.value["counts"]);
        let mut text = format!(
            "{} rows: {} answered as planned, {} otherwise, {} not sent yet; {} name somebody twice, {} cannot be read\n",
            counts["rows"], of.agreed, of.differed, of.not_sent, of.duplicates, of.unreadable
        );
        if self.value["signed_by_this_installation"] == false {
            text.push_str(
                "warning: the key that signed the plan is not one of this installation\n",
            );
        }
        for difference in &of.differences {
            text.push_str(&format!(
                "{:>10}  {} Planned: {} ({}); decided: {} ({})\n",
                difference.rows,
                difference.cause,
                difference.then,
                difference.then_rules,
                difference.now,
                difference.now_rules
            ));
            for (row, number, decision) in &difference.examples {
                text.push_str(&format!("            row {row}, {number}, {decision}\n"));
            }
        }
        if of.others > 0 {
            text.push_str(&format!("{:>10}  in other ways\n", of.others));
        }
        text
    }
}

fn difference((then, now, group): Told<'_>) -> Value {
    let because = now.because.unwrap_or(Because::Unknown);
    let examples = group.examples.iter().map(|(row, (number, decision))| {
        json!({ "row": row, "number": number, "decision": ids::decision(*decision) })
    });
    json!({
        "rows": group.rows, "cause": because.as_str(), "text": because.text(),
        "then": { "decision": word(then.kind), "rules": list(&then.rules) },
        "now": { "decision": now.verdict, "rules": list(&now.rules) },
        "examples": examples.collect::<Vec<_>>(),
    })
}

fn shown((then, now, group): Told<'_>) -> AgreementDifference {
    let examples = group.examples.iter();
    AgreementDifference {
        then: word(then.kind).to_owned(),
        then_rules: then.rules.to_string(),
        now: now.verdict.to_owned(),
        now_rules: now.rules.to_string(),
        cause: now.because.unwrap_or(Because::Unknown).text().to_owned(),
        rows: group.rows,
        examples: examples
            .map(|(row, (number, decision))| (*row, number.clone(), ids::decision(*decision)))
            .collect(),
    }
}
