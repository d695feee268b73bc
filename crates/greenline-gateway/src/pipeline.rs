//! The send path, the only way to a person: parse → identify → load → decide → record → forward → answer.
//!
//! What is parsed and who is calling comes from [`crate::graph`]; loading, deciding and recording are one
//! step of the ledger, so that no stop can slip in between. This file forwards what was allowed and
//! answers. Once a decision is recorded the rest runs to its end even if the client hangs up, for a stop
//! may be waiting for it.

mod question;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use greenline_ledger::LedgerError;
use greenline_ledger::flight::Flight;
use greenline_ledger::later::HeldClaim;
use greenline_ledger::types::{
    Ask, BusinessIx, DecisionId, Effect, Mode, NewEvent, Outcome, ReplyClaim, TemplateRef,
};
use greenline_policy::consent::{EventId, EventKind, Strength};
use greenline_policy::decide::{Decision, Intent, Rules, Verdict};
use greenline_policy::hold::Hold;
use greenline_policy::identity::{Identifier, UserId};
use greenline_policy::lasting::YesLasts;
use greenline_policy::rule::Rule;
use greenline_policy::scope::{Category, Scope};
use greenline_wire::calls::Call as CallRequest;
use greenline_wire::send::{Addressee, Send, SendKind};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use sha2::{Digest, Sha256};
use smallvec::SmallVec;
use tokio::sync::OwnedSemaphorePermit;

use crate::app::Shared;
use crate::directory::{App, Number};
use crate::graph::{Answered, Call};
use crate::health;
use crate::outlive::Outlive;
use crate::refusal::{HEADER_DECISION, HEADER_REASONS, NOT_IN_HAND, Refusal, names};
use crate::upstream::lines::Lines;
use crate::upstream::{CallError, Outgoing};
use crate::{avenues, ids, later, learn, pass, spill};

pub(crate) use question::{
    LookUps, addressed, on_a_condition, preview, question, template_question,
};

/// A send may begin to go out this long after it was decided, counted from before the decision.
pub const DISPATCH_WITHIN: Duration = Duration::from_secs(2);
/// How often a send that missed its deadline is decided again before giving up.
const DECISIONS_MAX: u32 = 3;
/// The platform's word that a person stopped marketing (OPT-41).
pub(crate) const NATIVE_STOP: u32 = 131_050;
/// The platform's word that it limits what a number sends, because people blocked or reported too much of it (QL-09).
pub(crate) const SPAM_LIMIT: u32 = 131_048;

/// What a gated call asks for.
pub(crate) enum Outbound<'a> {
    /// `/messages` or `/marketing_messages`.
    Message(Send<'a>),
    /// `/calls`.
    Call(CallRequest<'a>),
}

/// Everything a forward needs, owned, so that it outlives the client.
pub(crate) struct Parcel {
    request: Forward,
    ask: Arc<Ask>,
    /// The decision's id goes into an unused `biz_opaque_callback_data`.
    stamp: bool,
    _permit: OwnedSemaphorePermit,
}

/// A request to the platform, which may be made again.
pub(crate) enum Forward {
    /// In parts.
    Parts {
        /// The method.
        method: Method,
        /// Path and query.
        target: Uri,
        /// The headers.
        headers: HeaderMap,
        /// The body.
        body: Bytes,
    },
    /// A plain POST, written out.
    Written {
        /// Everything before the body but its length.
        head: Vec<u8>,
        /// The body.
        body: Bytes,
    },
}

impl Forward {
    pub(crate) fn body(&self) -> &Bytes {
        match self {
            Self::Parts { body, .. } | Self::Written { body, .. } => body,
        }
    }

    /// Makes the request. `Ok(None)`: it was answered, but not to the end.
    async fn call(
        &self,
        app: &Shared,
        stamp: Option<&str>,
        flight: Option<Flight>,
    ) -> Result<Option<Answered>, CallError> {
        let bytes_max = app.config.limits.answer_bytes_max;
        let dispatch_by = flight.as_ref().map(Flight::dispatch_by);
        let body = stamp
            .and_then(|id| stamped(self.body(), id))
            .unwrap_or_else(|| self.body().clone());
        match self {
            Self::Parts {
                method,
                target,
                headers,
                ..
            } => {
                let mut request = Request::new(Outgoing::full(body));
                *request.method_mut() = method.clone();
                *request.uri_mut() = target.clone();
                *request.headers_mut() = headers.clone();
                let (parts, body) = app.upstream.call(request, dispatch_by).await?.into_parts();
                // Its head is here: the send is over, whatever becomes of the rest.
                drop(flight);
                Ok(body.read(bytes_max).await.ok().map(|body| Answered {
                    status: parts.status,
                    headers: Lines::Map(parts.headers),
                    body,
                }))
            }
            Self::Written { head, .. } => {
                app.upstream.post(head, &body, dispatch_by, bytes_max).await
            }
        }
    }
}

/// Decides one gated call and, if it may go, forwards it.
pub(crate) async fn send(
    app: &Shared,
    client: &Arc<App>,
    number: &Arc<Number>,
    outbound: &Outbound<'_>,
    call: &Call<'_>,
) -> Result<Answered, Refusal> {
    let Some(judged) = judged(app, number, outbound)? else {
        return pass::buffered(app, client, call).await;
    };
    let forward = Forward::Parts {
        method: call.method.clone(),
        target: pass::target(call.path, call.query)?,
        headers: pass::headers(app, client, call.headers),
        body: call.body.clone(),
    };
    run(app, parcel(app, client, number, judged, forward)?).await
}

/// Passes on what reaches nobody.
pub(crate) async fn pass(app: &Shared, forward: &Forward) -> Result<Answered, Refusal> {
    app.metrics.passed.add();
    let answered = forward
        .call(app, None, None)
        .await
        .map_err(|error| pass::unreachable(app, &error))?
        .ok_or_else(|| Refusal::unavailable("the platform's answer could not be read", None))?;
    Ok(Answered {
        headers: answered.headers.without_connection(),
        ..answered
    })
}

/// Packs what was judged for its decision. In a box: it is handed on from step to step, and it is not small.
pub(crate) fn parcel(
    app: &Shared,
    client: &App,
    number: &Number,
    judged: Judged,
    forward: Forward,
) -> Result<Box<Parcel>, Refusal> {
    let permit = Arc::clone(&number.permits)
        .try_acquire_owned()
        .map_err(|_| {
            app.metrics.sends_throttled.add();
            Refusal::throttled()
        })?;
    Ok(pack(
        app,
        client,
        number,
        judged,
        forward,
        permit,
        |ask, forward| {
            if ask.template.is_some() {
                later::prepare(app, client, ask, forward);
            }
        },
    ))
}

/// Puts together what a decision looks at and what is sent then; `more` adds to the former.
fn pack(
    app: &Shared,
    client: &App,
    number: &Number,
    judged: Judged,
    forward: Forward,
    permit: OwnedSemaphorePermit,
    more: impl FnOnce(&mut Ask, &Forward),
) -> Box<Parcel> {
    let business = app.directory.business(client.business);
    let stamp = business.config.biz_opaque_callback_data && judged.stampable;
    let body = forward.body();
    let mut ask = ask(app, client.business, &client.name, number, judged, body);
    more(&mut ask, &forward);
    Box::new(Parcel {
        ask: Arc::new(ask),
        request: forward,
        stamp,
        _permit: permit,
    })
}

/// Readies a held message to be decided again. `None` when nothing is sent any more.
pub(crate) async fn release_parcel(
    app: &Shared,
    client: &App,
    number: &Number,
    judged: Judged,
    forward: Forward,
    claim: HeldClaim,
    last_ms: i64,
) -> Option<Box<Parcel>> {
    let permit = Arc::clone(&number.permits).acquire_owned().await.ok()?;
    Some(pack(
        app,
        client,
        number,
        judged,
        forward,
        permit,
        |ask, _| {
            ask.rules.hold = Hold::of(client.holds.iter().copied(), last_ms);
            // It was held because refusals bound, and it was promised to be decided again.
            ask.mode = Mode::Enforce;
            ask.release = Some(claim);
        },
    ))
}

/// Decides about a held message, and forwards it if it may go, to its end.
pub(crate) async fn release(app: &Shared, mut parcel: Box<Parcel>) -> Ended {
    let app = Arc::clone(app);
    Outlive::new(async move { carry(&app, &mut parcel).await }).await
}

/// How a parcel ended.
pub(crate) enum Ended {
    /// The platform answered; what that says of the send.
    Answered(Answered, Outcome),
    /// The decision holds it.
    Held(DecisionId, Decision),
    /// The decision refuses it.
    Refused(Refusal),
    /// It is in another hand, or over.
    Taken(Refusal),
    /// It certainly did not go out.
    NotSent(Refusal),
    /// It may have gone out.
    Unknown(Refusal),
}

/// Runs a parcel to its end: a client that hangs up must not leave a decision without one.
async fn run(app: &Shared, parcel: Box<Parcel>) -> Result<Answered, Refusal> {
    let app = Arc::clone(app);
    Outlive::new(async move { decide_and_forward(&app, parcel).await }).await
}

/// Decides, and forwards what may go. Must be polled to its end: see [`run`].
pub(crate) async fn decide_and_forward(
    app: &Shared,
    mut parcel: Box<Parcel>,
) -> Result<Answered, Refusal> {
    match carry(app, &mut parcel).await {
        Ended::Answered(answered, _) => Ok(answered),
        Ended::Held(id, decision) => Ok(later::answer(app, &parcel.ask, id, &decision)),
        Ended::Refused(refusal)
        | Ended::Taken(refusal)
        | Ended::NotSent(refusal)
        | Ended::Unknown(refusal) => Err(refusal),
    }
}

async fn carry(app: &Shared, parcel: &mut Parcel) -> Ended {
    if let Some(template) = &parcel.ask.template {
        let mut look_ups = LookUps::any();
        look_up(app, &parcel.ask, template, &mut look_ups).await;
    }
    for _ in 0..DECISIONS_MAX {
        let ask = Arc::make_mut(&mut parcel.ask);
        ask.now_ms = app.clock.now_ms();
        place(app, ask);
        if ask.template.is_some() {
            rule(app, ask);
        }
        ask.dispatch_by = app.clock.instant() + DISPATCH_WITHIN;
        let admitted = match app.ledger.admit(Arc::clone(&parcel.ask)).await {
            Ok(admitted) => admitted,
            Err(LedgerError::Conflict(why))
                if parcel.ask.reply.is_some() || parcel.ask.release.is_some() =>
            {
                return Ended::Taken(Refusal::not_in_hand(why));
            }
            Err(error) => match spill::admit(app, &parcel.ask, &error).await {
                Some(admitted) => admitted,
                None => return Ended::NotSent(store_down(app, &error)),
            },
        };
        app.metrics.decided.add(&admitted.decision);
        let id = ids::decision(admitted.id);
        let Some(flight) = admitted.flight else {
            if admitted.decision.verdict == Verdict::Hold {
                return Ended::Held(admitted.id, admitted.decision);
            }
            app.metrics.sends_refused.add();
            return Ended::Refused(Refusal::decided(&admitted.decision, id));
        };
        if admitted.decision.verdict == Verdict::Allow {
            app.metrics.sends_allowed.add();
        } else {
            app.metrics.sends_observed.add();
        }
        let reasons = names(&admitted.decision);
        let stamp = parcel.stamp.then_some(id.as_str());
        match parcel.request.call(app, stamp, Some(flight)).await {
            Ok(answered) => {
                return answer(app, parcel, admitted.id, answered, &reasons).await;
            }
            Err(CallError::Late) => app.settle(admitted.id, Outcome::NotSent),
            Err(CallError::NotSent(why)) => {
                app.settle(admitted.id, Outcome::NotSent);
                app.metrics.upstream_failures.add();
                tracing::warn!(decision.id = %id, %why, "a send did not reach the platform");
                return Ended::NotSent(Refusal::unavailable(
                    "the platform cannot be reached; the message was not sent",
                    Some(id),
                ));
            }
            Err(CallError::Unknown(why)) => {
                app.settle(admitted.id, Outcome::Unknown);
                app.metrics.sends_unknown.add();
                tracing::warn!(decision.id = %id, %why, "the outcome of a send is unknown");
                return Ended::Unknown(Refusal::unknown_outcome(id));
            }
        }
    }
    Ended::NotSent(Refusal::unavailable(
        "the message could not be handed over in time; it was not sent",
        None,
    ))
}

/// Settles the decision by the platform's answer and hands that on untouched.
async fn answer(
    app: &Shared,
    parcel: &Parcel,
    decision: DecisionId,
    answered: Option<Answered>,
    reasons: &str,
) -> Ended {
    let id = ids::decision(decision);
    let Some(answered) = answered else {
        app.settle(decision, Outcome::Unknown);
        app.metrics.sends_unknown.add();
        return Ended::Unknown(Refusal::unknown_outcome(id));
    };
    let outcome = outcome(answered.status, &answered.body);
    if outcome == (Outcome::Rejected { code: NATIVE_STOP }) {
        record_native_stop(app, parcel, &id).await;
    }
    if let Some(limits) = spam_limit(&parcel.ask, &outcome, reasons) {
        record_spam_limit(app, &parcel.ask, limits).await;
    }
    if let Outcome::Rejected { code } = outcome {
        health::heed(app, parcel.ask.business, &parcel.ask.number, code).await;
    }
    app.settle(decision, outcome.clone());
    let mut headers = answered.headers.without_connection();
    for (name, value) in [(HEADER_DECISION, id.as_str()), (HEADER_REASONS, reasons)] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.set(name, value);
        }
    }
    let answered = Answered {
        headers,
        ..answered
    };
    Ended::Answered(answered, outcome)
}

fn outcome(status: StatusCode, body: &[u8]) -> Outcome {
    if status.is_success() {
        let message_ids = greenline_wire::answer::message_ids(body);
        return Outcome::Accepted { message_ids };
    }
    let code = greenline_wire::error::read(body).and_then(|error| u32::try_from(error.code).ok());
    Outcome::Rejected {
        code: code.unwrap_or(u32::from(status.as_u16())),
    }
}

/// What an answer says of the number's limit for spam: that it is there, or, where a start was tried because nobody knew
/// any more, that it is not.
fn spam_limit(ask: &Ask, outcome: &Outcome, reasons: &str) -> Option<bool> {
    match outcome {
        Outcome::Rejected { code: SPAM_LIMIT } => Some(true),
        Outcome::Accepted { .. } if ask.intent == Intent::Template => reasons
            .split(',')
            .any(|rule| rule.trim() == Rule::LimitSpamUnknown.id())
            .then_some(false),
        _ => None,
    }
}

async fn record_spam_limit(app: &Shared, ask: &Ask, limits: bool) {
    let effect = Effect::Spam {
        number: (&*ask.number).into(),
        limits,
        at_ms: app.clock.now_ms(),
    };
    if let Err(error) = app.ledger.learn(ask.business, vec![effect]).await {
        tracing::error!(number.id = %ask.number, %error, "the platform's word on spam could not be recorded");
    }
}

/// 131050 is the platform's own word on a stop, however it comes.
async fn record_native_stop(app: &Shared, parcel: &Parcel, decision: &str) {
    let now_ms = app.clock.now_ms();
    let events = parcel.ask.to.iter().map(|person| {
        Effect::Consent(NewEvent {
            business: parcel.ask.business,
            person: SmallVec::from_iter([person.clone()]),
            kind: EventKind::NativeStopped,
            scope: Scope::Category(Category::Marketing),
            at_ms: now_ms,
            stated_ms: now_ms,
            arrival_ms: now_ms,
            strength: Strength::Evidenced,
            in_thread: false,
            evidence: greenline_ledger::types::Evidence {
                method: "platform".into(),
                source: "error 131050".into(),
                ..Default::default()
            },
            actor: greenline_ledger::types::Actor("platform".into()),
            dedup: Some(format!("131050:{decision}").into()),
        })
    });
    let learned = app.ledger.learn(parcel.ask.business, events.collect());
    if let Err(error) = learned.await {
        tracing::error!(decision.id = decision, %error, "a native stop could not be recorded");
    }
}

/// What the decision looks at, read from the wire. `None` for what reaches nobody.
pub(crate) struct Judged {
    to: SmallVec<[Identifier; 1]>,
    intent: Intent,
    template: Option<TemplateRef>,
    stampable: bool,
}

fn judged(
    app: &Shared,
    number: &Number,
    outbound: &Outbound<'_>,
) -> Result<Option<Judged>, Refusal> {
    match outbound {
        Outbound::Call(CallRequest::Other(_)) => Ok(None),
        Outbound::Call(CallRequest::Connect { to, recipient, .. }) => {
            let to = to.iter().chain(recipient).map(|text| Addressee::of(text));
            Ok(Some(Judged {
                to: people(to)?,
                intent: Intent::Call,
                template: None,
                stampable: false,
            }))
        }
        Outbound::Message(send) => judged_message(app, number, send),
    }
}

pub(crate) fn judged_message(
    app: &Shared,
    number: &Number,
    send: &Send<'_>,
) -> Result<Option<Judged>, Refusal> {
    let (intent, template) = match &send.kind {
        SendKind::MarkRead { .. } => return Ok(None),
        SendKind::FreeForm { .. } | SendKind::CallPermissionRequest | SendKind::Reaction => {
            (Intent::FreeForm, None)
        }
        SendKind::Template { name, language } => (
            Intent::Template,
            Some(template_ref(app, number, name, language)),
        ),
    };
    let stampable = send.biz_opaque_callback_data.is_none();
    Ok(Some(Judged {
        to: people(send.addressees())?,
        intent,
        template,
        stampable,
    }))
}

/// A template as the business's settings know it.
fn template_ref(app: &Shared, number: &Number, name: &str, language: &str) -> TemplateRef {
    let business = app.directory.business(number.business);
    let setting = business.templates.get(name);
    TemplateRef {
        waba_id: Arc::clone(&number.waba_id),
        name: name.into(),
        language: language.into(),
        topic: setting.and_then(|setting| setting.topic.clone()),
        marked_ask: setting.is_some_and(|setting| setting.ask),
        own: None,
    }
}

fn people<'a>(
    addressees: impl Iterator<Item = Addressee<'a>>,
) -> Result<SmallVec<[Identifier; 1]>, Refusal> {
    let mut people = SmallVec::new();
    for addressee in addressees {
        people.push(match addressee {
            Addressee::Phone(text) => greenline_policy::identity::Phone::parse(&text)
                .map(Identifier::Phone)
                .ok_or_else(|| Refusal::unreadable("`to` is not an international phone number"))?,
            Addressee::UserId(text) => UserId::parse(&text)
                .map(Identifier::User)
                .ok_or_else(|| Refusal::unreadable("`recipient` is not a business-scoped user id"))?,
            Addressee::Group(_) => {
                return Err(Refusal::unreadable(
                    "`recipient_type` is `group`: a group reaches several people, whose consent cannot be checked",
                ));
            }
        });
    }
    if people.is_empty() {
        return Err(Refusal::unreadable(
            "neither `to` nor `recipient` names a person",
        ));
    }
    Ok(people)
}

fn ask(
    app: &Shared,
    business: BusinessIx,
    name: &Arc<str>,
    number: &Number,
    mut judged: Judged,
    body: &[u8],
) -> Ask {
    let digest: [u8; 32] = Sha256::digest(body).into();
    let mut body_hash = [0; 16];
    body_hash.copy_from_slice(&digest[..16]);
    let settings = app.directory.business(business);
    if let Some(template) = &mut judged.template
        && !settings.own.is_empty()
    {
        let apps = &settings.config.app;
        let client = apps.iter().find(|client| *client.name == **name);
        let client = client.map(|client| client.name.as_str());
        template.own = settings.own.about(&template.name, &number.id, client, apps);
    }
    Ask {
        business,
        number: Arc::clone(&number.id),
        waba_id: Arc::clone(&number.waba_id),
        app: Arc::clone(name),
        to: judged.to,
        intent: judged.intent,
        template: judged.template,
        body_hash,
        rules: settings.rules,
        mode: app.directory.mode(business),
        now_ms: app.clock.now_ms(),
        dispatch_by: app.clock.instant() + DISPATCH_WITHIN,
        confirms: None,
        places: SmallVec::new(),
        caps: settings.caps.clone(),
        paced: settings.config.pair_limit,
        reply: None,
        keep: None,
        release: None,
    }
}

/// Notes what place and hour say, for what may begin a conversation: no answer is closed or quiet.
fn place(app: &Shared, ask: &mut Ask) {
    if matches!(ask.intent, Intent::Template | Intent::Call) {
        let places = &app.directory.business(ask.business).places;
        ask.places = places.of(&ask.to, ask.now_ms);
    }
}

/// Notes what the business chose for templates, and which ways out are open; what the app asked to hold for stays.
fn rule(app: &Shared, ask: &mut Ask) {
    ask.rules = Rules {
        yes_lasts: yes_lasts(app, ask),
        hold: ask.rules.hold,
        ..avenues::rules(app, ask.business, ask.now_ms)
    };
}

/// How long the yes lasts that a template needs: its topic may say so for itself.
fn yes_lasts(app: &Shared, ask: &Ask) -> YesLasts {
    let topic = ask
        .template
        .as_ref()
        .and_then(|template| template.topic.as_ref());
    app.directory.business(ask.business).yes_lasts(topic)
}

/// A template that the account's list does not name is looked up once more before it is judged.
async fn look_up(app: &Shared, ask: &Ask, template: &TemplateRef, look_ups: &mut LookUps) {
    // Whoever may not look anything up leaves no mark that it was done.
    if !look_ups.is_left() {
        return;
    }
    let now = app.clock.instant();
    if app
        .templates
        .must_look_up(&ask.waba_id, &template.name, &template.language, now)
        && look_ups.take()
        && let Err(why) = learn::template(app, ask.business, &ask.waba_id, &template.name).await
    {
        tracing::warn!(number.id = %ask.number, %why, "a template could not be looked up; it is judged as marketing");
    }
}

fn store_down(app: &Shared, error: &LedgerError) -> Refusal {
    app.metrics.store_failures.add();
    tracing::error!(%error, "the store could not record a decision");
    Refusal::unavailable(
        "Greenline's store is not available; the message was not sent",
        None,
    )
}

/// Puts the decision's id into a JSON body that has no `biz_opaque_callback_data`.
fn stamped(body: &[u8], id: &str) -> Option<Bytes> {
    let open = body.iter().position(|byte| *byte == b'{')?;
    let (before, after) = body.split_at(open + 1);
    let mut with = Vec::with_capacity(body.len() + id.len() + 32);
    with.extend_from_slice(before);
    with.extend_from_slice(b"\"biz_opaque_callback_data\":\"");
    with.extend_from_slice(id.as_bytes());
    with.extend_from_slice(b"\",");
    with.extend_from_slice(after);
    Some(with.into())
}

/// A message of Greenline's own: a confirmation or a question.
#[derive(Debug)]
pub struct SendOwn {
    /// The business.
    pub business: BusinessIx,
    /// The number to send from.
    pub number: Box<str>,
    /// Whom to.
    pub to: Identifier,
    /// The JSON body for `/messages`.
    pub body: Bytes,
    /// The stop it confirms.
    pub confirms: Option<EventId>,
    /// The reply it is, in this node's hand; none for what is sent but once and not owed.
    pub reply: Option<ReplyClaim>,
}

/// What became of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum OwnSendResult {
    /// The platform took it.
    Sent,
    /// It was refused, by us or by the platform.
    Refused,
    /// It is another node's now, or over; nothing was sent.
    Taken,
    /// It certainly did not go out, since it could not be decided or handed over; whether it is tried again is the caller's to say.
    Unavailable,
    /// It was refused for being too fast after others to the same person, and for nothing else, until then.
    Early(i64),
}

/// Sends a message of our own through the same decision and the same path as any other; also names the
/// decision, once there is one.
pub async fn send_own(app: &Shared, own: SendOwn) -> (OwnSendResult, Option<DecisionId>) {
    let parcel = match own_parcel(app, own).await {
        Ok(parcel) => parcel,
        Err(result) => return (result, None),
    };
    let (result, decision) = match run(app, parcel).await {
        Ok(answered) => {
            let headers = answered.headers.into_map();
            let named = headers.get(HEADER_DECISION);
            let decision = named.and_then(|id| id.to_str().ok()).map(str::to_owned);
            if answered.status.is_success() {
                (OwnSendResult::Sent, decision)
            } else {
                (OwnSendResult::Refused, decision)
            }
        }
        Err(refusal) if refusal.http == NOT_IN_HAND => (OwnSendResult::Taken, None),
        Err(refusal) if refusal.http == 503 => (OwnSendResult::Unavailable, refusal.decision),
        Err(Refusal {
            early_until_ms: Some(until_ms),
            decision,
            ..
        }) => (OwnSendResult::Early(until_ms), decision),
        Err(refusal) => (OwnSendResult::Refused, refusal.decision),
    };
    (result, decision.as_deref().and_then(ids::parse_decision))
}

async fn own_parcel(app: &Shared, own: SendOwn) -> Result<Box<Parcel>, OwnSendResult> {
    let number = app
        .directory
        .number(&own.number)
        .cloned()
        .ok_or(OwnSendResult::Refused)?;
    let permit = Arc::clone(&number.permits)
        .acquire_owned()
        .await
        .map_err(|_| OwnSendResult::Unavailable)?;
    let target = format!("/{}/{}/messages", learn::API_VERSION, number.id)
        .parse()
        .map_err(|_| OwnSendResult::Refused)?;
    let intent = if own.confirms.is_some() {
        Intent::Confirmation
    } else {
        Intent::FreeForm
    };
    let judged = Judged {
        to: SmallVec::from_iter([own.to]),
        intent,
        template: None,
        stampable: false,
    };
    let mut ask = ask(
        app,
        own.business,
        &Arc::from("greenline"),
        &number,
        judged,
        &own.body,
    );
    ask.confirms = own.confirms;
    ask.reply = own.reply;
    Ok(Box::new(Parcel {
        request: Forward::Parts {
            method: Method::POST,
            target,
            headers: learn::own_headers(app, own.business),
            body: own.body,
        },
        ask: Arc::new(ask),
        stamp: false,
        _permit: permit,
    }))
}
