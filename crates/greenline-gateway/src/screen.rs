//! Screening: what would be decided about each row of a list, before anything is sent.
//!
//! One thread reads the list (`list`), one decides (`deciding`, `judge`), one makes lines of what was decided
//! (`writing`), and one puts them on disk (`disk`). Nothing is recorded, and a server that runs beside it is not asked
//! and not held up. Each row goes to exactly one file, so that the counts add
//! up to the list; the first row of a person counts, later ones are named as duplicates of it.
//!
//! A screening that is broken off leaves a folder whose name ends in `.partial`. The next one throws it away and begins
//! anew: what is known has changed meanwhile, and half of a list decided on other facts than the rest is worth nothing.

pub mod agreement;
mod deciding;
mod disk;
pub(crate) mod erased;
mod fate;
pub mod job;
mod judge;
mod list;
mod parquet;
pub mod plan;
mod regions;
mod report;
mod results;
mod rows;
mod short;
mod writing;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::time::Duration;

use greenline_ledger::LedgerError;
use greenline_ledger::types::{Ask, PortfolioView, TemplateView};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::app::Shared;
use crate::directory::Business;
use crate::imports::number::Country;
use crate::imports::source::Unfit;
use crate::pipeline;

use deciding::Deciding;
use fate::Tally;
use judge::{Judge, Way};
use list::Form;
use results::{Planning, Results, Unplaced};
use rows::Batch;

pub use report::Report;

/// Batches that are read ahead, and that are decided ahead of being written.
const AHEAD: usize = 4;
/// How far a screening on a server stands back behind what serves.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// What to screen, as it was said.
#[derive(Clone, Debug, Default)]
pub struct Order {
    /// The business; the only one if left out.
    pub business: Option<String>,
    /// The phone_number_id to send from; the business's only one if left out.
    pub number: Option<String>,
    /// The template's name.
    pub template: String,
    /// Its language; the only one that the account's list has if left out.
    pub language: Option<String>,
    /// The moment, Unix milliseconds; now if left out.
    pub at_ms: Option<i64>,
    /// The list.
    pub list: PathBuf,
    /// The folder for what comes of it.
    pub out: PathBuf,
    /// The column that names people; found out if left out.
    pub column: Option<String>,
    /// What stands between values; found out if left out.
    pub delimiter: Option<char>,
    /// Country of numbers that are written without one, two letters.
    pub country: Option<String>,
    /// Decides about each person alone, also where all that counts is equal: for whoever compares.
    pub no_sharing: bool,
    /// Rows at most, where there is a lower limit than what can be screened at all.
    pub rows_max: Option<u64>,
    /// A server keeps it.
    pub kept: Option<Kept>,
    /// A signed plan is to lie beside what comes of it.
    pub plan: Option<Planned>,
}

/// How a screening is called that a server keeps.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Its name.
    pub id: String,
    /// The list's name.
    pub name: String,
}

/// What a plan is to say that the order does not.
#[derive(Clone, Debug, Default)]
pub struct Planned {
    /// The moment from which sends are no longer those of the plan, Unix milliseconds; seven days after it begins if
    /// left out.
    pub until_ms: Option<i64>,
    /// SHA-256 of the list, where it is known.
    pub sha256: Option<String>,
}

impl Order {
    /// What the list is called.
    fn name(&self) -> String {
        match &self.kept {
            Some(kept) => kept.name.clone(),
            None => {
                let name = self.list.file_name().unwrap_or_default();
                name.to_string_lossy().into_owned()
            }
        }
    }
}

/// How far a screening is, for whoever looks on; and whether it is still wanted.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    /// Bytes of the list that were read.
    pub read: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
}

impl Watch {
    /// It is not wanted any more.
    pub fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }
}

/// What may stand between values.
pub const DELIMITERS: &str =
    "One ASCII character that is no letter, digit, quote or line end; `tab` for a tab.";

/// Reads what stands between values, as people write it.
#[must_use]
pub fn delimiter(text: &str) -> Option<char> {
    let mut characters = text.chars();
    let mark = match (text, characters.next(), characters.next()) {
        ("tab" | "\\t", ..) => Some('\t'),
        (_, Some(mark), None) => Some(mark),
        _ => None,
    };
    mark.filter(|mark| {
        mark.is_ascii() && !mark.is_ascii_alphanumeric() && !matches!(mark, '"' | '\n' | '\r')
    })
}

/// Why a list was not screened.
#[derive(Debug)]
pub enum Unscreened {
    /// What was given cannot be used: what is wrong.
    Input(String),
    /// Something that is needed does not answer.
    Unavailable(String),
    /// It was not wanted any more.
    Stopped,
}

impl From<LedgerError> for Unscreened {
    fn from(error: LedgerError) -> Self {
        let mut text = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(next) = cause {
            text.push_str(&format!(": {next}"));
            cause = next.source();
        }
        Self::Unavailable(text)
    }
}

impl From<Unplaced> for Unscreened {
    fn from(unplaced: Unplaced) -> Self {
        match unplaced {
            Unplaced::Taken(why) => Self::Input(format!("{why}; name another folder with `--out`")),
            Unplaced::Disk(error) => {
                Self::Unavailable(format!("the results cannot be written: {error}"))
            }
        }
    }
}

impl From<Unfit> for Unscreened {
    fn from(unfit: Unfit) -> Self {
        match unfit {
            Unfit::File(why) => Self::Input(why),
            Unfit::Disk(error) if error.kind() == io::ErrorKind::NotFound => {
                Self::Input("there is no such list".to_owned())
            }
            Unfit::Disk(error) => Self::Unavailable(format!("the list cannot be read: {error}")),
        }
    }
}

/// A send to each row of a list, checked and ready.
pub(crate) struct Prepared {
    business: Arc<Business>,
    ask: Ask,
    template: Option<TemplateView>,
    /// How the portfolio stands at that moment.
    portfolio: PortfolioView,
    form: Form,
    order: Order,
    /// Names it, where it is kept or planned.
    id: Option<String>,
    /// When it was asked what is known, Unix milliseconds.
    made_ms: i64,
}

/// What is to be said of a screening beside its rows.
pub(crate) struct Outline {
    /// The column that names people; none where each row says.
    column: Option<String>,
    /// All of it rests on what was known at one moment.
    is_one_view: bool,
    /// The last end of a restriction that was taken to be over, on a condition.
    ended_ms: Option<i64>,
    /// How long it took to find out what is known.
    loading: Duration,
}

/// Screens a list, on a thread of its own; on a server one that lets others go first.
///
/// # Errors
/// It could not be screened; nothing is left in the folder then.
pub async fn run(app: &Shared, order: Order, watch: &Watch) -> Result<Report, Unscreened> {
    let prepared = prepare(app, order).await?;
    let (app, handle, watch) = (Arc::clone(app), Handle::current(), watch.clone());
    let (to, screened) = oneshot::channel();
    std::thread::Builder::new()
        .name("greenline-screen".to_owned())
        .spawn(move || {
            if prepared.order.kept.is_some() {
                let_others_go_first();
            }
            // Whoever asked may have gone.
            let _ = to.send(screen(&app, &prepared, &handle, &watch));
        })
        .map_err(|error| Unscreened::Unavailable(format!("there is no thread for it: {error}")))?;
    screened.await.map_err(|_| {
        Unscreened::Input("reading the list ended in a panic; is the file damaged?".to_owned())
    })?
}

/// This thread, and those it starts, get what sends leave of the processor.
#[cfg(target_os = "linux")]
fn let_others_go_first() {
    // Where that is not allowed it goes like the others.
    let _ = rustix::process::nice(NICE);
}

#[cfg(not(target_os = "linux"))]
fn let_others_go_first() {}

fn input(why: impl Into<String>) -> Unscreened {
    Unscreened::Input(why.into())
}

async fn prepare(app: &Shared, order: Order) -> Result<Prepared, Unscreened> {
    let country = match &order.country {
        None => None,
        Some(text) => Some(Country::parse(text).ok_or_else(|| {
            input(format!(
                "`{text}` is not a country: two letters after ISO 3166, such as DE"
            ))
        })?),
    };
    let form = Form {
        column: order.column.clone(),
        delimiter: order.delimiter,
        country,
    };
    let business = business(app, order.business.as_deref())?;
    let number = number(app, &business, order.number.as_deref())?;
    let template = template(app, &business, &number, &order).await?;
    let language = match (&template, &order.language) {
        (_, Some(language)) => language.clone(),
        (Some(known), None) => known.language.to_string(),
        (None, None) => {
            return Err(input(format!(
                "the account's list does not name a template `{}`; look at its spelling, or name its language with `--language` to have it judged as an unknown one",
                order.template
            )));
        }
    };
    let made_ms = app.clock.now_ms();
    let at_ms = order.at_ms.unwrap_or(made_ms);
    let id = match (&order.kept, &order.plan) {
        (Some(kept), _) => Some(kept.id.clone()),
        (None, Some(_)) => {
            Some(job::new_id(made_ms).map_err(|error| Unscreened::Unavailable(error.to_string()))?)
        }
        (None, None) => None,
    };
    let named = (order.template.as_str(), language.as_str());
    let ask = pipeline::template_question(app, business.ix, &number, named, at_ms)
        .await
        .map_err(|refusal| match refusal.http {
            503 => Unscreened::Unavailable(refusal.details),
            _ => Unscreened::Input(refusal.details),
        })?;
    let portfolio = app.ledger.portfolio(business.ix, at_ms).await?;
    Ok(Prepared {
        business,
        ask,
        template,
        portfolio,
        form,
        order,
        id,
        made_ms,
    })
}

fn business(app: &Shared, named: Option<&str>) -> Result<Arc<Business>, Unscreened> {
    let all: Vec<&str> = app.config.business.iter().map(|b| b.id.as_str()).collect();
    let id = match (named, all.as_slice()) {
        (Some(id), _) => id,
        (None, [only]) => only,
        (None, _) => {
            return Err(input(format!(
                "there are several businesses; name one with `--business`: {}",
                all.join(", ")
            )));
        }
    };
    app.directory.business_by_id(id).cloned().ok_or_else(|| {
        input(format!(
            "there is no business `{id}`; there is: {}",
            all.join(", ")
        ))
    })
}

fn number(app: &Shared, business: &Business, named: Option<&str>) -> Result<String, Unscreened> {
    let numbers = &business.config.number;
    let all: Vec<&str> = numbers.iter().map(|n| n.phone_number_id.as_str()).collect();
    match (named, all.as_slice()) {
        (Some(id), _)
            if app
                .directory
                .number(id)
                .is_some_and(|n| n.business == business.ix) =>
        {
            Ok(id.to_owned())
        }
        (Some(id), _) => Err(input(format!(
            "the business has no number `{id}`; it has: {}",
            all.join(", ")
        ))),
        (None, [only]) => Ok((*only).to_owned()),
        (None, []) => Err(input("the business has no number to send from")),
        (None, _) => Err(input(format!(
            "there are several numbers to send from; name one with `--number`: {}",
            all.join(", ")
        ))),
    }
}

/// The template as the account's list has it.
async fn template(
    app: &Shared,
    business: &Business,
    number: &str,
    order: &Order,
) -> Result<Option<TemplateView>, Unscreened> {
    let waba_id = app
        .directory
        .number(number)
        .map(|number| Arc::clone(&number.waba_id));
    let listed = app
        .ledger
        .templates(business.ix, waba_id.as_deref())
        .await?;
    let named = listed
        .into_iter()
        .filter(|known| *known.name == *order.template);
    let mut named: Vec<TemplateView> = match &order.language {
        Some(language) => named
            .filter(|known| *known.language == **language)
            .collect(),
        None => named.collect(),
    };
    if named.len() > 1 {
        let languages: Vec<&str> = named.iter().map(|known| &*known.language).collect();
        return Err(input(format!(
            "the template `{}` has several languages; name one with `--language`: {}",
            order.template,
            languages.join(", ")
        )));
    }
    Ok(named.pop())
}

fn screen(
    app: &Shared,
    prepared: &Prepared,
    handle: &Handle,
    watch: &Watch,
) -> Result<Report, Unscreened> {
    let begun = app.clock.instant();
    if !prepared.order.list.is_file() {
        return Err(input(format!(
            "`{}` is not a file that can be read",
            prepared.order.list.display()
        )));
    }
    let mut sharing = !prepared.order.no_sharing;
    let (results, tally, outline) = loop {
        let mut results = Results::begin(&prepared.order.out)?;
        match decided(app, prepared, (handle, sharing), watch, &mut results) {
            Ok(Some((tally, outline))) => break (results, tally, outline),
            // Begun anew, with everyone decided about alone.
            Ok(None) if sharing => {
                results.abandon();
                sharing = false;
                watch.read.store(0, Ordering::Relaxed);
            }
            Ok(None) => {
                results.abandon();
                return Err(LedgerError::Bug("a list that is too far ahead for anybody").into());
            }
            Err(unscreened) => {
                results.abandon();
                return Err(unscreened);
            }
        }
    };
    let took = app.clock.instant().saturating_duration_since(begun);
    let report = Report::new(app, prepared, &tally, &outline, took);
    let html = report
        .html()
        .map_err(|error| Unscreened::Unavailable(format!("the report cannot be drawn: {error}")))?;
    let plan = |folder: &Path| plan::written(app, prepared, &report, folder);
    let planning: Planning<'_> = prepared.order.plan.as_ref().map(|_| &plan as _);
    results
        .finish(&report.json(), &html, planning)
        .map_err(Unplaced::Disk)?;
    Ok(report)
}

/// Reads on one thread, writes on another, decides on this one. `None` where everyone has to be decided about alone.
fn decided(
    app: &Shared,
    prepared: &Prepared,
    (handle, sharing): (&Handle, bool),
    watch: &Watch,
    results: &mut Results,
) -> Result<Option<(Tally, Outline)>, Unscreened> {
    let (to, from) = sync_channel(AHEAD);
    let (on, decided) = sync_channel(AHEAD);
    let (back, spent) = channel();
    let begun = app.clock.instant();
    std::thread::scope(|threads| {
        let reading = threads.spawn(|| read(prepared, watch, spent, to));
        let writing = threads.spawn(move || writing::all(&decided, &back, results));
        let asked = (prepared.ask.clone(), prepared.made_ms);
        let named = || short::named(prepared);
        let way = match sharing {
            true => short::is_short(app, prepared, handle).map(|is_short| match is_short {
                true => Way::LookedUp(&named),
                false => Way::Together,
            }),
            false => Ok(Way::Alone),
        };
        let judging = way.and_then(|way| Judge::new(app, asked, handle.clone(), &way));
        let mut is_too_far = false;
        let told = judging.map_err(Unscreened::from).and_then(|judge| {
            let loading = app.clock.instant().saturating_duration_since(begun);
            let is_one_view = judge.is_one_view();
            let mut deciding = Deciding::new(judge);
            let done = deciding.all(&from, &on);
            is_too_far = deciding.is_too_far();
            done?;
            let ended_ms = deciding.ended_ms();
            Ok((deciding.tally, (is_one_view, ended_ms, loading)))
        });
        drop((from, on));
        let read = reading
            .join()
            .map_err(|_| input("reading the list ended in a panic; is the file damaged?"))?;
        let written = writing
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("writing ended in a panic")));
        if watch.is_over() {
            return Err(Unscreened::Stopped);
        }
        // A list that cannot be read is told before what came of it.
        let column = read?;
        if is_too_far {
            return Ok(None);
        }
        let (tally, (is_one_view, ended_ms, loading)) = told?;
        written.map_err(Unplaced::Disk)?;
        let outline = Outline {
            column,
            is_one_view,
            ended_ms,
            loading,
        };
        Ok(Some((tally, outline)))
    })
}

fn read(
    prepared: &Prepared,
    watch: &Watch,
    spent: Receiver<Batch>,
    to: SyncSender<Batch>,
) -> Result<Option<String>, Unfit> {
    let order = &prepared.order;
    let rows_max = order.rows_max.unwrap_or(list::ROWS_MAX);
    // Whoever decides has given up when nobody takes a batch.
    let mut take = move |batch: Batch| {
        if batch.first + batch.rows.len() as u64 > rows_max + 1 {
            return Err(Unfit::File(format!(
                "a list may hold {rows_max} rows (screenings.rows_max); split it"
            )));
        }
        Ok(!watch.is_over() && to.send(batch).is_ok())
    };
    list::read(
        &order.list,
        &prepared.form,
        Arc::clone(&watch.read),
        spent,
        &mut take,
    )
}
