//! Plays races over several nodes: one person, two apps that send over different nodes, one stop that comes
//! in at yet another.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use greenline_sim::Sim;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::faults::{self, Done};
use super::fleet::{Fleet, NODES};
use super::lines::{Lines, Missed, PAUSE, TRIES_MAX};
use crate::race::scene::{AVENUES, Avenue, Played, Race, Sent};
use crate::support::chance::{self, Chance};
use crate::support::gateway::{messages_path, template_message, text_message, yes};
use crate::support::settings::{BOT_KEY, BUSINESS, CAMPAIGN_KEY};
use crate::support::webhook;

/// Sends of one app in one race at most, until the stop is acknowledged.
const SENDS_MAX: usize = 60;
/// What is played.
pub(super) struct Scene {
    pub(super) races: usize,
    /// Races at the same time.
    pub(super) lanes: usize,
    /// Things that go wrong meanwhile.
    pub(super) faults: usize,
    /// The nodes' environment.
    pub(super) environment: &'static [(&'static str, &'static str)],
}

/// What was seen.
pub(super) struct Seen {
    pub(super) played: Played,
    pub(super) done: Done,
    pub(super) fleet: Arc<Fleet>,
    pub(super) sim: Arc<Sim>,
}

/// Plays a scene to its end; the nodes go on.
pub(super) async fn play(scene: &Scene) -> Seen {
    let sim = Arc::new(super::sim().await);
    let fleet = Fleet::start(&sim.url(), scene.environment, |settings| settings).await;
    let fleet = Arc::new(fleet);
    let seed = chance::seed();
    println!("seed {seed}");
    let started = Instant::now();
    let next = Arc::new(AtomicUsize::new(0));
    let over = watch::Sender::new(0);
    let faults = tokio::spawn(faults::make(
        Arc::clone(&fleet),
        over.subscribe(),
        scene.races,
        scene.faults,
        Chance::about(seed, u64::MAX),
    ));
    let mut lanes = JoinSet::new();
    for _ in 0..scene.lanes {
        let mut lane = Lane::new(&fleet, &sim);
        let (next, races, over) = (Arc::clone(&next), scene.races, over.clone());
        lanes.spawn(async move {
            let mut run = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= races {
                    return run;
                }
                run.push(lane.race(number, Chance::about(seed, number as u64)).await);
                over.send_modify(|over| *over += 1);
            }
        });
    }
    let races = lanes.join_all().await.into_iter().flatten().collect();
    let done = faults.await.expect("nothing fails that should not");
    Seen {
        played: Played {
            races,
            arrivals: sim.requests(0),
            took: started.elapsed(),
        },
        done,
        fleet,
        sim,
    }
}

/// What one race after the other uses.
struct Lane {
    bot: App,
    campaign: App,
    /// Of whoever agrees, writes and stops.
    person: Lines,
    sim: Arc<Sim>,
}

struct App {
    name: &'static str,
    key: &'static str,
    lines: Lines,
}

/// What both apps and the stop of one race look at.
struct Course {
    begun: watch::Sender<usize>,
    acknowledged: watch::Sender<bool>,
}

impl Lane {
    fn new(fleet: &Fleet, sim: &Arc<Sim>) -> Self {
        let lines = || Lines::to(fleet.addresses);
        let app = |name, key| App {
            name,
            key,
            lines: lines(),
        };
        Self {
            bot: app("bot", BOT_KEY),
            campaign: app("campaign", CAMPAIGN_KEY),
            person: lines(),
            sim: Arc::clone(sim),
        }
    }

    async fn race(&mut self, number: usize, mut chance: Chance) -> Race {
        let person = format!("1555{:07}", 1_000_000 + number);
        let avenue = AVENUES[number % AVENUES.len()];
        let in_window = avenue == Avenue::Word && chance.percent(50);
        let first = chance.below(NODES as u64) as usize;
        let [bot_at, campaign_at, stop_at] = [first, (first + 1) % NODES, (first + 2) % NODES];
        self.prepare(campaign_at, &person, in_window).await;
        let course = Course {
            begun: watch::Sender::new(0),
            acknowledged: watch::Sender::new(false),
        };
        let template = template_message(&person, "spring_offer");
        let text = text_message(&person, "We have your size again.");
        let by_bot = if in_window { &text } else { &template };
        let after = 1 + chance.below(6) as usize;
        let sim = &*self.sim;
        let lines = &mut self.person;
        let stopping = async {
            let mut begun = course.begun.subscribe();
            let _ = begun.wait_for(|begun| *begun >= after).await;
            let posted_ns = sim.elapsed_ns();
            stop(lines, stop_at, avenue, &person).await;
            let acknowledged_ns = sim.mark();
            course.acknowledged.send_replace(true);
            (posted_ns, acknowledged_ns)
        };
        let (by_bot, by_campaign, (posted_ns, acknowledged_ns)) = tokio::join!(
            self.bot.keep_sending(sim, &course, by_bot, bot_at),
            self.campaign
                .keep_sending(sim, &course, &template, campaign_at),
            stopping,
        );
        Race {
            avenue,
            posted_ns,
            acknowledged_ns,
            sends: by_bot.into_iter().chain(by_campaign).collect(),
            person,
        }
    }

    /// The person agrees, and may write first.
    async fn prepare(&mut self, node: usize, person: &str, writes: bool) {
        let yes = yes(person, "marketing");
        self.person.record(node, &yes).await;
        if writes {
            let hello = webhook::text(person, "Hello");
            self.person.tell(node, &hello).await;
        }
    }
}

/// Brings a stop by its avenue until a node acknowledges it.
async fn stop(lines: &mut Lines, node: usize, avenue: Avenue, person: &str) {
    let body = match avenue {
        Avenue::Word => webhook::text(person, "STOP"),
        Avenue::Switch => webhook::native(person, "stop"),
        Avenue::Status => webhook::failed_by_stop(person, &webhook::fresh_id()),
        Avenue::Api => json!({
            "business": BUSINESS, "person": { "wa_id": person }, "scope": "marketing", "event": "withdrawn",
        }),
    };
    if avenue == Avenue::Api {
        lines.record(node, &body).await;
    } else {
        lines.tell(node, &body).await;
    }
}

impl App {
    /// Sends until the stop is acknowledged, and once more; over another node while one is away.
    async fn keep_sending(
        &mut self,
        sim: &Sim,
        course: &Course,
        message: &Value,
        first: usize,
    ) -> Vec<Sent> {
        let mut sends = Vec::new();
        let mut node = first;
        let mut acknowledged = course.acknowledged.subscribe();
        for tried in 0..TRIES_MAX {
            if sends.len() == SENDS_MAX {
                let _ = acknowledged.wait_for(|acknowledged| *acknowledged).await;
            }
            let last = *acknowledged.borrow();
            let sent = self.send(sim, course, message, node, tried).await;
            let answered = sent.as_ref().is_some_and(|sent| sent.answered);
            sends.extend(sent);
            if answered && last {
                return sends;
            }
            if !answered {
                node = (node + 1) % NODES;
                tokio::time::sleep(PAUSE).await;
            }
        }
        panic!("the stop was not acknowledged, or nobody answers any more");
    }

    /// One send; nothing if there was nobody to ask.
    async fn send(
        &mut self,
        sim: &Sim,
        course: &Course,
        message: &Value,
        node: usize,
        count: usize,
    ) -> Option<Sent> {
        let to = message["to"].as_str().expect("an addressee");
        let token = format!("{to}-{}-{count}", self.name);
        let mut message = message.clone();
        message["biz_opaque_callback_data"] = json!(token);
        let begun_ns = sim.elapsed_ns();
        course.begun.send_modify(|begun| *begun += 1);
        let answer = self
            .lines
            .post(node, &messages_path(), self.key, &message)
            .await;
        let (answered, refused) = match answer {
            Ok(answer) if answer.status.is_success() => (true, None),
            Ok(answer) => (true, Some(answer.code().unwrap_or_default())),
            Err(Missed::Unanswered) => (false, None),
            Err(Missed::NotAsked) => return None,
        };
        Some(Sent {
            token,
            begun_ns,
            answered_ns: sim.elapsed_ns(),
            answered,
            refused,
        })
    }
}
