//! What a script's states come to.

use std::collections::BTreeMap;
use std::sync::Arc;

use greenline_wire::build::account;
use greenline_wire::build::webhook::Change;
use serde_json::json;

use super::agenda::Deed;
use super::gate::{
    NO_ANSWERS, NO_CALL_BUTTON, NO_CALLS, NO_CALLS_IN, NO_CALLS_OUT, NO_NEW_NUMBERS, NO_TEMPLATES,
};
use super::grow::{DEFERRALS, DEFERRED};
use super::script::{HealthState, Script};
use super::tally::{DAY_MS, WEEK_MS};
use crate::changes::NumberChange;
use crate::inbound::ActError;
use crate::log::EventKind;
use crate::platform::Platform;

/// What a script is about.
enum Target {
    Number(String),
    Account(String),
    Template(u64),
    Portfolio(String),
}

/// What kind of thing a state belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Number,
    Account,
    Template,
    Portfolio,
}

fn kind(state: HealthState) -> Kind {
    use HealthState as S;
    match state {
        S::Connected
        | S::Pending
        | S::Unverified
        | S::Flagged
        | S::LimitReached
        | S::RateLimited
        | S::SpamLimited
        | S::Banned
        | S::Disconnected
        | S::Migrated
        | S::Deleted
        | S::Unknown
        | S::StoodBy
        | S::ThroughputRaised
        | S::RatedGreen
        | S::RatedYellow
        | S::RatedRed
        | S::Unrated => Kind::Number,
        S::Clear
        | S::Warned
        | S::TemplatesRestricted
        | S::MessagesRestricted
        | S::AnswersRestricted
        | S::Locked
        | S::ScheduledForDisable
        | S::Disabled
        | S::Reinstated
        | S::UtilityWarned
        | S::UtilityRateLimited
        | S::UtilityUsedUp
        | S::UtilityRestricted
        | S::UtilityRestrictedPortfolio
        | S::AddingNumbersRestricted
        | S::OutgoingCallsRestricted
        | S::IncomingCallsRestricted
        | S::CallsRestricted
        | S::CallButtonHidden
        | S::PaymentProblem
        | S::Offboarded
        | S::PhoneDisconnected
        | S::Reconnected
        | S::Unsubscribed
        | S::Subscribed
        | S::AccountDeleted => Kind::Account,
        S::TemplatePaused
        | S::TemplateDisabled
        | S::TemplateApproved
        | S::TemplateGreen
        | S::TemplateYellow
        | S::TemplateRed => Kind::Template,
        S::Limit | S::LimitDeferred | S::Verified => Kind::Portfolio,
    }
}

const TIERS: [&str; 7] = [
    "TIER_50",
    "TIER_250",
    "TIER_1K",
    "TIER_2K",
    "TIER_10K",
    "TIER_100K",
    "TIER_UNLIMITED",
];

impl Platform {
    /// Does what a script says, now or when its time comes. Turns the world of health on if need be.
    pub(crate) fn script(self: &Arc<Self>, script: &Script) -> Result<(), ActError> {
        // Whoever gives it learns at once if it names nothing.
        self.target_of(script)?;
        limit_of(script)?;
        self.health_on_for_script();
        let now_ms = self.clock.now_ms();
        match script.at_ms {
            Some(at_ms) if at_ms > now_ms => {
                let now = Script {
                    at_ms: None,
                    ..script.clone()
                };
                let deed = Deed::Script(Box::new(now));
                self.health.agenda.put(at_ms, deed);
                Ok(())
            }
            _ => self.apply(script),
        }
    }

    fn target_of(&self, script: &Script) -> Result<Target, ActError> {
        let state = self.world.read();
        let number = script
            .number
            .as_ref()
            .map(|id| state.numbers.get(id).ok_or(ActError::Number))
            .transpose()?;
        let account = script
            .account
            .as_ref()
            .map(|id| state.accounts.get(id).ok_or(ActError::Account))
            .transpose()?;
        let account_id = account
            .map(|account| account.id.clone())
            .or_else(|| number.map(|number| number.account.clone()));
        match kind(script.state) {
            Kind::Number => number
                .map(|number| Target::Number(number.id.clone()))
                .ok_or(ActError::Target),
            Kind::Account => account_id.map(Target::Account).ok_or(ActError::Target),
            Kind::Template => {
                let id = script.template.ok_or(ActError::Target)?;
                state.template(id).ok_or(ActError::Template)?;
                Ok(Target::Template(id))
            }
            Kind::Portfolio => {
                let index = match (&script.portfolio, account_id) {
                    (Some(id), _) => state.business_of_portfolio(id),
                    (None, Some(id)) => state.accounts.get(&id).map(|account| account.business),
                    (None, None) => return Err(ActError::Target),
                };
                let index = index.ok_or(ActError::Portfolio)?;
                Ok(Target::Portfolio(
                    state.businesses[index].portfolio_id.clone(),
                ))
            }
        }
    }

    /// Puts something into a state now.
    pub(super) fn apply(self: &Arc<Self>, script: &Script) -> Result<(), ActError> {
        let end_ms = script.end_ms(self.clock.now_ms());
        match self.target_of(script)? {
            Target::Number(id) => self.number_state(&id, script.state, end_ms),
            Target::Account(id) => self.account_state(&id, script, end_ms),
            Target::Template(id) => self.template_state(id, script.state),
            Target::Portfolio(id) => self.portfolio_state(&id, script)?,
        }
        Ok(())
    }

    fn number_state(self: &Arc<Self>, id: &str, state: HealthState, end_ms: Option<i64>) {
        use HealthState as S;
        let now_ms = self.clock.now_ms();
        let status = match state {
            S::Connected => {
                self.lift_spam_limit(id);
                self.health.book().number(id).watch_until_ms = None;
                self.stand_by(id, false);
                "CONNECTED"
            }
            S::Pending => "PENDING",
            S::Unverified => "UNVERIFIED",
            S::LimitReached => "RESTRICTED",
            S::RateLimited => "RATE_LIMITED",
            S::Banned => "BANNED",
            S::Disconnected => "DISCONNECTED",
            S::Migrated => "MIGRATED",
            S::Deleted => "DELETED",
            S::Unknown => "UNKNOWN",
            S::StoodBy => {
                self.stand_by(id, true);
                return;
            }
            S::ThroughputRaised => {
                let raised = {
                    let state = self.world.read();
                    let number = state.numbers.get(id);
                    number.is_some_and(|number| number.throughput == "HIGH")
                };
                if raised {
                    return;
                }
                let change = NumberChange {
                    throughput: Some("HIGH".to_owned()),
                    ..NumberChange::default()
                };
                let _ = self.change_number(id, &change);
                self.note_plain("number", id, "throughput", "STANDARD", "HIGH");
                return;
            }
            S::Flagged => {
                self.flag(id, end_ms.unwrap_or(now_ms + WEEK_MS));
                return;
            }
            S::SpamLimited => {
                let until_ms = end_ms.unwrap_or(i64::MAX);
                let before = {
                    let mut book = self.health.book();
                    let number = book.number(id);
                    let before = number.is_spam_limited(now_ms);
                    number.spam_until_ms = Some(until_ms);
                    before
                };
                if !before {
                    self.note_plain("number", id, "spam_limit", "no", "yes");
                }
                if end_ms.is_some() {
                    let deed = Deed::SpamEnds(id.to_owned(), until_ms);
                    self.health.agenda.put(until_ms, deed);
                }
                return;
            }
            S::RatedGreen | S::RatedYellow | S::RatedRed | S::Unrated => {
                let rating = match state {
                    S::RatedGreen => "GREEN",
                    S::RatedYellow => "YELLOW",
                    S::RatedRed => "RED",
                    _ => "NA",
                };
                let until_ms = end_ms.unwrap_or(i64::MAX);
                self.health.book().number(id).pinned_until_ms = Some(until_ms);
                self.rate_number(id, rating, BTreeMap::new());
                if end_ms.is_some() {
                    let deed = Deed::Unpin(id.to_owned(), until_ms);
                    self.health.agenda.put(until_ms, deed);
                }
                return;
            }
            _ => return,
        };
        let before = {
            let state = self.world.read();
            match state.numbers.get(id) {
                Some(number) => number.status.clone(),
                None => return,
            }
        };
        self.set_status(id, status);
        if let Some(end_ms) = end_ms {
            let deed = Deed::NumberBack(id.to_owned(), status.to_owned(), before);
            self.health.agenda.put(end_ms, deed);
        } else if state == S::LimitReached {
            self.watch_limit(id);
        }
    }

    /// A status that was set for a time ends, unless another one was set meanwhile.
    pub(super) fn number_back(&self, id: &str, was: &str, back: &str) {
        let still = {
            let state = self.world.read();
            state
                .numbers
                .get(id)
                .is_some_and(|number| number.status == was)
        };
        if still {
            self.set_status(id, back);
        }
    }

    fn account_state(self: &Arc<Self>, id: &str, script: &Script, end_ms: Option<i64>) {
        use HealthState as S;
        let now_ms = self.clock.now_ms();
        let until = |days: i64| end_ms.unwrap_or(now_ms + days * DAY_MS);
        let violation = script.value.as_deref();
        match script.state {
            S::Clear => self.clear_account(id),
            S::Warned => {
                let change = account::violation(violation.unwrap_or("SPAM"));
                self.tell(id, None, change, EventKind::Account, Vec::new());
                self.note_plain("account", id, "warning", "", violation.unwrap_or("SPAM"));
            }
            S::TemplatesRestricted => {
                self.restrict(id, violation, &[NO_TEMPLATES, NO_NEW_NUMBERS], until(3));
            }
            S::MessagesRestricted => {
                let kinds = [NO_TEMPLATES, NO_ANSWERS, NO_NEW_NUMBERS];
                self.restrict(id, violation, &kinds, until(7));
            }
            S::AnswersRestricted => self.restrict(id, violation, &[NO_ANSWERS], until(7)),
            S::AddingNumbersRestricted => self.restrict(id, violation, &[NO_NEW_NUMBERS], until(3)),
            S::OutgoingCallsRestricted => self.restrict(id, violation, &[NO_CALLS_OUT], until(7)),
            S::IncomingCallsRestricted => self.restrict(id, violation, &[NO_CALLS_IN], until(7)),
            S::CallsRestricted => self.restrict(id, violation, &[NO_CALLS], until(7)),
            S::CallButtonHidden => self.restrict(id, violation, &[NO_CALL_BUTTON], until(7)),
            S::Locked => {
                self.lock(id, true);
                self.account_ends(id, S::Locked, end_ms);
            }
            S::ScheduledForDisable => self.schedule_disable(id, until(7)),
            S::Disabled => self.ban(id, "DISABLE"),
            S::Reinstated => {
                // It is as it was before (ENF-04).
                self.ban(id, "REINSTATE");
                self.clear_account(id);
            }
            S::UtilityWarned => self.warn_of_utility(id),
            S::UtilityRateLimited => self.limit_utility(id, until(7)),
            S::UtilityUsedUp => {
                self.health.book().account(id).utility_used_up = true;
                self.limit_utility(id, until(7));
            }
            S::UtilityRestricted => self.restrict_utility(id, until(7)),
            S::UtilityRestrictedPortfolio => self.restrict_utility_of_portfolio(id, until(30)),
            S::PaymentProblem => {
                self.set_payment_problem(id, true);
                self.account_ends(id, S::PaymentProblem, end_ms);
            }
            S::Offboarded | S::Reconnected | S::AccountDeleted => {
                let (event, status) = match script.state {
                    S::Offboarded => ("ACCOUNT_OFFBOARDED", "DISCONNECTED"),
                    S::Reconnected => ("ACCOUNT_RECONNECTED", "CONNECTED"),
                    _ => ("ACCOUNT_DELETED", "DELETED"),
                };
                let numbers = {
                    let state = self.world.read();
                    state
                        .accounts
                        .get(id)
                        .map(|account| account.numbers.clone())
                        .unwrap_or_default()
                };
                for number in numbers {
                    self.set_status(&number, status);
                }
                if script.state == S::AccountDeleted
                    && let Some(account) = self.world.write().accounts.get_mut(id)
                {
                    account.deleted = true;
                }
                self.tell_event(id, event);
            }
            S::PhoneDisconnected => self.take_phone_out(id),
            S::Unsubscribed => self.subscribe_by_script(id, false),
            S::Subscribed => self.subscribe_by_script(id, true),
            _ => {}
        }
    }

    /// The numbers leave with the phone app, which was not used for long.
    fn take_phone_out(self: &Arc<Self>, id: &str) {
        let (numbers, owner) = {
            let state = self.world.read();
            let Some(account) = state.accounts.get(id) else {
                return;
            };
            let owner = &state.businesses[account.business].portfolio_id;
            (account.numbers.clone(), owner.clone())
        };
        for number in numbers {
            self.set_status(&number, "DISCONNECTED");
        }
        let value = json!({
            "event": "PARTNER_REMOVED",
            "waba_info": {"waba_id": id, "owner_business_id": owner},
            "disconnection_info": {"reason": "PRIMARY_INACTIVITY", "initiated_by": "SYSTEM"},
        });
        let change = Change::new("account_update", &value);
        self.tell(id, None, change, EventKind::Account, Vec::new());
    }

    fn subscribe_by_script(&self, id: &str, subscribed: bool) {
        let before = {
            let mut state = self.world.write();
            let Some(account) = state.accounts.get_mut(id) else {
                return;
            };
            std::mem::replace(&mut account.subscribed, subscribed)
        };
        if before != subscribed {
            let word = |subscribed| if subscribed { "yes" } else { "no" };
            self.note_plain("account", id, "subscribed", word(before), word(subscribed));
        }
    }

    fn account_ends(&self, id: &str, state: HealthState, end_ms: Option<i64>) {
        if let Some(end_ms) = end_ms {
            let deed = Deed::AccountBack(id.to_owned(), state);
            self.health.agenda.put(end_ms, deed);
        }
    }

    /// A lock or a payment problem that was set for a time ends.
    pub(super) fn account_back(self: &Arc<Self>, id: &str, state: HealthState) {
        match state {
            HealthState::Locked => self.lock(id, false),
            HealthState::PaymentProblem => self.set_payment_problem(id, false),
            _ => {}
        }
    }

    fn set_payment_problem(&self, id: &str, problem: bool) {
        let before = {
            let mut state = self.world.write();
            let Some(account) = state.accounts.get_mut(id) else {
                return;
            };
            std::mem::replace(&mut account.payment_problem, problem)
        };
        if before != problem {
            let word = |problem| if problem { "problem" } else { "fine" };
            self.note_plain("account", id, "payment", word(before), word(problem));
        }
    }

    fn template_state(self: &Arc<Self>, id: u64, state: HealthState) {
        use HealthState as S;
        match state {
            S::TemplatePaused => self.pause_template(id),
            S::TemplateDisabled => self.template_status(id, "DISABLED"),
            S::TemplateApproved => {
                self.template_begins_anew(id);
                self.template_status(id, "APPROVED");
            }
            S::TemplateGreen => self.score_template(id, "GREEN"),
            S::TemplateYellow => self.score_template(id, "YELLOW"),
            S::TemplateRed => self.score_template(id, "RED"),
            _ => {}
        }
    }

    fn portfolio_state(self: &Arc<Self>, id: &str, script: &Script) -> Result<(), ActError> {
        match script.state {
            HealthState::Limit => {
                let tier = limit_of(script)?.unwrap_or_default();
                match (&script.number, self.is_old_era()) {
                    (Some(number), true) => {
                        let before = {
                            let mut book = self.health.book();
                            let limit = &mut book.number(number).limit;
                            std::mem::replace(limit, tier.clone())
                        };
                        self.show_own_limit(number, &tier);
                        self.note_plain("number", number, "limit", &before, &tier);
                    }
                    _ => self.set_portfolio_limit(id, &tier),
                }
            }
            HealthState::LimitDeferred => {
                let kind = script.value.as_deref().unwrap_or(DEFERRED);
                self.defer(id, kind);
            }
            HealthState::Verified => {
                self.health.book().portfolio(id).verified = true;
                self.note_plain("portfolio", id, "verified", "no", "yes");
            }
            _ => {}
        }
        Ok(())
    }
}

/// The limit that a script sets, if it sets one.
fn limit_of(script: &Script) -> Result<Option<String>, ActError> {
    if script.state == HealthState::LimitDeferred
        && let Some(kind) = script.value.as_deref()
        && !DEFERRALS.contains(&kind)
    {
        return Err(ActError::Deferral);
    }
    if script.state != HealthState::Limit {
        return Ok(None);
    }
    match script.value.as_deref() {
        Some(tier) if TIERS.contains(&tier) => Ok(Some(tier.to_owned())),
        _ => Err(ActError::Limit),
    }
}
