//! Texts whose reading is fixed, and the rules of normalising.

use greenline_policy::stop::{Meaning, Settings, StopReach, normalise, recognise};

fn meaning(text: &str) -> Option<Meaning> {
    recognise(text, &Settings::default()).map(|found| found.meaning)
}

fn all_mean(texts: &[&str], expect: Option<Meaning>) {
    for text in texts {
        assert_eq!(meaning(text), expect, "`{text}`");
    }
}

#[test]
fn word_files_are_readable() {
    let problems = greenline_policy::stop::problems();
    assert!(problems.is_empty(), "{problems:#?}");
}

#[test]
fn plain_stops_are_recognised() {
    all_mean(
        &[
            "STOP",
            "stop",
            "Stop. Thank you",
            "STOP!!!",
            "ｓｔｏｐ",
            "stoppppp",
            "s t o p",
            "S.T.O.P.",
            "🛑 Stop 🛑",
            "*STOP*",
            "s\u{200b}top",
            "unsubscribe me",
            "Opt-out",
        ],
        Some(Meaning::Stop(StopReach::Bare)),
    );
}

#[test]
fn stops_of_other_languages_are_recognised() {
    all_mean(
        &["baja", "Désabonner", "désabonner"],
        Some(Meaning::Stop(StopReach::Bare)),
    );
}

#[test]
fn reach_follows_the_wording() {
    all_mean(
        &["stop all", "Stop everything!", "STOP ALL MESSAGES please"],
        Some(Meaning::Stop(StopReach::All)),
    );
    all_mean(
        &[
            "stop offers",
            "Stop promotions",
            "stop the ads",
            "no more ads",
        ],
        Some(Meaning::Stop(StopReach::Marketing)),
    );
}

#[test]
fn a_stop_inside_something_else_is_none() {
    all_mean(
        &[
            "stop by our shop",
            "don't stop",
            "dont stop please",
            "we have got to stop this bill",
            "cancel my order",
            "end of the month",
            "bus stop",
            "full stop",
            "stop me if you heard this one",
            "",
            "🛑",
            "...",
        ],
        None,
    );
}

#[test]
fn a_long_text_is_never_a_stop() {
    let polite = "please ".repeat(30);
    assert_eq!(meaning(&format!("{polite} stop")), None);
    assert_eq!(meaning(&"stop ".repeat(2000)), None);
}

#[test]
fn unclear_words_are_asked_about_unless_the_business_counts_them() {
    for word in ["cancel", "End", "QUIT", "remove!"] {
        assert_eq!(meaning(word), Some(Meaning::Ask), "`{word}`");
        let counting = Settings::default().counting([word]);
        assert_eq!(
            recognise(word, &counting).map(|found| found.meaning),
            Some(Meaning::Stop(StopReach::Bare)),
            "`{word}`"
        );
        let all = Settings::default().counting_all_unclear();
        assert_eq!(
            recognise(word, &all).map(|found| found.meaning),
            Some(Meaning::Stop(StopReach::Bare)),
            "`{word}`"
        );
    }
    let us = Settings::default().counting_us_words();
    assert_eq!(
        recognise("Cancel.", &us).map(|found| found.meaning),
        Some(Meaning::Stop(StopReach::Bare))
    );
    assert_eq!(recognise("cancel my order", &us), None);
}

#[test]
fn yes_is_never_asked_about() {
    assert_eq!(meaning("yes"), None);
    assert_eq!(
        recognise("yes", &Settings::default().counting_all_unclear()),
        None
    );
    let counting = Settings::default().counting(["YES"]);
    assert_eq!(
        recognise("Yes!", &counting).map(|found| found.meaning),
        Some(Meaning::Stop(StopReach::Bare))
    );
}

#[test]
fn start_is_recognised() {
    all_mean(
        &["START", "unstop", "Subscribe", "start please"],
        Some(Meaning::Start),
    );
}

#[test]
fn language_is_that_of_the_match_and_the_business_decides_a_draw() {
    let language =
        |text: &str, settings: &Settings| recognise(text, settings).map(|found| found.language);
    assert_eq!(language("stop", &Settings::default()), Some("en"));
    assert_eq!(
        language("stop", &Settings::default().in_language("de-AT")),
        Some("de")
    );
    assert_eq!(language("stop bitte", &Settings::default()), Some("de"));
}

#[test]
fn normalising_gives_one_spelling() {
    for (text, key) in [
        ("  STÓP!! ", "stop"),
        ("ＳＴＯＰ", "stop"),
        ("Don’t", "dont"),
        ("don't", "dont"),
        ("opt-out", "opt out"),
        ("Straße", "strase"),
        ("ΣΤΟΠ ς", "στοπ σ"),
        ("İPTAL ıptal", "iptal iptal"),
        ("إلــغاءُ", "الغا"),
        ("सदस्यता", "सदस्यता"),
        ("退订!", "退订"),
        ("अअअअ", "अ"),
        ("1000", "1000"),
        ("st\u{fe0f}op\u{200d}", "stop"),
    ] {
        assert_eq!(normalise(text), key, "`{text}`");
        assert_eq!(
            normalise(&normalise(text)),
            normalise(text),
            "twice `{text}`"
        );
    }
}

#[test]
fn an_everyday_word_elsewhere_is_acted_on_only_at_home() {
    let meaning = |text: &str, language: &str| {
        recognise(text, &Settings::default().in_language(language)).map(|found| found.meaning)
    };
    assert_eq!(meaning("baixa", "en"), Some(Meaning::Ask));
    assert_eq!(meaning("baixa", "ca"), Some(Meaning::Stop(StopReach::Bare)));
    for (word, home) in [
        ("slut", "sv"),
        ("slutt", "nb"),
        ("fine", "it"),
        ("para", "pt"),
        ("acha", "sw"),
    ] {
        assert_eq!(meaning(word, "en"), None, "`{word}`");
        assert_eq!(meaning(word, home), Some(Meaning::Ask), "`{word}`");
    }
}

#[test]
fn several_stops_in_one_message_are_one_stop_of_the_widest_reach() {
    all_mean(
        &[
            "Stop. Don't text me again.",
            "STOP!! take me off your list, thanks",
            "No more ads please. Unsubscribe me.",
        ],
        Some(Meaning::Stop(StopReach::Bare)),
    );
    all_mean(
        &["Stop offers. Stop everything!"],
        Some(Meaning::Stop(StopReach::All)),
    );
    all_mean(
        &[
            "Stop. Start the machine",
            "Stop. Cancel",
            "stop stop stop the bus",
        ],
        None,
    );
}
