//! When tokens end, and what is said of them. Nobody is told: only `debug_token` says it, and a call that is refused
//! (TOK-01 to TOK-04).

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::inbound::ActError;
use crate::platform::Platform;
use crate::reply::{Answer, Refusal, Reply};
use crate::request::Call;

/// What changes about a token.
#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TokenChange {
    /// The token.
    pub token: String,
    /// When it ends, in Unix seconds; 0 for never. Whoever calls with it then is refused.
    pub expires_s: Option<i64>,
    /// When its access to data does, likewise; nothing is refused for that.
    pub data_access_expires_s: Option<i64>,
    /// Whether it was taken back: it is refused from now on.
    pub revoked: Option<bool>,
    /// Whether `debug_token` answers whoever calls with it.
    pub may_ask: Option<bool>,
}

/// How tokens stand that a script changed; all others last and may be asked about.
#[derive(Default)]
pub(crate) struct Tokens(HashMap<String, Standing>);

#[derive(Clone, Copy, Debug)]
struct Standing {
    expires_s: i64,
    data_access_expires_s: i64,
    revoked: bool,
    may_ask: bool,
}

impl Default for Standing {
    fn default() -> Self {
        Self {
            expires_s: 0,
            data_access_expires_s: 0,
            revoked: false,
            may_ask: true,
        }
    }
}

impl Standing {
    fn is_taken(&self, now_s: i64) -> bool {
        !self.revoked && (self.expires_s == 0 || now_s < self.expires_s)
    }
}

impl Tokens {
    fn standing(&self, token: &str) -> Standing {
        self.0.get(token).copied().unwrap_or_default()
    }

    /// Whether the platform takes it.
    pub(crate) fn is_taken(&self, token: &str, now_s: i64) -> bool {
        self.0.is_empty() || self.standing(token).is_taken(now_s)
    }
}

impl Platform {
    pub(crate) fn change_token(&self, change: &TokenChange) -> Result<(), ActError> {
        let mut state = self.world.write();
        state.token(&change.token).ok_or(ActError::Token)?;
        let standing = state.standing.0.entry(change.token.clone()).or_default();
        standing.expires_s = change.expires_s.unwrap_or(standing.expires_s);
        standing.data_access_expires_s = change
            .data_access_expires_s
            .unwrap_or(standing.data_access_expires_s);
        standing.revoked = change.revoked.unwrap_or(standing.revoked);
        standing.may_ask = change.may_ask.unwrap_or(standing.may_ask);
        Ok(())
    }
}

/// `GET /debug_token`
pub(crate) fn debug(sim: &Platform, call: &Call) -> Answer {
    let token = call
        .text("input_token")
        .ok_or_else(|| Refusal::missing("input_token"))?;
    let now_s = sim.clock.now_s();
    let state = sim.world.read();
    let asker = call.token.as_deref().unwrap_or_default();
    if !state.standing.standing(asker).may_ask {
        return Err(Refusal::parameter(
            "You must provide an app access token, or a user access token that is an owner or developer of the app",
        ));
    }
    let Some(index) = state.token(&token) else {
        return Ok(Reply::json(&json!({"data": {
            "error": {"code": 190, "message": "Invalid OAuth access token."},
            "is_valid": false, "scopes": [],
        }})));
    };
    let business = &state.businesses[index];
    let mut accounts: Vec<&str> = state
        .accounts
        .values()
        .filter(|account| account.business == index)
        .map(|account| account.id.as_str())
        .collect();
    accounts.sort_unstable();
    let scopes = [
        "whatsapp_business_management",
        "whatsapp_business_messaging",
    ];
    let granular: Vec<Value> = scopes
        .iter()
        .map(|scope| json!({"scope": scope, "target_ids": accounts}))
        .collect();
    let standing = state.standing.standing(&token);
    let mut data = json!({
        "app_id": business.app_id,
        "type": "SYSTEM_USER",
        "application": business.name,
        "data_access_expires_at": standing.data_access_expires_s,
        "expires_at": standing.expires_s,
        "is_valid": standing.is_taken(now_s),
        "scopes": scopes,
        "granular_scopes": granular,
        "user_id": format!("1{}", business.portfolio_id),
    });
    if !standing.is_taken(now_s) {
        data["error"] =
            json!({"code": 190, "message": "Error validating access token: Session has expired."});
    }
    Ok(Reply::json(&json!({"data": data})))
}
