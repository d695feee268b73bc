//! Who counts as reached, on Postgres: one log for each portfolio, which every node reads on from where it was.
//!
//! A node keeps what the log came to in memory, as the store on one machine does, and reads what others added before
//! it judges a batch. A batch that lets go of messages within a bound is written only if nobody else let any go since,
//! which the portfolio's row tells; otherwise it is judged again. So many nodes never exceed a limit, and one uses it
//! up exactly. What only gives places back, or tells that a message arrived, is added whatever others did.

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::connect::{Link, within};
use super::load::Heard;
use super::pipeline::{Step, change};
use super::rows::{maybe_boxed, shard_of_text};
use super::settle::Settled;
use super::sql;
use super::trouble::Trouble;
use super::wants::Wants;
use crate::Setup;
use crate::codec::limit_of;
use crate::state::State;
use crate::state::messages::hash;
use crate::state::reach::{
    Entry, KnownLimit, Portfolio, decode, encode, latest_ms, portfolio_key, useful_until_ms,
};

/// Rows of a log read at once.
const PAGE_ROWS: i64 = 20_000;
/// Rows added after which old ones are looked for …
const LET_GO_EVERY: u64 = 16;
/// … and how many of them go at most: more than came.
const LET_GO_MAX: i64 = 64;

/// How far the log of a portfolio was read.
#[derive(Clone, Copy, Debug, Default)]
struct Read {
    version: i64,
    /// How often somebody let messages go, when that was last looked at.
    sends: i64,
    /// To its end, at least once.
    caught_up: bool,
    /// It has its row.
    is_made: bool,
}

/// What this node knows of the portfolios.
#[derive(Debug, Default)]
pub(super) struct Reach {
    portfolios: Vec<Portfolio>,
    read: Vec<Read>,
    /// Each business's portfolio, by its place in the configuration.
    of: Vec<u32>,
    added: u64,
}

/// Rows for the log of one portfolio.
#[derive(Debug)]
pub(super) struct Append {
    shard: i64,
    portfolio: Box<str>,
    /// 1 where messages are let go.
    sends: i64,
    /// How often that was done before, where it must not have been done since.
    known_sends: Option<i64>,
    until_ms: i64,
    entries: Vec<u8>,
    /// What was of use up to then goes.
    let_go_ms: Option<i64>,
}

impl Append {
    /// To be written at the end of a transaction: whoever waits for the portfolio's row has all others.
    pub(super) fn steps<'s>(&'s self, link: &'s Link) -> Vec<Step<'s>> {
        let columns: Vec<&(dyn ToSql + Sync)> = vec![
            &self.shard,
            &self.portfolio,
            &self.sends,
            &self.known_sends,
            &self.until_ms,
            &self.entries,
        ];
        let append: Step<'s> =
            Box::pin(async move { link.ask(sql::APPEND_REACH, &columns).await.map(|_| ()) });
        let mut steps = vec![append];
        if let Some(before_ms) = &self.let_go_ms {
            let columns: Vec<&(dyn ToSql + Sync)> =
                vec![&self.shard, &self.portfolio, before_ms, &LET_GO_MAX];
            steps.push(change(link, sql::PRUNE_REACH, columns));
        }
        steps
    }
}

/// Statements that appending runs.
pub(super) const STATEMENTS: &[&str] = &[sql::APPEND_REACH, sql::PRUNE_REACH];

impl Reach {
    /// Nothing read yet.
    pub(super) fn new(setup: &Setup) -> Self {
        let mut state = State::default();
        let of = setup.businesses.iter();
        let of = of.map(|business| state.portfolio_at(&portfolio_key(business)));
        let of = of.collect();
        Self {
            read: vec![Read::default(); state.portfolios.len()],
            portfolios: state.portfolios,
            of,
            added: 0,
        }
    }

    /// The portfolios that a batch looks at.
    fn wanted(&self, wants: &Wants) -> Vec<usize> {
        let places = wants.portfolios.iter();
        let places = places.filter_map(|business| self.of.get(business.0 as usize));
        let mut places: Vec<usize> = places.map(|place| *place as usize).collect();
        places.sort_unstable();
        places.dedup();
        places
    }

    /// What is asked of the database before a batch: shards, names, and how far each log was read.
    pub(super) fn asks(&self, wants: &Wants) -> (Vec<i64>, Vec<Box<str>>, Vec<i64>) {
        self.asks_of(&self.wanted(wants))
    }

    fn asks_of(&self, places: &[usize]) -> (Vec<i64>, Vec<Box<str>>, Vec<i64>) {
        let mut asks = (Vec::new(), Vec::new(), Vec::new());
        for place in places {
            if let (Some(portfolio), Some(read)) =
                (self.portfolios.get(*place), self.read.get(*place))
            {
                asks.0.push(shard_of_text(&portfolio.key));
                asks.1.push(portfolio.key.clone());
                asks.2.push(read.version);
            }
        }
        asks
    }

    /// Reads the whole log of portfolios that a batch looks at and that this node has not read yet.
    pub(super) async fn catch_up(
        &mut self,
        link: &mut Link,
        wants: &Wants,
        writes: bool,
    ) -> Result<(), Trouble> {
        let mut places = self.wanted(wants);
        if writes {
            self.make(link, &places).await?;
        }
        places.retain(|place| self.read.get(*place).is_some_and(|read| !read.caught_up));
        if places.is_empty() {
            return Ok(());
        }
        loop {
            let (shards, keys, versions) = self.asks_of(&places);
            let rows = within(link.rows(sql::READ_REACH, &[&shards, &keys, &versions, &PAGE_ROWS]))
                .await?;
            let is_full = rows.len() as i64 >= PAGE_ROWS;
            self.replay(&rows)?;
            if !is_full {
                break;
            }
        }
        for place in places {
            if let Some(read) = self.read.get_mut(place) {
                read.caught_up = true;
            }
        }
        Ok(())
    }

    /// Sees that portfolios have their rows.
    async fn make(&mut self, link: &mut Link, places: &[usize]) -> Result<(), Trouble> {
        let mut new = places.to_vec();
        new.retain(|place| self.read.get(*place).is_some_and(|read| !read.is_made));
        if new.is_empty() {
            return Ok(());
        }
        let (shards, keys, _) = self.asks_of(&new);
        within(link.run(sql::MAKE_PORTFOLIOS, &[&shards, &keys])).await?;
        for place in new {
            if let Some(read) = self.read.get_mut(place) {
                read.is_made = true;
            }
        }
        Ok(())
    }

    fn place(&self, key: &str) -> Option<usize> {
        self.portfolios.iter().position(|one| *one.key == *key)
    }

    fn replay(&mut self, rows: &[Row]) -> Result<(), Trouble> {
        for row in rows {
            let Some(place) = self.place(row.try_get(0)?) else {
                continue;
            };
            let version: i64 = row.try_get(1)?;
            let entries = decode(row.try_get(2)?)?;
            if let (Some(portfolio), Some(read)) =
                (self.portfolios.get_mut(place), self.read.get_mut(place))
            {
                for entry in entries {
                    portfolio.counted.apply(entry, &mut |_| {});
                }
                read.version = read.version.max(version);
            }
        }
        Ok(())
    }

    /// Takes what was loaded for a batch; whether that was all there is.
    pub(super) fn hear(&mut self, heard: &Heard) -> Result<bool, Trouble> {
        for row in &heard.portfolios {
            let Some(place) = self.place(row.try_get(0)?) else {
                continue;
            };
            let said: (Option<i64>, Option<i64>) = (row.try_get(3)?, row.try_get(5)?);
            let origin = maybe_boxed(row, 4)?;
            if let Some(read) = self.read.get_mut(place) {
                read.sends = row.try_get(2)?;
            }
            if let Some(portfolio) = self.portfolios.get_mut(place) {
                portfolio.limit = said.0.zip(said.1).map(|(people, at_ms)| KnownLimit {
                    limit: limit_of(people),
                    origin: origin.unwrap_or_default(),
                    at_ms,
                });
            }
        }
        self.replay(&heard.reach)?;
        Ok((heard.reach.len() as i64) < PAGE_ROWS)
    }

    /// Lends everything to what judges a batch.
    pub(super) fn lend(&mut self, state: &mut State) {
        state.portfolios = std::mem::take(&mut self.portfolios);
        for (business, place) in state.businesses.iter_mut().zip(&self.of) {
            business.portfolio = *place;
        }
    }

    /// Takes it back, as it is now.
    pub(super) fn take_back(&mut self, state: &mut State) {
        if !state.portfolios.is_empty() {
            self.portfolios = std::mem::take(&mut state.portfolios);
        }
    }

    /// What a batch that was judged is to add to the logs.
    pub(super) fn appends(&mut self, state: &State) -> Vec<Append> {
        let mut appends = Vec::new();
        for (portfolio, read) in state.portfolios.iter().zip(&self.read) {
            if portfolio.added.is_empty() {
                continue;
            }
            let lets_go = portfolio
                .added
                .iter()
                .any(|entry| matches!(entry, Entry::Sent { .. }));
            let known_sends = (lets_go && portfolio.is_bound).then_some(read.sends);
            appends.push(append(
                portfolio,
                &portfolio.added,
                (i64::from(lets_go), known_sends),
                &mut self.added,
            ));
        }
        // Two batches meet in one order.
        appends.sort_by(|one, other| {
            (one.shard, &one.portfolio).cmp(&(other.shard, &other.portfolio))
        });
        appends
    }

    /// What outcomes add to the logs.
    pub(super) fn settled(&mut self, settled: &[Settled]) -> Vec<Append> {
        let mut appends = Vec::new();
        for portfolio in &self.portfolios {
            let mut entries = Vec::new();
            for one in settled {
                let (seq, came_back, message_id) = one.reach();
                let Some(was_refused) = portfolio.counted.is_refused(seq) else {
                    continue;
                };
                match (came_back, was_refused) {
                    (true, false) => entries.push(Entry::Refused { seq }),
                    (false, true) => entries.push(Entry::Gone { seq }),
                    _ => {}
                }
                entries.extend(message_id.map(|id| Entry::Named {
                    seq,
                    hash: hash(id),
                }));
            }
            if !entries.is_empty() {
                appends.push(append(portfolio, &entries, (0, None), &mut self.added));
            }
        }
        appends.sort_by(|one, other| {
            (one.shard, &one.portfolio).cmp(&(other.shard, &other.portfolio))
        });
        appends
    }
}

fn append(
    portfolio: &Portfolio,
    entries: &[Entry],
    (sends, known_sends): (i64, Option<i64>),
    added: &mut u64,
) -> Append {
    let now_ms = portfolio.counted.newest_ms();
    *added += 1;
    Append {
        shard: shard_of_text(&portfolio.key),
        portfolio: portfolio.key.clone(),
        sends,
        known_sends,
        until_ms: useful_until_ms(latest_ms(entries, now_ms)),
        entries: encode(entries),
        let_go_ms: added.is_multiple_of(LET_GO_EVERY).then_some(now_ms),
    }
}

/// How many rows of a log are read with a batch at most.
pub(super) const ROWS_MAX: i64 = PAGE_ROWS;
