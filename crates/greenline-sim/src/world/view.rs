//! How objects look to those who read them: nodes of the Graph, health included.

use serde_json::{Value, json};

use super::{AccountState, NumberState, State, TemplateState};
use crate::health::gate;
use crate::unclear::Unclear;

/// What a number shows without `fields`.
pub(crate) const NUMBER_USUAL: [&str; 8] = [
    "verified_name",
    "code_verification_status",
    "display_phone_number",
    "quality_rating",
    "platform_type",
    "throughput",
    "webhook_configuration",
    "id",
];

/// What an account shows without `fields`.
pub(crate) const ACCOUNT_USUAL: [&str; 5] = [
    "id",
    "name",
    "currency",
    "timezone_id",
    "message_template_namespace",
];

/// What a template shows without `fields`.
pub(crate) const TEMPLATE_USUAL: [&str; 8] = [
    "name",
    "parameter_format",
    "components",
    "language",
    "status",
    "category",
    "previous_category",
    "id",
];

impl State {
    /// A number with all its fields.
    pub(crate) fn number_node(&self, number: &NumberState, unclear: &Unclear, now_s: i64) -> Value {
        let business = &self.businesses[number.business];
        let rating = match number.quality_rating.as_str() {
            "NA" | "UNKNOWN" if unclear.no_rating_is_unknown => "UNKNOWN",
            "NA" | "UNKNOWN" => "NA",
            rating => rating,
        };
        let registered = number.status == "CONNECTED";
        let mut node = json!({
            "id": number.id,
            "display_phone_number": number.display_number,
            "verified_name": number.verified_name,
            "quality_rating": rating,
            "quality_score": {"score": rating},
            "status": number.status,
            "name_status": number.name_status,
            "new_name_status": "NONE",
            "code_verification_status": if registered { "VERIFIED" } else { "NOT_VERIFIED" },
            "platform_type": if registered { "CLOUD_API" } else { "NOT_APPLICABLE" },
            "throughput": {"level": number.throughput},
            "account_mode": "LIVE",
            "is_official_business_account": false,
            "is_on_biz_app": false,
            "is_pin_enabled": true,
            "is_preverified_number": false,
            "search_visibility": "NON_VISIBLE",
            "last_onboarded_time": "2026-01-01T00:00:00+0000",
            "messaging_limit_tier": business.messaging_limit,
            "whatsapp_business_manager_messaging_limit": business.messaging_limit,
            "webhook_configuration": {"application": business.callback_url.as_deref().unwrap_or_default()},
            "health_status": self.number_health(number, unclear, now_s),
        });
        if let Some(limit) = &number.own_limit {
            // The portfolio's field came with the portfolio's limit (QL-11, QL-17).
            node["messaging_limit_tier"] = Value::from(limit.as_str());
            if let Some(fields) = node.as_object_mut() {
                fields.remove("whatsapp_business_manager_messaging_limit");
            }
        }
        node
    }

    /// An account with all its fields.
    pub(crate) fn account_node(&self, account: &AccountState, now_s: i64) -> Value {
        let business = &self.businesses[account.business];
        let restricted = account.restrictions.iter().any(|(_, end_s)| *end_s > now_s);
        let status = match (account.banned, account.restricted_says_so && restricted) {
            (true, _) => "DISABLED",
            (false, true) => "RESTRICTED",
            (false, false) => "ACTIVE",
        };
        json!({
            "id": account.id,
            "name": account.name,
            "currency": "USD",
            "timezone_id": "1",
            "message_template_namespace": format!("ns_{}", account.id),
            "account_review_status": account.review_status,
            "business_verification_status": "verified",
            "status": status,
            "country": "US",
            "ownership_type": "SELF",
            "is_enabled_for_insights": true,
            "marketing_messages_lite_api_status": "ONBOARDED",
            "owner_business": {"id": business.portfolio_id, "name": business.name},
            "owner_business_info": {"id": business.portfolio_id, "name": business.name},
            "primary_business_location": "US",
            "whatsapp_business_manager_messaging_limit": business.messaging_limit,
            "health_status": self.account_health(account, now_s),
        })
    }

    fn number_health(&self, number: &NumberState, unclear: &Unclear, now_s: i64) -> Value {
        if let Some(health) = &number.health {
            return health.clone();
        }
        let own = match number.status.as_str() {
            "CONNECTED" | "FLAGGED" => entity("PHONE_NUMBER", &number.id, Health::Available),
            "RESTRICTED" | "RATE_LIMITED" => entity("PHONE_NUMBER", &number.id, Health::Limited),
            // A status that says nothing is explained here, if anywhere (QL-33).
            odd if gate::is_odd(odd) && unclear.odd_status_works => {
                entity("PHONE_NUMBER", &number.id, Health::Available)
            }
            _ => entity("PHONE_NUMBER", &number.id, Health::Blocked(141_010)),
        };
        let mut entities = vec![own];
        if let Some(account) = self.accounts.get(&number.account) {
            entities.extend(self.account_entities(account, now_s));
        }
        overall(&entities)
    }

    fn account_health(&self, account: &AccountState, now_s: i64) -> Value {
        match &account.health {
            Some(health) => health.clone(),
            None => overall(&self.account_entities(account, now_s)),
        }
    }

    fn account_entities(&self, account: &AccountState, now_s: i64) -> Vec<Value> {
        let business = &self.businesses[account.business];
        let restricted = account
            .restrictions
            .iter()
            .any(|(_, expires_s)| *expires_s > now_s);
        let silent = account.restricted_is_blocked && restricted_wholly(account, now_s);
        let health = match (account.banned, account.locked, restricted) {
            (true, _, _) => Health::Blocked(141_014),
            (_, true, _) => Health::Blocked(141_008),
            _ if account.payment_problem => Health::Blocked(141_006),
            _ if silent => Health::Blocked(368),
            (_, _, true) => Health::Limited,
            _ => Health::Available,
        };
        vec![
            entity("WABA", &account.id, health),
            entity("BUSINESS", &business.portfolio_id, Health::Available),
            entity("APP", &business.app_id, Health::Available),
        ]
    }
}

/// Whether no message at all may be sent.
fn restricted_wholly(account: &AccountState, now_s: i64) -> bool {
    [
        "RESTRICTED_BIZ_INITIATED_MESSAGING",
        "RESTRICTED_CUSTOMER_INITIATED_MESSAGING",
    ]
    .iter()
    .all(|kind| gate::restricted(account, kind, now_s))
}

#[derive(Clone, Copy)]
enum Health {
    Available,
    Limited,
    Blocked(u32),
}

fn entity(kind: &str, id: &str, health: Health) -> Value {
    match health {
        Health::Available => {
            json!({"entity_type": kind, "id": id, "can_send_message": "AVAILABLE"})
        }
        Health::Limited => json!({
            "entity_type": kind, "id": id, "can_send_message": "LIMITED",
            "additional_info": ["Sending is limited at the moment."],
        }),
        Health::Blocked(code) => json!({
            "entity_type": kind, "id": id, "can_send_message": "BLOCKED",
            "errors": [{
                "error_code": code,
                "error_description": "Sending is not possible.",
                "possible_solution": "See the account in WhatsApp Manager.",
            }],
        }),
    }
}

/// The overall value is the worst (QL-41).
fn overall(entities: &[Value]) -> Value {
    let has = |value: &str| entities.iter().any(|e| e["can_send_message"] == value);
    let worst = if has("BLOCKED") {
        "BLOCKED"
    } else if has("LIMITED") {
        "LIMITED"
    } else {
        "AVAILABLE"
    };
    json!({"can_send_message": worst, "entities": entities})
}

impl TemplateState {
    /// Whether it can be sent (QL-40).
    fn health(&self) -> Value {
        let health = match self.status.as_str() {
            "APPROVED" | "FLAGGED" | "IN_APPEAL" | "LOCKED" | "PENDING_DELETION" => {
                Health::Available
            }
            _ => Health::Blocked(141_002),
        };
        let id = self.id.to_string();
        overall(&[entity("MESSAGE_TEMPLATE", &id, health)])
    }

    /// A template with all its fields.
    pub(crate) fn node(&self) -> Value {
        let mut node = json!({
            "id": self.id.to_string(),
            "name": self.name,
            "language": self.language,
            "status": self.status,
            "category": self.category,
            "parameter_format": self.parameter_format,
            "components": self.components,
            "quality_score": {"score": self.quality, "date": 1_788_264_000},
            "rejected_reason": self.rejected_reason,
            "health_status": self.health(),
        });
        if let Some(category) = &self.previous_category {
            node["previous_category"] = Value::from(category.as_str());
        }
        if let Some(category) = &self.correct_category {
            node["correct_category"] = Value::from(category.as_str());
        }
        node
    }
}
