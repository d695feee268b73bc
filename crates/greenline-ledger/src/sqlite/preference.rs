//! Generations of preference links.

use std::sync::Arc;

use greenline_policy::identity::Identifier;
use rusqlite::{Connection, OptionalExtension, params};

use super::rows::{identifier_row, person_column};
use super::verbs::reading;
use super::write::Hand;
use super::{Store, read, sql};
use crate::error::LedgerError;
use crate::preference::{Known, LinkHolder, best};
use crate::types::{BusinessIx, PersonId};

fn holder(
    connection: &Connection,
    business: i64,
    person: PersonId,
) -> Result<Option<LinkHolder>, LedgerError> {
    let key = params![person.shard().0, person_column(person)];
    let mut statement = connection.prepare_cached(sql::IDENTIFIERS_OF)?;
    let mut rows = statement.query(key)?;
    let mut known = Vec::new();
    while let Some(row) = rows.next()? {
        let (of, row) = identifier_row(row)?;
        if of == business {
            known.push(Known {
                canonical: row.canonical,
                linked_ms: row.linked_at_ms,
                gone_ms: row.gone_at_ms,
            });
        }
    }
    let Some(identifier) = best(known) else {
        return Ok(None);
    };
    let mut statement = connection.prepare_cached(sql::LINK_GENERATION)?;
    let generation = statement
        .query_row(key, |row| row.get(0))
        .optional()?
        .unwrap_or(0);
    Ok(Some(LinkHolder {
        person,
        identifier,
        generation,
    }))
}

impl Store {
    pub(crate) async fn link_holder(
        self: &Arc<Self>,
        business: BusinessIx,
        person: PersonId,
    ) -> Result<Option<LinkHolder>, LedgerError> {
        reading(self, business, move |connection, row| {
            holder(connection, row, person)
        })
        .await
    }

    pub(crate) async fn link_holders(
        self: &Arc<Self>,
        business: BusinessIx,
        identifiers: &[Identifier],
    ) -> Result<Vec<Option<LinkHolder>>, LedgerError> {
        let canonical: Vec<Identifier> = identifiers.iter().map(|id| id.canonical().0).collect();
        reading(self, business, move |connection, row| {
            canonical
                .iter()
                .map(
                    |identifier| match read::find(connection, row, identifier)? {
                        Some(person) => holder(connection, row, person),
                        None => Ok(None),
                    },
                )
                .collect()
        })
        .await
    }
}

impl Hand<'_> {
    /// Raises the generation of a person and everyone who is the same; says of how many.
    pub(crate) fn revoke_links(
        &mut self,
        business: BusinessIx,
        identifier: &Identifier,
        at_ms: i64,
    ) -> Result<u64, LedgerError> {
        let Some(slot) = self.state.find(business, &identifier.canonical().0)? else {
            return Ok(0);
        };
        let members = &self.state.group(slot).members;
        for member in members {
            self.connection
                .prepare_cached(sql::REVOKE_LINKS)?
                .execute(params![member.shard().0, person_column(*member), at_ms])?;
        }
        Ok(members.len() as u64)
    }
}
