//! What was known then: everything that came later is left out of a copy, which is asked as ever.

use greenline_policy::consent::EventKind;

use super::All;
use crate::erasure::is_pseudonym;
use crate::error::LedgerError;
use crate::question::{Previewed, Question, answered};
use crate::then::{PersonThen, PlatformThen, platform_then};
use crate::types::Ask;

impl All {
    /// Answers a question about a send that is not made.
    pub(super) fn preview_question(&self, question: &Question) -> Result<Previewed, LedgerError> {
        let record = self.preview(&question.ask);
        answered(question, record, self.decide, || {
            Ok(self.known_then(&question.ask))
        })
    }

    fn known_then(&self, ask: &Ask) -> (Vec<PersonThen>, PlatformThen) {
        let then = self.until(ask.now_ms);
        let people = ask.to.iter().map(|to| {
            let (canonical, spelling) = to.canonical();
            let Some(person) = self.find(ask.business, &canonical) else {
                return PersonThen::default();
            };
            let answers = self.group(person).into_iter();
            let answers = answers.flat_map(|member| &self.people[member].answers);
            let answers = answers.filter(|answer| *answer.number == *ask.number);
            PersonThen {
                head: then.head(person, spelling),
                erased: self.was_erased_after(&then, person, ask.now_ms),
                call_at_ms: answers.map(|answer| answer.at_ms).max(),
            }
        });
        (people.collect(), self.platform_at(ask))
    }

    fn platform_at(&self, ask: &Ask) -> PlatformThen {
        let template = ask.template.as_ref().and_then(|asked| {
            self.template(ask.business, [&asked.waba_id, &asked.name, &asked.language])
        });
        platform_then(
            &ask.number,
            self.number(ask.business, &ask.number).as_ref(),
            self.account(ask.business, &ask.waba_id).as_ref(),
            template.as_ref(),
            ask.now_ms,
        )
    }

    /// Whether anyone whose events bore on a person then was erased since.
    fn was_erased_after(&self, then: &Self, person: usize, at_ms: i64) -> bool {
        let mut people = then.group(person);
        let carried = then.carried(&people).into_iter();
        people.extend(carried.map(|(who, _)| who));
        let mut events = people.iter().flat_map(|who| &self.people[*who].events);
        events
            .any(|stored| stored.event.kind == EventKind::Erased && stored.event.arrival_ms > at_ms)
    }

    /// People, links and moves as they stood at a moment.
    fn until(&self, at_ms: i64) -> Self {
        let mut then = Self::empty(self.businesses.clone(), self.decide);
        then.people = self.people.clone();
        for person in &mut then.people {
            // What an erasure took is gone, whatever moment is asked about.
            person.events.retain(|stored| {
                stored.event.arrival_ms <= at_ms || stored.event.kind == EventKind::Erased
            });
            // What an erasure left of a name carries noes alone, whenever they are asked about.
            let names = person.names.iter_mut();
            for name in names.filter(|name| !is_pseudonym(&name.id)) {
                name.left_ms = name.left_ms.filter(|left_ms| *left_ms <= at_ms);
                name.gone_ms = name.gone_ms.filter(|gone_ms| *gone_ms <= at_ms);
            }
        }
        let links = self.links.iter().filter(|link| link.at_ms <= at_ms);
        then.links = links.cloned().collect();
        let moves = self.moves.iter().filter(|moved| moved.at_ms <= at_ms);
        then.moves = moves.cloned().collect();
        then
    }
}
