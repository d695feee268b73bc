//! Counts how people took what was sent, from decisions, outcomes, statuses, windows and noes, as a stream.
//!
//! Nothing is kept for this and nothing is written: it costs a send nothing. The price is paid by whoever asks, once for
//! all numbers of a business: one walk counts each of them by itself and all together. The
//! decisions of seven days are walked in the order in which they were made; where there are more than
//! [`SENDS_MAX`], only one in so many people is looked at, a fourth of those messages at most, chosen by the shard that is derived from them, so that whoever is
//! looked at is looked at with everything they got. Where even walking is too much, the oldest days are left
//! out, and the answer says from when on it counts.
//!
//! The first step of a limit can be earned by people who were reached within 30 days (QL-21). Where that is asked, the walk
//! begins so much earlier, and only the people are taken from the days before the seven.

use std::collections::BTreeMap;

use greenline_policy::consent::EventKind;
use greenline_policy::decide::Intent;
pub use greenline_policy::forecast::known::MONTH_DAYS;
use greenline_policy::reception::{
    Basis, CATEGORIES, DAY_MS, DAYS, OPTED_OUT, OVER_CAP, PerPerson, Reception, SILENT_AFTER_MS,
    STOP_WITHIN_MS, Sent, TEMPLATES_MAX, TemplateSent, UNREACHABLE, turn,
};
use rustc_hash::FxHashMap;

use crate::codec::taken::Taken;
use crate::types::{BusinessIx, PersonId};

/// Messages that are all looked at; where there are more, people are left out.
pub const SENDS_MAX: u64 = 200_000;
/// Then no more than a fourth of that is looked at: what that tells is told as well by a part, and looking a message up
/// costs more than walking over ten.
const SENDS_PART: u64 = 4;
/// Decisions that are walked over, before days are left out; the last day is always counted.
pub const WALK_MAX: u64 = 5_000_000;
/// Noes that are looked at, the newest first.
pub const STOPS_MAX: usize = 100_000;
/// One person in so many is looked at, at the least.
const ONE_IN_MAX: u32 = 256;
/// How long a person's window is open after they wrote.
const WINDOW_MS: i64 = DAY_MS;
/// A no is dated by the second in which it was said.
const SECOND_MS: i64 = 999;

/// What to count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Counting {
    /// Whose.
    pub business: BusinessIx,
    /// Days back in which people are looked for to whom something arrived: at least the seven that everything is counted
    /// over, at most [`MONTH_DAYS`].
    pub days: usize,
    /// As of when. What became of messages is told as it is known when this is asked.
    pub at_ms: i64,
    /// Messages to look at before people are left out: [`SENDS_MAX`] or so.
    pub sends_max: u64,
}

impl Counting {
    /// How many days are walked.
    pub(crate) fn days(&self) -> usize {
        self.days.clamp(DAYS, MONTH_DAYS)
    }

    /// When a day back from the moment begins: the first one is the last.
    pub(crate) fn day_from_ms(&self, back: usize) -> i64 {
        let back = i64::try_from(back).unwrap_or(i64::MAX).saturating_add(1);
        self.at_ms.saturating_sub(DAY_MS.saturating_mul(back))
    }

    /// The first number that a decision of this moment or later can have.
    pub(crate) fn seq(at_ms: i64) -> i64 {
        at_ms.clamp(0, i64::MAX >> 20) << 20
    }
}

/// What is looked at of what is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Plan {
    /// What went after this is counted.
    pub(crate) from_ms: i64,
    /// What went after this is walked over; before the other moment only people are looked for.
    pub(crate) walked_from_ms: i64,
    /// One person in so many, a power of two.
    pub(crate) one_in: u32,
}

/// A plan in the making: told how many decisions there were on each day back from the moment, the last day first.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Planning {
    walked: u64,
    kept: usize,
}

impl Planning {
    /// Takes a day; whether it can be walked over as well. After one that cannot, no more are asked for.
    pub(crate) fn day(&mut self, decisions: u64) -> bool {
        let with = self.walked.saturating_add(decisions);
        if self.kept > 0 && with > WALK_MAX {
            return false;
        }
        (self.walked, self.kept) = (with, self.kept + 1);
        true
    }

    /// The plan.
    pub(crate) fn done(self, counting: &Counting) -> Plan {
        let mut one_in = 1;
        if self.walked > counting.sends_max {
            let part = counting.sends_max / SENDS_PART;
            while one_in < ONE_IN_MAX && self.walked / u64::from(one_in) > part {
                one_in *= 2;
            }
        }
        Plan {
            from_ms: counting.day_from_ms(self.kept.clamp(1, DAYS) - 1),
            walked_from_ms: counting.day_from_ms(self.kept.max(1) - 1),
            one_in,
        }
    }
}

impl Plan {
    /// The bits of a shard that are not set in the shards of people who are looked at.
    pub(crate) fn mask(self) -> i64 {
        i64::from(self.one_in) - 1
    }
}

/// What became of a message, as a store has it.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Became<'a> {
    pub(crate) outcome: Option<&'a str>,
    /// With which it was refused at once.
    pub(crate) code: Option<u32>,
    pub(crate) status: Option<&'a str>,
    /// With which it failed later.
    pub(crate) status_code: Option<u32>,
}

impl Became<'_> {
    /// The counts of one such message; `None` where it certainly did not go out.
    fn counted(self, at_ms: i64, wrote_ms: Option<i64>, now_ms: i64) -> Option<Sent> {
        if self.outcome == Some("not_sent") {
            return None;
        }
        let has_failed = self.status == Some("failed");
        let code = match (self.outcome, has_failed) {
            (Some("rejected"), _) => Some(self.code),
            (_, true) => Some(self.status_code),
            _ => None,
        };
        let mut sent = Sent {
            sent: 1,
            ..Sent::default()
        };
        if let Some(code) = code {
            sent.failed = 1;
            match code {
                Some(OVER_CAP) => sent.over_cap = 1,
                Some(OPTED_OUT) => sent.opted_out = 1,
                Some(UNREACHABLE) => sent.unreachable = 1,
                _ => {}
            }
            return Some(sent);
        }
        let read = matches!(self.status, Some("read" | "played"));
        let answered = wrote_ms.is_some_and(|wrote_ms| wrote_ms > at_ms);
        let delivered = read || answered || self.status == Some("delivered");
        sent.accepted = u64::from(self.outcome == Some("accepted"));
        sent.read = u64::from(read);
        sent.answered = u64::from(answered);
        sent.delivered = u64::from(delivered);
        let is_old = at_ms <= now_ms.saturating_sub(SILENT_AFTER_MS);
        sent.judged = u64::from(delivered && is_old);
        sent.silent = u64::from(delivered && is_old && !read && !answered);
        Some(sent)
    }
}

/// A no.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stop {
    pub(crate) at_ms: i64,
    pub(crate) kind: EventKind,
    pub(crate) in_thread: bool,
}

impl Stop {
    fn counted(self) -> Sent {
        let mut sent = Sent::default();
        match (self.kind, self.in_thread) {
            (EventKind::NativeStopped, _) => sent.native_stops = 1,
            (_, true) => sent.stop_words = 1,
            (_, false) => sent.other_stops = 1,
        }
        sent
    }
}

/// Where a message is counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Place {
    day: usize,
    basis: usize,
    category: Option<usize>,
    turn: usize,
    template: usize,
}

/// The last template before a no: when it went, from which number, and where it is counted, of all and of that number.
type Before = (i64, usize, [Place; 2]);

/// What one person got from what is counted.
#[derive(Clone, Copy, Default, Debug)]
struct Got {
    messages: u32,
    /// Days on which they got something, one bit each.
    days: u8,
    /// Days on which something came outside of a window.
    outside: u8,
}

/// The counts of a business: all its numbers together, and each by itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Counted {
    /// All numbers.
    pub whole: Reception,
    /// Each number that sent something.
    pub numbers: BTreeMap<Box<str>, Reception>,
    /// People to whom something arrived outside of a window that they had opened, of those looked at; see
    /// [`Reception::one_in`]. Each is counted on the last day on which it did, oldest day first.
    pub arrived: [u64; MONTH_DAYS],
    /// Since when they are counted.
    pub arrived_from_ms: i64,
}

impl Counted {
    /// The counts of one number, or of all if none is named.
    #[must_use]
    pub fn of(&self, number: Option<&str>) -> Reception {
        let Some(number) = number else {
            return self.whole.clone();
        };
        self.numbers.get(number).cloned().unwrap_or_else(|| {
            let whole = &self.whole;
            Reception {
                from_ms: whole.from_ms,
                one_in: whole.one_in,
                elsewhere: whole.total,
                unattributed: whole.unattributed,
                ..Reception::empty(whole.at_ms)
            }
        })
    }
}

/// The counts of one number, or of all, in the making.
#[derive(Debug)]
struct Tally {
    people: FxHashMap<PersonId, Got>,
    places: FxHashMap<(Box<str>, Box<str>), usize>,
    counted: Reception,
}

impl Tally {
    fn new(at_ms: i64, plan: Plan) -> Self {
        let mut counted = Reception::empty(at_ms);
        counted.from_ms = plan.from_ms;
        counted.one_in = plan.one_in;
        Self {
            people: FxHashMap::default(),
            places: FxHashMap::default(),
            counted,
        }
    }

    /// Counts a message, and says where; counts it for its person if it reached them.
    fn take(&mut self, person: PersonId, at_ms: i64, taken: &Taken<'_>, sent: &Sent) -> Place {
        let back = self.counted.at_ms.saturating_sub(at_ms) / DAY_MS;
        let back = usize::try_from(back).unwrap_or_default().min(DAYS - 1);
        let day = DAYS - 1 - back;
        let got = self.people.entry(person).or_default();
        let nth = got.messages.saturating_add(1);
        if sent.failed == 0 {
            got.messages = nth;
            got.days |= 1 << day;
            got.outside |= u8::from(is_outside(taken, at_ms)) << day;
        }
        let mut categories = CATEGORIES.iter();
        let place = Place {
            day,
            basis: Basis::of(taken.standing, at_ms).place(),
            category: categories.position(|category| *category == taken.category),
            turn: turn(nth),
            template: self.template(taken),
        };
        self.add(place, sent);
        place
    }

    fn template(&mut self, taken: &Taken<'_>) -> usize {
        let (name, language) = match &taken.template {
            Some((name, language)) => (&**name, &**language),
            None => ("", ""),
        };
        let named = (Box::from(name), Box::from(language));
        if let Some(at) = self.places.get(&named) {
            return *at;
        }
        // The last place is that of all the others.
        let is_full = self.counted.templates.len() >= TEMPLATES_MAX;
        let named = if is_full {
            (Box::from(""), Box::from(""))
        } else {
            named
        };
        let templates = &mut self.counted.templates;
        *self
            .places
            .entry(named)
            .or_insert_with_key(|(name, language)| {
                templates.push(TemplateSent {
                    name: name.clone(),
                    language: language.clone(),
                    sent: Sent::default(),
                });
                templates.len() - 1
            })
    }

    fn add(&mut self, place: Place, sent: &Sent) {
        let counted = &mut self.counted;
        counted.total.add(sent);
        if let Some(day) = counted.days.get_mut(place.day) {
            day.sent.add(sent);
        }
        let of_template = counted.templates.get_mut(place.template);
        let tables = [
            counted.by_basis.get_mut(place.basis),
            place
                .category
                .and_then(|category| counted.by_category.get_mut(category)),
            counted.by_turn.get_mut(place.turn),
            of_template.map(|template| &mut template.sent),
        ];
        for table in tables.into_iter().flatten() {
            table.add(sent);
        }
    }

    fn done(mut self) -> Reception {
        let mut messages = Vec::with_capacity(self.people.len());
        for got in self.people.values() {
            if got.messages == 0 {
                continue;
            }
            messages.push(got.messages);
            self.counted.per_person.people_outside += u64::from(got.outside != 0);
            for (at, day) in self.counted.days.iter_mut().enumerate() {
                day.people += u64::from(got.days >> at & 1);
                day.people_outside += u64::from(got.outside >> at & 1);
            }
        }
        messages.sort_unstable();
        let at_rank = |of_hundred: usize| {
            let rank = (messages.len() * of_hundred).div_ceil(100).max(1);
            messages.get(rank - 1).copied().unwrap_or_default()
        };
        self.counted.per_person = PerPerson {
            people: messages.len() as u64,
            median: at_rank(50),
            p95: at_rank(95),
            most: messages.last().copied().unwrap_or_default(),
            ..self.counted.per_person
        };
        self.counted.templates.sort_by(|a, b| {
            let by_count = b.sent.sent.cmp(&a.sent.sent);
            by_count.then_with(|| (&a.name, &a.language).cmp(&(&b.name, &b.language)))
        });
        self.counted
    }
}

/// Whether a message went outside of a window that the person had opened.
fn is_outside(taken: &Taken<'_>, at_ms: i64) -> bool {
    let wrote_ms = taken.wrote_at_ms;
    wrote_ms.is_none_or(|wrote_ms| at_ms >= wrote_ms + WINDOW_MS)
}

/// The counts in the making.
#[derive(Debug)]
pub(crate) struct Fold {
    counting: Counting,
    plan: Plan,
    stops: FxHashMap<PersonId, Vec<(Stop, Option<Before>)>>,
    whole: Tally,
    numbers: Vec<Tally>,
    by_number: FxHashMap<Box<str>, usize>,
    /// By person, how many days ago something arrived last.
    arrived: FxHashMap<PersonId, usize>,
}

impl Fold {
    pub(crate) fn new(counting: Counting, plan: Plan) -> Self {
        Self {
            counting,
            plan,
            stops: FxHashMap::default(),
            whole: Tally::new(counting.at_ms, plan),
            numbers: Vec::new(),
            by_number: FxHashMap::default(),
            arrived: FxHashMap::default(),
        }
    }

    /// What is counted.
    pub(crate) fn counting(&self) -> &Counting {
        &self.counting
    }

    /// Takes a no; all of them before the first message.
    pub(crate) fn stop(&mut self, person: PersonId, stop: Stop) {
        if self.is_within(stop.at_ms) {
            self.stops.entry(person).or_default().push((stop, None));
        }
    }

    fn is_within(&self, at_ms: i64) -> bool {
        self.plan.from_ms < at_ms && at_ms <= self.counting.at_ms
    }

    /// Takes a message that went on; those of one person in their order. `wrote_ms` is when the person last wrote to its
    /// number.
    pub(crate) fn take(
        &mut self,
        person: PersonId,
        at_ms: i64,
        taken: &Taken<'_>,
        became: Became<'_>,
        wrote_ms: Option<i64>,
    ) {
        let is_walked = self.plan.walked_from_ms < at_ms && at_ms <= self.counting.at_ms;
        let counted = became.counted(at_ms, wrote_ms, self.counting.at_ms);
        let Some(sent) = counted.filter(|_| is_walked) else {
            return;
        };
        let is_template = taken.intent == Intent::Template;
        if is_template && sent.delivered > 0 && is_outside(taken, at_ms) {
            let back = self.counting.at_ms.saturating_sub(at_ms) / DAY_MS;
            let back = usize::try_from(back).unwrap_or_default();
            let newest = self.arrived.entry(person).or_insert(back);
            *newest = back.min(*newest);
        }
        if !self.is_within(at_ms) {
            return;
        }
        let number = self.number(&taken.number);
        let Some(of_number) = self.numbers.get_mut(number) else {
            return;
        };
        if !is_template {
            let answers = u64::from(taken.intent == Intent::FreeForm);
            of_number.counted.answers += answers;
            self.whole.counted.answers += answers;
            return;
        }
        let places = [&mut self.whole, of_number].map(|of| of.take(person, at_ms, taken, &sent));
        if sent.failed > 0 {
            // It reached nobody: no no follows from it.
            return;
        }
        for (stop, before) in self.stops.get_mut(&person).into_iter().flatten() {
            let follows = at_ms <= stop.at_ms.saturating_add(SECOND_MS);
            if follows && before.is_none_or(|(before_ms, ..)| before_ms <= at_ms) {
                *before = Some((at_ms, number, places));
            }
        }
    }

    /// The place of a number.
    fn number(&mut self, id: &str) -> usize {
        if let Some(at) = self.by_number.get(id) {
            return *at;
        }
        let at = self.numbers.len();
        self.numbers
            .push(Tally::new(self.counting.at_ms, self.plan));
        self.by_number.insert(id.into(), at);
        at
    }

    /// The counts.
    pub(crate) fn done(mut self) -> Counted {
        for stops in std::mem::take(&mut self.stops).into_values() {
            self.attribute(stops);
        }
        let whole = self.whole.done();
        let mut arrived = [0; MONTH_DAYS];
        for back in self.arrived.values() {
            if let Some(day) = arrived.iter_mut().rev().nth(*back) {
                *day += 1;
            }
        }
        let mut numbers: Vec<Option<Reception>> = self
            .numbers
            .into_iter()
            .map(|of_number| {
                let mut counted = of_number.done();
                counted.elsewhere = whole.total.without(&counted.total);
                counted.unattributed = whole.unattributed;
                Some(counted)
            })
            .collect();
        let named = self.by_number.into_iter().filter_map(|(id, at)| {
            let counted = numbers.get_mut(at)?.take()?;
            Some((id, counted))
        });
        Counted {
            numbers: named.collect(),
            whole,
            arrived,
            arrived_from_ms: self.plan.walked_from_ms,
        }
    }

    /// Puts the noes of one person down to what came before; said twice after the same message is said once.
    fn attribute(&mut self, mut stops: Vec<(Stop, Option<Before>)>) {
        stops.sort_by_key(|(stop, _)| stop.at_ms);
        let mut said: Vec<(Sent, Option<Before>)> = Vec::new();
        for (stop, before) in stops {
            let near = before
                .filter(|(before_ms, ..)| stop.at_ms.saturating_sub(*before_ms) <= STOP_WITHIN_MS);
            let one = (stop.counted(), near);
            if said.contains(&one) {
                continue;
            }
            match near {
                Some((_, number, [of_whole, of_number])) => {
                    self.whole.add(of_whole, &one.0);
                    if let Some(tally) = self.numbers.get_mut(number) {
                        tally.add(of_number, &one.0);
                    }
                }
                None => self.whole.counted.unattributed += 1,
            }
            said.push(one);
        }
    }
}

#[cfg(test)]
mod tests;
