//! Who counts as reached, on Postgres: one log for each portfolio, to which every node adds in a part of its own and
//! which every node reads on from where it was.
//!
//! A node keeps what the log came to in memory, as the store on one machine does, and reads what others added before
//! it judges a batch. What it then lets go within a bound is paid for with places (see [`places`]): those that its part
//! of the log holds, or others that it takes from the portfolio when these do not do. So many nodes never exceed a
//! limit and use it up exactly, and while there is room none of them waits for another. What only gives places back,
//! or tells that a message arrived, is added whatever others did.
//!
//! Everything is read as of one moment: whoever reads what became of a message has read that it went.

mod places;

use greenline_policy::reach::REACH_MS;
use rustc_hash::FxHashMap;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::connect::{Link, within};
use super::load::Heard;
use super::pipeline::Step;
use super::rows::{maybe_boxed, seq, shard_of_text};
use super::settle::Settled;
use super::sql;
use super::trouble::Trouble;
use super::wants::Wants;
use crate::codec::limit_of;
use crate::state::State;
use crate::state::messages::hash;
use crate::state::reach::{
    Counted, Entry, KnownLimit, Portfolio, decode, encode, latest_ms, useful_until_ms,
};
use places::{Pays, Places};

/// Rows of a log read at once.
const PAGE_ROWS: i64 = 20_000;
/// Rows added after which old ones are looked for …
const LET_GO_EVERY: u64 = 16;
/// … and how many of them go at most, of this node's part and of another: more than came.
const LET_GO_MAX: i64 = 64;
/// Rows of one part are numbered from its own number times this on.
const PART_ROWS: i64 = 1 << 40;

/// The part of a node. The first one is for what was there before there were parts, or came from another store.
fn part_of(node: u64) -> i64 {
    i64::try_from(node).unwrap_or(0) + 1
}

/// How far the log of a portfolio was read.
#[derive(Clone, Debug, Default)]
struct Read {
    /// Each of its parts.
    parts: FxHashMap<i64, i64>,
    /// Who held places when that was last looked at.
    places: Places,
    /// To its end, at least once.
    caught_up: bool,
    /// The part of this node that it has a row for.
    made: Option<i64>,
}

/// What this node knows of the portfolios.
#[derive(Debug, Default)]
pub(super) struct Reach {
    portfolios: Vec<Portfolio>,
    read: Vec<Read>,
    /// Each business's portfolio, by its place in the configuration.
    of: Vec<u32>,
    /// This node's part of each log.
    part: i64,
    added: u64,
}

/// What is asked of the database before a batch.
#[derive(Debug, Default)]
pub(super) struct Asks {
    /// The shards of portfolios, and their names.
    pub(super) shards: Vec<i64>,
    pub(super) keys: Vec<Box<str>>,
    /// How far each part of their logs was read.
    pub(super) known: (Vec<Box<str>>, Vec<i64>, Vec<i64>),
}

/// A row of a log.
struct Logged {
    place: usize,
    part: i64,
    version: i64,
    until_ms: i64,
    entries: Vec<Entry>,
}

/// A row for the log of one portfolio.
#[derive(Debug)]
pub(super) struct Append {
    shard: i64,
    portfolio: Box<str>,
    part: i64,
    pays: Pays,
    until_ms: i64,
    entries: Vec<u8>,
    /// What was of use up to then goes, of these parts.
    let_go: Option<(i64, [i64; 2])>,
}

impl Append {
    /// To be written at the end of a transaction: whoever waits for one of these rows has all others. Of a portfolio
    /// comes first its own row, then what other nodes hold, then what this one does.
    pub(super) fn steps<'s>(&'s self, link: &'s Link) -> Vec<Step<'s>> {
        let mut steps = self.pays.steps(link, self.shard, &self.portfolio);
        let (at_least, instead) = self.pays.own();
        steps.push(Box::pin(async move {
            let columns: [&(dyn ToSql + Sync); 7] = [
                &self.shard,
                &self.portfolio,
                &self.part,
                &at_least,
                &instead,
                &self.until_ms,
                &self.entries,
            ];
            link.ask(sql::APPEND_REACH, &columns).await.map(|_| ())
        }));
        if let Some((before_ms, parts)) = &self.let_go {
            let parts = parts.iter().map(|part| {
                let (from, to) = (part * PART_ROWS, (part + 1) * PART_ROWS);
                let prune: Step<'s> = Box::pin(async move {
                    let columns: [&(dyn ToSql + Sync); 6] = [
                        &self.shard,
                        &self.portfolio,
                        before_ms,
                        &from,
                        &to,
                        &LET_GO_MAX,
                    ];
                    link.change(sql::PRUNE_REACH, &columns).await.map(|_| ())
                });
                prune
            });
            steps.extend(parts);
        }
        steps
    }
}

/// Statements that appending runs.
pub(super) const STATEMENTS: &[&str] = &[
    sql::GRANT_PLACES,
    sql::RECALL_PLACES,
    sql::APPEND_REACH,
    sql::PRUNE_REACH,
];

impl Reach {
    /// Nothing read yet of portfolios of these names, one for each business.
    pub(super) fn of(keys: &[Box<str>]) -> Self {
        let mut state = State::default();
        let of = keys.iter().map(|key| state.portfolio_at(key)).collect();
        Self {
            read: vec![Read::default(); state.portfolios.len()],
            portfolios: state.portfolios,
            of,
            ..Self::default()
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

    /// What is asked of the database before a batch.
    pub(super) fn asks(&self, wants: &Wants) -> Asks {
        self.asks_of(&self.wanted(wants), &[])
    }

    /// What is asked where some rows were read already that are not taken in yet.
    fn asks_of(&self, places: &[usize], more: &[Logged]) -> Asks {
        let mut asks = Asks::default();
        for place in places {
            let (Some(portfolio), Some(read)) =
                (self.portfolios.get(*place), self.read.get(*place))
            else {
                continue;
            };
            asks.shards.push(shard_of_text(&portfolio.key));
            asks.keys.push(portfolio.key.clone());
            let mut parts = read.parts.clone();
            for row in more.iter().filter(|row| row.place == *place) {
                parts.insert(row.part, row.version);
            }
            for (part, version) in parts {
                asks.known.0.push(portfolio.key.clone());
                asks.known.1.push(part);
                asks.known.2.push(version);
            }
        }
        asks
    }

    /// Reads the whole log of portfolios that a batch looks at and that this node has not read yet.
    pub(super) async fn catch_up(
        &mut self,
        link: &mut Link,
        wants: &Wants,
        (node, writes): (u64, bool),
    ) -> Result<(), Trouble> {
        let mut places = self.wanted(wants);
        self.part = part_of(node);
        if writes {
            self.make(link, &places).await?;
        }
        places.retain(|place| self.read.get(*place).is_some_and(|read| !read.caught_up));
        if places.is_empty() {
            return Ok(());
        }
        let mut rows = Vec::new();
        loop {
            let asks = self.asks_of(&places, &rows);
            let known = &asks.known;
            let page = within(link.rows(
                sql::READ_REACH,
                &[
                    &asks.shards,
                    &asks.keys,
                    &known.0,
                    &known.1,
                    &known.2,
                    &PAGE_ROWS,
                ],
            ))
            .await?;
            rows.extend(self.logged(&page)?);
            // A page that is not full is all there was at its moment.
            if (page.len() as i64) < PAGE_ROWS {
                break;
            }
        }
        self.take(rows);
        for place in places {
            if let Some(read) = self.read.get_mut(place) {
                read.caught_up = true;
            }
        }
        Ok(())
    }

    /// Sees that portfolios have their rows, and this node its part of each.
    async fn make(&mut self, link: &mut Link, places: &[usize]) -> Result<(), Trouble> {
        let part = self.part;
        let mut new = places.to_vec();
        new.retain(|place| {
            let read = self.read.get(*place);
            read.is_some_and(|read| read.made != Some(part))
        });
        if new.is_empty() {
            return Ok(());
        }
        let asks = self.asks_of(&new, &[]);
        within(link.run(sql::MAKE_PORTFOLIOS, &[&asks.shards, &asks.keys])).await?;
        let parts = vec![part; asks.keys.len()];
        let versions = vec![part * PART_ROWS; asks.keys.len()];
        let columns: [&(dyn ToSql + Sync); 4] = [&asks.shards, &asks.keys, &parts, &versions];
        within(link.run(sql::MAKE_PARTS, &columns)).await?;
        for place in new {
            if let Some(read) = self.read.get_mut(place) {
                read.made = Some(part);
            }
        }
        Ok(())
    }

    fn place(&self, key: &str) -> Option<usize> {
        self.portfolios.iter().position(|one| *one.key == *key)
    }

    fn logged(&self, rows: &[Row]) -> Result<Vec<Logged>, Trouble> {
        let mut logged = Vec::with_capacity(rows.len());
        for row in rows {
            if let Some(place) = self.place(row.try_get(0)?) {
                logged.push(Logged {
                    place,
                    part: row.try_get(1)?,
                    version: row.try_get(2)?,
                    until_ms: row.try_get(3)?,
                    entries: decode(row.try_get(4)?)?,
                });
            }
        }
        Ok(logged)
    }

    /// Takes in rows, all there were at one moment, those of each part in their order.
    fn take(&mut self, mut rows: Vec<Logged>) {
        // Of two parts the older rows first, as far as they tell: what is long over is forgotten on the way.
        let mut latest: FxHashMap<(usize, i64), i64> = FxHashMap::default();
        for row in &mut rows {
            let latest = latest.entry((row.place, row.part)).or_insert(i64::MIN);
            *latest = (*latest).max(row.until_ms);
            row.until_ms = *latest;
        }
        rows.sort_by_key(|row| (row.place, row.until_ms));
        // What one node tells of messages that others let go.
        let mut early: Vec<(usize, Entry)> = Vec::new();
        for row in rows {
            let (Some(portfolio), Some(read)) = (
                self.portfolios.get_mut(row.place),
                self.read.get_mut(row.place),
            ) else {
                continue;
            };
            for entry in row.entries {
                if portfolio.counted.is_ready_for(&entry) {
                    portfolio.counted.apply(entry, &mut |_| {});
                } else {
                    early.push((row.place, entry));
                }
            }
            let version = read.parts.entry(row.part).or_insert(row.version);
            *version = (*version).max(row.version);
        }
        for (place, entry) in early {
            if let Some(portfolio) = self.portfolios.get_mut(place) {
                portfolio.counted.apply(entry, &mut |_| {});
            }
        }
    }

    /// Takes what was loaded for a batch; whether that was all there is.
    pub(super) fn hear(&mut self, heard: &Heard) -> Result<bool, Trouble> {
        let mut seen: Vec<usize> = Vec::new();
        for row in &heard.portfolios {
            let Some(place) = self.place(row.try_get(0)?) else {
                continue;
            };
            let is_first = !seen.contains(&place);
            seen.extend(is_first.then_some(place));
            let said: (Option<i64>, Option<i64>) = (row.try_get(2)?, row.try_get(4)?);
            let origin = maybe_boxed(row, 3)?;
            if let Some(read) = self.read.get_mut(place) {
                if is_first {
                    read.places = Places::as_of(row.try_get(1)?);
                }
                let held: (Option<i64>, Option<i64>) = (row.try_get(5)?, row.try_get(6)?);
                read.places.held.extend(held.0.zip(held.1));
            }
            if let Some(portfolio) = self.portfolios.get_mut(place) {
                portfolio.limit = said.0.zip(said.1).map(|(people, at_ms)| KnownLimit {
                    limit: limit_of(people),
                    origin: origin.unwrap_or_default(),
                    at_ms,
                });
            }
        }
        let rows = self.logged(&heard.reach)?;
        if (heard.reach.len() as i64) < PAGE_ROWS {
            self.take(rows);
            return Ok(true);
        }
        // Half of it says nothing: all of it is read before the next try.
        for place in seen {
            if let Some(read) = self.read.get_mut(place) {
                read.caught_up = false;
            }
        }
        Ok(false)
    }

    /// Whether a send went so long ago that it may have been forgotten.
    pub(super) fn may_forget(&self, number: i64) -> bool {
        let sent_ms = number >> 20;
        let mut portfolios = self.portfolios.iter().map(|one| &one.counted);
        let is_old = |counted: &Counted| sent_ms < counted.newest_ms().saturating_sub(REACH_MS);
        portfolios
            .clone()
            .all(|counted| !counted.knows(seq(number)))
            && portfolios.any(is_old)
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
    pub(super) fn appends(&mut self, state: &mut State) -> Vec<Append> {
        let mut appends = Vec::new();
        for (portfolio, read) in state.portfolios.iter_mut().zip(&self.read) {
            if portfolio.added.is_empty() {
                continue;
            }
            let sent = |entry: &&Entry| matches!(entry, Entry::Sent { .. });
            let sent = portfolio.added.iter().filter(sent).count();
            let pays = match (portfolio.bounded, sent) {
                (None, _) | (_, 0) => Pays::Nothing,
                (Some(bounded), sent) => {
                    let reached = portfolio.counted.count(bounded.now_ms);
                    let room = i64::from(bounded.people) - i64::from(reached);
                    read.places.pay(self.part, sent, room)
                }
            };
            let part = (self.part, pays);
            appends.push(append(
                portfolio,
                read,
                &portfolio.added,
                part,
                &mut self.added,
            ));
        }
        in_one_order(appends)
    }

    /// What outcomes add to the logs.
    pub(super) fn settled(&mut self, settled: &[Settled]) -> Vec<Append> {
        let mut appends = Vec::new();
        for (portfolio, read) in self.portfolios.iter().zip(&self.read) {
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
                let part = (read.made.unwrap_or(self.part), Pays::Nothing);
                appends.push(append(portfolio, read, &entries, part, &mut self.added));
            }
        }
        in_one_order(appends)
    }
}

/// As two batches meet.
fn in_one_order(mut appends: Vec<Append>) -> Vec<Append> {
    appends.sort_by(|one, other| (one.shard, &one.portfolio).cmp(&(other.shard, &other.portfolio)));
    appends
}

fn append(
    portfolio: &Portfolio,
    read: &Read,
    entries: &[Entry],
    (part, pays): (i64, Pays),
    added: &mut u64,
) -> Append {
    let now_ms = portfolio.counted.newest_ms();
    *added += 1;
    // This node's part, and one after the other those of all others: of some the node is gone.
    let let_go = added.is_multiple_of(LET_GO_EVERY).then(|| {
        let turn = usize::try_from(*added / LET_GO_EVERY).unwrap_or(0);
        let other = read
            .parts
            .keys()
            .cycle()
            .nth(turn % read.parts.len().max(1));
        (now_ms, [part, other.copied().unwrap_or(part)])
    });
    Append {
        shard: shard_of_text(&portfolio.key),
        portfolio: portfolio.key.clone(),
        part,
        pays,
        until_ms: useful_until_ms(latest_ms(entries, now_ms)),
        entries: encode(entries),
        let_go,
    }
}

/// How many rows of a log are read with a batch at most.
pub(super) const ROWS_MAX: i64 = PAGE_ROWS;

#[cfg(test)]
mod tests;
