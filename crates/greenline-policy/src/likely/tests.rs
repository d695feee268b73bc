use super::*;
use crate::reception::{PerPerson, TemplateSent};

/// A number whose people take its one template as most do.
fn ordinary(people: u64) -> Reception {
    let sent = Sent {
        sent: people,
        accepted: people,
        delivered: people,
        read: people * 3 / 4,
        answered: people / 20,
        judged: people,
        silent: people / 4,
        stop_words: people / 200,
        ..Sent::default()
    };
    let mut reception = Reception::empty(0);
    reception.total = sent;
    reception.by_basis[0] = sent;
    reception.by_turn[0] = sent;
    reception.elsewhere = sent;
    reception.templates = vec![TemplateSent {
        name: "offer".into(),
        language: "en".into(),
        sent,
    }];
    reception.per_person = PerPerson {
        people,
        people_outside: people,
        median: 1,
        p95: 1,
        most: 1,
    };
    reception
}

fn causes(reception: &Reception) -> Vec<Cause> {
    match likely(reception) {
        Likely::NotEnough { .. } => panic!("there is enough"),
        Likely::Causes(found) => found.iter().map(|finding| finding.cause).collect(),
    }
}

#[test]
fn nothing_is_said_of_few_and_nothing_stands_out_of_the_ordinary() {
    let few = ordinary(PEOPLE_LEAST - 1);
    assert_eq!(likely(&few), Likely::NotEnough { people: 49 });
    assert_eq!(causes(&ordinary(PEOPLE_LEAST)), []);
    assert_eq!(causes(&ordinary(100_000)), []);
}

#[test]
fn weak_consent_comes_first_where_those_people_say_stop() {
    let mut reception = ordinary(400);
    let mut weak = reception.total;
    weak.stop_words = 30;
    reception.total = weak;
    reception.by_basis = Default::default();
    reception.by_basis[3] = weak;
    let Likely::Causes(found) = likely(&reception) else {
        panic!("there is enough");
    };
    let first = &found[0];
    assert_eq!(first.cause, Cause::NoConsent);
    assert_eq!(first.level, Level::Likely);
    let against = first.measured[1].against.unwrap();
    assert_eq!(against.of, "other_numbers");
    assert!(against.differs);
    // The same share, taken no worse than elsewhere, weighs less.
    let mut borne = ordinary(400);
    borne.by_basis.swap(0, 3);
    let Likely::Causes(found) = likely(&borne) else {
        panic!("there is enough");
    };
    assert!(found[0].weight < first.weight);
    assert_eq!(found[0].level, Level::Possible);
    // A little of it is nothing to look at.
    let mut little = ordinary(400);
    little.by_basis[0].sent = 350;
    little.by_basis[3].sent = 50;
    assert_eq!(causes(&little), []);
}

#[test]
fn many_messages_for_each_person_are_too_often() {
    let mut reception = ordinary(300);
    reception.per_person.median = 7;
    reception.per_person.p95 = 8;
    assert_eq!(causes(&reception), [Cause::TooOften]);
    let mut kept_back = ordinary(300);
    kept_back.total.over_cap = 40;
    assert_eq!(causes(&kept_back), [Cause::TooOften]);
}

#[test]
fn a_template_that_few_answer_is_named_and_chance_is_not() {
    let mut reception = ordinary(400);
    let cold = Sent {
        answered: 2,
        ..reception.total
    };
    reception.templates.push(TemplateSent {
        name: "tips".into(),
        language: "en".into(),
        sent: cold,
    });
    reception.total.add(&cold);
    let Likely::Causes(found) = likely(&reception) else {
        panic!("there is enough");
    };
    assert_eq!(found[0].cause, Cause::NotRelevant);
    let (name, _) = found[0].template.as_ref().unwrap();
    assert_eq!(&**name, "tips");
    // Two of sixty against three of sixty is chance.
    let mut few = ordinary(60);
    few.templates[0].sent.answered = 2;
    few.total = few.templates[0].sent;
    assert_eq!(causes(&few), []);
}

#[test]
fn a_list_out_of_reach_is_told() {
    let mut reception = ordinary(300);
    reception.total.unreachable = 60;
    assert_eq!(causes(&reception), [Cause::StaleList]);
}

#[test]
fn a_share_knows_how_sure_it_is() {
    let (low, high) = Share { part: 0, of: 60 }.bounds();
    assert!(low == 0.0 && (0.05..0.08).contains(&high));
    assert_eq!(Share::default().bounds(), (0.0, 1.0));
    assert_eq!(Share::default().fraction(), 0.0);
}

#[test]
fn no_advice_leads_around_an_enforcement() {
    for cause in Cause::ALL {
        let said = cause.first().to_lowercase();
        for evasion in [
            "another number",
            "other number",
            "new number",
            "as utility",
            "relabel",
        ] {
            assert!(!said.contains(evasion), "{said}");
        }
    }
}
