//! Generations of preference links.
//!
//! They bear on no decision, so they stand beside the batches: one row a person, raised by one statement.

use greenline_policy::identity::Identifier;
use rustc_hash::FxHashMap;

use super::Store;
use super::connect::{Link, retrying};
use super::load::shard_of_name;
use super::rows::{identifier, identifier_columns, person, person_column, seq, shard};
use super::sql;
use super::trouble::Trouble;
use super::wants::Wants;
use crate::error::LedgerError;
use crate::preference::{Known, LinkHolder, best};
use crate::request::Answer;
use crate::types::{BusinessIx, PersonId};

/// The holders that these people are, in any order.
async fn holders(
    link: &mut Link,
    business: &str,
    people: &[PersonId],
) -> Result<FxHashMap<PersonId, LinkHolder>, Trouble> {
    let shards: Vec<i64> = people.iter().map(|person| shard(*person)).collect();
    let ids: Vec<i64> = people.iter().map(|person| person_column(*person)).collect();
    let mut found: FxHashMap<PersonId, (u32, Vec<Known>)> = FxHashMap::default();
    for row in link
        .rows(sql::LINK_HOLDERS, &[&shards, &ids, &business])
        .await?
    {
        let generation = seq(row.try_get(4)?);
        let (_, known) = found
            .entry(person(row.try_get(0)?))
            .or_insert_with(|| (u32::try_from(generation).unwrap_or(u32::MAX), Vec::new()));
        known.push(Known {
            canonical: identifier(row.try_get(1)?)?,
            linked_ms: row.try_get(2)?,
            gone_ms: row.try_get(3)?,
        });
    }
    let holder = |(person, (generation, known))| {
        let identifier = best(known)?;
        Some((
            person,
            LinkHolder {
                person,
                identifier,
                generation,
            },
        ))
    };
    Ok(found.into_iter().filter_map(holder).collect())
}

impl Store {
    pub(crate) async fn link_holder(
        &self,
        business: BusinessIx,
        person: PersonId,
    ) -> Result<Option<LinkHolder>, LedgerError> {
        let id = self.business(business)?;
        retrying!(self.pool, link => {
            Ok(holders(link, id, &[person]).await?.remove(&person))
        })
    }

    pub(crate) async fn link_holders(
        &self,
        business: BusinessIx,
        identifiers: &[Identifier],
    ) -> Result<Vec<Option<LinkHolder>>, LedgerError> {
        let id = self.business(business)?;
        let names: Vec<(i64, String)> = identifiers
            .iter()
            .map(|identifier| identifier_columns(&identifier.canonical().0))
            .collect();
        let shards: Vec<i64> = identifiers
            .iter()
            .map(|identifier| shard_of_name(id, &identifier.canonical().0))
            .collect();
        let businesses: Vec<&str> = names.iter().map(|_| id).collect();
        let kinds: Vec<i64> = names.iter().map(|(kind, _)| *kind).collect();
        let values: Vec<&str> = names.iter().map(|(_, value)| value.as_str()).collect();
        retrying!(self.pool, link => {
            let mut owners: FxHashMap<String, PersonId> = FxHashMap::default();
            for row in link.rows(sql::FIND_NAMES, &[&shards, &businesses, &kinds, &values]).await? {
                owners.insert(row.try_get(1)?, person(row.try_get(2)?));
            }
            let people: Vec<PersonId> = owners.values().copied().collect();
            let found = holders(link, id, &people).await?;
            let holder = |value: &&str| found.get(owners.get(*value)?).cloned();
            Ok(values.iter().map(holder).collect())
        })
    }

    /// Raises the generation of a person and everyone who is the same; says of how many. Tried again after
    /// an answer was lost it raises once more, which revokes no less.
    pub(crate) async fn revoke_links(
        &self,
        business: BusinessIx,
        identifier: &Identifier,
        at_ms: i64,
    ) -> Result<Answer, LedgerError> {
        self.business(business)?;
        let canonical = identifier.canonical().0;
        let mut wants = Wants::default();
        wants.names.insert((business, canonical.clone()));
        retrying!(self.pool, link => {
            let snapshot = self.snapshot(link, &wants, &[]).await?;
            let Some(slot) = snapshot.state.find(business, &canonical)? else {
                return Ok(Answer::Count(0));
            };
            let members = &snapshot.state.group(slot).members;
            let shards: Vec<i64> = members.iter().map(|member| shard(*member)).collect();
            let ids: Vec<i64> = members.iter().map(|member| person_column(*member)).collect();
            link.run(sql::REVOKE_LINKS, &[&shards, &ids, &at_ms]).await?;
            Ok(Answer::Count(members.len() as u64))
        })
    }
}
