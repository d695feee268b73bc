//! How people take it: the guard over a number's rating, and what is said of a template.

use greenline_policy::quality::{QualityGuard, Rated, Score};

use super::*;

/// A covered marketing template from a number of that rating, read so long ago, under a guard that looks a day back.
fn guarded(stop_at: Score, score: Score, ago_ms: i64) -> Case {
    Case {
        head: covered(Category::Marketing),
        number: NumberFacts {
            rating: Some(Rated {
                score,
                read_ms: NOW - ago_ms,
            }),
            ..NumberFacts::default()
        },
        rules: Rules {
            quality_guard: QualityGuard::at(stop_at, WINDOW_MS),
            ..Rules::default()
        },
        ..Case::default()
    }
}

#[test]
fn the_guard_stops_marketing_at_the_rating_that_was_set_and_below() {
    use Score::{Green, Red, Unrated, Yellow};
    for (stop_at, score, stops) in [
        (Red, Red, true),
        (Red, Yellow, false),
        (Red, Green, false),
        (Yellow, Red, true),
        (Yellow, Yellow, true),
        (Yellow, Green, false),
    ] {
        let case = guarded(stop_at, score, 0);
        if stops {
            case.refused_by(&[Rule::GuardQuality]);
        } else {
            case.allowed_by(Rule::Covered);
        }
        assert!(!says(&case, Rule::GuardQualityBlind));
    }
    // What is not known of late stops nothing, and that is said.
    for (case, blind) in [
        (guarded(Red, Red, WINDOW_MS), false),
        (guarded(Red, Red, WINDOW_MS + 1), true),
        (guarded(Red, Green, WINDOW_MS + 1), true),
        (guarded(Yellow, Unrated, 0), true),
    ] {
        assert_eq!(says(&case, Rule::GuardQualityBlind), blind);
        assert_eq!(says(&case, Rule::GuardQuality), !blind);
    }
    let mut unread = guarded(Red, Red, 0);
    unread.number.rating = None;
    unread.allowed_by(Rule::GuardQualityBlind);
    // Without the setting, and with one that would stop what is rated well, nothing is stopped or said.
    for guard in [QualityGuard::OFF, QualityGuard::at(Green, WINDOW_MS)] {
        let mut off = guarded(Red, Red, 0);
        off.rules.quality_guard = guard;
        off.allowed_by(Rule::Covered);
        assert!(!says(&off, Rule::GuardQualityBlind));
    }
}

#[test]
fn the_guard_stops_nothing_but_marketing() {
    for category in [Category::Utility, Category::Authentication] {
        let mut case = guarded(Score::Yellow, Score::Red, 0);
        case.head = covered(category);
        case.template.category = category;
        case.allowed_by(Rule::Covered);
    }
    let mut reply = guarded(Score::Yellow, Score::Red, 0);
    reply.intent = Intent::FreeForm;
    reply.wrote_at_ms = Some(NOW - 1);
    reply.allowed_by(Rule::WindowOpen);
    let mut call = guarded(Score::Yellow, Score::Red, 0);
    call.intent = Intent::Call;
    call.head = covered(Category::Calls);
    call.call_until_ms = Some(NOW + 1);
    call.allowed_by(Rule::Covered);
    // A utility template about a marketing topic is marketing to the business.
    let mut topical = guarded(Score::Yellow, Score::Red, 0);
    topical.template.category = Category::Utility;
    topical.template.topic = Some(Scope::Topic(Category::Marketing, "offers".into()));
    topical.refused_by(&[Rule::GuardQuality]);
    // And what the account's list does not name counts as marketing.
    let mut unknown = guarded(Score::Yellow, Score::Red, 0);
    unknown.template = TemplateFacts::UNKNOWN;
    unknown.refused_by(&[Rule::GuardQuality]);
}

#[test]
fn a_template_that_people_take_badly_goes_with_a_note() {
    use Score::{Green, Red, Unrated, Yellow};
    let rated = |quality, category| {
        let mut case = Case {
            head: covered(category),
            ..Case::default()
        };
        case.template.category = category;
        case.template.quality = quality;
        case.allowed_by(Rule::Covered);
        (
            says(&case, Rule::TemplateLowQuality),
            says(&case, Rule::TemplatePacing),
        )
    };
    for (quality, low, paced) in [
        (None, false, false),
        (Some(Green), false, false),
        (Some(Unrated), false, true),
        (Some(Yellow), true, true),
        (Some(Red), true, true),
    ] {
        assert_eq!(
            rated(quality, Category::Marketing),
            (low, paced),
            "{quality:?}"
        );
        assert_eq!(
            rated(quality, Category::Utility),
            (low, false),
            "{quality:?}"
        );
    }
}

#[test]
fn pacing_began_in_october_2023() {
    let began_ms = 1_697_068_800_000;
    let head = covered(Category::Marketing);
    let person = PersonFacts::of(&head);
    let template = TemplateFacts {
        known: true,
        quality: Some(Score::Red),
        ..TemplateFacts::UNKNOWN
    };
    let facts = Facts {
        people: &[person],
        template: Some(&template),
        number: &NumberFacts::default(),
        portfolio: PortfolioFacts::default(),
    };
    let paced = |at_ms| {
        let decision = decide(Intent::Template, &facts, &Rules::default(), at_ms);
        decision
            .reasons
            .iter()
            .any(|reason| reason.rule == Rule::TemplatePacing)
    };
    assert!(!paced(began_ms - 1) && paced(began_ms));
}
