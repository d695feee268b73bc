//! The two ladders of enforcement: the general one (ENF-00) and the one for misuse of the utility category (ENF-20).

use std::sync::Arc;

use greenline_wire::build::account;
use greenline_wire::build::webhook::Change;

use super::agenda::Deed;
use super::gate::{
    FEW_UTILITY, NO_ANSWERS, NO_CALL_BUTTON, NO_CALLS, NO_CALLS_IN, NO_CALLS_OUT, NO_NEW_NUMBERS,
    NO_TEMPLATES, NO_UTILITY,
};
use super::hidden::Step;
use super::tally::{DAY_MS, HOUR_MS};
use super::weigh::News;
use crate::behaviour::Sent;
use crate::changes::{AccountChange, TemplateChange};
use crate::log::EventKind;
use crate::platform::Platform;

/// Since 16 April 2025 misuse of the utility category has its ladder (ENF-20).
const UTILITY_LADDER_MS: i64 = 1_744_761_600_000;
/// Every type of restriction that is put in force here.
const ALL_KINDS: [&str; 9] = [
    NO_TEMPLATES,
    NO_ANSWERS,
    NO_NEW_NUMBERS,
    NO_UTILITY,
    FEW_UTILITY,
    NO_CALLS_OUT,
    NO_CALLS_IN,
    NO_CALLS,
    NO_CALL_BUTTON,
];

fn none() -> String {
    "none".to_owned()
}

/// Words that give a utility template away as marketing.
const PROMOTIONAL: [&str; 7] = [
    "% off", "discount", "sale ", "offer", "coupon", "promo", "deal ",
];

pub(super) const UTILITY_WARNED: &str = "UTILITY_TEMPLATE_ABUSE";
const UTILITY_LIMITED: &str = "UTILITY_TEMPLATE_ABUSE_RATE_LIMIT";
const UTILITY_RECOVERED: &str = "UTILITY_TEMPLATE_ABUSE_RATE_LIMIT_RECOVERY";
const UTILITY_UNBANNED: &str = "UTILITY_TEMPLATE_ABUSE_UNBAN";

impl Platform {
    /// Looks whether an account's conduct leads one step up the ladder (ENF-03).
    pub(super) fn judge(self: &Arc<Self>, id: &str) {
        let now_ms = self.clock.now_ms();
        let closed = {
            let state = self.world.read();
            state
                .accounts
                .get(id)
                .is_none_or(|account| account.banned || account.locked)
        };
        let (step, causes) = {
            let mut book = self.health.book();
            let hidden = book.hidden.clone();
            let account = book.account(id);
            if closed || now_ms < account.quiet_until_ms {
                return;
            }
            let since_ms = account.judged_from_ms;
            let weight = account.tally.weigh(now_ms, since_ms, &hidden);
            let enough = weight.delivered_weighed >= hidden.enforced_from;
            if !enough || weight.bad_share() < hidden.enforced_at {
                return;
            }
            let forgiven = account.judged_from_ms > 0
                && now_ms >= account.judged_from_ms + hidden.forgiven_after_h * HOUR_MS;
            if forgiven {
                account.step = 0;
            }
            let Some(step) = hidden.ladder.get(account.step).copied() else {
                return;
            };
            account.step += 1;
            account.judged_from_ms = now_ms;
            let lasts_ms = match step {
                Step::Templates(days) | Step::Messages(days) => i64::from(days) * DAY_MS,
                _ => 0,
            };
            account.quiet_until_ms = now_ms + lasts_ms + hidden.grace_h * HOUR_MS;
            (step, weight.causes)
        };
        self.note(News {
            object: "account",
            id,
            what: "step",
            from: "conduct",
            to: &format!("{step:?}"),
            causes,
        });
        let one_number =
            matches!(step, Step::Templates(_)) && self.world.unclear.restriction_of_one_number;
        if one_number {
            let worst = self.worst_number(id);
            self.health.book().account(id).only_number = worst;
        }
        self.take_step(id, step);
    }

    /// The number of an account that people took worst.
    fn worst_number(&self, account: &str) -> Option<String> {
        let now_ms = self.clock.now_ms();
        let numbers = {
            let state = self.world.read();
            state.accounts.get(account)?.numbers.clone()
        };
        let mut book = self.health.book();
        let hidden = book.hidden.clone();
        let share = |id: &String| {
            let weight = book.number(id).tally.weigh(now_ms, 0, &hidden);
            (weight.bad_share(), id.clone())
        };
        let mut shares: Vec<(f64, String)> = numbers.iter().map(share).collect();
        shares.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        shares.into_iter().next().map(|(_, id)| id)
    }

    fn take_step(self: &Arc<Self>, id: &str, step: Step) {
        let now_ms = self.clock.now_ms();
        match step {
            Step::Warning => {
                let warning = account::violation("SPAM");
                self.tell(id, None, warning, EventKind::Account, Vec::new());
            }
            Step::Templates(days) => {
                let end_ms = now_ms + i64::from(days) * DAY_MS;
                self.restrict(id, None, &[NO_TEMPLATES, NO_NEW_NUMBERS], end_ms);
            }
            Step::Messages(days) => {
                let end_ms = now_ms + i64::from(days) * DAY_MS;
                self.health.book().account(id).only_number = None;
                let kinds = [NO_TEMPLATES, NO_ANSWERS, NO_NEW_NUMBERS];
                self.restrict(id, None, &kinds, end_ms);
            }
            Step::Lock => self.lock(id, true),
            Step::LockThenDisable(days) => {
                self.lock(id, true);
                self.schedule_disable(id, now_ms + i64::from(days) * DAY_MS);
            }
        }
    }

    /// Puts restrictions in force and tells of them. Others stay as they are (ENF-15).
    pub(super) fn restrict(
        self: &Arc<Self>,
        id: &str,
        violation: Option<&str>,
        kinds: &[&'static str],
        end_ms: i64,
    ) {
        let expires_s = end_ms.div_euclid(1_000);
        let now_s = self.clock.now_s();
        let mut before = Vec::new();
        {
            let mut state = self.world.write();
            let Some(account) = state.accounts.get_mut(id) else {
                return;
            };
            for kind in kinds {
                let known = |(known, end_s): &(String, i64)| known == kind && *end_s > now_s;
                let end_s = account.restrictions.iter().find(|entry| known(entry));
                before.push(end_s.map_or_else(none, |(_, end_s)| end_s.to_string()));
                account.restrictions.retain(|(known, _)| known != kind);
                account.restrictions.push(((*kind).to_owned(), expires_s));
            }
        }
        for (kind, before) in kinds.iter().zip(&before) {
            self.note_plain("account", id, kind, before, &expires_s.to_string());
            let deed = Deed::RestrictionEnds(id.to_owned(), kind, expires_s);
            self.health
                .agenda
                .put(expires_s.saturating_mul(1_000), deed);
        }
        let told: Vec<account::Restriction<'_>> = kinds
            .iter()
            .map(|kind| account::Restriction { kind, expires_s })
            .collect();
        let change = account::restricted(violation, &told);
        self.tell(id, None, change, EventKind::Account, Vec::new());
    }

    /// A restriction ends, if it still has that end. Nobody is told (ENF-15).
    pub(super) fn restriction_ends(&self, id: &str, kind: &'static str, expires_s: i64) {
        let ended = {
            let mut state = self.world.write();
            let Some(account) = state.accounts.get_mut(id) else {
                return;
            };
            let before = account.restrictions.len();
            account
                .restrictions
                .retain(|(known, end_s)| known != kind || *end_s != expires_s);
            account.restrictions.len() < before
        };
        if ended {
            self.note_plain("account", id, kind, &expires_s.to_string(), &none());
        }
    }

    /// Locks an account, or opens it again. Nobody is told by webhook.
    pub(super) fn lock(self: &Arc<Self>, id: &str, locked: bool) {
        let before = {
            let mut state = self.world.write();
            let Some(account) = state.accounts.get_mut(id) else {
                return;
            };
            std::mem::replace(&mut account.locked, locked)
        };
        if before == locked {
            return;
        }
        let word = |locked| if locked { "locked" } else { "open" };
        self.note_plain("account", id, "lock", word(before), word(locked));
        if !locked {
            self.deliver_kept(id);
        }
    }

    /// What people wrote during a lock arrives after it, where it does (ENF-09).
    fn deliver_kept(self: &Arc<Self>, id: &str) {
        let kept = std::mem::take(&mut self.health.book().account(id).kept_inbound);
        for inbound in kept {
            let _ = self.inbound(&inbound);
        }
    }

    /// The account will be disabled at that time.
    pub(super) fn schedule_disable(self: &Arc<Self>, id: &str, at_ms: i64) {
        self.health.book().account(id).disable_at_ms = Some(at_ms);
        let change = AccountChange {
            ban: Some("SCHEDULE_FOR_DISABLE".to_owned()),
            ban_date_s: Some(at_ms.div_euclid(1_000)),
            ..AccountChange::default()
        };
        let _ = self.change_account(id, &change);
        self.note_plain("account", id, "ban", "", "SCHEDULE_FOR_DISABLE");
        let deed = Deed::Disable(id.to_owned(), at_ms);
        self.health.agenda.put(at_ms, deed);
    }

    pub(super) fn disable_if_due(self: &Arc<Self>, id: &str, at_ms: i64) {
        let due = self.health.book().account(id).disable_at_ms == Some(at_ms);
        if due {
            self.ban(id, "DISABLE");
        }
    }

    /// Disables or reinstates an account (ENF-04, ENF-13).
    pub(super) fn ban(self: &Arc<Self>, id: &str, ban: &str) {
        self.health.book().account(id).disable_at_ms = None;
        let change = AccountChange {
            ban: Some(ban.to_owned()),
            ..AccountChange::default()
        };
        let _ = self.change_account(id, &change);
        self.note_plain("account", id, "ban", "", ban);
    }

    /// Counts utility templates that are marketing in truth, as they arrive.
    pub(super) fn watch_for_misuse(self: &Arc<Self>, sent: &Sent) {
        let now_ms = self.clock.now_ms();
        let Some(template_id) = sent.template else {
            return;
        };
        let (account, words) = {
            let state = self.world.read();
            let Some((account, template)) = state.template(template_id) else {
                return;
            };
            if template.category != "UTILITY" {
                return;
            }
            let words = template.components.to_string().to_ascii_lowercase();
            (account.id.clone(), words)
        };
        let step = {
            let mut book = self.health.book();
            let name = sent.template_name.as_deref().unwrap_or_default();
            let misused = book.config.misused.iter().any(|known| known == name)
                || PROMOTIONAL.iter().any(|word| words.contains(word));
            if !misused || !book.config.enforcement || now_ms < UTILITY_LADDER_MS {
                return;
            }
            let misuse_at = book.hidden.misuse_at;
            let entry = book.account(&account);
            if now_ms < entry.utility_quiet_until_ms {
                return;
            }
            entry.misuse += 1;
            if entry.misuse < misuse_at {
                return;
            }
            entry.misuse = 0;
            entry.utility_step += 1;
            entry.utility_quiet_until_ms = now_ms + DAY_MS;
            entry.utility_step
        };
        self.note_plain(
            "account",
            &account,
            "utility_step",
            "misuse",
            &step.to_string(),
        );
        match step {
            1 => {
                self.warn_of_utility(&account);
                self.announce_category(template_id, "MARKETING");
            }
            2 => {
                // After the warning it is moved at once.
                change_category(self, template_id, "MARKETING");
                self.limit_utility(&account, now_ms + 7 * DAY_MS);
            }
            3 => self.restrict_utility(&account, now_ms + 7 * DAY_MS),
            _ => self.restrict_utility_of_portfolio(&account, now_ms + 30 * DAY_MS),
        }
    }

    pub(super) fn warn_of_utility(self: &Arc<Self>, id: &str) {
        let change = account::restricted(Some(UTILITY_WARNED), &[]);
        self.tell(id, None, change, EventKind::Account, Vec::new());
        self.note_plain("account", id, "utility", "", "warned");
    }

    /// A category that comes into force in 24 hours (SND-07).
    fn announce_category(self: &Arc<Self>, id: u64, category: &str) {
        let change = TemplateChange {
            correct_category: Some(category.to_owned()),
            ..TemplateChange::default()
        };
        let _ = self.change_template(id, &change);
        let at_ms = self.clock.now_ms() + DAY_MS;
        self.health.agenda.put(at_ms, Deed::Recategorise(id));
    }

    pub(super) fn limit_utility(self: &Arc<Self>, id: &str, end_ms: i64) {
        self.restrict(id, Some(UTILITY_LIMITED), &[FEW_UTILITY], end_ms);
        self.utility_lasts(id, FEW_UTILITY, end_ms);
    }

    /// No new utility templates, and those there are go as marketing.
    pub(super) fn restrict_utility(self: &Arc<Self>, id: &str, end_ms: i64) {
        self.restrict(id, Some(UTILITY_WARNED), &[NO_UTILITY], end_ms);
        self.utility_lasts(id, NO_UTILITY, end_ms);
        let utility: Vec<u64> = {
            let state = self.world.read();
            let Some(account) = state.accounts.get(id) else {
                return;
            };
            account
                .templates
                .values()
                .filter(|template| template.category == "UTILITY" && template.status == "APPROVED")
                .map(|template| template.id)
                .collect()
        };
        for template in &utility {
            change_category(self, *template, "MARKETING");
        }
        let mut book = self.health.book();
        book.account(id).made_marketing.extend(utility);
    }

    pub(super) fn restrict_utility_of_portfolio(self: &Arc<Self>, id: &str, end_ms: i64) {
        let mut accounts: Vec<String> = {
            let state = self.world.read();
            let Some(business) = state.accounts.get(id).map(|account| account.business) else {
                return;
            };
            state
                .accounts
                .values()
                .filter(|account| account.business == business)
                .map(|account| account.id.clone())
                .collect()
        };
        accounts.sort();
        for account in accounts {
            self.restrict_utility(&account, end_ms);
        }
    }

    fn utility_lasts(&self, id: &str, kind: &'static str, end_ms: i64) {
        {
            let mut book = self.health.book();
            let account = book.account(id);
            account.utility_quiet_until_ms = end_ms;
            account.utility_ends_ms.insert(kind, end_ms);
        }
        let deed = Deed::UtilityEnds(id.to_owned(), kind, end_ms);
        self.health.agenda.put(end_ms, deed);
    }

    /// A measure against utility templates ends; this alone is announced (ENF-15).
    pub(super) fn utility_ends(self: &Arc<Self>, id: &str, kind: &'static str, end_ms: i64) {
        // It ended just now, or was lifted or changed meanwhile.
        let lasts = {
            let state = self.world.read();
            let now_s = self.clock.now_s();
            let account = state.accounts.get(id);
            account.is_none_or(|account| super::gate::restricted(account, kind, now_s))
        };
        {
            let mut book = self.health.book();
            let ends_ms = &mut book.account(id).utility_ends_ms;
            if lasts || ends_ms.get(kind) != Some(&end_ms) {
                return;
            }
            ends_ms.remove(kind);
            if kind == FEW_UTILITY {
                book.account(id).utility_used_up = false;
            }
        }
        let word = if kind == FEW_UTILITY {
            UTILITY_RECOVERED
        } else {
            UTILITY_UNBANNED
        };
        let change = account::restricted(Some(word), &[]);
        self.tell(id, None, change, EventKind::Account, Vec::new());
        if kind == NO_UTILITY {
            self.utility_returns(id);
        }
    }

    /// Templates that were made marketing by force are utility again, where they are.
    fn utility_returns(self: &Arc<Self>, id: &str) {
        let made = std::mem::take(&mut self.health.book().account(id).made_marketing);
        if self.world.unclear.utility_returns {
            for template in made {
                change_category(self, template, "UTILITY");
            }
        }
    }

    /// Lifts everything but a ban.
    pub(super) fn clear_account(self: &Arc<Self>, id: &str) {
        let now_s = self.clock.now_s();
        let lifted = {
            let mut state = self.world.write();
            let Some(account) = state.accounts.get_mut(id) else {
                return;
            };
            account.payment_problem = false;
            std::mem::take(&mut account.restrictions)
        };
        let kinds = ALL_KINDS.into_iter().filter_map(|kind| {
            let entry = lifted.iter().find(|(known, _)| known == kind);
            entry.map(|(_, end_s)| (kind, *end_s))
        });
        for (kind, end_s) in kinds.filter(|(_, end_s)| *end_s > now_s) {
            self.note_plain("account", id, kind, &end_s.to_string(), &none());
        }
        {
            let mut book = self.health.book();
            let account = book.account(id);
            account.only_number = None;
            account.utility_ends_ms.clear();
            account.utility_used_up = false;
        }
        self.utility_returns(id);
        self.lock(id, false);
    }

    /// Tells an event of an account that says all by its name.
    pub(super) fn tell_event(self: &Arc<Self>, id: &str, event: &str) {
        let change: Change = account::event(event);
        self.tell(id, None, change, EventKind::Account, Vec::new());
    }
}

/// Gives a template another category, with what announces it.
pub(super) fn change_category(sim: &Arc<Platform>, id: u64, category: &str) {
    let before = {
        let state = sim.world.read();
        let Some((_, template)) = state.template(id) else {
            return;
        };
        template.category.clone()
    };
    if before == category {
        return;
    }
    let change = TemplateChange {
        category: Some(category.to_owned()),
        ..TemplateChange::default()
    };
    let _ = sim.change_template(id, &change);
    sim.note_plain("template", &id.to_string(), "category", &before, category);
}
