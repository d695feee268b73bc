//! One lane of load: a person at a time who agrees, writes, stops and perhaps comes back; two apps that keep
//! sending to them, to those who stopped before, and to strangers; and the statuses of what was sent.
//!
//! What a kill cuts off is done again after the restart, as the platform and any careful caller would.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use greenline_sim::Sim;
use hyper::body::Bytes;
use serde_json::json;
use tokio::sync::{Notify, watch};

use super::history::{History, What};
use crate::support::chance::Chance;
use crate::support::gateway::{messages_path, template_message, yes};
use crate::support::http::{Answer, Connection, NoAnswer};
use crate::support::settings::{ADMIN_KEY, APP_SECRET, BOT_KEY, BUSINESS, CAMPAIGN_KEY};
use crate::support::webhook;

/// Statuses that wait at most; more are left out.
const STATUSES_MAX: usize = 20;

/// How the person at hand stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// Has not said yes yet.
    Fresh,
    /// Said yes; sends may go.
    Open,
    /// Is stopping.
    Stopping(Stop),
    /// Stopped, acknowledged.
    Stopped(Stop),
}

/// By which way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stop {
    Word,
    Switch,
    Status,
    Api,
}

/// A webhook that the platform delivers until it is answered 200.
#[derive(Clone, Debug)]
struct Owed {
    body: Bytes,
    /// Its acknowledgement is a stop's.
    stops: bool,
    /// It may open.
    opens: bool,
    person: String,
}

#[derive(Debug)]
struct State {
    chance: Chance,
    person: String,
    phase: Phase,
    /// Stopped for good.
    past: Vec<String>,
    /// Of the person at hand, in order.
    owed: VecDeque<Owed>,
    /// Statuses of what was sent.
    statuses: VecDeque<Owed>,
}

/// A lane, over all rounds.
pub(super) struct Lane {
    number: u64,
    sim: Arc<Sim>,
    history: Arc<History>,
    state: Mutex<State>,
    people: AtomicU64,
    /// Sends begun.
    begun: watch::Sender<u64>,
    status_due: Notify,
}

type Done<T = ()> = Result<T, NoAnswer>;

impl Lane {
    pub(super) fn new(number: u64, seed: u64, sim: &Arc<Sim>, history: &Arc<History>) -> Self {
        let lane = Self {
            number,
            sim: Arc::clone(sim),
            history: Arc::clone(history),
            state: Mutex::new(State {
                chance: Chance::about(seed, number),
                person: String::new(),
                phase: Phase::Fresh,
                past: Vec::new(),
                owed: VecDeque::new(),
                statuses: VecDeque::new(),
            }),
            people: AtomicU64::new(0),
            begun: watch::Sender::new(0),
            status_due: Notify::new(),
        };
        lane.state().person = lane.somebody();
        lane
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody who was not there before.
    fn somebody(&self) -> String {
        let count = self.people.fetch_add(1, Ordering::Relaxed);
        format!("1555{}{count:06}", self.number + 1)
    }

    /// Works until the gateway is gone.
    pub(super) async fn work(
        &self,
        public: SocketAddr,
        private: SocketAddr,
        mut over: watch::Receiver<bool>,
    ) {
        let working = async {
            let ended = tokio::join!(
                self.live(public, private),
                self.send_on(private, BOT_KEY),
                self.send_on(private, CAMPAIGN_KEY),
                self.tell_statuses(public),
            );
            for ended in [ended.0, ended.1, ended.2, ended.3] {
                assert!(ended.is_err(), "nobody ends while the gateway runs");
            }
        };
        tokio::select! {
            () = working => {}
            _ = over.wait_for(|over| *over) => {}
        }
    }

    /// Counts the end of a call.
    fn ended(&self, call: Done<Answer>) -> Done<Answer> {
        match &call {
            Ok(_) => self.history.answered(),
            Err(_) => self.history.cut_off(),
        }
        call
    }

    /// The person's life, step by step.
    async fn live(&self, public: SocketAddr, private: SocketAddr) -> Done {
        let mut platform = Connection::open(public).await?;
        let mut desk = Connection::open(private).await?;
        loop {
            self.deliver(&mut platform, |state| &mut state.owed).await?;
            let (phase, person) = {
                let state = self.state();
                (state.phase, state.person.clone())
            };
            match phase {
                Phase::Fresh => self.agree(&mut desk, &person).await?,
                Phase::Open => {
                    let (sends, stop) = self.plan(&person);
                    let mut begun = self.begun.subscribe();
                    let wanted = *begun.borrow() + sends;
                    let _ = begun.wait_for(|begun| *begun >= wanted).await;
                    self.stop(stop, &person);
                }
                Phase::Stopping(Stop::Api) => self.refuse(&mut desk, &person).await?,
                // Its webhook has been taken.
                Phase::Stopping(stop) => self.state().phase = Phase::Stopped(stop),
                Phase::Stopped(stop) => self.go_on(stop, person),
            }
        }
    }

    /// How many sends begin before the person stops, and how; they may write before.
    fn plan(&self, person: &str) -> (u64, Stop) {
        let mut state = self.state();
        let sends = 1 + state.chance.below(8);
        let stop = state
            .chance
            .one_of(&[Stop::Word, Stop::Switch, Stop::Status, Stop::Api]);
        if state.chance.percent(30) {
            state.owed.push_back(Owed {
                body: webhook::text(person, "Hello").to_string().into(),
                stops: false,
                opens: false,
                person: person.to_owned(),
            });
        }
        (sends, stop)
    }

    async fn agree(&self, desk: &mut Connection, person: &str) -> Done {
        self.history
            .turn(person, self.sim.elapsed_ns(), What::Opens);
        let agreeing = desk
            .post("/v1/consents", ADMIN_KEY, &yes(person, "marketing"))
            .await;
        let answer = self.ended(agreeing)?;
        assert_eq!(answer.status.as_u16(), 201, "{}", answer.json());
        self.state().phase = Phase::Open;
        Ok(())
    }

    async fn refuse(&self, desk: &mut Connection, person: &str) -> Done {
        let no = json!({
            "business": BUSINESS, "person": { "wa_id": person }, "scope": "marketing", "event": "withdrawn",
        });
        let refusing = desk.post("/v1/consents", ADMIN_KEY, &no).await;
        let answer = self.ended(refusing)?;
        assert_eq!(answer.status.as_u16(), 201, "{}", answer.json());
        self.history.turn(person, self.sim.mark(), What::Stopped);
        self.state().phase = Phase::Stopped(Stop::Api);
        Ok(())
    }

    fn stop(&self, stop: Stop, person: &str) {
        let body = match stop {
            Stop::Word => Some(webhook::text(person, "STOP")),
            Stop::Switch => Some(webhook::native(person, "stop")),
            Stop::Status => Some(webhook::failed_by_stop(person, &webhook::fresh_id())),
            Stop::Api => None,
        };
        if stop == Stop::Word {
            let words = &mut self.history.inner().stop_words;
            *words.entry(person.to_owned()).or_default() += 1;
        }
        let mut state = self.state();
        state.owed.extend(body.map(|body| Owed {
            body: body.to_string().into(),
            stops: true,
            opens: false,
            person: person.to_owned(),
        }));
        state.phase = Phase::Stopping(stop);
    }

    /// The person comes back, or stays stopped for good and another one is at hand.
    fn go_on(&self, stop: Stop, person: String) {
        let mut state = self.state();
        if !state.chance.percent(30) {
            state.past.push(person);
            state.person = self.somebody();
            state.phase = Phase::Fresh;
            return;
        }
        let body = match stop {
            Stop::Word => Some(webhook::text(&person, "START")),
            Stop::Switch | Stop::Status => Some(webhook::native(&person, "resume")),
            Stop::Api => None,
        };
        state.phase = if stop == Stop::Switch || stop == Stop::Status {
            Phase::Open
        } else {
            Phase::Fresh
        };
        state.owed.extend(body.map(|body| Owed {
            body: body.to_string().into(),
            stops: false,
            opens: true,
            person,
        }));
    }

    /// Delivers the webhooks of a queue, each until it is answered 200.
    async fn deliver(
        &self,
        platform: &mut Connection,
        queue: impl Fn(&mut State) -> &mut VecDeque<Owed>,
    ) -> Done {
        loop {
            let first = queue(&mut self.state()).front().cloned();
            let Some(owed) = first else { return Ok(()) };
            self.history.posting(&owed.body);
            if owed.opens {
                self.history
                    .turn(&owed.person, self.sim.elapsed_ns(), What::Opens);
            }
            let text = std::str::from_utf8(&owed.body).expect("JSON");
            let posting = webhook::post_over(platform, BUSINESS, APP_SECRET, text).await;
            let answer = self.ended(posting)?;
            assert!(answer.status.is_success(), "{answer:?}");
            if owed.stops {
                self.history
                    .turn(&owed.person, self.sim.mark(), What::Stopped);
            }
            self.history.acknowledged(&owed.body);
            queue(&mut self.state()).pop_front();
        }
    }

    /// After the last kill: delivers what is still owed.
    pub(super) async fn deliver_owed(&self, public: SocketAddr) {
        let mut platform = Connection::open(public).await.expect("the gateway");
        self.deliver(&mut platform, |state| &mut state.owed)
            .await
            .expect("an answer");
        self.deliver(&mut platform, |state| &mut state.statuses)
            .await
            .expect("an answer");
    }

    async fn tell_statuses(&self, public: SocketAddr) -> Done {
        let mut platform = Connection::open(public).await?;
        loop {
            self.deliver(&mut platform, |state| &mut state.statuses)
                .await?;
            self.status_due.notified().await;
        }
    }

    /// One app keeps sending.
    async fn send_on(&self, private: SocketAddr, key: &str) -> Done {
        let mut app = Connection::open(private).await?;
        loop {
            let to = self.addressee();
            let mut message = template_message(&to, "spring_offer");
            // No two bodies are the same: one whose outcome is unknown may not go again for a while.
            message["note"] = json!(webhook::fresh_id());
            self.begun.send_modify(|begun| *begun += 1);
            let sending = app.post(&messages_path(), key, &message).await;
            let answer = self.ended(sending)?;
            self.sent(&to, &answer);
        }
    }

    fn addressee(&self) -> String {
        let mut state = self.state();
        match state.chance.below(100) {
            0..70 => state.person.clone(),
            70..90 if !state.past.is_empty() => {
                let count = state.past.len() as u64;
                let place = state.chance.below(count) as usize;
                state.past[place].clone()
            }
            _ => format!("1666{}{:06}", self.number + 1, state.chance.below(1_000)),
        }
    }

    fn sent(&self, to: &str, answer: &Answer) {
        let mut inner = self.history.inner();
        let Some(id) = answer.message_id() else {
            if answer.code() == Some(131_050) {
                inner.refused += 1;
            } else {
                inner.wrong.push(format!("a send was answered {answer:?}"));
            }
            return;
        };
        inner
            .sent
            .insert(answer.header("greenline-decision").to_owned());
        drop(inner);
        let mut state = self.state();
        if state.statuses.len() < STATUSES_MAX {
            let status = |name: &str| Owed {
                body: webhook::status(to, &id, name).to_string().into(),
                stops: false,
                opens: false,
                person: to.to_owned(),
            };
            state.statuses.extend(["sent", "delivered"].map(status));
            self.status_due.notify_one();
        }
    }
}
