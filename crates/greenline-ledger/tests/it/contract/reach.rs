//! Whom a portfolio reaches, and no more of them than it may.

use greenline_ledger::Ledger;
use greenline_ledger::question::{Question, Untold};
use greenline_ledger::types::{Ask, BusinessIx, DecisionId, Effect, Mode, Outcome};
use greenline_policy::decide::decide;
use greenline_policy::reach::{MessagingLimit, REACH_MS};
use greenline_policy::rule::Rule;
use smallvec::smallvec;
use tokio::task::JoinSet;

use crate::support::*;

const A: &str = "15551230001";
const B: &str = "15551230002";
const C: &str = "15551230003";
const D: &str = "15551230004";

fn limited(limit: MessagingLimit, at_ms: i64) -> Effect {
    Effect::Limit {
        limit,
        origin: "graph".into(),
        at_ms,
    }
}

/// A ledger whose people want marketing, and whose portfolio may reach so many of them.
async fn reaching(place: &Place, people: u32) -> Ledger {
    let ledger = place.open().await;
    prepare(&ledger, people).await;
    ledger
}

async fn prepare(ledger: &Ledger, people: u32) {
    for business in [ACME, BOND] {
        ledger.learn(business, listed(NOON)).await.unwrap();
        for person in [A, B, C, D] {
            let mut wants = yes(&[person], "marketing", NOON);
            wants.business = business;
            ledger.append(wants).await.unwrap();
        }
    }
    let limit = limited(MessagingLimit::People(people), NOON);
    ledger.learn(ACME, vec![limit]).await.unwrap();
}

fn to(person: &str, now_ms: i64) -> Ask {
    template(person, "offer", now_ms)
}

/// Until when a send would be refused for the limit; `None` when it may go.
async fn until(ledger: &Ledger, person: &str, now_ms: i64) -> Option<i64> {
    let record = ledger.preview(to(person, now_ms)).await.unwrap();
    assert_eq!(record.again(decide), record.decision);
    if allows(&record.decision) {
        return None;
    }
    assert_eq!(first_rule(&record.decision), Rule::LimitPortfolio);
    record.decision.reasons[0].until_ms
}

async fn goes(ledger: &Ledger, person: &str, now_ms: i64) -> DecisionId {
    let admitted = ledger.admit(to(person, now_ms)).await.unwrap();
    assert!(allows(&admitted.decision), "{:?}", admitted.decision);
    admitted.id
}

async fn settled(ledger: &Ledger, id: DecisionId, outcome: Outcome) {
    ledger.settle(id, outcome);
    ledger.learn(ACME, vec![]).await.unwrap();
}

fn accepted(message: &str) -> Outcome {
    Outcome::Accepted {
        message_ids: smallvec![message.into()],
    }
}

async fn status(ledger: &Ledger, message: &str, status: &str, at_ms: i64) {
    let told = Effect::Status {
        message_id: message.into(),
        status: status.into(),
        at_ms,
        code: (status == "failed").then_some(131_026),
    };
    ledger.learn(ACME, vec![told]).await.unwrap();
}

async fn reached(ledger: &Ledger, now_ms: i64) -> u64 {
    ledger.portfolio(ACME, now_ms).await.unwrap().reached
}

/// A place is taken when a message goes, and free again 24 hours later, to the millisecond.
pub(crate) async fn a_place_is_taken_for_24_hours_to_the_millisecond(place: Place) {
    let ledger = reaching(&place, 2).await;
    goes(&ledger, A, NOON).await;
    assert_eq!(until(&ledger, B, NOON + 1).await, None);
    goes(&ledger, B, NOON + 5).await;
    let free = NOON + REACH_MS;
    let refused = ledger.admit(to(C, NOON + 6)).await.unwrap();
    assert_eq!(first_rule(&refused.decision), Rule::LimitPortfolio);
    assert!(refused.flight.is_none());
    let record = ledger.decision(refused.id).await.unwrap().unwrap();
    assert_eq!(record.portfolio.limit, Some(MessagingLimit::People(2)));
    assert_eq!(
        (record.portfolio.reached, record.portfolio.frees_at_ms),
        (2, Some(free))
    );
    assert_eq!(record.again(decide), refused.decision);
    for (now_ms, expected) in [(free - 1, Some(free)), (free, None), (free + 1, None)] {
        assert_eq!(until(&ledger, C, now_ms).await, expected, "{now_ms}");
    }
    for (now_ms, count) in [
        (NOON + 6, 2),
        (free - 1, 2),
        (free, 1),
        (free + 4, 1),
        (free + 5, 0),
    ] {
        assert_eq!(reached(&ledger, now_ms).await, count, "{now_ms}");
    }
    let view = ledger.portfolio(ACME, NOON + 6).await.unwrap();
    assert_eq!(view.limit, Some(MessagingLimit::People(2)));
    assert_eq!(
        (view.origin.as_deref(), view.at_ms),
        (Some("graph"), Some(NOON))
    );
    assert_eq!(view.frees_at_ms, Some(free));
    // Clocks of two callers need not agree.
    goes(&ledger, C, free).await;
    assert_eq!(until(&ledger, D, free - 1).await, Some(free + 5));
    assert_clean(&ledger).await;
}

/// Whoever counts may be sent to again, takes no other place, and counts from then on.
pub(crate) async fn who_counts_may_be_sent_to_again_and_is_renewed(place: Place) {
    let ledger = reaching(&place, 1).await;
    goes(&ledger, A, NOON).await;
    let again = ledger.admit(to(A, NOON + 100)).await.unwrap();
    assert!(allows(&again.decision));
    let record = ledger.decision(again.id).await.unwrap().unwrap();
    assert_eq!(record.people[0].reached_at_ms, Some(NOON));
    assert_eq!(reached(&ledger, NOON + 101).await, 1);
    assert_eq!(
        until(&ledger, B, NOON + REACH_MS).await,
        Some(NOON + REACH_MS + 100)
    );
    assert_eq!(until(&ledger, B, NOON + REACH_MS + 100).await, None);
}

/// What the platform refused, what did not go and what failed gives the place back; what may have gone does not.
pub(crate) async fn what_reached_nobody_gives_its_place_back(place: Place) {
    let ledger = reaching(&place, 1).await;
    for (n, outcome) in [Outcome::Rejected { code: 131_026 }, Outcome::NotSent]
        .into_iter()
        .enumerate()
    {
        let now_ms = NOON + n as i64;
        let id = goes(&ledger, A, now_ms).await;
        assert!(until(&ledger, B, now_ms).await.is_some());
        settled(&ledger, id, outcome).await;
        assert_eq!(until(&ledger, B, now_ms).await, None);
        assert_eq!(reached(&ledger, now_ms).await, 0);
    }
    let id = goes(&ledger, A, NOON + 10).await;
    settled(&ledger, id, accepted("wamid.1")).await;
    status(&ledger, "wamid.1", "sent", NOON + SECOND).await;
    assert_eq!(
        until(&ledger, B, NOON + 11).await,
        Some(NOON + 10 + REACH_MS)
    );
    status(&ledger, "wamid.1", "failed", NOON + SECOND).await;
    assert_eq!(until(&ledger, B, NOON + 11).await, None);
    let id = goes(&ledger, B, NOON + 12).await;
    settled(&ledger, id, Outcome::Unknown).await;
    assert_eq!(
        until(&ledger, C, NOON + 13).await,
        Some(NOON + 12 + REACH_MS)
    );
    // Another message of theirs that failed leaves the one that did not.
    let mut other = to(B, NOON + 20);
    other.body_hash = [8; 16];
    let other = ledger.admit(other).await.unwrap();
    assert!(allows(&other.decision), "{:?}", other.decision);
    settled(&ledger, other.id, Outcome::NotSent).await;
    assert_eq!(
        until(&ledger, C, NOON + 21).await,
        Some(NOON + 12 + REACH_MS)
    );
    assert_clean(&ledger).await;
}

/// A message that arrives renews whom it reaches, also late, and whatever was told before.
pub(crate) async fn a_delivery_renews_whom_it_reaches(place: Place) {
    let ledger = reaching(&place, 1).await;
    let id = goes(&ledger, A, NOON).await;
    settled(&ledger, id, accepted("wamid.1")).await;
    status(&ledger, "wamid.1", "delivered", NOON + 60 * SECOND).await;
    let free = NOON + 60 * SECOND + REACH_MS;
    assert_eq!(until(&ledger, B, NOON + REACH_MS).await, Some(free));
    status(&ledger, "wamid.1", "read", NOON + 90 * SECOND).await;
    status(&ledger, "wamid.1", "delivered", NOON + 30 * SECOND).await;
    assert_eq!(until(&ledger, B, free - 1).await, Some(free));
    assert_eq!(until(&ledger, B, free).await, None);
    // The place was free, and is taken again by a message that comes at last.
    let late = NOON + REACH_MS / 2;
    let id = goes(&ledger, B, free).await;
    settled(&ledger, id, accepted("wamid.2")).await;
    status(&ledger, "wamid.2", "failed", free + SECOND).await;
    assert_eq!(until(&ledger, C, free + SECOND).await, None);
    status(&ledger, "wamid.2", "delivered", free + late - NOON).await;
    assert_eq!(
        until(&ledger, C, free + SECOND).await,
        Some(free + late - NOON + REACH_MS)
    );
}

/// What was sent so long ago that nobody remembers it counts again when it arrives.
pub(crate) async fn a_message_that_arrives_after_days_takes_a_place_again(place: Place) {
    let mut ledger = reaching(&place, 1).await;
    let id = goes(&ledger, A, NOON).await;
    settled(&ledger, id, accepted("wamid.late")).await;
    for n in 1..9 {
        let other = [B, C][n % 2];
        let now_ms = NOON + n as i64 * REACH_MS / 2;
        let went = ledger.admit(to(other, now_ms)).await.unwrap();
        assert_eq!(allows(&went.decision), n % 2 == 0, "{n}");
    }
    let later = NOON + 5 * REACH_MS;
    status(&ledger, "wamid.late", "delivered", later).await;
    for _ in 0..2 {
        assert_eq!(until(&ledger, D, later + 1).await, Some(later + REACH_MS));
        assert_eq!(until(&ledger, A, later + 1).await, None);
        ledger = place.reopen(ledger).await;
    }
}

/// A status may overtake the answer that names its message.
pub(crate) async fn a_status_before_the_answer_counts_once_the_answer_is_there(place: Place) {
    let ledger = reaching(&place, 1).await;
    let id = goes(&ledger, A, NOON).await;
    status(&ledger, "wamid.1", "failed", NOON + SECOND).await;
    assert!(until(&ledger, B, NOON + 1).await.is_some());
    settled(&ledger, id, accepted("wamid.1")).await;
    assert_eq!(until(&ledger, B, NOON + 1).await, None);
    let id = goes(&ledger, B, NOON + 2).await;
    status(&ledger, "wamid.2", "delivered", NOON + 5 * SECOND).await;
    // Of many nodes, the one that let it go is the one that learns its answer.
    let ledger = match place.is_shared() {
        true => ledger,
        false => place.reopen(ledger).await,
    };
    settled(&ledger, id, accepted("wamid.2")).await;
    assert_eq!(
        until(&ledger, C, NOON + 3).await,
        Some(NOON + 5 * SECOND + REACH_MS)
    );
}

/// What goes in a window that the person opened counts for nothing.
pub(crate) async fn what_goes_in_an_open_window_takes_no_place(place: Place) {
    let ledger = reaching(&place, 1).await;
    ledger
        .learn(ACME, vec![wrote(&[A], "wamid.in", NOON)])
        .await
        .unwrap();
    goes(&ledger, A, NOON + 1).await;
    let answer = ledger.admit(text(A, NOON + 2)).await.unwrap();
    assert!(allows(&answer.decision));
    assert_eq!(reached(&ledger, NOON + 3).await, 0);
    goes(&ledger, B, NOON + 4).await;
    assert!(until(&ledger, C, NOON + 5).await.is_some());
    // The window is of one number.
    let mut other = to(A, NOON + 6);
    other.number = "n2".into();
    let refused = ledger.admit(other).await.unwrap();
    assert_eq!(first_rule(&refused.decision), Rule::LimitPortfolio);
    assert!(allows(
        &ledger.admit(to(A, NOON + 7)).await.unwrap().decision
    ));
}

/// Businesses and numbers of one portfolio share one count.
pub(crate) async fn businesses_of_one_portfolio_share_one_count(place: Place) {
    let ledger = reaching(&place, 2).await;
    goes(&ledger, A, NOON).await;
    let of = |business: BusinessIx, number: &str, person: &str, now_ms: i64| {
        let mut ask = to(person, now_ms);
        (ask.business, ask.number) = (business, number.into());
        ask
    };
    let same_person = ledger.admit(of(BOND, "n7", A, NOON + 1)).await.unwrap();
    assert!(allows(&same_person.decision), "{:?}", same_person.decision);
    // Theirs, to two businesses: counted twice, which is the stricter of two readings.
    assert_eq!(reached(&ledger, NOON + 2).await, 2);
    for (business, number) in [(ACME, "n1"), (ACME, "n2"), (BOND, "n7")] {
        let refused = ledger
            .admit(of(business, number, B, NOON + 3))
            .await
            .unwrap();
        assert_eq!(first_rule(&refused.decision), Rule::LimitPortfolio);
    }
    assert_eq!(
        ledger.portfolio(BOND, NOON + 3).await.unwrap(),
        ledger.portfolio(ACME, NOON + 3).await.unwrap()
    );
}

/// Two who turn out to be one person take one place.
pub(crate) async fn two_who_are_one_take_one_place(place: Place) {
    let ledger = reaching(&place, 2).await;
    for (person, message, now_ms) in [(A, "wamid.a", NOON), (B, "wamid.b", NOON + 10)] {
        let id = goes(&ledger, person, now_ms).await;
        settled(&ledger, id, accepted(message)).await;
    }
    assert!(until(&ledger, C, NOON + 11).await.is_some());
    ledger
        .learn(ACME, vec![known(&[B, A], NOON + 12)])
        .await
        .unwrap();
    assert_eq!(reached(&ledger, NOON + 13).await, 1);
    let ledger = place.reopen(ledger).await;
    assert_eq!(reached(&ledger, NOON + 13).await, 1);
    goes(&ledger, C, NOON + 14).await;
    assert_eq!(
        until(&ledger, D, NOON + 15).await,
        Some(NOON + 10 + REACH_MS)
    );
    goes(&ledger, A, NOON + 16).await;
    assert_eq!(
        until(&ledger, D, NOON + 17).await,
        Some(NOON + 14 + REACH_MS)
    );
    assert_clean(&ledger).await;
}

/// The platform's newest word counts, of two of one moment the stricter, and the business's own where it is lower.
pub(crate) async fn the_newest_limit_counts_and_the_stricter_of_two(place: Place) {
    let ledger = reaching(&place, 1).await;
    goes(&ledger, A, NOON).await;
    let people = MessagingLimit::People;
    for (limit, at_ms, allowed) in [
        (people(5), NOON - 1, false),
        (people(5), NOON, false),
        (people(5), NOON + 1, true),
        (MessagingLimit::Unlimited, NOON + 1, true),
        (people(1), NOON + 1, false),
        (MessagingLimit::Unlimited, NOON + 2, true),
        (people(1), NOON + 2, false),
        (people(2), NOON + 3, true),
    ] {
        ledger
            .learn(ACME, vec![limited(limit, at_ms)])
            .await
            .unwrap();
        assert_eq!(
            until(&ledger, B, NOON + 5).await.is_none(),
            allowed,
            "{limit:?} {at_ms}"
        );
    }
    let own = |people| {
        let mut ask = to(B, NOON + 6);
        ask.rules.portfolio_limit = Some(people);
        ask
    };
    for (people, allowed) in [(1, false), (2, true), (9, true)] {
        let record = ledger.preview(own(people)).await.unwrap();
        assert_eq!(allows(&record.decision), allowed, "{people}");
        assert_eq!(record.again(decide), record.decision);
    }
    let ledger = place.reopen(ledger).await;
    let view = ledger.portfolio(ACME, NOON + 6).await.unwrap();
    assert_eq!((view.limit, view.at_ms), (Some(people(2)), Some(NOON + 3)));
}

/// While the limit is not known nothing is refused, and everybody is counted all the same.
pub(crate) async fn while_the_limit_is_not_known_everybody_is_counted(place: Place) {
    let ledger = place.open().await;
    ledger.learn(ACME, listed(NOON)).await.unwrap();
    for person in [A, B] {
        ledger
            .append(yes(&[person], "marketing", NOON))
            .await
            .unwrap();
        goes(&ledger, person, NOON + 1).await;
    }
    let view = ledger.portfolio(ACME, NOON + 2).await.unwrap();
    assert_eq!((view.limit, view.reached), (None, 2));
    prepare(&ledger, 2).await;
    assert!(until(&ledger, C, NOON + 3).await.is_some());
}

/// Whom a portfolio had reached at a moment gone by is not kept, and that is said.
pub(crate) async fn what_a_portfolio_had_reached_then_is_not_told(place: Place) {
    let ledger = reaching(&place, 1).await;
    goes(&ledger, A, NOON).await;
    let question = |known_then| Question {
        ask: to(B, NOON + 1),
        known_then,
        asked_ms: NOON + 1,
    };
    let asked = ledger.preview_all(vec![question(true), question(false)]);
    let answers: Vec<_> = asked
        .await
        .unwrap()
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert!(allows(&answers[0].record.decision));
    assert!(answers[0].untold.contains(&Untold::Portfolio));
    assert_eq!(
        first_rule(&answers[1].record.decision),
        Rule::LimitPortfolio
    );
    assert_eq!(answers[1].untold, []);
}

/// What is only observed goes, and counts.
pub(crate) async fn what_goes_though_refused_counts(place: Place) {
    let ledger = reaching(&place, 1).await;
    for (n, person) in [A, B, C].into_iter().enumerate() {
        let mut ask = to(person, NOON + n as i64);
        ask.mode = Mode::Observe;
        let admitted = ledger.admit(ask).await.unwrap();
        assert_eq!(allows(&admitted.decision), n == 0);
        assert!(admitted.flight.is_some());
    }
    assert_eq!(reached(&ledger, NOON + 5).await, 3);
    // Two have to go before there is a place.
    assert_eq!(until(&ledger, D, NOON + 5).await, Some(NOON + 2 + REACH_MS));
}

/// A restart forgets nobody.
pub(crate) async fn a_restart_keeps_the_count(place: Place) {
    let ledger = reaching(&place, 2).await;
    let id = goes(&ledger, A, NOON).await;
    settled(&ledger, id, accepted("wamid.1")).await;
    goes(&ledger, B, NOON + 1).await;
    status(&ledger, "wamid.1", "delivered", NOON + 9 * SECOND).await;
    let ledger = place.reopen(ledger).await;
    assert_eq!(until(&ledger, C, NOON + 2).await, Some(NOON + 1 + REACH_MS));
    assert_eq!(until(&ledger, A, NOON + 2).await, None);
    status(&ledger, "wamid.1", "failed", NOON + 10 * SECOND).await;
    let ledger = place.reopen(ledger).await;
    assert_eq!(reached(&ledger, NOON + 9 * SECOND + REACH_MS - 1).await, 1);
    assert_eq!(reached(&ledger, NOON + 9 * SECOND + REACH_MS).await, 0);
    assert_clean(&ledger).await;
}

/// So many at once that most have to be refused: exactly as many go as may.
pub(crate) async fn many_at_once_use_the_limit_up_exactly(place: Place) {
    use_up(&place, 300, 30).await;
}

/// Sends so many at once where so many may go.
pub(crate) async fn use_up(place: &Place, sends: usize, limit: u32) {
    let ledger = reaching(place, limit).await;
    crowd(&ledger, sends).await;
    let allowed = storm(std::slice::from_ref(&ledger), sends).await;
    assert_eq!(allowed, limit as usize);
    assert_eq!(reached(&ledger, NOON + 1).await, u64::from(limit));
}

/// Somebody of many.
pub(crate) fn one_of(n: usize) -> String {
    format!("1{:010}", 2_000_000_000 + n)
}

/// Makes so many people want marketing.
pub(crate) async fn crowd(ledger: &Ledger, people: usize) {
    let mut from = 0;
    while from < people {
        let to = (from + 500).min(people);
        let wants = (from..to).map(|n| yes(&[&one_of(n)], "marketing", NOON));
        let appended = ledger.append_all(wants.collect()).await.unwrap();
        assert!(appended.iter().all(Result::is_ok));
        from = to;
    }
}

/// Sends to so many people at once, from these nodes in turn; how many went.
pub(crate) async fn storm(nodes: &[Ledger], sends: usize) -> usize {
    let mut under_way = JoinSet::new();
    for (n, node) in (0..sends).zip(nodes.iter().cycle()) {
        let node = node.clone();
        under_way.spawn(async move {
            loop {
                match node.admit(to(&one_of(n), NOON + 1)).await {
                    Ok(admitted) if allows(&admitted.decision) => {
                        node.settle(admitted.id, accepted(&format!("wamid.{n}")));
                        return true;
                    }
                    Ok(refused) => {
                        assert_eq!(first_rule(&refused.decision), Rule::LimitPortfolio);
                        return false;
                    }
                    // Too many wait, or others were in the way: it did not go, and is tried again.
                    Err(_) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
                }
            }
        });
    }
    let went = under_way.join_all().await;
    went.into_iter().filter(|went| *went).count()
}
