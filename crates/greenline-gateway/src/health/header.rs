//! What a number can still do, on each webhook that is handed to an app: `greenline-capabilities: start=no;until=1796295600,
//! reply=yes, receive=yes`.
//!
//! A bot adapts by it without asking. It is a structured field (RFC 9651): for each capability `yes`, `no` or `unknown`,
//! and `until` in Unix seconds where an end is known. It is worked out at most every ten seconds for a number, and a
//! delivery that is about no number, or about several, goes without it. A store that does not read costs the delivery
//! nothing but the header.

use std::sync::{Arc, Mutex, PoisonError};

use greenline_ledger::types::BusinessIx;
use greenline_policy::health::{Can, Matrix, What, capabilities};
use http::{HeaderName, HeaderValue};
use memchr::memmem;
use rustc_hash::FxHashMap;

use crate::app::App;
use crate::directory::Number;

/// Its name.
pub const HEADER_CAPABILITIES: HeaderName = HeaderName::from_static("greenline-capabilities");
/// How long an answer is given again.
const FRESH_MS: i64 = 10_000;

type Answers = FxHashMap<Arc<str>, (i64, HeaderValue)>;

/// Answers of late, one for each number that is configured.
#[derive(Debug, Default)]
pub struct Abilities(Mutex<Answers>);

impl Abilities {
    fn fresh(&self, number: &str, now_ms: i64) -> Option<HeaderValue> {
        let answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (made_ms, value) = answers.get(number)?;
        (now_ms - made_ms < FRESH_MS).then(|| value.clone())
    }

    fn keep(&self, number: &Arc<str>, now_ms: i64, value: &HeaderValue) {
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        answers.insert(Arc::clone(number), (now_ms, value.clone()));
    }
}

/// What the number can do that a delivery is about.
pub(crate) async fn value(app: &App, business: BusinessIx, body: &[u8]) -> Option<HeaderValue> {
    let number = about(app, business, body)?;
    let now_ms = app.clock.now_ms();
    if let Some(value) = app.abilities.fresh(&number.id, now_ms) {
        return Some(value);
    }
    let state = match super::state(app, number).await {
        Ok(state) => state,
        Err(error) => {
            tracing::debug!(number.id = %number.id, %error, "what a number can do is not told");
            return None;
        }
    };
    let said = in_short(&capabilities(&state, now_ms));
    let value = HeaderValue::try_from(said).ok()?;
    app.abilities.keep(&number.id, now_ms, &value);
    Some(value)
}

/// The only number of the business that the bytes name.
fn about<'a>(app: &'a App, business: BusinessIx, body: &[u8]) -> Option<&'a Number> {
    let configured = app.directory.business(business).config.number.iter();
    let mut named = configured.filter(|number| {
        let quoted = format!("\"{}\"", number.phone_number_id);
        memmem::find(body, quoted.as_bytes()).is_some()
    });
    match (named.next(), named.next()) {
        (Some(only), None) => app
            .directory
            .number(&only.phone_number_id)
            .map(|number| &**number),
        _ => None,
    }
}

/// One word for all starts where they agree.
fn in_short(matrix: &Matrix) -> String {
    let starts = What::ALL.into_iter().filter(|what| what.starts());
    let said: Vec<(Can, Option<i64>)> =
        starts.clone().filter_map(|what| of(matrix, what)).collect();
    let agree = said.iter().all(|one| Some(one) == said.first());
    let mut parts = Vec::new();
    match said.first().filter(|_| agree) {
        Some(all) => parts.push(part("start", *all)),
        None => {
            parts.extend(starts.filter_map(|what| Some(part(what.as_str(), of(matrix, what)?))));
        }
    }
    let others = [What::Reply, What::Receive];
    parts.extend(
        others
            .into_iter()
            .filter_map(|what| Some(part(what.as_str(), of(matrix, what)?))),
    );
    parts.join(", ")
}

fn of(matrix: &Matrix, what: What) -> Option<(Can, Option<i64>)> {
    let cell = matrix.cell(what)?;
    Some((cell.can, cell.until_ms))
}

fn part(name: &str, (can, until_ms): (Can, Option<i64>)) -> String {
    let until = until_ms.map_or_else(String::new, |until_ms| {
        format!(";until={}", until_ms / 1_000)
    });
    format!("{name}={}{until}", can.as_str())
}

#[cfg(test)]
mod tests {
    use greenline_policy::health::State;
    use greenline_policy::health::state::{Origin, Told};
    use greenline_policy::number::{NumberStatus, RestrictionKind};

    use super::*;

    #[test]
    fn starts_are_one_word_where_they_agree() {
        let now_ms = 1_796_000_000_000;
        let restricted = |word: &str| Told::Restricted {
            kind: RestrictionKind::parse(word),
            named: word.into(),
            until_ms: Some(now_ms + 5_000),
        };
        let connected = Told::Status(NumberStatus::Connected);
        let state = State::at(now_ms).with(connected, Origin::Read, now_ms);
        let short = |state: &State| in_short(&capabilities(state, now_ms));
        assert_eq!(short(&state), "start=yes, reply=yes, receive=yes");
        let biz = restricted("RESTRICTED_BIZ_INITIATED_MESSAGING");
        assert_eq!(
            short(&state.clone().with(biz, Origin::Webhook, now_ms)),
            "start=no;until=1796000005, reply=yes, receive=yes"
        );
        let utility = restricted("RESTRICTED_UTILITY_TEMPLATES");
        assert_eq!(
            short(&state.with(utility, Origin::Webhook, now_ms)),
            "start.marketing=yes, start.utility=no;until=1796000005, start.authentication=yes, reply=yes, receive=yes"
        );
    }
}
