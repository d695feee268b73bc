//! The platform's word that it limits a number for spam (N7 of the rules on health).

use greenline_policy::number::SPAM_LIMIT_MS;

use super::*;

#[test]
fn a_spam_limit_stops_starts_for_a_day_and_then_lets_them_try() {
    let said = |ago_ms: i64| Case {
        head: covered(Category::Utility),
        number: NumberFacts {
            spam_limited_ms: Some(NOW - ago_ms),
            ..NumberFacts::default()
        },
        template: TemplateFacts {
            known: true,
            category: Category::Utility,
            ..TemplateFacts::UNKNOWN
        },
        ..Case::default()
    };
    for ago_ms in [-1, 0, SPAM_LIMIT_MS - 1] {
        let case = said(ago_ms);
        case.refused_by(&[Rule::LimitSpam]);
        let until_ms = NOW - ago_ms + SPAM_LIMIT_MS;
        assert_eq!(case.decide().first().unwrap().until_ms, Some(until_ms));
        let mut reply = said(ago_ms);
        reply.wrote_at_ms = Some(NOW - 1);
        reply.refused_by(&[Rule::LimitSpam]);
        // It answers: nothing is started.
        reply.rules.window_templates_are_replies = true;
        reply.allowed_by(Rule::WindowOpen);
        reply.intent = Intent::FreeForm;
        reply.allowed_by(Rule::WindowOpen);
        let mut call = said(ago_ms);
        call.intent = Intent::Call;
        call.head = covered(Category::Calls);
        call.call_until_ms = Some(NOW + 1);
        call.allowed_by(Rule::Covered);
    }
    let case = said(SPAM_LIMIT_MS);
    case.allowed_by(Rule::Covered);
    let noted = |case: &Case| {
        let decision = case.decide();
        let mut reasons = decision.reasons.iter();
        reasons.any(|reason| reason.rule == Rule::LimitSpamUnknown)
    };
    assert!(noted(&case));
    let mut reply = case;
    reply.wrote_at_ms = Some(NOW - 1);
    reply.intent = Intent::FreeForm;
    assert!(!noted(&reply));
}
