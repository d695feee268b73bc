//! The hourly look at everything, and the limit: used up, growing, changing hands.

use std::sync::Arc;

use greenline_wire::build::account;
use greenline_wire::build::webhook::Change;
use serde_json::json;

use super::agenda::Deed;
use super::reached::{self, above};
use super::tally::{DAY_MS, HOUR_MS, WEEK_MS};
use crate::changes::conversations;
use crate::log::EventKind;
use crate::platform::Platform;

/// Why a raise was not given: put off, refused, or something is missing.
pub(super) const DEFERRED: &str = "INCREASED_CAPABILITIES_ELIGIBILITY_DEFERRED";
pub(super) const DEFERRALS: [&str; 3] = [
    DEFERRED,
    "INCREASED_CAPABILITIES_ELIGIBILITY_FAILED",
    "INCREASED_CAPABILITIES_ELIGIBILITY_NEED_MORE_INFO",
];
/// A deferred raise is told of so often at most.
const ALERT_EVERY_MS: i64 = WEEK_MS;
/// The limit of a portfolio that is not verified, until it has earned more (QL-21).
const FIRST_TIER: &str = "TIER_250";
/// So many different people within 30 days earn it.
const EARNED_BY: usize = 2_000;

impl Platform {
    /// The next full hour.
    fn next_hour(&self) -> i64 {
        (self.clock.now_ms().div_euclid(HOUR_MS) + 1) * HOUR_MS
    }

    /// Once an hour: what is old is forgotten, ratings are weighed, limits grow, bad conduct is punished.
    pub(super) fn tick(self: &Arc<Self>) {
        let now_ms = self.clock.now_ms();
        let (numbers, templates, accounts, portfolios, config) = {
            let mut book = self.health.book();
            if now_ms < book.next_tick_ms {
                // The clock was put back, and another one took its place.
                return;
            }
            for number in book.numbers.values_mut() {
                number.tally.forget(now_ms);
                number.reached.forget(now_ms);
                number.pairs.retain(|_, pair| pair.done_ms > now_ms);
            }
            for template in book.templates.values_mut() {
                template.tally.forget(now_ms);
            }
            for account in book.accounts.values_mut() {
                account.tally.forget(now_ms);
            }
            for portfolio in book.portfolios.values_mut() {
                portfolio.reached.forget(now_ms);
            }
            let busy = |(id, template): (&u64, &super::book::TemplateBook)| {
                (!template.tally.is_empty()).then_some(*id)
            };
            (
                book.numbers.keys().cloned().collect::<Vec<_>>(),
                book.templates.iter().filter_map(busy).collect::<Vec<_>>(),
                book.accounts.keys().cloned().collect::<Vec<_>>(),
                book.portfolios.keys().cloned().collect::<Vec<_>>(),
                book.config.clone(),
            )
        };
        if config.ratings {
            for number in &numbers {
                self.weigh_number(number);
                self.weigh_spam(number);
            }
            for template in templates {
                self.weigh_template(template);
            }
        }
        if config.limits && self.is_old_era() {
            for number in &numbers {
                self.number_may_grow(number);
            }
        } else if config.limits {
            for portfolio in &portfolios {
                self.portfolio_may_grow(portfolio);
            }
        }
        if config.enforcement {
            for account in &accounts {
                self.judge(account);
            }
        }
        self.tick_next_hour();
    }

    pub(super) fn tick_next_hour(&self) {
        let next_ms = self.next_hour();
        self.health.book().next_tick_ms = next_ms;
        self.health.agenda.put(next_ms, Deed::Tick);
    }

    /// Until October 2025 each number shows a limit of its own, and the change is still to come.
    pub(super) fn enter_era(&self) {
        if !self.is_old_era() {
            return;
        }
        let mut state = self.world.write();
        let mut book = self.health.book();
        for number in state.numbers.values_mut() {
            number.own_limit = Some(book.number(&number.id).limit.clone());
        }
        if !std::mem::replace(&mut book.era_is_due, true) {
            self.health.agenda.put(reached::PORTFOLIO_ERA_MS, Deed::Era);
        }
    }

    /// A number used up its limit, or that of its portfolio.
    pub(super) fn limit_is_used_up(self: &Arc<Self>, id: &str) {
        if !self.is_old_era() && !self.world.unclear.limit_shows_restricted {
            return;
        }
        let connected = {
            let state = self.world.read();
            state
                .numbers
                .get(id)
                .is_some_and(|number| number.status == "CONNECTED")
        };
        if connected {
            self.set_status(id, "RESTRICTED");
            self.watch_limit(id);
        }
    }

    /// Looks again when a place is free.
    pub(super) fn watch_limit(&self, id: &str) {
        let now_ms = self.clock.now_ms();
        let old = self.is_old_era();
        let Ok(line) = self.line(id) else {
            return;
        };
        let frees_ms = {
            let mut book = self.health.book();
            if std::mem::replace(&mut book.number(id).limit_watched, true) {
                return;
            }
            let day = if old {
                &mut book.number(id).reached.day
            } else {
                &mut book.portfolio(&line.portfolio).reached.day
            };
            day.frees_ms(now_ms).unwrap_or(now_ms + DAY_MS)
        };
        let deed = Deed::LimitFrees(id.to_owned());
        self.health.agenda.put(frees_ms.max(now_ms + 1), deed);
    }

    pub(super) fn limit_may_free(self: &Arc<Self>, id: &str) {
        let now_ms = self.clock.now_ms();
        let (status, tier, portfolio) = {
            let state = self.world.read();
            let Some(number) = state.numbers.get(id) else {
                return;
            };
            let business = &state.businesses[number.business];
            (
                number.status.clone(),
                business.messaging_limit.clone(),
                business.portfolio_id.clone(),
            )
        };
        let full = {
            let mut book = self.health.book();
            book.number(id).limit_watched = false;
            let (tier, count) = if self.is_old_era() {
                let number = book.number(id);
                (number.limit.clone(), number.reached.day.count(now_ms))
            } else {
                (tier, book.portfolio(&portfolio).reached.day.count(now_ms))
            };
            reached::people(&tier).is_some_and(|allowed| count >= allowed)
        };
        if status != "RESTRICTED" {
            return;
        }
        if full {
            self.watch_limit(id);
        } else {
            self.set_status(id, "CONNECTED");
        }
    }

    /// Whether the limit of a portfolio is to rise (QL-21, QL-22).
    fn portfolio_may_grow(self: &Arc<Self>, portfolio: &str) {
        let now_ms = self.clock.now_ms();
        let Some((tier, good)) = self.growth(portfolio) else {
            return;
        };
        let (earned, waits, alert) = {
            let mut book = self.health.book();
            let earned = earned(&mut book, portfolio, &tier, now_ms);
            let raise_after_ms = book.hidden.raise_after_s * 1_000;
            let entry = book.portfolio(portfolio);
            let (mut waits, mut alert) = (None, false);
            if earned && good {
                if entry.raise_at_ms.is_none() {
                    waits = Some(now_ms + raise_after_ms);
                    entry.raise_at_ms = waits;
                }
            } else {
                entry.raise_at_ms = None;
                alert = earned
                    && entry
                        .alerted_ms
                        .is_none_or(|alerted_ms| now_ms >= alerted_ms + ALERT_EVERY_MS);
                if alert {
                    entry.alerted_ms = Some(now_ms);
                }
            }
            (earned, waits, alert)
        };
        if let Some(at_ms) = waits {
            let deed = Deed::Raise(portfolio.to_owned());
            self.health.agenda.put(at_ms, deed);
        }
        if earned && alert {
            self.defer(portfolio, DEFERRED);
        }
    }

    /// The present limit of a portfolio, if there is a higher one, and whether quality is good all over.
    fn growth(&self, portfolio: &str) -> Option<(String, bool)> {
        let unclear = &self.world.unclear;
        let state = self.world.read();
        let index = state.business_of_portfolio(portfolio)?;
        let tier = state.businesses[index].messaging_limit.clone();
        above(&tier, false)?;
        let numbers = state
            .numbers
            .values()
            .filter(|number| number.business == index)
            .all(|number| match number.quality_rating.as_str() {
                "GREEN" => true,
                "YELLOW" => unclear.yellow_is_good,
                "RED" => false,
                _ => unclear.unrated_is_good,
            });
        let templates = state
            .accounts
            .values()
            .filter(|account| account.business == index)
            .flat_map(|account| account.templates.values())
            .filter(|template| template.status == "APPROVED")
            .all(|template| match template.quality.as_str() {
                "YELLOW" => unclear.yellow_is_good,
                "RED" => false,
                _ => true,
            });
        Some((tier, numbers && templates))
    }

    /// A raise is not given for now (QL-23).
    pub(super) fn defer(self: &Arc<Self>, portfolio: &str, kind: &str) {
        let change = account::alert(&account::Alert {
            entity_type: "BUSINESS",
            entity_id: portfolio,
            severity: "WARNING",
            kind,
            description: "The limit is not raised while quality is low.",
        });
        self.tell_portfolio(portfolio, &change);
        self.note_plain("portfolio", portfolio, "raise", "earned", "deferred");
    }

    /// The time has come to raise a limit, if it is still earned.
    pub(super) fn raise_portfolio(self: &Arc<Self>, portfolio: &str) {
        let now_ms = self.clock.now_ms();
        let Some((tier, good)) = self.growth(portfolio) else {
            return;
        };
        let due = {
            let mut book = self.health.book();
            let earned = earned(&mut book, portfolio, &tier, now_ms);
            let entry = book.portfolio(portfolio);
            let due = entry.raise_at_ms.is_some_and(|at_ms| at_ms <= now_ms);
            if due {
                entry.raise_at_ms = None;
            }
            due && earned && good
        };
        if let (true, Some(higher)) = (due, above(&tier, false)) {
            self.set_portfolio_limit(portfolio, higher);
        }
    }

    /// Sets and announces a portfolio's limit.
    pub(super) fn set_portfolio_limit(self: &Arc<Self>, portfolio: &str, tier: &str) {
        let before = {
            let mut state = self.world.write();
            let Some(index) = state.business_of_portfolio(portfolio) else {
                return;
            };
            std::mem::replace(
                &mut state.businesses[index].messaging_limit,
                tier.to_owned(),
            )
        };
        if before == tier {
            return;
        }
        self.note_plain("portfolio", portfolio, "limit", &before, tier);
        let numbers = if tier == FIRST_TIER { 2 } else { 20 };
        let change = if self.world.unclear.limit_told_as_tier {
            Change::new(
                "business_capability_update",
                &json!({
                    "max_daily_conversations_per_business": tier,
                    "max_phone_numbers_per_business": numbers,
                    "max_phone_numbers_per_waba": 25,
                }),
            )
        } else {
            account::capability(conversations(tier), numbers, 25)
        };
        self.tell_portfolio(portfolio, &change);
    }

    /// Tells every account of a portfolio.
    fn tell_portfolio(self: &Arc<Self>, portfolio: &str, change: &Change) {
        let mut accounts: Vec<String> = {
            let state = self.world.read();
            let Some(index) = state.business_of_portfolio(portfolio) else {
                return;
            };
            state
                .accounts
                .values()
                .filter(|account| account.business == index)
                .map(|account| account.id.clone())
                .collect()
        };
        accounts.sort();
        for account in accounts {
            let kind = EventKind::Account;
            self.tell(&account, None, change.clone(), kind, Vec::new());
        }
    }

    /// Whether a number's own limit is to rise, until October 2025 (QL-16).
    fn number_may_grow(self: &Arc<Self>, id: &str) {
        let now_ms = self.clock.now_ms();
        let Some(good) = self.number_is_good(id) else {
            return;
        };
        let waits = {
            let mut book = self.health.book();
            let verified = book.config.verified;
            let number = book.number(id);
            let higher = above(&number.limit, true);
            let half = half_used(&number.limit, number.reached.week.count(now_ms));
            let earned = higher.is_some() && half && (verified || number.limit != FIRST_TIER);
            if !(earned && good) {
                number.raise_at_ms = None;
                None
            } else if number.raise_at_ms.is_none() {
                number.raise_at_ms = Some(now_ms + DAY_MS);
                number.raise_at_ms
            } else {
                None
            }
        };
        if let Some(at_ms) = waits {
            let deed = Deed::RaiseNumber(id.to_owned());
            self.health.agenda.put(at_ms, deed);
        }
    }

    fn number_is_good(&self, id: &str) -> Option<bool> {
        let state = self.world.read();
        let number = state.numbers.get(id)?;
        let rated = ["GREEN", "YELLOW"].contains(&number.quality_rating.as_str());
        let used_up = number.status == "RESTRICTED";
        Some(rated && (number.status == "CONNECTED" || used_up))
    }

    pub(super) fn raise_number(self: &Arc<Self>, id: &str) {
        let now_ms = self.clock.now_ms();
        if !self.is_old_era() || self.number_is_good(id) != Some(true) {
            return;
        }
        let (before, after) = {
            let mut book = self.health.book();
            let number = book.number(id);
            let due = number.raise_at_ms.is_some_and(|at_ms| at_ms <= now_ms);
            let Some(higher) = above(&number.limit, true).filter(|_| due) else {
                return;
            };
            number.raise_at_ms = None;
            let before = std::mem::replace(&mut number.limit, higher.to_owned());
            (before, higher)
        };
        self.show_own_limit(id, after);
        self.note_plain("number", id, "limit", &before, after);
        self.tell_of_number(id, "UPGRADE", Some(&before), after);
    }

    /// What a read of the number shows as its limit, until October 2025.
    pub(super) fn show_own_limit(&self, id: &str, tier: &str) {
        if let Some(number) = self.world.write().numbers.get_mut(id) {
            number.own_limit = Some(tier.to_owned());
        }
    }

    /// 7 October 2025: the limit is the portfolio's, its highest; nobody is flagged any more (QL-17, QL-20).
    pub(super) fn portfolio_era(self: &Arc<Self>) {
        let mut numbers: Vec<(String, usize, String)> = {
            let mut state = self.world.write();
            state
                .numbers
                .values_mut()
                .map(|number| {
                    number.own_limit = None;
                    (number.id.clone(), number.business, number.status.clone())
                })
                .collect()
        };
        numbers.sort();
        let portfolios: Vec<String> = {
            let state = self.world.read();
            state
                .businesses
                .iter()
                .map(|business| business.portfolio_id.clone())
                .collect()
        };
        for (index, portfolio) in portfolios.iter().enumerate() {
            let highest = {
                let mut book = self.health.book();
                numbers
                    .iter()
                    .filter(|(_, business, _)| *business == index)
                    .map(|(id, _, _)| book.number(id).limit.clone())
                    .max_by_key(|tier| reached::people(tier).unwrap_or(usize::MAX))
            };
            let Some(highest) = highest else {
                continue;
            };
            let lifted = highest == "TIER_1K" && self.world.unclear.limit_1k_became_2k;
            let tier = if lifted {
                "TIER_2K".to_owned()
            } else {
                highest
            };
            let before = {
                let mut state = self.world.write();
                let limit = &mut state.businesses[index].messaging_limit;
                std::mem::replace(limit, tier.clone())
            };
            if before != tier {
                self.note_plain("portfolio", portfolio, "limit", &before, &tier);
            }
        }
        for (id, _, status) in &numbers {
            let mut book = self.health.book();
            let number = book.number(id);
            number.raise_at_ms = None;
            number.watch_until_ms = None;
            drop(book);
            if status == "FLAGGED" {
                self.set_status(id, "CONNECTED");
            }
        }
    }
}

/// Whether half of a limit was used in the last seven days (QL-22).
fn half_used(tier: &str, week: usize) -> bool {
    reached::people(tier).is_some_and(|allowed| week * 2 >= allowed)
}

/// Whether a portfolio has earned the next limit.
fn earned(book: &mut super::book::Book, portfolio: &str, tier: &str, now_ms: i64) -> bool {
    let entry = book.portfolio(portfolio);
    if tier == FIRST_TIER {
        entry.verified || entry.reached.month.count(now_ms) >= EARNED_BY
    } else {
        half_used(tier, entry.reached.week.count(now_ms))
    }
}
