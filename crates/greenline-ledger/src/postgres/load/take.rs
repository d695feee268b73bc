//! From the rows that were found to what is known of each person and of the platform.

use greenline_policy::number::Ban;
use rustc_hash::FxHashMap;
use tokio_postgres::Row;

use super::{
    Around, Depth, Found, Known, LinkRow, Name, OpenSend, PeopleAsks, PeopleRows, Snapshot,
    WindowRow,
};
use crate::codec::{ban_of, decode_head, restriction_row};
use crate::error::LedgerError;
use crate::postgres::marks::{MarkRow, MessageRow, limited_of};
use crate::postgres::notice::takes;
use crate::postgres::pairs;
use crate::postgres::rows::{
    boxed, category, event_row, identifier, identifier_row, maybe_boxed, person, seq,
};
use crate::postgres::trouble::Trouble;
use crate::postgres::wants::KeyKind;
use crate::state::platform::{AccountRow, HealthRow, NumberRow, RestrictionRow, TemplateRow};
use crate::types::{BusinessIx, PersonId};

/// A row of `FIND_NUMBERS`.
pub(in crate::postgres) fn number(row: &Row) -> Result<NumberRow, Trouble> {
    // 0 stands for a number that was never read.
    let at_ms: Option<i64> = row.try_get(4)?;
    Ok(NumberRow {
        status: maybe_boxed(row, 2)?,
        rating: maybe_boxed(row, 3)?,
        rating_at_ms: row.try_get(5)?,
        at_ms: at_ms.filter(|at_ms| *at_ms > 0),
        spam_ms: row.try_get(6)?,
        health: HealthRow {
            read: maybe_boxed(row, 7)?,
            read_ms: row.try_get(8)?,
            available_ms: row.try_get(9)?,
            locked_ms: row.try_get(10)?,
            policy_ms: row.try_get(11)?,
        },
    })
}

/// A row of `FIND_ACCOUNTS`.
pub(in crate::postgres) fn ban(row: &Row) -> Result<(Ban, Option<i64>), Trouble> {
    let ban = ban_of(row.try_get(2)?).ok_or_else(|| LedgerError::unreadable("a ban state"))?;
    Ok((ban, row.try_get(3)?))
}

/// A row of `FIND_RESTRICTIONS`.
pub(in crate::postgres) fn restriction(row: &Row) -> Result<RestrictionRow, Trouble> {
    let kind = restriction_row(row.try_get(3)?, row.try_get(2)?)
        .ok_or_else(|| LedgerError::unreadable("a restriction"))?;
    Ok(RestrictionRow {
        kind,
        named: boxed(row, 2)?,
        until_ms: row.try_get(4)?,
        at_ms: row.try_get(5)?,
    })
}

impl Snapshot {
    /// Takes what [`super::first_round`] found; who was named.
    pub(super) fn take_first(
        &mut self,
        around: &Around<'_>,
        found: &Found,
    ) -> Result<Vec<(Name, PersonId)>, Trouble> {
        for row in &found.clock {
            self.now_ms = row.try_get(0)?;
        }
        for row in &found.keys {
            let (Some(business), Some(kind)) =
                (around.ix(row.try_get(0)?), KeyKind::of(row.try_get(1)?))
            else {
                continue;
            };
            self.keys
                .insert((business, kind, boxed(row, 2)?), row.try_get(3)?);
        }
        for row in &found.replies {
            self.replies.insert(row.try_get(0)?, row.try_get(1)?);
        }
        for row in &found.later {
            self.later.insert(row.try_get(0)?, row.try_get(1)?);
        }
        for row in &found.messages {
            let at: (Option<i64>, Option<i64>) = (row.try_get(3)?, row.try_get(4)?);
            let decision: (Option<i64>, Option<i64>) = (row.try_get(1)?, row.try_get(2)?);
            let read = MessageRow {
                decision: decision.0.zip(decision.1),
                latest: at.0.zip(at.1),
            };
            self.messages.insert(boxed(row, 0)?, read);
        }
        for row in &found.subscribers {
            if let Some(business) = around.ix(row.try_get(0)?) {
                let taker = (business, boxed(row, 1)?, takes(row, 2)?);
                self.subscribers.push(taker);
            }
        }
        self.platform(around, found)?;
        let mut named = Vec::with_capacity(found.names.len());
        for row in &found.names {
            if let Some(business) = around.ix(row.try_get(0)?) {
                let name = (business, identifier(row.try_get(1)?)?);
                named.push((name, person(row.try_get(2)?)));
            }
        }
        Ok(named)
    }

    fn platform(&mut self, around: &Around<'_>, found: &Found) -> Result<(), Trouble> {
        for row in &found.templates {
            let Some(business) = around.ix(row.try_get(0)?) else {
                continue;
            };
            let read = TemplateRow {
                template_id: None,
                category: category(row.try_get(4)?)?,
                status: maybe_boxed(row, 5)?,
                is_ask: row.try_get(6)?,
                quality: maybe_boxed(row, 8)?,
                at_ms: row.try_get(7)?,
            };
            let platform = &mut self.state.business_mut(business)?.platform;
            let _ = platform.set_template(row.try_get(1)?, row.try_get(2)?, row.try_get(3)?, read);
        }
        for row in &found.numbers {
            let Some(business) = around.ix(row.try_get(0)?) else {
                continue;
            };
            let read = number(row)?;
            let platform = &mut self.state.business_mut(business)?.platform;
            let _ = platform.set_number(row.try_get(1)?, read);
        }
        let mut accounts: FxHashMap<(BusinessIx, Box<str>), AccountRow> = FxHashMap::default();
        for row in &found.accounts {
            let Some(business) = around.ix(row.try_get(0)?) else {
                continue;
            };
            let account = accounts.entry((business, boxed(row, 1)?)).or_default();
            (account.ban, account.ban_at_ms) = ban(row)?;
        }
        for row in &found.restrictions {
            let Some(business) = around.ix(row.try_get(0)?) else {
                continue;
            };
            let read = restriction(row)?;
            accounts
                .entry((business, boxed(row, 1)?))
                .or_default()
                .restrictions
                .push(read);
        }
        for ((business, waba_id), account) in accounts {
            let platform = &mut self.state.business_mut(business)?.platform;
            let _ = platform.set_account(&waba_id, account);
        }
        Ok(())
    }

    /// Takes what [`super::people_rows`] found.
    pub(super) fn take(
        &mut self,
        around: &Around<'_>,
        asks: &PeopleAsks,
        rows: &PeopleRows,
    ) -> Result<(), Trouble> {
        // Some may have been loaded before, less deep: all of theirs is read anew.
        if asks
            .histories
            .iter()
            .any(|person| self.people.contains_key(person))
        {
            self.open
                .retain(|send| !asks.histories.contains(&send.person));
        }
        self.take_people(around, asks, rows)?;
        self.take_heads(&rows.heads)?;
        self.take_history(rows)?;
        self.take_windows(&rows.windows)?;
        self.take_marks(&rows.marks)?;
        self.take_sends(asks, &rows.sends)?;
        self.take_links(&rows.links)
    }

    fn take_people(
        &mut self,
        around: &Around<'_>,
        asks: &PeopleAsks,
        rows: &PeopleRows,
    ) -> Result<(), Trouble> {
        for row in &rows.people {
            let id = person(row.try_get(0)?);
            // Of a business that the configuration no longer names: nobody asks for it.
            let business = around.ix(row.try_get(1)?).unwrap_or(BusinessIx(u32::MAX));
            let mut known = Known::new(business, Some(row.try_get(2)?));
            known.last_seq = seq(row.try_get(3)?);
            let limited: (Option<i64>, Option<i64>) = (row.try_get(4)?, row.try_get(5)?);
            known.limited = limited_of(limited);
            if let Some(text) = row.try_get(6)? {
                known.pairs = pairs::read(text)
                    .ok_or_else(|| LedgerError::unreadable("what went to a person of late"))?;
            }
            // In the order of ids.
            if asks.heads.binary_search(&id).is_ok() {
                known.depth = Depth::Head;
            }
            self.people.insert(id, known);
        }
        Ok(())
    }

    fn take_heads(&mut self, heads: &[Row]) -> Result<(), Trouble> {
        for row in heads {
            let spelling = usize::try_from(row.try_get::<_, i64>(1)?).unwrap_or(usize::MAX);
            let known = self.people.get_mut(&person(row.try_get(0)?));
            if let Some(place) = known.and_then(|known| known.heads.get_mut(spelling)) {
                *place = Some(Box::new(decode_head(row.try_get(2)?)?));
            }
        }
        Ok(())
    }

    fn take_history(&mut self, rows: &PeopleRows) -> Result<(), Trouble> {
        for row in &rows.identifiers {
            let (owner, read) = identifier_row(row)?;
            if let Some(known) = self.people.get_mut(&owner) {
                self.owners
                    .insert((known.business, read.canonical.clone()), owner);
                known.identifiers.push(read);
            }
        }
        for row in &rows.events {
            let (owner, read) = event_row(row)?;
            let dedup = maybe_boxed(row, 8)?;
            let Some(known) = self.people.get_mut(&owner) else {
                continue;
            };
            if let Some(key) = dedup {
                let id = i64::try_from(read.id.0).unwrap_or(i64::MAX);
                // A row of an import that was undone may be there again: the newest counts.
                self.arrivals.insert(id, row.try_get(9)?);
                let newest = self.keys.entry((known.business, KeyKind::Event, key));
                newest
                    .and_modify(|known| *known = id.max(*known))
                    .or_insert(id);
            }
            known.events.push(read);
        }
        Ok(())
    }

    fn take_windows(&mut self, windows: &[Row]) -> Result<(), Trouble> {
        for row in windows {
            let read = WindowRow {
                wrote_at_ms: row.try_get(2)?,
                free_until_ms: row.try_get(3)?,
                call_at_ms: row.try_get(4)?,
                call_until_ms: row.try_get(5)?,
            };
            if let Some(known) = self.people.get_mut(&person(row.try_get(0)?)) {
                known.windows.insert(boxed(row, 1)?, read);
            }
        }
        Ok(())
    }

    fn take_marks(&mut self, marks: &[Row]) -> Result<(), Trouble> {
        for row in marks {
            if let Some(known) = self.people.get_mut(&person(row.try_get(0)?)) {
                let mark = MarkRow::read(seq(row.try_get(1)?), row.try_get(2)?, row.try_get(3)?);
                let unreadable = || LedgerError::unreadable("what a message counts as");
                known.marks.push(mark.ok_or_else(unreadable)?);
            }
        }
        Ok(())
    }

    fn take_sends(&mut self, asks: &PeopleAsks, sends: &[Row]) -> Result<(), Trouble> {
        for row in sends {
            let hash: &[u8] = row.try_get(5)?;
            let body_hash = hash
                .try_into()
                .map_err(|_| LedgerError::unreadable("the hash of a body"))?;
            self.open.push(OpenSend {
                person: person(row.try_get(0)?),
                seq: seq(row.try_get(1)?),
                ours: row.try_get::<_, i64>(2)? == asks.token,
                at_ms: row.try_get(3)?,
                age_ms: row.try_get(4)?,
                body_hash,
                unknown: row.try_get::<_, Option<&str>>(6)?.is_some(),
                lives: row.try_get(7)?,
            });
        }
        Ok(())
    }

    fn take_links(&mut self, links: &[Row]) -> Result<(), Trouble> {
        for row in links {
            self.links.insert(LinkRow {
                one: person(row.try_get(0)?),
                kind: row.try_get(1)?,
                other: person(row.try_get(2)?),
                at_ms: row.try_get(3)?,
                left: boxed(row, 4)?,
            });
        }
        Ok(())
    }
}
