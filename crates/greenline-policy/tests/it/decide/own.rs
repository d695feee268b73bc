//! Rules of the business's own.

use greenline_policy::own::{OwnRule, Sent};

use super::*;

/// A covered offer to Spain, under one rule of the business's own.
fn under(rule: OwnRule) -> Case {
    let mut case = Case {
        head: covered(Category::Marketing),
        place: Place {
            country: Country::parse("ES").unwrap(),
            ..Place::default()
        },
        ..Case::default()
    };
    case.template.own = Some([rule].into());
    case
}

fn own(name: &str) -> OwnRule {
    OwnRule {
        name: name.into(),
        text: "because".into(),
        ..OwnRule::default()
    }
}

#[test]
fn a_rule_of_the_businesss_own_refuses_where_all_that_it_names_holds() {
    let scope = |text: &str| Scope::parse(text).unwrap();
    let country = |code: &str| Country::parse(code).unwrap();
    let rows: [(bool, OwnRule); 14] = [
        (true, own("plain")),
        (
            true,
            OwnRule {
                scopes: vec![scope("marketing")],
                ..own("a")
            },
        ),
        (
            true,
            OwnRule {
                scopes: vec![scope("utility"), scope("all")],
                ..own("a")
            },
        ),
        (
            false,
            OwnRule {
                scopes: vec![scope("utility")],
                ..own("a")
            },
        ),
        (
            false,
            OwnRule {
                scopes: vec![scope("marketing.offers")],
                ..own("a")
            },
        ),
        (
            true,
            OwnRule {
                countries: vec![country("PT"), country("ES")],
                ..own("a")
            },
        ),
        (
            false,
            OwnRule {
                countries: vec![country("PT")],
                ..own("a")
            },
        ),
        (
            false,
            OwnRule {
                weak_consent: true,
                ..own("a")
            },
        ),
        (
            true,
            OwnRule {
                from_ms: Some(NOW),
                ..own("a")
            },
        ),
        (
            false,
            OwnRule {
                from_ms: Some(NOW + 1),
                ..own("a")
            },
        ),
        (
            true,
            OwnRule {
                until_ms: Some(NOW + 1),
                ..own("a")
            },
        ),
        (
            false,
            OwnRule {
                until_ms: Some(NOW),
                ..own("a")
            },
        ),
        (
            true,
            OwnRule {
                scopes: vec![scope("marketing")],
                countries: vec![country("ES")],
                from_ms: Some(0),
                ..own("a")
            },
        ),
        (
            false,
            OwnRule {
                scopes: vec![scope("marketing")],
                countries: vec![country("PT")],
                from_ms: Some(0),
                ..own("a")
            },
        ),
    ];
    for (refuses, rule) in rows {
        let case = under(rule);
        if refuses {
            case.refused_by(&[Rule::BusinessRule]);
        } else {
            case.allowed_by(Rule::Covered);
        }
    }
    // Where the country cannot be told, none fits.
    let mut nowhere = under(OwnRule {
        countries: vec![country("ES")],
        ..own("a")
    });
    nowhere.place = Place::default();
    nowhere.allowed_by(Rule::Covered);
}

#[test]
fn a_rule_may_be_about_people_whose_yes_was_not_seen() {
    let weak = || OwnRule {
        weak_consent: true,
        ..own("weak")
    };
    for (strength, refuses) in [
        (Strength::Evidenced, false),
        (Strength::Imported, true),
        (Strength::Vouched, true),
    ] {
        let mut case = under(weak());
        case.head = standing(
            Category::Marketing,
            Standing::Covered {
                event: EventId(1),
                at_ms: 1,
                strength,
            },
        );
        assert_eq!(says(&case, Rule::BusinessRule), refuses, "{strength:?}");
    }
}

#[test]
fn a_rule_is_told_in_the_businesss_words_and_never_about_answers() {
    let mut case = under(own("no_offers"));
    let both: Vec<OwnRule> = vec![own("no_offers"), own("not_there"), own("no_offers")];
    case.template.own = Some(both.into());
    let decision = case.decide();
    let names: Vec<&str> = decision.own.iter().map(|own| &*own.name).collect();
    assert_eq!(names, ["no_offers", "not_there"]);
    assert_eq!(
        decision.text(Rule::BusinessRule),
        "A rule that the business set for itself refuses this message. `no_offers`: because `not_there`: because"
    );
    let mut reply = under(own("a"));
    reply.intent = Intent::FreeForm;
    reply.wrote_at_ms = Some(NOW - 1);
    reply.allowed_by(Rule::WindowOpen);
}

#[test]
fn what_is_sent_from_where_is_told_by_name() {
    let names = |names: &[&str]| names.iter().map(|&name| name.into()).collect();
    let some = Sent {
        templates: names(&["offer", "sale"]),
        numbers: names(&["1"]),
        apps: names(&["bot"]),
    };
    assert!(some.is_meant("sale", "1", "bot"));
    for (template, number, app) in [
        ("receipt", "1", "bot"),
        ("sale", "2", "bot"),
        ("sale", "1", "crm"),
    ] {
        assert!(!some.is_meant(template, number, app));
    }
    assert!(Sent::default().is_meant("any", "9", "x"));
}
