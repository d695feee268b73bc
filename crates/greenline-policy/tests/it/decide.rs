//! What may go, row by row: the rule that answers first, and all that are listed.

mod own;
mod quality;
mod spam;

use greenline_policy::avenue::OnlyNotifications;
use greenline_policy::consent::{EventId, Head, Standing, Strength};
use greenline_policy::country::{Country, Place};
use greenline_policy::decide::{
    Decision, Facts, Intent, NumberFacts, PersonFacts, Rules, TemplateFacts, TemplateStatus,
    Verdict, WINDOW_MS, decide,
};
use greenline_policy::number::{Ban, NumberStatus, Restriction, RestrictionKind};
use greenline_policy::pace::Pace;
use greenline_policy::quiet::Quiet;
use greenline_policy::reach::{MessagingLimit, PortfolioFacts, REACH_MS};
use greenline_policy::rule::{Rule, Severity};
use greenline_policy::scope::{Categories, Category, Scope};

/// 29 November 2026.
const NOW: i64 = 20_786 * WINDOW_MS;

/// One case; the default is a marketing template to someone nobody knows.
struct Case {
    intent: Intent,
    head: Head,
    wrote_at_ms: Option<i64>,
    call_until_ms: Option<i64>,
    unsettled_until_ms: Option<i64>,
    place: Place,
    template: TemplateFacts,
    number: NumberFacts,
    rules: Rules,
    reached_at_ms: Option<i64>,
    pace: Pace,
    portfolio: PortfolioFacts,
}

impl Default for Case {
    fn default() -> Self {
        Self {
            intent: Intent::Template,
            head: Head::default(),
            wrote_at_ms: None,
            call_until_ms: None,
            unsettled_until_ms: None,
            place: Place::default(),
            template: TemplateFacts {
                known: true,
                ..TemplateFacts::UNKNOWN
            },
            number: NumberFacts::default(),
            rules: Rules::default(),
            reached_at_ms: None,
            pace: Pace::default(),
            portfolio: PortfolioFacts::default(),
        }
    }
}

impl Case {
    fn decide(&self) -> Decision {
        let person = PersonFacts {
            head: &self.head,
            wrote_at_ms: self.wrote_at_ms,
            call_permission_until_ms: self.call_until_ms,
            unsettled_until_ms: self.unsettled_until_ms,
            place: self.place,
            reached_at_ms: self.reached_at_ms,
            pace: self.pace,
        };
        let facts = Facts {
            people: &[person],
            template: Some(&self.template),
            number: &self.number,
            portfolio: self.portfolio,
        };
        decide(self.intent, &facts, &self.rules, NOW)
    }

    #[track_caller]
    fn refused_by(&self, expected: &[Rule]) {
        let decision = self.decide();
        assert_eq!(decision.verdict, Verdict::Refuse, "{decision:?}");
        let refusing = |rule: &Rule| rule.card().severity != Severity::Note;
        let rules: Vec<Rule> = decision
            .reasons
            .iter()
            .map(|reason| reason.rule)
            .filter(refusing)
            .collect();
        assert_eq!(rules, expected);
        assert_eq!(
            decision.first().map(|reason| reason.rule),
            expected.first().copied()
        );
    }

    #[track_caller]
    fn allowed_by(&self, rule: Rule) {
        let decision = self.decide();
        assert_eq!(decision.verdict, Verdict::Allow, "{decision:?}");
        assert!(
            decision.reasons.iter().any(|reason| reason.rule == rule),
            "{decision:?}"
        );
    }
}

fn says(case: &Case, rule: Rule) -> bool {
    let decision = case.decide();
    decision.reasons.iter().any(|reason| reason.rule == rule)
}

fn standing(category: Category, standing: Standing) -> Head {
    let mut head = Head::default();
    let place = 1 + Category::ALL
        .iter()
        .position(|known| *known == category)
        .unwrap();
    head.base[place] = standing;
    head
}

fn covered(category: Category) -> Head {
    standing(
        category,
        Standing::Covered {
            event: EventId(7),
            at_ms: 0,
            strength: Strength::Evidenced,
        },
    )
}

fn refused(category: Category) -> Head {
    standing(
        category,
        Standing::Refused {
            event: EventId(8),
            at_ms: 0,
        },
    )
}

fn free_form() -> Case {
    Case {
        intent: Intent::FreeForm,
        ..Case::default()
    }
}

#[test]
fn templates_need_cover() {
    Case::default().refused_by(&[Rule::ConsentMissing]);
    Case {
        head: covered(Category::Marketing),
        ..Case::default()
    }
    .allowed_by(Rule::Covered);
    Case {
        head: covered(Category::Utility),
        ..Case::default()
    }
    .refused_by(&[Rule::ConsentMissing]);
    Case {
        head: refused(Category::Marketing),
        ..Case::default()
    }
    .refused_by(&[Rule::OptedOut]);
    let claimed = standing(Category::Marketing, Standing::Claimed { event: EventId(1) });
    Case {
        head: claimed,
        ..Case::default()
    }
    .refused_by(&[Rule::ConsentClaimed]);
    let imported = Standing::Covered {
        event: EventId(1),
        at_ms: 0,
        strength: Strength::Imported,
    };
    Case {
        head: standing(Category::Marketing, imported),
        ..Case::default()
    }
    .allowed_by(Rule::CoveredByImport);
    let vouched = Standing::Covered {
        event: EventId(1),
        at_ms: 0,
        strength: Strength::Vouched,
    };
    Case {
        head: standing(Category::Marketing, vouched),
        ..Case::default()
    }
    .allowed_by(Rule::CoveredByVouching);
}

#[test]
fn the_covering_event_is_named() {
    let decision = Case {
        head: covered(Category::Marketing),
        ..Case::default()
    }
    .decide();
    assert_eq!(
        decision.reasons.iter().find_map(|reason| reason.event),
        Some(EventId(7))
    );
}

#[test]
fn an_ask_is_never_the_first_contact() {
    let ask = || Case {
        template: TemplateFacts {
            is_ask: true,
            known: true,
            ..TemplateFacts::UNKNOWN
        },
        ..Case::default()
    };
    ask().refused_by(&[Rule::AskFirstContact, Rule::ConsentMissing]);
    Case {
        head: covered(Category::Marketing),
        ..ask()
    }
    .allowed_by(Rule::Covered);
    Case {
        head: refused(Category::Marketing),
        ..ask()
    }
    .refused_by(&[Rule::OptedOut]);
    // Opted in to something else is not opted in to the template's own scope.
    Case {
        head: covered(Category::Utility),
        ..ask()
    }
    .refused_by(&[Rule::AskFirstContact, Rule::ConsentMissing]);
}

#[test]
fn an_ask_is_never_the_only_way_out() {
    let shut = |categories: &[Category]| Rules {
        only_notifications: OnlyNotifications::of(categories.iter().copied()),
        ..Rules::default()
    };
    let ask = |rules| Case {
        template: TemplateFacts {
            is_ask: true,
            known: true,
            ..TemplateFacts::UNKNOWN
        },
        head: covered(Category::Marketing),
        rules,
        ..Case::default()
    };
    ask(shut(&Category::ALL)).refused_by(&[Rule::AskOnlyWayOut]);
    ask(shut(&[Category::Marketing])).refused_by(&[Rule::AskOnlyWayOut]);
    // Open for this kind of message is enough.
    ask(shut(&[Category::Utility, Category::Calls])).allowed_by(Rule::Covered);
    // The topic says which kind, whatever the template's category.
    let mut topical = ask(shut(&[Category::Marketing]));
    topical.template.topic = Scope::parse("utility.delivery");
    topical.head = covered(Category::Utility);
    topical.allowed_by(Rule::Covered);
    // What is no ask goes on.
    let mut ordinary = ask(shut(&Category::ALL));
    ordinary.template.is_ask = false;
    ordinary.allowed_by(Rule::Covered);
    // Consent answers first.
    Case {
        head: Head::default(),
        ..ask(shut(&Category::ALL))
    }
    .refused_by(&[
        Rule::AskFirstContact,
        Rule::ConsentMissing,
        Rule::AskOnlyWayOut,
    ]);
}

#[test]
fn a_native_stop_closes_marketing_only() {
    let stopped = |category| {
        let mut head = covered(category);
        head.native_stop = Some((EventId(3), 0));
        let template = TemplateFacts {
            known: true,
            category,
            ..TemplateFacts::UNKNOWN
        };
        Case {
            head,
            template,
            ..Case::default()
        }
    };
    stopped(Category::Marketing).refused_by(&[Rule::NativeStop]);
    stopped(Category::Utility).allowed_by(Rule::Covered);
}

#[test]
fn the_window_lasts_24_hours() {
    Case {
        wrote_at_ms: Some(NOW),
        ..free_form()
    }
    .allowed_by(Rule::WindowOpen);
    Case {
        wrote_at_ms: Some(NOW - WINDOW_MS + 1),
        ..free_form()
    }
    .allowed_by(Rule::WindowOpen);
    Case {
        wrote_at_ms: Some(NOW - WINDOW_MS),
        head: covered(Category::Marketing),
        ..free_form()
    }
    .refused_by(&[Rule::WindowClosed]);
    // The app can cure the window, so that answers; the missing opt-in is listed.
    free_form().refused_by(&[Rule::WindowClosed, Rule::ConsentMissing]);
}

#[test]
fn after_a_stop_nothing_goes_until_the_person_writes() {
    let stopped = || {
        let mut head = refused(Category::Marketing);
        head.freeform_closed = Some((EventId(4), NOW - 10_000));
        Case {
            head,
            wrote_at_ms: Some(NOW - 10_999),
            ..free_form()
        }
    };
    stopped().refused_by(&[Rule::ThreadStopped]);
    Case {
        wrote_at_ms: Some(NOW - 10_000),
        ..stopped()
    }
    .refused_by(&[Rule::ThreadStopped]);
    Case {
        wrote_at_ms: Some(NOW - 9_999),
        ..stopped()
    }
    .allowed_by(Rule::WindowOpen);
    Case {
        intent: Intent::Confirmation,
        ..stopped()
    }
    .allowed_by(Rule::WindowOpen);
    Case {
        intent: Intent::Confirmation,
        wrote_at_ms: None,
        ..stopped()
    }
    .refused_by(&[Rule::WindowClosed, Rule::ConsentMissing]);
}

#[test]
fn templates_in_a_window_are_replies_only_by_choice() {
    let utility = |rules, wrote_at_ms| Case {
        template: TemplateFacts {
            known: true,
            category: Category::Utility,
            ..TemplateFacts::UNKNOWN
        },
        wrote_at_ms,
        rules,
        ..Case::default()
    };
    let choice = Rules {
        window_templates_are_replies: true,
        ..Rules::default()
    };
    utility(Rules::default(), Some(NOW)).refused_by(&[Rule::ConsentMissing]);
    utility(choice, Some(NOW)).allowed_by(Rule::WindowOpen);
    utility(choice, None).refused_by(&[Rule::ConsentMissing]);
    Case {
        head: refused(Category::Utility),
        ..utility(choice, Some(NOW))
    }
    .refused_by(&[Rule::OptedOut]);
    Case {
        template: TemplateFacts {
            known: true,
            ..TemplateFacts::UNKNOWN
        },
        ..utility(choice, Some(NOW))
    }
    .refused_by(&[Rule::ConsentMissing]);
}

#[test]
fn an_unknown_template_counts_as_marketing_and_goes_on_if_covered() {
    let unknown = |head| Case {
        head,
        template: TemplateFacts::UNKNOWN,
        ..Case::default()
    };
    unknown(covered(Category::Marketing)).allowed_by(Rule::TemplateUnknown);
    unknown(covered(Category::Utility)).refused_by(&[Rule::ConsentMissing]);
}

#[test]
fn topics_are_judged_by_name() {
    let offers = Scope::Topic(Category::Marketing, "offers".into());
    let template = TemplateFacts {
        known: true,
        topic: Some(offers.clone()),
        ..TemplateFacts::UNKNOWN
    };
    let mut head = covered(Category::Marketing);
    Case {
        head: head.clone(),
        template: template.clone(),
        ..Case::default()
    }
    .allowed_by(Rule::Covered);
    head.topics.push((
        offers,
        Standing::Refused {
            event: EventId(5),
            at_ms: 0,
        },
    ));
    Case {
        head,
        template,
        ..Case::default()
    }
    .refused_by(&[Rule::OptedOut]);
}

#[test]
fn paused_and_disabled_templates_stay() {
    let with = |status| Case {
        head: covered(Category::Marketing),
        template: TemplateFacts {
            known: true,
            status,
            ..TemplateFacts::UNKNOWN
        },
        ..Case::default()
    };
    with(TemplateStatus::Paused).refused_by(&[Rule::TemplatePaused]);
    with(TemplateStatus::Disabled).refused_by(&[Rule::TemplateDisabled]);
}

#[test]
fn the_number_has_its_say() {
    let template = |number| Case {
        head: covered(Category::Marketing),
        number,
        ..Case::default()
    };
    let reply = |number| Case {
        wrote_at_ms: Some(NOW),
        number,
        ..free_form()
    };
    let status = |status| NumberFacts {
        status,
        ..NumberFacts::default()
    };
    template(status(NumberStatus::Flagged)).allowed_by(Rule::Covered);
    template(status(NumberStatus::Restricted)).refused_by(&[Rule::LimitReached]);
    reply(status(NumberStatus::Restricted)).allowed_by(Rule::WindowOpen);
    reply(status(NumberStatus::Banned)).refused_by(&[Rule::NumberBanned]);
    template(NumberFacts {
        ban: Ban::Scheduled,
        ..NumberFacts::default()
    })
    .allowed_by(Rule::Covered);
    reply(NumberFacts {
        ban: Ban::Disabled,
        ..NumberFacts::default()
    })
    .refused_by(&[Rule::NumberBanned]);
    reply(NumberFacts {
        locked: true,
        ..NumberFacts::default()
    })
    .refused_by(&[Rule::AccountLocked]);
    let restricted = |kind, until_ms| NumberFacts {
        restrictions: vec![Restriction {
            kind,
            until_ms: Some(until_ms),
        }],
        ..NumberFacts::default()
    };
    template(restricted(RestrictionKind::BusinessInitiated, NOW + 1))
        .refused_by(&[Rule::NumberRestricted]);
    template(restricted(RestrictionKind::BusinessInitiated, NOW)).allowed_by(Rule::Covered);
    reply(restricted(RestrictionKind::BusinessInitiated, NOW + 1)).allowed_by(Rule::WindowOpen);
    reply(restricted(RestrictionKind::CustomerInitiated, NOW + 1))
        .refused_by(&[Rule::NumberRestricted]);
    template(restricted(RestrictionKind::Unknown, NOW + 1)).refused_by(&[Rule::NumberRestricted]);
    reply(restricted(RestrictionKind::Unknown, NOW + 1)).allowed_by(Rule::WindowOpen);
    let until = template(restricted(RestrictionKind::BusinessInitiated, NOW + 1))
        .decide()
        .first()
        .unwrap()
        .until_ms;
    assert_eq!(until, Some(NOW + 1));
}

#[test]
fn calls_need_cover_and_a_live_permission() {
    let call = |head, call_until_ms| Case {
        intent: Intent::Call,
        head,
        call_until_ms,
        ..Case::default()
    };
    call(covered(Category::Calls), Some(NOW + 1)).allowed_by(Rule::Covered);
    call(covered(Category::Calls), Some(NOW)).refused_by(&[Rule::CallPermission]);
    call(covered(Category::Marketing), Some(NOW + 1)).refused_by(&[Rule::ConsentMissing]);
    call(refused(Category::Calls), None).refused_by(&[Rule::OptedOut, Rule::CallPermission]);
}

#[test]
fn an_unsettled_send_waits() {
    let with = |until| Case {
        wrote_at_ms: Some(NOW),
        unsettled_until_ms: Some(until),
        ..free_form()
    };
    with(NOW + 1).refused_by(&[Rule::SendUnsettled]);
    with(NOW).allowed_by(Rule::WindowOpen);
}

#[test]
fn permanent_reasons_answer_before_passing_ones() {
    let mut head = refused(Category::Marketing);
    head.native_stop = Some((EventId(2), 0));
    let template = TemplateFacts {
        known: true,
        status: TemplateStatus::Paused,
        ..TemplateFacts::UNKNOWN
    };
    let number = NumberFacts {
        status: NumberStatus::Restricted,
        ..NumberFacts::default()
    };
    Case {
        head,
        template,
        number,
        ..Case::default()
    }
    .refused_by(&[
        Rule::OptedOut,
        Rule::NativeStop,
        Rule::LimitReached,
        Rule::TemplatePaused,
    ]);
}

#[test]
fn both_addressees_must_be_allowed() {
    let (yes, no) = (covered(Category::Marketing), Head::default());
    let person = |head| PersonFacts {
        head,
        wrote_at_ms: None,
        call_permission_until_ms: None,
        unsettled_until_ms: None,
        place: Place::default(),
        reached_at_ms: None,
        pace: Pace::default(),
    };
    let template = TemplateFacts {
        known: true,
        ..TemplateFacts::UNKNOWN
    };
    let number = NumberFacts::default();
    let verdict = |people: &[PersonFacts<'_>]| {
        let facts = Facts {
            people,
            template: Some(&template),
            number: &number,
            portfolio: PortfolioFacts::default(),
        };
        decide(Intent::Template, &facts, &Rules::default(), NOW).verdict
    };
    assert_eq!(verdict(&[person(&yes), person(&yes)]), Verdict::Allow);
    assert_eq!(verdict(&[person(&yes), person(&no)]), Verdict::Refuse);
}

fn of_category(category: Category) -> Case {
    Case {
        head: covered(category),
        template: TemplateFacts {
            known: true,
            category,
            ..TemplateFacts::UNKNOWN
        },
        ..Case::default()
    }
}

#[test]
fn no_marketing_goes_to_the_united_states() {
    let to = |code: &str, category| Case {
        place: Place {
            country: Country::parse(code).unwrap(),
            ..Place::default()
        },
        ..of_category(category)
    };
    to("US", Category::Marketing).refused_by(&[Rule::CountryUsMarketing]);
    for code in ["CA", "PR", "JM", "GB"] {
        to(code, Category::Marketing).allowed_by(Rule::Covered);
    }
    to("US", Category::Utility).allowed_by(Rule::Covered);
    to("US", Category::Authentication).allowed_by(Rule::Covered);
    // The platform goes by its own category, whatever the topic.
    let mut topical = to("US", Category::Marketing);
    topical.template.topic = Scope::parse("utility.orders");
    topical.head = covered(Category::Utility);
    topical.refused_by(&[Rule::CountryUsMarketing]);
    // An open window changes nothing; consent answers first; what answers is never closed.
    Case {
        wrote_at_ms: Some(NOW),
        ..to("US", Category::Marketing)
    }
    .refused_by(&[Rule::CountryUsMarketing]);
    Case {
        head: Head::default(),
        ..to("US", Category::Marketing)
    }
    .refused_by(&[Rule::ConsentMissing, Rule::CountryUsMarketing]);
    Case {
        intent: Intent::FreeForm,
        wrote_at_ms: Some(NOW),
        ..to("US", Category::Marketing)
    }
    .allowed_by(Rule::WindowOpen);
}

#[test]
fn a_country_is_closed_to_the_kinds_that_the_business_names() {
    let closed = |kinds: &[Category], case: Case| Case {
        place: Place {
            closed: Categories::of(kinds.iter().copied()),
            ..Place::default()
        },
        ..case
    };
    let all = &Category::ALL;
    for category in [
        Category::Marketing,
        Category::Utility,
        Category::Authentication,
    ] {
        closed(&[category], of_category(category)).refused_by(&[Rule::CountryClosed]);
        let others: Vec<Category> = all.iter().copied().filter(|c| *c != category).collect();
        closed(&others, of_category(category)).allowed_by(Rule::Covered);
    }
    // A topic of a closed kind is closed with it.
    let mut topical = closed(&[Category::Marketing], of_category(Category::Utility));
    topical.template.topic = Scope::parse("marketing.offers");
    topical.head = covered(Category::Marketing);
    topical.refused_by(&[Rule::CountryClosed]);
    let call = || Case {
        intent: Intent::Call,
        call_until_ms: Some(NOW + 1),
        ..of_category(Category::Calls)
    };
    closed(&[Category::Calls], call()).refused_by(&[Rule::CountryClosed]);
    closed(&[Category::Marketing], call()).allowed_by(Rule::Covered);
    // Also where a template counts as a reply; a message in the window always goes.
    let mut reply = closed(all, of_category(Category::Utility));
    reply.rules.window_templates_are_replies = true;
    reply.wrote_at_ms = Some(NOW);
    reply.refused_by(&[Rule::CountryClosed]);
    let answer = Case {
        wrote_at_ms: Some(NOW),
        ..free_form()
    };
    closed(all, answer).allowed_by(Rule::WindowOpen);
}

#[test]
fn quiet_hours_hold_what_begins_and_never_what_answers() {
    let until = |end_ms: i64, case: Case| Case {
        place: Place {
            quiet: Quiet::from_ends_ms([end_ms; Category::ALL.len()]),
            ..Place::default()
        },
        ..case
    };
    let offer = || of_category(Category::Marketing);
    until(NOW + 1, offer()).refused_by(&[Rule::QuietHours]);
    until(NOW, offer()).allowed_by(Rule::Covered);
    let first = until(NOW + 1, offer()).decide().reasons[0];
    assert_eq!(first.until_ms, Some(NOW + 1));
    let endless = until(i64::MAX, offer()).decide().reasons[0];
    assert_eq!((endless.rule, endless.until_ms), (Rule::QuietHours, None));
    // Only the kinds that it is about.
    let night = Quiet::from_ends_ms([NOW + 5, i64::MIN, NOW + 9, i64::MIN]);
    let by_kind = |case: Case| Case {
        place: Place {
            quiet: night,
            ..Place::default()
        },
        ..case
    };
    by_kind(offer()).refused_by(&[Rule::QuietHours]);
    by_kind(of_category(Category::Utility)).allowed_by(Rule::Covered);
    by_kind(of_category(Category::Authentication)).refused_by(&[Rule::QuietHours]);
    let mut topical = by_kind(of_category(Category::Utility));
    topical.template.topic = Scope::parse("marketing.offers");
    topical.head = covered(Category::Marketing);
    topical.refused_by(&[Rule::QuietHours]);
    // Marketing is no reply, a template that counts as one is.
    let in_window = |case: Case| Case {
        wrote_at_ms: Some(NOW),
        ..until(NOW + 1, case)
    };
    in_window(offer()).refused_by(&[Rule::QuietHours]);
    in_window(of_category(Category::Utility)).refused_by(&[Rule::QuietHours]);
    let mut reply = in_window(of_category(Category::Utility));
    reply.rules.window_templates_are_replies = true;
    reply.allowed_by(Rule::WindowOpen);
    in_window(free_form()).allowed_by(Rule::WindowOpen);
    in_window(Case {
        intent: Intent::Confirmation,
        ..Case::default()
    })
    .allowed_by(Rule::WindowOpen);
    // What is permanent answers first.
    Case {
        head: Head::default(),
        ..until(NOW + 1, offer())
    }
    .refused_by(&[Rule::ConsentMissing, Rule::QuietHours]);
}

#[test]
fn every_rule_is_complete() {
    for rule in Rule::ALL {
        let card = rule.card();
        assert_eq!(Rule::parse(card.id), Some(*rule));
        assert!(
            card.text.ends_with('.') && !card.sources.is_empty(),
            "{}",
            card.id
        );
        assert_eq!(
            card.remedy.is_empty(),
            matches!(rule, Rule::Covered | Rule::WindowOpen),
            "{}",
            card.id
        );
        let remedy = card.remedy.to_lowercase();
        for evasion in ["relabel", "another number", "other number", "as utility"] {
            assert!(!remedy.contains(evasion), "{} recommends evasion", card.id);
        }
    }
}

/// A covered marketing template of a portfolio that has reached so many of so many people.
fn limited(limit: u32, reached: u32) -> Case {
    Case {
        portfolio: PortfolioFacts {
            limit: Some(MessagingLimit::People(limit)),
            reached,
            frees_at_ms: Some(NOW + 5),
        },
        ..of_category(Category::Marketing)
    }
}

#[test]
fn the_portfolio_reaches_as_many_people_as_its_limit_allows_and_no_more() {
    let verdict = |case: &Case| case.decide().verdict;
    assert_eq!(verdict(&limited(1_000, 999)), Verdict::Allow);
    let full = limited(1_000, 1_000);
    full.refused_by(&[Rule::LimitPortfolio]);
    assert_eq!(full.decide().reasons[0].until_ms, Some(NOW + 5));
    limited(1_000, 5_000).refused_by(&[Rule::LimitPortfolio]);
    for limit in [None, Some(MessagingLimit::Unlimited)] {
        let mut case = limited(0, u32::MAX);
        case.portfolio.limit = limit;
        assert_eq!(verdict(&case), Verdict::Allow);
        case.rules.portfolio_limit = Some(7);
        case.refused_by(&[Rule::LimitPortfolio]);
    }
    for (platform, own, reached, allowed) in
        [(10, 5, 5, false), (10, 5, 4, true), (5, 10, 5, false)]
    {
        let mut case = limited(platform, reached);
        case.rules.portfolio_limit = Some(own);
        assert_eq!(verdict(&case) == Verdict::Allow, allowed);
    }
}

#[test]
fn who_is_reached_already_takes_no_place_until_24_hours_are_over() {
    for (ago, allowed) in [
        (0, true),
        (REACH_MS - 1, true),
        (REACH_MS, false),
        (REACH_MS + 1, false),
    ] {
        let mut case = limited(10, 10);
        case.reached_at_ms = Some(NOW - ago);
        assert_eq!(case.decide().verdict == Verdict::Allow, allowed, "{ago}");
    }
}

#[test]
fn what_goes_in_an_open_window_takes_no_place() {
    for (ago, allowed) in [(0, true), (WINDOW_MS - 1, true), (WINDOW_MS, false)] {
        let mut case = limited(10, 10);
        case.wrote_at_ms = Some(NOW - ago);
        assert_eq!(case.decide().verdict == Verdict::Allow, allowed, "{ago}");
    }
    let mut call = limited(10, 10);
    call.intent = Intent::Call;
    call.head = covered(Category::Calls);
    call.call_until_ms = Some(NOW + 1);
    assert_eq!(call.decide().verdict, Verdict::Allow);
    let mut reply = limited(10, 10);
    reply.intent = Intent::FreeForm;
    reply.wrote_at_ms = Some(NOW - 1);
    assert_eq!(reply.decide().verdict, Verdict::Allow);
}

#[test]
fn a_template_to_two_people_needs_two_places() {
    let yes = covered(Category::Marketing);
    let person = |reached_at_ms| PersonFacts {
        reached_at_ms,
        ..PersonFacts::of(&yes)
    };
    let template = TemplateFacts {
        known: true,
        ..TemplateFacts::UNKNOWN
    };
    let verdict = |people: &[PersonFacts<'_>], reached| {
        let facts = Facts {
            people,
            template: Some(&template),
            number: &NumberFacts::default(),
            portfolio: limited(10, reached).portfolio,
        };
        decide(Intent::Template, &facts, &Rules::default(), NOW).verdict
    };
    let (new, known) = (person(None), person(Some(NOW - 1)));
    assert_eq!(verdict(&[new, new], 8), Verdict::Allow);
    assert_eq!(verdict(&[new, new], 9), Verdict::Refuse);
    assert_eq!(verdict(&[new, known], 9), Verdict::Allow);
    assert_eq!(verdict(&[known, known], 10), Verdict::Allow);
}

#[test]
fn before_7_october_2025_the_limit_was_not_the_portfolios() {
    let begins = 1_759_795_200_000;
    let case = limited(10, 10);
    let person = PersonFacts::of(&case.head);
    for (at_ms, verdict) in [(begins - 1, Verdict::Allow), (begins, Verdict::Refuse)] {
        let facts = Facts {
            people: &[person],
            template: Some(&case.template),
            number: &case.number,
            portfolio: case.portfolio,
        };
        assert_eq!(
            decide(Intent::Template, &facts, &case.rules, at_ms).verdict,
            verdict
        );
    }
}

#[test]
fn a_cap_binds_what_begins_something_until_its_very_end() {
    let until = |left: i64| Case {
        head: covered(Category::Marketing),
        pace: Pace {
            capped_until_ms: Some(NOW + left),
            ..Pace::default()
        },
        ..Case::default()
    };
    for (left, binds) in [(-1, false), (0, false), (1, true)] {
        let case = until(left);
        if binds {
            case.refused_by(&[Rule::FrequencyCap]);
            assert_eq!(case.decide().first().unwrap().until_ms, Some(NOW + left));
        } else {
            case.allowed_by(Rule::Covered);
        }
    }
    // What answers is not bound, be it a template or not.
    let mut reply = until(1);
    reply.wrote_at_ms = Some(NOW - 1);
    reply.intent = Intent::FreeForm;
    reply.allowed_by(Rule::WindowOpen);
    reply.intent = Intent::Template;
    reply.template.category = Category::Utility;
    reply.head = covered(Category::Utility);
    reply.refused_by(&[Rule::FrequencyCap]);
    reply.rules.window_templates_are_replies = true;
    reply.allowed_by(Rule::WindowOpen);
    // A call is.
    let mut call = until(1);
    call.intent = Intent::Call;
    call.head = covered(Category::Calls);
    call.call_until_ms = Some(NOW + 1);
    call.refused_by(&[Rule::FrequencyCap]);
}

#[test]
fn the_platforms_bound_concerns_marketing_alone_and_is_no_opt_out() {
    let until = |left: i64| Case {
        head: covered(Category::Marketing),
        pace: Pace {
            limited_until_ms: Some(NOW + left),
            ..Pace::default()
        },
        ..Case::default()
    };
    until(0).allowed_by(Rule::Covered);
    until(1).refused_by(&[Rule::LimitPerUser]);
    let decision = until(1).decide();
    assert_eq!(decision.first().unwrap().until_ms, Some(NOW + 1));
    let covered_still = decision.reasons.iter().any(|r| r.rule == Rule::Covered);
    assert!(covered_still, "{decision:?}");
    for category in [Category::Utility, Category::Authentication] {
        let mut other = until(1);
        other.head = covered(category);
        other.template.category = category;
        other.allowed_by(Rule::Covered);
    }
}

#[test]
fn the_platforms_bound_began_in_february_2024() {
    let began_ms = 1_707_177_600_000;
    let head = covered(Category::Marketing);
    let person = PersonFacts {
        pace: Pace {
            limited_until_ms: Some(i64::MAX),
            ..Pace::default()
        },
        ..PersonFacts::of(&head)
    };
    let template = TemplateFacts {
        known: true,
        ..TemplateFacts::UNKNOWN
    };
    let facts = Facts {
        people: &[person],
        template: Some(&template),
        number: &NumberFacts::default(),
        portfolio: PortfolioFacts::default(),
    };
    let verdict = |at_ms| decide(Intent::Template, &facts, &Rules::default(), at_ms).verdict;
    assert_eq!(verdict(began_ms - 1), Verdict::Allow);
    assert_eq!(verdict(began_ms), Verdict::Refuse);
}
