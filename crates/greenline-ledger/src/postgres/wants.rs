//! What a batch will need to know, worked out from its requests before anything is loaded.

use greenline_policy::decide::Intent;
use greenline_policy::identity::Identifier;
use rustc_hash::FxHashSet;
use sha2::{Digest, Sha256};

use super::load::Depth;
use super::marks::counts;
use super::rows::seq_column;
use crate::codec::rows::reply_kind;
use crate::import::is_kept_with_person;
use crate::request::Request;
use crate::types::{Ask, BusinessIx, Delivery, Effect, NewEvent, OwnReply};

/// What a key was taken for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum KeyKind {
    /// An event's key.
    Event,
    /// The bytes of a delivery.
    Delivery,
    /// A kind of reply to a message.
    Reply,
}

impl KeyKind {
    /// As a column.
    pub(super) fn column(self) -> i64 {
        match self {
            Self::Event => 1,
            Self::Delivery => 2,
            Self::Reply => 3,
        }
    }

    /// Reads [`Self::column`].
    pub(super) fn of(column: i64) -> Option<Self> {
        [Self::Event, Self::Delivery, Self::Reply]
            .into_iter()
            .find(|kind| kind.column() == column)
    }
}

/// Something that may be taken once per business.
pub(super) type Key = (BusinessIx, KeyKind, Box<str>);

/// What is to be loaded.
#[derive(Debug, Default)]
pub(super) struct Wants {
    /// Canonical identifiers of people whose whole history is needed: something is appended to it.
    pub(super) names: FxHashSet<(BusinessIx, Identifier)>,
    /// Canonical identifiers of people of whom the fold is enough: they are decided about.
    pub(super) heads: FxHashSet<(BusinessIx, Identifier)>,
    /// The earliest moment that is decided for.
    pub(super) now_ms: Option<i64>,
    /// Businesses about whose people something may be told.
    pub(super) told: FxHashSet<BusinessIx>,
    /// The database's clock: something is numbered by it.
    pub(super) clock: bool,
    /// From when on what went to people counts for any of what is decided; `None` where no cap looks at it.
    pub(super) marks_since_ms: Option<i64>,
    /// Messages whose status may change what counts.
    pub(super) messages: FxHashSet<Box<str>>,
    /// Own replies that are to be sent.
    pub(super) replies: Vec<i64>,
    /// Held messages that are to be decided about again: shard and number.
    pub(super) later: Vec<(i64, i64)>,
    /// Businesses of whose portfolio it matters whom it reached.
    pub(super) portfolios: FxHashSet<BusinessIx>,
    /// Keys.
    pub(super) keys: FxHashSet<Key>,
    /// Account, name and language.
    pub(super) templates: FxHashSet<(BusinessIx, [Box<str>; 3])>,
    /// Numbers.
    pub(super) numbers: FxHashSet<(BusinessIx, Box<str>)>,
    /// Accounts.
    pub(super) accounts: FxHashSet<(BusinessIx, Box<str>)>,
}

/// The key of a delivery's bytes: their SHA-256.
pub(super) fn delivery_key(delivery: &Delivery) -> Box<str> {
    let digest: [u8; 32] = Sha256::digest(&delivery.body).into();
    let mut text = String::with_capacity(64);
    for byte in digest {
        for nibble in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
        }
    }
    text.into()
}

/// The key of a kind of reply to a message.
pub(super) fn reply_key(reply: &OwnReply, message_id: &str) -> Box<str> {
    format!("{}:{message_id}", reply_kind(reply)).into()
}

impl Wants {
    /// What these requests need.
    pub(super) fn of(requests: &[&Request]) -> Self {
        let mut wants = Self::default();
        for request in requests {
            wants.request(request);
        }
        wants
    }

    fn request(&mut self, request: &Request) {
        match request {
            Request::Admit(ask) => self.ask(ask),
            Request::Preview(ask) => self.ask(ask),
            Request::PreviewAll(questions) => {
                for question in questions {
                    self.ask(&question.ask);
                    if question.known_then {
                        self.names(question.ask.business, &question.ask.to);
                    }
                }
            }
            Request::Portfolio(business, _) => {
                self.portfolios.insert(*business);
            }
            Request::Append(event) => self.event(event),
            Request::AppendAll(events) => events.iter().for_each(|event| self.event(event)),
            Request::Import(piece) => {
                let rows = piece.rows.iter().map(|row| &row.event);
                rows.chain(&piece.before)
                    .for_each(|event| self.event(event));
            }
            Request::Learn(business, effects) => self.effects(*business, effects),
            Request::Ingest(delivery) => {
                self.clock = true;
                self.keys
                    .insert((delivery.business, KeyKind::Delivery, delivery_key(delivery)));
                self.effects(delivery.business, &delivery.effects);
            }
            _ => {}
        }
    }

    /// How much is needed of whoever has this name.
    pub(super) fn depth_of(&self, name: &(BusinessIx, Identifier)) -> Depth {
        if self.heads.contains(name) && !self.names.contains(name) {
            Depth::Head
        } else {
            Depth::History
        }
    }

    fn names(&mut self, business: BusinessIx, identifiers: &[Identifier]) {
        if identifiers.len() > 1 {
            // They may turn out to be one person, who counts once.
            self.portfolios.insert(business);
        }
        let canonical = identifiers.iter().map(|id| (business, id.canonical().0));
        self.names.extend(canonical);
    }

    fn ask(&mut self, ask: &Ask) {
        let to = ask.to.iter();
        self.heads
            .extend(to.map(|id| (ask.business, id.canonical().0)));
        let now_ms = self
            .now_ms
            .map_or(ask.now_ms, |now_ms| now_ms.min(ask.now_ms));
        self.now_ms = Some(now_ms);
        if let Some(back_ms) = ask.caps.longest_ms() {
            let since_ms = ask.now_ms.saturating_sub(back_ms);
            let earliest_ms = self
                .marks_since_ms
                .map_or(since_ms, |known| known.min(since_ms));
            self.marks_since_ms = Some(earliest_ms);
        }
        self.replies.extend(ask.reply.map(|reply| reply.id));
        self.later.extend(
            ask.release
                .map(|claim| (i64::from(claim.id.shard.0), seq_column(claim.id.seq))),
        );
        if ask.intent == Intent::Template {
            self.portfolios.insert(ask.business);
        }
        self.numbers.insert((ask.business, (&*ask.number).into()));
        self.accounts.insert((ask.business, (&*ask.waba_id).into()));
        if let Some(asked) = &ask.template {
            let name = [
                (&*asked.waba_id).into(),
                asked.name.clone(),
                asked.language.clone(),
            ];
            self.templates.insert((ask.business, name));
        }
    }

    /// Something happens to people of a business, of which subscribers are told.
    fn tells(&mut self, business: BusinessIx) {
        self.told.insert(business);
        self.clock = true;
    }

    fn event(&mut self, event: &NewEvent) {
        self.tells(event.business);
        self.names(event.business, &event.person);
        if let Some(key) = &event.dedup
            && !is_kept_with_person(key)
        {
            self.keys
                .insert((event.business, KeyKind::Event, key.clone()));
        }
    }

    fn effects(&mut self, business: BusinessIx, effects: &[Effect]) {
        for effect in effects {
            match effect {
                Effect::Consent(event) => self.event(event),
                Effect::Known { person, .. }
                | Effect::Wrote { person, .. }
                | Effect::CallPermission { person, .. } => {
                    self.tells(business);
                    self.names(business, person);
                }
                Effect::Moved { from, to, .. } => {
                    self.tells(business);
                    self.names(business, std::slice::from_ref(from));
                    self.names(business, std::slice::from_ref(to));
                }
                Effect::Limit { .. } => {
                    self.portfolios.insert(business);
                }
                Effect::Timeline { .. } => self.clock = true,
                Effect::Status {
                    message_id, status, ..
                } if counts(status) => {
                    self.messages.insert(message_id.clone());
                    self.portfolios.insert(business);
                }
                Effect::Reply {
                    reply, message_id, ..
                } => {
                    self.clock = true;
                    self.keys
                        .insert((business, KeyKind::Reply, reply_key(reply, message_id)));
                }
                _ => {}
            }
        }
    }
}
