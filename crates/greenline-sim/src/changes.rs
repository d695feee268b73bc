//! What the platform does to businesses: states of numbers, templates and accounts,
//! with the webhooks that announce them.

use std::sync::Arc;

use greenline_wire::build::webhook::Change;
use greenline_wire::build::{account, template};
use serde::Deserialize;
use serde_json::Value;

use crate::inbound::ActError;
use crate::log::EventKind;
use crate::platform::Platform;
use crate::world::TemplateState;

/// What changes about a number. Nobody is told of status and rating (QL-07).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NumberChange {
    /// `CONNECTED`, `PENDING`, `BANNED` …
    pub status: Option<String>,
    /// `GREEN`, `YELLOW`, `RED`, `NA`.
    pub quality_rating: Option<String>,
    /// A `health_status` to show instead of the computed one; null computes it again.
    pub health_status: Option<Value>,
    /// `STANDARD` or `HIGH`; a rise is announced.
    pub throughput: Option<String>,
    /// `APPROVED`, `DECLINED` …; announced.
    pub name_status: Option<String>,
    /// The portfolio's limit: `TIER_2K` …; announced.
    pub messaging_limit: Option<String>,
}

/// What changes about a template. All of it is announced.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TemplateChange {
    /// `APPROVED`, `PAUSED`, `DISABLED`, `REJECTED` …
    pub status: Option<String>,
    /// Why it was rejected.
    pub reason: Option<String>,
    /// The new category, now.
    pub category: Option<String>,
    /// The category that it will have in 24 hours.
    pub correct_category: Option<String>,
    /// `GREEN`, `YELLOW`, `RED`, `UNKNOWN`.
    pub quality: Option<String>,
}

/// What changes about an account. All but the lock and the apps of others is announced.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AccountChange {
    /// The restrictions from now on, with their ends.
    pub restrictions: Option<Vec<Restriction>>,
    /// The violation that goes with them, or is only noted.
    pub violation: Option<String>,
    /// `SCHEDULE_FOR_DISABLE`, `DISABLE` or `REINSTATE`.
    pub ban: Option<String>,
    /// The date that goes with it, in Unix seconds; today if missing.
    pub ban_date_s: Option<i64>,
    /// Whether the account is locked.
    pub locked: Option<bool>,
    /// `APPROVED`, `REJECTED` …
    pub review_status: Option<String>,
    /// A `health_status` to show instead of the computed one; null computes it again.
    pub health_status: Option<Value>,
    /// Ids of the apps of others that are subscribed to it; nobody is told.
    pub other_apps: Option<Vec<String>>,
}

/// A restriction and its end.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Restriction {
    /// `RESTRICTED_BIZ_INITIATED_MESSAGING` and its kind.
    #[serde(rename = "type")]
    pub kind: String,
    /// Unix seconds.
    pub expires_s: i64,
}

impl Platform {
    pub(crate) fn change_number(
        self: &Arc<Self>,
        id: &str,
        change: &NumberChange,
    ) -> Result<(), ActError> {
        let mut news = Vec::new();
        let account = {
            let mut state = self.world.write();
            let number = state.numbers.get_mut(id).ok_or(ActError::Number)?;
            set(&mut number.status, change.status.as_ref());
            set(&mut number.quality_rating, change.quality_rating.as_ref());
            if let Some(health) = &change.health_status {
                number.health = (!health.is_null()).then(|| health.clone());
            }
            if set(&mut number.throughput, change.throughput.as_ref())
                && number.throughput == "HIGH"
            {
                news.push(account::number_quality(
                    &number.digits,
                    "THROUGHPUT_UPGRADE",
                    "TIER_UNLIMITED",
                ));
            }
            if set(&mut number.name_status, change.name_status.as_ref()) {
                let decision = match number.name_status.as_str() {
                    "DECLINED" => "REJECTED",
                    "PENDING_REVIEW" => "PENDING",
                    status => status,
                };
                let reason = (decision == "REJECTED").then_some("NAME_FORMAT_UNACCEPTABLE");
                news.push(account::number_name(
                    &number.digits,
                    decision,
                    &number.verified_name,
                    reason,
                ));
            }
            let (business, account) = (number.business, number.account.clone());
            let limit = &mut state.businesses[business].messaging_limit;
            if set(limit, change.messaging_limit.as_ref()) {
                news.push(account::capability(conversations(limit), 20, 25));
            }
            account
        };
        self.announce(&account, news);
        Ok(())
    }

    pub(crate) fn change_template(
        self: &Arc<Self>,
        id: u64,
        change: &TemplateChange,
    ) -> Result<(), ActError> {
        let now_s = self.clock.now_s();
        let reinstated = self.world.unclear.unpaused_is_reinstated;
        let mut news = Vec::new();
        let account = {
            let mut state = self.world.write();
            let account = state
                .template(id)
                .map(|(account, _)| account.id.clone())
                .ok_or(ActError::Template)?;
            let template = state.template_mut(id).ok_or(ActError::Template)?;
            let before = template.clone();
            if set(&mut template.category, change.category.as_ref()) {
                template.previous_category = Some(before.category.clone());
                template.correct_category = None;
                news.push(template::category_changed(
                    named(template),
                    &before.category,
                    &template.category,
                ));
            }
            if let Some(correct) = &change.correct_category {
                template.correct_category = Some(correct.clone());
                news.push(template::category_impending(
                    named(template),
                    &template.category,
                    correct,
                    now_s + 24 * 3_600,
                ));
            }
            if set(&mut template.quality, change.quality.as_ref()) {
                news.push(template::quality(
                    named(template),
                    &before.quality,
                    &template.quality,
                ));
            }
            if set(&mut template.status, change.status.as_ref()) {
                template.rejected_reason = match (template.status.as_str(), &change.reason) {
                    ("REJECTED", Some(reason)) => reason.clone(),
                    ("REJECTED", None) => "INVALID_FORMAT".to_owned(),
                    _ => "NONE".to_owned(),
                };
                if template.status == "PAUSED" {
                    template.pauses += 1;
                }
                let unpaused = before.status == "PAUSED" && template.status == "APPROVED";
                news.push(status_news(template, unpaused, reinstated, now_s));
            }
            account
        };
        self.announce(&account, news);
        Ok(())
    }

    pub(crate) fn change_account(
        self: &Arc<Self>,
        id: &str,
        change: &AccountChange,
    ) -> Result<(), ActError> {
        let mut news = Vec::new();
        {
            let mut state = self.world.write();
            let account = state.accounts.get_mut(id).ok_or(ActError::Account)?;
            if let Some(restrictions) = &change.restrictions {
                account.restrictions = restrictions
                    .iter()
                    .map(|restriction| (restriction.kind.clone(), restriction.expires_s))
                    .collect();
                let told: Vec<account::Restriction<'_>> = restrictions
                    .iter()
                    .map(|restriction| account::Restriction {
                        kind: &restriction.kind,
                        expires_s: restriction.expires_s,
                    })
                    .collect();
                news.push(account::restricted(change.violation.as_deref(), &told));
            } else if let Some(violation) = &change.violation {
                news.push(account::violation(violation));
            }
            if let Some(ban) = &change.ban {
                account.banned = match ban.as_str() {
                    "DISABLE" => true,
                    "REINSTATE" => false,
                    _ => account.banned,
                };
                let date_s = change.ban_date_s.unwrap_or_else(|| self.clock.now_s());
                news.push(account::ban(ban, &date_in_words(date_s)));
            }
            account.locked = change.locked.unwrap_or(account.locked);
            if let Some(apps) = &change.other_apps {
                account.other_apps.clone_from(apps);
            }
            if set(&mut account.review_status, change.review_status.as_ref()) {
                news.push(account::review(&account.review_status));
            }
            if let Some(health) = &change.health_status {
                account.health = (!health.is_null()).then(|| health.clone());
            }
        }
        self.announce(id, news);
        Ok(())
    }

    fn announce(self: &Arc<Self>, account: &str, news: Vec<Change>) {
        for change in news {
            self.tell(account, None, change, EventKind::Account, Vec::new());
        }
    }
}

/// Sets a value; whether it changed.
fn set(value: &mut String, new: Option<&String>) -> bool {
    match new {
        Some(new) if new != value => {
            value.clone_from(new);
            true
        }
        _ => false,
    }
}

fn named(template: &TemplateState) -> template::Template<'_> {
    template::Template {
        id: template.id,
        name: &template.name,
        language: &template.language,
    }
}

fn status_news(template: &TemplateState, unpaused: bool, reinstated: bool, now_s: i64) -> Change {
    let other = match (template.status.as_str(), template.pauses) {
        _ if unpaused => Some(("UNPAUSE", "The pause is over.")),
        ("PAUSED", 1) => Some(("FIRST_PAUSE", "Paused for 3 hours because of low quality.")),
        ("PAUSED", _) => Some(("SECOND_PAUSE", "Paused for 6 hours because of low quality.")),
        ("DISABLED", _) => Some(("DISABLED", "Disabled because of low quality.")),
        _ => None,
    };
    let rejection = (template.status == "REJECTED").then_some((
        "The template does not have the right format.",
        "Correct it and submit it again.",
    ));
    template::status(
        named(template),
        &template::TemplateStatus {
            event: if unpaused && reinstated {
                "REINSTATED"
            } else {
                &template.status
            },
            reason: &template.rejected_reason,
            category: &template.category,
            disabled_at_s: (template.status == "DISABLED").then_some(now_s),
            other,
            rejection,
        },
    )
}

/// The number of people a day that a limit allows; -1 for no limit.
pub(crate) fn conversations(limit: &str) -> i64 {
    match limit {
        "TIER_50" => 50,
        "TIER_250" => 250,
        "TIER_1K" => 1_000,
        "TIER_2K" => 2_000,
        "TIER_10K" => 10_000,
        "TIER_100K" => 100_000,
        _ => -1,
    }
}

/// `September 01, 2026`
fn date_in_words(unix_s: i64) -> String {
    const MONTHS: [(&str, i64); 12] = [
        ("January", 31),
        ("February", 28),
        ("March", 31),
        ("April", 30),
        ("May", 31),
        ("June", 30),
        ("July", 31),
        ("August", 31),
        ("September", 30),
        ("October", 31),
        ("November", 30),
        ("December", 31),
    ];
    let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let (mut day, mut year) = (unix_s.div_euclid(86_400), 1970);
    loop {
        let length = if leap(year) { 366 } else { 365 };
        if day < length || year > 9_999 {
            break;
        }
        day -= length;
        year += 1;
    }
    for (name, length) in MONTHS {
        let length = length + i64::from(name == "February" && leap(year));
        if day < length {
            return format!("{name} {:02}, {year}", day + 1);
        }
        day -= length;
    }
    String::new()
}
