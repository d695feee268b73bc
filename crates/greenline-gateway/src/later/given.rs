//! Puts the ids that apps were given in the place of the platform's, in what is relayed to them.
//!
//! Only where the platform names a message that was held, and nothing but that id; every other delivery stays as it
//! came, byte for byte. A status may overtake the platform's answer to the send, and then its id is not known yet: it
//! waits a little, but only while a held message to that very person is on its way.

use std::sync::Arc;
use std::time::Duration;

use greenline_ledger::LedgerError;
use greenline_ledger::later::{GivenIds, NAMES_MAX};
use greenline_ledger::types::{BusinessIx, Lane, Relay};
use greenline_policy::identity::Identifier;
use greenline_wire::refer;

use crate::app::App;

/// Between looks for an id that is not known yet.
const PAUSE: Duration = Duration::from_millis(100);
/// How often it is looked.
const LOOKS_MAX: usize = 50;

/// Whether anything of a business may have to be put right. Where nothing was ever held nothing is looked at.
pub(crate) fn concerns(app: &App, business: BusinessIx) -> bool {
    let settings = &app.directory.business(business).config;
    settings.app.iter().any(|one| !one.hold.is_empty()) || app.later.was_held(business)
}

/// A delivery as its app is to read it.
///
/// # Errors
/// `Unavailable` when it could not be read which ids apps were given.
pub(crate) async fn as_given(app: &App, relay: &Relay) -> Result<Arc<[u8]>, LedgerError> {
    let body = &relay.body;
    let is_asked = matches!(relay.lane, Lane::Inbound | Lane::Status);
    if !is_asked || !concerns(app, relay.business) {
        return Ok(Arc::clone(body));
    }
    let names = refer::names(body);
    if names.messages.is_empty() {
        return Ok(Arc::clone(body));
    }
    let mut ids: Vec<Box<str>> = names.messages.iter().map(|one| (&*one.id).into()).collect();
    ids.sort_unstable();
    ids.dedup();
    let recipients = names.recipients.iter();
    let mut people: Vec<Identifier> = recipients
        .filter_map(|text| Identifier::parse(text))
        .map(|person| person.canonical().0)
        .collect();
    people.sort_unstable();
    people.dedup();
    let mut given = look(app, relay.business, &ids, &people).await?;
    for _ in 0..LOOKS_MAX {
        if !given.in_the_air || given.pairs.len() >= ids.len() {
            break;
        }
        tokio::time::sleep(PAUSE).await;
        given = look(app, relay.business, &ids, &people).await?;
    }
    let of = |id: &str| {
        let mut pairs = given.pairs.iter();
        let found = pairs.find(|(theirs, _)| **theirs == *id);
        found.map(|(_, ours)| ours.to_string())
    };
    let body =
        refer::replaced(body, &names.messages, of).map_or_else(|| Arc::clone(body), Into::into);
    Ok(body)
}

/// Asks for any number of them.
async fn look(
    app: &App,
    business: BusinessIx,
    ids: &[Box<str>],
    people: &[Identifier],
) -> Result<GivenIds, LedgerError> {
    let mut all = GivenIds::default();
    let mut people = people.chunks(NAMES_MAX);
    let mut ids = ids.chunks(NAMES_MAX);
    loop {
        let (these, those) = (ids.next(), people.next());
        if these.is_none() && those.is_none() {
            return Ok(all);
        }
        let asked = (these.unwrap_or_default(), those.unwrap_or_default());
        let found = app.ledger.given_ids(business, asked.0, asked.1).await?;
        all.pairs.extend(found.pairs);
        all.in_the_air |= found.in_the_air;
    }
}
