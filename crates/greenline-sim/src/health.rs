//! The world of health: what people feel, and what the platform makes of it: ratings, limits, pauses, the
//! ladders of enforcement. On only where the configuration or a script asks for it.
//!
//! Everything that is to happen stands on an agenda and happens in order of its simulated time, while the clock
//! runs or when it is moved. Locks are taken in this order and never the other way round: the world, a person or
//! the book; nothing is told, and nothing else is done, while the book is held.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::config;
use crate::platform::Platform;
use crate::unclear::Unclear;

pub(crate) mod agenda;
mod book;
pub(crate) mod burst;
pub(crate) mod gate;
mod grow;
mod handover;
mod hidden;
mod ladder;
pub(crate) mod life;
mod people;
mod reached;
mod script;
mod states;
mod tally;
mod truth;
mod weigh;

use agenda::Agenda;
use book::Book;
pub(crate) use book::KEPT_INBOUND_MAX;
pub use book::{Feeling, Transition};
pub use hidden::{Hidden, Step};
pub use people::Nature;
pub use script::{HealthState, Script};
pub use tally::{Cause, Feedback};
pub use truth::{AccountTruth, Mood, NumberTruth, PortfolioTruth, TemplateTruth, Truth};

/// The world of health.
pub(crate) struct HealthWorld {
    on: AtomicBool,
    /// Whether anything happens in it by itself.
    lives: AtomicBool,
    book: Mutex<Book>,
    pub(crate) agenda: Agenda,
    turning: Mutex<()>,
}

impl HealthWorld {
    pub(crate) fn new(seed: u64, unclear: &Unclear) -> Self {
        Self {
            on: AtomicBool::new(false),
            lives: AtomicBool::new(false),
            book: Mutex::new(Book::new(seed, Hidden::drawn(seed, unclear))),
            agenda: Agenda::default(),
            turning: Mutex::new(()),
        }
    }

    pub(crate) fn is_on(&self) -> bool {
        self.on.load(Ordering::Relaxed)
    }

    pub(crate) fn lives(&self) -> bool {
        self.lives.load(Ordering::Relaxed)
    }

    pub(crate) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn turning(&self) -> MutexGuard<'_, ()> {
        self.turning.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Platform {
    /// Turns the world of health on, or makes it another one.
    pub(crate) fn health_on(
        self: &Arc<Self>,
        config: &config::Health,
    ) -> Result<(), crate::inbound::ActError> {
        let now_ms = self.clock.now_ms();
        let first = !self.health.is_on();
        {
            let unclear = &self.world.unclear;
            let mut state = self.world.write();
            let mut book = self.health.book();
            book.hidden = config
                .hidden
                .clone()
                .unwrap_or_else(|| Hidden::drawn(book.seed, unclear));
            for business in &state.businesses {
                book.portfolio(&business.portfolio_id).verified |= config.verified;
            }
            for account in state.accounts.keys() {
                book.account(account);
            }
            let tiers: Vec<String> = state
                .businesses
                .iter()
                .map(|business| business.messaging_limit.clone())
                .collect();
            for number in state.numbers.values_mut() {
                let entry = book.number(&number.id);
                if entry.limit.is_empty() {
                    entry.limit = reached::in_old_words(&tiers[number.business]).to_owned();
                }
            }
            for account in state.accounts.values_mut() {
                account.restricted_is_blocked = unclear.restricted_is_blocked;
                account.restricted_says_so = unclear.restricted_says_so;
            }
            book.config = config.clone();
        }
        self.health.lives.store(config.lives(), Ordering::Relaxed);
        self.health.on.store(true, Ordering::Relaxed);
        if first {
            self.tick_next_hour();
            self.spawn(life::run(Arc::clone(self)));
        }
        self.enter_era();
        for script in &config.script {
            self.script(script)?;
        }
        // What stands still is moved by hand; what is due already happens now.
        self.turn_to(now_ms);
        Ok(())
    }

    /// Until October 2025 a number that is added begins with a limit of its own.
    pub(crate) fn limit_of_new_number(&self, account: &str, id: &str) {
        if !self.health.is_on() {
            return;
        }
        let mut state = self.world.write();
        let business = state.accounts.get(account).map(|account| account.business);
        let Some(tier) = business.map(|at| state.businesses[at].messaging_limit.clone()) else {
            return;
        };
        let limit = reached::in_old_words(&tier).to_owned();
        self.health.book().number(id).limit.clone_from(&limit);
        if self.is_old_era()
            && let Some(number) = state.numbers.get_mut(id)
        {
            number.own_limit = Some(limit);
        }
    }

    /// A script needs no more than the states themselves.
    fn health_on_for_script(self: &Arc<Self>) {
        if !self.health.is_on() {
            // Without a script of its own nothing in it can fail.
            let _ = self.health_on(&config::Health::scripted());
        }
    }

    /// Moves the clock; in a world of health, what is due on the way happens in order.
    pub(crate) fn move_clock(self: &Arc<Self>, by_ms: i64) -> Result<(), crate::inbound::ActError> {
        if !self.health.is_on() {
            self.clock.advance(by_ms);
            return Ok(());
        }
        if by_ms < 0 {
            if self.health.book().begun {
                return Err(crate::inbound::ActError::Backwards);
            }
            self.clock.advance(by_ms);
            self.enter_era();
            self.tick_next_hour();
            return Ok(());
        }
        self.turn_to(self.clock.now_ms().saturating_add(by_ms));
        Ok(())
    }

    /// Stops the clock, or lets it run.
    pub(crate) fn hold_clock(&self, stands_still: bool) {
        self.clock.hold(stands_still);
        self.health.agenda.changed.notify_one();
    }
}
