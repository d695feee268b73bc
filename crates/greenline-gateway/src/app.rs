//! Everything a request needs, built once and handed down.

use std::sync::Arc;

use greenline_ledger::Ledger;
use tokio::sync::{Notify, Semaphore};

use crate::alerts::Alerts;
use crate::avenues::Avenues;
use crate::clock::Clock;
use crate::config::Config;
use crate::directory::Directory;
use crate::events::Events;
use crate::health::header::Abilities;
use crate::health::{Looks, Threads};
use crate::imports::Imports;
use crate::keyring::Keys;
use crate::later::Later;
use crate::media::MediaHosts;
use crate::metrics::Metrics;
use crate::polling::Reads;
use crate::preferences::Preferences;
use crate::reception::Receptions;
use crate::retention::Progress;
use crate::screen::job::Screenings;
use crate::sealer::Unread;
use crate::spill::Spill;
use crate::templates::Templates;
use crate::upstream::Origin;

/// The wiring.
#[derive(Debug)]
pub struct App {
    /// Settings.
    pub config: Config,
    /// Who is who.
    pub directory: Directory,
    /// Consent, decisions, deliveries.
    pub ledger: Ledger,
    /// Imports on this machine.
    pub imports: Imports,
    /// Screenings on this machine.
    pub screenings: Screenings,
    /// Where decisions about replies are kept while the store is down.
    pub spill: Spill,
    /// Greenline's own keys.
    pub keys: Keys,
    /// What preference pages need.
    pub preferences: Preferences,
    /// What is known of subscribers.
    pub events: Events,
    /// Who is told of alerts, and what the last look found.
    pub alerts: Alerts,
    /// What is known of ways out.
    pub avenues: Avenues,
    /// What was let go of.
    pub retention: Progress,
    /// Records that cannot be sealed.
    pub unread: Unread,
    /// The platform.
    pub upstream: Origin,
    /// Which templates the ledger knows.
    pub templates: Templates,
    /// Servers that media lie on.
    pub media: MediaHosts,
    /// Counters.
    pub metrics: Metrics,
    /// Time.
    pub clock: Clock,
    /// What numbers can do, as deliveries tell.
    pub abilities: Abilities,
    /// What is to be read at once.
    pub looks: Looks,
    /// When what was read, and is to be read next.
    pub reads: Reads,
    /// Whose the threads of numbers are.
    pub threads: Threads,
    /// Rung when the timeline has new entries.
    pub timeline_grew: Notify,
    /// What is known here of held messages.
    pub later: Later,
    /// Counts of late of how people took what was sent.
    pub receptions: Receptions,
    /// Batches of questions that may be answered at once.
    pub decision_batches: Arc<Semaphore>,
    /// Rung when deliveries are waiting for apps.
    pub relay_due: Notify,
    /// Rung when own replies are due.
    pub replies_due: Notify,
}

/// Shared by every request.
pub type Shared = Arc<App>;
