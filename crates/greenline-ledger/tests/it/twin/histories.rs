//! Generated histories: few people, few moments and few keys, so that they meet often.

use greenline_ledger::import::{ImportPiece, ImportRow, ROW_KEY};
use greenline_ledger::later::HeldStep;
use greenline_ledger::types::{
    Delivery, Effect, HealthNews, Lane, Mode, NewEvent, Outcome, OwnReply, RelayResult,
};
use greenline_policy::consent::{EventKind, Strength};
use greenline_policy::health::state::{Entity, EntityKind, Health, Sending};
use greenline_policy::number::{Ban, RestrictionKind};
use greenline_policy::reach::MessagingLimit;
use greenline_policy::scope::Category;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use smallvec::smallvec;

use super::Step;
use crate::support::*;

/// Two spellings of one doubtful number, two plain ones, user ids of both forms.
pub(super) const NAMES: [&str; 8] = [
    "15551230001",
    "15551230002",
    "5491155551234",
    "541155551234",
    "US.aaa111",
    "US.bbb222",
    "US.ENT.ccc333",
    "DE.ddd444",
];

/// People whom nothing links or moves, so that each store keeps their order alike.
const HELD: [&str; 2] = ["15559990001", "15559990002"];

/// A whole history.
pub(super) fn history() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 1..25)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => consent().prop_map(Step::Append),
        2 => import().prop_map(Step::Import),
        1 => (0..8_usize).prop_map(Step::Undo),
        5 => effect().prop_map(|effect| Step::Learn(vec![effect])),
        1 => prop::collection::vec(effect(), 2..4).prop_map(Step::Learn),
        3 => deliver().prop_map(Step::Deliver),
        5 => send(),
        1 => (0..8_usize).prop_map(Step::Land),
        3 => (0..4_usize, outcome()).prop_map(|(at, outcome)| Step::Settle(at, outcome)),
        1 => (lane(), relay_result()).prop_map(|(lane, result)| Step::Relay(lane, result)),
        1 => select(vec![None, Some("bot"), Some("crm")]).prop_map(Step::Replay),
        1 => Just(Step::Replies),
        2 => (select(HELD.to_vec()), 0..5_i64).prop_map(|(to, minutes)| Step::Hold(to, minutes)),
        2 => (any::<bool>(), held_step()).prop_map(|(quiet, step)| Step::Release(quiet, step)),
        1 => (0..4_usize).prop_map(Step::CancelHeld),
        1 => (select(HELD.to_vec()), any::<bool>(), when()).prop_map(|(who, wants, at_ms)| {
            let said = if wants { yes } else { no };
            Step::Append(said(&[who], "marketing", at_ms))
        }),
    ]
}

fn who() -> impl Strategy<Value = Vec<&'static str>> {
    prop_oneof![
        3 => select(NAMES.to_vec()).prop_map(|name| vec![name]),
        1 => subsequence(NAMES.to_vec(), 2..=3).prop_shuffle(),
        // A number whose user id may be replaced.
        1 => select(vec!["US.aaa111", "US.bbb222"]).prop_map(|user| vec![NAMES[0], user]),
    ]
}

/// Whom sends go to: one of them more often, so that sends meet.
fn to_whom() -> impl Strategy<Value = Vec<&'static str>> {
    prop_oneof![
        1 => Just(vec![NAMES[0]]),
        1 => who(),
    ]
}

fn when() -> impl Strategy<Value = i64> {
    (0..30_i64).prop_map(|second| NOON + second * SECOND)
}

/// A moment about a day before or after, or now.
fn days() -> impl Strategy<Value = i64> {
    (when(), -1..2_i64).prop_map(|(at_ms, days)| at_ms + days * 24 * 3_600 * SECOND)
}

fn message() -> impl Strategy<Value = Box<str>> {
    (0..6_u8).prop_map(|n| format!("wamid.{n}").into())
}

fn lane() -> impl Strategy<Value = Lane> {
    select(vec![
        Lane::Inbound,
        Lane::Inbound,
        Lane::Status,
        Lane::Event,
        Lane::Event,
        Lane::Bulk,
    ])
}

fn held_step() -> impl Strategy<Value = HeldStep> {
    select(vec![
        HeldStep::Again(90 * SECOND),
        HeldStep::Sent(Some("wamid.held".into())),
        HeldStep::Sent(None),
        HeldStep::Unknown,
        HeldStep::Failed(131_026),
    ])
}

fn outcome() -> impl Strategy<Value = Outcome> {
    let message_ids = smallvec![];
    select(vec![
        Outcome::Accepted { message_ids },
        Outcome::Rejected { code: 131_026 },
        Outcome::Rejected { code: 131_049 },
        Outcome::Rejected { code: 131_056 },
        Outcome::NotSent,
        Outcome::Unknown,
        Outcome::Unknown,
    ])
}

fn relay_result() -> impl Strategy<Value = RelayResult> {
    select(vec![
        RelayResult::Delivered,
        RelayResult::RetryAt(90 * SECOND),
        RelayResult::PutOff(60 * SECOND),
        RelayResult::Parked,
    ])
}

fn send() -> impl Strategy<Value = Step> {
    let names = select(vec!["offer", "receipt", "text"]);
    let modes = select(vec![Mode::Enforce, Mode::Enforce, Mode::Observe]);
    (to_whom(), names, 0..2_u8, modes).prop_map(|(to, name, body, mode)| Step::Send {
        to,
        name,
        body,
        mode,
    })
}

fn consent() -> impl Strategy<Value = NewEvent> {
    use EventKind::{
        Expired, Granted, NativeResumed, NativeStopped, Reconfirmed, Refused, Withdrawn,
    };
    let kinds = vec![
        Granted,
        Granted,
        Granted,
        Refused,
        Withdrawn,
        Reconfirmed,
        Expired,
        NativeStopped,
        NativeResumed,
    ];
    let scopes = vec!["all", "marketing", "utility", "marketing.offers", "calls"];
    let strengths = vec![
        Strength::Evidenced,
        Strength::Evidenced,
        Strength::Imported,
        Strength::Claimed,
    ];
    let chosen = (
        select(kinds),
        select(scopes),
        select(strengths),
        any::<bool>(),
    );
    (who(), chosen, when(), when(), 0..40_u8).prop_map(
        |(person, (kind, what, strength, in_thread), at_ms, arrival_ms, key)| {
            let mut new = event(&person, kind, what, at_ms.min(arrival_ms));
            new.arrival_ms = arrival_ms;
            new.strength = strength;
            new.in_thread = in_thread;
            // Some keys come twice for the same person, and some for another one.
            new.dedup = match key {
                0..2 => Some(format!("key {key}").into()),
                2..6 => Some(format!("key {key} {}", person[0]).into()),
                _ => None,
            };
            new
        },
    )
}

/// Rows as a file has them: a yes is imported or claimed, and the same row has the same key.
fn import() -> impl Strategy<Value = ImportPiece> {
    let row = (consent(), any::<bool>()).prop_map(|(mut event, dated)| {
        if event.kind == EventKind::NativeResumed {
            event.kind = EventKind::Granted;
        }
        if matches!(event.kind, EventKind::Granted | EventKind::Reconfirmed)
            && event.strength != Strength::Claimed
        {
            event.strength = Strength::Imported;
        } else if event.kind != EventKind::Granted {
            event.strength = Strength::Evidenced;
        }
        let who: Vec<String> = event.person.iter().map(|id| id.reveal()).collect();
        let (kind, what, who) = (event.kind.as_str(), &event.scope, who.join("+"));
        let at_ms = if dated { event.at_ms } else { 0 };
        event.dedup = Some(format!("{ROW_KEY}{who}:{kind}:{what}:{at_ms}").into());
        ImportRow { event, dated }
    });
    (prop::collection::vec(row, 1..5), when()).prop_map(|(mut rows, since_ms)| {
        for row in &mut rows {
            row.event.arrival_ms = since_ms;
            row.event.at_ms = row.event.at_ms.min(since_ms);
            if !row.dated {
                row.event.at_ms = since_ms;
            }
            row.event.stated_ms = row.event.at_ms;
        }
        ImportPiece {
            business: ACME,
            rows,
            since_ms,
            now_ms: since_ms,
            rehearsal: false,
            before: Vec::new(),
        }
    })
}

fn effect() -> impl Strategy<Value = Effect> {
    let names = || select(NAMES.to_vec());
    prop_oneof![
        6 => consent().prop_map(Effect::Consent),
        3 => (who(), when()).prop_map(|(person, at_ms)| known(&person, at_ms)),
        3 => (who(), when(), 0..1_000_u16)
            .prop_map(|(person, at_ms, n)| wrote(&person, &format!("wamid.{n}"), at_ms)),
        3 => (names(), names(), when()).prop_map(|(from, to, at_ms)| moved(from, to, at_ms)),
        1 => (who(), when(), select(vec![None, Some(NOON + 500 * SECOND), Some(NOON)])).prop_map(
            |(person, at_ms, until_ms)| Effect::CallPermission {
                person: ids(&person),
                number: "n1".into(),
                at_ms,
                until_ms,
            }
        ),
        2 => (message(), select(vec!["sent", "delivered", "read", "failed"]), when(), select(vec![131_026, 131_049, 131_056])).prop_map(
            |(message_id, status, at_ms, code)| Effect::Status {
                message_id,
                status: status.into(),
                at_ms,
                code: (status == "failed").then_some(code),
            }
        ),
        2 => news(),
    ]
}

/// Reads that block, that do not, and refusals.
fn any_health() -> impl Strategy<Value = HealthNews> {
    let read = |overall: Sending, codes: &[u32]| {
        let account = Entity {
            kind: EntityKind::Account,
            sending: overall,
            codes: codes.to_vec(),
        };
        HealthNews::Read(Health {
            overall,
            entities: vec![account],
        })
    };
    select(vec![
        read(Sending::Available, &[]),
        read(Sending::Blocked, &[141_008]),
        read(Sending::Blocked, &[141_006]),
        HealthNews::Locked,
        HealthNews::Policy,
    ])
}

fn news() -> impl Strategy<Value = Effect> {
    let named = |words: &[&'static str]| {
        let words: Vec<Option<Box<str>>> = words.iter().map(|word| Some((*word).into())).collect();
        select([vec![None], words].concat())
    };
    let categories = select(vec![
        None,
        Some(Category::Utility),
        Some(Category::Marketing),
    ]);
    let template_statuses = named(&["APPROVED", "PAUSED", "DISABLED"]);
    let templates = (
        select(vec!["offer", "receipt"]),
        categories,
        template_statuses,
        named(&["GREEN", "RED"]),
        when(),
    );
    let numbers = (
        named(&["CONNECTED", "BANNED"]),
        named(&["GREEN", "RED"]),
        when(),
    );
    let bans = (select(vec![Ban::None, Ban::Disabled]), when());
    let ends = select(vec![None, Some(NOON + 300 * SECOND)]);
    let kinds = select(vec![
        (
            RestrictionKind::BusinessInitiated,
            "RESTRICTED_BIZ_INITIATED_MESSAGING",
        ),
        (
            RestrictionKind::CustomerInitiated,
            "RESTRICTED_CUSTOMER_INITIATED_MESSAGING",
        ),
    ]);
    prop_oneof![
        templates.prop_map(
            |(name, category, status, quality, at_ms)| Effect::Template {
                waba_id: "w1".into(),
                name: name.into(),
                language: "en".into(),
                template_id: None,
                category,
                status,
                is_ask: None,
                quality,
                at_ms,
            }
        ),
        numbers.prop_map(|(status, rating, at_ms)| Effect::Number {
            number: "n1".into(),
            status,
            rating,
            at_ms,
        }),
        (select(vec!["n1", "n2"]), any::<bool>(), days()).prop_map(|(number, limits, at_ms)| {
            Effect::Spam {
                number: number.into(),
                limits,
                at_ms,
            }
        }),
        (select(vec!["n1", "n2"]), any_health(), days()).prop_map(|(number, news, at_ms)| {
            Effect::Health {
                number: number.into(),
                news,
                at_ms,
            }
        }),
        bans.prop_map(|(ban, at_ms)| Effect::Banned {
            waba_id: "w1".into(),
            ban,
            at_ms,
        }),
        (kinds, ends, when()).prop_map(|((kind, name), until_ms, at_ms)| Effect::Restricted {
            waba_id: "w1".into(),
            restrictions: vec![(kind, name.into(), until_ms)],
            at_ms,
        }),
        (
            select(vec![
                MessagingLimit::People(1),
                MessagingLimit::People(2),
                MessagingLimit::People(3),
                MessagingLimit::Unlimited,
            ]),
            when()
        )
            .prop_map(|(limit, at_ms)| Effect::Limit {
                limit,
                origin: "graph".into(),
                at_ms,
            }),
        (when(), select(vec!["n1", "n2"])).prop_map(|(at_ms, number)| Effect::Timeline {
            subject: "number",
            subject_id: number.into(),
            origin: "phone_number_quality_update".into(),
            event: "FLAGGED".into(),
            at_ms,
            body: "{}".into(),
        }),
    ]
}

/// A delivery, some of which come again: a message that may hold a stop, and the reply to it.
fn deliver() -> impl Strategy<Value = Delivery> {
    let stop = (consent(), any::<bool>(), message());
    let others = prop::collection::vec(effect(), 0..3);
    (0..12_u8, lane(), stop, others).prop_map(
        |(bytes, lane, (mut stop, is_stop, message_id), mut effects)| {
            let to = stop.person[0].clone();
            let at_ms = stop.at_ms;
            if is_stop {
                stop.evidence.message_id = message_id.clone();
                effects.push(Effect::Consent(stop));
            }
            let reply = OwnReply::StopConfirmed {
                language: "en".into(),
                reach: "bare".into(),
            };
            effects.push(Effect::Reply {
                to,
                number: "n1".into(),
                reply,
                message_id,
                at_ms,
            });
            Delivery {
                lane,
                ..delivery(&format!("{{{bytes}}}"), effects)
            }
        },
    )
}
