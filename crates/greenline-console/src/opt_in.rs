//! The opt-in page: where a person chooses what a business may send them, and the step that proves it.
//!
//! It is the preference page's sister and looks like it. It says who sends what, ticks nothing beforehand, and
//! never tells whether a number is known. A number typed here proves nothing, so the second page shows the
//! message that the person sends from their own phone.
//!
//! Texts come from one file per language in `data/opt_in`; the rest of the page (its foot, its problems) uses
//! those of the preference page.

mod texts;

use askama::Template;

use crate::preference::Setting;

pub use texts::{OptInTexts, negotiate, of_language, usual};

/// Every language, for its templates.
fn offered() -> &'static [OptInTexts] {
    texts::languages()
}

/// One thing to agree to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Choice {
    /// What the box sends.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// The exact wording that is agreed to.
    pub wording: String,
    /// The wording's language, and its direction.
    pub language: String,
    /// `ltr` or `rtl`.
    pub direction: &'static str,
    /// Ticked by the person a moment ago, never by us.
    pub ticked: bool,
}

/// Why nothing was recorded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trouble {
    /// The form is not one of this page, or an old one.
    Form,
    /// No number can be read.
    Phone,
    /// Nothing is ticked.
    Choose,
}

/// The page at `/o/{business}`.
#[derive(Clone, Debug, Template)]
#[template(path = "opt-in.html")]
pub struct OptInPage<'p> {
    /// The surroundings.
    pub setting: Setting<'p>,
    /// What it says.
    pub texts: &'static OptInTexts,
    /// What there is to choose from.
    pub choices: Vec<Choice>,
    /// The number as it was typed.
    pub phone: String,
    /// Binds the form to the page.
    pub form: String,
    /// What went wrong.
    pub trouble: Option<Trouble>,
}

/// The step that proves it.
#[derive(Clone, Debug, Template)]
#[template(path = "opt-in-next.html")]
pub struct OptInNext<'p> {
    /// The surroundings.
    pub setting: Setting<'p>,
    /// What it says.
    pub texts: &'static OptInTexts,
    /// The message to send.
    pub message: String,
    /// Opens WhatsApp with it.
    pub link: String,
    /// The same as a picture: an `svg` element.
    pub qr: String,
    /// What the page was asked for, kept when the language is changed.
    pub chosen: String,
}

impl OptInPage<'_> {
    fn tab(&self) -> String {
        match self.trouble {
            None => self.setting.say(&self.texts.title),
            Some(_) => self.setting.texts.problem.clone(),
        }
    }

    fn explained(&self, trouble: &Trouble) -> &str {
        match trouble {
            Trouble::Form => &self.setting.texts.problem_form,
            Trouble::Phone => &self.texts.problem_phone,
            Trouble::Choose => &self.texts.problem_choose,
        }
    }

    fn is_phone_wrong(&self) -> bool {
        self.trouble == Some(Trouble::Phone)
    }
}
