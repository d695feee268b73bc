//! What a link leads to, and what is recorded through it.
//!
//! A no is dated now. The yes of an undo is dated right after the no that it undoes, not now: whatever the
//! person said anywhere else since then is younger, and stands. It restores what was covered before that one
//! no and nothing more, which the no itself carries in its evidence.

use greenline_ledger::types::{Actor, Evidence, NewEvent, PersonView, StoredEvent};
use greenline_ledger::{LedgerError, LinkHolder};
use greenline_policy::avenue::Avenue;
use greenline_policy::consent::{EventId, EventKind, Head, Standing, Strength};
use greenline_policy::evidence::Method;
use greenline_policy::identity::{Identifier, Phone, Spelling};
use greenline_policy::scope::{Category, Scope};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::sealed::Form;
use super::token::{self, Link};
use super::{Asked, Opened, UNDO_MS, view};
use crate::admin::consents;
use crate::app::App;
use crate::avenues;
use crate::directory::Business;
use crate::ids;

/// Who records: the person.
const ACTOR: &str = "person";

/// A person as the ledger has them.
#[derive(Debug)]
pub(super) struct Held {
    /// Under which what they do is recorded.
    pub(super) identifier: Identifier,
    pub(super) person: PersonView,
}

impl Held {
    pub(super) async fn read(
        app: &App,
        business: &Business,
        link: &Link,
        holder: LinkHolder,
    ) -> Result<Option<Self>, LedgerError> {
        let identifier = if link.may_be_landline {
            landline(&holder.identifier).unwrap_or(holder.identifier)
        } else {
            holder.identifier
        };
        let person = app.ledger.person(business.ix, &identifier).await?;
        Ok(person.map(|person| Self { identifier, person }))
    }

    fn head(&self) -> &Head {
        &self.person.head
    }

    /// How many events the page rests on.
    pub(super) fn version(&self) -> u32 {
        u32::try_from(self.person.history.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn event(&self, id: EventId) -> Option<&StoredEvent> {
        self.person.history.iter().find(|stored| stored.id == id)
    }

    /// The no that keeps a scope and all below it shut; `None` when any of it is open.
    pub(super) fn no_in_force(&self, scope: &Scope, business: &Business) -> Option<EventId> {
        let no = |scope: &Scope| match self.head().standing(scope) {
            Standing::Refused { event, .. } => Some(event),
            _ => None,
        };
        let below = below(scope, business, self.head());
        no(scope).filter(|_| below.iter().all(|child| no(child).is_some()))
    }

    /// Whether a no was said with this form.
    pub(super) fn was_made_by(&self, no: EventId, form: &Form) -> bool {
        self.event(no)
            .and_then(|no| extra(no).get("form")?.as_str().map(str::to_owned))
            .is_some_and(|named| named == hex(&form.nonce))
    }

    /// A no that was said on this page.
    pub(super) fn own_no(&self, id: EventId) -> Option<&StoredEvent> {
        self.event(id).filter(|stored| {
            stored.event.kind.is_no()
                && &*stored.event.evidence.method == Method::PreferencePage.as_str()
        })
    }

    /// What undoing a no would open again now: nothing once its time is over or something newer was said.
    pub(super) fn restorable(&self, no: EventId, now_ms: i64) -> Vec<Scope> {
        let Some(stored) = self.own_no(no) else {
            return Vec::new();
        };
        if now_ms >= stored.event.arrival_ms.saturating_add(UNDO_MS) {
            return Vec::new();
        }
        let by_this_no = |scope: &Scope| matches!(self.head().standing(scope), Standing::Refused { event, .. } if event == no);
        let extra = extra(stored);
        let named = extra.get("restores").and_then(Value::as_array);
        let named = named.into_iter().flatten().filter_map(Value::as_str);
        named.filter_map(Scope::parse).filter(by_this_no).collect()
    }

    /// The yeses that undid a no.
    pub(super) fn undone(&self, no: EventId) -> impl Iterator<Item = &StoredEvent> {
        let no = ids::event(no);
        self.person.history.iter().filter(move |stored| {
            stored.event.kind == EventKind::Granted
                && extra(stored).get("undoes").and_then(Value::as_str) == Some(&no)
        })
    }

    /// Whether a no was undone and nothing was said since that closes it again.
    pub(super) fn is_undone(&self, no: EventId) -> bool {
        let is_open = |yes: &StoredEvent| {
            let standing = self.head().standing(&yes.event.scope);
            matches!(standing, Standing::Covered { .. })
        };
        self.undone(no).next().is_some() && self.undone(no).all(is_open)
    }

    /// Whether a no still stands as it was said.
    pub(super) fn is_in_force(&self, no: &StoredEvent) -> bool {
        let standing = self.head().standing(&no.event.scope);
        matches!(standing, Standing::Refused { .. }) && self.undone(no.id).next().is_none()
    }

    /// What is covered at or below a scope, each as high up as it is: a yes to these restores just that.
    fn covered(&self, scope: &Scope, business: &Business) -> Vec<Scope> {
        let mut covered: Vec<Scope> = Vec::new();
        let all = std::iter::once(scope.clone()).chain(below(scope, business, self.head()));
        for scope in all {
            let is_covered = matches!(self.head().standing(&scope), Standing::Covered { .. });
            if is_covered && !covered.iter().any(|above| above.covers(&scope)) {
                covered.push(scope);
            }
        }
        covered
    }
}

/// Everything below a scope that is declared or that some event names, from the top down.
fn below(scope: &Scope, business: &Business, head: &Head) -> Vec<Scope> {
    let categories = Category::ALL.map(Scope::Category);
    let declared = business
        .config
        .topics
        .iter()
        .filter_map(|topic| Scope::parse(topic));
    let named = head.topics.iter().map(|(topic, _)| topic.clone());
    let mut below: Vec<Scope> = Vec::new();
    for child in categories.into_iter().chain(declared).chain(named) {
        if scope.covers(&child) && child != *scope && !below.contains(&child) {
            below.push(child);
        }
    }
    below
}

/// The spelling of a number that may be a landline.
fn landline(canonical: &Identifier) -> Option<Identifier> {
    let Identifier::Phone(phone) = canonical else {
        return None;
    };
    let digits = phone.reveal();
    // What canonical spelling puts in is one nine, after the country code or after two digits of area.
    [2, 4].into_iter().find_map(|at| {
        let (before, after) = digits.split_at_checked(at)?;
        let spelled = Phone::parse(&format!("{before}{}", after.strip_prefix('9')?))?;
        (spelled.canonical() == (*phone, Spelling::MaybeLandline))
            .then_some(Identifier::Phone(spelled))
    })
}

fn extra(stored: &StoredEvent) -> Value {
    serde_json::from_str(&stored.event.evidence.extra_json).unwrap_or_default()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Recording for one request.
pub(super) struct Act<'a> {
    app: &'a App,
    asked: &'a Asked,
    opened: &'a Opened,
    now_ms: i64,
}

impl<'a> Act<'a> {
    pub(super) fn new(app: &'a App, asked: &'a Asked, opened: &'a Opened) -> Self {
        Self {
            app,
            asked,
            opened,
            now_ms: app.clock.now_ms(),
        }
    }

    /// Records a no on each scope. Answers once nothing allowed before can still leave.
    pub(super) async fn withdraw(
        &self,
        scopes: &[Scope],
        form: &Form,
    ) -> Result<Vec<EventId>, LedgerError> {
        let held = &self.opened.held;
        let business = &self.opened.business;
        let no = |scope: &Scope| {
            let restores: Vec<String> = held
                .covered(scope, business)
                .iter()
                .map(Scope::to_string)
                .collect();
            let texts = self.asked.texts(Some(business));
            let extra = json!({
                "link": token::id(&self.asked.token),
                "language": texts.language,
                "form": hex(&form.nonce),
                "shown": form.version,
                "restores": restores,
            });
            // The version now, not the one shown: pressing again after an undo is a new no.
            let version = held.version().to_be_bytes();
            let named = scope.to_string();
            let key = [form.nonce.as_slice(), &version, named.as_bytes()];
            NewEvent {
                kind: EventKind::Withdrawn,
                dedup: Some(self.dedup(&key)),
                ..self.event(
                    scope,
                    self.now_ms,
                    view::title(texts, business, scope),
                    &extra,
                )
            }
        };
        let recorded = self.record(scopes.iter().map(no).collect()).await?;
        for _ in &recorded {
            self.app.metrics.preference_stops.add();
        }
        avenues::used(self.app, business.ix, Avenue::PreferencePage).await;
        Ok(recorded)
    }

    /// Records the yeses that undo a no.
    pub(super) async fn undo(&self, no: EventId, restores: &[Scope]) -> Result<(), LedgerError> {
        let held = &self.opened.held;
        let Some(undone) = held.own_no(no) else {
            return Err(LedgerError::NotFound("the event to undo"));
        };
        let texts = self.asked.texts(Some(&self.opened.business));
        let yes = |scope: &Scope| {
            let title = view::title(texts, &self.opened.business, scope);
            let extra = json!({
                "link": token::id(&self.asked.token),
                "language": texts.language,
                "undoes": ids::event(no),
            });
            NewEvent {
                person: [undone.identifier.clone()].into_iter().collect(),
                kind: EventKind::Granted,
                strength: Strength::Evidenced,
                stated_ms: self.now_ms,
                dedup: Some(self.dedup(&[
                    b"undo",
                    &no.0.to_be_bytes(),
                    scope.to_string().as_bytes(),
                ])),
                ..self.event(
                    scope,
                    undone.event.at_ms.saturating_add(1),
                    format!("{}: {title}", texts.undo),
                    &extra,
                )
            }
        };
        self.record(restores.iter().map(yes).collect()).await?;
        self.app.metrics.preference_undos.add();
        Ok(())
    }

    fn event(&self, scope: &Scope, at_ms: i64, wording: String, extra: &Value) -> NewEvent {
        let business = &self.opened.business;
        NewEvent {
            business: business.ix,
            person: [self.opened.held.identifier.clone()].into_iter().collect(),
            kind: EventKind::Withdrawn,
            scope: scope.clone(),
            at_ms,
            stated_ms: at_ms,
            arrival_ms: self.now_ms,
            strength: Strength::default(),
            in_thread: false,
            evidence: Evidence {
                method: Method::PreferencePage.as_str().into(),
                wording: wording.into(),
                business_name: business.config.name.as_str().into(),
                source: "preference page".into(),
                ip: self
                    .asked
                    .ip
                    .map_or_else(Box::default, |ip| ip.to_string().into()),
                extra_json: extra.to_string().into(),
                ..Evidence::default()
            },
            actor: Actor(ACTOR.into()),
            dedup: None,
        }
    }

    fn dedup(&self, parts: &[&[u8]]) -> Box<str> {
        let mut hash = Sha256::new();
        hash.update(self.opened.link.person.0.to_be_bytes());
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let digest: [u8; 32] = hash.finalize().into();
        format!("page:{}", hex(digest.get(..16).unwrap_or_default())).into()
    }

    async fn record(&self, events: Vec<NewEvent>) -> Result<Vec<EventId>, LedgerError> {
        let recorded = consents::record_events(self.app, events).await;
        recorded.inspect_err(|error| {
            self.app.metrics.store_failures.add();
            let business = &self.opened.business.config.id;
            tracing::error!(%error, business.id = %business, "what a person did on the preference page could not be written down; they were told so");
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_other_spelling_is_found_where_there_is_one() {
        let spelled = |text: &str| {
            let given = Identifier::parse(text).unwrap();
            let (canonical, spelling) = given.canonical();
            assert_eq!(spelling, Spelling::MaybeLandline, "{text}");
            assert_eq!(landline(&canonical), Some(given), "{text}");
        };
        spelled("541123456789");
        spelled("551123456789");
        for text in ["15551230001", "5215512345678", "US.abc1"] {
            let canonical = Identifier::parse(text).unwrap().canonical().0;
            assert_eq!(landline(&canonical), None, "{text}");
        }
    }
}
