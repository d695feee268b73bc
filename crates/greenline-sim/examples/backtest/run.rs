//! Many numbers, each in a world of its own, and what all of them come to.

use std::sync::Arc;

use greenline_policy::forecast::{Forecast, Template, Week, forecast};
use greenline_sim::Sim;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

mod evening;
mod hooks;
mod life;
mod observer;
mod report;
mod truth;

pub(crate) use evening::evenings;
use hooks::Hooks;
pub(crate) use life::Life;
use observer::Observer;
pub(crate) use report::Report;
use truth::Truly;

pub(crate) const HOUR_MS: i64 = 60 * 60 * 1_000;
pub(crate) const DAY_MS: i64 = 24 * HOUR_MS;
/// Worlds that live at a time.
const WORLDS_AT_ONCE: usize = 2;
/// When the messages of a day go.
const SENT_AT_HOURS: [u64; 4] = [9, 12, 15, 18];

/// What to run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) numbers: usize,
    pub(crate) days: usize,
    pub(crate) seed: u64,
    /// Messages that a number sends a day, at most.
    pub(crate) most: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            numbers: 200,
            days: 35,
            seed: 1_000,
            most: 220,
        }
    }
}

/// What one number came to: a forecast every evening, and what truly happened.
#[derive(Clone, Debug)]
pub(crate) struct Lived {
    pub(crate) seed: u64,
    pub(crate) forecasts: Vec<Forecast>,
    /// What was counted by each evening, and how templates were rated.
    pub(crate) seen: Vec<(Week, Vec<Template>)>,
    pub(crate) truly: Truly,
    pub(crate) sends: usize,
}

/// Lets all numbers live, and judges the forecasts.
pub(crate) async fn backtest(settings: Settings) -> (Report, Vec<Lived>) {
    let mut lives = JoinSet::new();
    let free = Arc::new(Semaphore::new(WORLDS_AT_ONCE));
    for number in (0_u64..).take(settings.numbers) {
        let life = Life::drawn(settings.seed + number, settings);
        let free = Arc::clone(&free);
        lives.spawn(async move {
            let _turn = free.acquire_owned().await;
            lived(&life).await
        });
    }
    let mut all = lives.join_all().await;
    all.sort_by_key(|lived| lived.seed);
    (Report::of(settings, &all), all)
}

/// Lets one number live.
pub(crate) async fn lived(life: &Life) -> Lived {
    let hooks = Hooks::start().await;
    let sim = Sim::start(life.world(&hooks.url()))
        .await
        .unwrap_or_else(|error| panic!("the world of seed {} does not start: {error}", life.seed));
    let mut observer = Observer::default();
    let (mut forecasts, mut seen) = (Vec::new(), Vec::new());
    for day in 0..life.days {
        let mut hour = 0;
        for (part, at_hour) in SENT_AT_HOURS.into_iter().enumerate() {
            advance(&sim, &hooks, &mut observer, at_hour - hour).await;
            hour = at_hour;
            for message in life.messages(day, part, &observer) {
                let answer = life.send(&sim, &message).await;
                observer.sent(sim.now_ms(), &message, &answer);
            }
        }
        advance(&sim, &hooks, &mut observer, 24 - hour).await;
        observer.read(sim.now_ms(), &life.read(&sim).await);
        let at_ms = sim.now_ms();
        let known = observer.known(at_ms);
        forecasts.push(forecast(&known, at_ms));
        seen.push((known.number.unwrap_or_default(), known.templates));
    }
    // Here, and nowhere before, the hidden truth is looked at.
    let truly = Truly::of(&sim.timeline(0), life.number(), life.account());
    sim.stop().await;
    Lived {
        seed: life.seed,
        forecasts,
        seen,
        truly,
        sends: observer.sends(),
    }
}

/// Lets hours pass, and takes in what was told meanwhile.
async fn advance(sim: &Sim, hooks: &Hooks, observer: &mut Observer, hours: u64) {
    sim.advance(std::time::Duration::from_secs(hours * 3_600));
    // How long it may take on a machine that is busy; it goes on as soon as nothing is to come.
    let settled = sim.settle(std::time::Duration::from_secs(120)).await;
    assert!(settled, "webhooks are still to come");
    for body in hooks.take() {
        observer.told(&body, sim.now_ms());
    }
}
