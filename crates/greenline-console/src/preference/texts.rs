//! The texts of the preference page, one file per language, and the choice among them.

use std::sync::LazyLock;

macro_rules! texts {
    ($($(#[$doc:meta])* $key:ident),* $(,)?) => {
        /// Everything the page says, in one language.
        #[derive(Clone, PartialEq, Eq, Debug, Default)]
        pub struct Texts { $($(#[$doc])* pub $key: String,)* }

        impl Texts {
            /// The names of all texts.
            pub const KEYS: &[&str] = &[$(stringify!($key)),*];

            /// A text by its name.
            #[must_use]
            pub fn get(&self, key: &str) -> Option<&str> {
                match key { $(stringify!($key) => Some(&self.$key),)* _ => None }
            }

            fn set(&mut self, key: &str, text: &str) -> bool {
                match key { $(stringify!($key) => self.$key = text.to_owned(),)* _ => return false }
                true
            }
        }
    };
}

texts! {
    /// The language's tag.
    language,
    /// What the language calls itself.
    name,
    /// `ltr` or `rtl`.
    direction,
    /// The heading.
    title,
    /// What can be done here.
    lead,
    /// Whose settings these are.
    whose,
    /// Above the list.
    list,
    /// Marketing.
    marketing,
    /// What that is.
    marketing_means,
    /// Utility.
    utility,
    /// What that is.
    utility_means,
    /// Authentication.
    authentication,
    /// What that is.
    authentication_means,
    /// Calls.
    calls,
    /// What that is.
    calls_means,
    /// All of it.
    everything,
    /// What that brings with it.
    everything_means,
    /// A state.
    on_since,
    /// A state.
    off_since,
    /// A state.
    never,
    /// Turned off in WhatsApp itself.
    native,
    /// On a button, for what was never turned on.
    refuse,
    /// On the button for everything.
    turn_off_all,
    /// After turning off.
    turned_off,
    /// What that means.
    turned_off_text,
    /// What turning off everything means.
    turned_off_all_text,
    /// It was off before.
    was_off,
    /// What that means.
    was_off_text,
    /// After undoing.
    turned_on,
    /// What that means.
    turned_on_text,
    /// On a button.
    undo,
    /// Until when.
    undo_until,
    /// How to get messages again.
    again,
    /// Before a receipt.
    receipt,
    /// What it is good for.
    receipt_means,
    /// Nothing was done.
    problem,
    /// Why.
    problem_form,
    /// Why.
    problem_undo,
    /// The link is none.
    bad_title,
    /// What that means.
    bad_text,
    /// What to do instead.
    write_stop,
    /// What to do instead, with numbers.
    write_stop_to,
    /// The store is down.
    down_title,
    /// What that means.
    down_text,
    /// Too often.
    busy_title,
    /// What to do.
    busy_text,
    /// Before the choice of languages.
    change_language,
    /// On its button.
    show,
    /// A link.
    privacy,
    /// The first link on the page.
    skip,
    /// At the foot.
    dates,
}

macro_rules! files {
    ($($language:literal),* $(,)?) => {
        &[$(include_str!(concat!("../../data/preference/", $language, ".txt"))),*]
    };
}

/// In the order in which they are offered.
const FILES: &[&str] = files![
    "en", "es", "pt", "fr", "de", "it", "nl", "sv", "pl", "cs", "ro", "el", "tr", "ru", "uk", "ar",
    "he", "fa", "ur", "hi", "bn", "id", "vi", "th", "zh", "zh-Hant", "ja", "ko",
];

static ALL: LazyLock<Vec<Texts>> = LazyLock::new(|| FILES.iter().map(|file| read(file)).collect());

/// One line a text, `key: text`; lines that begin with `#` say where it comes from. That nothing is missing
/// is seen by a test.
fn read(file: &str) -> Texts {
    let mut texts = Texts::default();
    for line in file.lines().filter(|line| !line.starts_with('#')) {
        if let Some((key, text)) = line.split_once(": ") {
            let known = texts.set(key, text.trim());
            debug_assert!(known, "`{key}` is no text of the page");
        }
    }
    texts
}

/// Every language, in the order in which they are offered.
#[must_use]
pub fn languages() -> &'static [Texts] {
    &ALL
}

/// The texts where no language is asked for: English.
#[must_use]
pub fn usual() -> &'static Texts {
    static NONE: LazyLock<Texts> = LazyLock::new(Texts::default);
    ALL.first().unwrap_or(&NONE)
}

/// The texts of a language by its tag, or by that of the language it is a variant of.
#[must_use]
pub fn of_language(tag: &str) -> Option<&'static Texts> {
    let tag = tag.trim().replace('_', "-").to_lowercase();
    let base = tag.split('-').next().unwrap_or_default();
    let wanted = match (base, tag.as_str()) {
        // What some systems still call these.
        ("iw", _) => "he",
        ("in", _) => "id",
        ("no" | "nn", _) => "nb",
        ("zh", tag)
            if ["hant", "-tw", "-hk", "-mo"]
                .iter()
                .any(|place| tag.contains(place)) =>
        {
            "zh-hant"
        }
        _ => base,
    };
    let find = |tag: &str| {
        ALL.iter()
            .find(|texts| texts.language.to_lowercase() == tag)
    };
    find(&tag).or_else(|| find(wanted)).or_else(|| find(base))
}

/// The language that an `Accept-Language` header likes best of those there are.
#[must_use]
pub fn negotiate(accepted: &str) -> Option<&'static Texts> {
    best(accepted, of_language)
}

/// What an `Accept-Language` header likes best of what there is by a language's tag.
#[must_use]
pub fn best<T>(accepted: &str, of_language: impl Fn(&str) -> Option<T>) -> Option<T> {
    /// More are not looked at.
    const TAGS_MAX: usize = 32;
    let mut best: Option<(f32, T)> = None;
    for range in accepted.split(',').take(TAGS_MAX) {
        let mut parts = range.split(';');
        let tag = parts.next().unwrap_or_default();
        let weight = parts
            .find_map(|part| part.trim().strip_prefix("q="))
            .map_or(Some(1.0), |weight| weight.trim().parse::<f32>().ok())
            .filter(|weight| (0.0..=1.0).contains(weight))
            .unwrap_or(0.0);
        let better = best.as_ref().is_none_or(|(known, _)| weight > *known);
        if weight > 0.0
            && better
            && let Some(texts) = of_language(tag)
        {
            best = Some((weight, texts));
        }
    }
    best.map(|(_, texts)| texts)
}
