//! The pages of numbers: the list, and one number at a glance.

use askama::Template;

use crate::capabilities::{CapabilityRow, CauseView};
use crate::chart::{bar_width, grouped};
use crate::page::{Frame, Marker, NumberRow};
use crate::words::When;

/// A number in the list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NumberListRow {
    /// As on the status page.
    pub number: NumberRow,
    /// What holds of it that matters most, in a few words; none where it was not worked out.
    pub holds: Option<Marker>,
    /// Whether it can start with marketing, answer and receive, each in words.
    pub can: Vec<(&'static str, Marker)>,
}

/// A business's numbers.
#[derive(Clone, Debug, Template)]
#[template(path = "numbers.html")]
pub struct NumbersPage {
    /// The surroundings.
    pub frame: Frame,
    /// Every number.
    pub numbers: Vec<NumberListRow>,
}

/// Something that is known of a number.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FactView {
    /// What.
    pub what: &'static str,
    /// What it is.
    pub value: Marker,
    /// Its end.
    pub until: Option<When>,
    /// When it was told.
    pub at: When,
    /// Where it came from.
    pub origin: &'static str,
}

/// A count that stands at the head.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CountView {
    /// Of what.
    pub label: &'static str,
    /// The count.
    pub value: String,
    /// What it is to be read with.
    pub note: String,
}

/// One day.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DayView {
    /// Its end.
    pub until: When,
    /// Templates sent.
    pub sent: u64,
    /// Different people.
    pub people: u64,
    /// Of the messages, failed.
    pub failed: u64,
    /// Noes that followed.
    pub stops: u64,
}

/// A row of a table of messages.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MessagesView {
    /// What the row is of.
    pub name: String,
    /// Something beside the name, such as a language.
    pub note: String,
    /// Sent.
    pub sent: u64,
    /// Read, as a share of what arrived.
    pub read: String,
    /// Written back since, as a share of what arrived.
    pub answered: String,
    /// Neither read nor answered, as a share of what is old enough to tell.
    pub silent: String,
    /// Failed.
    pub failed: u64,
    /// WhatsApp's own switch.
    pub native_stops: u64,
    /// Stop words and buttons.
    pub stop_words: u64,
    /// Other noes.
    pub other_stops: u64,
}

/// A number behind a likely cause.
#[derive(Clone, PartialEq, Debug)]
pub struct MeasuredView {
    /// In a sentence.
    pub text: String,
    /// The share here and, where it is compared, there; in ten thousandths.
    pub bars: Option<(u64, Option<u64>)>,
}

impl MeasuredView {
    fn most(&self) -> u64 {
        let (here, there) = self.bars.unwrap_or_default();
        here.max(there.unwrap_or_default()).max(1)
    }

    fn width(&self, count: &u64) -> String {
        bar_width(*count, self.most())
    }
}

/// A likely cause.
#[derive(Clone, PartialEq, Debug)]
pub struct LikelyView {
    /// In a few words.
    pub title: &'static str,
    /// How sure that is.
    pub level: Marker,
    /// The template it is about.
    pub template: Option<String>,
    /// The numbers behind it.
    pub measured: Vec<MeasuredView>,
    /// What to change first.
    pub first: &'static str,
    /// Ids of facts, each with where the guide tells it.
    pub facts: Vec<(String, String)>,
}

/// How people took what the number sent.
#[derive(Clone, PartialEq, Debug)]
pub struct ReceptionView {
    /// What it comes to, in a sentence.
    pub verdict: String,
    /// Likely causes.
    pub causes: Vec<LikelyView>,
    /// What no count can hold.
    pub not_seen: &'static str,
    /// What went after this is counted.
    pub from: When,
    /// Up to this.
    pub until: When,
    /// One person in so many was looked at.
    pub one_in: u32,
    /// What stands at the head.
    pub counts: Vec<CountView>,
    /// Day by day, the oldest first.
    pub days: Vec<DayView>,
    /// By template.
    pub templates: Vec<MessagesView>,
    /// By what they rested on.
    pub by_consent: Vec<MessagesView>,
    /// By which message of the seven days it was for its person.
    pub by_turn: Vec<MessagesView>,
    /// How often messages failed, by code and what it means.
    pub failures: Vec<(&'static str, u64)>,
    /// Noes that followed no template.
    pub unattributed: u64,
    /// Messages that only answered.
    pub answers: u64,
}

impl ReceptionView {
    fn grouped(&self, count: &u64) -> String {
        grouped(*count)
    }

    fn width(&self, count: &u64) -> String {
        let most = self.days.iter().map(|day| day.sent).max();
        bar_width(*count, most.unwrap_or_default())
    }

    fn is_empty(&self) -> bool {
        self.days.iter().all(|day| day.sent == 0)
    }

    /// The tables, each with its heading and the name of its first column.
    fn tables(&self) -> [(&'static str, &'static str, &'static str, &[MessagesView]); 3] {
        [
            ("by-template", "By template", "Template", &self.templates),
            (
                "by-consent",
                "By the consent it rested on",
                "Consent",
                &self.by_consent,
            ),
            (
                "by-turn",
                "By which message of the week it was for its person",
                "Message",
                &self.by_turn,
            ),
        ]
    }
}

/// The word that proves that messages arrive.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProbeView {
    /// `waiting`, `arrived` or `lapsed`.
    pub state: &'static str,
    /// What is to be sent.
    pub text: String,
    /// The link that sends it.
    pub link: Option<String>,
    /// When it was made.
    pub asked: When,
    /// By whom.
    pub by: String,
    /// Until when it counts.
    pub until: When,
    /// When it arrived.
    pub arrived: Option<When>,
}

/// One number at a glance.
#[derive(Clone, Debug, Template)]
#[template(path = "number.html")]
pub struct NumberPage {
    /// The surroundings.
    pub frame: Frame,
    /// The number as people see it.
    pub display: String,
    /// The phone_number_id.
    pub id: String,
    /// The moment that is asked about.
    pub at: When,
    /// It lies ahead.
    pub ahead: bool,
    /// It lies back.
    pub back: bool,
    /// What was typed into the form.
    pub asked: String,
    /// Status and rating, in words.
    pub state: Vec<(&'static str, Marker)>,
    /// What is known, each with its age.
    pub facts: Vec<FactView>,
    /// Every capability.
    pub rows: Vec<CapabilityRow>,
    /// Everything that holds, gravest first.
    pub causes: Vec<CauseView>,
    /// When anybody last wrote to the number.
    pub last_inbound: Option<When>,
    /// The newest word.
    pub probe: Option<ProbeView>,
    /// The viewer may have a word made.
    pub may_probe: bool,
    /// How people took what it sent.
    pub reception: ReceptionView,
    /// What comes next, as drawn elsewhere.
    pub forecast: Option<String>,
    /// What happened to it, as drawn elsewhere.
    pub timeline: Option<String>,
}
