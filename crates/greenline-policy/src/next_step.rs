//! The one thing to do next when a message may not go.
//!
//! A refusal lists every rule that is in the way, each with a remedy of its own. Some remedies are worth nothing
//! before others: nobody needs a new template for a person who said no. [`next_step`] looks at all blockers
//! together and names the cheapest legitimate step, the one that must come first. It only ever waits, asks for
//! what is missing, or leaves the person alone: never another category, never another number.

use crate::decide::{Decision, Reason, Verdict};
use crate::rule::{Rule, Severity};

/// What to do next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NextStep {
    /// The blocker that it is about.
    pub rule: Rule,
    /// What to do, one or two sentences.
    pub text: &'static str,
    /// Until when to wait, where waiting is all there is to do and the end is known. Unix milliseconds.
    pub until_ms: Option<i64>,
    /// Blockers that are still there afterwards, in the order in which they come next.
    pub then: Vec<Rule>,
}

/// One message of the person's ends both the closed window and the lack of an opt-in for the answer to it.
const LET_THEM_WRITE: &str = "Wait until the person writes to this number and answer then. To write first, ask for the opt-in outside of notifications and send an approved template that it covers.";

/// The order in which blockers have to be dealt with.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Turn {
    /// The person has said no, or nothing of the kind may go to them at all: everything else is idle.
    LeaveAlone,
    /// The person has to write first.
    LetThemWrite,
    /// Nothing goes to anybody.
    GetNumberBack,
    /// A way out has to be open before anybody is asked.
    OpenWayOut,
    /// A yes is missing, or what makes it count.
    GetYes,
    /// The call permission is asked for in a window.
    GetCallPermission,
    /// What is to be sent has to be made anew.
    MakeTemplate,
    /// It passes by itself.
    Wait,
    /// The form of the message does not fit the moment.
    FitWindow,
}

fn turn(rule: Rule) -> Option<Turn> {
    Some(match rule {
        Rule::OptedOut
        | Rule::NativeStop
        | Rule::CountryUsMarketing
        | Rule::CountryClosed
        | Rule::BusinessRule => Turn::LeaveAlone,
        Rule::ThreadStopped => Turn::LetThemWrite,
        Rule::NumberBanned | Rule::AccountLocked | Rule::NumberOffline | Rule::AccountPayment => {
            Turn::GetNumberBack
        }
        Rule::AskOnlyWayOut => Turn::OpenWayOut,
        Rule::ConsentMissing
        | Rule::ConsentClaimed
        | Rule::ConsentUnconfirmed
        | Rule::ConsentExpired
        | Rule::AskFirstContact => Turn::GetYes,
        Rule::CallPermission => Turn::GetCallPermission,
        Rule::TemplateDisabled => Turn::MakeTemplate,
        Rule::NumberRestricted
        | Rule::UtilityRestricted
        | Rule::NumberUnread
        | Rule::AccountUnclear
        | Rule::LimitReached
        | Rule::LimitSpam
        | Rule::LimitUtility
        | Rule::LimitPortfolio
        | Rule::TemplatePaused
        | Rule::GuardQuality
        | Rule::FrequencyCap
        | Rule::LimitPerUser
        | Rule::QuietHours
        | Rule::PacePair
        | Rule::SendUnsettled => Turn::Wait,
        Rule::WindowClosed => Turn::FitWindow,
        _ => return None,
    })
}

/// Whether the only thing to do about a blocker is to leave the person alone.
#[must_use]
pub fn leaves_alone(rule: Rule) -> bool {
    turn_or_wait(rule) == Turn::LeaveAlone
}

/// A rule that nobody has put in its place yet: what is permanent is left alone, what passes is waited for.
fn turn_or_wait(rule: Rule) -> Turn {
    turn(rule).unwrap_or(match rule.card().severity {
        Severity::Permanent => Turn::LeaveAlone,
        Severity::Passing | Severity::Note => Turn::Wait,
    })
}

/// Within one turn the cheapest comes first: somebody vouches sooner than the person renews, and renews sooner than
/// they say a first yes.
fn cost(rule: Rule) -> u8 {
    match rule {
        Rule::ConsentClaimed => 0,
        Rule::ConsentUnconfirmed => 1,
        Rule::ConsentExpired => 2,
        Rule::ConsentMissing => 3,
        Rule::AskFirstContact => 4,
        _ => 0,
    }
}

fn is_absent_yes(rule: Rule) -> bool {
    turn(rule) == Some(Turn::GetYes)
}

/// The cheapest legitimate next step over all blockers of a decision together; `None` when nothing is in the way.
#[must_use]
pub fn next_step(decision: &Decision) -> Option<NextStep> {
    if decision.verdict == Verdict::Allow {
        return None;
    }
    let mut blockers: Vec<Reason> = decision
        .reasons
        .iter()
        .filter(|reason| reason.rule.card().severity != Severity::Note)
        .copied()
        .collect();
    blockers.sort_by_key(|reason| (turn_or_wait(reason.rule), cost(reason.rule), *reason));
    let is_shut = blockers
        .iter()
        .any(|reason| reason.rule == Rule::WindowClosed);
    let only_the_window = is_shut
        && blockers
            .iter()
            .all(|reason| reason.rule == Rule::WindowClosed || is_absent_yes(reason.rule));
    let first = *blockers.first()?;
    let (rule, text) = match turn_or_wait(first.rule) {
        Turn::GetYes if only_the_window => (Rule::WindowClosed, LET_THEM_WRITE),
        Turn::Wait => {
            let longest = longest_wait(&blockers).unwrap_or(first);
            (longest.rule, longest.rule.card().remedy)
        }
        _ => (first.rule, first.rule.card().remedy),
    };
    let until_ms = match turn_or_wait(rule) {
        Turn::Wait => longest_wait(&blockers).and_then(|reason| reason.until_ms),
        _ => None,
    };
    let mut then: Vec<Rule> = Vec::new();
    for reason in &blockers {
        if !is_done_by(reason.rule, rule, is_shut) && !then.contains(&reason.rule) {
            then.push(reason.rule);
        }
    }
    Some(NextStep {
        rule,
        text,
        until_ms,
        then,
    })
}

/// The wait that all others pass within: one without a known end, else the one that ends last.
fn longest_wait(blockers: &[Reason]) -> Option<Reason> {
    blockers
        .iter()
        .filter(|reason| turn_or_wait(reason.rule) == Turn::Wait)
        .max_by_key(|reason| {
            (
                reason.until_ms.unwrap_or(i64::MAX),
                std::cmp::Reverse(**reason),
            )
        })
        .copied()
}

/// Whether the step about `by` deals with this blocker too.
fn is_done_by(blocker: Rule, by: Rule, is_shut: bool) -> bool {
    let (mine, its) = (turn_or_wait(blocker), turn_or_wait(by));
    match its {
        // What the person writes opens the window, and inside it an answer needs no opt-in.
        Turn::LetThemWrite | Turn::FitWindow => {
            blocker == by || mine == Turn::FitWindow || (is_shut && mine == Turn::GetYes)
        }
        Turn::GetYes | Turn::Wait => mine == its,
        _ => blocker == by,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_blocker_has_its_turn() {
        for rule in Rule::ALL {
            let blocks = rule.card().severity != Severity::Note;
            assert_eq!(turn(*rule).is_some(), blocks, "{}", rule.id());
        }
    }
}
