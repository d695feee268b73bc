//! What a text that carries codes says.
//!
//! It is a yes only if it is unmistakable: the text that the link prefilled, letter case, spaces, punctuation
//! and a few approving pictures aside, or the code alone. Whoever added, left out or changed a word, or put any other
//! sign beside it, may mean anything, "I don't want this" too; that is put down as claimed, and the person is asked
//! with two buttons.

use greenline_policy::scope::Scope;

use super::code;
use super::forms::{Form, Forms, Worded};

/// What a text agrees to.
#[derive(Debug)]
pub struct Said<'f> {
    /// Each scope, with what was shown.
    pub scopes: Vec<(Scope, &'f Form, &'f Worded)>,
    /// Whether it can only be meant as a yes.
    pub is_clear: bool,
}

/// Reads a text; `None` when no code in it is one of the business's.
#[must_use]
pub fn read<'f>(text: &str, forms: &'f Forms) -> Option<Said<'f>> {
    if forms.is_empty() {
        return None;
    }
    let found = code::find(text);
    let mut scopes: Vec<(Scope, &Form, &Worded)> = Vec::new();
    let mut expected = Vec::new();
    let mut shown = String::new();
    let mut all_known = true;
    let mut rest = String::with_capacity(text.len());
    let mut from = 0;
    for one in &found {
        rest.push_str(text.get(from..one.at.start).unwrap_or_default());
        rest.push(' ');
        from = one.at.end;
        let Some((form, worded)) = forms.of_code(&one.code) else {
            all_known = false;
            continue;
        };
        expected.extend(words(&worded.text));
        shown.push_str(&worded.text);
        for scope in &form.scopes {
            if !scopes.iter().any(|(known, ..)| known == scope) {
                scopes.push((scope.clone(), form, worded));
            }
        }
    }
    rest.push_str(text.get(from..).unwrap_or_default());
    if scopes.is_empty() {
        return None;
    }
    let said = words(&rest);
    Some(Said {
        scopes,
        is_clear: all_known && (said.is_empty() || said == expected) && are_harmless(&rest, &shown),
    })
}

/// Whether nothing but words, what was shown, punctuation and approving signs stands in a text.
fn are_harmless(text: &str, shown: &str) -> bool {
    let is_sad = [":(", ":-("].iter().any(|face| text.contains(face));
    let is_harmless = |letter: char| {
        letter.is_alphanumeric()
            || is_mark(letter)
            || letter.is_whitespace()
            || is_punctuation(letter)
            || is_invisible(letter)
            || APPROVING.contains(&letter)
            || shown.contains(letter)
    };
    !is_sad && text.chars().all(is_harmless)
}

/// Signs that nobody puts beside what they do not want.
const APPROVING: [char; 26] = [
    '👍', '👌', '🙏', '👏', '🙌', '🤝', '💪', '✅', '✔', '☑', '💯', '❤', '💚', '💙', '🧡', '💛',
    '😊', '🙂', '😀', '😃', '😄', '😁', '😍', '🥰', '🎉', '✨',
];

/// What parts sentences. Not a tilde, which strikes through.
fn is_punctuation(letter: char) -> bool {
    matches!(
        letter,
        '!' | '"' | '\'' | '(' | ')' | ',' | '-' | '.' | '/' | ':' | ';' | '?' | '[' | ']' | '_' | '*' | '&' | '+'
            | '#' | '`' | '¡' | '¿' | '«' | '»' | '·'
            // Hebrew, Arabic, Devanagari.
            | '\u{5be}' | '\u{5f3}' | '\u{5f4}' | '\u{60c}' | '\u{61b}' | '\u{61f}' | '\u{6d4}' | '\u{964}' | '\u{965}'
            // Dashes, quotes, dots.
            | '\u{2010}'..='\u{2027}' | '\u{2039}' | '\u{203a}' | '\u{203c}'
            // East Asian.
            | '\u{3001}'..='\u{3003}' | '\u{3008}'..='\u{3011}' | '\u{30fb}'
            | '\u{ff01}' | '\u{ff08}' | '\u{ff09}' | '\u{ff0c}' | '\u{ff0e}' | '\u{ff1a}' | '\u{ff1b}' | '\u{ff1f}'
    )
}

/// What directs writing, joins pictures or colours them, and is not seen by itself.
fn is_invisible(letter: char) -> bool {
    matches!(
        letter,
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'
            | '\u{fe0e}' | '\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}'
    )
}

/// A text without its codes; `None` where there are none.
#[must_use]
pub fn without_codes(text: &str, forms: &Forms) -> Option<String> {
    if forms.is_empty() {
        return None;
    }
    let found = code::find(text);
    let mut rest = text.to_owned();
    for one in found.iter().rev() {
        rest.replace_range(one.at.clone(), " ");
    }
    (!found.is_empty()).then_some(rest)
}

/// Letters and digits, in lower case; everything else parts words.
fn words(text: &str) -> Vec<String> {
    text.split(|letter: char| !letter.is_alphanumeric() && !is_mark(letter))
        .filter(|word| !word.is_empty())
        .map(|word| word.chars().flat_map(char::to_lowercase).collect())
        .collect()
}

/// Marks that belong to the letter before them, as many scripts have.
fn is_mark(letter: char) -> bool {
    matches!(letter, '\u{300}'..='\u{36f}' | '\u{900}'..='\u{903}' | '\u{93a}'..='\u{94f}' | '\u{64b}'..='\u{65f}' | '\u{5b0}'..='\u{5c7}')
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config;

    const FORMS: &str = r#"
[[business]]
id = "acme"
name = "Acme"
topics = ["marketing.offers"]
[[business.opt_in.form]]
id = "offers"
scopes = ["marketing.offers", "marketing.offers"]
wording.en = "Yes, send me offers from {business} on WhatsApp."
wording.ar = "نعم، أرسلوا لي عروض {business} على واتساب."
[[business.opt_in.form]]
id = "orders"
scopes = ["utility", "calls"]
wording.en = "Tell me about my orders on WhatsApp"
text.en = "Orders please"
"#;

    fn forms() -> Forms {
        let config = config::parse(FORMS, "test", Path::new("."), std::iter::empty()).unwrap();
        Forms::new(&config.business[0])
    }

    fn prefilled(forms: &Forms, id: &str, language: &str) -> String {
        let form = forms.form(id).unwrap();
        form.in_language(language, "en").unwrap().prefilled()
    }

    fn scopes(said: &Said<'_>) -> Vec<String> {
        said.scopes
            .iter()
            .map(|(scope, ..)| scope.to_string())
            .collect()
    }

    #[test]
    fn the_prefilled_text_is_a_yes_however_it_is_cased_and_spaced() {
        let forms = forms();
        for language in ["en", "ar"] {
            let text = prefilled(&forms, "offers", language);
            let code = text
                .split('(')
                .nth(1)
                .unwrap()
                .trim_end_matches(')')
                .to_owned();
            for text in [
                text.clone(),
                text.to_uppercase(),
                text.replace(' ', "  \n"),
                format!("{text} 👍!!"),
                format!("👍🏽 {text} ❤\u{fe0f}"),
                format!("\u{200f}{code} ✅"),
                text.replace(['.', ',', '(', ')'], ""),
                code.clone(),
                format!(" ({code})."),
            ] {
                let said = read(&text, &forms).unwrap();
                assert!(said.is_clear, "{text}");
                assert_eq!(scopes(&said), ["marketing.offers"]);
                assert!(said.scopes[0].2.wording.contains("Acme"));
            }
        }
    }

    #[test]
    fn a_changed_text_is_not_clear() {
        let forms = forms();
        let text = prefilled(&forms, "offers", "en");
        for text in [
            text.replace("Yes, send", "Don't send"),
            format!("I do not want this: {text}"),
            format!("{text} No!"),
            text.replace("offers ", ""),
            format!("{text} GL-000000000"),
        ] {
            let said = read(&text, &forms).unwrap();
            assert!(!said.is_clear, "{text}");
            assert_eq!(scopes(&said), ["marketing.offers"]);
        }
        for text in [
            "Yes, send me offers from Acme on WhatsApp.",
            "GL-000000000",
            "",
        ] {
            assert!(read(text, &forms).is_none(), "{text}");
        }
    }

    #[test]
    fn a_sign_that_may_mean_no_is_not_clear() {
        let forms = forms();
        let text = prefilled(&forms, "offers", "en");
        let from = text.rfind("GL-").unwrap();
        let code = text[from..].trim_end_matches(')');
        for sign in [
            "👎",
            "👎🏿",
            "❌",
            "🚫",
            "✖\u{fe0f}",
            "🛑",
            "😡",
            "🤮",
            "✗",
            "×",
            "~",
            ":(",
            ":-(",
            "<",
            "$",
        ] {
            for text in [
                format!("{sign} ({code})"),
                format!("{sign} {text}"),
                format!("{text}{sign}"),
            ] {
                assert!(!read(&text, &forms).unwrap().is_clear, "{text}");
            }
        }
    }

    #[test]
    fn one_text_can_carry_several_codes() {
        let forms = forms();
        let both = format!(
            "{}\n{}",
            prefilled(&forms, "offers", "en"),
            prefilled(&forms, "orders", "en")
        );
        let said = read(&both, &forms).unwrap();
        assert!(said.is_clear);
        assert_eq!(scopes(&said), ["marketing.offers", "utility", "calls"]);
    }

    #[test]
    fn a_language_falls_back_to_what_there_is() {
        let forms = forms();
        let form = forms.form("offers").unwrap();
        assert_eq!(&*form.in_language("ar-EG", "en").unwrap().language, "ar");
        assert_eq!(&*form.in_language("pl", "en").unwrap().language, "en");
        assert_eq!(&*form.in_language("pl", "xx").unwrap().language, "ar");
    }
}
