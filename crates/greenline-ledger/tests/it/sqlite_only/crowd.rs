//! What is kept of everybody for the next list: used as long as it holds, and never longer.

use std::path::Path;

use greenline_ledger::Ledger;
use greenline_ledger::crowd::{AHEAD_MS, Found};
use greenline_ledger::erasure::ErasureKey;
use greenline_policy::consent::{EventKind, Head};
use greenline_policy::decide::Decision;
use greenline_policy::identity::{Identifier, Phone};
use greenline_policy::lasting::YesLasts;
use greenline_policy::rule::Rule;

use crate::support::*;

const PEOPLE: u64 = 64;

fn number(person: u64) -> String {
    (15_551_230_000 + person).to_string()
}

/// What is found of somebody, and what is decided about an offer to them.
fn asked(ledger: &Ledger, to: &str) -> (Found, Decision) {
    let mut ask = template(to, "offer", NOON + 60 * SECOND);
    ask.body_hash = [0xee; 16];
    let (mut view, crowd) = ledger.crowd(&ask, ask.now_ms).unwrap().unwrap();
    let phone = Phone::parse(to).unwrap();
    let found = crowd.find(phone.canonical()).1;
    let decision = match found {
        Found::Alone => view.judge(&ask),
        Found::Nobody => view.judge_class(&ask, &Head::default()),
        Found::Class(class) => view.judge_class(&ask, crowd.head(class).unwrap()),
    };
    (found, decision.unwrap())
}

fn is_class(found: Found) -> bool {
    matches!(found, Found::Class(_))
}

#[tokio::test]
async fn what_is_kept_is_used_as_long_as_it_holds() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("ledger.db");
    let kept = place.path().join("ledger.db-crowd");
    let ledger = Ledger::open_sqlite(&path, setup()).unwrap();
    ledger.use_erasure_keys(vec![ErasureKey {
        id: "00000001".into(),
        secret: [1; 32],
    }]);
    ledger.learn(ACME, listed(NOON)).await.unwrap();
    for person in 0..PEOPLE {
        let opt_in = yes(&[&number(person)], "marketing", NOON);
        ledger.append(opt_in).await.unwrap();
    }
    // Read by another, who may only read.
    let reader = Ledger::open_reader(&path, setup()).unwrap();
    let (found, decision) = asked(&reader, &number(1));
    assert!(is_class(found) && allows(&decision), "{decision:?}");
    assert_eq!(asked(&reader, &number(PEOPLE)).0, Found::Nobody);
    let made = bytes(&kept);

    // A stop since counts at once, and what is kept is not made anew for it.
    let stop = no(&[&number(1)], "marketing", NOON + SECOND);
    ledger.append(stop).await.unwrap();
    let (found, decision) = asked(&reader, &number(1));
    assert_eq!(
        (found, first_rule(&decision)),
        (Found::Alone, Rule::OptedOut)
    );
    // So does a second identifier, which no event tells of.
    let both = known(&[&number(2), "US.aaa111"], NOON + SECOND);
    ledger.learn(ACME, vec![both]).await.unwrap();
    let (found, decision) = asked(&reader, &number(2));
    assert!(found == Found::Alone && allows(&decision), "{decision:?}");
    // And somebody new.
    let opt_in = yes(&[&number(PEOPLE)], "marketing", NOON + SECOND);
    ledger.append(opt_in).await.unwrap();
    let (found, decision) = asked(&reader, &number(PEOPLE));
    assert!(found == Found::Alone && allows(&decision), "{decision:?}");
    assert_eq!(bytes(&kept), made);
    assert!(is_class(asked(&reader, &number(3)).0));

    // A wrong byte anywhere, and all is read anew.
    for at in [made.len() - 3, made.len() / 2, 20] {
        let mut wrong = made.clone();
        wrong[at] ^= 4;
        std::fs::write(&kept, wrong).unwrap();
        let (found, decision) = asked(&reader, &number(1));
        assert!(is_class(found), "{at}");
        assert_eq!(first_rule(&decision), Rule::OptedOut, "{at}");
    }
    std::fs::write(&kept, &made[..made.len() - 8]).unwrap();
    assert!(is_class(asked(&reader, &number(1)).0));

    // An erasure deletes it; the no stays, under a name that nobody reads.
    let erasure = crate::support::event(&[&number(1)], EventKind::Erased, "all", NOON + 2 * SECOND);
    ledger.erase(erasure).await.unwrap();
    assert!(!kept.exists());
    reader.use_erasure_keys(vec![ErasureKey {
        id: "00000001".into(),
        secret: [1; 32],
    }]);
    for _ in 0..2 {
        let (found, decision) = asked(&reader, &number(1));
        assert_eq!(
            (found, first_rule(&decision)),
            (Found::Alone, Rule::OptedOut)
        );
    }
    // What was kept before it is worth nothing after it.
    std::fs::write(&kept, &made).unwrap();
    assert_eq!(first_rule(&asked(&reader, &number(1)).1), Rule::OptedOut);
    assert_ne!(bytes(&kept), made);
    ledger.close().await;
}

/// Where a yes lasts only so long, whose has run out by then are one, and whose lasts for a while longer are another;
/// whose runs out meanwhile are looked at one by one. All are told what a send to them is.
#[tokio::test]
async fn yeses_of_any_age_are_shared_as_long_as_none_runs_out() {
    const DAY: i64 = 24 * 60 * 60 * SECOND;
    const LASTS: i64 = 30;
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("ledger.db");
    let ledger = Ledger::open_sqlite(&path, setup()).unwrap();
    ledger.learn(ACME, listed(NOON)).await.unwrap();
    for days in 0..=60 {
        let mut opt_in = yes(&[&number(days)], "marketing", NOON - days as i64 * DAY);
        opt_in.arrival_ms = NOON;
        ledger.append(opt_in).await.unwrap();
    }
    let mut ask = template(&number(0), "offer", NOON + 60 * SECOND);
    ask.body_hash = [0xee; 16];
    ask.rules.yes_lasts = YesLasts::from_days([LASTS as u16; 4]);
    let mut rounds = Vec::new();
    for round in 0..3 {
        // The last round asks as a business does whose yeses last for ever: what is kept tells it too.
        if round == 2 {
            ask.rules.yes_lasts = YesLasts::FOR_EVER;
        }
        let (mut view, crowd) = ledger.crowd(&ask, ask.now_ms).unwrap().unwrap();
        let mut alone = 0;
        let mut classes = std::collections::BTreeSet::new();
        for days in 0..=60 {
            ask.to = ids(&[&number(days)]);
            let Identifier::Phone(phone) = &ask.to[0] else {
                unreachable!("a number");
            };
            for ahead_ms in [0, AHEAD_MS] {
                let mut ask = ask.clone();
                ask.now_ms += ahead_ms;
                let decision = match crowd.find(phone.canonical()).1 {
                    Found::Alone => {
                        alone += u32::from(ahead_ms == 0);
                        view.judge(&ask)
                    }
                    Found::Nobody => panic!("{days} days ago somebody said yes"),
                    Found::Class(class) => {
                        classes.insert(class);
                        view.judge_class(&ask, crowd.head(class).unwrap())
                    }
                };
                let preview = ledger.preview(ask.clone()).await.unwrap().decision;
                let (decision, rule) = (decision.unwrap(), first_rule(&preview));
                assert_eq!(first_rule(&decision), rule, "{days} days, {ahead_ms}");
                assert_eq!(decision.verdict, preview.verdict, "{days} days, {ahead_ms}");
            }
        }
        rounds.push((alone, classes.len()));
    }
    // Of the eight days that are looked ahead, and of the day on which each was given.
    assert!((8..=10).contains(&rounds[0].0), "{rounds:?}");
    assert_eq!(rounds[0].1, 2, "{rounds:?}");
    assert_eq!(rounds[1], rounds[0]);
    assert_eq!(rounds[2].0, 0, "{rounds:?}");
    ledger.close().await;
}

fn bytes(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}
