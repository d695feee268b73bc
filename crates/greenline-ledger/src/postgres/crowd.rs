//! A crowd read from the database: everybody of a business, some shards at a time, so that only a page of them is in
//! memory as more than eight bytes.
//!
//! All pages are read in one transaction that only reads, and so as everybody was at one moment: nothing is locked that a
//! send, a stop or a webhook waits for, and for so long the database keeps what is replaced meanwhile. A connection that
//! breaks means that all of it is read again.
//!
//! Whoever has anything that a class does not tell is not loaded but only noted ([`Found::Alone`]), and read in a
//! [piece](super::look) when a list names them. It is the same as on SQLite: several identifiers or a user id, a link or
//! a move, an open window, marks where the business caps them, the platform's word that no more gets through, messages
//! that may still delay the next, a place in the portfolio's count where that is bound. What a decision comes to look at of a
//! person in time to come has to be named here too; that decisions by class are those by person is held by tests.
//!
//! [`Found::Alone`]: crate::crowd::Found::Alone

use futures_util::future::{join, try_join4};
use greenline_policy::decide::WINDOW_MS;
use greenline_policy::identity::Identifier;
use greenline_policy::lasting::YesLasts;
use greenline_policy::{pair, reach};
use rustc_hash::FxHashSet;
use smallvec::SmallVec;
use tokio_postgres::Row;

use super::connect::{Link, retrying, within};
use super::rows::{count_column, identifier, person};
use super::trouble::Trouble;
use super::{Store, pairs, sql};
use crate::crowd::{Crowd, Gathering};
use crate::erasure::is_pseudonym;
use crate::error::LedgerError;
use crate::state::State;
use crate::types::{Ask, BusinessIx, PersonId};

/// Shards there are.
const SHARDS: i64 = 4_096;
/// Shards of the first page: few people even of a hundred million.
const FIRST_SHARDS: i64 = 4;
/// How many times as many the next page has at most.
const MORE_MAX: i64 = 8;
/// Rows of one page, about.
const PAGE_ROWS: i64 = 16_384;
/// People at most: about a gigabyte of memory. Of a business that has more each is read when a list names them.
const PEOPLE_MAX: i64 = 50_000_000;
/// Shards that tell how many people there are in all. Those who came together are of one shard, so fewer tell nothing.
const TELLING_SHARDS: i64 = 256;
/// A message that went from a number to a person longer ago delays no other, whatever the platform said of it.
const PAIRS_MS: i64 = pair::REFUSED_MS_MAX;

/// Statements that a page runs.
const STATEMENTS: &[&str] = &[
    sql::CROWD,
    sql::CROWD_LINKED,
    sql::CROWD_WROTE,
    sql::CROWD_MARKED,
];

/// What makes somebody more than their class.
struct About<'a> {
    business: &'a str,
    /// Whoever wrote since then has an open window.
    wrote_since_ms: i64,
    /// From when on what went to people counts; `None` where nothing caps it.
    marks_since_ms: Option<i64>,
    /// From when on a message delays the next from the same number; `None` where none does.
    paced_since_ms: Option<i64>,
    /// Those whom the portfolio reached, where it is bound.
    reached: FxHashSet<PersonId>,
}

/// Some shards: from the first on, below the second.
type Shards = (i64, i64);

/// What is known of everybody of some shards.
#[derive(Default)]
struct Page {
    people: Vec<Row>,
    /// Of whom something else is known.
    others: Vec<Vec<Row>>,
}

impl Page {
    fn rows(&self) -> usize {
        self.people.len() + self.others.iter().map(Vec::len).sum::<usize>()
    }
}

/// What came of the pages so far.
struct Walk {
    gathering: Gathering,
    /// Numbers of those who are not described.
    alone: Vec<u64>,
    has_erased: bool,
    people: i64,
    pages: u32,
    rows: usize,
}

impl Store {
    /// Nothing of the last list is kept.
    pub(crate) fn keeps_crowd(&self) -> bool {
        false
    }

    /// How many people of a business there are in the shards below that one.
    pub(crate) async fn people_in(
        &self,
        business: BusinessIx,
        shards: u16,
    ) -> Result<u64, LedgerError> {
        let (business, to) = (self.business(business)?, i64::from(shards));
        let count: i64 = retrying!(self.pool, link => {
            let rows = link.rows(sql::PEOPLE_IN, &[&0_i64, &to, &business]).await?;
            Ok(rows.first().map(|row| row.try_get(0)).transpose()?.unwrap_or(0))
        })?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// Everybody of the ask's business, described where that can be. `state` has its portfolio. `None` where they are
    /// more than there is room for.
    pub(crate) async fn walk(
        &self,
        ask: &Ask,
        state: &State,
    ) -> Result<Option<Crowd>, LedgerError> {
        let portfolio = state.portfolio(ask.business)?;
        let limit = portfolio.limit.as_ref().map(|known| known.limit);
        let is_bound = reach::bound(limit, ask.rules.portfolio_limit).is_some();
        let about = About {
            business: self.business(ask.business)?,
            wrote_since_ms: ask.now_ms.saturating_sub(WINDOW_MS),
            marks_since_ms: (ask.caps.longest_ms())
                .map(|back_ms| ask.now_ms.saturating_sub(back_ms)),
            paced_since_ms: ask.paced.then(|| ask.now_ms.saturating_sub(PAIRS_MS)),
            reached: match is_bound {
                true => portfolio.counted.reached().collect(),
                false => FxHashSet::default(),
            },
        };
        let dated = ask.rules.yes_lasts != YesLasts::FOR_EVER;
        let mut turn = self.pool.turn();
        let walk = loop {
            let done = match turn.link().await {
                Ok(link) => walked(link, &about, dated).await,
                Err(trouble) => Err(trouble),
            };
            if let Some(done) = turn.over(done) {
                break done?;
            }
        };
        let Some(walk) = walk else {
            return Ok(None);
        };
        tracing::debug!(
            pages = walk.pages,
            rows = walk.rows,
            alone = walk.alone.len(),
            "everybody was read for a list"
        );
        let mut crowd = walk.gathering.finish();
        // Who is not described any more needs no looking up: their slots say so.
        let _ = crowd.as_of(ask.rules.yes_lasts, ask.now_ms)?;
        for number in walk.alone {
            crowd.alone(number);
        }
        crowd.erased(walk.has_erased);
        Ok(Some(crowd))
    }
}

/// Everybody, as they are at one moment.
async fn walked(link: &mut Link, about: &About<'_>, dated: bool) -> Result<Option<Walk>, Trouble> {
    within(link.ready(STATEMENTS)).await?;
    within(link.batch("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")).await?;
    let done = pages(link, about, dated).await;
    // Whatever came of it, the connection is for others again.
    within(link.batch("ROLLBACK")).await?;
    done
}

async fn pages(link: &Link, about: &About<'_>, dated: bool) -> Result<Option<Walk>, Trouble> {
    let mut walk = Walk {
        gathering: Gathering::new(dated),
        alone: Vec::new(),
        has_erased: false,
        people: 0,
        pages: 0,
        rows: 0,
    };
    let mut shards = (0, FIRST_SHARDS);
    let mut page = within(asked(link, about, shards)).await?;
    loop {
        let next = after(shards, page.rows());
        // The database reads the next page while this one is looked through.
        let asking = async {
            match next {
                Some(next) => within(asked(link, about, next)).await.map(Some),
                None => Ok(None),
            }
        };
        let (coming, taken) = join(asking, async { walk.take(about, &page) }).await;
        taken?;
        if is_too_many(walk.people, shards.1) {
            return Ok(None);
        }
        let (Some(next), Some(coming)) = (next, coming?) else {
            return Ok(Some(walk));
        };
        (shards, page) = (next, coming);
    }
}

/// Whether so many people of the shards below that one say that there will be too many, or are.
fn is_too_many(people: i64, shards: i64) -> bool {
    let told = if shards < TELLING_SHARDS {
        SHARDS
    } else {
        shards
    };
    people > PEOPLE_MAX * told / SHARDS
}

/// The shards after these, as many as hold a page of rows if they are like these; `None` after the last.
fn after((from, to): Shards, rows: usize) -> Option<Shards> {
    let width = to - from;
    let fitting = width * PAGE_ROWS / count_column(rows).max(1);
    let next = fitting.clamp(1, width * MORE_MAX);
    (to < SHARDS).then(|| (to, (to + next).min(SHARDS)))
}

/// Asks for everything of some shards at once.
async fn asked(link: &Link, about: &About<'_>, (from, to): Shards) -> Result<Page, Trouble> {
    let is_paced = about.paced_since_ms.is_some();
    let (wrote_since_ms, marks_since_ms) = (about.wrote_since_ms, about.marks_since_ms);
    let (people, linked, wrote, marked) = try_join4(
        link.ask(sql::CROWD, &[&from, &to, &about.business, &is_paced]),
        link.ask(sql::CROWD_LINKED, &[&from, &to]),
        link.ask(sql::CROWD_WROTE, &[&from, &to, &wrote_since_ms]),
        async {
            match marks_since_ms {
                Some(since_ms) => link.ask(sql::CROWD_MARKED, &[&from, &to, &since_ms]).await,
                None => Ok(Vec::new()),
            }
        },
    )
    .await?;
    Ok(Page {
        people,
        others: vec![linked, wrote, marked],
    })
}

impl Walk {
    /// Describes everybody of a page, or notes that they cannot be.
    fn take(&mut self, about: &About<'_>, page: &Page) -> Result<(), Trouble> {
        (self.pages, self.rows) = (self.pages + 1, self.rows + page.rows());
        let mut others = FxHashSet::default();
        for row in page.others.iter().flatten() {
            others.insert(row.try_get::<_, i64>(0)?);
        }
        let mut rows = page.people.iter().peekable();
        while let Some(first) = rows.next() {
            let id: i64 = first.try_get(0)?;
            self.people += 1;
            let mut known: SmallVec<[Identifier; 2]> = SmallVec::new();
            known.push(identifier(first.try_get(1)?)?);
            while let Some(more) = rows.peek()
                && more.try_get::<_, i64>(0)? == id
            {
                known.push(identifier(more.try_get(1)?)?);
                rows.next();
            }
            let is_plain = first.try_get(2)? && first.try_get(3)?;
            let is_paced = match (about.paced_since_ms, first.try_get::<_, Option<&str>>(4)?) {
                (Some(since_ms), Some(column)) => is_paced(column, since_ms),
                _ => false,
            };
            let is_more = is_paced || others.contains(&id) || about.reached.contains(&person(id));
            let heads = [first.try_get(5)?, first.try_get(6)?];
            if is_plain && !is_more && self.gathering.describe(&known, heads)? {
                continue;
            }
            for identifier in &known {
                self.has_erased |= is_pseudonym(identifier);
                if let Identifier::Phone(phone) = identifier {
                    self.alone.push(phone.digits());
                }
            }
        }
        Ok(())
    }
}

/// Whether anything of what went to somebody delays the next; as good as that where it does not read.
fn is_paced(column: &str, since_ms: i64) -> bool {
    pairs::read(column).is_none_or(|rows| rows.iter().any(|row| row.last_ms() > since_ms))
}

#[cfg(test)]
mod tests {
    use greenline_policy::pair::{Pair, Went};

    use super::*;

    #[test]
    fn whoever_still_waits_after_refusals_is_none_of_a_class() {
        // Tried again whenever that might be, and refused again.
        let mut went: Vec<Went> = Vec::new();
        let mut refused_ms = 1_790_000_000_000;
        for _ in 0..pair::REFUSALS_MAX {
            let until_ms = Pair::after(went.iter().copied()).until_ms(refused_ms);
            refused_ms = until_ms.unwrap_or(refused_ms);
            went.push(Went {
                at_ms: refused_ms,
                refused_ms: Some(refused_ms),
            });
        }
        let now_ms = refused_ms + pair::REFUSED_MS_MAX - 1;
        assert!(Pair::after(went).until_ms(now_ms).is_some());
        let column = format!(" 7!0:{refused_ms}/301500000000001");
        assert!(is_paced(&column, now_ms - PAIRS_MS));
        assert!(!is_paced(&column, now_ms + 1 - PAIRS_MS));
    }

    #[test]
    fn pages_cover_every_shard_once_however_people_lie() {
        for rows in [0, 1, 40, 16_384, 250_000, 9_000_000] {
            let (mut shards, mut pages) = ((0, FIRST_SHARDS), 1);
            while let Some(next) = after(shards, rows) {
                assert!(next.0 == shards.1 && next.1 > next.0, "{rows}: {next:?}");
                (shards, pages) = (next, pages + 1);
            }
            assert_eq!(shards.1, SHARDS, "{rows}");
            assert!(rows > 0 || pages < 8, "{rows}: {pages} pages");
        }
        // As many as fit, whatever came before.
        assert_eq!(after((100, 140), 16_384), Some((140, 180)));
        assert_eq!(after((100, 140), 163_840), Some((140, 144)));
        assert_eq!(after((4_090, SHARDS), 1), None);
    }

    #[test]
    fn too_many_are_known_early() {
        assert!(!is_too_many(PEOPLE_MAX, SHARDS) && is_too_many(PEOPLE_MAX + 1, SHARDS));
        assert!(!is_too_many(PEOPLE_MAX / 16, 256) && is_too_many(PEOPLE_MAX / 15, 256));
        assert!(!is_too_many(PEOPLE_MAX / 15, 255));
    }
}
