//! How live decisions agreed with a plan: row by row, what was planned against what was decided when it was sent.
//!
//! A decision is one of the plan's when it is about the plan's template from the plan's number, to somebody whom a row
//! names, within the plan's span; of several about one person the first counts. Decisions are read in their order, a
//! page at a time, and people are looked up among those of the plan in memory: so many at once as `rows` says,
//! and for the next so many the decisions are read again. Nothing grows with the list or with the ledger.

mod because;
mod rows;
mod telling;

use std::collections::BTreeMap;
use std::path::Path;

use greenline_ledger::types::{BusinessIx, DecisionId, DecisionRecord, PersonShard};
use greenline_policy::decide::Verdict;
use greenline_proof::Plan;
use jiff::Timestamp;
use rustc_hash::FxHashMap;

use crate::app::Shared;
use crate::sealer;

use super::Unscreened;
use super::fate::Kind;
use super::plan::{self, Checked};
use because::{Because, because};
use rows::{Crowd, Known, Rows, SHEETS, Then, masked};
pub use telling::Agreement;

/// Decisions that are read at once.
const PAGE: usize = 1_000;
/// How far the number of a decision may be off its moment: it is given out when the decision is written down.
const SLACK_MS: i64 = 10 * 60 * 1_000;
/// A decision's number begins with its moment in milliseconds.
const SEQ_BITS: u32 = 20;
/// Rows that are named of each.
const EXAMPLES_MAX: usize = 3;
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
    /// Whoever they named was erased since.
    erased: u64,
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
    sums: [Sums; SHEETS.len()],
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
    for (sums, erased) in found.sums.iter_mut().zip(rows.erased) {
        sums.erased = erased;
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
