//! What is written is JSON, and what is read is what was written.

use greenline_policy::avenue::OnlyNotifications;
use greenline_policy::consent::{EventId, Head, Standing, Strength};
use greenline_policy::country::{Country, Place};
use greenline_policy::decide::{
    Decision, Intent, NumberFacts, PersonFacts, Reason, Rules, TemplateFacts, TemplateStatus,
    Verdict,
};
use greenline_policy::health::Cause;
use greenline_policy::hold::Hold;
use greenline_policy::identity::{Identifier, Phone, UserId};
use greenline_policy::lasting::YesLasts;
use greenline_policy::number::{Ban, NumberStatus, Restriction, RestrictionKind};
use greenline_policy::own::{OwnReason, OwnRule};
use greenline_policy::pace::Pace;
use greenline_policy::quality::{QualityGuard, Rated, Score};
use greenline_policy::quiet::Quiet;
use greenline_policy::reach::{MessagingLimit, PortfolioFacts};
use greenline_policy::rule::Rule;
use greenline_policy::scope::{Categories, Category, Scope};

use super::Json;
use crate::codec::{decode_head, decode_record, encode_head, encode_record};
use crate::state::facts::{Addressee, Judged};
use crate::types::{Ask, BusinessIx, DecisionId, Mode, PersonId, PersonShard, TemplateRef};

const EVENT: EventId = EventId(u64::MAX >> 1);

fn standings() -> [Standing; 6] {
    [
        Standing::Unknown,
        Standing::Refused {
            event: EVENT,
            at_ms: -5,
        },
        Standing::Covered {
            event: EventId(0),
            at_ms: i64::MAX,
            strength: Strength::Evidenced,
        },
        Standing::Claimed { event: EVENT },
        Standing::Unconfirmed { event: EVENT },
        Standing::Expired { event: EVENT },
    ]
}

#[test]
fn heads_come_back() {
    let [unknown, refused, covered, claimed, unconfirmed, expired] = standings();
    let topic = |name: &str| Scope::Topic(Category::Marketing, name.into());
    let mut heads: Vec<Head> = standings()
        .map(|standing| Head {
            base: [standing; 5],
            ..Head::default()
        })
        .into();
    heads.push(Head {
        base: [refused, covered, claimed, unconfirmed, expired],
        topics: vec![(topic("a-b_c"), covered), (topic("d"), unknown)],
        native_stop: Some((EVENT, 1)),
        freeform_closed: Some((EventId(2), -2)),
    });
    for head in heads {
        let text = encode_head(&head).unwrap();
        assert_eq!(decode_head(&text).unwrap(), head, "{text}");
    }
}

#[test]
fn any_text_is_written_as_json() {
    for text in [
        "",
        "plain",
        "a\"b\\c",
        "tab\tend\n\u{1}",
        "ä€😀\u{7f}\u{2028}",
    ] {
        let mut written = Vec::new();
        Json(&mut written).text(text);
        assert_eq!(written, serde_json::to_vec(text).unwrap());
    }
}

fn ask(text: &str, full: bool) -> Ask {
    Ask {
        business: BusinessIx(0),
        number: text.into(),
        waba_id: "1".into(),
        app: text.into(),
        to: [
            Identifier::Phone(Phone::from_digits(15_550_000_001).unwrap()),
            Identifier::User(UserId::parse("US.abc123").unwrap()),
        ]
        .into_iter()
        .take(1 + usize::from(full))
        .collect(),
        intent: if full {
            Intent::Template
        } else {
            Intent::FreeForm
        },
        template: full.then(|| TemplateRef {
            waba_id: "1".into(),
            name: text.into(),
            language: text.into(),
            topic: None,
            marked_ask: false,
            own: None,
        }),
        body_hash: *b"\x00\x01\x7f\x80\xff0123456789\xab",
        rules: Rules {
            window_templates_are_replies: full,
            only_notifications: OnlyNotifications::from_bits(if full { 5 } else { 0 }),
            yes_lasts: YesLasts::from_days(if full { [365, 0, 0, 3_650] } else { [0; 4] }),
            portfolio_limit: full.then_some(250),
            hold: Hold::from_parts(if full { (5, -9) } else { (0, 0) }),
            quality_guard: if full {
                QualityGuard::at(Score::Yellow, 86_400_000)
            } else {
                QualityGuard::OFF
            },
        },
        mode: if full { Mode::Observe } else { Mode::Enforce },
        now_ms: 7,
        dispatch_by: tokio::time::Instant::now().into_std(),
        confirms: full.then_some(EVENT),
        places: Default::default(),
        caps: Default::default(),
        paced: false,
        reply: None,
        keep: None,
        release: None,
    }
}

fn number(full: bool) -> NumberFacts {
    if !full {
        return NumberFacts::default();
    }
    NumberFacts {
        status: NumberStatus::Restricted,
        ban: Ban::Scheduled,
        locked: true,
        restrictions: [
            (RestrictionKind::Calling, Some(3)),
            (RestrictionKind::Other, None),
        ]
        .map(|(kind, until_ms)| Restriction { kind, until_ms })
        .into_iter()
        .collect(),
        rating: Some(Rated {
            score: Score::Unrated,
            read_ms: -8,
        }),
        spam_limited_ms: Some(-9),
        watched: true,
        health: vec![Cause::LockSuspected, Cause::Payment],
    }
}

fn portfolio(full: bool) -> PortfolioFacts {
    let facts = PortfolioFacts {
        limit: Some(MessagingLimit::Unlimited),
        reached: u32::MAX,
        frees_at_ms: Some(-6),
    };
    if full {
        facts
    } else {
        PortfolioFacts::default()
    }
}

fn place(full: bool) -> Place {
    if !full {
        return Place::default();
    }
    Place {
        country: Country::US,
        closed: Categories::from_bits(5),
        quiet: Quiet::from_ends_ms([1, i64::MIN, i64::MAX, -2]),
    }
}

fn own(text: &str) -> OwnRule {
    OwnRule {
        name: text.into(),
        text: text.into(),
        scopes: vec![Scope::All, Scope::Topic(Category::Marketing, "news".into())],
        countries: vec![Country::US],
        weak_consent: true,
        from_ms: Some(-3),
        until_ms: None,
    }
}

/// Writes and reads a decision about this, and compares what was read.
fn goes_round(text: &str, full: bool) {
    let (ask, number) = (ask(text, full), number(full));
    let head = Head {
        base: [standings()[2]; 5],
        ..Head::default()
    };
    let found: Vec<Addressee> = (0..)
        .zip(&ask.to)
        .map(|(n, identifier)| {
            let (canonical, spelling) = identifier.canonical();
            Addressee {
                canonical,
                spelling,
                slot: None,
                person: full.then_some(PersonId(n)),
            }
        })
        .collect();
    let nothing = Head::default();
    let people: Vec<PersonFacts<'_>> = found
        .iter()
        .map(|_| PersonFacts {
            head: if full { &head } else { &nothing },
            wrote_at_ms: full.then_some(-1),
            call_permission_until_ms: full.then_some(2),
            unsettled_until_ms: full.then_some(3),
            place: place(full),
            reached_at_ms: full.then_some(4),
            pace: Pace {
                capped_until_ms: full.then_some(4),
                limited_until_ms: full.then_some(-5),
                paired_until_ms: full.then_some(6),
            },
        })
        .collect();
    let template = full.then(|| TemplateFacts {
        known: true,
        category: Category::Marketing,
        topic: Some(Scope::Topic(Category::Marketing, "news".into())),
        status: TemplateStatus::Paused,
        is_ask: true,
        quality: Some(Score::Red),
        own: Some([own(text)].into()),
    });
    let decision = Decision {
        verdict: if full {
            Verdict::Refuse
        } else {
            Verdict::Allow
        },
        reasons: Rule::ALL
            .iter()
            .filter(|_| full)
            .map(|rule| Reason {
                rule: *rule,
                event: Some(EVENT),
                until_ms: None,
            })
            .collect(),
        own: if full {
            vec![OwnReason {
                name: text.into(),
                text: text.into(),
            }]
        } else {
            Vec::new()
        },
    };
    let mut written = Vec::new();
    encode_record(
        &Judged {
            ask: &ask,
            people: &people,
            found: &found,
            template: template.as_ref(),
            number: &number,
            portfolio: portfolio(full),
            decision: &decision,
        },
        &mut written,
    )
    .unwrap();
    let id = DecisionId {
        shard: PersonShard(0),
        seq: 9,
    };
    let written = String::from_utf8(written).unwrap();
    let read = decode_record(id, "acme", ask.now_ms, &written).unwrap();
    assert_eq!((&*read.number, &*read.app), (text, text), "{written}");
    assert_eq!((read.intent, read.rules), (ask.intent, ask.rules));
    assert_eq!(
        read.template,
        ask.template.map(|asked| (asked.name, asked.language))
    );
    assert_eq!((read.template_facts, read.number_facts), (template, number));
    assert_eq!(read.portfolio, portfolio(full));
    assert_eq!(
        (read.observed, read.confirms, read.body_hash),
        (full, ask.confirms, ask.body_hash)
    );
    assert_eq!(read.decision, decision);
    assert_eq!(read.people.len(), ask.to.len());
    for (n, person) in read.people.iter().enumerate() {
        assert_eq!(person.identifier, ask.to[n]);
        assert_eq!(person.person, found[n].person);
        assert_eq!(&person.head, people[n].head);
        assert_eq!(person.wrote_at_ms, people[n].wrote_at_ms);
        assert_eq!(
            person.call_permission_until_ms,
            people[n].call_permission_until_ms
        );
        assert_eq!(person.unsettled_until_ms, people[n].unsettled_until_ms);
        assert_eq!(person.place, people[n].place);
        assert_eq!(person.pace, people[n].pace);
        assert_eq!(person.reached_at_ms, people[n].reached_at_ms);
    }
}

#[test]
fn records_come_back() {
    for text in ["301500000000001", "a \"quoted\" name\n", "ä"] {
        goes_round(text, true);
        goes_round(text, false);
    }
}
