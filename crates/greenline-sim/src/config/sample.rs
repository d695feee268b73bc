//! The sample world: one business, one account, one number, a few templates.

use serde_json::{Value, json};

use super::{
    Account, Business, Number, SimConfig, Template, default_app_id, default_language,
    default_limit, default_parameter_format, default_quality, default_status,
};

/// The sample portfolio's id.
pub const SAMPLE_PORTFOLIO: &str = "401500000000001";
/// The sample account's id.
pub const SAMPLE_ACCOUNT: &str = "201500000000001";
/// The sample number's id.
pub const SAMPLE_NUMBER: &str = "301500000000001";

impl SimConfig {
    /// One portfolio with one account and the number +1 555 010 0001, and templates of every kind
    /// that matters to consent: an update, an offer with a stop button, a login code, a message
    /// that asks whether the person wants messages, one that is paused and one that is disabled.
    #[must_use]
    pub fn sample() -> Self {
        Self {
            businesses: vec![Business::sample()],
            ..Self::default()
        }
    }
}

impl Business {
    /// The sample business. Its token is `sim-access-token`, its secret `sim-app-secret`.
    #[must_use]
    pub fn sample() -> Self {
        Self {
            portfolio_id: SAMPLE_PORTFOLIO.to_owned(),
            name: "Acme".to_owned(),
            access_tokens: vec!["sim-access-token".to_owned()],
            app_id: default_app_id(),
            app_secret: "sim-app-secret".to_owned(),
            callback_url: None,
            verify_token: "sim-verify-token".to_owned(),
            messaging_limit: default_limit(),
            accounts: vec![Account {
                id: SAMPLE_ACCOUNT.to_owned(),
                name: "Acme".to_owned(),
                callback_url: None,
                numbers: vec![Number {
                    id: SAMPLE_NUMBER.to_owned(),
                    display_number: "+1 555 010 0001".to_owned(),
                    verified_name: "Acme".to_owned(),
                    status: default_status(),
                    quality_rating: default_quality(),
                }],
                templates: sample_templates(),
            }],
        }
    }
}

fn sample_templates() -> Vec<Template> {
    vec![
        template(
            1,
            "order_update",
            "UTILITY",
            "APPROVED",
            json!([
                {"type": "BODY", "text": "Your order {{1}} is on its way.", "example": {"body_text": [["12345"]]}},
            ]),
        ),
        template(
            2,
            "spring_offer",
            "MARKETING",
            "APPROVED",
            json!([
                {"type": "BODY", "text": "Spring is here: 20 % off everything this week."},
                {"type": "FOOTER", "text": "Tap below to stop"},
                {"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": "Stop promotions"}]},
            ]),
        ),
        template(
            3,
            "login_code",
            "AUTHENTICATION",
            "APPROVED",
            json!([
                {"type": "BODY", "text": "*{{1}}* is your verification code.", "add_security_recommendation": false},
                {"type": "BUTTONS", "buttons": [
                    {"type": "URL", "text": "Copy code", "url": "https://www.whatsapp.com/otp/code/?otp_type=COPY_CODE&code=otp{{1}}", "example": ["https://www.whatsapp.com/otp/code/?otp_type=COPY_CODE&code=otp123456"]},
                ]},
            ]),
        ),
        template(
            4,
            "stay_in_touch",
            "MARKETING",
            "APPROVED",
            json!([
                {"type": "BODY", "text": "Do you want to keep getting our messages? Reply STOP to opt out."},
            ]),
        ),
        template(
            5,
            "paused_offer",
            "MARKETING",
            "PAUSED",
            json!([
                {"type": "BODY", "text": "This offer went out too often."},
            ]),
        ),
        template(
            6,
            "disabled_offer",
            "MARKETING",
            "DISABLED",
            json!([
                {"type": "BODY", "text": "Nobody liked this offer."},
            ]),
        ),
        template(
            7,
            "hello_world",
            "UTILITY",
            "APPROVED",
            json!([
                {"type": "HEADER", "format": "TEXT", "text": "Hello World"},
                {"type": "BODY", "text": "Welcome and congratulations! This message shows that your number can send."},
                {"type": "FOOTER", "text": "Acme"},
            ]),
        ),
    ]
}

fn template(index: u64, name: &str, category: &str, status: &str, components: Value) -> Template {
    Template {
        id: Some(901_500_000_000_000 + index),
        name: name.to_owned(),
        language: default_language(),
        category: category.to_owned(),
        status: status.to_owned(),
        quality: default_quality(),
        parameter_format: default_parameter_format(),
        components,
    }
}
