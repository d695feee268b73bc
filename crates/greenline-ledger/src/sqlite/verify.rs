//! Folds everything again and compares: what is projected must follow from what was appended.
//!
//! It trusts nothing in memory: it loads its own copy from one snapshot of the store, so it can run
//! beside a live writer.

use rusqlite::{Connection, Row};

use super::people::history;
use super::rows::{person, seq};
use super::{load, read, sql};
use crate::DecideFn;
use crate::codec::{decode_head, decode_record};
use crate::compose;
use crate::error::LedgerError;
use crate::state::State;
use crate::state::people::Slot;
use crate::types::{DecisionId, Difference, PersonId, PersonShard, Verification};

/// Differences reported at most; past it one more says that there are others.
const DIFFERENCES_MAX: usize = 1_000;

/// Verifies what one snapshot of the store shows.
pub(super) fn verify(
    connection: &Connection,
    decide: DecideFn,
) -> Result<Verification, LedgerError> {
    connection.execute_batch("BEGIN")?;
    let mut found = Verification::default();
    let done = everything(connection, decide, &mut found);
    connection.execute_batch("ROLLBACK")?;
    done?;
    Ok(found)
}

fn everything(
    connection: &Connection,
    decide: DecideFn,
    found: &mut Verification,
) -> Result<(), LedgerError> {
    file(connection, found)?;
    versions(connection, found)?;
    references(connection, found)?;
    match load::state(connection, &[], false) {
        Ok(state) => people(connection, &state, found)?,
        Err(LedgerError::Corrupt(cause)) => {
            differ(found, "store", None, format!("cannot be loaded: {cause}"));
        }
        Err(error) => return Err(error),
    }
    decisions(connection, decide, found)
}

fn differ(found: &mut Verification, kind: &'static str, person: Option<PersonId>, what: String) {
    let what = match found.differences.len() {
        DIFFERENCES_MAX => "there are more".to_owned(),
        more if more > DIFFERENCES_MAX => return,
        _ => what,
    };
    found.differences.push(Difference { kind, person, what });
}

fn file(connection: &Connection, found: &mut Verification) -> Result<(), LedgerError> {
    let mut statement = connection.prepare("PRAGMA quick_check")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let said: String = row.get(0)?;
        if said != "ok" {
            differ(found, "store", None, said);
        }
    }
    Ok(())
}

fn versions(connection: &Connection, found: &mut Verification) -> Result<(), LedgerError> {
    let mut statement = connection.prepare(sql::VERSIONS)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (count, first, last): (i64, i64, i64) = (row.get(1)?, row.get(2)?, row.get(3)?);
        found.events += seq(count);
        if first != 1 || last != count {
            let what = format!("{count} events are numbered {first} to {last}");
            differ(found, "version_gap", Some(person(row.get(0)?)), what);
        }
    }
    Ok(())
}

fn references(connection: &Connection, found: &mut Verification) -> Result<(), LedgerError> {
    let checks = [
        (sql::LOST_EVENTS, "events of a person without an identifier"),
        (
            sql::LOST_DECISIONS,
            "decisions outside their business's ranges",
        ),
        (
            sql::LOST_COUNTS,
            "difference between decisions and their counts",
        ),
        (sql::LOST_SENDS, "outcomes of a decision that is not there"),
        (sql::LOST_RELAYS, "relays of a delivery that is not there"),
        (sql::LOST_DEDUP, "dedup keys of an event that is not there"),
        (sql::WRONG_SHARDS, "rows in the wrong shard"),
    ];
    for (sql, what) in checks {
        let lost: i64 = connection.query_row(sql, [], |row| row.get(0))?;
        if lost > 0 {
            differ(found, "missing", None, format!("{lost} {what}"));
        }
    }
    Ok(())
}

fn people(
    connection: &Connection,
    state: &State,
    found: &mut Verification,
) -> Result<(), LedgerError> {
    for (slot, group) in (0..)
        .zip(&state.groups)
        .filter(|(_, group)| group.forward.is_none())
    {
        found.people += group.members.len() as u64;
        match group_differs(connection, state, slot) {
            Ok(differences) => {
                for (person, what) in differences {
                    differ(found, "head", Some(person), what);
                }
            }
            Err(LedgerError::Corrupt(cause)) => {
                differ(found, "record", group.first(), cause.to_string());
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn group_differs(
    connection: &Connection,
    state: &State,
    slot: Slot,
) -> Result<Vec<(PersonId, String)>, LedgerError> {
    let (groups, history) = history(connection, state, slot)?;
    let heads = compose::heads(&groups, &history);
    let mut differences = Vec::new();
    for member in &state.group(slot).members {
        for (spelling, folded) in heads.iter().enumerate() {
            let stored = read::head(connection, *member, spelling)?
                .map(|body| decode_head(&body))
                .transpose()?;
            if stored.as_ref() != folded.as_deref() {
                differences.push((
                    *member,
                    format!("the stored head (spelling {spelling}) is not the fold of the events"),
                ));
            }
        }
    }
    Ok(differences)
}

fn decisions(
    connection: &Connection,
    decide: DecideFn,
    found: &mut Verification,
) -> Result<(), LedgerError> {
    let mut statement = connection.prepare(sql::RECORDS)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        found.decisions += 1;
        let number: i64 = row.get(0)?;
        match decision(row, decide) {
            Ok(None) => {}
            Ok(Some(what)) => differ(
                found,
                "decision",
                None,
                format!("decision {number}: {what}"),
            ),
            Err(LedgerError::Corrupt(cause)) => {
                differ(found, "record", None, format!("decision {number}: {cause}"));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn decision(row: &Row<'_>, decide: DecideFn) -> Result<Option<&'static str>, LedgerError> {
    let id = DecisionId {
        shard: PersonShard(row.get(1)?),
        seq: seq(row.get(0)?),
    };
    let text = row.get_ref(6)?.as_str().map_err(rusqlite::Error::from)?;
    let record = decode_record(id, "", row.get(4)?, text)?;
    let column: Option<i64> = row.get(3)?;
    if column.map(person) != record.people.first().and_then(|first| first.person) {
        return Ok(Some("its person is not the record's"));
    }
    let verdict: i64 = row.get(5)?;
    let allows = record.decision.verdict == greenline_policy::decide::Verdict::Allow;
    if (verdict == 1) != allows {
        return Ok(Some("its verdict is not the record's"));
    }
    Ok(
        (record.is_of_its_time() && record.again(decide) != record.decision)
            .then_some("deciding again gives another answer"),
    )
}
