//! Accounts, portfolios, apps and tokens as objects; who gets an account's webhooks.

use serde_json::{Value, json};

use crate::platform::Platform;
use crate::reply::{Answer, Refusal, Reply, select};
use crate::request::{Call, text};
use crate::world::view::ACCOUNT_USUAL;

/// `GET /{account}`
pub(crate) fn read(sim: &Platform, id: &str, call: &Call) -> Answer {
    let state = sim.world.read();
    let account = state
        .accounts
        .get(id)
        .ok_or_else(|| Refusal::unknown_object("GET", id))?;
    let node = state.account_node(account, sim.clock.now_s());
    let fields = call.text("fields");
    Ok(Reply::json(&select(
        &node,
        fields.as_deref(),
        &ACCOUNT_USUAL,
    )))
}

/// `GET /{portfolio}/owned_whatsapp_business_accounts`
pub(crate) fn list(sim: &Platform, business: usize, call: &Call) -> Answer {
    let state = sim.world.read();
    let fields = call.text("fields");
    let mut accounts: Vec<_> = state
        .accounts
        .values()
        .filter(|account| account.business == business)
        .collect();
    accounts.sort_by(|a, b| a.id.cmp(&b.id));
    let data: Vec<Value> = accounts
        .iter()
        .map(|account| {
            let node = state.account_node(account, sim.clock.now_s());
            select(&node, fields.as_deref(), &ACCOUNT_USUAL)
        })
        .collect();
    Ok(Reply::json(
        &json!({"data": data, "paging": {"cursors": {}}}),
    ))
}

/// `GET /{portfolio}`
pub(crate) fn portfolio(sim: &Platform, business: usize, call: &Call) -> Answer {
    let state = sim.world.read();
    let business = &state.businesses[business];
    let node = json!({
        "id": business.portfolio_id,
        "name": business.name,
        "verification_status": "verified",
        "whatsapp_business_manager_messaging_limit": business.messaging_limit,
    });
    let fields = call.text("fields");
    Ok(Reply::json(&select(
        &node,
        fields.as_deref(),
        &["id", "name"],
    )))
}

/// `GET /me`: the system user that the token stands for.
pub(crate) fn me(sim: &Platform, business: usize) -> Answer {
    let state = sim.world.read();
    let business = &state.businesses[business];
    Ok(Reply::json(&json!({
        "id": format!("1{}", business.portfolio_id),
        "name": format!("{} system user", business.name),
    })))
}

/// `GET /{account}/subscribed_apps`
pub(crate) fn subscribed(sim: &Platform, id: &str) -> Answer {
    let state = sim.world.read();
    let account = state
        .accounts
        .get(id)
        .ok_or_else(|| Refusal::unknown_object("GET", id))?;
    let mut data = Vec::new();
    if account.subscribed {
        let business = &state.businesses[account.business];
        let mut app = json!({"whatsapp_business_api_data": {
            "id": business.app_id,
            "name": business.name,
            "link": format!("https://www.facebook.com/games/?app_id={}", business.app_id),
        }});
        if let Some(url) = &account.callback_url {
            app["override_callback_uri"] = Value::from(url.as_str());
        }
        data.push(app);
    }
    for id in &account.other_apps {
        data.push(json!({"whatsapp_business_api_data": {
            "id": id,
            "name": "Another app",
            "link": format!("https://www.facebook.com/games/?app_id={id}"),
        }}));
    }
    Ok(Reply::json(&json!({"data": data})))
}

/// `POST /{account}/subscribed_apps`: with a callback of its own, or back to the app's.
pub(crate) async fn subscribe(sim: &Platform, id: &str, call: &Call) -> Answer {
    let url = call.text("override_callback_uri");
    if let Some(url) = &url {
        let verify_token = call.text("verify_token").unwrap_or_default();
        shake_hands(sim, url, &verify_token).await?;
    }
    let mut state = sim.world.write();
    let account = state
        .accounts
        .get_mut(id)
        .ok_or_else(|| Refusal::unknown_object("POST", id))?;
    account.subscribed = true;
    account.callback_url = url;
    Ok(Reply::success())
}

/// `DELETE /{account}/subscribed_apps`
pub(crate) fn unsubscribe(sim: &Platform, id: &str) -> Answer {
    let mut state = sim.world.write();
    let account = state
        .accounts
        .get_mut(id)
        .ok_or_else(|| Refusal::unknown_object("DELETE", id))?;
    account.subscribed = false;
    account.callback_url = None;
    Ok(Reply::success())
}

/// `POST /{app}/subscriptions`: the app's own callback.
pub(crate) async fn set_callback(sim: &Platform, business: usize, call: &Call) -> Answer {
    let url = call
        .text("callback_url")
        .ok_or_else(|| Refusal::missing("callback_url"))?;
    let verify_token = call.text("verify_token").unwrap_or_default();
    shake_hands(sim, &url, &verify_token).await?;
    let mut state = sim.world.write();
    if let Some(business) = state.businesses.get_mut(business) {
        business.callback_url = Some(url);
        business.verify_token = verify_token;
    }
    Ok(Reply::success())
}

/// An address is taken only after it has answered the set-up call (WH-02).
pub(crate) async fn shake_hands(
    sim: &Platform,
    url: &str,
    verify_token: &str,
) -> Result<(), Refusal> {
    sim.hooks
        .handshake(sim, url, verify_token)
        .await
        .map_err(|error| Refusal {
            message: format!("(#2200) Callback verification failed: {error}"),
            details: None,
            ..Refusal::new(2200, "")
        })
}

/// `GET /oauth/access_token`: a token for a client id and its secret.
pub(crate) fn app_token(sim: &Platform, call: &Call) -> Answer {
    let client = call
        .text("client_id")
        .ok_or_else(|| Refusal::missing("client_id"))?;
    let secret = call.fields.get("client_secret").and_then(text);
    let state = sim.world.read();
    let known = state
        .businesses
        .iter()
        .any(|business| business.app_id == client && Some(&business.app_secret) == secret.as_ref());
    if !known {
        return Err(Refusal {
            message: "Error validating client secret.".to_owned(),
            details: None,
            ..Refusal::new(1, "")
        });
    }
    Ok(Reply::json(
        &json!({"access_token": format!("{client}|{}", secret.unwrap_or_default()), "token_type": "bearer"}),
    ))
}
