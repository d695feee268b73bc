//! What people do: write, press buttons, react, stop and resume, change numbers.

use std::sync::Arc;

use greenline_wire::build::message::{Context, Message, message};
use greenline_wire::build::person::{
    Changed, Preference, identity_changed, number_changed, preference, user_id_changed,
};
use greenline_wire::build::webhook::{Change, Metadata};
use serde::Serialize;
use serde_json::{Value, json};
use thiserror::Error;

use crate::config::StopReach;
use crate::health::{KEPT_INBOUND_MAX, gate};
use crate::ids;
use crate::log::EventKind;
use crate::people::Card;
use crate::platform::Platform;

mod shape;

pub use shape::{Button, CallPermission, Edit, Inbound, Media, Other, Reaction, Row};

/// Why something could not be done.
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ActError {
    /// No such number.
    #[error("no such number")]
    Number,
    /// No such account.
    #[error("no such account")]
    Account,
    /// No such template.
    #[error("no such template")]
    Template,
    /// No such portfolio.
    #[error("no such portfolio")]
    Portfolio,
    /// No such token.
    #[error("no such token")]
    Token,
    /// The state belongs to something that is not named.
    #[error("name the `number`, `account`, `portfolio` or `template` that the state is of")]
    Target,
    /// Not a limit.
    #[error(
        "give a limit as `value`: TIER_50, TIER_250, TIER_1K, TIER_2K, TIER_10K, TIER_100K or TIER_UNLIMITED"
    )]
    Limit,
    /// Not a reason why a limit is not raised.
    #[error(
        "give the alert as `value`: INCREASED_CAPABILITIES_ELIGIBILITY_DEFERRED, _FAILED or _NEED_MORE_INFO"
    )]
    Deferral,
    /// The clock cannot go back.
    #[error(
        "somebody was written to, so the clock of this world of health only goes forward; start another simulator"
    )]
    Backwards,
    /// The message holds nothing.
    #[error(
        "name one of text, button, button_reply, list_reply, flow_reply, reaction, media, revoke, edit, unsupported, call_permission, other"
    )]
    Empty,
}

/// What came of a person's act.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Written {
    /// The message's id.
    pub id: String,
    /// Whether a webhook was queued: not if nobody subscribed, or the number receives nothing.
    pub told: bool,
}

/// The number that somebody writes to, as far as webhooks need it.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) number: String,
    pub(crate) account: String,
    pub(crate) portfolio: String,
    pub(crate) digits: String,
    pub(crate) receives: bool,
}

impl Line {
    pub(crate) fn metadata(&self) -> Metadata<'_> {
        Metadata {
            display_phone_number: &self.digits,
            phone_number_id: &self.number,
        }
    }
}

impl Platform {
    pub(crate) fn line(&self, number: &str) -> Result<Line, ActError> {
        let state = self.world.read();
        let number = state.numbers.get(number).ok_or(ActError::Number)?;
        let account = state
            .accounts
            .get(&number.account)
            .ok_or(ActError::Account)?;
        let receives = !account.banned
            && (!account.locked || self.world.unclear.locked_account_receives)
            && if self.health.is_on() {
                gate::status_receives(&number.status, &self.world.unclear)
            } else {
                matches!(
                    number.status.as_str(),
                    "CONNECTED" | "FLAGGED" | "RESTRICTED" | "RATE_LIMITED"
                )
            };
        Ok(Line {
            number: number.id.clone(),
            account: account.id.clone(),
            portfolio: state.businesses[number.business].portfolio_id.clone(),
            digits: number.digits.clone(),
            receives,
        })
    }

    /// A person writes.
    pub(crate) fn inbound(self: &Arc<Self>, inbound: &Inbound) -> Result<Written, ActError> {
        let line = self.line(&inbound.number)?;
        let wa_id = ids::wa_id(&inbound.from);
        let blocked = {
            let state = self.world.read();
            let number = state.numbers.get(&line.number).ok_or(ActError::Number)?;
            number.blocked.contains(&wa_id)
        };
        let id = match &inbound.id {
            Some(id) => id.clone(),
            None => self.ids.wamid(&wa_id, true),
        };
        let timestamp_s = inbound.timestamp_s.unwrap_or_else(|| self.clock.now_s());
        let opens = inbound.is_new()
            || (inbound.reaction.is_some() && self.world.unclear.reaction_opens_window);
        let now_ms = self.clock.now_ms();
        let (card, last) = self.world.people.with(&wa_id, |person| {
            if let Some(name) = &inbound.name {
                person.name.clone_from(name);
            }
            if let Some(username) = &inbound.username {
                person.username = Some(username.clone());
            }
            if let Some(hides) = inbound.hides_number {
                person.hides_number = hides;
            }
            if opens && line.receives && !blocked {
                person.wrote_ms.insert(line.number.clone(), now_ms);
            }
            if let Some(permission) = &inbound.call_permission {
                if permission.accept {
                    person
                        .callers
                        .insert(line.number.clone(), permission.expires_s);
                } else {
                    person.callers.remove(&line.number);
                }
            }
            let last = person.last_message.get(&line.number).cloned();
            (person.card(&line.portfolio), last)
        });
        let mut change = self.inbound_change(&line, &card, inbound, &id, timestamp_s, last)?;
        let held = {
            let state = self.world.read();
            let number = state.numbers.get(&line.number);
            number.is_some_and(|number| number.other_app && !number.taken_over.contains(&wa_id))
        };
        if held {
            change = stood_by(&change);
        }
        let told = line.receives
            && !blocked
            && self.tell(
                &line.account,
                Some(&line.number),
                change,
                EventKind::Inbound,
                vec![id.clone()],
            );
        if !line.receives && self.health.is_on() && self.world.unclear.locked_inbound_comes_later {
            self.keep_inbound(&line, inbound, &id, timestamp_s);
        }
        Ok(Written { id, told })
    }

    /// What is written to a locked account arrives after the lock, on such a platform (ENF-09).
    fn keep_inbound(&self, line: &Line, inbound: &Inbound, id: &str, timestamp_s: i64) {
        let locked = {
            let state = self.world.read();
            state
                .accounts
                .get(&line.account)
                .is_some_and(|account| account.locked && !account.banned)
        };
        let mut book = self.health.book();
        let kept = &mut book.account(&line.account).kept_inbound;
        if locked && kept.len() < KEPT_INBOUND_MAX {
            kept.push(Inbound {
                id: Some(id.to_owned()),
                timestamp_s: Some(timestamp_s),
                ..inbound.clone()
            });
        }
    }

    fn inbound_change(
        &self,
        line: &Line,
        card: &Card,
        inbound: &Inbound,
        id: &str,
        timestamp_s: i64,
        last: Option<String>,
    ) -> Result<Change, ActError> {
        let answers = inbound.context.clone().or_else(|| {
            let pressed = inbound.button.is_some()
                || inbound.button_reply.is_some()
                || inbound.list_reply.is_some()
                || inbound.flow_reply.is_some();
            pressed.then_some(last).flatten()
        });
        let sample_ad = json!({
            "source_url": "https://fb.me/sample", "source_id": "120000000000000001",
            "source_type": "ad", "headline": "Sample headline", "body": "Sample ad text",
            "ctwa_clid": "SAMPLE-CLICK-ID",
        });
        let referral = match &inbound.referral {
            None | Some(Value::Bool(false) | Value::Null) => None,
            Some(Value::Bool(true)) => Some(&sample_ad),
            Some(referral) => Some(referral),
        };
        let media_id = self.ids.object().to_string();
        let form = inbound.flow_reply.as_ref().map(ToString::to_string);
        Ok(message(
            line.metadata(),
            &card.contact(),
            &Message {
                id,
                timestamp_s,
                content: shape::content(inbound, &media_id, form.as_deref())
                    .ok_or(ActError::Empty)?,
                context: answers.as_deref().map(|id| Context {
                    from: &line.digits,
                    id,
                }),
                referral,
            },
        ))
    }

    /// A person uses WhatsApp's own switch (OPT-40): stop, or resume.
    pub(crate) fn native(
        self: &Arc<Self>,
        number: &str,
        person: &str,
        stop: bool,
    ) -> Result<Written, ActError> {
        let line = self.line(number)?;
        let wa_id = ids::wa_id(person);
        let reach = self.stop_reach(&line);
        let card = self.world.people.with(&wa_id, |person| {
            if stop {
                person.stops.insert(reach);
            } else {
                // A resume takes back whatever stops this number.
                for reach in all_reaches(&line) {
                    person.stops.remove(&reach);
                }
            }
            person.card(&line.portfolio)
        });
        let choice = if stop {
            Preference::Stop
        } else {
            Preference::Resume
        };
        let change = preference(line.metadata(), &card.contact(), choice, self.clock.now_s());
        Ok(self.told(&line, change, EventKind::Preference, card.user_id))
    }

    /// Whether this person stopped marketing from this number.
    pub(crate) fn is_stopped(stops: &std::collections::HashSet<String>, line: &Line) -> bool {
        !stops.is_empty() && all_reaches(line).iter().any(|reach| stops.contains(reach))
    }

    fn stop_reach(&self, line: &Line) -> String {
        let [portfolio, account, number] = all_reaches(line);
        match self.world.unclear.native_stop_reach {
            StopReach::Portfolio => portfolio,
            StopReach::Account => account,
            StopReach::Number => number,
        }
    }

    /// A person moves to another number (OPT-50).
    pub(crate) fn move_person(
        self: &Arc<Self>,
        number: &str,
        from: &str,
        to: &str,
    ) -> Result<Written, ActError> {
        let line = self.line(number)?;
        let (before, after) = self
            .world
            .people
            .move_to(&ids::wa_id(from), &ids::wa_id(to));
        let (before, after) = (before.card(&line.portfolio), after.card(&line.portfolio));
        let id = self.ids.wamid(&before.wa_id, true);
        let change = number_changed(
            line.metadata(),
            &Changed {
                id: &id,
                timestamp_s: self.clock.now_s(),
                before: before.contact(),
                after: after.contact(),
            },
        );
        Ok(self.told(&line, change, EventKind::Inbound, id))
    }

    /// A person gets another user id.
    pub(crate) fn change_user_id(
        self: &Arc<Self>,
        number: &str,
        person: &str,
    ) -> Result<Written, ActError> {
        let line = self.line(number)?;
        let (before, after) = self.world.people.renew_ids(&ids::wa_id(person));
        let (before, after) = (before.card(&line.portfolio), after.card(&line.portfolio));
        let id = self.ids.wamid(&before.wa_id, true);
        let change = user_id_changed(
            line.metadata(),
            &Changed {
                id: &id,
                timestamp_s: self.clock.now_s(),
                before: before.contact(),
                after: after.contact(),
            },
        );
        Ok(self.told(&line, change, EventKind::Inbound, id))
    }

    /// The keys behind a number change (OPT-51).
    pub(crate) fn change_identity(
        self: &Arc<Self>,
        number: &str,
        person: &str,
    ) -> Result<Written, ActError> {
        let line = self.line(number)?;
        let wa_id = ids::wa_id(person);
        let card = self
            .world
            .people
            .with(&wa_id, |person| person.card(&line.portfolio));
        let id = self.ids.wamid(&wa_id, true);
        let hash = format!("{:x}=", self.ids.object());
        let now_s = self.clock.now_s();
        let change = identity_changed(line.metadata(), &card.contact(), &id, &hash, now_s);
        Ok(self.told(&line, change, EventKind::Inbound, id))
    }

    fn told(
        self: &Arc<Self>,
        line: &Line,
        change: greenline_wire::build::webhook::Change,
        kind: EventKind,
        id: String,
    ) -> Written {
        let told = self.tell(
            &line.account,
            Some(&line.number),
            change,
            kind,
            vec![id.clone()],
        );
        Written { id, told }
    }
}

/// The same message as another app's: it comes in the field `standby` (ENF-16).
fn stood_by(change: &Change) -> Change {
    let mut value: Value = serde_json::from_slice(change.value()).unwrap_or_default();
    if let Some(messages) = value.as_object_mut().and_then(|all| all.remove("messages")) {
        value["standby"] = json!({"messages": messages});
    }
    Change::new("standby", &value)
}

fn all_reaches(line: &Line) -> [String; 3] {
    [
        format!("portfolio {}", line.portfolio),
        format!("account {}", line.account),
        format!("number {}", line.number),
    ]
}
