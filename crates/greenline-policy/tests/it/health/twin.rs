//! The same answers in the most obvious way: every question goes through all that was told, and each thing in the way
//! is a sentence of its own.

use greenline_policy::health::state::{
    AccountStatus, BanTold, EntityKind, Fact, Health, Review, Sending, Told,
};
use greenline_policy::health::{Can, State, What};
use greenline_policy::number::NumberStatus;
use greenline_policy::reach::MessagingLimit;

use Can::{No, Unknown, Yes};

const DAY: i64 = 24 * 60 * 60 * 1_000;
/// 7 October 2025 and 1 October 2026.
const PORTFOLIOS: i64 = 1_759_795_200_000;
const REPLIES_COST: i64 = 1_790_812_800_000;

/// Starts, replies, receiving; the other rows are left alone.
fn of(what: What, starts: Can, reply: Can, receive: Can) -> Can {
    match what {
        What::Reply => reply,
        What::Receive => receive,
        What::Call | What::ReceiveCall | What::AddNumber => Yes,
        _ => starts,
    }
}

fn last<'a>(told: &[&'a Fact], is_it: impl Fn(&Told) -> bool) -> Option<&'a Fact> {
    let found = told.iter().copied().filter(|fact| is_it(&fact.told));
    found.max_by_key(|fact| fact.at_ms)
}

fn account_available(health: &Health) -> bool {
    let accounts: Vec<_> = health
        .entities
        .iter()
        .filter(|entity| entity.kind == EntityKind::Account)
        .collect();
    match accounts.is_empty() {
        true => health.overall == Sending::Available,
        false => accounts
            .iter()
            .all(|entity| entity.sending == Sending::Available),
    }
}

pub(super) fn can(state: &State, what: What, at_ms: i64) -> Can {
    let told: Vec<&Fact> = state
        .facts
        .iter()
        .filter(|fact| fact.at_ms <= at_ms && fact.at_ms <= state.as_of_ms)
        .collect();
    let read_after = |moment: i64| {
        told.iter().any(|fact| {
            fact.at_ms > moment
                && matches!(&fact.told, Told::Health(health) if account_available(health))
        })
    };
    let back_after = |moment: i64| {
        let back = Told::Ban(BanTold::Reinstated);
        told.iter()
            .any(|fact| fact.at_ms > moment && fact.told == back)
    };
    let after = |moment: i64, wanted: Told| {
        told.iter()
            .any(|fact| fact.at_ms > moment && fact.told == wanted)
    };
    let health = last(&told, |told| matches!(told, Told::Health(_)));
    let health = health.map(|fact| match &fact.told {
        Told::Health(health) => (health, fact.at_ms),
        _ => unreachable!("looked for a read"),
    });
    let says_available = health.is_some_and(|(health, _)| health.overall == Sending::Available);
    let mut answers = vec![];
    // A number that is not there cannot be called either.
    let gone = if what == What::AddNumber { Yes } else { No };

    // The number's status; where it says nothing, the read of its health.
    let status = last(&told, |told| matches!(told, Told::Status(_)));
    answers.push(match status.map(|fact| &fact.told) {
        Some(Told::Status(NumberStatus::Connected | NumberStatus::Flagged)) => Yes,
        Some(Told::Status(NumberStatus::Restricted)) => of(what, No, Yes, Yes),
        Some(Told::Status(NumberStatus::RateLimited)) => of(what, Unknown, Unknown, Unknown),
        Some(Told::Status(NumberStatus::Other | NumberStatus::Unknown)) | None => {
            match says_available {
                true => of(what, Yes, Yes, Unknown),
                false => of(what, Unknown, Unknown, Unknown),
            }
        }
        Some(_) => gone,
    });

    // Calls are never known to go, numbers only by the cap.
    if matches!(what, What::Call | What::ReceiveCall) {
        answers.push(Unknown);
    }
    if what == What::AddNumber {
        let cap = last(&told, |told| matches!(told, Told::Numbers { .. }));
        answers.push(match cap.map(|fact| &fact.told) {
            Some(Told::Numbers { held, most }) if held < most => Yes,
            Some(_) => No,
            None => Unknown,
        });
    }

    // Restrictions, each word by itself.
    let newest = |word: &str| {
        let of_word = |told: &Told| match told {
            Told::Restricted { named, .. } | Told::Lifted { named } => **named == *word,
            _ => false,
        };
        let latest = last(&told, of_word)?.at_ms;
        // Of one moment: no end, else the latest end, else that it was lifted.
        let ends: Vec<Option<i64>> = told
            .iter()
            .filter(|fact| fact.at_ms == latest && of_word(&fact.told))
            .filter_map(|fact| match &fact.told {
                Told::Restricted { until_ms, .. } => Some(*until_ms),
                _ => None,
            })
            .collect();
        let end = match ends.contains(&None) {
            true => None,
            false => Some(ends.into_iter().flatten().max()?),
        };
        (end.is_some() || !back_after(latest)).then_some(end)
    };
    let in_force = |word: &str| newest(word).is_some_and(|end| end.is_none_or(|end| end > at_ms));
    let mut words: Vec<&str> = vec![];
    for fact in &told {
        if let Told::Restricted { named, .. } = &fact.told {
            words.push(named);
        }
    }
    let no_templates = in_force("RESTRICTED_BIZ_INITIATED_MESSAGING");
    for word in words {
        let starts = what.starts();
        let closes = match word {
            "RESTRICTED_BIZ_INITIATED_MESSAGING" if starts => Some(No),
            // It may keep new numbers out too.
            "RESTRICTED_BIZ_INITIATED_MESSAGING" => (what == What::AddNumber).then_some(Unknown),
            "RESTRICTED_CUSTOMER_INITIATED_MESSAGING" => (what == What::Reply).then_some(No),
            "RESTRICTED_ADD_PHONE_NUMBER_ACTION" | "RESTRICTION_ON_ADD_PHONE_NUMBER_ACTION" => {
                (what == What::AddNumber).then_some(No)
            }
            "RESTRICTED_UTILITY_TEMPLATES" => (what == What::StartUtility).then_some(No),
            "RATE_LIMITED_UTILITY_TEMPLATE_MESSAGING" => {
                (what == What::StartUtility).then_some(Unknown)
            }
            "RESTRICTED_DIRECT_SEND_UTILITY_TEMPLATES" => None,
            "RESTRICTED_BUSINESS_INITIATED_CALLING" => (what == What::Call).then_some(No),
            "RESTRICTED_USER_INITIATED_CALLING" => (what == What::ReceiveCall).then_some(No),
            "RESTRICTED_BIZ_INITIATED_AND_USER_INITIATED_CALLING" => {
                matches!(what, What::Call | What::ReceiveCall).then_some(No)
            }
            "RESTRICTED_USER_INITIATED_CALLING_CALL_BUTTON_HIDDEN" => {
                (what == What::ReceiveCall).then_some(Unknown)
            }
            _ if starts => Some(No),
            _ => {
                matches!(what, What::Call | What::ReceiveCall | What::AddNumber).then_some(Unknown)
            }
        };
        if word == "RESTRICTED_CUSTOMER_INITIATED_MESSAGING"
            && in_force(word)
            && !no_templates
            && starts
        {
            answers.push(Unknown);
        }
        let (Some(closes), Some(end)) = (closes, newest(word)) else {
            continue;
        };
        match end {
            None => answers.push(closes),
            Some(end) if end > at_ms => answers.push(closes),
            // Asked in advance.
            Some(end) if end > state.as_of_ms => {}
            Some(end) if read_after(end) => {}
            Some(_) => answers.push(Unknown),
        }
    }

    // The ban state.
    let everything = |can: Can| match what {
        What::Call | What::ReceiveCall if can == Unknown => Yes,
        _ => can,
    };
    if let Some(fact) = last(&told, |told| matches!(told, Told::Ban(_))) {
        answers.push(match fact.told {
            Told::Ban(BanTold::Disabled) => No,
            Told::Ban(BanTold::Unclear) if !read_after(fact.at_ms) => everything(Unknown),
            Told::Ban(BanTold::Scheduled(None)) => everything(Unknown),
            Told::Ban(BanTold::Scheduled(Some(day))) if at_ms >= day && !read_after(day + DAY) => {
                everything(Unknown)
            }
            _ => Yes,
        });
    }

    // The account's own words.
    if last(&told, |told| *told == Told::AccountDeleted).is_some() {
        answers.push(No);
    }
    let account = last(&told, |told| matches!(told, Told::Account(_)));
    if let Some(fact) = account.filter(|fact| !back_after(fact.at_ms)) {
        let is_read = read_after(fact.at_ms);
        answers.push(match fact.told {
            Told::Account(AccountStatus::Disabled) => No,
            Told::Account(AccountStatus::Restricted) if !is_read => everything(Unknown),
            Told::Account(AccountStatus::Pending) if !is_read => {
                of(what, Unknown, Unknown, Unknown)
            }
            _ => Yes,
        });
    }
    let review = last(&told, |told| matches!(told, Told::Review(_)));
    if let Some(fact) = review.filter(|fact| !back_after(fact.at_ms) && !read_after(fact.at_ms))
        && matches!(
            fact.told,
            Told::Review(Review::Rejected | Review::Restricted)
        )
    {
        answers.push(everything(Unknown));
    }

    // The newest read of the health.
    let payment = match at_ms < REPLIES_COST {
        true => of(what, No, Yes, Yes),
        false => of(what, No, Unknown, Yes),
    };
    if let Some((health, read_ms)) = health {
        let unexplained = of(what, No, No, Unknown);
        let mut is_anything_blocked = false;
        for entity in &health.entities {
            if entity.sending != Sending::Blocked {
                continue;
            }
            is_anything_blocked = true;
            if entity.kind == EntityKind::Template {
                continue;
            }
            if entity.codes.is_empty() {
                answers.push(unexplained);
            }
            for code in &entity.codes {
                answers.push(match code {
                    141_006 => payment,
                    368 => of(what, No, Unknown, Yes),
                    141_008 | 141_014 if back_after(read_ms) => Yes,
                    141_014 => No,
                    141_008 => match what {
                        What::Receive | What::ReceiveCall => Unknown,
                        _ => No,
                    },
                    _ => unexplained,
                });
            }
        }
        if health.overall == Sending::Blocked && !is_anything_blocked {
            answers.push(unexplained);
        }
        if health.overall == Sending::Other {
            answers.push(of(what, Unknown, Unknown, Yes));
        }
    }

    // Codes that sends came back with.
    let failed = |code: u32| last(&told, |told| *told == Told::Failed(code)).map(|fact| fact.at_ms);
    if failed(131_031).is_some_and(|at| !read_after(at) && !back_after(at)) {
        answers.push(match what {
            What::Call => No,
            _ => of(what, No, No, Unknown),
        });
    }
    if failed(368).is_some_and(|at| !read_after(at) && !back_after(at)) {
        answers.push(of(what, No, Unknown, Yes));
    }
    if failed(131_042).is_some_and(|at| !read_after(at)) {
        answers.push(payment);
    }
    if let Some(at) = failed(131_048) {
        if at_ms < at + DAY {
            answers.push(of(what, No, Yes, Yes));
        } else if !read_after(at + DAY)
            && !after(at + DAY, Told::Delivered)
            && !after(at + DAY, Told::Status(NumberStatus::Connected))
        {
            answers.push(of(what, Unknown, Yes, Yes));
        }
    }
    let lifted = Told::Lifted {
        named: "RATE_LIMITED_UTILITY_TEMPLATE_MESSAGING".into(),
    };
    if let Some(at) = failed(131_064)
        && what == What::StartUtility
        && !after(at, lifted)
    {
        answers.push(if at_ms < at + DAY { No } else { Unknown });
    }

    // Our own count.
    let limit = last(&told, |told| matches!(told, Told::Limit(_)));
    let reached = last(&told, |told| matches!(told, Told::Reached { .. }));
    if let (Some(limit), Some(reached)) = (limit, reached)
        && let Told::Limit(MessagingLimit::People(limit)) = limit.told
        && let Told::Reached {
            people,
            frees_at_ms,
        } = reached.told
        && people >= limit
        && frees_at_ms.is_none_or(|frees_at| frees_at > at_ms)
        && at_ms >= PORTFOLIOS
        && what.starts()
    {
        answers.push(No);
    }

    // Silence that is no enforcement.
    let thread = last(&told, |told| matches!(told, Told::StoodBy | Told::Wrote));
    if what == What::Receive && thread.is_some_and(|fact| fact.told == Told::StoodBy) {
        answers.push(Unknown);
    }
    let subscribed = last(&told, |told| matches!(told, Told::Subscribed(_)));
    if what == What::Receive && subscribed.is_some_and(|fact| fact.told == Told::Subscribed(false))
    {
        answers.push(No);
    }
    let shared = last(&told, |told| {
        matches!(told, Told::Offboarded | Told::Reconnected)
    });
    if let Some(fact) = shared
        && fact.told == Told::Offboarded
        && !after(fact.at_ms, Told::Status(NumberStatus::Connected))
    {
        answers.push(gone);
    }
    answers.into_iter().min().unwrap_or(Unknown)
}
