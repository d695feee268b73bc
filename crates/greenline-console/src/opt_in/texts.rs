//! The texts of the opt-in page and of the question in the thread, one file per language.

use std::sync::LazyLock;

use crate::preference::{self, Texts};

/// Everything the page says, in one language.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[expect(missing_docs, reason = "the English file says what each is")]
pub struct OptInTexts {
    pub language: String,
    pub title: String,
    pub lead: String,
    pub choose: String,
    pub sender: String,
    pub phone: String,
    pub phone_hint: String,
    pub go_on: String,
    pub stop: String,
    pub problem_phone: String,
    pub problem_choose: String,
    pub next_title: String,
    pub next_lead: String,
    pub next_open: String,
    pub next_scan: String,
    pub next_qr: String,
    pub next_after: String,
    pub back: String,
    pub question: String,
    pub question_yes: String,
    pub question_no: String,
}

impl OptInTexts {
    fn by_name(&mut self, key: &str) -> Option<&mut String> {
        Some(match key {
            "language" => &mut self.language,
            "title" => &mut self.title,
            "lead" => &mut self.lead,
            "choose" => &mut self.choose,
            "sender" => &mut self.sender,
            "phone" => &mut self.phone,
            "phone_hint" => &mut self.phone_hint,
            "go_on" => &mut self.go_on,
            "stop" => &mut self.stop,
            "problem_phone" => &mut self.problem_phone,
            "problem_choose" => &mut self.problem_choose,
            "next_title" => &mut self.next_title,
            "next_lead" => &mut self.next_lead,
            "next_open" => &mut self.next_open,
            "next_scan" => &mut self.next_scan,
            "next_qr" => &mut self.next_qr,
            "next_after" => &mut self.next_after,
            "back" => &mut self.back,
            "question" => &mut self.question,
            "question_yes" => &mut self.question_yes,
            "question_no" => &mut self.question_no,
            _ => return None,
        })
    }

    /// What the preference page says in the same language.
    #[must_use]
    pub fn surroundings(&self) -> &'static Texts {
        preference::of_language(&self.language).unwrap_or_else(preference::usual)
    }
}

macro_rules! files {
    ($($language:literal),* $(,)?) => {
        &[$(include_str!(concat!("../../data/opt_in/", $language, ".txt"))),*]
    };
}

/// In the order in which they are offered.
const FILES: &[&str] = files!["en", "es", "pt", "fr", "de", "ar", "hi", "id"];

static ALL: LazyLock<Vec<OptInTexts>> =
    LazyLock::new(|| FILES.iter().map(|file| read(file)).collect());

fn read(file: &str) -> OptInTexts {
    let mut texts = OptInTexts::default();
    for line in file.lines().filter(|line| !line.starts_with('#')) {
        if let Some((key, text)) = line.split_once(": ")
            && let Some(place) = texts.by_name(key)
        {
            text.trim().clone_into(place);
        }
    }
    texts
}

/// Every language, in the order in which they are offered.
pub(super) fn languages() -> &'static [OptInTexts] {
    &ALL
}

/// The texts where no language is asked for: English.
#[must_use]
pub fn usual() -> &'static OptInTexts {
    static NONE: LazyLock<OptInTexts> = LazyLock::new(OptInTexts::default);
    ALL.first().unwrap_or(&NONE)
}

/// The texts of a language by its tag, or by that of the language it is a variant of.
#[must_use]
pub fn of_language(tag: &str) -> Option<&'static OptInTexts> {
    let known = preference::of_language(tag)?;
    ALL.iter().find(|texts| texts.language == known.language)
}

/// The language that an `Accept-Language` header likes best of those there are.
#[must_use]
pub fn negotiate(accepted: &str) -> Option<&'static OptInTexts> {
    preference::best(accepted, of_language)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The longest title of a button that the platform takes, in characters.
    const BUTTON_CHARS_MAX: usize = 20;

    #[test]
    fn nothing_is_missing_or_unknown() {
        for file in FILES {
            let mut texts = read(file);
            let language = texts.language.clone();
            let lines = file.lines().filter(|line| !line.starts_with('#'));
            let mut told = 0;
            for line in lines {
                let (key, text) = line.split_once(": ").expect(line);
                assert!(
                    texts.by_name(key).is_some(),
                    "{language}: `{key}` is no text of the page"
                );
                assert!(!text.trim().is_empty(), "{language}: {key}");
                told += 1;
            }
            assert_eq!(told, 21, "{language} has every text once");
            for (text, mark) in [
                (&texts.title, "{business}"),
                (&texts.lead, "{business}"),
                (&texts.sender, "{business}"),
                (&texts.next_lead, "{business}"),
                (&texts.question, "{business}"),
                (&texts.question, "{what}"),
            ] {
                assert!(text.contains(mark), "{language}: {text}");
            }
            assert!(texts.stop.contains("STOP"), "{language}");
            for title in [&texts.question_yes, &texts.question_no] {
                assert!(
                    title.chars().count() <= BUTTON_CHARS_MAX,
                    "{language}: {title}"
                );
            }
            assert_eq!(texts.surroundings().language, language);
        }
    }

    #[test]
    fn a_language_is_found_or_falls_back() {
        assert_eq!(of_language("pt-BR").unwrap().language, "pt");
        assert_eq!(of_language("pl"), None);
        assert_eq!(negotiate("pl, ar;q=0.5, en;q=0.1").unwrap().language, "ar");
        assert_eq!(usual().language, "en");
    }
}
