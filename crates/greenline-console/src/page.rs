//! The pages and what each is filled with.

use askama::Template;
use greenline_policy::consent::{EventKind, Standing};
use greenline_policy::decide::{Intent, Verdict};

use crate::chart::{bar_width, grouped};
use crate::words::{self, When};

/// One business in the switcher.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Business {
    /// Used in URLs.
    pub id: String,
    /// The name people know.
    pub name: String,
}

/// What surrounds every page.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Frame {
    /// Who looks.
    pub who: String,
    /// The business shown; `None` where the page is about none.
    pub business: Option<Business>,
    /// Every business the viewer reaches.
    pub businesses: Vec<Business>,
    /// The viewer may see who is told of events.
    pub manages: bool,
    /// When the page was made.
    pub made: When,
}

impl Frame {
    pub(crate) fn is_current(&self, id: &str) -> bool {
        self.business
            .as_ref()
            .is_some_and(|business| business.id == id)
    }

    /// `?business=…` of the business shown; ids are letters, digits, `-` and `_`.
    pub(crate) fn query(&self) -> String {
        self.business
            .as_ref()
            .map(|business| format!("?business={}", business.id))
            .unwrap_or_default()
    }
}

/// A word with a tone: `good`, `warn`, `bad` or `idle`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Marker {
    /// The word.
    pub text: String,
    /// The tone.
    pub tone: &'static str,
}

impl From<(String, &'static str)> for Marker {
    fn from((text, tone): (String, &'static str)) -> Self {
        Self { text, tone }
    }
}

/// Counts at the top of the status page; the last 24 hours where they count decisions.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// People known.
    pub people: u64,
    /// Allowed.
    pub allowed: u64,
    /// Refused.
    pub refused: u64,
    /// Stops recorded.
    pub stops: u64,
    /// Deliveries waiting for apps.
    pub relay_waiting: u64,
    /// Deliveries kept for replay.
    pub relay_parked: u64,
}

/// A number on the status page.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NumberRow {
    /// As people see it.
    pub display: String,
    /// The platform's id.
    pub id: String,
    /// `status`.
    pub status: Marker,
    /// `quality_rating`.
    pub rating: Marker,
    /// When both were read.
    pub read: Option<When>,
    /// When anybody last wrote to it.
    pub last_inbound: Option<When>,
}

/// A decision in a list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DecisionRow {
    /// Its name.
    pub id: String,
    /// When.
    pub at: When,
    /// To whom, masked.
    pub to: String,
    /// What it was.
    pub intent: Intent,
    /// The template's name, if one.
    pub template: Option<String>,
    /// The app that asked.
    pub app: String,
    /// The verdict.
    pub verdict: Verdict,
    /// The refusal did not bind.
    pub observed: bool,
    /// The sentence of the reason that answers first.
    pub reason: String,
}

impl DecisionRow {
    fn word(&self) -> &'static str {
        words::verdict(self.verdict, self.observed)
    }

    fn tone(&self) -> &'static str {
        tone(self.verdict, self.observed)
    }

    fn what(&self) -> &'static str {
        words::intent(self.intent)
    }
}

fn tone(verdict: Verdict, observed: bool) -> &'static str {
    match (verdict, observed) {
        (Verdict::Allow, _) => "good",
        (Verdict::Refuse, false) => "bad",
        (Verdict::Refuse, true) | (Verdict::Hold, _) => "warn",
    }
}

/// A stop in a list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StopRow {
    /// When the person acted.
    pub at: When,
    /// Who, masked.
    pub who: String,
    /// What happened.
    pub kind: EventKind,
    /// What it is about.
    pub scope: String,
    /// How it came: the evidence's method, or empty.
    pub method: String,
}

impl StopRow {
    fn word(&self) -> &'static str {
        words::event(self.kind)
    }
}

/// Something that someone should look at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Alarm {
    /// What is wrong, a sentence.
    pub title: String,
    /// More of it, and what to do.
    pub text: String,
    /// Where something is done about it, for who may.
    pub link: Option<String>,
    /// Since when.
    pub since: When,
}

/// The page at `/`.
#[derive(Clone, Debug, Template)]
#[template(path = "status.html")]
pub struct StatusPage {
    /// The surroundings.
    pub frame: Frame,
    /// Refusals do not bind.
    pub observed: bool,
    /// Notifications would be the only way out.
    pub shut: bool,
    /// Nothing has begun: no way out is proved yet, and none is broken.
    pub untried: bool,
    /// What someone should look at.
    pub alarms: Vec<Alarm>,
    /// Counts.
    pub counts: Counts,
    /// The business's numbers.
    pub numbers: Vec<NumberRow>,
    /// How often each reason answered first, over the decisions of the last day that were looked at:
    /// sentence, rule id, count, whether it refuses. Most frequent first.
    pub by_reason: Vec<(String, String, u64, bool)>,
    /// How many decisions `by_reason` looked at.
    pub looked_at: u64,
    /// The last decisions.
    pub decisions: Vec<DecisionRow>,
    /// Where older decisions begin: the id to page from.
    pub older: Option<String>,
    /// The last stops.
    pub stops: Vec<StopRow>,
    /// The viewer may put parked deliveries back into the queue.
    pub may_replay: bool,
}

impl StatusPage {
    fn grouped(&self, count: &u64) -> String {
        grouped(*count)
    }

    fn most(&self) -> u64 {
        self.by_reason.iter().map(|row| row.2).max().unwrap_or(0)
    }

    fn width(&self, count: &u64) -> String {
        bar_width(*count, self.most())
    }

    fn split(&self) -> (String, String) {
        let both = self.counts.allowed + self.counts.refused;
        (
            bar_width(self.counts.allowed, both),
            bar_width(self.counts.refused, both),
        )
    }
}

/// One reason of a decision.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReasonView {
    /// The rule.
    pub rule: String,
    /// Its sentence.
    pub text: String,
    /// Its sources.
    pub sources: Vec<String>,
    /// The next step, or empty.
    pub remedy: String,
    /// Refuses by itself; a note otherwise.
    pub refuses: bool,
    /// When it passes.
    pub until: Option<When>,
    /// The consent event it rests on.
    pub event: Option<String>,
}

/// One scope of a head.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StandingRow {
    /// The scope.
    pub scope: String,
    /// How it stands.
    pub standing: Standing,
    /// It is marketing, and the native stop is in force.
    pub switched_off: bool,
    /// Since when, where known.
    pub since: Option<When>,
    /// The event it rests on.
    pub event: Option<String>,
}

impl StandingRow {
    /// There is a yes, but the native stop keeps it from counting.
    fn is_switched_off(&self) -> bool {
        self.switched_off && matches!(self.standing, Standing::Covered { .. })
    }

    pub(crate) fn word(&self) -> &'static str {
        if self.is_switched_off() {
            words::SWITCHED_OFF
        } else {
            words::standing(&self.standing)
        }
    }

    pub(crate) fn means(&self) -> &'static str {
        if self.is_switched_off() {
            words::SWITCHED_OFF_MEANS
        } else {
            words::standing_means(&self.standing)
        }
    }

    pub(crate) fn tone(&self) -> &'static str {
        if self.is_switched_off() {
            "bad"
        } else {
            words::standing_tone(&self.standing)
        }
    }
}

/// One addressee of a decision, with what was known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Addressee {
    /// Masked.
    pub who: String,
    /// Where their page is.
    pub link: Option<String>,
    /// How each scope stood.
    pub standings: Vec<StandingRow>,
    /// The native stop in force then, since when.
    pub native_stop: Option<When>,
    /// Free-form was closed then, since when.
    pub freeform_closed: Option<When>,
    /// When they had last written to the number.
    pub wrote: Option<When>,
}

/// What deciding again from the record gave.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Replay {
    /// The same answer.
    Same,
    /// Another answer, in words.
    Differs(String),
}

/// What to do next about everything that is in the way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NextStepView {
    /// What to do.
    pub text: String,
    /// Until when to wait, where that is known.
    pub until: Option<When>,
    /// Rules that are still in the way afterwards.
    pub then: Vec<String>,
}

/// The page of one decision.
#[derive(Clone, Debug, Template)]
#[template(path = "decision.html")]
pub struct DecisionPage {
    /// The surroundings.
    pub frame: Frame,
    /// As in lists.
    pub row: DecisionRow,
    /// The number it was to go from.
    pub number: String,
    /// The rule pack.
    pub pack: String,
    /// Every reason.
    pub reasons: Vec<ReasonView>,
    /// The one step to take first; none when it may go.
    pub next_step: Option<NextStepView>,
    /// The addressees.
    pub people: Vec<Addressee>,
    /// What was known of the template: category and state in words.
    pub template_known: Option<String>,
    /// What was known of the number, in words.
    pub number_known: String,
    /// What became of it, in words.
    pub outcome: String,
    /// Message ids the platform gave.
    pub message_ids: Vec<String>,
    /// Deciding again.
    pub replay: Replay,
}

/// The search form.
#[derive(Clone, Debug, Template)]
#[template(path = "people.html")]
pub struct PeoplePage {
    /// The surroundings.
    pub frame: Frame,
    /// Why the last search showed nobody.
    pub problem: Option<String>,
    /// The viewer may have everything held about somebody made into a file.
    pub may_export: bool,
}

/// The evidence of an event: names and values that are not empty.
pub type Evidence = Vec<(String, String)>;

/// One event of a person's history.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HistoryRow {
    /// Its name.
    pub id: String,
    /// When the person acted.
    pub at: When,
    /// When it was recorded, if another moment.
    pub recorded: Option<When>,
    /// What happened.
    pub kind: EventKind,
    /// What it is about.
    pub scope: String,
    /// `claimed`, `imported`, `evidenced`; only a yes has one.
    pub strength: Option<&'static str>,
    /// Under which identifier, masked unless shown in full.
    pub identifier: String,
    /// Who recorded it.
    pub actor: String,
    /// The proof.
    pub evidence: Evidence,
}

impl HistoryRow {
    pub(crate) fn word(&self) -> &'static str {
        words::event(self.kind)
    }

    pub(crate) fn tone(&self) -> &'static str {
        words::event_tone(self.kind)
    }
}

/// A window with one number.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WindowRow {
    /// The number.
    pub number: String,
    /// When the person last wrote.
    pub wrote: When,
    /// Open until then.
    pub until: When,
    /// Open now.
    pub open: bool,
}

/// The page of one person.
#[derive(Clone, Debug, Template)]
#[template(path = "person.html")]
pub struct PersonPage {
    /// The surroundings.
    pub frame: Frame,
    /// Who: the identifier asked by, masked unless shown in full.
    pub who: String,
    /// Every identifier, the same way, with since when it is linked.
    pub identifiers: Vec<(String, Option<When>)>,
    /// Numbers are shown in full.
    pub revealed: bool,
    /// Where the form that shows them in full leads, for those who may, with hidden fields.
    pub reveal: Option<(String, Vec<(String, String)>)>,
    /// The head.
    pub standings: Vec<StandingRow>,
    /// The native stop in force, since when.
    pub native_stop: Option<When>,
    /// Free-form is closed until they write, since when.
    pub freeform_closed: Option<When>,
    /// Windows.
    pub windows: Vec<WindowRow>,
    /// Events, newest first.
    pub history: Vec<HistoryRow>,
}

/// A page that says one thing, such as that something was not found.
#[derive(Clone, Debug, Template)]
#[template(path = "message.html")]
pub struct MessagePage {
    /// The surroundings.
    pub frame: Frame,
    /// The heading.
    pub title: String,
    /// One or two sentences.
    pub text: String,
}
