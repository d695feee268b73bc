//! From a send to be decided to what is known of everyone and everything in it.

use greenline_policy::consent::Head;
use greenline_policy::country::Place;
use greenline_policy::decide::{Decision, Facts, Intent, PersonFacts, TemplateFacts};
use greenline_policy::identity::{Identifier, Spelling};
use greenline_policy::pace::{Kind, Pace};
use greenline_policy::reach::{self, PortfolioFacts};
use smallvec::SmallVec;

use super::people::{Slot, head_at};
use super::platform::template_facts;
use super::reach::Room;
use super::{Business, State};
use crate::DecideFn;
use crate::error::LedgerError;
use crate::types::{Ask, PersonId};

static NOTHING_KNOWN: Head = Head {
    base: [greenline_policy::consent::Standing::Unknown; 5],
    topics: Vec::new(),
    native_stop: None,
    freeform_closed: None,
};

/// One addressee, found.
#[derive(Clone, Debug)]
pub(crate) struct Addressee {
    /// Canonical.
    pub(crate) canonical: Identifier,
    /// The spelling addressed.
    pub(crate) spelling: Spelling,
    /// The group, if known.
    pub(crate) slot: Option<Slot>,
    /// The person, if known.
    pub(crate) person: Option<PersonId>,
}

/// The addressees of a send.
pub(crate) type Addressees = SmallVec<[Addressee; 1]>;

/// A send with everything that was known of it, and the answer.
pub(crate) struct Judged<'a> {
    /// What was asked.
    pub(crate) ask: &'a Ask,
    /// Per addressee.
    pub(crate) people: &'a [PersonFacts<'a>],
    /// Per addressee.
    pub(crate) found: &'a [Addressee],
    /// The template.
    pub(crate) template: Option<&'a TemplateFacts>,
    /// The number.
    pub(crate) number: &'a greenline_policy::decide::NumberFacts,
    /// Its portfolio.
    pub(crate) portfolio: PortfolioFacts,
    /// The answer.
    pub(crate) decision: &'a Decision,
}

impl Judged<'_> {
    /// Which addressees a send counts for that goes on, in their order.
    pub(crate) fn counted(&self) -> SmallVec<[bool; 2]> {
        let is_template = self.ask.intent == Intent::Template;
        let people = self.people.iter();
        people
            .map(|person| is_template && reach::counts(person, self.ask.now_ms))
            .collect()
    }
}

impl State {
    /// Finds the addressees.
    pub(crate) fn addressees(&self, ask: &Ask) -> Result<Addressees, LedgerError> {
        ask.to
            .iter()
            .map(|identifier| {
                let (canonical, spelling) = identifier.canonical();
                let slot = self.find(ask.business, &canonical)?;
                let person = slot.and_then(|slot| self.group(slot).first());
                Ok(Addressee {
                    canonical,
                    spelling,
                    slot,
                    person,
                })
            })
            .collect()
    }

    /// Decides, and hands everything the decision rested on to `record`.
    pub(crate) fn judge<T>(
        &mut self,
        ask: &Ask,
        found: &[Addressee],
        decide: DecideFn,
        record: impl FnOnce(&Judged<'_>) -> T,
    ) -> Result<(Decision, T), LedgerError> {
        if ask.to.is_empty() {
            return Err(LedgerError::Bug("a send to nobody"));
        }
        self.business_mut(ask.business)?
            .platform
            .prepare_facts(&ask.number, &ask.waba_id);
        let is_template = ask.intent == Intent::Template;
        let room = match is_template {
            true => self.room(
                ask.business,
                ask.rules.portfolio_limit,
                ask.now_ms,
                ask.to.len(),
            )?,
            false => Room::default(),
        };
        let business = self.business(ask.business)?;
        let number = business
            .platform
            .facts(&ask.number)
            .ok_or(LedgerError::Bug("no facts of the number"))?;
        let template = ask.template.as_ref().map(|asked| {
            let row = business
                .platform
                .template(&asked.waba_id, &asked.name, &asked.language);
            template_facts(asked, row)
        });
        let kind = Kind::of(ask.intent, template.as_ref());
        let people: SmallVec<[PersonFacts<'_>; 1]> = found
            .iter()
            .enumerate()
            .map(|(at, addressee)| PersonFacts {
                place: ask.places.get(at).copied().unwrap_or_default(),
                reached_at_ms: addressee
                    .slot
                    .filter(|_| is_template)
                    .and_then(|slot| self.reached_at_ms(ask.business, slot, ask.now_ms)),
                ..self.person_facts(business, addressee, ask, kind)
            })
            .collect();
        let portfolio = room.facts(reach::places_wanted(&people, ask.now_ms));
        let facts = Facts {
            people: &people,
            template: template.as_ref(),
            number,
            portfolio,
        };
        let decision = decide(ask.intent, &facts, &ask.rules, ask.now_ms);
        let judged = Judged {
            ask,
            people: &people,
            found,
            template: template.as_ref(),
            number,
            portfolio,
            decision: &decision,
        };
        let recorded = record(&judged);
        Ok((decision, recorded))
    }

    fn person_facts<'s>(
        &'s self,
        business: &Business,
        addressee: &Addressee,
        ask: &Ask,
        kind: Option<Kind<'_>>,
    ) -> PersonFacts<'s> {
        let Some(slot) = addressee.slot else {
            return PersonFacts::of(&NOTHING_KNOWN);
        };
        let group = self.group(slot);
        let number = business.platform.place_of(&ask.number);
        let window = number.and_then(|place| group.window(place));
        let paired_until_ms = number.and_then(|place| self.paired_until(slot, ask, place));
        let unsettled = group
            .members
            .iter()
            .filter_map(|person| self.unsettled.until(*person, &ask.body_hash))
            .max();
        PersonFacts {
            head: self.head(slot, addressee.spelling),
            wrote_at_ms: window.and_then(|window| window.wrote_at_ms),
            call_permission_until_ms: window.and_then(|window| window.call_until_ms),
            unsettled_until_ms: unsettled,
            place: Place::default(),
            reached_at_ms: None,
            pace: Pace {
                paired_until_ms,
                ..kind.map_or_else(Pace::default, |kind| self.pace(slot, ask, kind))
            },
        }
    }

    /// Until when what went to a group makes another message of a kind wait.
    fn pace(&self, slot: Slot, ask: &Ask, kind: Kind<'_>) -> Pace {
        Pace {
            capped_until_ms: ask.caps.until_ms(kind, ask.now_ms, &self.marks_of(slot)),
            limited_until_ms: self
                .limited_until(slot)
                .filter(|until_ms| *until_ms > ask.now_ms),
            paired_until_ms: None,
        }
    }

    /// The head of a group as one spelling sees it.
    pub(crate) fn head(&self, slot: Slot, spelling: Spelling) -> &Head {
        self.group(slot).heads[head_at(spelling)]
            .as_deref()
            .unwrap_or(&NOTHING_KNOWN)
    }
}
