//! Plays races: one person, two apps that keep sending, one stop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use greenline_sim::{Received, Sim};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::course::Course;
use super::front;
use crate::support::chance::{self, Chance};
use crate::support::gateway::{Gateway, messages_path, template_message, text_message, yes};
use crate::support::http::{Answer, Connection};
use crate::support::settings::{ADMIN_KEY, APP_SECRET, BOT_KEY, BUSINESS, CAMPAIGN_KEY};
use crate::support::slow_line::SlowLine;
use crate::support::store::Store;
use crate::support::{platform, webhook};

/// Sends of one app in one race at most, until the stop is acknowledged.
const SENDS_MAX: usize = 200;

/// What is played.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) store: Store,
    pub(crate) races: usize,
    /// Races at the same time.
    pub(crate) lanes: usize,
    /// How much longer requests to the platform take.
    pub(crate) line: Option<Duration>,
    pub(crate) acknowledge: Acknowledge,
}

/// When a stop is acknowledged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Acknowledge {
    AsTheGatewayDoes,
    /// The planted bug.
    OnceOnDisk,
}

/// By which way a stop comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Avenue {
    /// The person answers STOP.
    Word,
    /// The person uses WhatsApp's own switch.
    Switch,
    /// A status says that the platform stopped a message.
    Status,
    /// Somebody records it over the admin API.
    Api,
}

/// All of them.
pub(crate) const AVENUES: [Avenue; 4] = [Avenue::Word, Avenue::Switch, Avenue::Status, Avenue::Api];

/// One race. All times are the simulated platform's.
#[derive(Debug)]
pub(crate) struct Race {
    pub(crate) person: String,
    pub(crate) avenue: Avenue,
    /// Before the stop was posted.
    pub(crate) posted_ns: u64,
    /// After its acknowledgement had been read.
    pub(crate) acknowledged_ns: u64,
    pub(crate) sends: Vec<Sent>,
}

/// One send, as its app saw it.
#[derive(Debug)]
pub(crate) struct Sent {
    /// Goes with the message to the platform.
    pub(crate) token: String,
    pub(crate) begun_ns: u64,
    pub(crate) answered_ns: u64,
    /// Whether there was an answer.
    pub(crate) answered: bool,
    /// The code of the refusal; none if it was allowed.
    pub(crate) refused: Option<u64>,
}

/// What was seen.
#[derive(Debug)]
pub(crate) struct Played {
    pub(crate) races: Vec<Race>,
    pub(crate) arrivals: Vec<Received>,
    pub(crate) took: Duration,
}

/// Plays a scene to its end.
pub(crate) async fn play(scene: &Scene) -> Played {
    let home = scene.store.home();
    let sim = Arc::new(platform::adapted(|config| config.log.requests_max = 1_000_000).await);
    let line = match scene.line {
        Some(delay) => Some(SlowLine::to(sim.addr(), delay).await),
        None => None,
    };
    let upstream = line
        .as_ref()
        .map_or_else(|| sim.url(), |line| format!("http://{}", line.address));
    let gateway = Gateway::start(&home, &upstream, |settings| settings).await;
    let front = match scene.acknowledge {
        Acknowledge::AsTheGatewayDoes => None,
        Acknowledge::OnceOnDisk => Some(front::start(gateway.public, gateway.private).await),
    };
    let through = |address| front.as_ref().map_or(address, |front| front.address);
    let started = Instant::now();
    let seed = chance::seed();
    println!("seed {seed}");
    let next = Arc::new(AtomicUsize::new(0));
    let mut lanes = JoinSet::new();
    for _ in 0..scene.lanes {
        let mut lane =
            Lane::open(&gateway, through(gateway.public), through(gateway.private)).await;
        let (sim, next, races) = (Arc::clone(&sim), Arc::clone(&next), scene.races);
        lanes.spawn(async move {
            let mut run = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= races {
                    return run;
                }
                run.push(
                    lane.race(&sim, number, Chance::about(seed, number as u64))
                        .await,
                );
            }
        });
    }
    let races = lanes.join_all().await.into_iter().flatten().collect();
    Played {
        races,
        arrivals: sim.requests(0),
        took: started.elapsed(),
    }
}

/// What one race after the other uses.
struct Lane {
    bot: App,
    campaign: App,
    desk: Connection,
    /// Where webhooks go.
    people: Connection,
    /// Where noes are recorded.
    noes: Connection,
}

struct App {
    name: &'static str,
    key: &'static str,
    connection: Connection,
}

async fn open(address: SocketAddr) -> Connection {
    Connection::open(address).await.expect("the gateway")
}

impl Lane {
    async fn open(gateway: &Gateway, people: SocketAddr, noes: SocketAddr) -> Self {
        let app = async |name, key| App {
            name,
            key,
            connection: open(gateway.private).await,
        };
        Self {
            bot: app("bot", BOT_KEY).await,
            campaign: app("campaign", CAMPAIGN_KEY).await,
            desk: open(gateway.private).await,
            people: open(people).await,
            noes: open(noes).await,
        }
    }

    async fn race(&mut self, sim: &Sim, number: usize, mut chance: Chance) -> Race {
        let person = format!("1555{:07}", 1_000_000 + number);
        let avenue = AVENUES[number % AVENUES.len()];
        // A stop word also ends what is written within the window the person opened.
        let in_window = avenue == Avenue::Word && chance.percent(50);
        self.prepare(&person, in_window).await;
        let course = Course::new();
        let template = template_message(&person, "spring_offer");
        let text = text_message(&person, "We have your size again.");
        let by_bot = if in_window { &text } else { &template };
        let after = 1 + chance.below(6) as usize;
        let (people, noes) = (&mut self.people, &mut self.noes);
        let stopping = async {
            let mut begun = course.begun.subscribe();
            let _ = begun.wait_for(|begun| *begun >= after).await;
            let posted_ns = sim.elapsed_ns();
            let answer = stop(people, noes, avenue, &person).await;
            let acknowledged_ns = sim.mark();
            assert!(answer.status.is_success(), "{answer:?}");
            course.acknowledged.send_replace(true);
            (posted_ns, acknowledged_ns)
        };
        let (by_bot, by_campaign, (posted_ns, acknowledged_ns)) = tokio::join!(
            self.bot.keep_sending(sim, &course, by_bot),
            self.campaign.keep_sending(sim, &course, &template),
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
    async fn prepare(&mut self, person: &str, writes: bool) {
        let answer = self
            .desk
            .post("/v1/consents", ADMIN_KEY, &yes(person, "marketing"))
            .await
            .expect("an answer");
        assert_eq!(answer.status.as_u16(), 201, "{}", answer.json());
        if writes {
            let hello = webhook::text(person, "Hello").to_string();
            let answer = webhook::post_over(&mut self.people, BUSINESS, APP_SECRET, &hello).await;
            assert!(answer.is_ok_and(|answer| answer.status.is_success()));
        }
    }
}

impl App {
    /// Sends until the stop is acknowledged, and once more.
    async fn keep_sending(&mut self, sim: &Sim, course: &Course, message: &Value) -> Vec<Sent> {
        let mut sends = Vec::new();
        loop {
            let last = course.is_last(sends.len(), SENDS_MAX).await;
            sends.push(self.send(sim, course, message, sends.len()).await);
            if last {
                return sends;
            }
        }
    }

    async fn send(&mut self, sim: &Sim, course: &Course, message: &Value, count: usize) -> Sent {
        let to = message["to"].as_str().expect("an addressee");
        let token = format!("{to}-{}-{count}", self.name);
        let mut message = message.clone();
        message["biz_opaque_callback_data"] = json!(token);
        let begun_ns = sim.elapsed_ns();
        course.begun.send_modify(|begun| *begun += 1);
        let answer = self
            .connection
            .post(&messages_path(), self.key, &message)
            .await
            .expect("an answer");
        Sent {
            token,
            begun_ns,
            answered_ns: sim.elapsed_ns(),
            answered: true,
            refused: (!answer.status.is_success()).then(|| answer.code().unwrap_or_default()),
        }
    }
}

/// Brings a stop by its avenue and gives the answer that acknowledges it.
async fn stop(
    people: &mut Connection,
    noes: &mut Connection,
    avenue: Avenue,
    person: &str,
) -> Answer {
    let body = match avenue {
        Avenue::Word => webhook::text(person, "STOP"),
        Avenue::Switch => webhook::native(person, "stop"),
        Avenue::Status => webhook::failed_by_stop(person, &webhook::fresh_id()),
        Avenue::Api => json!({
            "business": BUSINESS, "person": { "wa_id": person }, "scope": "marketing", "event": "withdrawn",
        }),
    };
    let marked = [(front::PERSON, person)];
    let answer = match avenue {
        Avenue::Api => {
            noes.post_with("/v1/consents", ADMIN_KEY, &marked, &body)
                .await
        }
        _ => webhook::post_with(people, BUSINESS, APP_SECRET, &marked, &body.to_string()).await,
    };
    answer.expect("an answer")
}
