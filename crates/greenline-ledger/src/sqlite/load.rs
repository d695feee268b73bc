//! Rebuilds what decisions need from the store, at start and to verify.

use greenline_policy::identity::Identifier;
use greenline_policy::scope::Category;
use rusqlite::{Connection, params};
use rustc_hash::{FxHashMap, FxHashSet};

use super::rows::{identifier, person, person_column, seq};
use super::{marks, messages, pairs, reach, sql};
use crate::BusinessSetup;
use crate::codec::{ban_of, decode_head, decode_record, restriction_row};
use crate::error::LedgerError;
use crate::state::links::Move;
use crate::state::people::{Slot, Window};
use crate::state::platform::{AccountRow, HealthRow, NumberRow, RestrictionRow, TemplateRow};
use crate::state::reach::portfolio_key;
use crate::state::{Business, State};
use crate::subscription::Takes;
use crate::types::{BusinessIx, DecisionId, PersonId, PersonShard, UNSETTLED_MS};

/// The businesses that the store knows, by row.
pub(super) fn businesses(connection: &Connection) -> Result<Vec<(i64, Box<str>)>, LedgerError> {
    let mut statement = connection.prepare_cached(sql::LOAD_BUSINESSES)?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push((row.get(0)?, row.get(1)?));
    }
    Ok(found)
}

/// Everything. `adding` writes businesses that the store has not seen; they are left out otherwise.
pub(super) fn state(
    connection: &Connection,
    configured: &[BusinessSetup],
    adding: bool,
) -> Result<State, LedgerError> {
    if adding {
        for business in configured {
            connection
                .prepare_cached(sql::INSERT_BUSINESS)?
                .execute([&business.id])?;
        }
    }
    everything(Loading::new(connection, configured)?)
}

/// As [`state`], but of people only some, with everyone linked to them, and nothing that only a writer needs.
pub(super) fn some(
    connection: &Connection,
    configured: &[BusinessSetup],
    only: FxHashSet<PersonId>,
) -> Result<State, LedgerError> {
    let mut loading = Loading::new(connection, configured)?;
    loading.only = Some(only);
    everything(loading)
}

fn everything(mut loading: Loading<'_>) -> Result<State, LedgerError> {
    let connection = loading.connection;
    let people = loading.identifiers()?;
    loading.links(&people)?;
    loading.heads(&people)?;
    loading.windows(&people)?;
    loading.platform()?;
    loading.takers()?;
    loading.unsettled()?;
    loading.marks(&people)?;
    pairs::load(connection, &mut loading.state, None)?;
    reach::load(connection, &mut loading.state)?;
    if loading.only.is_none() {
        loading.state.messages = messages::load(connection)?;
    }
    let mut state = loading.state;
    state.begin();
    Ok(state)
}

/// A state in the making.
pub(super) struct Loading<'c> {
    connection: &'c Connection,
    /// So far.
    pub(super) state: State,
    places: FxHashMap<i64, BusinessIx>,
    /// Of people only these.
    only: Option<FxHashSet<PersonId>>,
}

impl<'c> Loading<'c> {
    /// With the businesses and nothing of theirs.
    pub(super) fn new(
        connection: &'c Connection,
        configured: &[BusinessSetup],
    ) -> Result<Self, LedgerError> {
        let mut stored = businesses(connection)?;
        let mut state = State::default();
        for business in configured {
            let portfolio = state.portfolio_at(&portfolio_key(business));
            let at = stored.iter().position(|(_, id)| **id == *business.id);
            let (row, id) =
                at.map_or_else(|| (-1, business.id.as_str().into()), |at| stored.remove(at));
            state.businesses.push(Business {
                row,
                id,
                portfolio,
                ..Business::default()
            });
        }
        for (row, id) in stored {
            let portfolio = state.portfolio_at(&portfolio_key(&BusinessSetup {
                id: id.to_string(),
                portfolio: String::new(),
            }));
            state.businesses.push(Business {
                row,
                id,
                portfolio,
                ..Business::default()
            });
        }
        let places = (0..)
            .map(BusinessIx)
            .zip(&state.businesses)
            .map(|(ix, business)| (business.row, ix))
            .collect();
        Ok(Self {
            connection,
            state,
            places,
            only: None,
        })
    }

    fn place(&self, row: i64) -> Result<BusinessIx, LedgerError> {
        self.places
            .get(&row)
            .copied()
            .ok_or_else(|| LedgerError::unreadable("a row of an unknown business"))
    }

    /// Hands to `read` every row of `all`, or where only some people are wanted, those of `of` each of them.
    fn each(
        &mut self,
        all: &str,
        of: &str,
        mut read: impl FnMut(&mut Self, &rusqlite::Row<'_>) -> Result<(), LedgerError>,
    ) -> Result<(), LedgerError> {
        let connection = self.connection;
        let Some(only) = self.only.take() else {
            let mut statement = connection.prepare(all)?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                read(self, row)?;
            }
            return Ok(());
        };
        let mut statement = connection.prepare(of)?;
        for person in &only {
            let mut rows = statement.query(params![person.shard().0, person_column(*person)])?;
            while let Some(row) = rows.next()? {
                read(self, row)?;
            }
        }
        self.only = Some(only);
        Ok(())
    }

    fn identifiers(&mut self) -> Result<FxHashMap<PersonId, Slot>, LedgerError> {
        let mut people = FxHashMap::default();
        self.each(
            sql::LOAD_IDENTIFIERS,
            sql::ALL_IDENTIFIERS_OF,
            |this, row| {
                let business = this.place(row.get(0)?)?;
                let canonical =
                    identifier(row.get_ref(2)?.as_str().map_err(rusqlite::Error::from)?)?;
                let id = person(row.get(4)?);
                match people.get(&id) {
                    Some(slot) => this.state.add_identifier(business, &canonical, *slot)?,
                    None => {
                        people.insert(id, this.state.add_person(business, &canonical, id)?);
                    }
                }
                // Nothing is taken back while loading.
                this.state.begin();
                Ok(())
            },
        )?;
        Ok(people)
    }

    fn links(&mut self, people: &FxHashMap<PersonId, Slot>) -> Result<(), LedgerError> {
        let slot = |id: PersonId| {
            people
                .get(&id)
                .copied()
                .ok_or_else(|| LedgerError::unreadable("a link of nobody"))
        };
        let mut statement = self.connection.prepare(sql::LOAD_LINKS)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (one, other): (PersonId, PersonId) = (person(row.get(0)?), person(row.get(2)?));
            let (kind, at_ms): (i64, i64) = (row.get(1)?, row.get(3)?);
            if kind == 1 {
                let slots = (
                    self.state.follow(slot(one)?),
                    self.state.follow(slot(other)?),
                );
                self.state.link((one, slots.0), (other, slots.1), at_ms);
            } else {
                let left: Identifier =
                    identifier(row.get_ref(5)?.as_str().map_err(rusqlite::Error::from)?)?;
                self.state.note_move(
                    Move {
                        from: one,
                        left,
                        to: other,
                        at_ms,
                    },
                    slot(one)?,
                    slot(other)?,
                );
            }
            self.state.begin();
        }
        Ok(())
    }

    fn heads(&mut self, people: &FxHashMap<PersonId, Slot>) -> Result<(), LedgerError> {
        self.each(sql::LOAD_HEADS, sql::HEADS_OF, |this, row| {
            let Some(slot) = people.get(&person(row.get(0)?)) else {
                return Ok(());
            };
            let spelling = usize::from(row.get::<_, u8>(1)?);
            let head = decode_head(row.get_ref(2)?.as_str().map_err(rusqlite::Error::from)?)?;
            let slot = this.state.follow(*slot);
            // People of one group have the same heads.
            if let Some(place) = this.state.groups[slot as usize].heads.get_mut(spelling) {
                *place = Some(Box::new(head));
            }
            Ok(())
        })
    }

    fn windows(&mut self, people: &FxHashMap<PersonId, Slot>) -> Result<(), LedgerError> {
        self.each(sql::LOAD_WINDOWS, sql::ALL_WINDOWS_OF, |this, row| {
            let Some(slot) = people.get(&person(row.get(0)?)) else {
                return Ok(());
            };
            let slot = this.state.follow(*slot);
            let business = this.state.group(slot).business;
            let number = row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?;
            let place = this.state.business_mut(business)?.platform.place(number);
            let read = Window {
                number: place,
                wrote_at_ms: row.get(2)?,
                call_at_ms: row.get::<_, Option<i64>>(3)?.unwrap_or(i64::MIN),
                call_until_ms: row.get(4)?,
            };
            this.state.groups[slot as usize]
                .window_mut(place)
                .absorb(&read);
            Ok(())
        })
    }

    fn platform(&mut self) -> Result<(), LedgerError> {
        let connection = self.connection;
        let mut statement = connection.prepare(sql::LOAD_NUMBERS)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let read = NumberRow {
                status: row.get(2)?,
                rating: row.get(3)?,
                rating_at_ms: row.get(5)?,
                at_ms: row.get(4)?,
                spam_ms: row.get(6)?,
                health: HealthRow {
                    read: row.get(7)?,
                    read_ms: row.get(8)?,
                    available_ms: row.get(9)?,
                    locked_ms: row.get(10)?,
                    policy_ms: row.get(11)?,
                },
            };
            let number: Box<str> = row.get(1)?;
            let business = self.place(row.get(0)?)?;
            let _ = self
                .state
                .business_mut(business)?
                .platform
                .set_number(&number, read);
        }
        let mut statement = connection.prepare(sql::LOAD_TEMPLATES)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let read = TemplateRow {
                template_id: row.get(4)?,
                category: category(row.get::<_, Option<String>>(5)?.as_deref())?,
                status: row.get(6)?,
                is_ask: row.get(7)?,
                quality: row.get(9)?,
                at_ms: row.get(8)?,
            };
            let (waba_id, name, language): (Box<str>, Box<str>, Box<str>) =
                (row.get(1)?, row.get(2)?, row.get(3)?);
            let business = self.place(row.get(0)?)?;
            let _ = self
                .state
                .business_mut(business)?
                .platform
                .set_template(&waba_id, &name, &language, read);
        }
        self.accounts()
    }

    fn accounts(&mut self) -> Result<(), LedgerError> {
        let mut found: FxHashMap<(i64, Box<str>), AccountRow> = FxHashMap::default();
        let mut statement = self.connection.prepare(sql::LOAD_ACCOUNTS)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let ban: String = row.get(2)?;
            let account = found.entry((row.get(0)?, row.get(1)?)).or_default();
            account.ban = ban_of(&ban).ok_or_else(|| LedgerError::unreadable("a ban state"))?;
            account.ban_at_ms = row.get(3)?;
        }
        let mut statement = self.connection.prepare(sql::LOAD_RESTRICTIONS)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (named, kind): (Box<str>, String) = (row.get(2)?, row.get(3)?);
            let kind = restriction_row(&kind, &named)
                .ok_or_else(|| LedgerError::unreadable("a restriction"))?;
            let read = RestrictionRow {
                kind,
                named,
                until_ms: row.get(4)?,
                at_ms: row.get(5)?,
            };
            found
                .entry((row.get(0)?, row.get(1)?))
                .or_default()
                .restrictions
                .push(read);
        }
        for ((business, waba_id), account) in found {
            let business = self.place(business)?;
            let _ = self
                .state
                .business_mut(business)?
                .platform
                .set_account(&waba_id, account);
        }
        Ok(())
    }

    /// Who takes changes of consent.
    fn takers(&mut self) -> Result<(), LedgerError> {
        let mut statement = self.connection.prepare(sql::LOAD_TAKERS)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let takes = Takes {
                active: row.get(2)?,
                consents: true,
                imports: row.get(3)?,
            };
            let (business, id) = (self.place(row.get(0)?)?, row.get(1)?);
            let takers = &mut self.state.business_mut(business)?.takers;
            takers.push((id, takes));
        }
        Ok(())
    }

    /// What went to people of late.
    fn marks(&mut self, people: &FxHashMap<PersonId, Slot>) -> Result<(), LedgerError> {
        let slot = |person: PersonId| people.get(&person).copied();
        marks::load(self.connection, &mut self.state, slot)
    }

    /// Sends that went on in the last minutes and of which nobody said what became of them may have
    /// gone out.
    fn unsettled(&mut self) -> Result<(), LedgerError> {
        let newest = |sql| {
            self.connection
                .query_row(sql, [], |row| row.get::<_, Option<i64>>(0))
        };
        let (decision, event) = (newest(sql::LAST_DECISION)?, newest(sql::LAST_EVENT)?);
        self.state.last_seq = seq(decision.unwrap_or(0));
        self.state.last_event = seq(event.unwrap_or(0));
        let mut statement = self.connection.prepare(sql::LOAD_STRAYS)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            self.state.strays.insert(row.get(0)?);
        }
        let since = decision.unwrap_or(0).saturating_sub(UNSETTLED_MS << 20);
        let mut statement = self.connection.prepare(sql::LOAD_UNSETTLED)?;
        let mut rows = statement.query([since])?;
        while let Some(row) = rows.next()? {
            let at_ms: i64 = row.get(0)?;
            let id = DecisionId {
                shard: PersonShard(0),
                seq: seq(row.get(2)?),
            };
            let record = decode_record(
                id,
                "",
                at_ms,
                row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?,
            )?;
            let people = record
                .people
                .iter()
                .filter_map(|person| person.person)
                .collect();
            self.state.unsettle(
                id.seq,
                (people, record.body_hash),
                at_ms.saturating_add(UNSETTLED_MS),
            );
        }
        Ok(())
    }
}

/// Reads a category column.
pub(super) fn category(text: Option<&str>) -> Result<Option<Category>, LedgerError> {
    text.map(|text| {
        Category::parse(text).ok_or_else(|| LedgerError::unreadable("a template's category"))
    })
    .transpose()
}
