//! Why a decision was another than the plan's, as far as the two lists of rules tell.

use greenline_ledger::types::DecisionRecord;
use greenline_policy::decide::Verdict;
use greenline_policy::rule::{Rule, Severity};

/// Why.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum Because {
    /// A no came.
    Stopped,
    /// A yes came.
    Agreed,
    /// The person is known under another number now.
    Moved,
    /// A yes does not do any more.
    YesEnded,
    /// Others took the room.
    LimitUsedUp,
    /// Other messages came before.
    WrittenMeanwhile,
    /// It was sent at another hour.
    OtherHour,
    /// The same message waits for its outcome.
    OutcomeAwaited,
    /// The number or its account stands otherwise.
    NumberChanged,
    /// So does the template.
    TemplateChanged,
    /// The business or a country has another rule.
    RulesChanged,
    /// The platform's rules did.
    PackChanged,
    /// It was in the way for a time.
    Passed,
    /// It cannot be told.
    Unknown,
}

impl Because {
    /// Its name.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Stopped => "stopped_since",
            Self::Agreed => "agreed_since",
            Self::Moved => "moved_since",
            Self::YesEnded => "yes_ended",
            Self::LimitUsedUp => "limit_used_up",
            Self::WrittenMeanwhile => "written_meanwhile",
            Self::OtherHour => "other_hour",
            Self::OutcomeAwaited => "outcome_awaited",
            Self::NumberChanged => "number_changed",
            Self::TemplateChanged => "template_changed",
            Self::RulesChanged => "rules_changed",
            Self::PackChanged => "pack_changed",
            Self::Passed => "passed",
            Self::Unknown => "unknown",
        }
    }

    /// A sentence.
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Stopped => "The person has said no since.",
            Self::Agreed => "The person has agreed since.",
            Self::Moved => {
                "The person is known under another number since, and the yes is not confirmed there."
            }
            Self::YesEnded => "The yes does not cover it any more.",
            Self::LimitUsedUp => "The messaging limit was used up.",
            Self::WrittenMeanwhile => "The person got other messages meanwhile.",
            Self::OtherHour => "It was sent at another hour than it was planned for.",
            Self::OutcomeAwaited => "The same message was still waiting for its outcome.",
            Self::NumberChanged => "The number or its account stands otherwise.",
            Self::TemplateChanged => "The template stands otherwise.",
            Self::RulesChanged => "Another rule of the business or of a country counted.",
            Self::PackChanged => "The platform’s rules have changed.",
            Self::Passed => "What was in the way has passed.",
            Self::Unknown => "The cause cannot be told from the rules.",
        }
    }
}

fn is_blocker(rule: Rule) -> bool {
    rule.card().severity != Severity::Note
}

/// The family of a rule: what stands before the dot.
fn family(id: &str) -> &str {
    id.split('.').next().unwrap_or(id)
}

/// What came into the way.
fn came(id: &str) -> Because {
    match id {
        "consent.opted_out" | "consent.native_stop" | "consent.thread_stopped" => Because::Stopped,
        "consent.unconfirmed" => Because::Moved,
        "limit.per_user" => Because::WrittenMeanwhile,
        _ => match family(id) {
            "consent" => Because::YesEnded,
            "limit" => Because::LimitUsedUp,
            "frequency" | "pace" => Because::WrittenMeanwhile,
            "quiet_hours" => Because::OtherHour,
            "send" => Because::OutcomeAwaited,
            "number" | "account" | "guard" => Because::NumberChanged,
            "template" => Because::TemplateChanged,
            "business" | "country" | "ask" => Because::RulesChanged,
            _ => Because::Unknown,
        },
    }
}

/// What went out of the way.
fn went(id: &str) -> Because {
    match family(id) {
        "consent" => Because::Agreed,
        "quiet_hours" => Because::OtherHour,
        "number" | "account" | "guard" => Because::NumberChanged,
        "template" => Because::TemplateChanged,
        "business" | "country" | "ask" => Because::RulesChanged,
        _ => Because::Passed,
    }
}

/// Why a decision is another than what a plan says, which rested on `then`, was made by that pack and for that moment.
pub(super) fn because(then: &str, record: &DecisionRecord, (pack, at_ms): (&str, i64)) -> Because {
    let then: Vec<&str> = then.split_ascii_whitespace().collect();
    let known = |id: &str| Rule::ALL.iter().copied().find(|rule| rule.id() == id);
    let reasons = &record.decision.reasons;
    // A rule that was in force at one moment only.
    let is_new = |rule: Rule| {
        let card = rule.card();
        card.is_in_force(record.at_ms) != card.is_in_force(at_ms)
    };
    let (rule, found) = if record.decision.verdict == Verdict::Allow {
        let gone = then.iter().filter(|id| {
            !reasons.iter().any(|reason| reason.rule.id() == **id)
                && known(id).is_none_or(is_blocker)
        });
        let gone = gone.copied().next();
        (gone.and_then(known), gone.map_or(Because::Unknown, went))
    } else {
        let blockers = || {
            reasons
                .iter()
                .map(|reason| reason.rule)
                .filter(|rule| is_blocker(*rule))
        };
        let new = blockers().find(|rule| !then.contains(&rule.id()));
        let rule = new.or_else(|| blockers().next());
        (rule, rule.map_or(Because::Unknown, |rule| came(rule.id())))
    };
    if rule.is_some_and(is_new) || (found == Because::Unknown && *record.pack != *pack) {
        return Because::PackChanged;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_that_can_be_in_the_way_says_why() {
        for rule in Rule::ALL.iter().filter(|rule| is_blocker(**rule)) {
            // An open window is no matter of templates, nor is a permission to call.
            let id = rule.id();
            let is_other = ["window", "call"].contains(&family(id));
            assert_eq!(came(id) == Because::Unknown, is_other, "{id}");
        }
    }

    #[test]
    fn names_and_sentences_are_told_apart() {
        let stops = ["consent.opted_out", "consent.native_stop"];
        assert!(stops.into_iter().all(|id| came(id) == Because::Stopped));
        assert_eq!(came("limit.portfolio"), Because::LimitUsedUp);
        assert_eq!(went("consent.missing"), Because::Agreed);
        assert_eq!(went("frequency.cap"), Because::Passed);
        assert_eq!(Because::Stopped.as_str(), "stopped_since");
        assert!(Because::Stopped.text().ends_with('.'));
    }
}
