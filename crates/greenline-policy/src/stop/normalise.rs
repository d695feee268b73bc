//! One spelling for what people type in many.
//!
//! The form made here is a key for comparing, not text to show: letters are doubled
//! nowhere, accents and punctuation are gone. The word files go through the same
//! function, so both sides always agree. It refuses to guess at meaning: no
//! stemming, no look-alike letters of other scripts.

use unicode_normalization::char::{decompose_canonical, is_combining_mark};
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfkc_quick};

/// Whether accents on Latin, Greek and Cyrillic letters tell words apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Accents {
    /// They are dropped: people leave them out.
    Fold,
    /// They are kept: without them other words come out (Vietnamese).
    Keep,
}

/// Most characters of a message that are looked at before it is too long to be a stop.
const RAW_CHARS_MAX: usize = 1_000;

/// The key of a text, or nothing when the key is longer than `chars_max`.
pub(super) fn key_within(text: &str, accents: Accents, chars_max: usize) -> Option<String> {
    let mut key = Key::new(text.len().min(4 * chars_max));
    let fits = |key: &Key| key.chars <= chars_max;
    if text.is_ascii() {
        for (count, c) in text.bytes().map(char::from).enumerate() {
            key.push(c.to_ascii_lowercase());
            if count >= RAW_CHARS_MAX || !fits(&key) {
                return None;
            }
        }
    } else {
        for (count, c) in composed(text).enumerate() {
            key.take(c, accents);
            if count >= RAW_CHARS_MAX || !fits(&key) {
                return None;
            }
        }
    }
    Some(key.finish())
}

/// The key of a text of any length.
pub(super) fn key(text: &str, accents: Accents) -> String {
    let mut key = Key::new(text.len());
    for c in composed(text) {
        key.take(c, accents);
    }
    key.finish()
}

/// The characters in NFKC; most texts are written in it already, and finding that out is cheaper.
fn composed(text: &str) -> impl Iterator<Item = char> {
    let is_done = is_nfkc_quick(text.chars()) == IsNormalized::Yes;
    let (done, raw) = if is_done { (text, "") } else { ("", text) };
    done.chars().chain(raw.nfkc())
}

/// A key being written.
struct Key {
    text: String,
    chars: usize,
    last: char,
    run: usize,
}

impl Key {
    fn new(capacity: usize) -> Self {
        Self {
            text: String::with_capacity(capacity),
            chars: 0,
            last: ' ',
            run: 0,
        }
    }

    /// Lower-cases one character, takes its accents off if asked, and adds the rest.
    fn take(&mut self, c: char, accents: Accents) {
        for lower in c.to_lowercase() {
            match accents {
                // A letter of its own, which its writers don't leave out: `året` is no `arrêt`.
                Accents::Fold if lower != 'å' && has_folding_script(lower) => {
                    decompose_canonical(lower, |part| self.plain(part));
                }
                Accents::Fold | Accents::Keep => self.push(unify(lower)),
            }
        }
    }

    /// Adds a letter without its accent; letters whose stroke is no accent to Unicode get their plain twin.
    fn plain(&mut self, c: char) {
        let twin = match c {
            '\u{300}'..='\u{36f}' => return,
            'æ' => "ae",
            'œ' => "oe",
            'ø' => "o",
            'ł' => "l",
            'đ' | 'ð' => "d",
            'ħ' => "h",
            'ı' => "i",
            other => return self.push(unify(other)),
        };
        twin.chars().for_each(|letter| self.push(letter));
    }

    /// Adds a character: a letter to the word, nothing, or the gap between words.
    fn push(&mut self, c: char) {
        if is_dropped(c) {
            return;
        }
        let c = if is_word(c) { c } else { ' ' };
        self.run = if c == self.last { self.run + 1 } else { 1 };
        if self.run > 1 && !self.may_repeat(c) {
            return;
        }
        self.last = c;
        if c == ' ' && self.text.is_empty() {
            return;
        }
        self.text.push(c);
        self.chars += 1;
    }

    /// "stoppp" is "stop". Alphabets lose every doubling, on both sides of the comparison; in other
    /// scripts two equal signs in a row are ordinary spelling and only a longer run is an outcry.
    fn may_repeat(&mut self, c: char) -> bool {
        if c == ' ' || (c < '\u{700}' && !c.is_ascii_digit()) {
            return false;
        }
        if !c.is_ascii_digit() && self.run == 3 && self.text.pop().is_some() {
            self.chars -= 1;
        }
        c.is_ascii_digit() || self.run < 3
    }

    fn finish(mut self) -> String {
        self.text.truncate(self.text.trim_end().len());
        self.text
    }
}

/// Scripts whose combining marks are accents, which people leave out.
fn has_folding_script(c: char) -> bool {
    matches!(c, '\u{80}'..='\u{52f}' | '\u{1e00}'..='\u{1fff}')
}

/// Letters that are one letter to the people who type them.
fn unify(c: char) -> char {
    match c {
        'ß' => 's', // "ss", of which one stays
        'ς' => 'σ',
        'أ' | 'إ' | 'آ' | 'ٱ' => 'ا',
        'ى' | 'ی' | 'ئ' => 'ي',
        'ؤ' => 'و',
        'ة' | 'ہ' | 'ھ' | 'ۂ' | 'ۃ' | 'ە' => 'ه',
        'ک' => 'ك',
        '\u{901}' => '\u{902}', // Devanagari candrabindu, written as anusvara by most
        other => other,
    }
}

/// Signs that vanish without leaving a gap.
fn is_dropped(c: char) -> bool {
    if c.is_ascii() {
        return matches!(c, '\'' | '`');
    }
    matches!(c,
        // Apostrophes, geresh.
        '\u{b4}' | '\u{2b9}'..='\u{2bf}' | '\u{2018}'..='\u{201b}' | '\u{2032}' | '\u{5f3}' | '\u{5f4}'
        // Soft hyphen, joiners, direction marks, byte order mark, variation selectors, tags.
        | '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0000}'..='\u{e0fff}'
        | '\u{1f3fb}'..='\u{1f3ff}'
        // Hebrew points, Arabic tatweel, lone hamza and vowel signs.
        | '\u{591}'..='\u{5bd}' | '\u{5bf}'..='\u{5c7}' | '\u{621}' | '\u{640}' | '\u{610}'..='\u{61a}'
        | '\u{64b}'..='\u{65f}' | '\u{670}' | '\u{6d6}'..='\u{6dc}' | '\u{6df}'..='\u{6e8}' | '\u{6ea}'..='\u{6ed}'
        // Devanagari nukta, left out as often as not; enclosing marks.
        | '\u{93c}' | '\u{20d0}'..='\u{20ff}')
}

/// Letters, digits and the marks that belong to letters (Indic vowel signs, Thai tones).
fn is_word(c: char) -> bool {
    // The letters of the most written scripts first: the general tables are slow to search.
    matches!(c, '0'..='9' | 'A'..='Z' | 'a'..='z' | '\u{df}'..='\u{f6}' | '\u{f8}'..='\u{24f}'
        | '\u{3b1}'..='\u{3ce}' | '\u{400}'..='\u{481}' | '\u{5d0}'..='\u{5ea}'
        | '\u{620}'..='\u{64a}' | '\u{671}'..='\u{6d3}' | '\u{900}'..='\u{963}'
        | '\u{e01}'..='\u{e3a}' | '\u{e40}'..='\u{e4e}' | '\u{1e00}'..='\u{1eff}'
        | '\u{3041}'..='\u{3096}' | '\u{30a1}'..='\u{30fa}' | '\u{4e00}'..='\u{9fff}'
        | '\u{ac00}'..='\u{d7a3}')
        || (!c.is_ascii() && (c.is_alphanumeric() || is_combining_mark(c)))
}
