//! The preference page: what a person sees who opens a link to turn messages off.
//!
//! It is the only page that the public sees, often on an old phone, in a hurry, in their own language and by
//! people who never heard of Greenline. So it says what is on, lets each thing be turned off by one press
//! and everything by one more, and says afterwards what was done. It loads nothing from elsewhere unless the
//! business's logo lies there, runs no script, and never offers to turn on what was not just turned off here.
//!
//! Texts come from one file per language in `data/preference`; [`look`] turns a business's colour into two
//! that can be read, on light and on dark.

pub mod look;
mod texts;

use askama::Template;

pub use look::Look;
pub use texts::{Texts, best, languages, negotiate, of_language, usual};

/// What surrounds every one of these pages.
#[derive(Clone, Debug)]
pub struct Setting<'p> {
    /// The language.
    pub texts: &'static Texts,
    /// The business, where it is known.
    pub brand: Option<&'p Brand>,
    /// The last part of the page's own address; nothing where no form leads there.
    pub place: &'p str,
    /// The language was chosen on the page, and stays.
    pub chosen: bool,
}

/// A business as its page shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Brand {
    /// The name people know.
    pub name: String,
    /// Where its logo is: a `data:` address or an https one; empty for none.
    pub logo: String,
    /// Where it says what it does with personal data; empty for none.
    pub privacy_url: String,
    /// Its numbers as people see them, for those who would rather write.
    pub numbers: Vec<String>,
    /// Its colours.
    pub look: Look,
}

/// How one kind of message stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum State {
    /// On, since that day.
    On(String),
    /// Off, since that day.
    Off(String),
    /// The person never signed up, or never proved it.
    Never,
}

/// One kind of message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// The scope: what the button sends.
    pub scope: String,
    /// What it is called.
    pub title: String,
    /// What it means; empty for a topic.
    pub means: String,
    /// It is part of the row before it that is not.
    pub is_topic: bool,
    /// How it stands.
    pub state: State,
    /// On, but turned off in WhatsApp itself.
    pub is_switched_off: bool,
}

impl Row {
    /// Its button says in words what it does, and needs the room.
    fn is_asked(&self) -> bool {
        self.state == State::Never
    }
}

/// What was just done, or was not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Notice {
    /// Something was turned off.
    Off {
        /// What.
        what: String,
        /// The receipt.
        receipt: String,
        /// It was everything.
        everything: bool,
        /// What undoes it, and until when.
        undo: Option<(String, String)>,
    },
    /// It had been off before.
    AlreadyOff {
        /// What.
        what: String,
        /// The receipt of then.
        receipt: String,
    },
    /// An own change was undone.
    On {
        /// What is on again.
        what: Vec<String>,
        /// The receipts.
        receipts: Vec<String>,
    },
    /// Nothing was done.
    Problem(Problem),
}

/// Why nothing was done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Problem {
    /// The form is not one of this page.
    Form,
    /// The time for undoing is over, or something else was said since.
    UndoOver,
    /// Too many undos.
    Busy,
}

/// The page at `/p/{token}`.
#[derive(Clone, Debug, Template)]
#[template(path = "preference.html")]
pub struct PreferencePage<'p> {
    /// The surroundings.
    pub setting: Setting<'p>,
    /// Whose page it is; masked.
    pub who: String,
    /// Every kind of message.
    pub rows: Vec<Row>,
    /// Something is left that can be turned off.
    pub may_stop_all: bool,
    /// Everything is off, since that day.
    pub all_off: Option<String>,
    /// Binds the form to the link and to what it showed.
    pub form: String,
    /// What was done.
    pub notice: Option<Notice>,
    /// Keeps the notice when the language is changed.
    pub done: Option<String>,
}

/// A page that has no person to show.
#[derive(Clone, Debug, Template)]
#[template(path = "preference-message.html")]
pub struct PreferenceMessage<'p> {
    /// The surroundings.
    pub setting: Setting<'p>,
    /// What it says.
    pub kind: Message,
}

/// What such a page says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Message {
    /// The link is none, or no longer one.
    BadLink,
    /// The store does not answer.
    Down,
    /// Asked too often.
    Busy,
}

impl Setting<'_> {
    /// A text with the business's name in it, kept apart from the direction of the text around it.
    pub(crate) fn say(&self, text: &str) -> String {
        self.with(text, &[])
    }

    fn with(&self, text: &str, more: &[(&str, &str)]) -> String {
        let name = self.brand.map_or("", |brand| brand.name.as_str());
        let mut said = text.replace("{business}", &isolated(name));
        for (mark, value) in more {
            // A date does not break at its hyphens: a word joiner follows each.
            let value = match *mark {
                "{date}" => value.replace('-', "-\u{2060}"),
                _ => (*value).to_owned(),
            };
            said = said.replace(mark, &isolated(&value));
        }
        said
    }

    fn one(&self, text: &str, mark: &str, value: &str) -> String {
        self.with(text, &[(mark, value)])
    }

    /// The numbers that one can write to, in a row.
    fn numbers(&self) -> Option<String> {
        let numbers = &self.brand?.numbers;
        // A number does not break at the end of a line.
        let whole = |number: &String| isolated(&number.replace(' ', "\u{a0}"));
        let isolated: Vec<String> = numbers.iter().map(whole).collect();
        (!numbers.is_empty()).then(|| isolated.join(", "))
    }

    pub(crate) fn look(&self) -> Look {
        self.brand
            .map_or_else(Look::default, |brand| brand.look.clone())
    }

    fn languages(&self) -> impl Iterator<Item = &'static Texts> {
        languages().iter()
    }

    fn is_current(&self, language: &str) -> bool {
        self.texts.language == language
    }
}

/// Between the marks that keep a foreign piece of text in its own direction.
fn isolated(value: &str) -> String {
    if value.is_empty() {
        return String::new();
    }
    format!("\u{2068}{value}\u{2069}")
}

impl PreferencePage<'_> {
    /// What the tab is called: first what was done, for those who hear it.
    fn tab(&self) -> String {
        let texts = self.setting.texts;
        match &self.notice {
            None => self.setting.say(&texts.title),
            Some(notice) => self.heading(notice),
        }
    }

    fn heading(&self, notice: &Notice) -> String {
        let texts = self.setting.texts;
        match notice {
            Notice::Off { what, .. } => self.setting.one(&texts.turned_off, "{what}", what),
            Notice::AlreadyOff { what, .. } => self.setting.one(&texts.was_off, "{what}", what),
            Notice::On { what, .. } => {
                self.setting
                    .one(&texts.turned_on, "{what}", &what.join(", "))
            }
            Notice::Problem(_) => texts.problem.clone(),
        }
    }

    fn explained(&self, problem: &Problem) -> String {
        let texts = self.setting.texts;
        let text = match problem {
            Problem::Form => &texts.problem_form,
            Problem::UndoOver => &texts.problem_undo,
            Problem::Busy => &texts.busy_text,
        };
        self.setting.say(text)
    }

    fn state(&self, row: &Row) -> String {
        let texts = self.setting.texts;
        if row.is_switched_off {
            return self.setting.say(&texts.native);
        }
        match &row.state {
            State::On(since) => self.setting.one(&texts.on_since, "{date}", since),
            State::Off(since) => self.setting.one(&texts.off_since, "{date}", since),
            State::Never => texts.never.clone(),
        }
    }

    fn tone(&self, row: &Row) -> &'static str {
        match row.state {
            State::On(_) if !row.is_switched_off => "on",
            _ => "off",
        }
    }
}

impl PreferenceMessage<'_> {
    fn title(&self) -> &str {
        let texts = self.setting.texts;
        match self.kind {
            Message::BadLink => &texts.bad_title,
            Message::Down => &texts.down_title,
            Message::Busy => &texts.busy_title,
        }
    }

    fn text(&self) -> &str {
        let texts = self.setting.texts;
        match self.kind {
            Message::BadLink => &texts.bad_text,
            Message::Down => &texts.down_text,
            Message::Busy => &texts.busy_text,
        }
    }
}
