//! The operators' side, below `/_sim`: what people do, what the platform does, what
//! goes wrong, and what was seen. Open to whoever reaches the port: a tool for one machine.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::accounts;
use crate::changes::{AccountChange, NumberChange, TemplateChange};
use crate::config::Health;
use crate::faults::Fault;
use crate::health::{Feedback, Script};
use crate::ids;
use crate::inbound::{ActError, Inbound, Written};
use crate::log::EventKind;
use crate::platform::Platform;
use crate::reply::{Answer, Refusal, Reply};
use crate::request::Call;
use crate::tokens::TokenChange;

/// Every endpoint below `/_sim`.
pub(crate) async fn route(sim: &Arc<Platform>, method: &str, path: &[&str], call: &Call) -> Answer {
    match (method, path) {
        // What people do.
        ("POST", ["inbound"]) => written(sim.inbound(&read::<Inbound>(call)?)),
        ("GET", ["people", person]) => view(sim, person, call),
        ("POST", ["people", person]) => change_person(sim, person, call),
        ("GET", ["people", person, "nature"]) => Ok(Reply::json(&sim.nature(person))),
        ("POST", ["people", person, act]) => act_of(sim, person, act, call),
        // What the platform does.
        ("POST", ["numbers", id]) => done(sim.change_number(id, &read::<NumberChange>(call)?)),
        ("POST", ["tokens"]) => done(sim.change_token(&read::<TokenChange>(call)?)),
        ("POST", ["accounts", id]) => done(sim.change_account(id, &read::<AccountChange>(call)?)),
        ("POST", ["templates", id]) => {
            let id = id.parse().map_err(|_| refused(&ActError::Template))?;
            done(sim.change_template(id, &read::<TemplateChange>(call)?))
        }
        ("POST", ["webhooks"]) => emit(sim, call),
        ("POST", ["subscribe"]) => subscribe(sim, call).await,
        ("GET", ["state"]) => state(sim),
        ("POST", ["clock"]) => {
            move_clock(sim, read::<ClockChange>(call)?)?;
            state(sim)
        }
        // The world of health.
        ("GET", ["health"]) => Ok(Reply::json(&sim.truth())),
        ("POST", ["health"]) => done(sim.health_on(&read::<Health>(call)?)),
        ("GET", ["health", "timeline"]) => {
            let transitions = sim.health.book().timeline(since(call));
            Ok(Reply::json(&json!({"transitions": transitions})))
        }
        ("GET", ["health", "feelings"]) => {
            let feelings = sim.health.book().feelings(since(call));
            Ok(Reply::json(&json!({"feelings": feelings})))
        }
        ("POST", ["script"]) => script(sim, call),
        ("GET", ["unclear"]) => Ok(Reply::json(&json!({"unclear": sim.world.unclear.points()}))),
        // What goes wrong.
        ("POST", ["faults"]) => {
            let id = sim.faults.add(read::<Fault>(call)?);
            Ok(Reply::json(&json!({"id": id})))
        }
        ("GET", ["faults"]) => {
            let faults: Vec<Value> = sim
                .faults
                .list()
                .into_iter()
                .map(|(id, fault, used)| json!({"id": id, "fault": fault, "used": used}))
                .collect();
            Ok(Reply::json(&json!({"faults": faults})))
        }
        ("DELETE", ["faults"]) => {
            sim.faults.clear();
            Ok(Reply::success())
        }
        // What was seen.
        ("GET", ["log"]) => Ok(Reply::json(
            &json!({"requests": sim.log.since(since(call))}),
        )),
        ("DELETE", ["log"]) => {
            sim.log.clear();
            sim.hooks.log.clear();
            Ok(Reply::success())
        }
        ("GET", ["deliveries"]) => Ok(Reply::json(
            &json!({"deliveries": sim.hooks.log.since(since(call))}),
        )),
        _ => Err(Refusal::unknown_path(&call.bare_path())),
    }
}

fn read<T: DeserializeOwned>(call: &Call) -> Result<T, Refusal> {
    serde_json::from_value(Value::Object(call.fields.clone()))
        .map_err(|error| Refusal::parameter(&format!("cannot be read: {error}")))
}

fn since(call: &Call) -> u64 {
    call.text("since")
        .and_then(|since| since.parse().ok())
        .unwrap_or(0)
}

fn written(written: Result<Written, ActError>) -> Answer {
    match written {
        Ok(written) => Ok(Reply::json(&written)),
        Err(error) => Err(refused(&error)),
    }
}

fn done(done: Result<(), ActError>) -> Answer {
    match done {
        Ok(()) => Ok(Reply::success()),
        Err(error) => Err(refused(&error)),
    }
}

fn refused(error: &ActError) -> Refusal {
    Refusal::parameter(&error.to_string())
}

/// How the clock moves: to a moment, then ahead; and whether it stands still from then on.
#[derive(Clone, Copy, Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct ClockChange {
    /// Unix milliseconds.
    set_ms: Option<i64>,
    advance_ms: i64,
    advance_days: i64,
    stands_still: Option<bool>,
}

fn move_clock(sim: &Arc<Platform>, change: ClockChange) -> Result<(), Refusal> {
    const DAY_MS: i64 = 24 * 3_600_000;
    const DAYS_MAX: i64 = 3_660;
    let now_ms = sim.clock.now_ms();
    let days_ms = change.advance_days.saturating_mul(DAY_MS);
    let by_ms = change
        .set_ms
        .map_or(0, |set_ms| set_ms.saturating_sub(now_ms))
        .saturating_add(change.advance_ms)
        .saturating_add(days_ms);
    if by_ms > DAYS_MAX * DAY_MS {
        return Err(Refusal::parameter(&format!(
            "the clock moves by at most {DAYS_MAX} days at a time"
        )));
    }
    if let Some(stands_still) = change.stands_still {
        sim.hold_clock(stands_still);
    }
    sim.move_clock(by_ms).map_err(|error| refused(&error))
}

/// One script, or several below `scripts`.
fn script(sim: &Arc<Platform>, call: &Call) -> Answer {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Several {
        scripts: Vec<Script>,
    }
    let scripts = if call.fields.contains_key("scripts") {
        read::<Several>(call)?.scripts
    } else {
        vec![read::<Script>(call)?]
    };
    for script in &scripts {
        sim.script(script).map_err(|error| refused(&error))?;
    }
    Ok(Reply::success())
}

fn view(sim: &Platform, person: &str, call: &Call) -> Answer {
    let portfolio = match call.text("number") {
        Some(number) => {
            sim.line(&number)
                .map_err(|error| refused(&error))?
                .portfolio
        }
        None => sim
            .world
            .read()
            .businesses
            .first()
            .map(|business| business.portfolio_id.clone())
            .unwrap_or_default(),
    };
    let now_ms = sim.clock.now_ms();
    let view = sim.world.people.with(&ids::wa_id(person), |person| {
        person.view(&portfolio, now_ms)
    });
    Ok(Reply::json(&view))
}

/// What is so about a person from now on.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
#[derive(Default)]
struct PersonChange {
    name: Option<String>,
    username: Option<String>,
    hides_number: Option<bool>,
    /// Has no WhatsApp.
    unreachable: Option<bool>,
    /// Numbers that this person blocks.
    blocks: Option<Vec<String>>,
    /// Truly agreed to marketing, in a world of health.
    agreed: Option<bool>,
}

fn change_person(sim: &Platform, person: &str, call: &Call) -> Answer {
    let change: PersonChange = read(call)?;
    if let Some(agreed) = change.agreed {
        sim.set_agreed(&ids::wa_id(person), agreed);
    }
    sim.world.people.with(&ids::wa_id(person), |person| {
        if let Some(name) = change.name {
            person.name = name;
        }
        person.username = change.username.or(person.username.take());
        person.hides_number = change.hides_number.unwrap_or(person.hides_number);
        person.unreachable = change.unreachable.unwrap_or(person.unreachable);
        if let Some(blocks) = change.blocks {
            person.blocks = blocks.into_iter().collect();
        }
    });
    Ok(Reply::success())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Act {
    number: String,
    #[serde(default)]
    to: Option<String>,
    /// The template that somebody blocks, reports, mutes or archives for.
    #[serde(default)]
    template: Option<u64>,
}

fn act_of(sim: &Arc<Platform>, person: &str, act: &str, call: &Call) -> Answer {
    let details: Act = read(call)?;
    let number = &details.number;
    let feedback = match act {
        "block" => Some(Feedback::Block),
        "report" => Some(Feedback::Report),
        "mute" => Some(Feedback::Mute),
        "archive" => Some(Feedback::Archive),
        _ => None,
    };
    if let Some(feedback) = feedback {
        return done(sim.feel(number, person, details.template, feedback));
    }
    written(match act {
        "call" => sim.person_calls(number, person),
        "stop" => sim.native(number, person, true),
        "resume" => sim.native(number, person, false),
        "move" => {
            let to = details.to.ok_or_else(|| Refusal::missing("to"))?;
            sim.move_person(number, person, &to)
        }
        "new_user_id" => sim.change_user_id(number, person),
        "new_identity" => sim.change_identity(number, person),
        _ => return Err(Refusal::unknown_path(&call.bare_path())),
    })
}

/// Any webhook at all.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AnyWebhook {
    account: String,
    #[serde(default)]
    number: Option<String>,
    field: String,
    value: Value,
}

fn emit(sim: &Arc<Platform>, call: &Call) -> Answer {
    let any: AnyWebhook = read(call)?;
    let told = sim.tell_any(&any.account, any.number.as_deref(), &any.field, &any.value);
    Ok(Reply::json(&json!({"told": told})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Subscription {
    /// The portfolio; the first if missing.
    #[serde(default)]
    portfolio: Option<String>,
    callback_url: String,
    verify_token: String,
    /// Whether the address must answer the set-up call first.
    #[serde(default = "yes")]
    handshake: bool,
}

fn yes() -> bool {
    true
}

async fn subscribe(sim: &Platform, call: &Call) -> Answer {
    let subscription: Subscription = read(call)?;
    let (url, token) = (&subscription.callback_url, &subscription.verify_token);
    if subscription.handshake {
        accounts::shake_hands(sim, url, token).await?;
    }
    if sim.set_callback(subscription.portfolio.as_deref(), url, token) {
        Ok(Reply::success())
    } else {
        Err(Refusal::parameter("no such portfolio"))
    }
}

impl Platform {
    /// Sets a business's callback; whether there is such a business.
    pub(crate) fn set_callback(
        &self,
        portfolio: Option<&str>,
        url: &str,
        verify_token: &str,
    ) -> bool {
        let mut state = self.world.write();
        let business = match portfolio {
            Some(portfolio) => state
                .businesses
                .iter_mut()
                .find(|business| business.portfolio_id == portfolio),
            None => state.businesses.first_mut(),
        };
        let Some(business) = business else {
            return false;
        };
        business.callback_url = Some(url.to_owned());
        verify_token.clone_into(&mut business.verify_token);
        true
    }

    /// Sends any webhook.
    pub(crate) fn tell_any(
        self: &Arc<Self>,
        account: &str,
        number: Option<&str>,
        field: &str,
        value: &impl Serialize,
    ) -> bool {
        let change = greenline_wire::build::webhook::Change::new(field.to_owned(), value);
        let kind = match field {
            "messages" | "calls" | "standby" => EventKind::Inbound,
            "user_preferences" => EventKind::Preference,
            _ => EventKind::Account,
        };
        self.tell(account, number, change, kind, Vec::new())
    }
}

fn state(sim: &Platform) -> Answer {
    let now_s = sim.clock.now_s();
    let state = sim.world.read();
    let mut numbers: Vec<Value> = state
        .numbers
        .values()
        .map(|number| state.number_node(number, &sim.world.unclear, now_s))
        .collect();
    numbers.sort_by(|a, b| a["id"].as_str().cmp(&b["id"].as_str()));
    let mut accounts: Vec<Value> = state
        .accounts
        .values()
        .map(|account| {
            let mut node = state.account_node(account, now_s);
            node["subscribed"] = Value::from(account.subscribed);
            node["locked"] = Value::from(account.locked);
            node["templates"] = account
                .templates
                .values()
                .map(|template| template.node())
                .collect();
            node
        })
        .collect();
    accounts.sort_by(|a, b| a["id"].as_str().cmp(&b["id"].as_str()));
    Ok(Reply::json(&json!({
        "seed": sim.config.seed,
        "unclear": sim.world.unclear,
        "now_ms": sim.clock.now_ms(),
        "elapsed_ns": sim.clock.ns(),
        "pending": sim.pending.count(),
        "requests": sim.log.count(),
        "deliveries": sim.hooks.log.count(),
        "numbers": numbers,
        "accounts": accounts,
    })))
}
