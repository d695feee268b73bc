//! Held messages: what an app wanted sent and was only too early for, kept and sent when it may go.
//!
//! A message is held by a decision ([`greenline_policy::hold`]) and kept by that decision's own commit; the app is
//! answered as the platform answers a message that it paces (SND-24), with an id of ours. When its time has come it is
//! decided again and sent on the same path as any other (`release`); what does not go is told to the app as a status
//! that failed (`tell`); and where the platform names a message that was held, apps read the id they were given
//! (`given`).

pub(crate) mod given;
mod release;
mod tell;

use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use greenline_ledger::later::{Keep, KeptRequest};
use greenline_ledger::types::{Ask, BusinessIx, DecisionId, Mode};
use greenline_policy::decide::Decision;
use greenline_policy::hold::{Hold, HoldGroup};
use greenline_policy::identity::Identifier;
use greenline_wire::build::answer::{Accepted, MessageStatus};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use rustc_hash::{FxHashMap, FxHashSet};
use tokio::sync::Notify;

use crate::app::App;
use crate::directory;
use crate::graph::Answered;
use crate::ids;
use crate::pipeline::Forward;
use crate::refusal::{HEADER_DECISION, HEADER_REASONS, names};
use crate::upstream::lines::Lines;

pub use release::run;

const HOUR_MS: i64 = 60 * 60 * 1_000;
/// Random bytes in an id that is given to an app: nobody guesses one.
const ID_BYTES: usize = 16;

/// What is known here of held messages: how many there are, about, for the bounds on them.
#[derive(Debug, Default)]
pub struct Later {
    waiting: Mutex<FxHashMap<(BusinessIx, Box<str>), u64>>,
    /// Businesses of which something was held once.
    ever: Mutex<FxHashSet<BusinessIx>>,
    /// Rung when one was held, or is to be looked at.
    pub(crate) rung: Notify,
}

impl Later {
    fn lock(&self) -> std::sync::MutexGuard<'_, FxHashMap<(BusinessIx, Box<str>), u64>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether one more message may be held for an app.
    fn has_room(&self, app: &App, business: BusinessIx, name: &str) -> bool {
        let limits = &app.config.limits;
        let waiting = self.lock();
        let (mut of_app, mut of_business) = (0, 0);
        for ((of, other), count) in waiting.iter() {
            if *of == business {
                of_business += count;
                if **other == *name {
                    of_app += count;
                }
            }
        }
        of_app < limits.held_per_app_max && of_business < limits.held_per_business_max
    }

    /// One more is held.
    fn held(&self, business: BusinessIx, name: &str) {
        *self.lock().entry((business, name.into())).or_default() += 1;
        self.rung.notify_one();
    }

    /// Whether anything of a business was ever held, as far as is known here.
    pub(crate) fn was_held(&self, business: BusinessIx) -> bool {
        let ever = self.ever.lock().unwrap_or_else(PoisonError::into_inner);
        ever.contains(&business)
    }

    /// Something of a business was held once.
    fn note_held(&self, business: BusinessIx) {
        let mut ever = self.ever.lock().unwrap_or_else(PoisonError::into_inner);
        ever.insert(business);
    }

    /// What the ledger says of a business.
    fn counted(&self, business: BusinessIx, counts: Vec<(Box<str>, u64)>) {
        let mut waiting = self.lock();
        waiting.retain(|(of, _), _| *of != business);
        for (name, count) in counts {
            waiting.insert((business, name), count);
        }
    }
}

/// What an app asks to hold for.
#[must_use]
pub fn groups(config: &crate::config::App) -> Vec<HoldGroup> {
    let named = config.hold.iter();
    named.filter_map(|name| HoldGroup::parse(name)).collect()
}

/// How long a message may be held at most.
fn hold_max_ms(app: &App) -> i64 {
    i64::from(app.config.limits.hold_max_hours).saturating_mul(HOUR_MS)
}

/// What a decision made at that moment may hold for.
pub(crate) fn hold_at(app: &App, groups: &[HoldGroup], now_ms: i64) -> Hold {
    let until_ms = now_ms.saturating_add(hold_max_ms(app));
    Hold::of(groups.iter().copied(), until_ms)
}

/// What a question about a send at that moment may be answered to be held for: what the named app asks for, else what
/// every app of the business does. `None` where the business has no such app.
pub(crate) fn as_asked(
    app: &App,
    business: BusinessIx,
    name: Option<&str>,
    at_ms: i64,
) -> Option<Hold> {
    let apps = || {
        let apps = app.directory.apps();
        apps.filter(|one| one.business == business)
    };
    let wanted: Vec<HoldGroup> = match name {
        Some(name) => apps().find(|one| *one.name == *name)?.holds.clone(),
        None => HoldGroup::ALL
            .into_iter()
            .filter(|group| apps().all(|one| one.holds.contains(group)))
            .filter(|_| apps().next().is_some())
            .collect(),
    };
    if app.directory.mode(business) == Mode::Observe {
        return Some(Hold::NONE);
    }
    Some(hold_at(app, &wanted, at_ms))
}

/// Readies a send to be kept, should it only be too early. Nothing is held where nothing is refused.
pub(crate) fn prepare(app: &App, client: &directory::App, ask: &mut Ask, forward: &Forward) {
    if client.holds.is_empty()
        || client.keeps_token
        || ask.mode == Mode::Observe
        || ask.to.len() != 1
        || forward.body().len() > app.config.limits.held_body_bytes_max
    {
        return;
    }
    let (Some(request), Some(to)) = (kept(forward), ask.to.first()) else {
        return;
    };
    if !app.later.has_room(app, ask.business, &ask.app) {
        app.metrics.held_no_room.add();
        return;
    }
    let Ok(given_id) = given_id(to) else { return };
    ask.rules.hold = hold_at(app, &client.holds, ask.now_ms);
    ask.keep = Some(Arc::new(Keep { given_id, request }));
}

/// A request without its token: what is needed to make it again.
fn kept(forward: &Forward) -> Option<KeptRequest> {
    let (target, content_type) = match forward {
        Forward::Parts {
            target, headers, ..
        } => {
            let kind = headers.get(header::CONTENT_TYPE);
            let kind = kind.map_or(Some("application/json"), |kind| kind.to_str().ok());
            (target.to_string(), kind?)
        }
        Forward::Written { head, .. } => {
            let line = head.split(|byte| *byte == b'\r').next()?;
            let target = std::str::from_utf8(line).ok()?.split(' ').nth(1)?;
            (target.to_owned(), "application/json")
        }
    };
    // A form in parts is not put together again.
    if content_type.starts_with("multipart/") {
        return None;
    }
    Some(KeptRequest {
        target: target.into(),
        content_type: content_type.into(),
        body: Arc::from(&forward.body()[..]),
    })
}

/// A message id of ours, in the form of the platform's.
fn given_id(to: &Identifier) -> Result<Box<str>, crate::keyring::KeysError> {
    let mut chance = [0; ID_BYTES];
    crate::keyring::fill(&mut chance)?;
    let person = to.reveal();
    let mut bytes = vec![0x1c, 0x18, u8::try_from(person.len()).unwrap_or(u8::MAX)];
    bytes.extend_from_slice(person.as_bytes());
    bytes.extend_from_slice(&[0x15, 0x02, 0x00, 0x11, 0x18, 2 * ID_BYTES as u8]);
    bytes.extend(
        chance
            .iter()
            .flat_map(|byte| format!("{byte:02X}").into_bytes()),
    );
    bytes.push(0);
    Ok(format!("wamid.{}", STANDARD.encode(bytes)).into())
}

/// Answers an app whose message was held, as the platform answers for a message that it paces.
pub(crate) fn answer(app: &App, ask: &Ask, id: DecisionId, decision: &Decision) -> Answered {
    app.metrics.held.add();
    app.later.held(ask.business, &ask.app);
    let (input, given_id) = match (ask.to.first(), &ask.keep) {
        (Some(to), Some(keep)) => (to.reveal(), &*keep.given_id),
        // Invariant: what was held was one message to one person.
        _ => Default::default(),
    };
    let (wa_id, user_id) = match ask.to.first() {
        Some(Identifier::User(_)) => (None, Some(input.as_str())),
        _ => (Some(input.as_str()), None),
    };
    let body = Accepted {
        input: &input,
        wa_id,
        user_id,
        message_id: given_id,
        status: Some(MessageStatus::HeldForQualityAssessment),
    };
    let mut headers = HeaderMap::new();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json; charset=UTF-8"),
    );
    for (name, value) in [
        (HEADER_DECISION, ids::decision(id)),
        (HEADER_REASONS, names(decision)),
    ] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
    Answered {
        status: StatusCode::OK,
        headers: Lines::Map(headers),
        body: Bytes::from(body.to_json()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_look_like_the_platforms_and_are_never_the_same() {
        let to = Identifier::parse("+16467043595").unwrap();
        let (one, other) = (given_id(&to).unwrap(), given_id(&to).unwrap());
        assert_ne!(one, other);
        for id in [one, other] {
            let coded = id.strip_prefix("wamid.HBgLMTY0NjcwNDM1OTUVAgARGC").unwrap();
            assert!(coded.len() > 40, "{id}");
            let bytes = STANDARD.decode(id.strip_prefix("wamid.").unwrap()).unwrap();
            assert_eq!(bytes.last(), Some(&0));
        }
    }
}
