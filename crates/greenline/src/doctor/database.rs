//! What `greenline doctor` says of a database: whether nodes can run on it, and whether what they
//! acknowledge there will still be there after a failover.

use greenline_gateway::config::Config;
use greenline_ledger::address::{Postgres, Tls};
use greenline_ledger::{Database, examine};

use super::{Finding, State};
use crate::failure::Failure;

/// Older releases are no longer looked after by their makers.
const MAJOR_MIN: i64 = 14;

/// Looks at the database of the configuration; changes nothing.
pub(super) async fn look(config: &Config, findings: &mut Vec<Finding>) {
    let url = &config.store.url;
    let address = match Postgres::parse(url.reveal()) {
        Ok(address) => address,
        Err(error) => {
            findings.push(Finding::new("database", State::Wrong, error.to_string()));
            return;
        }
    };
    match examine(url.reveal()).await {
        Ok(seen) => findings.extend(
            [
                reached(&seen, &url.to_string()),
                way(&seen, &address),
                rights(&seen),
                durability(&seen),
                failover(&seen),
                connections(&seen),
                tables(&seen),
                citus(&seen),
            ]
            .into_iter()
            .flatten(),
        ),
        Err(error) => {
            let failure = Failure::unavailable(format!("`{url}` cannot be used")).because(error);
            findings.push(Finding::new("database", State::Wrong, failure.text()));
        }
    }
}

fn reached(seen: &Database, url: &str) -> Vec<Finding> {
    let finding = |state, text| Finding::new("database", state, text);
    let mut findings = vec![finding(
        State::Fine,
        format!("`{url}` answers, version {}", seen.version),
    )];
    if seen.major.is_some_and(|major| major < MAJOR_MIN) {
        findings.push(finding(
            State::Look,
            format!("older than version {MAJOR_MIN}; nothing is tested on it"),
        ));
    }
    if seen.is_read_only == Some(true) {
        findings.push(finding(
            State::Wrong,
            "takes no writes: it follows another server, or is set so; name the one that does"
                .to_owned(),
        ));
    }
    if seen.encoding.as_deref().is_some_and(|name| name != "UTF8") {
        findings.push(finding(
            State::Wrong,
            "its encoding must be UTF8; make it with `ENCODING 'UTF8'`".to_owned(),
        ));
    }
    findings
}

/// How what travels there is protected.
fn way(seen: &Database, address: &Postgres) -> Vec<Finding> {
    let finding = |state, text: &str| vec![Finding::new("way there", state, text)];
    let is_plain = seen.tls.as_deref().is_none_or(str::is_empty);
    match address.tls() {
        _ if is_plain && address.is_local() => {
            finding(State::Fine, "in plain, within this machine")
        }
        _ if is_plain => finding(
            State::Look,
            "in plain: whoever is in between reads all of it; use sslmode=verify-full",
        ),
        Tls::VerifyFull => finding(State::Fine, "encrypted, and the server proves who it is"),
        Tls::VerifyCa => finding(
            State::Fine,
            "encrypted, to a server that is vouched for under any name",
        ),
        Tls::Off | Tls::Prefer | Tls::Require if address.is_local() => {
            finding(State::Fine, "encrypted, within this machine")
        }
        Tls::Off | Tls::Prefer | Tls::Require => finding(
            State::Look,
            "encrypted, but the server need not prove who it is; use sslmode=verify-full",
        ),
    }
}

fn rights(seen: &Database) -> Vec<Finding> {
    let who = format!("`{}` in `{}`", seen.user, seen.database);
    if !seen.not_ours.is_empty() {
        return vec![Finding::new(
            "rights",
            State::Wrong,
            format!(
                "{who} may not read and change {}; let it own them",
                seen.not_ours.join(", ")
            ),
        )];
    }
    vec![match seen.may_create {
        Some(false) if seen.pending.is_empty() => Finding::new(
            "rights",
            State::Look,
            format!("{who} may make no tables, so the next release cannot migrate with it"),
        ),
        Some(false) => Finding::new(
            "rights",
            State::Wrong,
            format!(
                "{who} may make no tables; let it own the database, or grant CREATE on its schema"
            ),
        ),
        _ => Finding::new("rights", State::Fine, format!("{who} may do what it must")),
    }]
}

/// Whether what is acknowledged is on disk.
fn durability(seen: &Database) -> Vec<Finding> {
    let finding = |state, text: String| vec![Finding::new("durability", state, text)];
    if seen.fsync.as_deref() == Some("off") {
        return finding(
            State::Wrong,
            "fsync = off: a power cut loses stops that were acknowledged; set it to on".to_owned(),
        );
    }
    match seen.synchronous_commit.as_deref() {
        Some("off") => finding(
            State::Look,
            "synchronous_commit = off: Greenline sets it to on for itself".to_owned(),
        ),
        Some(value @ ("local" | "remote_write")) => finding(
            State::Look,
            format!(
                "synchronous_commit = {value}: a standby may lack what was acknowledged; set it to on"
            ),
        ),
        Some(value) => finding(State::Fine, format!("synchronous_commit = {value}")),
        None => finding(
            State::Look,
            "the server does not tell whether commits wait for its disk".to_owned(),
        ),
    }
}

/// Whether a failover keeps what was acknowledged.
fn failover(seen: &Database) -> Vec<Finding> {
    let names = seen
        .synchronous_standby_names
        .as_deref()
        .unwrap_or_default();
    let (state, text) = match (names.is_empty(), seen.followers) {
        (false, _) => (
            State::Fine,
            format!("synchronous_standby_names = {names}: one of these has what was acknowledged"),
        ),
        (true, Some(1..)) => (
            State::Look,
            "a standby follows, but not synchronously: a failover can lose stops that were acknowledged; set synchronous_standby_names"
                .to_owned(),
        ),
        (true, _) => (
            State::Look,
            "synchronous_standby_names is empty: do not fail over to a copy, it can lack stops that were acknowledged"
                .to_owned(),
        ),
    };
    vec![Finding::new("failover", state, text)]
}

fn connections(seen: &Database) -> Vec<Finding> {
    let each = seen.connections_per_node.max(1);
    let Some(most) = seen.connections_max else {
        return Vec::new();
    };
    let fit = most / each;
    let running = seen.nodes.unwrap_or(0);
    let text = format!("room for {most}; a node takes up to {each}, so {fit} nodes fit");
    let (state, more) = if fit == 0 {
        (State::Wrong, "; raise max_connections")
    } else if fit < running + 2 {
        // One that serves, and a command or its successor beside it.
        (
            State::Look,
            "; too few for another node and a command beside those that run",
        )
    } else {
        (State::Fine, "")
    };
    let runs = match running {
        0 => String::new(),
        1 => "; 1 runs".to_owned(),
        several => format!("; {several} run"),
    };
    vec![Finding::new(
        "connections",
        state,
        format!("{text}{runs}{more}"),
    )]
}

fn tables(seen: &Database) -> Vec<Finding> {
    let text = if seen.is_fresh {
        "none yet; they will be made".to_owned()
    } else if seen.pending.is_empty() {
        "up to this release".to_owned()
    } else {
        format!(
            "{} migrations are pending, from {} on; the first node of this release makes them",
            seen.pending.len(),
            seen.pending.first().copied().unwrap_or_default()
        )
    };
    vec![Finding::new("tables", State::Fine, text)]
}

fn citus(seen: &Database) -> Vec<Finding> {
    let found = seen.citus.as_ref();
    let text = found.map(|version| format!("Citus {version}: tables are spread by person_shard"));
    text.into_iter()
        .map(|text| Finding::new("servers", State::Fine, text))
        .collect()
}
