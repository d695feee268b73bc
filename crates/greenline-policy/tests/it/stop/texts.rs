//! What Greenline says, and what counts as asking.

use greenline_policy::stop::{Meaning, Settings, StopReach, is_ask, languages, recognise, texts};

#[test]
fn every_language_has_its_texts() {
    for language in languages() {
        let texts_here = texts(language);
        assert!(
            language == "en" || texts_here != texts("en"),
            "{language} has no texts"
        );
        for reach in [StopReach::Bare, StopReach::All, StopReach::Marketing] {
            let text = texts_here.confirmation(reach);
            assert!(
                text.contains("{business}"),
                "{language}: no business in `{text}`"
            );
            assert!(
                text.contains(texts_here.start_word),
                "{language}: no start word in `{text}`"
            );
            assert!(text.chars().count() <= 300, "{language}: too long `{text}`");
        }
        assert!(texts_here.question.contains("{business}"), "{language}");
        for title in [texts_here.yes_button, texts_here.no_button] {
            assert!(
                (1..=20).contains(&title.chars().count()),
                "{language}: `{title}`"
            );
        }
        assert_ne!(texts_here.yes_button, texts_here.no_button, "{language}");
    }
}

#[test]
fn start_words_start_and_button_titles_mean_what_they_say() {
    let settings = Settings::default();
    for language in languages() {
        let texts_here = texts(language);
        let meaning = |text: &str| recognise(text, &settings).map(|found| found.meaning);
        assert_eq!(
            meaning(texts_here.start_word),
            Some(Meaning::Start),
            "{language}: `{}`",
            texts_here.start_word
        );
        // Someone may type the title instead of pressing the button.
        let yes = meaning(texts_here.yes_button);
        assert!(
            matches!(yes, Some(Meaning::Stop(_))),
            "{language}: `{}`",
            texts_here.yes_button
        );
        let no = meaning(texts_here.no_button);
        assert!(
            !matches!(no, Some(Meaning::Stop(_) | Meaning::Ask)),
            "{language}: `{}`",
            texts_here.no_button
        );
    }
}

#[test]
fn languages_fall_back() {
    assert_eq!(texts("xx"), texts("en"));
    assert_eq!(texts("de-CH"), texts("de"));
    assert_eq!(texts("pt_BR"), texts("pt"));
}

#[test]
fn the_question_of_every_language_is_an_ask() {
    for language in languages() {
        assert!(
            is_ask(texts(language).question),
            "{language}: `{}`",
            texts(language).question
        );
    }
}

#[test]
fn asks_are_told_from_news() {
    for body in [
        "Hi {{1}}! Do you want to keep receiving our updates on WhatsApp?",
        "Would you like to receive offers from Acme? Reply YES or NO.",
        "May we send you news now and then?",
        "We miss you. Would you like us to stop messaging you?",
    ] {
        assert!(is_ask(body), "`{body}`");
    }
    for body in [
        "Your order {{1}} has been shipped. Reply STOP to unsubscribe.",
        "20% off all shoes this week! Do you want to see more?",
        "Do you want to receive your parcel at home?",
        "",
    ] {
        assert!(!is_ask(body), "`{body}`");
    }
}

#[test]
fn labelled_bodies_are_told_apart() {
    let set = include_str!("../../../data/stop/asks/labelled.tsv");
    let mut wrong = Vec::new();
    for line in set.lines().filter(|line| !line.starts_with('#')) {
        let mut cells = line.splitn(3, '\t');
        let (Some(_language), Some(kind), Some(body)) = (cells.next(), cells.next(), cells.next())
        else {
            panic!("not three cells: `{line}`");
        };
        if is_ask(body) != (kind == "ask") {
            wrong.push(line);
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
