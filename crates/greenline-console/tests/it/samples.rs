//! Filled views: a business with a bit of everything, including what tries to break out of its place.

#[path = "samples/alerts.rs"]
pub(crate) mod alerts;
#[path = "samples/number.rs"]
pub(crate) mod number;

use greenline_console::docs::{Answer, DocsPage, Endpoint, Field, Group, ProblemKind};
use greenline_console::guide::{ArticlePage, GuidePage, RulePage};
use greenline_console::words::{number_status, rating};
use greenline_console::{
    Addressee, Alarm, AttemptRow, Business, Counts, DecisionPage, DecisionRow, Frame, HistoryRow,
    MessagePage, NextStepView, NumberRow, PeoplePage, PersonPage, ReasonView, Replay, StandingRow,
    StatusPage, StopRow, SubscriptionEndPage, SubscriptionPage, SubscriptionSecretPage,
    SubscriptionState, SubscriptionView, SubscriptionsPage, When, WindowRow,
};
use greenline_guide::Guide;
use greenline_policy::consent::{EventId, EventKind, Standing, Strength};
use greenline_policy::decide::{Intent, Verdict};
use greenline_policy::rule::{Rule, Severity};

/// 25 November 2026, 14:03:07 UTC.
const NOW_MS: i64 = 1_795_615_387_000;
const MINUTE_MS: i64 = 60_000;

fn ago(minutes: i64) -> When {
    When::new(NOW_MS - minutes * MINUTE_MS, NOW_MS)
}

fn acme() -> Business {
    Business {
        id: "acme".to_owned(),
        name: "Acme & Søns".to_owned(),
    }
}

pub(crate) fn frame() -> Frame {
    let globex = Business {
        id: "globex".to_owned(),
        name: "Globex".to_owned(),
    };
    Frame {
        who: "ada".to_owned(),
        business: Some(acme()),
        businesses: vec![acme(), globex],
        manages: true,
        made: When::dated(NOW_MS),
    }
}

fn decision(id: u8, minutes: i64, rule: Rule, template: Option<&str>) -> DecisionRow {
    let refused = rule.card().severity != Severity::Note;
    DecisionRow {
        id: format!("dec_0001{id:016x}"),
        at: ago(minutes),
        to: format!("+155•••{id:02}"),
        intent: if template.is_some() {
            Intent::Template
        } else {
            Intent::FreeForm
        },
        template: template.map(str::to_owned),
        app: "bot".to_owned(),
        verdict: if refused {
            Verdict::Refuse
        } else {
            Verdict::Allow
        },
        observed: false,
        reason: rule.card().text.to_owned(),
    }
}

pub(crate) fn status(observed: bool) -> StatusPage {
    let number = |display: &str, id: &str, status, quality, inbound| NumberRow {
        display: display.to_owned(),
        id: id.to_owned(),
        status: number_status(status).into(),
        rating: rating(quality).into(),
        read: status.map(|_| ago(3)),
        last_inbound: inbound,
    };
    let mut decisions = vec![
        decision(1, 1, Rule::Covered, Some("spring_offer")),
        decision(2, 2, Rule::OptedOut, Some("spring_offer")),
        decision(3, 4, Rule::WindowOpen, None),
        decision(
            4,
            9,
            Rule::ConsentMissing,
            Some("order_update_with_a_long_name_that_must_wrap_somewhere"),
        ),
        decision(5, 2_000, Rule::AskFirstContact, Some("do_you_want_news")),
    ];
    decisions.iter_mut().for_each(|row| row.observed = observed);
    let row = |rule: Rule, count| {
        (
            rule.card().text.to_owned(),
            rule.id().to_owned(),
            count,
            rule.card().severity != Severity::Note,
        )
    };
    StatusPage {
        frame: frame(),
        observed,
        shut: observed,
        untried: false,
        alarms: vec![
            Alarm {
                title: "A way out closed: stop word to a number.".to_owned(),
                text: "Nobody has written to a number for 7 days.".to_owned(),
                link: None,
                since: ago(90),
            },
            Alarm {
                title: "crm gets no events.".to_owned(),
                text: "The receiver answered 410 Gone. What happens meanwhile can be replayed once it is set going.".to_owned(),
                link: Some("/subscriptions/sub_5f0c9d0000000002?business=acme".to_owned()),
                since: ago(200),
            },
        ],
        counts: Counts {
            people: 12_408,
            allowed: 3_120,
            refused: 211,
            stops: 17,
            relay_waiting: 3,
            relay_parked: 2,
        },
        numbers: vec![
            number(
                "+1 555 010 0001",
                "106540352242922",
                Some("CONNECTED"),
                Some("GREEN"),
                Some(ago(1)),
            ),
            number(
                "+1 555 010 0002",
                "106540352242923",
                Some("RESTRICTED"),
                Some("RED"),
                Some(ago(5_000)),
            ),
            number("+1 555 010 0003", "106540352242924", None, None, None),
        ],
        by_reason: vec![
            row(Rule::Covered, 702),
            row(Rule::WindowOpen, 188),
            row(Rule::OptedOut, 61),
            row(Rule::ConsentMissing, 48),
            row(Rule::NativeStop, 1),
        ],
        looked_at: 1_000,
        older: Some("dec_00010000000000000005".to_owned()),
        decisions,
        stops: vec![
            StopRow {
                at: ago(2),
                who: "+155•••02".to_owned(),
                kind: EventKind::Withdrawn,
                scope: "marketing".to_owned(),
                method: "whatsapp thread".to_owned(),
            },
            StopRow {
                at: ago(3_000),
                who: "US.•••Zz".to_owned(),
                kind: EventKind::NativeStopped,
                scope: "marketing".to_owned(),
                method: "platform".to_owned(),
            },
        ],
        may_replay: true,
    }
}

pub(crate) fn empty_status() -> StatusPage {
    let only = acme();
    StatusPage {
        frame: Frame {
            businesses: vec![only],
            manages: false,
            ..frame()
        },
        observed: false,
        shut: false,
        untried: false,
        alarms: Vec::new(),
        counts: Counts::default(),
        numbers: Vec::new(),
        by_reason: Vec::new(),
        looked_at: 0,
        decisions: Vec::new(),
        older: None,
        stops: Vec::new(),
        may_replay: false,
    }
}

fn standings() -> Vec<StandingRow> {
    let event = EventId(7);
    let row = |scope: &str, standing: Standing, since: Option<When>| StandingRow {
        scope: scope.to_owned(),
        standing,
        switched_off: scope == "marketing.offers",
        since,
        event: Some("evt_0000000000000007".to_owned()),
    };
    let at_ms = NOW_MS - 2 * MINUTE_MS;
    vec![
        row(
            "marketing",
            Standing::Refused { event, at_ms },
            Some(ago(2)),
        ),
        row(
            "utility",
            Standing::Covered {
                event,
                at_ms,
                strength: Strength::Evidenced,
            },
            Some(ago(90_000)),
        ),
        row("authentication", Standing::Unknown, None),
        row("calls", Standing::Claimed { event }, None),
        row(
            "marketing.offers",
            Standing::Covered {
                event,
                at_ms,
                strength: Strength::Imported,
            },
            Some(ago(70_000)),
        ),
    ]
}

fn reason(rule: Rule) -> ReasonView {
    let card = rule.card();
    ReasonView {
        rule: card.id.to_owned(),
        text: card.text.to_owned(),
        sources: card
            .sources
            .iter()
            .map(|source| (*source).to_owned())
            .collect(),
        remedy: card.remedy.to_owned(),
        refuses: card.severity != Severity::Note,
        until: None,
        event: Some("evt_0000000000000007".to_owned()),
    }
}

pub(crate) fn decision_page() -> DecisionPage {
    DecisionPage {
        frame: frame(),
        row: decision(2, 2, Rule::OptedOut, Some("spring_offer")),
        number: "+1 555 010 0001".to_owned(),
        pack: "2026-11".to_owned(),
        reasons: vec![reason(Rule::OptedOut), reason(Rule::TemplateUnknown)],
        next_step: Some(NextStepView {
            text: Rule::OptedOut.card().remedy.to_owned(),
            until: None,
            then: vec!["template.paused".to_owned()],
        }),
        people: vec![Addressee {
            who: "+155•••02".to_owned(),
            link: Some("/decisions/dec_00010000000000000002/people/0".to_owned()),
            standings: standings(),
            native_stop: Some(ago(4_000)),
            freeform_closed: Some(ago(2)),
            wrote: Some(ago(3)),
        }],
        template_known: Some("marketing, sendable".to_owned()),
        number_known: "status CONNECTED, no restriction".to_owned(),
        outcome: "It did not go.".to_owned(),
        message_ids: Vec::new(),
        replay: Replay::Same,
    }
}

pub(crate) fn person() -> PersonPage {
    PersonPage {
        frame: frame(),
        who: "+155•••02".to_owned(),
        identifiers: vec![
            ("+155•••02".to_owned(), None),
            ("US.•••Zz".to_owned(), Some(ago(90))),
        ],
        revealed: false,
        reveal: Some((
            "/people".to_owned(),
            vec![("who".to_owned(), "+1 555 123 0002".to_owned())],
        )),
        standings: standings(),
        native_stop: None,
        freeform_closed: Some(ago(2)),
        windows: vec![WindowRow {
            number: "+1 555 010 0001".to_owned(),
            wrote: ago(3),
            until: ago(-1_437),
            open: true,
        }],
        history: vec![
            HistoryRow {
                id: "evt_0000000000000008".to_owned(),
                at: ago(2),
                recorded: None,
                kind: EventKind::Withdrawn,
                scope: "marketing".to_owned(),
                strength: None,
                identifier: "+155•••02".to_owned(),
                actor: "webhook".to_owned(),
                evidence: vec![
                    ("method".to_owned(), "whatsapp_thread".to_owned()),
                    (
                        "wording".to_owned(),
                        "STOP</dd><script>alert(1)</script>".to_owned(),
                    ),
                ],
            },
            HistoryRow {
                id: "evt_0000000000000007".to_owned(),
                at: ago(90_000),
                recorded: Some(ago(89_000)),
                kind: EventKind::Granted,
                scope: "utility".to_owned(),
                strength: Some("evidenced"),
                identifier: "+155•••02".to_owned(),
                actor: "ada".to_owned(),
                evidence: vec![
                    ("method".to_owned(), "website_form".to_owned()),
                    (
                        "wording".to_owned(),
                        "Yes, tell me about my order on WhatsApp".to_owned(),
                    ),
                    ("business name".to_owned(), "Acme & Søns".to_owned()),
                    (
                        "source".to_owned(),
                        "https://acme.example/checkout/a-long-address-that-has-to-wrap-on-a-phone"
                            .to_owned(),
                    ),
                ],
            },
        ],
    }
}

pub(crate) fn people() -> PeoplePage {
    PeoplePage {
        frame: frame(),
        problem: Some("Nobody of this business is known by that number or id.".to_owned()),
        may_export: true,
    }
}

fn subscription(number: u8, name: &str, state: SubscriptionState) -> SubscriptionView {
    let failed = "the receiver answered 503 Service Unavailable".to_owned();
    SubscriptionView {
        id: format!("sub_5f0c9d00000000{number:02}"),
        name: name.to_owned(),
        url: format!("https://events.acme.example/greenline/{number}"),
        types: vec!["consent.changed".to_owned(), "avenue.closed".to_owned()],
        imports: state != SubscriptionState::Paused,
        state,
        since: (state != SubscriptionState::Active).then(|| ago(200)),
        why: match state {
            SubscriptionState::Paused => Some("paused by <ada>".to_owned()),
            SubscriptionState::Disabled => Some("the receiver answered 410 Gone".to_owned()),
            _ => None,
        },
        taken: (number != 4).then(|| ago(i64::from(number) + 200)),
        failed: (state != SubscriptionState::Active).then(|| (ago(2), failed)),
        waiting: 1_000 / u64::from(number * number),
        is_more: number == 1,
    }
}

pub(crate) fn subscriptions() -> SubscriptionsPage {
    SubscriptionsPage {
        frame: frame(),
        done: Some("The subscription was ended.".to_owned()),
        rows: vec![
            subscription(1, "CRM", SubscriptionState::Failing),
            subscription(2, "", SubscriptionState::Active),
            subscription(3, "Data warehouse", SubscriptionState::Paused),
            subscription(4, "Shop & till", SubscriptionState::Disabled),
        ],
    }
}

pub(crate) fn no_subscriptions() -> SubscriptionsPage {
    SubscriptionsPage {
        done: None,
        rows: Vec::new(),
        ..subscriptions()
    }
}

pub(crate) fn subscription_page(state: SubscriptionState) -> SubscriptionPage {
    let attempt = |minutes, attempt, taken: bool, said: &str| AttemptRow {
        at: ago(minutes),
        kind: "consent.changed".to_owned(),
        id: format!("msg_5f0c9d00000000{minutes:02}"),
        attempt,
        said: said.to_owned(),
        taken,
        took_ms: 41,
    };
    let goes = state == SubscriptionState::Failing;
    SubscriptionPage {
        frame: frame(),
        view: subscription(1, "CRM", state),
        done: goes.then(|| "12 events are sent once more.".to_owned()),
        is_configured: false,
        made: ago(40_000),
        made_by: "ada".to_owned(),
        previous_secret: goes.then(|| ago(-90)),
        mark: "0011223344556677".to_owned(),
        may_own: true,
        replay_from: "2026-11-24T14:03:07".to_owned(),
        replay_next: goes.then(|| "2026-11-25T09:00:00Z/7".to_owned()),
        kept_days: 7,
        attempts: vec![
            attempt(2, 2, false, "the receiver answered 503 Service Unavailable"),
            attempt(7, 1, false, "it could not be connected to: <no route>"),
            attempt(201, 1, true, "200"),
        ],
    }
}

pub(crate) fn subscription_end() -> SubscriptionEndPage {
    SubscriptionEndPage {
        frame: frame(),
        view: subscription(1, "CRM", SubscriptionState::Paused),
    }
}

pub(crate) fn subscription_secret() -> SubscriptionSecretPage {
    SubscriptionSecretPage {
        frame: frame(),
        view: subscription(1, "CRM", SubscriptionState::Active),
        secret: format!("whsec_{}", "c2FtcGxlIG9ubHkh".repeat(2)),
        previous: Some(ago(-24 * 60)),
    }
}

pub(crate) fn message() -> MessagePage {
    MessagePage {
        frame: frame(),
        title: "Not found".to_owned(),
        text: "there is no such decision".to_owned(),
    }
}

pub(crate) fn docs() -> DocsPage {
    let field = |name: &str, required, text: &str| Field {
        name: name.to_owned(),
        kind: "text".to_owned(),
        required,
        text: text.to_owned(),
    };
    DocsPage {
        frame: Frame {
            business: None,
            ..frame()
        },
        intro: vec!["What a business's own software and people use.".to_owned()],
        version: "0.1.0".to_owned(),
        groups: vec![Group {
            name: "Consent".to_owned(),
            endpoints: vec![Endpoint {
                method: "POST".to_owned(),
                path: "/v1/consents".to_owned(),
                anchor: "post-v1-consents".to_owned(),
                summary: "Record what a person said.".to_owned(),
                text: vec!["Answered once the event is on disk.".to_owned()],
                parameters: vec![field("Idempotency-Key", false, "Recorded once.")],
                body: vec![
                    field("scope", true, "What it is for."),
                    field("evidence.method", false, "How."),
                ],
                example: Some("{\n  \"business\": \"acme\"\n}".to_owned()),
                answers: vec![Answer {
                    status: "201".to_owned(),
                    text: "Recorded".to_owned(),
                    fields: vec![field("id", true, "Its id.")],
                }],
            }],
        }],
        problems: vec![ProblemKind {
            id: "not-found".to_owned(),
            status: 404,
            title: "Not found".to_owned(),
            text: "There is no such thing.".to_owned(),
        }],
    }
}

pub(crate) fn guide(question: &str) -> GuidePage {
    GuidePage {
        frame: frame(),
        guide: Guide::this(),
        question: question.to_owned(),
        found: Guide::this().find(question).unwrap(),
    }
}

pub(crate) fn article() -> ArticlePage {
    let guide = Guide::this();
    ArticlePage {
        frame: frame(),
        guide,
        article: guide.article("flagged-number").unwrap(),
    }
}

pub(crate) fn rule() -> RulePage {
    RulePage {
        frame: frame(),
        guide: Guide::this(),
        rule: Rule::AskOnlyWayOut,
        code: Some(131_050),
    }
}
