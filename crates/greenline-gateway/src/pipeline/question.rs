//! What a send would be decided by, for whoever decides without sending.

use std::sync::Arc;

use greenline_ledger::types::{Ask, BusinessIx, DecisionRecord};
use greenline_policy::decide::Intent;
use greenline_policy::identity::Identifier;
use jiff::Timestamp;
use smallvec::SmallVec;

use super::{Judged, Outbound, ask, judged, look_up, place, rule, store_down, template_ref};
use crate::app::Shared;
use crate::avenues;
use crate::directory::Number;
use crate::refusal::Refusal;

/// How many templates that the account's list does not name are looked up on somebody's behalf.
#[derive(Debug)]
pub(crate) struct LookUps(Option<usize>);

impl LookUps {
    /// As many as there are.
    pub(crate) fn any() -> Self {
        Self(None)
    }

    /// So many; others are judged as marketing.
    pub(crate) fn at_most(most: usize) -> Self {
        Self(Some(most))
    }

    pub(super) fn is_left(&self) -> bool {
        self.0 != Some(0)
    }

    pub(super) fn take(&mut self) -> bool {
        match &mut self.0 {
            None => true,
            Some(0) => false,
            Some(left) => {
                *left -= 1;
                true
            }
        }
    }
}

/// What a send of this body would be decided by at that moment, for whoever decides without sending.
///
/// # Errors
/// The [`Refusal`] that an app would get for a body that cannot be read; or that the store does not say which ways
/// out are open.
pub(crate) async fn question(
    app: &Shared,
    business: BusinessIx,
    number_id: &str,
    body: &[u8],
    at_ms: i64,
    look_ups: &mut LookUps,
) -> Result<Ask, Refusal> {
    let number = own_number(app, business, number_id)?;
    let send = greenline_wire::send::parse_json(body)
        .map_err(|error| Refusal::unreadable(error.to_string()))?;
    let judged = judged(app, number, &Outbound::Message(send))?
        .ok_or_else(|| Refusal::unreadable("this reaches nobody, so there is nothing to decide"))?;
    asked(app, number, judged, body, at_ms, look_ups).await
}

fn own_number<'a>(
    app: &'a Shared,
    business: BusinessIx,
    number_id: &str,
) -> Result<&'a Number, Refusal> {
    let number = app.directory.number(number_id);
    let number = number.filter(|number| number.business == business);
    number.map(|number| &**number).ok_or_else(|| {
        Refusal::unreadable(format!(
            "the number `{number_id}` is not configured for this business"
        ))
    })
}

async fn asked(
    app: &Shared,
    number: &Number,
    judged: Judged,
    body: &[u8],
    at_ms: i64,
    look_ups: &mut LookUps,
) -> Result<Ask, Refusal> {
    let business = number.business;
    let mut ask = ask(app, business, &Arc::from("preview"), number, judged, body);
    if let Some(template) = &ask.template {
        look_up(app, &ask, template, look_ups).await;
    }
    ask.now_ms = at_ms;
    place(app, &mut ask);
    if ask.template.is_some() {
        avenues::freshen(app, business).await.map_err(|error| {
            tracing::warn!(%error, "nothing was decided: it could not be read which ways out are proved");
            Refusal::unavailable(
                "Greenline's store did not say in time which ways out are proved; nothing was decided",
                None,
            )
        })?;
        rule(app, &mut ask);
    }
    Ok(ask)
}

/// What a send of this template would be decided by at that moment, for whoever decides about a list: to be
/// [`addressed`] to each person in turn. Nothing is looked up on the platform, and since the words of the messages are
/// not known, none is taken for one that waits for its outcome.
///
/// # Errors
/// As [`question`].
pub(crate) async fn template_question(
    app: &Shared,
    business: BusinessIx,
    number_id: &str,
    (name, language): (&str, &str),
    at_ms: i64,
) -> Result<Ask, Refusal> {
    let number = own_number(app, business, number_id)?;
    for (what, text) in [("name", name), ("language.code", language)] {
        if text.is_empty() {
            return Err(Refusal::unreadable(format!("`template.{what}` is missing")));
        }
    }
    let judged = Judged {
        to: SmallVec::new(),
        intent: Intent::Template,
        template: Some(template_ref(app, number, name, language)),
        stampable: false,
    };
    let mut none = LookUps::at_most(0);
    let ask = asked(app, number, judged, &[], at_ms, &mut none).await?;
    Ok(Ask {
        body_hash: [0; 16],
        ..ask
    })
}

/// The same send to this person at that moment.
pub(crate) fn addressed(app: &Shared, ask: &Ask, person: &Identifier, at_ms: i64) -> Ask {
    let mut ask = Ask {
        to: SmallVec::from_iter([person.clone()]),
        places: SmallVec::new(),
        now_ms: at_ms,
        ..ask.clone()
    };
    place(app, &mut ask);
    ask
}

/// On what condition an answer about a moment to come stands, where a restriction ends until then (N1).
pub(crate) fn on_a_condition(ended_ms: i64) -> String {
    let ends = Timestamp::from_millisecond(ended_ms)
        .map_or_else(|_| String::new(), |at| format!("{at:.3}"));
    format!(
        "A restriction of the number ends at {ends} and is taken to be over then. That is so only if `health_status`, read after it, says AVAILABLE; until that was read nothing is started."
    )
}

/// Decides without recording or sending: what `send` would answer for this body now.
///
/// # Errors
/// As [`question`]; or that the store is down.
pub(crate) async fn preview(
    app: &Shared,
    business: BusinessIx,
    number_id: &str,
    body: &[u8],
) -> Result<DecisionRecord, Refusal> {
    let now_ms = app.clock.now_ms();
    let mut look_ups = LookUps::any();
    let ask = question(app, business, number_id, body, now_ms, &mut look_ups).await?;
    app.ledger
        .preview(ask)
        .await
        .map_err(|error| store_down(app, &error))
}
