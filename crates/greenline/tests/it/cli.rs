//! Each command's answer, in words and in JSON, and its exit code: on a store of its own, and through a server.

mod configuration;
mod consent;
mod database;
mod holding;
mod keys;
mod proof;
mod questions;

use crate::support::command::Ran;
use crate::support::place::Place;

/// A yes with complete evidence, as a command records it.
async fn record_yes(place: &Place, person: &str, scope: &str) -> Ran {
    place
        .run(&[
            "consent",
            "record",
            "--person",
            person,
            "--scope",
            scope,
            "--event",
            "granted",
            "--method",
            "website_form",
            "--wording",
            "Yes, send me offers",
            "--business-name",
            "Acme",
            "--json",
        ])
        .await
}
