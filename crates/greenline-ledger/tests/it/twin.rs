//! Two stores, one history: the store in memory works each answer out anew from lists of what happened,
//! and the other one must say the same, at each step, opened again, and when it verifies itself.

mod histories;
mod never;

use std::sync::Arc;

use greenline_ledger::crowd::{Crowd, Found};
use greenline_ledger::flight::{Flight, Watch};
use greenline_ledger::import::{ImportPiece, ROW_KEY, RowOutcome, undo_key};
use greenline_ledger::later::{HeldFilter, HeldStage, HeldStep, Keep, KeptRequest};
use greenline_ledger::notice::Notice;
use greenline_ledger::question::Question;
use greenline_ledger::seal::SealKind;
use greenline_ledger::subscription::{Subscription, Takes};
use greenline_ledger::types::{
    Appended, Ask, DecisionId, DecisionRecord, Delivery, Effect, Lane, Mode, NewEvent, Outcome,
    PersonId, PersonShard, RelayDone, RelayResult, ReplyClaim, ReplyEnd,
};
use greenline_ledger::{Ledger, LedgerError};
use greenline_policy::consent::{EventKind, Head, Standing, Strength};
use greenline_policy::country::Place as Here;
use greenline_policy::decide::{Decision, Verdict};
use greenline_policy::hold::{Hold, HoldGroup};
use greenline_policy::identity::Identifier;
use greenline_policy::lasting::YesLasts;
use greenline_policy::quiet::Quiet;
use greenline_policy::rule::Rule;
use greenline_policy::scope::Scope;
use proptest::prelude::*;
use smallvec::smallvec;

use crate::support::*;
use histories::{NAMES, history};

/// What may happen.
#[derive(Clone, Debug)]
enum Step {
    Append(NewEvent),
    /// A piece of an import, tried first.
    Import(ImportPiece),
    /// Some of what imports brought is taken back.
    Undo(usize),
    Learn(Vec<Effect>),
    Deliver(Delivery),
    Send {
        to: Vec<&'static str>,
        name: &'static str,
        body: u8,
        mode: Mode,
    },
    /// One of the sends under way lands.
    Land(usize),
    /// Somebody learns what became of one of the sends that went.
    Settle(usize, Outcome),
    Relay(Lane, RelayResult),
    Replay(Option<&'static str>),
    Replies,
    /// A template at a quiet hour of so many minutes, from an app that holds.
    Hold(&'static str, i64),
    /// What is held and due is decided again, quiet once more or not; what became of what went.
    Release(bool, HeldStep),
    /// One of those that were held is cancelled.
    CancelHeld(usize),
}

/// Of whom no history tells.
const STRANGERS: [&str; 2] = ["15557770001", "551187654321"];

/// One store, with what was handed out by it.
struct Side {
    ledger: Ledger,
    flights: Vec<Option<Flight>>,
    went: Vec<DecisionId>,
    stops: Vec<Vec<Watch>>,
    held: Vec<DecisionId>,
}

fn said<T>(answer: Result<T, LedgerError>) -> Result<T, String> {
    answer.map_err(|error| match error {
        LedgerError::Conflict(what) => format!("conflict: {what}"),
        other => panic!("nothing else can go wrong: {other}"),
    })
}

/// The moment of a step; a minute apart, so that what waits a quarter of an hour comes to pass.
fn moment(step: usize) -> i64 {
    NOON + 100 * SECOND + 60 * SECOND * i64::try_from(step).unwrap()
}

/// A marketing template while it is quiet for so many minutes more, which may be held for half an hour.
fn early(to: &str, minutes: i64, n: usize, now_ms: i64) -> greenline_ledger::types::Ask {
    let mut ask = template(to, "held", now_ms);
    ask.body_hash = [n as u8; 16];
    ask.places = smallvec![Here {
        quiet: Quiet::from_ends_ms([now_ms + minutes * 60 * SECOND; 4]),
        ..Here::default()
    }];
    ask.rules.hold = Hold::of([HoldGroup::QuietHours], now_ms + 30 * 60 * SECOND);
    ask.keep = Some(Arc::new(Keep {
        given_id: format!("given {n}").into(),
        request: KeptRequest {
            target: "/messages".into(),
            content_type: "application/json".into(),
            body: Arc::from(&b"{}"[..]),
        },
    }));
    ask
}

fn ask(to: &[Identifier], name: &str, now_ms: i64) -> greenline_ledger::types::Ask {
    let first = to[0].reveal();
    let mut ask = match name {
        "text" => text(&first, now_ms),
        name => template(&first, name, now_ms),
    };
    ask.to = to.iter().cloned().collect();
    ask.caps = caps(&[
        ("marketing", 2, 5 * 60 * SECOND),
        ("all", 3, 12 * 60 * SECOND),
    ]);
    ask
}

impl Side {
    fn of(ledger: Ledger) -> Self {
        Self {
            ledger,
            flights: vec![],
            went: vec![],
            stops: vec![],
            held: vec![],
        }
    }

    /// A template to one of those who never turn out to be somebody else.
    async fn hold(&mut self, to: &str, minutes: i64, now_ms: i64) -> String {
        let ask = early(to, minutes, self.held.len(), now_ms);
        let admitted = self.ledger.admit(ask).await.unwrap();
        if admitted.decision.verdict == Verdict::Hold {
            self.held.push(admitted.id);
        }
        self.flights.push(admitted.flight);
        let until_ms = admitted.decision.held_until_ms();
        format!("{:?} {until_ms:?}", admitted.decision.verdict)
    }

    async fn release(&mut self, quiet: bool, step: HeldStep, now_ms: i64) -> String {
        let mut told = String::new();
        for due in self.ledger.held_due(now_ms, 3).await.unwrap() {
            let message = &due.message;
            let said = (
                &message.given_id,
                message.stage,
                message.end,
                due.request.is_some(),
            );
            told.push_str(&format!("{said:?} "));
            if message.stage == HeldStage::ToTell {
                self.ledger
                    .held_done(due.claim, HeldStep::Told, now_ms)
                    .await
                    .unwrap();
                continue;
            }
            let to = message.to.reveal();
            let mut ask = early(&to, if quiet { 2 } else { 0 }, 0, now_ms);
            (ask.keep, ask.release) = (None, Some(due.claim));
            let admitted = self.ledger.admit(ask).await.unwrap();
            told.push_str(&format!("{:?}; ", admitted.decision.verdict));
            if admitted.decision.verdict == Verdict::Allow {
                let step = match &step {
                    HeldStep::Again(after_ms) => HeldStep::Again(now_ms + after_ms),
                    other => other.clone(),
                };
                self.ledger
                    .held_done(due.claim, step, now_ms)
                    .await
                    .unwrap();
            }
        }
        let all = self
            .ledger
            .held_messages(ACME, &HeldFilter::default(), None, 100)
            .await
            .unwrap();
        for one in all {
            let said = (
                one.given_id,
                one.stage,
                one.due_ms,
                one.end,
                one.message_id,
                one.code,
            );
            told.push_str(&format!("{said:?}"));
        }
        format!("{told} {:?}", self.ledger.held_waiting(ACME).await.unwrap())
    }

    fn appended(&mut self, appended: Appended) -> String {
        self.stops.push(appended.flights);
        format!("{} {:?}", appended.repeated, appended.head)
    }

    /// Does a step; what was answered, in words that both stores would use.
    async fn act(&mut self, step: Step, now_ms: i64) -> String {
        match step {
            Step::Append(event) => {
                let answer = said(self.ledger.append(event).await);
                let answer = answer.map(|appended| self.appended(appended));
                format!("{answer:?}")
            }
            Step::Import(piece) => {
                let rehearsal = ImportPiece {
                    rehearsal: true,
                    ..piece.clone()
                };
                let tried = self.imported(rehearsal).await;
                let done = self.imported(piece).await;
                assert_eq!(tried.0, done.0, "a rehearsal that says something else");
                format!("{tried:?} {done:?}")
            }
            Step::Undo(at) => self.undo(at, now_ms).await,
            Step::Hold(to, minutes) => self.hold(to, minutes, now_ms).await,
            Step::Release(quiet, step) => self.release(quiet, step, now_ms).await,
            Step::CancelHeld(at) => match self.held.get(at) {
                Some(id) => format!(
                    "{:?}",
                    self.ledger.cancel_held(ACME, *id, now_ms).await.unwrap()
                ),
                None => String::new(),
            },
            Step::Learn(effects) => format!("{:?}", said(self.ledger.learn(ACME, effects).await)),
            Step::Deliver(delivery) => {
                let answer = said(self.ledger.ingest(delivery).await);
                let answer = answer.map(|ingested| {
                    self.stops.push(ingested.flights);
                    (ingested.duplicate, ingested.replies_due)
                });
                format!("{answer:?}")
            }
            Step::Send {
                to,
                name,
                body,
                mode,
            } => {
                let mut ask = ask(&ids(&to), name, now_ms);
                // Zeroes are what an erasure leaves of a hash.
                (ask.body_hash, ask.mode) = ([body + 1; 16], mode);
                ask.paced = true;
                let admitted = self.ledger.admit(ask).await.unwrap();
                if admitted.flight.is_some() {
                    self.went.push(admitted.id);
                    self.flights.push(admitted.flight);
                }
                format!("{:?}", admitted.decision)
            }
            Step::Land(at) => {
                let count = self.flights.len().max(1);
                drop(self.flights.get_mut(at % count).map(Option::take));
                String::new()
            }
            Step::Settle(at, outcome) => {
                let at = at % self.went.len().max(1);
                if let Some(id) = self.went.get(at) {
                    self.ledger.settle(*id, named(outcome, at));
                    self.ledger.learn(ACME, vec![]).await.unwrap();
                }
                String::new()
            }
            Step::Relay(lane, result) => self.relay(lane, result, now_ms).await,
            Step::Replay(app) => {
                let replayed = self.ledger.relay_replay(ACME, app, now_ms).await;
                format!("{}", replayed.unwrap())
            }
            Step::Replies => {
                let mut due = self.ledger.replies_due(2).await.unwrap();
                for reply in &mut due {
                    let over = ReplyEnd::Over(None);
                    self.ledger.reply_done(reply.claim, over).await.unwrap();
                    reply.claim = ReplyClaim { id: 0, hand: 0 };
                }
                format!("{due:?}")
            }
        }
    }

    /// What became of each row, and by what the people were known.
    async fn imported(&mut self, piece: ImportPiece) -> (Vec<RowOutcome>, Vec<Vec<Identifier>>) {
        let is_for_good = !piece.rehearsal;
        let done = self.ledger.import(piece).await.unwrap();
        let said = done
            .iter()
            .map(|row| (row.outcome, row.known_by.clone()))
            .unzip();
        if is_for_good {
            let flights = done.into_iter().flat_map(|row| row.flights);
            self.stops.push(flights.collect());
        }
        said
    }

    /// Takes one of the imported yeses back: no scope that was refused is anything else afterwards.
    async fn undo(&self, at: usize, now_ms: i64) -> String {
        let export = self.ledger.export(ACME, None, 1_000).await.unwrap();
        let by_file = export.into_iter().filter(|stored| {
            let key = stored.event.dedup.as_deref().unwrap_or_default();
            key.starts_with(ROW_KEY) && stored.event.kind == EventKind::Granted
        });
        let by_file: Vec<_> = by_file.collect();
        let Some(stored) = by_file.get(at % by_file.len().max(1)) else {
            return String::new();
        };
        let refused = self.refused().await;
        let back = NewEvent {
            kind: EventKind::Expired,
            strength: Strength::Imported,
            arrival_ms: now_ms,
            dedup: Some(undo_key(stored.id)),
            ..stored.event.clone()
        };
        let answer = said(self.ledger.append(back).await).map(|done| done.repeated);
        let still = self.refused().await;
        assert!(
            refused.iter().all(|one| still.contains(one)),
            "a no is gone"
        );
        format!("{answer:?}")
    }

    /// Everyone's scopes in which a no is in force.
    async fn refused(&self) -> Vec<(&'static str, Scope)> {
        let mut refused = Vec::new();
        for name in NAMES {
            let Some(view) = self.ledger.person(ACME, &id(name)).await.unwrap() else {
                continue;
            };
            for scope in ["all", "marketing", "utility", "marketing.offers", "calls"].map(scope) {
                if matches!(view.head.standing(&scope), Standing::Refused { .. }) {
                    refused.push((name, scope));
                }
            }
        }
        refused
    }

    async fn relay(&self, lane: Lane, result: RelayResult, now_ms: i64) -> String {
        let due = self.ledger.relay_due(now_ms, lane, 2).await.unwrap();
        let done = due.iter().map(|relay| RelayDone {
            inbox_seq: relay.inbox_seq,
            app: relay.app.clone(),
            business: relay.business,
            result: match result {
                RelayResult::RetryAt(pause_ms) => RelayResult::RetryAt(now_ms + pause_ms),
                RelayResult::PutOff(pause_ms) => RelayResult::PutOff(now_ms + pause_ms),
                other => other,
            },
        });
        self.ledger.relay_done(done.collect()).await.unwrap();
        let relays = due.iter().map(|relay| {
            let text = told(&relay.body);
            format!("{text} {} {}", relay.app, relay.attempts)
        });
        format!("{:?}", relays.collect::<Vec<_>>())
    }

    /// What everybody would be told now, and which stops still wait.
    async fn answers(&self, now_ms: i64) -> Vec<String> {
        // All at once: they are one batch where a store has batches.
        let mut asked = Vec::new();
        for to in NAMES {
            for name in ["offer", "receipt", "text"] {
                let (ledger, ask) = (self.ledger.clone(), ask(&ids(&[to]), name, now_ms));
                let answer = tokio::spawn(async move { ledger.preview(ask).await });
                asked.push((to, name, answer));
            }
        }
        let mut answers = Vec::new();
        for (to, name, answer) in asked {
            let record = self.plain(answer.await.unwrap().unwrap());
            answers.push(format!("{to} {name} {record:?}"));
        }
        let waits = |stop: &Vec<Watch>| stop.iter().any(|watch| !watch.is_over());
        let stops: Vec<_> = self.stops.iter().map(waits).collect();
        answers.push(format!("{stops:?}"));
        self.alike(answers).await
    }

    /// What a list would be told of everybody: by a view of everything, and by one of which most people are only
    /// described, it is what a send is told. Nothing where the store gives none.
    async fn for_lists(&self, now_ms: i64) {
        for name in ["offer", "receipt"] {
            for variant in 0..8 {
                let mut about = ask(&ids(&[NAMES[0]]), name, now_ms);
                about.rules.window_templates_are_replies = variant & 1 == 1;
                about.rules.portfolio_limit = (variant & 2 == 2).then_some(2);
                if variant & 4 == 4 {
                    about.caps = caps(&[]);
                }
                if variant % 3 == 2 {
                    about.rules.yes_lasts = YesLasts::from_days([30, 1, 0, 2]);
                }
                // Of no message that was sent.
                about.body_hash = [0xee; 16];
                let Some(mut view) = self.ledger.view(now_ms).unwrap() else {
                    self.in_pieces(&about, now_ms).await;
                    continue;
                };
                let (mut some, crowd) = self.ledger.crowd(&about, now_ms).unwrap().unwrap();
                let names: Vec<&str> = NAMES.into_iter().chain(STRANGERS).collect();
                let named = self.ledger.view_of(&about, &ids(&names), now_ms);
                let mut named = named.unwrap().unwrap();
                for to in names {
                    let mut ask = about.clone();
                    ask.to = ids(&[to]);
                    let preview = self.ledger.preview(ask.clone()).await.unwrap().decision;
                    assert_eq!(view.judge(&ask).unwrap(), preview, "{to} {name} {variant}");
                    assert_eq!(named.judge(&ask).unwrap(), preview, "{to} {name} {variant}");
                    let found = found(&crowd, &ask.to[0]);
                    let shared = match found {
                        Found::Alone => some.judge(&ask),
                        Found::Nobody => some.judge_class(&ask, &Head::default()),
                        Found::Class(class) => some.judge_class(&ask, crowd.head(class).unwrap()),
                    };
                    let shared = plain(shared.unwrap());
                    assert_eq!(shared, plain(preview), "{to} {name} {variant} {found:?}");
                }
            }
        }
    }

    /// The same where people are read in pieces, of which the second knows nothing of the first.
    async fn in_pieces(&self, about: &Ask, now_ms: i64) {
        let view = self.ledger.view_of_nobody(about, now_ms).await;
        let Some(mut view) = view.unwrap() else {
            return;
        };
        let names: Vec<&str> = NAMES.into_iter().chain(STRANGERS).collect();
        let to = |name: &str| Ask {
            to: ids(&[name]),
            ..about.clone()
        };
        let questions = names.iter().map(|name| Question {
            ask: to(name),
            known_then: false,
            asked_ms: now_ms,
        });
        let told = self.ledger.preview_all(questions.collect()).await.unwrap();
        let told = told.into_iter().map(|told| told.unwrap().record.decision);
        let (some, others) = names.split_at(names.len() / 2);
        let mut seen = Vec::new();
        for some in [some, others] {
            let piece = self.ledger.piece(about, &ids(some)).await.unwrap();
            view.turn_to(piece);
            seen.extend(some.iter().map(|name| view.judge(&to(name)).unwrap()));
        }
        let told: Vec<Decision> = told.collect();
        assert_eq!(seen, told, "{names:?} {about:?}");
        // And of everybody at once, where most are only described.
        let crowd = self.ledger.crowd_in_pages(about, now_ms).await;
        let (mut view, crowd) = crowd.unwrap().unwrap();
        view.turn_to(self.ledger.piece(about, &ids(&names)).await.unwrap());
        for (name, told) in names.into_iter().zip(told) {
            let ask = to(name);
            let found = found(&crowd, &ask.to[0]);
            let shared = match found {
                Found::Alone => view.judge(&ask),
                Found::Nobody => view.judge_class(&ask, &Head::default()),
                Found::Class(class) => view.judge_class(&ask, crowd.head(class).unwrap()),
            };
            let shared = plain(shared.unwrap());
            assert_eq!(shared, plain(told), "{name} {found:?} {about:?}");
        }
    }

    /// What everybody would have been told at moments gone by, with what was known then.
    async fn then(&self, moments: impl Iterator<Item = i64>) -> Vec<String> {
        let mut answers = Vec::new();
        for now_ms in moments {
            for to in NAMES {
                let question = |name| Question {
                    ask: ask(&ids(&[to]), name, now_ms),
                    known_then: true,
                    asked_ms: now_ms,
                };
                let piece = ["offer", "text"].map(question).to_vec();
                for previewed in self.ledger.preview_all(piece).await.unwrap() {
                    let previewed = previewed.unwrap();
                    let record = self.plain(previewed.record);
                    answers.push(format!("{to} {now_ms} {record:?} {:?}", previewed.untold));
                }
            }
        }
        self.alike(answers).await
    }

    /// Everything that is shown or exported.
    async fn pages(&self, now_ms: i64) -> Vec<String> {
        let ledger = &self.ledger;
        let mut pages = Vec::new();
        for name in NAMES {
            let view = ledger.person(ACME, &id(name)).await.unwrap();
            let view = view.map(|v| (v.identifiers, v.head, v.history, v.windows));
            pages.push(format!("{name} {view:?}"));
        }
        let decisions = ledger.decisions(Some(ACME), None, 1_000).await.unwrap();
        let decisions = decisions.into_iter().map(|record| self.plain(record));
        pages.extend(decisions.map(|record| format!("{record:?}")));
        let export = ledger.export(ACME, None, 1_000).await.unwrap();
        pages.extend(export.iter().map(|stored| format!("{stored:?}")));
        pages.push(format!("{:?}", ledger.stops(ACME, 5).await.unwrap()));
        pages.push(format!("{:?}", ledger.numbers(ACME).await.unwrap()));
        pages.push(format!("{:?}", ledger.templates(ACME, None).await.unwrap()));
        pages.push(format!("{:?}", ledger.counts(ACME, now_ms).await.unwrap()));
        pages.push(format!(
            "{:?}",
            ledger.portfolio(ACME, now_ms).await.unwrap()
        ));
        let unsealed = ledger.unsealed(ACME, 1_000).await.unwrap();
        let entries = unsealed
            .into_iter()
            .filter(|record| record.id.kind == SealKind::Timeline);
        pages.extend(entries.map(|mut record| {
            record.fields.retain(|field| *field.name != *"id");
            format!("to be sealed: {:?}", record.fields)
        }));
        let timeline = ledger.timeline(ACME, None, None, 1_000).await.unwrap();
        pages.extend(timeline.into_iter().map(|mut entry| {
            entry.seq = 0;
            format!("{entry:?}")
        }));
        self.alike(pages).await
    }

    /// A record without what two stores may name differently, or remember a little longer.
    fn plain(&self, mut record: DecisionRecord) -> DecisionRecord {
        record.id = DecisionId {
            shard: PersonShard(0),
            seq: self.went.iter().filter(|id| **id <= record.id).count() as u64,
        };
        for to in &mut record.people {
            to.person = to.person.map(|_| PersonId(1));
            to.unsettled_until_ms = to.unsettled_until_ms.filter(|at_ms| *at_ms > record.at_ms);
        }
        record
    }

    /// Names events by the order of their arrival.
    async fn alike(&self, mut texts: Vec<String>) -> Vec<String> {
        let events = self.ledger.export(ACME, None, 1_000).await.unwrap();
        for (rank, stored) in events.iter().enumerate() {
            let name = format!("{:?}", stored.id);
            for text in texts.iter_mut().filter(|text| text.contains(&name)) {
                *text = text.replace(&name, &format!("EventId(no. {rank})"));
            }
            // What undoes an event is named after it.
            let undone = format!("{}\"", undo_key(stored.id));
            for text in texts.iter_mut().filter(|text| text.contains(&undone)) {
                *text = text.replace(&undone, &format!("undo: no. {rank}\""));
            }
        }
        texts
    }
}

/// A body in words that both stores would use.
fn told(body: &[u8]) -> String {
    match Notice::decode(body) {
        Ok(Notice::Consent(mut changed)) => {
            // Two stores name people and events differently.
            changed.people.fill(PersonId(1));
            format!("{changed:?}")
        }
        _ => String::from_utf8_lossy(body).into_owned(),
    }
}

/// What a crowd knows of somebody.
fn found(crowd: &Crowd, identifier: &Identifier) -> Found {
    match identifier {
        Identifier::Phone(phone) => crowd.find(phone.canonical()).1,
        Identifier::User(_) => Found::Alone,
    }
}

/// A decision without the names of events.
fn plain(decision: Decision) -> (Verdict, Vec<(Rule, Option<i64>)>) {
    let reasons = decision.reasons.into_iter();
    let reasons = reasons.map(|reason| (reason.rule, reason.until_ms));
    (decision.verdict, reasons.collect())
}

/// The platform names the messages of a send after it.
fn named(outcome: Outcome, send: usize) -> Outcome {
    match outcome {
        Outcome::Accepted { .. } => Outcome::Accepted {
            message_ids: smallvec![format!("wamid.{send}").into()],
        },
        other => other,
    }
}

fn assert_alike(one: &[String], other: &[String], when: &str) {
    for (one, other) in one.iter().zip(other) {
        assert_eq!(one, other, "{when}");
    }
    assert_eq!(one.len(), other.len(), "{when}");
}

async fn live_through(store: Store, steps: Vec<Step>) {
    let place = Place::of(store);
    let mut twin = Side::of(Ledger::in_memory(setup()));
    let mut side = Side::of(place.open().await);
    for either in [&twin, &side] {
        either.ledger.learn(ACME, listed(NOON)).await.unwrap();
        let subscribed = either.ledger.put_subscription(Subscription {
            business: ACME,
            id: "sub_crm".into(),
            version: 0,
            takes: Takes {
                active: true,
                consents: true,
                imports: true,
            },
            body: "{}".into(),
        });
        assert!(subscribed.await.unwrap());
    }
    let last_ms = moment(steps.len());
    for (n, step) in steps.into_iter().enumerate() {
        let when = format!("step {n}");
        let answers = vec![twin.act(step.clone(), moment(n)).await];
        let others = vec![side.act(step, moment(n)).await];
        assert_alike(&twin.alike(answers).await, &side.alike(others).await, &when);
        let (twins, others) = (twin.answers(moment(n)).await, side.answers(moment(n)).await);
        assert_alike(&twins, &others, &when);
        // What is kept for the next list is used and goes on from here.
        if n % 6 == 5 {
            side.for_lists(moment(n)).await;
        }
    }
    assert_alike(
        &twin.pages(last_ms).await,
        &side.pages(last_ms).await,
        "at the end",
    );
    let gone_by = || (0..3).map(|part| NOON + (last_ms - NOON) * (part + 1) / 4);
    assert_alike(
        &twin.then(gone_by()).await,
        &side.then(gone_by()).await,
        "as of then",
    );

    // Only the process that sent knows what became of it: it says so before it ends.
    for either in [&twin, &side] {
        for sent in &either.went {
            let record = either.ledger.decision(*sent).await.unwrap().unwrap();
            if record.outcome.is_none() {
                either.ledger.settle(*sent, Outcome::NotSent);
            }
        }
        either.ledger.learn(ACME, vec![]).await.unwrap();
        assert_clean(&either.ledger).await;
    }
    // What was under way has landed, and the process is gone.
    for either in [&mut twin, &mut side] {
        either.flights.clear();
    }
    side.ledger = place.reopen(side.ledger).await;
    side.for_lists(last_ms).await;
    assert_alike(
        &twin.answers(last_ms).await,
        &side.answers(last_ms).await,
        "opened again",
    );
    assert_alike(
        &twin.pages(last_ms).await,
        &side.pages(last_ms).await,
        "opened again",
    );
}

fn live(store: Store, steps: Vec<Step>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(live_through(store, steps));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sqlite_answers_as_memory_does(steps in history()) {
        live(Store::Sqlite, steps);
    }
}

proptest! {
    // Fewer: each history has a database of its own.
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, max_shrink_iters: 40, ..ProptestConfig::default() })]

    #[test]
    fn postgres_answers_as_memory_does(steps in history()) {
        live(Store::Postgres, steps);
    }
}
