//! What follows a send in a world of health, each thing at its own simulated time.

use std::sync::Arc;

use greenline_wire::build::status::StatusKind;
use serde_json::json;

use super::agenda::{Deed, Felt};
use super::burst;
use super::ladder;
use super::people::{KIND_ANSWERS, Made, Sort, relevance};
use super::tally::{Cause, Feedback, HOUR_MS};
use crate::behaviour::{self, Sent};
use crate::ids;
use crate::inbound::{ActError, Inbound, Written};
use crate::log::EventKind;
use crate::platform::Platform;
use crate::rng::Rng;

/// Lets happen what follows a message that was taken.
pub(crate) fn play(sim: &Arc<Platform>, sent: Sent) {
    let now_ms = sim.clock.now_ms();
    let behaviour = &sim.config.behaviour;
    let told_ms = now_ms + ms(behaviour.sent_after_ms);
    if sent.failure.is_some() {
        give_back(sim, &sent);
        soon(
            sim,
            told_ms,
            Deed::Status(Arc::new(sent), StatusKind::Failed),
        );
        return;
    }
    let sent = Arc::new(sent);
    if sent.in_batch {
        burst::keep(sim, &sent, now_ms);
        return;
    }
    if sent.held {
        hold(sim, &sent, now_ms);
        return;
    }
    soon(
        sim,
        told_ms,
        Deed::Status(Arc::clone(&sent), StatusKind::Sent),
    );
    if behaviour::arrives(sim, &sent) {
        let arrives_ms = told_ms + ms(behaviour.delivered_after_ms);
        soon(sim, arrives_ms, Deed::Deliver(sent));
    }
}

fn ms(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX / 4)
}

/// A status is on its way: while the clock runs, the simulator is not idle before it is out.
fn soon(sim: &Platform, at_ms: i64, deed: Deed) {
    let busy = (!sim.clock.stands_still()).then(|| sim.pending.begin());
    sim.health.agenda.put_busy(at_ms, deed, busy);
}

/// A send that failed gives back the place that it took under the limit.
fn give_back(sim: &Platform, sent: &Sent) {
    let Some(took_ms) = sent.took_place_ms else {
        return;
    };
    let mut book = sim.health.book();
    let wa_id = &sent.card.wa_id;
    let portfolio = book.portfolio(&sent.line.portfolio);
    portfolio.reached.day.give_back(wa_id, took_ms);
    let number = book.number(&sent.line.number);
    number.reached.day.give_back(wa_id, took_ms);
}

/// Keeps a paced message back; with the first one it is settled when that is decided.
fn hold(sim: &Platform, sent: &Arc<Sent>, now_ms: i64) {
    let Some(id) = sent.template else {
        return;
    };
    let mut book = sim.health.book();
    let decided_ms = now_ms + book.hidden.paced_for_s * 1_000;
    let held = &mut book.template(id).held;
    held.push(Arc::clone(sent));
    if held.len() == 1 {
        sim.health.agenda.put(decided_ms, Deed::Decide(id));
    }
}

impl Platform {
    /// Does what is due.
    pub(super) fn perform(self: &Arc<Self>, deed: Deed) {
        match deed {
            Deed::Status(sent, kind) => behaviour::tell(self, &sent, kind),
            Deed::Deliver(sent) => self.deliver(&sent),
            Deed::Read(sent, delivered_ms) => self.is_read(&sent, delivered_ms),
            Deed::Answer(sent, text) => {
                let answer = Inbound::text(&sent.line.number, &sent.card.wa_id, &text);
                let _ = self.inbound(&answer);
            }
            Deed::Feel(felt) => self.felt(&felt),
            Deed::Tick => self.tick(),
            Deed::Era => self.portfolio_era(),
            Deed::Unpause(id, pauses) => self.unpause_template(id, pauses),
            Deed::Decide(id) => self.decide(id),
            Deed::DecideBatch(portfolio) => self.decide_batch(&portfolio),
            Deed::ReviewEnds(portfolio, until_ms) => self.review_ends(&portfolio, until_ms),
            Deed::Recategorise(id) => self.recategorise(id),
            Deed::Raise(portfolio) => self.raise_portfolio(&portfolio),
            Deed::RaiseNumber(number) => self.raise_number(&number),
            Deed::LimitFrees(number) => self.limit_may_free(&number),
            Deed::WatchEnds(number, until_ms) => self.watch_ends(&number, until_ms),
            Deed::RestrictionEnds(account, kind, expires_s) => {
                self.restriction_ends(&account, kind, expires_s);
            }
            Deed::SpamEnds(number, until_ms) => self.spam_ends(&number, until_ms),
            Deed::UtilityEnds(account, kind, until_ms) => {
                self.utility_ends(&account, kind, until_ms);
            }
            Deed::Disable(account, at_ms) => self.disable_if_due(&account, at_ms),
            Deed::NumberBack(number, was, back) => self.number_back(&number, &was, &back),
            Deed::Unpin(number, until_ms) => self.unpin(&number, until_ms),
            Deed::AccountBack(account, state) => self.account_back(&account, state),
            // A script that names nothing was refused when it was given.
            Deed::Script(script) => {
                let _ = self.apply(&script);
            }
        }
    }

    fn deliver(self: &Arc<Self>, sent: &Arc<Sent>) {
        let (number, wa_id) = (&sent.line.number, &sent.card.wa_id);
        let blocked = self
            .world
            .people
            .with(wa_id, |person| person.blocks.contains(number));
        if blocked {
            return;
        }
        behaviour::tell(self, sent, StatusKind::Delivered);
        let now_ms = self.clock.now_ms();
        let sort = Sort::of(sent.category.as_deref());
        let made = {
            let mut book = self.health.book();
            if sent.template.is_some() && !sent.window {
                let portfolio = book.portfolio(&sent.line.portfolio);
                portfolio.reached.delivered(wa_id, now_ms);
                book.number(number).reached.delivered(wa_id, now_ms);
            }
            book.number(number).tally.delivered(now_ms);
            book.account(&sent.line.account).tally.delivered(now_ms);
            if let Some(template) = sent.template {
                book.template(template).tally.delivered(now_ms);
            }
            book.person(wa_id).got(sort, sent.window, now_ms);
            if book.config.people_react {
                let name = sent.template_name.as_deref().unwrap_or_default();
                let relevance = relevance(book.seed, &book.config, sort, name, wa_id);
                let nth = sent.nth.to_string();
                let rng = Rng::about(book.seed, &["made", wa_id, number, &nth]);
                let answers = KIND_ANSWERS.map(str::to_owned);
                book.person(wa_id)
                    .makes_of(rng, sort, relevance, now_ms, &answers)
            } else {
                by_shares(self, sent)
            }
        };
        if sort == Sort::Utility {
            self.watch_for_misuse(sent);
        }
        let agenda = &self.health.agenda;
        if let Some(after_ms) = made.read_after_ms {
            agenda.put(now_ms + after_ms, Deed::Read(Arc::clone(sent), now_ms));
        }
        if let Some((after_ms, text)) = made.answer {
            agenda.put(now_ms + after_ms, Deed::Answer(Arc::clone(sent), text));
        }
        if let Some((after_ms, kind, cause)) = made.felt {
            let felt = Felt {
                number: number.clone(),
                wa_id: wa_id.clone(),
                template: sent.template,
                kind,
                cause,
            };
            agenda.put(now_ms + after_ms, Deed::Feel(felt));
        }
    }

    fn is_read(self: &Arc<Self>, sent: &Arc<Sent>, delivered_ms: i64) {
        behaviour::tell(self, sent, StatusKind::Read);
        let mut book = self.health.book();
        book.number(&sent.line.number).tally.read(delivered_ms);
        book.account(&sent.line.account).tally.read(delivered_ms);
        if let Some(template) = sent.template {
            book.template(template).tally.read(delivered_ms);
        }
    }

    /// A person shows what they think.
    fn felt(self: &Arc<Self>, felt: &Felt) {
        let (number, wa_id) = (&felt.number, &felt.wa_id);
        match felt.kind {
            Feedback::Block | Feedback::Report => {
                self.world.people.with(wa_id, |person| {
                    person.blocks.insert(number.clone());
                });
            }
            Feedback::NativeStop => {
                let _ = self.native(number, wa_id, true);
            }
            Feedback::StopWord => {
                let _ = self.inbound(&Inbound::text(number, wa_id, "STOP"));
            }
            Feedback::Mute | Feedback::Archive => {}
        }
        if !self.health.is_on() {
            return;
        }
        let Ok(line) = self.line(number) else {
            return;
        };
        let now_ms = self.clock.now_ms();
        {
            let mut book = self.health.book();
            let (kind, cause) = (felt.kind, felt.cause);
            book.feel(now_ms, felt);
            book.number(number).tally.felt(now_ms, kind, cause);
            book.account(&line.account).tally.felt(now_ms, kind, cause);
            if let Some(template) = felt.template {
                book.template(template).tally.felt(now_ms, kind, cause);
            }
        }
        // With much traffic the rating changes within minutes (QL-04).
        self.weigh_number(number);
        if let Some(template) = felt.template {
            self.weigh_template(template);
        }
    }

    /// A person blocks, reports, mutes, archives or stops, because a script says so.
    pub(crate) fn feel(
        self: &Arc<Self>,
        number: &str,
        person: &str,
        template: Option<u64>,
        kind: Feedback,
    ) -> Result<(), ActError> {
        self.line(number)?;
        if template.is_some_and(|id| self.world.read().template(id).is_none()) {
            return Err(ActError::Template);
        }
        self.felt(&Felt {
            number: number.to_owned(),
            wa_id: ids::wa_id(person),
            template,
            kind,
            cause: Cause::Script,
        });
        Ok(())
    }

    /// A person calls a number; whoever is put through opens the window (SND-02).
    pub(crate) fn person_calls(
        self: &Arc<Self>,
        number: &str,
        person: &str,
    ) -> Result<Written, ActError> {
        let line = self.line(number)?;
        let wa_id = ids::wa_id(person);
        let id = self.ids.call_id();
        let now_ms = self.clock.now_ms();
        let through = line.receives && super::gate::takes_calls(self, &line);
        let card = self.world.people.with(&wa_id, |person| {
            if through {
                person.wrote_ms.insert(line.number.clone(), now_ms);
            }
            person.card(&line.portfolio)
        });
        let mut call = json!({
            "id": id, "to": line.digits, "event": "connect", "direction": "USER_INITIATED",
            "timestamp": now_ms.div_euclid(1_000).to_string(),
            "session": {"sdp_type": "offer", "sdp": "v=0\r\n"},
        });
        let mut contact = json!({
            "profile": {"name": card.name}, "user_id": card.user_id, "parent_user_id": card.parent_user_id,
        });
        if !card.hides_number {
            call["from"] = json!(card.wa_id);
            contact["wa_id"] = json!(card.wa_id);
        }
        let value = json!({
            "messaging_product": "whatsapp",
            "metadata": {"display_phone_number": line.digits, "phone_number_id": line.number},
            "contacts": [contact],
            "calls": [call],
        });
        let change = greenline_wire::build::webhook::Change::new("calls", &value);
        let told = through
            && self.tell(
                &line.account,
                Some(&line.number),
                change,
                EventKind::Inbound,
                vec![id.clone()],
            );
        Ok(Written { id, told })
    }

    /// What was held of a template goes, or is dropped (SND-24).
    fn decide(self: &Arc<Self>, id: u64) {
        let now_ms = self.clock.now_ms();
        let stopped = {
            let state = self.world.read();
            state.template(id).is_none_or(|(_, template)| {
                ["PAUSED", "DISABLED"].contains(&template.status.as_str())
            })
        };
        let (held, bad) = {
            let mut book = self.health.book();
            let hidden = book.hidden.clone();
            let template = book.template(id);
            let weight = template.tally.weigh(now_ms, template.since_ms, &hidden);
            let bad = weight.bad_share() >= hidden.template_red_at;
            template.passed = !bad && !stopped;
            template.paused_by_pacing |= bad && !stopped;
            (std::mem::take(&mut template.held), bad || stopped)
        };
        if bad && !stopped {
            self.pause_by_pacing(id);
        }
        for sent in held {
            let released = Sent {
                held: false,
                failure: bad.then_some(132_015),
                ..(*sent).clone()
            };
            play(self, released);
        }
    }

    /// An announced category comes into force.
    fn recategorise(self: &Arc<Self>, id: u64) {
        let announced = {
            let state = self.world.read();
            state
                .template(id)
                .and_then(|(_, template)| template.correct_category.clone())
        };
        if let Some(category) = announced {
            ladder::change_category(self, id, &category);
        }
    }

    /// Puts the clock to this moment; what is due on the way happens in order.
    pub(crate) fn turn_to(self: &Arc<Self>, to_ms: i64) {
        let _one_at_a_time = self.health.turning();
        while let Some((due_ms, deed, busy)) = self.health.agenda.pop_due(to_ms) {
            self.clock.reach(due_ms);
            self.perform(deed);
            drop(busy);
        }
        self.clock.reach(to_ms);
    }
}

/// What people do by the shares of `behaviour`, as without a world of health.
fn by_shares(sim: &Platform, sent: &Sent) -> Made {
    let behaviour = &sim.config.behaviour;
    let plan = behaviour::plan(sim, sent);
    let read_after_ms = ms(behaviour.read_after_ms);
    Made {
        read_after_ms: plan.read.then_some(read_after_ms),
        felt: plan
            .native_stop
            .then_some((read_after_ms, Feedback::NativeStop, Cause::Mood)),
        answer: plan
            .reply
            .map(|text| (read_after_ms + ms(behaviour.reply_after_ms), text)),
    }
}

/// Runs what is due while the clock runs.
pub(super) async fn run(sim: Arc<Platform>) {
    loop {
        let changed = sim.health.agenda.changed.notified();
        let now_ms = sim.clock.now_ms();
        let next_ms = sim.health.agenda.next_ms();
        match next_ms {
            _ if sim.clock.stands_still() => changed.await,
            None => changed.await,
            Some(next_ms) if next_ms <= now_ms => {
                sim.turn_to(now_ms);
                tokio::task::yield_now().await;
            }
            Some(next_ms) => {
                let wait_ms = u64::try_from((next_ms - now_ms).min(HOUR_MS)).unwrap_or(1);
                let wait = std::time::Duration::from_millis(wait_ms);
                let _ = tokio::time::timeout(wait, changed).await;
            }
        }
    }
}
