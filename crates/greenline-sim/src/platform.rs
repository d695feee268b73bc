//! The parts of the simulator, built once and handed down.

use std::future::Future;
use std::sync::Arc;

use greenline_wire::build::webhook::Change;
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::arrival::Lines;
use crate::clock::Clock;
use crate::config::SimConfig;
use crate::deliver::{Event, Hooks, Target};
use crate::faults::Faults;
use crate::health::HealthWorld;
use crate::ids::Ids;
use crate::log::{EventKind, Log, Received};
use crate::media::Shelf;
use crate::pending::Pending;
use crate::world::World;

pub(crate) struct Platform {
    pub(crate) config: SimConfig,
    pub(crate) clock: Arc<Clock>,
    pub(crate) ids: Ids,
    pub(crate) world: World,
    pub(crate) media: Shelf,
    pub(crate) log: Log<Received>,
    pub(crate) hooks: Hooks,
    pub(crate) faults: Faults,
    pub(crate) lines: Lines,
    pub(crate) pending: Pending,
    pub(crate) health: HealthWorld,
    runtime: Handle,
    stop: watch::Sender<bool>,
}

impl Platform {
    /// Builds the platform; must be called inside a runtime, which then runs its tasks.
    pub(crate) fn new(config: SimConfig) -> Arc<Self> {
        let log_max = if config.quiet {
            0
        } else {
            config.log.requests_max
        };
        let world = World::new(&config);
        Arc::new(Self {
            clock: Arc::new(Clock::start(config.speed, &config.clock)),
            ids: Ids::new(config.seed),
            health: HealthWorld::new(config.seed, &world.unclear),
            world,
            media: Shelf::new(config.limits.media_bytes_max),
            log: Log::new(log_max),
            hooks: Hooks::new(config.log.deliveries_max),
            faults: Faults::default(),
            lines: Lines::default(),
            pending: Pending::new(),
            runtime: Handle::current(),
            stop: watch::Sender::new(false),
            config,
        })
    }

    /// Runs a task until it ends or the simulator stops.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut stop = self.stopping();
        self.runtime.spawn(async move {
            tokio::select! {
                () = task => {}
                _ = stop.wait_for(|stop| *stop) => {}
            }
        });
    }

    pub(crate) fn stop(&self) {
        self.stop.send_replace(true);
    }

    pub(crate) fn stopping(&self) -> watch::Receiver<bool> {
        self.stop.subscribe()
    }

    /// Where a field's webhooks of an account go: message-type fields to the number's, else the
    /// account's own callback, all others to the app's (WH-06). `None` if nobody subscribed.
    pub(crate) fn target(
        &self,
        account: &str,
        number: Option<&str>,
        field: &str,
    ) -> Option<Target> {
        let state = self.world.read();
        let account = state.accounts.get(account)?;
        if !account.subscribed {
            return None;
        }
        let business = &state.businesses[account.business];
        let own = is_about_messages(field).then(|| {
            number
                .and_then(|number| state.numbers.get(number)?.callback_url.as_ref())
                .or(account.callback_url.as_ref())
        });
        let url = own.flatten().or(business.callback_url.as_ref())?;
        Some(Target {
            url: url.clone(),
            secret: business.app_secret.clone(),
        })
    }

    /// Tells the business about something, if it listens.
    pub(crate) fn tell(
        self: &Arc<Self>,
        account: &str,
        number: Option<&str>,
        change: Change,
        kind: EventKind,
        ids: Vec<String>,
    ) -> bool {
        let Some(target) = self.target(account, number, change.field()) else {
            return false;
        };
        let time_s = (!is_about_messages(change.field())).then(|| self.clock.now_s());
        let event = Event {
            account: account.to_owned(),
            time_s,
            change,
            kind,
            ids,
        };
        self.hooks.send(self, target, event);
        true
    }
}

/// The fields that carry no `time` and may go to an override.
pub(crate) fn is_about_messages(field: &str) -> bool {
    matches!(
        field,
        "messages"
            | "user_preferences"
            | "calls"
            | "standby"
            | "messaging_handovers"
            | "message_echoes"
            | "smb_message_echoes"
            | "smb_app_state_sync"
            | "history"
    )
}
