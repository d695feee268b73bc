//! The store in memory: lists of what happened, and every question answered anew from them.
//!
//! It is the slow, obvious twin of the other stores, to which they are compared, and the store of tests
//! and of demonstrations that are thrown away. So it keeps no heads, no projections, no caches and no
//! journal: one lock is its transaction, and what could go wrong is found before anything is changed. It
//! shares with the other stores the types, the fold of consent and the flights; how people come
//! together, whose events bear on whom and what a status or a template's news means is written here a
//! second time, so that a mistake has to be made twice to stay hidden. Nothing outlives the process.

mod check;
mod erase;
mod held;
mod history;
mod import;
mod later;
mod learn;
mod notice;
mod outbox;
mod pace;
mod pages;
mod people;
mod platform;
mod preference;
mod prune;
mod reach;
mod reception;
mod seal;
mod sends;
mod then;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use greenline_policy::consent::EventId;
use greenline_policy::identity::Identifier;
use greenline_policy::pace::Limited;
use greenline_proof::{Known, NodeAt};

use crate::erasure::{Erase, ErasureKey, Keys, is_pseudonym_of};
use crate::error::LedgerError;
use crate::held::{HeldAt, HeldKind, HeldPage, Holding};
use crate::ids::Ids;
use crate::later::{GivenIds, HeldFilter, HeldMessage};
use crate::preference::LinkHolder;
use crate::prune::PruneKind;
use crate::reception::{Counted, Counting};
use crate::request::{Answer, Request};
use crate::seal::{Form, LEAVES_MAX, RecordId, Recorded, SealedLeaf, StoredHead, Unsealed};
use crate::state::platform::number_known;
use crate::state::reach::portfolio_key;
use crate::subscription::Subscription;
use crate::types::{
    BusinessIx, Counts, DecisionId, DecisionRecord, Effect, Lane, NumberAsked, NumberKnown,
    NumberView, Outcome, PersonId, PersonView, PortfolioView, Relay, RelayDone, StoredEvent,
    TemplateView, TimelineEntry, Verification,
};
use crate::{DecideFn, Setup};
use later::Later;
use outbox::{Inbox, Reply};
use people::{Link, Move, Person};
use sends::{Send, Status};

type Result<T, E = LedgerError> = std::result::Result<T, E>;

/// A store.
#[derive(Debug)]
pub(crate) struct Store(Mutex<All>);

/// What happened.
#[derive(Debug)]
struct All {
    /// Ids from the configuration, by [`BusinessIx`].
    businesses: Vec<Box<str>>,
    /// Their portfolios, in the same order.
    portfolios: Vec<Box<str>>,
    decide: DecideFn,
    ids: Ids,
    last: u64,
    closed: bool,
    people: Vec<Person>,
    /// Who has which canonical identifier.
    known: HashMap<(BusinessIx, Identifier), usize>,
    links: Vec<Link>,
    moves: Vec<Move>,
    /// Events that were given a key.
    keys: HashMap<(BusinessIx, Box<str>), EventId>,
    sends: Vec<Send>,
    statuses: Vec<Status>,
    /// What the platform said of numbers, accounts and templates, as it came.
    news: Vec<(BusinessIx, Effect)>,
    timeline: Vec<(BusinessIx, TimelineEntry)>,
    inbox: Vec<Inbox>,
    replies: Vec<Reply>,
    /// Whom the platform limits, and by which decision it last did.
    limited: HashMap<PersonId, (Limited, u64)>,
    /// Messages that are held, or were.
    later: Vec<Later>,
    subscriptions: Vec<Subscription>,
    /// The moment of the piece of an import that is being done.
    importing_ms: Option<i64>,
    logs: HashMap<BusinessIx, seal::Log>,
    /// How many people were erased.
    erasures: HashMap<BusinessIx, u64>,
    /// What identifiers of those erased were hashed with.
    erasure: Keys,
}

impl All {
    /// A number of its own for anything that happens: it grows, and says when, as the numbers of many
    /// nodes would.
    fn next(&mut self, at_ms: i64) -> u64 {
        let floor = u64::try_from(at_ms).unwrap_or(0) << 20;
        self.last = floor.max(self.last + 1);
        self.last
    }

    /// As [`Self::next`], for what is named by a signed number.
    fn next_signed(&mut self, at_ms: i64) -> i64 {
        i64::try_from(self.next(at_ms)).unwrap_or(i64::MAX)
    }

    /// Nothing yet.
    fn empty(businesses: Vec<Box<str>>, decide: DecideFn) -> Self {
        Self {
            businesses,
            portfolios: Vec::new(),
            decide,
            ids: Ids::seeded(),
            last: 0,
            closed: false,
            people: Vec::new(),
            known: HashMap::new(),
            links: Vec::new(),
            moves: Vec::new(),
            keys: HashMap::new(),
            sends: Vec::new(),
            statuses: Vec::new(),
            news: Vec::new(),
            timeline: Vec::new(),
            inbox: Vec::new(),
            replies: Vec::new(),
            limited: HashMap::new(),
            later: Vec::new(),
            subscriptions: Vec::new(),
            importing_ms: None,
            logs: HashMap::new(),
            erasures: HashMap::new(),
            erasure: Keys::default(),
        }
    }

    fn business(&self, ix: BusinessIx) -> Result<&str> {
        self.businesses
            .get(ix.0 as usize)
            .map(|id| &**id)
            .ok_or(LedgerError::Bug(
                "a business that the ledger was not set up with",
            ))
    }
}

impl Store {
    /// An empty store.
    pub(crate) fn new(setup: &Setup) -> Self {
        let businesses = setup.businesses.iter();
        let businesses = businesses.map(|b| b.id.as_str().into()).collect();
        let mut all = All::empty(businesses, setup.decide);
        all.portfolios = setup.businesses.iter().map(portfolio_key).collect();
        Self(Mutex::new(all))
    }

    fn lock(&self) -> MutexGuard<'_, All> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn of(&self, business: BusinessIx) -> Result<MutexGuard<'_, All>> {
        let all = self.lock();
        all.business(business)?;
        Ok(all)
    }

    /// Does what is asked.
    #[expect(clippy::unused_async, reason = "other stores wait here")]
    pub(crate) async fn ask(&self, request: Request) -> Result<Answer> {
        let mut all = self.lock();
        if all.closed {
            return Err(LedgerError::busy("the ledger is closing"));
        }
        all.check(&request)?;
        all.answer(request)
    }

    pub(crate) fn use_erasure_keys(&self, keys: Vec<ErasureKey>) {
        self.lock().erasure.set(keys);
    }

    pub(crate) fn look(&self) -> Result<Option<crate::state::State>> {
        Ok(None)
    }

    pub(crate) fn gather(
        &self,
        _: &crate::types::Ask,
    ) -> Result<Option<(crate::state::State, crate::crowd::Crowd)>> {
        Ok(None)
    }

    pub(crate) fn look_at(
        &self,
        _: &crate::types::Ask,
        _: &[Identifier],
    ) -> Result<Option<crate::state::State>> {
        Ok(None)
    }

    #[expect(clippy::unused_async, reason = "other stores wait here")]
    pub(crate) async fn walk(
        &self,
        _: &crate::types::Ask,
        _: &crate::state::State,
    ) -> Result<Option<crate::crowd::Crowd>> {
        Ok(None)
    }

    pub(crate) fn keeps_crowd(&self) -> bool {
        false
    }

    #[expect(clippy::unused_async, reason = "other stores wait here")]
    pub(crate) async fn people_in(&self, _: crate::types::BusinessIx, _: u16) -> Result<u64> {
        Ok(0)
    }

    #[expect(clippy::unused_async, reason = "other stores wait here")]
    pub(crate) async fn nobody(
        &self,
        _: &crate::types::Ask,
    ) -> Result<Option<crate::state::State>> {
        Ok(None)
    }

    #[expect(clippy::unused_async, reason = "other stores wait here")]
    pub(crate) async fn piece(
        &self,
        _: &crate::types::Ask,
        _: &[Identifier],
    ) -> Result<Option<crate::state::State>> {
        Ok(None)
    }

    pub(crate) async fn erase(&self, erase: Erase) -> Result<Answer> {
        self.ask(Request::Erase(Box::new(erase))).await
    }

    pub(crate) fn settle(&self, id: DecisionId, outcome: Outcome) {
        let mut all = self.lock();
        if all.closed {
            tracing::warn!("an outcome came after the ledger closed; it counts as unknown");
            return;
        }
        all.settle(id, outcome);
    }

    pub(crate) async fn relay_done(&self, done: Vec<RelayDone>) -> Result<Answer> {
        self.ask(Request::RelayDone(done)).await
    }

    #[expect(clippy::unused_async, reason = "other stores wait here")]
    pub(crate) async fn close(&self) {
        self.lock().closed = true;
    }
}

/// The reading verbs: each takes the lock and looks.
#[expect(clippy::unused_async, reason = "other stores wait here")]
impl Store {
    pub(crate) async fn person(
        &self,
        business: BusinessIx,
        identifier: &Identifier,
    ) -> Result<Option<PersonView>> {
        Ok(self.of(business)?.view(business, identifier))
    }

    pub(crate) async fn link_holder(
        &self,
        business: BusinessIx,
        person: PersonId,
    ) -> Result<Option<LinkHolder>> {
        Ok(self.of(business)?.link_holder(business, person))
    }

    pub(crate) async fn link_holders(
        &self,
        business: BusinessIx,
        identifiers: &[Identifier],
    ) -> Result<Vec<Option<LinkHolder>>> {
        Ok(self.of(business)?.link_holders(business, identifiers))
    }

    pub(crate) async fn unsealed(
        &self,
        business: BusinessIx,
        limit: usize,
    ) -> Result<Vec<Unsealed>> {
        self.of(business)?.unsealed(business, limit.min(LEAVES_MAX))
    }

    pub(crate) async fn log_head(
        &self,
        business: BusinessIx,
        size: Option<u64>,
    ) -> Result<Option<StoredHead>> {
        Ok(self.of(business)?.log_head(business, size))
    }

    pub(crate) async fn log_heads(
        &self,
        business: BusinessIx,
        after: u64,
        limit: usize,
    ) -> Result<Vec<StoredHead>> {
        Ok(self.of(business)?.log_heads(business, after, limit))
    }

    pub(crate) async fn log_leaves(
        &self,
        business: BusinessIx,
        from: u64,
        limit: usize,
    ) -> Result<Vec<SealedLeaf>> {
        Ok(self.of(business)?.log_leaves(business, from, limit))
    }

    pub(crate) async fn log_records(
        &self,
        business: BusinessIx,
        records: Vec<(RecordId, Form)>,
    ) -> Result<Vec<Recorded>> {
        let all = self.of(business)?;
        let records = records.iter();
        records.map(|(id, _)| all.stored(business, *id)).collect()
    }

    pub(crate) async fn log_nodes(
        &self,
        business: BusinessIx,
        wanted: Vec<NodeAt>,
    ) -> Result<Known> {
        self.of(business)?.log_nodes(business, &wanted)
    }

    pub(crate) async fn log_place(
        &self,
        business: BusinessIx,
        id: RecordId,
    ) -> Result<Option<SealedLeaf>> {
        Ok(self.of(business)?.log_place(business, id))
    }

    pub(crate) async fn log_erasures(&self, business: BusinessIx) -> Result<u64> {
        let all = self.of(business)?;
        Ok(all.erasures.get(&business).copied().unwrap_or(0))
    }

    pub(crate) async fn is_erasure_key_used(&self, key: &str) -> Result<bool> {
        let all = self.lock();
        let mut names = all.known.keys();
        Ok(names.any(|(_, name)| is_pseudonym_of(key, name)))
    }

    /// An erasure is one step.
    pub(crate) async fn resume_erasures(&self, business: BusinessIx, _: i64) -> Result<u64> {
        self.of(business).map(|_| 0)
    }

    pub(crate) async fn holding(
        &self,
        business: BusinessIx,
        identifier: &Identifier,
    ) -> Result<Option<Holding>> {
        Ok(self.of(business)?.holding(business, identifier))
    }

    pub(crate) async fn held(
        &self,
        business: BusinessIx,
        of: &Holding,
        kind: HeldKind,
        after: HeldAt,
    ) -> Result<HeldPage> {
        Ok(self.of(business)?.held(business, of, kind, after))
    }

    pub(crate) async fn prunable(
        &self,
        business: BusinessIx,
        kind: PruneKind,
        before_ms: i64,
    ) -> Result<Vec<(i64, i64)>> {
        Ok(self.of(business)?.prunable(business, kind, before_ms))
    }

    /// Whatever is not sealed waits to be.
    pub(crate) async fn log_unlogged(&self, business: BusinessIx) -> Result<u64> {
        self.of(business).map(|_| 0)
    }

    pub(crate) async fn log_lease(&self, business: BusinessIx, _: i64) -> Result<bool> {
        self.of(business).map(|_| true)
    }

    pub(crate) async fn decision(&self, id: DecisionId) -> Result<Option<DecisionRecord>> {
        Ok(self.lock().decision(id))
    }

    pub(crate) async fn decisions(
        &self,
        business: Option<BusinessIx>,
        before: Option<DecisionId>,
        limit: usize,
    ) -> Result<Vec<DecisionRecord>> {
        let all = self.lock();
        business.map(|ix| all.business(ix)).transpose()?;
        Ok(all.decisions(business, before, limit))
    }

    pub(crate) async fn stops(
        &self,
        business: BusinessIx,
        limit: usize,
    ) -> Result<Vec<StoredEvent>> {
        Ok(self.of(business)?.stops(business, limit))
    }

    pub(crate) async fn export(
        &self,
        business: BusinessIx,
        after: Option<EventId>,
        limit: usize,
    ) -> Result<Vec<StoredEvent>> {
        Ok(self.of(business)?.export(business, after, limit))
    }

    pub(crate) async fn subscriptions(&self, business: BusinessIx) -> Result<Vec<Subscription>> {
        Ok(self.of(business)?.subscriptions(business))
    }

    pub(crate) async fn notices_waiting(&self, business: BusinessIx, id: &str) -> Result<u64> {
        Ok(self.of(business)?.notices_waiting(business, id))
    }

    pub(crate) async fn portfolio(
        &self,
        business: BusinessIx,
        now_ms: i64,
    ) -> Result<PortfolioView> {
        self.of(business)?.portfolio_view(business, now_ms)
    }

    pub(crate) async fn numbers(&self, business: BusinessIx) -> Result<Vec<NumberView>> {
        Ok(self.of(business)?.numbers(business))
    }

    pub(crate) async fn reception(&self, counting: Counting) -> Result<Counted> {
        Ok(self.of(counting.business)?.reception(counting))
    }

    pub(crate) async fn number_known(
        &self,
        business: BusinessIx,
        number: &str,
        waba_id: &str,
    ) -> Result<NumberKnown> {
        let all = self.of(business)?;
        Ok(number_known(
            number,
            all.number(business, number),
            all.account(business, waba_id),
        ))
    }

    pub(crate) async fn numbers_known(&self, asked: Vec<NumberAsked>) -> Result<Vec<NumberKnown>> {
        let mut known = Vec::with_capacity(asked.len());
        for one in asked {
            let of_number = self.number_known(one.business, &one.number, &one.waba_id);
            known.push(of_number.await?);
        }
        Ok(known)
    }

    pub(crate) async fn templates(
        &self,
        business: BusinessIx,
        waba_id: Option<&str>,
    ) -> Result<Vec<TemplateView>> {
        Ok(self.of(business)?.templates(business, waba_id))
    }

    pub(crate) async fn timeline(
        &self,
        business: BusinessIx,
        subject: Option<(&str, &str)>,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<TimelineEntry>> {
        Ok(self
            .of(business)?
            .timeline(business, subject, before, limit))
    }

    pub(crate) async fn counts(&self, business: BusinessIx, now_ms: i64) -> Result<Counts> {
        Ok(self.of(business)?.counts(business, now_ms))
    }

    pub(crate) async fn relay_due(
        &self,
        now_ms: i64,
        lane: Lane,
        limit: usize,
    ) -> Result<Vec<Relay>> {
        Ok(self.lock().relay_due(now_ms, lane, limit))
    }

    pub(crate) async fn held_message(
        &self,
        business: BusinessIx,
        id: DecisionId,
    ) -> Result<Option<HeldMessage>> {
        Ok(self.of(business)?.held_message(business, id))
    }

    pub(crate) async fn held_messages(
        &self,
        business: BusinessIx,
        filter: &HeldFilter,
        after: Option<DecisionId>,
        limit: usize,
    ) -> Result<Vec<HeldMessage>> {
        let all = self.of(business)?;
        Ok(all.held_messages(business, filter, after, limit))
    }

    pub(crate) async fn held_waiting(&self, business: BusinessIx) -> Result<Vec<(Box<str>, u64)>> {
        Ok(self.of(business)?.held_waiting(business))
    }

    pub(crate) async fn given_ids(
        &self,
        business: BusinessIx,
        message_ids: &[Box<str>],
        people: &[Identifier],
    ) -> Result<GivenIds> {
        Ok(self.of(business)?.given_ids(business, message_ids, people))
    }

    pub(crate) async fn relay_waits(&self, relay: &Relay) -> Result<bool> {
        Ok(self.lock().relay_waits(relay))
    }

    pub(crate) async fn verify(&self, decide: DecideFn) -> Result<Verification> {
        Ok(self.lock().verify(decide))
    }
}
