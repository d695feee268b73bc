//! One walk for all numbers, compared with a count of each number by itself, in the slowest way.

use std::borrow::Cow;
use std::collections::BTreeSet;

use greenline_policy::consent::Standing;
use greenline_policy::scope::Category;
use proptest::prelude::*;

use super::*;

/// When it is asked.
const AT: i64 = 1_795_000_000_000;
const HOUR_MS: i64 = DAY_MS / 24;
const NUMBERS: [&str; 3] = ["n1", "n2", "n3"];
const BECAME: [(Option<&str>, Option<&str>, Option<u32>); 6] = [
    (Some("accepted"), None, None),
    (Some("accepted"), Some("delivered"), None),
    (Some("accepted"), Some("read"), None),
    (Some("accepted"), Some("failed"), Some(UNREACHABLE)),
    (Some("rejected"), None, Some(OVER_CAP)),
    (Some("not_sent"), None, None),
];

/// Something that one person got.
#[derive(Clone, Copy, Debug)]
struct Message {
    person: PersonId,
    number: usize,
    at_ms: i64,
    became: usize,
    template: Option<usize>,
    in_window: bool,
}

impl Message {
    fn taken(&self) -> Taken<'static> {
        let named = |nth: usize| {
            let name = ["offer", "news"].get(nth).copied().unwrap_or_default();
            (Cow::Borrowed(name), Cow::Borrowed("en"))
        };
        Taken {
            number: Cow::Borrowed(NUMBERS.get(self.number).copied().unwrap_or_default()),
            intent: match self.template {
                Some(_) => Intent::Template,
                None => Intent::FreeForm,
            },
            template: self.template.map(named),
            category: Category::Marketing,
            standing: Standing::Unknown,
            wrote_at_ms: self.in_window.then_some(self.at_ms - HOUR_MS),
        }
    }

    fn became(&self) -> Became<'static> {
        let (outcome, status, code) = BECAME.get(self.became).copied().unwrap_or_default();
        let rejected = outcome == Some("rejected");
        Became {
            outcome,
            code: code.filter(|_| rejected),
            status,
            status_code: code.filter(|_| !rejected),
        }
    }

    fn sent(&self) -> Sent {
        let counted = self.became().counted(self.at_ms, None, AT);
        counted.unwrap_or_default()
    }
}

/// Of one number, or of all: what was sent, how many different people it reached by day and in all, and noes that followed
/// nothing.
fn slowly(
    number: Option<usize>,
    messages: &[Message],
    noes: &[(PersonId, Stop)],
) -> (Sent, [u64; DAYS], u64, u64) {
    let from_ms = AT - DAYS as i64 * DAY_MS;
    let is_here = |message: &&Message| number.is_none_or(|number| message.number == number);
    let templates = messages.iter().filter(|message| {
        let goes = message.became().outcome != Some("not_sent");
        message.template.is_some() && goes && (from_ms < message.at_ms && message.at_ms <= AT)
    });
    let templates: Vec<&Message> = templates.collect();
    let here: Vec<&Message> = templates.iter().copied().filter(is_here).collect();
    let mut sent = Sent::default();
    for message in &here {
        sent.add(&message.sent());
    }
    let reached = here.iter().filter(|message| message.sent().failed == 0);
    let reached: Vec<&&Message> = reached.collect();
    let mut days = [0; DAYS];
    for (back, day) in days.iter_mut().rev().enumerate() {
        let (from_ms, until_ms) = (AT - (back as i64 + 1) * DAY_MS, AT - back as i64 * DAY_MS);
        let of_day = reached
            .iter()
            .filter(|message| from_ms < message.at_ms && message.at_ms <= until_ms);
        let people: BTreeSet<PersonId> = of_day.map(|message| message.person).collect();
        *day = people.len() as u64;
    }
    let people: BTreeSet<PersonId> = reached.iter().map(|message| message.person).collect();
    let (mut unattributed, mut said) = (0, Vec::new());
    for (person, no) in noes
        .iter()
        .filter(|(_, no)| from_ms < no.at_ms && no.at_ms <= AT)
    {
        let before = templates.iter().filter(|message| {
            let reached = message.sent().failed == 0;
            message.person == *person && reached && message.at_ms <= no.at_ms + SECOND_MS
        });
        // Of two at once the later one.
        let last = before.max_by_key(|message| message.at_ms);
        let last = last.filter(|message| no.at_ms - message.at_ms <= STOP_WITHIN_MS);
        let one = (*person, no.counted(), last.map(|message| message.at_ms));
        if said.contains(&one) {
            continue;
        }
        said.push(one);
        match last {
            Some(message) if is_here(message) => sent.add(&no.counted()),
            Some(_) => {}
            None => unattributed += 1,
        }
    }
    (sent, days, people.len() as u64, unattributed)
}

fn messages() -> impl Strategy<Value = Vec<Message>> {
    let message = (
        0..5_u64,
        0..NUMBERS.len(),
        -220..5_i64,
        0..BECAME.len(),
        prop::option::weighted(0.8, 0..2_usize),
        any::<bool>(),
    );
    let message = message.prop_map(
        |(person, number, hour, became, template, in_window)| Message {
            person: PersonId(person),
            number,
            at_ms: AT + hour * HOUR_MS,
            became,
            template,
            in_window,
        },
    );
    prop::collection::vec(message, 0..40).prop_map(|mut messages| {
        // Each at a moment of its own, in their order.
        messages.sort_by_key(|message| message.at_ms);
        for (nth, message) in (0_i64..).zip(&mut messages) {
            message.at_ms += nth * 2_000;
        }
        messages
    })
}

fn noes() -> impl Strategy<Value = Vec<(PersonId, Stop)>> {
    let no = (0..5_u64, -220..5_i64, any::<bool>(), any::<bool>());
    let no = no.prop_map(|(person, hour, native, in_thread)| {
        let stop = Stop {
            at_ms: AT + hour * HOUR_MS,
            kind: if native {
                EventKind::NativeStopped
            } else {
                EventKind::Withdrawn
            },
            in_thread,
        };
        (PersonId(person), stop)
    });
    prop::collection::vec(no, 0..12)
}

proptest! {
    #[test]
    fn one_walk_counts_each_number_as_by_itself(messages in messages(), noes in noes()) {
        let counting = Counting {
            business: BusinessIx(0),
            days: 0,
            at_ms: AT,
            sends_max: SENDS_MAX,
        };
        let mut planning = Planning::default();
        for _ in 0..counting.days() {
            planning.day(0);
        }
        let mut fold = Fold::new(counting, planning.done(&counting));
        for (person, no) in &noes {
            fold.stop(*person, *no);
        }
        for message in &messages {
            fold.take(message.person, message.at_ms, &message.taken(), message.became(), None);
        }
        let counted = fold.done();
        let all = slowly(None, &messages, &noes);
        for number in [None, Some(0), Some(1), Some(2)] {
            let (sent, days, people, unattributed) = slowly(number, &messages, &noes);
            let found = counted.of(number.and_then(|nth| NUMBERS.get(nth)).copied());
            prop_assert_eq!(found.total, sent);
            prop_assert_eq!(found.elsewhere, all.0.without(&sent));
            prop_assert_eq!(found.days.map(|day| day.people), days);
            prop_assert_eq!(found.per_person.people, people);
            prop_assert_eq!(found.unattributed, unattributed);
            let tables: [Vec<Sent>; 4] = [
                found.days.iter().map(|day| day.sent).collect(),
                found.by_basis.to_vec(),
                found.by_turn.to_vec(),
                found.templates.iter().map(|one| one.sent).collect(),
            ];
            for table in &tables {
                prop_assert_eq!(Sent::sum(table), found.total);
            }
        }
    }
}
