//! What a business lets people agree to, worked out once from its settings.

use greenline_policy::scope::Scope;
use rustc_hash::FxHashMap;

use super::code::Code;
use crate::config;

/// Forms of one business.
#[derive(Debug, Default)]
pub struct Forms {
    forms: Vec<Form>,
    by_code: FxHashMap<Code, (usize, usize)>,
}

/// One thing to agree to.
#[derive(Debug)]
pub struct Form {
    /// Its name in the settings.
    pub id: Box<str>,
    /// What a yes to it covers.
    pub scopes: Vec<Scope>,
    /// Its wording, by language.
    pub worded: Vec<Worded>,
    /// The number that people write to, as digits; nothing where none is known.
    pub number: Option<Box<str>>,
    /// No longer offered.
    pub retired: bool,
}

/// A form in one language.
#[derive(Clone, Debug)]
pub struct Worded {
    /// The language's tag.
    pub language: Box<str>,
    /// What the person reads and agrees to.
    pub wording: Box<str>,
    /// What the link prefills, but for the code.
    pub text: Box<str>,
    /// Stands for all of it.
    pub code: Code,
}

impl Worded {
    /// The whole prefilled text.
    #[must_use]
    pub fn prefilled(&self) -> String {
        format!("{} ({})", self.text, self.code.as_str())
    }

    /// The name of the version that evidence keeps.
    #[must_use]
    pub fn version(&self, form: &Form) -> String {
        format!("{}/{}/{}", form.id, self.language, self.code.as_str())
    }
}

impl Form {
    fn each(&self) -> impl Iterator<Item = (&Self, &Worded)> {
        self.worded.iter().map(move |worded| (self, worded))
    }

    /// In a language, or the one it is a variant of; else in the business's own, else in the first.
    #[must_use]
    pub fn in_language(&self, language: &str, usual: &str) -> Option<&Worded> {
        let base = |tag: &str| {
            tag.split(['-', '_'])
                .next()
                .unwrap_or_default()
                .to_lowercase()
        };
        let exactly = |wanted: &str| {
            self.worded
                .iter()
                .find(|worded| worded.language.eq_ignore_ascii_case(wanted))
        };
        let nearly = |wanted: &str| {
            self.worded
                .iter()
                .find(|worded| base(&worded.language) == base(wanted))
        };
        exactly(language)
            .or_else(|| nearly(language))
            .or_else(|| exactly(usual))
            .or_else(|| nearly(usual))
            .or_else(|| self.worded.first())
    }
}

impl Forms {
    /// The forms of a business.
    #[must_use]
    pub fn new(business: &config::Business) -> Self {
        let mut forms = Self::default();
        for (place, form) in business.opt_in.form.iter().enumerate() {
            let mut scopes: Vec<Scope> = Vec::new();
            for scope in form.scopes.iter().filter_map(|scope| Scope::parse(scope)) {
                if !scopes.contains(&scope) {
                    scopes.push(scope);
                }
            }
            let named: Vec<String> = scopes.iter().map(Scope::to_string).collect();
            let worded: Vec<Worded> = form
                .wording
                .iter()
                .map(|(language, wording)| {
                    let text = form.text.get(language).unwrap_or(wording);
                    let (wording, text) = (filled(business, wording), filled(business, text));
                    let scopes = named.join(" ");
                    let shown = [&business.id, &form.id, language, &wording, &text, &scopes];
                    Worded {
                        language: language.as_str().into(),
                        code: Code::of(&shown.map(String::as_str)),
                        wording: wording.into(),
                        text: text.into(),
                    }
                })
                .collect();
            for (at, worded) in worded.iter().enumerate() {
                forms.by_code.insert(worded.code.clone(), (place, at));
            }
            forms.forms.push(Form {
                id: form.id.as_str().into(),
                scopes,
                worded,
                number: number(business, &form.number),
                retired: form.retired,
            });
        }
        forms
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.forms.is_empty()
    }

    /// Every form that is still offered.
    pub fn offered(&self) -> impl Iterator<Item = &Form> {
        self.forms.iter().filter(|form| !form.retired)
    }

    /// Every form in every language, retired ones too.
    pub fn all(&self) -> impl Iterator<Item = (&Form, &Worded)> {
        self.forms.iter().flat_map(Form::each)
    }

    /// A form by its name, retired ones too.
    #[must_use]
    pub fn form(&self, id: &str) -> Option<&Form> {
        self.forms.iter().find(|form| &*form.id == id)
    }

    /// What a code stands for.
    #[must_use]
    pub fn of_code(&self, code: &Code) -> Option<(&Form, &Worded)> {
        let (form, at) = self.by_code.get(code)?;
        let form = self.forms.get(*form)?;
        Some((form, form.worded.get(*at)?))
    }
}

fn filled(business: &config::Business, text: &str) -> String {
    text.trim().replace("{business}", &business.name)
}

/// The digits of the number named, or of the first that people can see.
fn number(business: &config::Business, named: &str) -> Option<Box<str>> {
    let fits = |number: &&config::Number| {
        !number.display_number.is_empty() && (named.is_empty() || number.phone_number_id == named)
    };
    let number = business.number.iter().find(fits)?;
    let digits: String = number
        .display_number
        .chars()
        .filter(char::is_ascii_digit)
        .collect();
    (!digits.is_empty()).then(|| digits.into())
}
