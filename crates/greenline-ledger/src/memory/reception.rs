//! How people took what was sent, from the lists of what happened.

use greenline_policy::decide::Verdict;
use greenline_policy::reception::DAY_MS;

use super::All;
use super::sends::Send;
use crate::codec::taken::Taken;
use crate::reception::{Became, Counted, Counting, Fold, Planning, Stop};
use crate::types::PersonId;

impl All {
    pub(super) fn reception(&self, counting: Counting) -> Counted {
        let business = counting.business;
        let of_business = |send: &&Send| send.business == business;
        let sends = || self.sends.iter().filter(of_business);
        let mut planning = Planning::default();
        for back in 0..counting.days() {
            let from_ms = counting.day_from_ms(back);
            let until_ms = counting.day_from_ms(back).saturating_add(DAY_MS);
            let is_of_day = |send: &&Send| {
                let at_ms = send.record.at_ms;
                from_ms < at_ms && at_ms <= until_ms
            };
            if !planning.day(sends().filter(is_of_day).count() as u64) {
                break;
            }
        }
        let plan = planning.done(&counting);
        let is_looked_at = |person: PersonId| i64::from(person.shard().0) & plan.mask() == 0;
        let mut fold = Fold::new(counting, plan);
        let people = self.people.iter();
        let people = people.filter(|person| person.business == business);
        for person in people.filter(|person| is_looked_at(person.id)) {
            for stored in &person.events {
                let event = &stored.event;
                if event.kind.closes() {
                    let stop = Stop {
                        at_ms: event.at_ms,
                        kind: event.kind,
                        in_thread: event.in_thread,
                    };
                    fold.stop(person.id, stop);
                }
            }
        }
        let mut went: Vec<&Send> = sends().collect();
        went.sort_by_key(|send| send.record.id.seq);
        for send in went {
            let record = &send.record;
            let goes = record.decision.verdict == Verdict::Allow || record.observed;
            let first = record.people.first().and_then(|first| first.person);
            let Some(person) = first.filter(|person| goes && is_looked_at(*person)) else {
                continue;
            };
            let first = record.message_ids.first();
            let status = first.and_then(|message_id| self.latest(message_id));
            let became = Became {
                outcome: record.outcome.as_deref(),
                code: send.code,
                status: status.map(|status| &*status.status),
                status_code: status.and_then(|status| status.code),
            };
            let wrote_ms = self.last_wrote(person, &record.number);
            fold.take(person, record.at_ms, &Taken::of(record), became, wrote_ms);
        }
        fold.done()
    }

    /// When a person last wrote to a number.
    fn last_wrote(&self, id: PersonId, number: &str) -> Option<i64> {
        let person = self.people.iter().find(|person| person.id == id)?;
        let to_number = person.writings.iter();
        let to_number = to_number.filter(|writing| &*writing.number == number);
        to_number.map(|writing| writing.at_ms).max()
    }
}
