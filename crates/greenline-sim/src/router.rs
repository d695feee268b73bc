//! Every endpoint, on one page.
//!
//! Paths come without their version: all versions are the same here.

use std::sync::Arc;

use crate::health::gate;
use crate::platform::Platform;
use crate::reply::{Answer, Refusal};
use crate::request::Call;
use crate::send::Edge;
use crate::server::Times;
use crate::{accounts, admin, batch, media, numbers, send, templates, tokens};

/// What an id in a path stands for.
enum Object {
    Number,
    Account,
    Template(u64),
    Media,
    Portfolio,
    App,
}

/// Hands a request to its endpoint.
pub(crate) async fn route(sim: &Arc<Platform>, call: &Call, seq: u64, times: Times) -> Answer {
    let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
    let method = call.method.as_str();
    if let ["_sim", rest @ ..] = path.as_slice() {
        return admin::route(sim, method, rest, call).await;
    }
    if let ("GET", ["oauth", "access_token"]) = (method, path.as_slice()) {
        return accounts::app_token(sim, call);
    }
    let business = authorise(sim, call)?;
    match (method, path.as_slice()) {
        ("POST", []) => batch::run(sim, call, seq, times).await,
        ("GET", ["me"]) => accounts::me(sim, business),
        ("GET", ["debug_token"]) => tokens::debug(sim, call),
        ("GET", ["whatsapp_business", "attachments"]) => media::download(sim, business, call),
        (_, [id, edge @ ..]) => {
            let object =
                find(sim, business, id).ok_or_else(|| Refusal::unknown_object(method, id))?;
            if method == "GET" && sim.health.is_on() {
                readable(sim, &object, id)?;
            }
            match object {
                Object::Number => number(sim, business, id, method, edge, call).await,
                Object::Account => account(sim, business, id, method, edge, call).await,
                Object::Template(id) => template(sim, business, id, method, edge, call),
                Object::Media => match (method, edge) {
                    ("GET", []) => media::locate(sim, id, call),
                    ("DELETE", []) => media::delete(sim, id),
                    _ => Err(Refusal::unknown_path(&call.bare_path())),
                },
                Object::Portfolio => match (method, edge) {
                    ("GET", []) => accounts::portfolio(sim, business, call),
                    (
                        "GET",
                        [
                            "owned_whatsapp_business_accounts"
                            | "client_whatsapp_business_accounts",
                        ],
                    ) => accounts::list(sim, business, call),
                    _ => Err(Refusal::unknown_path(&call.bare_path())),
                },
                Object::App => match (method, edge) {
                    ("POST", ["subscriptions"]) => {
                        accounts::set_callback(sim, business, call).await
                    }
                    _ => Err(Refusal::unknown_path(&call.bare_path())),
                },
            }
        }
        _ => Err(Refusal::unknown_path(&call.bare_path())),
    }
}

/// Whether what belongs to an account may be read (ENF-13).
fn readable(sim: &Platform, object: &Object, id: &str) -> Result<(), Refusal> {
    let account = {
        let state = sim.world.read();
        match object {
            Object::Number => state.numbers.get(id).map(|number| number.account.clone()),
            Object::Account => Some(id.to_owned()),
            Object::Template(id) => state.template(*id).map(|(account, _)| account.id.clone()),
            Object::Media | Object::Portfolio | Object::App => None,
        }
    };
    account.map_or(Ok(()), |account| gate::may_read(sim, &account))
}

async fn number(
    sim: &Arc<Platform>,
    business: usize,
    id: &str,
    method: &str,
    edge: &[&str],
    call: &Call,
) -> Answer {
    match (method, edge) {
        ("POST", ["messages"]) => send::messages(sim, business, id, call, Edge::Messages),
        ("POST", ["marketing_messages"]) => {
            send::messages(sim, business, id, call, Edge::MarketingMessages)
        }
        ("POST", ["calls"]) => numbers::call(sim, id, call),
        ("GET", ["call_permissions"]) => numbers::call_permission(sim, id, call),
        ("POST", ["media"]) => media::upload(sim, business, call),
        ("GET", []) => numbers::read(sim, id, call),
        ("POST", []) => numbers::update(sim, id, call).await,
        ("GET", ["whatsapp_business_profile"]) => numbers::profile(sim, id, call),
        ("POST", ["whatsapp_business_profile"]) => numbers::set_profile(sim, id, call),
        ("GET", ["settings"]) => numbers::settings(sim, id),
        ("POST", ["settings"]) => numbers::set_settings(sim, id, call),
        ("GET", ["block_users"]) => numbers::blocked(sim, id),
        ("POST", ["block_users"]) => numbers::set_blocked(sim, id, call, true),
        ("DELETE", ["block_users"]) => numbers::set_blocked(sim, id, call, false),
        ("POST", ["register"]) => numbers::set_registered(sim, id, call, true),
        ("POST", ["deregister"]) => numbers::set_registered(sim, id, call, false),
        _ => Err(Refusal::unknown_path(&call.bare_path())),
    }
}

async fn account(
    sim: &Arc<Platform>,
    business: usize,
    id: &str,
    method: &str,
    edge: &[&str],
    call: &Call,
) -> Answer {
    match (method, edge) {
        ("GET", []) => accounts::read(sim, id, call),
        ("GET", ["phone_numbers"]) => numbers::list(sim, id, call),
        ("POST", ["phone_numbers"]) => numbers::add(sim, id, call),
        ("GET", ["message_templates"]) => templates::list(sim, id, call),
        ("POST", ["message_templates"]) => templates::create(sim, id, call),
        ("DELETE", ["message_templates"]) => templates::delete(sim, id, call),
        ("GET", ["message_templates", template]) => templates::read(sim, business, template, call),
        ("GET", ["subscribed_apps"]) => accounts::subscribed(sim, id),
        ("POST", ["subscribed_apps"]) => accounts::subscribe(sim, id, call).await,
        ("DELETE", ["subscribed_apps"]) => accounts::unsubscribe(sim, id),
        _ => Err(Refusal::unknown_path(&call.bare_path())),
    }
}

fn template(
    sim: &Arc<Platform>,
    business: usize,
    id: u64,
    method: &str,
    edge: &[&str],
    call: &Call,
) -> Answer {
    match (method, edge) {
        ("GET", []) => templates::read(sim, business, &id.to_string(), call),
        ("POST", []) => templates::edit(sim, id, call),
        ("POST", ["unpause"]) => templates::unpause(sim, id),
        _ => Err(Refusal::unknown_path(&call.bare_path())),
    }
}

/// The business that the token opens.
fn authorise(sim: &Platform, call: &Call) -> Result<usize, Refusal> {
    let token = call.token.as_deref().ok_or_else(Refusal::bad_token)?;
    let known = {
        let state = sim.world.read();
        let known = state.token(token);
        known.map(|business| (business, state.standing.is_taken(token, sim.clock.now_s())))
    };
    if let Some((business, is_taken)) = known {
        return is_taken.then_some(business).ok_or_else(Refusal::bad_token);
    }
    // An app's own token: its id, a bar, its secret.
    let app = token.split_once('|').and_then(|(id, secret)| {
        let state = sim.world.read();
        state
            .businesses
            .iter()
            .position(|business| business.app_id == id && business.app_secret == secret)
    });
    app.ok_or_else(Refusal::bad_token)
}

/// What an id stands for, if it belongs to the business.
fn find(sim: &Platform, business: usize, id: &str) -> Option<Object> {
    let state = sim.world.read();
    if let Some(number) = state.numbers.get(id) {
        return (number.business == business).then_some(Object::Number);
    }
    if let Some(account) = state.accounts.get(id) {
        return (account.business == business).then_some(Object::Account);
    }
    if let Some((account, template)) = id.parse().ok().and_then(|id| state.template(id)) {
        return (account.business == business).then_some(Object::Template(template.id));
    }
    if state.business_of_portfolio(id) == Some(business) {
        return Some(Object::Portfolio);
    }
    if state.businesses[business].app_id == id {
        return Some(Object::App);
    }
    drop(state);
    media::is_own(sim, business, id).then_some(Object::Media)
}
