//! Everybody read at once for a list: who is only described, who is not, and that what they are told is what a send is.

use greenline_ledger::Ledger;
use greenline_ledger::crowd::Found;
use greenline_ledger::erasure::ErasureKey;
use greenline_ledger::types::{Ask, Effect};
use greenline_policy::consent::{EventKind, Head};
use greenline_policy::decide::Decision;
use greenline_policy::identity::Identifier;
use greenline_policy::lasting::YesLasts;
use greenline_policy::reach::MessagingLimit;
use greenline_policy::rule::Rule;

use super::node;
use crate::support::*;

/// Enough for several pages of every width.
const PEOPLE: u64 = 300;
const DAY: i64 = 24 * 60 * 60 * SECOND;

fn number(person: u64) -> String {
    (15_551_240_000 + person).to_string()
}

fn offer() -> Ask {
    let mut ask = template(&number(0), "offer", NOON + 60 * SECOND);
    ask.body_hash = [0xee; 16];
    ask
}

/// What is found of each, and what is decided, which is what a send to them would be told.
async fn asked(ledger: &Ledger, about: &Ask, numbers: &[String]) -> Vec<(Found, Decision)> {
    let crowd = ledger.crowd_in_pages(about, about.now_ms).await.unwrap();
    let (mut view, crowd) = crowd.unwrap();
    let mut told = Vec::new();
    for to in numbers {
        let ask = Ask {
            to: ids(&[to]),
            ..about.clone()
        };
        let Identifier::Phone(phone) = &ask.to[0] else {
            panic!("a number");
        };
        let found = crowd.find(phone.canonical()).1;
        let decision = match found {
            Found::Alone => {
                view.turn_to(ledger.piece(about, &ask.to).await.unwrap());
                view.judge(&ask)
            }
            Found::Nobody => view.judge_class(&ask, &Head::default()),
            Found::Class(class) => view.judge_class(&ask, crowd.head(class).unwrap()),
        };
        let (decision, sent) = (decision.unwrap(), ledger.preview(ask).await.unwrap());
        let sent = (sent.decision.verdict, first_rule(&sent.decision));
        assert_eq!((decision.verdict, first_rule(&decision)), sent, "{to}");
        told.push((found, decision));
    }
    told
}

async fn one(ledger: &Ledger, about: &Ask, number: &str) -> (Found, Rule) {
    let told = asked(ledger, about, &[number.to_owned()]).await;
    (told[0].0, first_rule(&told[0].1))
}

fn is_class(found: Found) -> bool {
    matches!(found, Found::Class(_))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_is_described_or_alone_and_told_what_a_send_is() {
    let database = ready_database();
    let url = database.url();
    let (ledger, other) = tokio::join!(node(&url), node(&url));
    for ledger in [&ledger, &other] {
        ledger.use_erasure_keys(vec![ErasureKey {
            id: "00000001".into(),
            secret: [1; 32],
        }]);
    }
    ledger.learn(ACME, listed(NOON)).await.unwrap();
    // Of every age, from today to ten months ago.
    let opt_ins = (0..PEOPLE).map(|person| {
        let mut opt_in = yes(&[&number(person)], "marketing", NOON - person as i64 * DAY);
        opt_in.arrival_ms = NOON;
        opt_in
    });
    ledger.append_all(opt_ins.collect()).await.unwrap();
    let everyone: Vec<String> = (0..PEOPLE).map(number).collect();
    let about = offer();
    let told = asked(&other, &about, &everyone).await;
    assert!(
        told.iter()
            .all(|(found, said)| is_class(*found) && allows(said))
    );
    assert!(told.windows(2).all(|two| two[0].0 == two[1].0));
    let (found, rule) = one(&other, &about, &number(PEOPLE)).await;
    assert_eq!((found, rule), (Found::Nobody, Rule::ConsentMissing));

    // What was said or learned by another node counts at the next list.
    let stop = no(&[&number(1)], "marketing", NOON + SECOND);
    ledger.append(stop).await.unwrap();
    let both = known(&[&number(2), "US.aaa111"], NOON + SECOND);
    let wrote = wrote(&[&number(3)], "wamid.3", NOON + SECOND);
    let moves = moved(&number(4), &number(PEOPLE + 4), NOON + SECOND);
    ledger.learn(ACME, vec![both, wrote, moves]).await.unwrap();
    let (found, rule) = one(&other, &about, &number(1)).await;
    assert!(
        is_class(found) && rule == Rule::OptedOut,
        "{found:?} {rule:?}"
    );
    for alone in [2, 3, 4, PEOPLE + 4] {
        let (found, _) = one(&other, &about, &number(alone)).await;
        assert_eq!(found, Found::Alone, "{alone}");
    }

    // Where yeses last a while, only those are alone of which one runs out meanwhile.
    let mut lasting = about.clone();
    lasting.rules.yes_lasts = YesLasts::from_days([100; 4]);
    let told = asked(&other, &lasting, &everyone).await;
    let alone = told.iter().filter(|(found, _)| *found == Found::Alone);
    assert!((11..=13).contains(&alone.count()));
    assert!(
        told.iter()
            .any(|(found, said)| is_class(*found) && !allows(said))
    );

    // Whom a bound portfolio reached takes no other place.
    let mut other_words = about.clone();
    other_words.body_hash = [7; 16];
    let sent = ledger.admit(other_words).await.unwrap();
    assert!(allows(&sent.decision), "{:?}", sent.decision);
    let (found, _) = one(&other, &about, &number(0)).await;
    assert!(is_class(found), "{found:?}");
    let limit = Effect::Limit {
        limit: MessagingLimit::People(1),
        origin: "graph".into(),
        at_ms: NOON,
    };
    ledger.learn(ACME, vec![limit]).await.unwrap();
    assert_eq!(one(&other, &about, &number(0)).await.0, Found::Alone);
    let (found, rule) = one(&other, &about, &number(9)).await;
    assert!(
        is_class(found) && rule == Rule::LimitPortfolio,
        "{found:?} {rule:?}"
    );

    // The no of whoever was erased stays, under a name that nobody reads: then nobody is told apart from them.
    let erasure = event(&[&number(1)], EventKind::Erased, "all", NOON + 2 * SECOND);
    ledger.erase(erasure).await.unwrap();
    for to in [1, PEOPLE + 9] {
        let (found, _) = one(&other, &about, &number(to)).await;
        assert_eq!(found, Found::Alone, "{to}");
    }
    let open = "SELECT count(*) FROM pg_stat_activity
         WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
    assert_eq!(database.sql(open).trim(), "0");
    drop(sent);
    ledger.close().await;
    other.close().await;
}
