//! Counts how people took what was sent, from decisions, outcomes, statuses, windows and noes, as a stream.
//!
//! Nothing is kept for this and nothing is written: it costs a send nothing. The price is paid by whoever asks. The
//! decisions of seven days are walked in the order in which they were made; where there are more than
//! [`SENDS_MAX`], only one in so many people is looked at, chosen by the shard that is derived from them, so that whoever is
//! looked at is looked at with everything they got. Where even walking is too much, the oldest days are left
//! out, and the answer says from when on it counts.

use greenline_policy::consent::EventKind;
use greenline_policy::decide::Intent;
use greenline_policy::reception::{
    Basis, CATEGORIES, DAY_MS, DAYS, OPTED_OUT, OVER_CAP, PerPerson, Reception, SILENT_AFTER_MS,
    STOP_WITHIN_MS, Sent, TEMPLATES_MAX, TemplateSent, UNREACHABLE, turn,
};
use rustc_hash::FxHashMap;

use crate::codec::taken::Taken;
use crate::types::{BusinessIx, PersonId};

/// Messages that are looked at, before people are left out.
pub const SENDS_MAX: u64 = 200_000;
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
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Counting {
    /// Whose.
    pub business: BusinessIx,
    /// Of which number; of all of them, if none is named.
    pub number: Option<Box<str>>,
    /// As of when. What became of messages is told as it is known when this is asked.
    pub at_ms: i64,
    /// Messages to look at before people are left out: [`SENDS_MAX`], or fewer.
    pub sends_max: u64,
}

impl Counting {
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
    /// One person in so many, a power of two.
    pub(crate) one_in: u32,
}

impl Plan {
    /// From how many decisions there were on each day back from the moment, the last day first.
    pub(crate) fn of(counting: &Counting, decisions: &[u64; DAYS]) -> Self {
        let (mut walked, mut kept) = (0_u64, 0_usize);
        for of_day in decisions {
            let with = walked.saturating_add(*of_day);
            if kept > 0 && with > WALK_MAX {
                break;
            }
            (walked, kept) = (with, kept + 1);
        }
        let mut one_in = 1;
        while one_in < ONE_IN_MAX && walked / u64::from(one_in) > counting.sends_max {
            one_in *= 2;
        }
        Self {
            from_ms: counting.day_from_ms(kept.saturating_sub(1)),
            one_in,
        }
    }

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

/// The last template before a no: when, and where it is counted; elsewhere if nowhere.
type Before = (i64, Option<Place>);

/// What one person got from what is counted.
#[derive(Clone, Copy, Default, Debug)]
struct Got {
    messages: u32,
    /// Days on which they got something, one bit each.
    days: u8,
    /// Days on which something came outside of a window.
    outside: u8,
}

/// The counts in the making.
#[derive(Debug)]
pub(crate) struct Fold {
    counting: Counting,
    plan: Plan,
    stops: FxHashMap<PersonId, Vec<(Stop, Option<Before>)>>,
    people: FxHashMap<PersonId, Got>,
    places: FxHashMap<(Box<str>, Box<str>), usize>,
    counted: Reception,
}

impl Fold {
    pub(crate) fn new(counting: Counting, plan: Plan) -> Self {
        let mut counted = Reception::empty(counting.at_ms);
        counted.from_ms = plan.from_ms;
        counted.one_in = plan.one_in;
        Self {
            counting,
            plan,
            stops: FxHashMap::default(),
            people: FxHashMap::default(),
            places: FxHashMap::default(),
            counted,
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

    /// Whether a message of the number is one that is asked about.
    fn is_here(&self, number: &str) -> bool {
        let named = self.counting.number.as_deref();
        named.is_none_or(|named| named == number)
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
        let counted = became.counted(at_ms, wrote_ms, self.counting.at_ms);
        let Some(sent) = counted.filter(|_| self.is_within(at_ms)) else {
            return;
        };
        let is_here = self.is_here(&taken.number);
        if taken.intent != Intent::Template {
            self.counted.answers += u64::from(is_here && taken.intent == Intent::FreeForm);
            return;
        }
        let place = is_here.then(|| self.place(person, at_ms, taken, sent.failed == 0));
        match place {
            Some(place) => self.add(place, &sent),
            None => self.counted.elsewhere.add(&sent),
        }
        if sent.failed > 0 {
            // It reached nobody: no no follows from it.
            return;
        }
        for (stop, before) in self.stops.get_mut(&person).into_iter().flatten() {
            let follows = at_ms <= stop.at_ms.saturating_add(SECOND_MS);
            if follows && before.is_none_or(|(before_ms, _)| before_ms <= at_ms) {
                *before = Some((at_ms, place));
            }
        }
    }

    /// Where a message is counted; counts it for its person if it reached them.
    fn place(&mut self, person: PersonId, at_ms: i64, taken: &Taken<'_>, reached: bool) -> Place {
        let back = self.counting.at_ms.saturating_sub(at_ms) / DAY_MS;
        let back = usize::try_from(back).unwrap_or_default().min(DAYS - 1);
        let day = DAYS - 1 - back;
        let got = self.people.entry(person).or_default();
        let nth = got.messages.saturating_add(1);
        if reached {
            got.messages = nth;
            got.days |= 1 << day;
            let wrote_ms = taken.wrote_at_ms;
            let is_open = wrote_ms.is_some_and(|wrote_ms| at_ms < wrote_ms + WINDOW_MS);
            got.outside |= u8::from(!is_open) << day;
        }
        let mut categories = CATEGORIES.iter();
        Place {
            day,
            basis: Basis::of(taken.standing, at_ms).place(),
            category: categories.position(|category| *category == taken.category),
            turn: turn(nth),
            template: self.template(taken),
        }
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

    /// The counts.
    pub(crate) fn done(mut self) -> Reception {
        for stops in std::mem::take(&mut self.stops).into_values() {
            self.attribute(stops);
        }
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

    /// Puts the noes of one person down to what came before; said twice after the same message is said once.
    fn attribute(&mut self, mut stops: Vec<(Stop, Option<Before>)>) {
        stops.sort_by_key(|(stop, _)| stop.at_ms);
        let mut said: Vec<(Sent, Option<Before>)> = Vec::new();
        for (stop, before) in stops {
            let near = before
                .filter(|(before_ms, _)| stop.at_ms.saturating_sub(*before_ms) <= STOP_WITHIN_MS);
            let one = (stop.counted(), near);
            if said.contains(&one) {
                continue;
            }
            match near {
                Some((_, Some(place))) => self.add(place, &one.0),
                Some((_, None)) => self.counted.elsewhere.add(&one.0),
                None => self.counted.unattributed += 1,
            }
            said.push(one);
        }
    }
}
