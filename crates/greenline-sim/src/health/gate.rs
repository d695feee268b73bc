//! What goes through in which state: sends by category, answers, inbound, calls, reads.

use std::sync::Arc;

use super::book::Book;
use super::burst;
use super::people::{BOUNDED_SINCE_MS, Sort, is_exempt};
use super::reached::{self, PORTFOLIO_ERA_MS};
use super::tally::{DAY_MS, WEEK_MS};
use crate::inbound::Line;
use crate::platform::Platform;
use crate::reply::Refusal;
use crate::rng::Rng;
use crate::unclear::{RestrictionCode, Unclear};
use crate::world::{AccountState, NumberState};

/// What the platform does with a send.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ruling {
    /// It is taken and fails later.
    pub(crate) fails: Option<u32>,
    /// It is kept back until feedback on earlier ones is known (SND-24).
    pub(crate) held: bool,
    /// It is kept back with everything else of its portfolio (SND-25).
    pub(crate) in_batch: bool,
    /// It took a place under the limit at this moment.
    pub(crate) took_place_ms: Option<i64>,
}

impl Ruling {
    fn fails(code: u32) -> Self {
        Self {
            fails: Some(code),
            ..Self::default()
        }
    }
}

/// Refused at once, or taken and failing later.
fn turned_down(at_once: bool, code: u32, details: &str) -> Result<Ruling, Refusal> {
    if at_once {
        Err(Refusal::new(code, details))
    } else {
        Ok(Ruling::fails(code))
    }
}

/// Since then non-template messages may have to be paid for.
const ANSWERS_CHARGED_MS: i64 = 1_790_812_800_000;
/// One message to one person takes so long at the usual pace (SND-45).
const PAIR_MS: i64 = 6_000;
/// So many may go at once.
const PAIR_BURST: i64 = 45;
/// Templates are paced since 12 October 2023 (SND-24).
const PACED_SINCE_MS: i64 = 1_697_068_800_000;

/// Whether people's messages reach a number with this status.
pub(crate) fn status_receives(status: &str, unclear: &Unclear) -> bool {
    match status {
        "CONNECTED" | "FLAGGED" | "RESTRICTED" | "RATE_LIMITED" => true,
        status => is_odd(status) && unclear.odd_status_works,
    }
}

/// A status that only one list knows.
pub(crate) fn is_odd(status: &str) -> bool {
    matches!(status, "UNKNOWN" | "LINKED" | "UNLINKED")
        || status.starts_with("MESSAGING_LIMIT_TIER_")
}

/// Whether a restriction of this type is in force.
pub(crate) fn restricted(account: &AccountState, kind: &str, now_s: i64) -> bool {
    account
        .restrictions
        .iter()
        .any(|(known, expires_s)| known == kind && *expires_s > now_s)
}

pub(crate) const NO_TEMPLATES: &str = "RESTRICTED_BIZ_INITIATED_MESSAGING";
pub(crate) const NO_ANSWERS: &str = "RESTRICTED_CUSTOMER_INITIATED_MESSAGING";
pub(crate) const NO_NEW_NUMBERS: &str = "RESTRICTED_ADD_PHONE_NUMBER_ACTION";
pub(crate) const NO_UTILITY: &str = "RESTRICTED_UTILITY_TEMPLATES";
pub(crate) const FEW_UTILITY: &str = "RATE_LIMITED_UTILITY_TEMPLATE_MESSAGING";
pub(crate) const NO_CALLS_OUT: &str = "RESTRICTED_BUSINESS_INITIATED_CALLING";
pub(crate) const NO_CALLS_IN: &str = "RESTRICTED_USER_INITIATED_CALLING";
pub(crate) const NO_CALLS: &str = "RESTRICTED_BIZ_INITIATED_AND_USER_INITIATED_CALLING";
pub(crate) const NO_CALL_BUTTON: &str = "RESTRICTED_USER_INITIATED_CALLING_CALL_BUTTON_HIDDEN";

/// What number and account allow, whatever was sent before.
fn standing(
    number: &NumberState,
    account: &AccountState,
    only_number: Option<&str>,
    unclear: &Unclear,
    now_ms: i64,
    template: Option<&str>,
    window: bool,
) -> Result<Ruling, Refusal> {
    let is_template = template.is_some();
    match number.status.as_str() {
        "CONNECTED" | "FLAGGED" => {}
        "BANNED" => {
            return turned_down(
                unclear.lock_refused_at_once,
                131_031,
                "The number is banned.",
            );
        }
        "DELETED" => return Err(Refusal::new(33, "The number was deleted.")),
        // What goes in an open window does not count against the limit (QL-10).
        "RESTRICTED" if is_template && !window => {
            return turned_down(
                unclear.limit_refused_at_once,
                131_048,
                "The number reached its limit.",
            );
        }
        "RESTRICTED" => {}
        "RATE_LIMITED" if is_template && !unclear.rate_limited_number_sends => {
            return Err(Refusal::new(131_048, "The number is rate limited."));
        }
        "RATE_LIMITED" if !is_template && !unclear.rate_limited_number_answers => {
            return Err(Refusal::new(131_048, "The number is rate limited."));
        }
        "RATE_LIMITED" => {}
        odd if is_odd(odd) && unclear.odd_status_works => {}
        _ => return Err(Refusal::new(133_010, "The number is not registered.")),
    }
    if account.banned || account.locked {
        return turned_down(
            unclear.lock_refused_at_once,
            131_031,
            "The account is locked or disabled for a violation of policy.",
        );
    }
    let now_s = now_ms.div_euclid(1_000);
    let elsewhere = only_number.is_some_and(|only| only != number.id);
    let no_templates = restricted(account, NO_TEMPLATES, now_s) && !elsewhere;
    let no_answers = restricted(account, NO_ANSWERS, now_s);
    let stopped = if is_template {
        no_templates || (no_answers && unclear.answer_restriction_stops_templates)
    } else {
        no_answers
    };
    if stopped {
        let details = "The account is restricted for now.";
        return match unclear.restriction_code {
            RestrictionCode::Locked => turned_down(unclear.lock_refused_at_once, 131_031, details),
            RestrictionCode::Spam if is_template => {
                turned_down(unclear.spam_limit_refused_at_once, 131_048, details)
            }
            RestrictionCode::Spam | RestrictionCode::Blocked => Err(Refusal::new(368, details)),
        };
    }
    if account.payment_problem {
        let charged = now_ms >= ANSWERS_CHARGED_MS && unclear.service_messages_charged;
        if is_template || charged {
            return Err(Refusal::new(131_042, "The payment method does not work."));
        }
    }
    Ok(Ruling::default())
}

/// Rules on a send that is well formed: refused at once, taken to fail, held, or going.
pub(crate) fn rule(
    sim: &Arc<Platform>,
    line: &Line,
    wa_id: &str,
    template: Option<(u64, &str)>,
) -> Result<Ruling, Refusal> {
    let now_ms = sim.clock.now_ms();
    let window = sim
        .world
        .people
        .with(wa_id, |person| person.window_is_open(&line.number, now_ms));
    let mut over_limit = false;
    let ruling = {
        let state = sim.world.read();
        let mut book = sim.health.book();
        let unknown = || Refusal::unknown_object("POST", &line.number);
        let number = state.numbers.get(&line.number).ok_or_else(unknown)?;
        let account = state.accounts.get(&line.account).ok_or_else(unknown)?;
        let category = template.map(|(_, category)| category);
        let only = book.account(&line.account).only_number.clone();
        let unclear = &sim.world.unclear;
        let first = standing(
            number,
            account,
            only.as_deref(),
            unclear,
            now_ms,
            category,
            window,
        )?;
        if first.fails.is_some() {
            return Ok(first);
        }
        book.begun = true;
        let send = Send {
            line,
            wa_id,
            template,
            window,
            now_ms,
            unclear,
        };
        let tier = if now_ms < PORTFOLIO_ERA_MS {
            None
        } else {
            Some(state.businesses[number.business].messaging_limit.as_str())
        };
        let high = number.throughput == "HIGH";
        let capped = restricted(account, FEW_UTILITY, now_ms.div_euclid(1_000));
        let quality = template.and_then(|(id, _)| {
            let template = account.templates.get(&id)?;
            Some(template.quality.as_str())
        });
        send.counted(&mut book, tier, high, capped, quality, &mut over_limit)
    };
    if over_limit {
        sim.limit_is_used_up(&line.number);
    }
    ruling
}

/// A send that the states allow, to be held against what went before.
struct Send<'a> {
    line: &'a Line,
    wa_id: &'a str,
    template: Option<(u64, &'a str)>,
    window: bool,
    now_ms: i64,
    unclear: &'a Unclear,
}

impl Send<'_> {
    fn counted(
        &self,
        book: &mut Book,
        portfolio_tier: Option<&str>,
        high: bool,
        utility_capped: bool,
        quality: Option<&str>,
        over_limit: &mut bool,
    ) -> Result<Ruling, Refusal> {
        if book.config.speeds {
            self.within_speed(book, high)?;
            if !self.within_pair(book) {
                return turned_down(
                    self.unclear.pair_limit_refused_at_once,
                    131_056,
                    "Too many messages from this number to this person in a short time.",
                );
            }
        }
        if self.sort() == Sort::Utility && utility_capped && !self.within_utility(book) {
            return turned_down(
                self.unclear.utility_limit_refused_at_once,
                131_064,
                "The account may send only a limited amount of utility templates for now.",
            );
        }
        if self.template.is_some() && burst::is_in_review(book, &self.line.portfolio, self.now_ms) {
            return Err(Refusal::new(132_015, "The portfolio is being reviewed."));
        }
        if let Some(refused) = self.under_spam_limit(book) {
            return refused;
        }
        let mut ruling = Ruling::default();
        if book.config.limits && self.template.is_some() && !self.window {
            match self.within_limit(book, portfolio_tier) {
                Some(took_place) => {
                    ruling.took_place_ms = took_place.then_some(self.now_ms);
                }
                None => {
                    *over_limit = true;
                    return turned_down(
                        self.unclear.limit_refused_at_once,
                        131_048,
                        "The limit of different people within 24 hours is reached.",
                    );
                }
            }
        }
        ruling.fails = self.fails_for_the_person(book);
        ruling.held = ruling.fails.is_none() && self.is_held(book, quality);
        ruling.in_batch = ruling.fails.is_none()
            && !ruling.held
            && self.template.is_some()
            && burst::waits(book, &self.line.portfolio, self.now_ms);
        Ok(ruling)
    }

    fn sort(&self) -> Sort {
        Sort::of(self.template.map(|(_, category)| category))
    }

    /// The number's throughput: 80 a second, 1,000 once raised (`sending-rules.md` section 5).
    fn within_speed(&self, book: &mut Book, high: bool) -> Result<(), Refusal> {
        let number = book.number(&self.line.number);
        let second = self.now_ms.div_euclid(1_000);
        if number.second.0 != second {
            number.second = (second, 0);
        }
        number.second.1 += 1;
        if number.second.1 > if high { 1_000 } else { 80 } {
            return Err(Refusal::new(
                130_429,
                "The number's throughput was reached.",
            ));
        }
        Ok(())
    }

    /// One message to one person every six seconds, with a burst (SND-45).
    fn within_pair(&self, book: &mut Book) -> bool {
        let number = book.number(&self.line.number);
        let pair = number.pairs.entry(self.wa_id.to_owned()).or_default();
        if pair.done_ms <= self.now_ms {
            *pair = super::book::Pair {
                done_ms: self.now_ms,
                owes: false,
            };
        }
        let used_up = pair.done_ms - self.now_ms > (PAIR_BURST - 1) * PAIR_MS;
        if used_up {
            pair.owes = self.unclear.pair_burst_is_repaid_first;
        }
        if used_up || pair.owes {
            return false;
        }
        pair.done_ms += PAIR_MS;
        true
    }

    fn within_utility(&self, book: &mut Book) -> bool {
        let allowed = book.hidden.utility_a_day as usize;
        let account = book.account(&self.line.account);
        if account.utility_used_up {
            return false;
        }
        let sent = &mut account.utility_sent;
        while sent.front().is_some_and(|at| *at <= self.now_ms - DAY_MS) {
            sent.pop_front();
        }
        let free = sent.len() < allowed;
        if free {
            sent.push_back(self.now_ms);
        }
        free
    }

    /// What the spam limit does to this, if it holds (QL-09).
    fn under_spam_limit(&self, book: &mut Book) -> Option<Result<Ruling, Refusal>> {
        let (allowed, seed) = (book.hidden.spam_a_day as usize, book.seed);
        let number = book.number(&self.line.number);
        let scripted = number
            .spam_until_ms
            .is_some_and(|until_ms| self.now_ms < until_ms);
        if !number.spam_limited && !scripted {
            return None;
        }
        if self.template.is_none() {
            // Answers mostly go.
            let moment = self.now_ms.to_string();
            let slowed = self.unclear.spam_limit_slows_answers
                && Rng::about(seed, &["slowed", self.wa_id, &moment]).chance(0.3);
            return slowed.then(|| Ok(Ruling::fails(131_048)));
        }
        let sent = &mut number.spam_sent;
        while sent.front().is_some_and(|at| *at <= self.now_ms - DAY_MS) {
            sent.pop_front();
        }
        // By script it lets nothing through: that is what a script is for.
        if !scripted && sent.len() < allowed {
            sent.push_back(self.now_ms);
            return None;
        }
        Some(turned_down(
            self.unclear.spam_limit_refused_at_once,
            131_048,
            "Too many messages from this number were blocked or reported.",
        ))
    }

    /// Whether there is room under the limit (QL-10), and whether this took a place already.
    fn within_limit(&self, book: &mut Book, portfolio_tier: Option<&str>) -> Option<bool> {
        let tier = match portfolio_tier {
            Some(tier) => tier.to_owned(),
            None => book.number(&self.line.number).limit.clone(),
        };
        let day = if portfolio_tier.is_some() {
            &mut book.portfolio(&self.line.portfolio).reached.day
        } else {
            &mut book.number(&self.line.number).reached.day
        };
        if day.holds(self.wa_id, self.now_ms) {
            return Some(false);
        }
        if reached::people(&tier).is_some_and(|allowed| day.count(self.now_ms) >= allowed) {
            return None;
        }
        if self.unclear.limit_counts_on_delivery {
            return Some(false);
        }
        let (portfolio, number) = (&self.line.portfolio, &self.line.number);
        let reached = &mut book.portfolio(portfolio).reached;
        reached.takes_place(self.wa_id, self.now_ms);
        let reached = &mut book.number(number).reached;
        reached.takes_place(self.wa_id, self.now_ms);
        Some(true)
    }

    fn fails_for_the_person(&self, book: &mut Book) -> Option<u32> {
        let (seed, react, per_person) =
            (book.seed, book.config.people_react, book.config.per_person);
        let person = book.person(self.wa_id);
        if react && person.nature.unreachable {
            return Some(131_026);
        }
        let bounded = per_person
            && self.sort() == Sort::Marketing
            && !self.window
            && self.now_ms >= BOUNDED_SINCE_MS
            && !is_exempt(self.wa_id)
            && !is_exempt(&self.line.digits);
        (bounded && person.holds_back(seed, self.wa_id, self.now_ms)).then_some(131_049)
    }

    /// Template pacing: new, just unpaused or badly rated; utility only after a pause (SND-24).
    fn is_held(&self, book: &mut Book, quality: Option<&str>) -> bool {
        let Some((id, _)) = self.template else {
            return false;
        };
        let paced = match self.sort() {
            Sort::Marketing => true,
            Sort::Utility => book
                .account(&self.line.account)
                .utility_paused_ms
                .is_some_and(|paused_ms| self.now_ms < paused_ms + WEEK_MS),
            Sort::Authentication | Sort::Answer => false,
        };
        let first = book.hidden.paced_first;
        let on = book.config.pacing && self.now_ms >= PACED_SINCE_MS;
        let template = book.template(id);
        if !on || !paced || template.passed || quality == Some("GREEN") {
            return false;
        }
        template.sent += 1;
        template.sent > first
    }
}

/// Whether a number may call out now.
pub(crate) fn may_call(sim: &Platform, line: &Line) -> Result<(), Refusal> {
    let now_ms = sim.clock.now_ms();
    let now_s = now_ms.div_euclid(1_000);
    let state = sim.world.read();
    let unclear = &sim.world.unclear;
    let unknown = || Refusal::unknown_object("POST", &line.number);
    let number = state.numbers.get(&line.number).ok_or_else(unknown)?;
    let account = state.accounts.get(&line.account).ok_or_else(unknown)?;
    if account.banned || account.locked || number.status == "BANNED" {
        return Err(Refusal::new(
            131_031,
            "The account is locked or disabled for a violation of policy.",
        ));
    }
    if !status_receives(&number.status, unclear) {
        return Err(Refusal::new(133_010, "The number is not registered."));
    }
    if restricted(account, NO_CALLS_OUT, now_s) || restricted(account, NO_CALLS, now_s) {
        // The documents say no more of the code than that it begins with 138.
        return Err(Refusal::new(138_000, "Calling is restricted for now."));
    }
    let messages =
        restricted(account, NO_TEMPLATES, now_s) || restricted(account, NO_ANSWERS, now_s);
    if messages && !unclear.restricted_account_calls {
        return Err(Refusal::new(368, "The account is restricted for now."));
    }
    Ok(())
}

/// Whether a person's call gets through.
pub(crate) fn takes_calls(sim: &Platform, line: &Line) -> bool {
    let now_s = sim.clock.now_s();
    let state = sim.world.read();
    state.accounts.get(&line.account).is_some_and(|account| {
        ![NO_CALLS_IN, NO_CALLS, NO_CALL_BUTTON]
            .iter()
            .any(|kind| restricted(account, kind, now_s))
    })
}

/// Whether a number may be added to an account (ENF-12, QL-30). The documents give no code for a refusal.
pub(crate) fn may_add_number(sim: &Platform, account: &str) -> Result<(), Refusal> {
    let now_s = sim.clock.now_s();
    let state = sim.world.read();
    let unknown = || Refusal::unknown_object("POST", account);
    let id = account;
    let account = state.accounts.get(id).ok_or_else(unknown)?;
    if account.deleted {
        return Err(unknown());
    }
    if account.banned || account.locked {
        return Err(Refusal::new(131_031, "The account is locked or disabled."));
    }
    if restricted(account, NO_NEW_NUMBERS, now_s) {
        return Err(Refusal::new(368, "No numbers can be added for now."));
    }
    let business = &state.businesses[account.business];
    let few = ["TIER_50", "TIER_250"].contains(&business.messaging_limit.as_str());
    let verified = sim.health.book().portfolio(&business.portfolio_id).verified;
    let most = if few && !verified { 2 } else { 20 };
    let of_portfolio = state.numbers.values();
    let held = of_portfolio.filter(|number| number.business == account.business);
    if held.count() >= most {
        return Err(Refusal::parameter(
            "The portfolio has as many numbers as it may.",
        ));
    }
    Ok(())
}

/// Whether an object of this account may be read.
pub(crate) fn may_read(sim: &Platform, account: &str) -> Result<(), Refusal> {
    let state = sim.world.read();
    let hidden = !sim.world.unclear.disabled_account_reads
        && state
            .accounts
            .get(account)
            .is_some_and(|account| account.banned);
    if hidden {
        return Err(Refusal::new(131_031, "The account is disabled."));
    }
    Ok(())
}
