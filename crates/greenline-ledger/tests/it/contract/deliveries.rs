//! Deliveries, relay, own replies, and what the platform says.

use greenline_ledger::types::{
    DecisionRecord, Effect, HealthNews, Lane, NumberAsked, NumberKnown, OwnReply, RelayDone,
    RelayResult, ReplyClaim, ReplyEnd,
};
use greenline_ledger::{Ledger, LedgerError};
use greenline_policy::decide::decide;
use greenline_policy::health::state::{Health, Sending};
use greenline_policy::number::{Ban, RestrictionKind};
use greenline_policy::quality::{QualityGuard, Score};
use greenline_policy::rule::Rule;

use crate::support::*;

const P1: &str = "15551230001";

fn stop(message: &str, at_ms: i64) -> Vec<Effect> {
    let mut event = no(&[P1], "marketing", at_ms);
    event.in_thread = true;
    event.evidence.message_id = message.into();
    event.dedup = Some(message.into());
    let reply = OwnReply::StopConfirmed {
        language: "en".into(),
        reach: "bare".into(),
    };
    vec![
        wrote(&[P1], message, at_ms - 999),
        Effect::Consent(event),
        Effect::Reply {
            to: id(P1),
            number: "n1".into(),
            reply,
            message_id: message.into(),
            at_ms,
        },
    ]
}

pub(crate) async fn the_same_bytes_change_nothing_but_wait_for_the_same_sends(place: Place) {
    let ledger = place.open().await;
    ledger.append(yes(&[P1], "marketing", NOON)).await.unwrap();
    let admitted = ledger.admit(template(P1, "offer", NOON + 1)).await.unwrap();
    let first = ledger
        .ingest(delivery("{1}", stop("wamid.1", NOON + 999)))
        .await
        .unwrap();
    assert!(!first.duplicate && first.replies_due);
    assert_eq!(first.flights.len(), 1);
    let again = ledger
        .ingest(delivery("{1}", stop("wamid.1", NOON + 999)))
        .await
        .unwrap();
    assert!(again.duplicate && !again.replies_due);
    assert_eq!(again.flights.len(), 1);
    drop(admitted);
    assert!(again.flights[0].is_over());
    assert_eq!(ledger.export(ACME, None, 10).await.unwrap().len(), 2);
    assert_eq!(
        ledger
            .relay_due(NOON, Lane::Inbound, 10)
            .await
            .unwrap()
            .len(),
        2
    );
    assert_clean(&ledger).await;
}

pub(crate) async fn a_reply_is_handed_out_once_whatever_happens(place: Place) {
    let ledger = place.open().await;
    ledger
        .ingest(delivery("{1}", stop("wamid.1", NOON + 999)))
        .await
        .unwrap();
    // The same stop in other bytes owes nothing more.
    let other = ledger
        .ingest(delivery("{2}", stop("wamid.1", NOON + 999)))
        .await
        .unwrap();
    assert!(!other.duplicate && !other.replies_due);
    let due = ledger.replies_due(10).await.unwrap();
    assert_eq!(due.len(), 1);
    assert_eq!(
        due[0].confirms,
        Some(ledger.export(ACME, None, 1).await.unwrap()[0].id)
    );
    assert_eq!((&due[0].to, &*due[0].number), (&id(P1), "n1"));
    assert!(ledger.replies_due(10).await.unwrap().is_empty());
    let over = ReplyEnd::Over(None);
    ledger.reply_done(due[0].claim, over).await.unwrap();
    let ledger = place.reopen(ledger).await;
    assert!(ledger.replies_due(10).await.unwrap().is_empty());
    let unknown = ReplyClaim { id: 999, hand: 0 };
    assert!(ledger.reply_done(unknown, over).await.is_err());
}

pub(crate) async fn a_reply_is_decided_about_only_in_the_hand_it_is_in(place: Place) {
    let mut ledger = place.open().await;
    let deliver = async |ledger: &Ledger, n: i64| {
        let message = format!("wamid.{n}");
        let owed = Effect::Reply {
            to: id(P1),
            number: "n1".into(),
            reply: OwnReply::StopConfirmed {
                language: "en".into(),
                reach: "bare".into(),
            },
            message_id: message.as_str().into(),
            at_ms: NOON,
        };
        let effects = vec![wrote(&[P1], &message, NOON), owed];
        ledger.ingest(delivery(&message, effects)).await.unwrap();
        let due = ledger.replies_due(10).await.unwrap();
        assert_eq!(due.len(), 1);
        due[0].claim
    };
    let confirm = |reply: ReplyClaim| {
        let mut ask = text(P1, NOON + 1);
        ask.reply = Some(reply);
        ask
    };
    let claim = deliver(&ledger, 1).await;
    // What is in no such hand is not decided about at all.
    for wrong in [
        ReplyClaim { id: 999, ..claim },
        ReplyClaim {
            id: claim.id + 1,
            ..claim
        },
    ] {
        let refused = ledger.admit(confirm(wrong)).await;
        assert!(
            matches!(refused, Err(LedgerError::Conflict(_))),
            "{wrong:?}"
        );
    }
    assert!(ledger.decisions(None, None, 9).await.unwrap().is_empty());
    // Decided and not sent, it may be decided again by the same hand; and nobody else's it is meanwhile.
    for _ in 0..2 {
        ledger.admit(confirm(claim)).await.unwrap();
        let not_sent = ReplyEnd::NotSent;
        ledger.reply_done(claim, not_sent).await.unwrap();
        assert!(ledger.replies_due(10).await.unwrap().is_empty());
    }
    assert_eq!(ledger.decisions(None, None, 9).await.unwrap().len(), 2);
    if !matches!(place, Place::Memory(_)) {
        // The process is gone: what was not sent is due again, and the old hand is worth nothing.
        ledger = place.reopen(ledger).await;
        let due = ledger.replies_due(10).await.unwrap();
        assert_eq!((due.len(), due[0].claim.id), (1, claim.id));
        ledger.admit(confirm(due[0].claim)).await.unwrap();
        // What was decided may have gone out: it is due no more.
        ledger = place.reopen(ledger).await;
        assert!(ledger.replies_due(10).await.unwrap().is_empty());
        let again = ledger.reply_done(due[0].claim, ReplyEnd::Over(None));
        again.await.unwrap();
    } else {
        let over = ledger.reply_done(claim, ReplyEnd::Over(None));
        over.await.unwrap();
    }
    let refused = ledger.admit(confirm(claim)).await;
    assert!(matches!(refused, Err(LedgerError::Conflict(_))));
    let late = ledger.reply_done(claim, ReplyEnd::NotSent).await;
    assert!(matches!(late, Err(LedgerError::NotFound(_))));
    assert_clean(&ledger).await;
}

pub(crate) async fn a_delivery_goes_to_each_app_byte_for_byte_until_it_is_taken(place: Place) {
    let ledger = place.open().await;
    ledger
        .ingest(delivery("{\"a\": \u{1} }", vec![]))
        .await
        .unwrap();
    assert!(
        ledger
            .relay_due(NOON - 1, Lane::Inbound, 10)
            .await
            .unwrap()
            .is_empty()
    );
    assert!(
        ledger
            .relay_due(NOON, Lane::Status, 10)
            .await
            .unwrap()
            .is_empty()
    );
    let due = ledger.relay_due(NOON, Lane::Inbound, 10).await.unwrap();
    assert_eq!(due.len(), 2);
    assert_eq!(&*due[0].body, "{\"a\": \u{1} }".as_bytes());
    assert_eq!(due[0].headers, delivery("", vec![]).headers);
    // Claimed.
    assert!(
        ledger
            .relay_due(NOON, Lane::Inbound, 10)
            .await
            .unwrap()
            .is_empty()
    );
    let done = |at: usize, result| RelayDone {
        inbox_seq: due[at].inbox_seq,
        app: due[at].app.clone(),
        business: ACME,
        result,
    };
    ledger
        .relay_done(vec![
            done(0, RelayResult::Delivered),
            done(1, RelayResult::RetryAt(NOON + 50)),
        ])
        .await
        .unwrap();
    assert!(
        ledger
            .relay_due(NOON + 49, Lane::Inbound, 10)
            .await
            .unwrap()
            .is_empty()
    );
    let again = ledger
        .relay_due(NOON + 50, Lane::Inbound, 10)
        .await
        .unwrap();
    assert_eq!((again.len(), again[0].attempts), (1, 1));
    ledger
        .relay_done(vec![done(1, RelayResult::Parked)])
        .await
        .unwrap();
    assert_eq!(ledger.counts(ACME, NOON).await.unwrap().relay_parked, 1);
    // What an app may still want is not pruned.
    assert_eq!(ledger.inbox_prune(NOON + 1).await.unwrap(), 0);
    assert_eq!(
        ledger
            .relay_replay(ACME, Some("crm"), NOON + 60)
            .await
            .unwrap(),
        u64::from(&*due[1].app == "crm")
    );
    ledger.relay_replay(ACME, None, NOON + 60).await.unwrap();
    assert_eq!(
        ledger
            .relay_due(NOON + 60, Lane::Inbound, 10)
            .await
            .unwrap()
            .len(),
        1
    );
    ledger
        .relay_done(vec![done(1, RelayResult::Delivered)])
        .await
        .unwrap();
    assert_eq!(ledger.inbox_prune(NOON + 1).await.unwrap(), 1);
    assert!(
        ledger
            .ingest(delivery("{\"a\": \u{1} }", vec![]))
            .await
            .unwrap()
            .duplicate
    );
    assert_clean(&ledger).await;
}

pub(crate) async fn older_news_never_overwrites_newer(place: Place) {
    let ledger = place.open().await;
    ledger.append(yes(&[P1], "marketing", NOON)).await.unwrap();
    let status = |status: &str, at_ms| Effect::Template {
        waba_id: "w1".into(),
        name: "offer".into(),
        language: "en".into(),
        template_id: None,
        category: None,
        status: Some(status.into()),
        is_ask: None,
        quality: None,
        at_ms,
    };
    ledger
        .learn(ACME, vec![status("PAUSED", NOON + 5)])
        .await
        .unwrap();
    // The list is older but names the category, which nobody had said.
    ledger.learn(ACME, listed(NOON)).await.unwrap();
    assert_eq!(
        first_rule(&offer(&ledger, P1, NOON + 9).await),
        Rule::TemplatePaused
    );
    ledger
        .learn(ACME, vec![status("APPROVED", NOON + 6)])
        .await
        .unwrap();
    assert!(allows(&offer(&ledger, P1, NOON + 9).await));
    assert_eq!(ledger.templates(ACME, Some("w1")).await.unwrap().len(), 2);

    let banned = |ban, at_ms| Effect::Banned {
        waba_id: "w1".into(),
        ban,
        at_ms,
    };
    ledger
        .learn(
            ACME,
            vec![banned(Ban::Disabled, NOON + 5), banned(Ban::None, NOON)],
        )
        .await
        .unwrap();
    assert_eq!(
        first_rule(&offer(&ledger, P1, NOON + 9).await),
        Rule::NumberBanned
    );
    ledger
        .learn(ACME, vec![banned(Ban::None, NOON + 6)])
        .await
        .unwrap();

    let restricted = |until_ms, at_ms| Effect::Restricted {
        waba_id: "w1".into(),
        restrictions: vec![(
            RestrictionKind::BusinessInitiated,
            "RESTRICTED_BIZ_INITIATED_MESSAGING".into(),
            until_ms,
        )],
        at_ms,
    };
    ledger
        .learn(
            ACME,
            vec![
                restricted(Some(NOON + 99), NOON + 5),
                restricted(Some(NOON), NOON),
            ],
        )
        .await
        .unwrap();
    assert_eq!(
        first_rule(&offer(&ledger, P1, NOON + 9).await),
        Rule::NumberRestricted
    );
    // Its end has passed, and nothing read since says that it is over.
    assert_eq!(
        first_rule(&offer(&ledger, P1, NOON + 99).await),
        Rule::NumberUnread
    );
    let available = Effect::Health {
        number: "n1".into(),
        news: HealthNews::Read(Health {
            overall: Sending::Available,
            entities: Vec::new(),
        }),
        at_ms: NOON + 100,
    };
    ledger.learn(ACME, vec![available]).await.unwrap();
    assert!(allows(&offer(&ledger, P1, NOON + 101).await));

    let number = |status: &str, at_ms| Effect::Number {
        number: "n1".into(),
        status: Some(status.into()),
        rating: None,
        at_ms,
    };
    ledger
        .learn(
            ACME,
            vec![number("BANNED", NOON + 5), number("CONNECTED", NOON)],
        )
        .await
        .unwrap();
    let ledger = place.reopen(ledger).await;
    assert_eq!(
        first_rule(&offer(&ledger, P1, NOON + 9).await),
        Rule::NumberBanned
    );
    assert_eq!(
        ledger.numbers(ACME).await.unwrap()[0].status.as_deref(),
        Some("BANNED")
    );
    let known = ledger.number_known(ACME, "n1", "w1").await.unwrap();
    assert_eq!(
        (known.status.as_deref(), known.at_ms),
        (Some("BANNED"), Some(NOON + 5))
    );
    assert_eq!((known.ban, known.ban_at_ms), (Ban::None, Some(NOON + 6)));
    let named = "RESTRICTED_BIZ_INITIATED_MESSAGING".into();
    assert_eq!(known.restrictions, [(named, Some(NOON + 99), NOON + 5)]);
    assert_eq!(known.available_ms, Some(NOON + 100));
    let nothing = ledger.number_known(ACME, "n9", "w9").await.unwrap();
    assert_eq!(nothing, NumberKnown::default());
    // Many at once, in the order asked, and each as by itself; of somebody else's number nothing is known.
    let asked = |business, number: &str, waba_id: &str| NumberAsked {
        business,
        number: number.into(),
        waba_id: waba_id.into(),
    };
    let mut many = vec![asked(ACME, "n9", "w1"), asked(BOND, "n1", "w1")];
    many.extend((0..2_500).map(|n| asked(ACME, &format!("x{n}"), "w9")));
    many.push(asked(ACME, "n1", "w1"));
    let found = ledger.numbers_known(many).await.unwrap();
    assert_eq!(found.len(), 2_503);
    assert_eq!(found.last(), Some(&known));
    assert_eq!(found[0].restrictions, known.restrictions);
    assert_eq!(found[0].status, None);
    assert!(found[1..2_502].iter().all(|one| *one == nothing));
}

pub(crate) async fn a_rating_is_kept_with_its_age(place: Place) {
    let ledger = place.open().await;
    cover(&ledger).await;
    let number = |status: Option<&str>, rating: Option<&str>, at_ms| Effect::Number {
        number: "n1".into(),
        status: status.map(Into::into),
        rating: rating.map(Into::into),
        at_ms,
    };
    let score = |quality: &str, at_ms| Effect::Template {
        waba_id: "w1".into(),
        name: "offer".into(),
        language: "en".into(),
        template_id: None,
        category: None,
        status: None,
        is_ask: None,
        quality: Some(quality.into()),
        at_ms,
    };
    let guarded = async |ledger: &Ledger, ago_ms: i64| {
        let mut ask = template(P1, "offer", NOON + 60 * SECOND);
        ask.rules.quality_guard = QualityGuard::at(Score::Red, ago_ms);
        ledger.preview(ask).await.unwrap()
    };
    let says = |record: &DecisionRecord, rule: Rule| {
        record
            .decision
            .reasons
            .iter()
            .any(|reason| reason.rule == rule)
    };
    let unread = guarded(&ledger, 60 * SECOND).await;
    assert!(allows(&unread.decision) && says(&unread, Rule::GuardQualityBlind));
    ledger
        .learn(
            ACME,
            vec![
                number(Some("CONNECTED"), Some("RED"), NOON + 5 * SECOND),
                score("RED", NOON + 5 * SECOND),
            ],
        )
        .await
        .unwrap();
    // News of the status alone makes the rating no younger, and older news replaces nothing.
    ledger
        .learn(
            ACME,
            vec![
                number(Some("CONNECTED"), None, NOON + 50 * SECOND),
                number(None, Some("GREEN"), NOON),
                score("GREEN", NOON),
            ],
        )
        .await
        .unwrap();
    let is_kept = async |ledger: &Ledger| {
        let stopped = guarded(ledger, 55 * SECOND).await;
        assert_eq!(first_rule(&stopped.decision), Rule::GuardQuality);
        assert!(says(&stopped, Rule::TemplateLowQuality));
        assert_eq!(stopped.again(decide), stopped.decision);
        let blind = guarded(ledger, 55 * SECOND - 1).await;
        assert!(allows(&blind.decision) && says(&blind, Rule::GuardQualityBlind));
        let listed = ledger.templates(ACME, Some("w1")).await.unwrap();
        let offer = listed.iter().find(|one| &*one.name == "offer").unwrap();
        assert_eq!(offer.quality.as_deref(), Some("RED"));
    };
    is_kept(&ledger).await;
    is_kept(&place.reopen(ledger).await).await;
}

pub(crate) async fn the_timeline_is_paged_and_narrowed(place: Place) {
    let ledger = place.open().await;
    let entry = |subject_id: &str, event: &str| Effect::Timeline {
        subject: "number",
        subject_id: subject_id.into(),
        origin: "account_update".into(),
        event: event.into(),
        at_ms: NOON,
        body: "{}".into(),
    };
    ledger
        .learn(
            ACME,
            vec![entry("n1", "A"), entry("n2", "B"), entry("n1", "C")],
        )
        .await
        .unwrap();
    let all = ledger.timeline(ACME, None, None, 2).await.unwrap();
    assert_eq!(
        all.iter().map(|entry| &*entry.event).collect::<Vec<_>>(),
        ["C", "B"]
    );
    let rest = ledger
        .timeline(ACME, None, Some(all[1].seq), 9)
        .await
        .unwrap();
    assert_eq!(rest.len(), 1);
    assert_eq!(
        ledger
            .timeline(ACME, Some(("number", "n1")), None, 9)
            .await
            .unwrap()
            .len(),
        2
    );
}

pub(crate) async fn an_old_message_opens_no_window(place: Place) {
    let ledger = place.open().await;
    let day = 24 * 60 * 60 * SECOND;
    ledger
        .learn(ACME, vec![wrote(&[P1], "wamid.1", NOON)])
        .await
        .unwrap();
    assert!(allows(
        &ledger
            .preview(text(P1, NOON + day - 1))
            .await
            .unwrap()
            .decision
    ));
    ledger
        .learn(ACME, vec![wrote(&[P1], "wamid.0", NOON - day)])
        .await
        .unwrap();
    assert!(allows(
        &ledger
            .preview(text(P1, NOON + day - 1))
            .await
            .unwrap()
            .decision
    ));
    assert_eq!(
        first_rule(&ledger.preview(text(P1, NOON + day)).await.unwrap().decision),
        Rule::WindowClosed
    );
    let view = ledger.person(ACME, &id(P1)).await.unwrap().unwrap();
    assert_eq!(view.windows, [("n1".into(), NOON, None)]);
    assert_eq!(
        ledger.numbers(ACME).await.unwrap()[0].last_inbound_ms,
        Some(NOON)
    );
}

pub(crate) async fn what_was_handed_out_comes_back_if_nobody_says_how_it_ended(place: Place) {
    let ledger = place.open().await;
    ledger.ingest(delivery("{1}", vec![])).await.unwrap();
    let due = |now_ms| ledger.relay_due(now_ms, Lane::Inbound, 1);
    let (first, second) = (due(NOON).await.unwrap(), due(NOON).await.unwrap());
    assert_ne!(first[0].app, second[0].app);
    let claimed_ms = 10 * 60 * SECOND;
    assert_eq!(due(NOON + claimed_ms - 1).await.unwrap(), []);
    assert_eq!(due(NOON + claimed_ms).await.unwrap(), first);
}

pub(crate) async fn a_free_entry_point_lasts_as_long_as_the_longest(place: Place) {
    let ledger = place.open().await;
    let from_ad = |message: &str, until_ms| {
        let mut effect = wrote(&[P1], message, NOON);
        if let Effect::Wrote { free_until_ms, .. } = &mut effect {
            *free_until_ms = until_ms;
        }
        effect
    };
    let effects = vec![
        from_ad("wamid.1", Some(NOON + 9)),
        from_ad("wamid.2", Some(NOON + 5)),
        from_ad("wamid.3", None),
    ];
    ledger.learn(ACME, effects).await.unwrap();
    let view = ledger.person(ACME, &id(P1)).await.unwrap().unwrap();
    assert_eq!(view.windows, [("n1".into(), NOON, Some(NOON + 9))]);
}
