//! The questions that Greenline was founded on, as people type them: the right article comes first.

use std::collections::HashSet;

use greenline_guide::{Entry, Guide};
use serde::Deserialize;

const QUESTIONS: &str = include_str!("../questions.toml");
/// Phrasings of each question.
const PHRASINGS_MIN: usize = 15;

#[derive(Deserialize)]
struct Questions {
    question: Vec<Question>,
}

#[derive(Deserialize)]
struct Question {
    article: String,
    tuning: Vec<String>,
    held_back: Vec<String>,
}

fn questions() -> Vec<Question> {
    let questions: Questions = toml::from_str(QUESTIONS).unwrap();
    questions.question
}

/// How many of the phrasings find their article first, and how many there are.
fn counted(phrasings: impl Fn(&Question) -> Vec<String>) -> (usize, usize) {
    let guide = Guide::this();
    let (mut right, mut all) = (0, 0);
    for question in questions() {
        for phrasing in phrasings(&question) {
            all += 1;
            let found = guide.find(&phrasing).unwrap();
            if found.first().map(Entry::id) == Some(question.article.as_str()) {
                right += 1;
            }
        }
    }
    (right, all)
}

#[test]
fn nine_of_ten_find_the_right_article_first() {
    let tuning = counted(|question| question.tuning.clone());
    let held_back = counted(|question| question.held_back.clone());
    let all = (tuning.0 + held_back.0, tuning.1 + held_back.1);
    for (name, (right, all)) in [("all", all), ("held back", held_back)] {
        println!("{name}: {right} of {all}");
        assert!(right * 10 >= all * 9, "{name}: {right} of {all}");
    }
}

#[test]
fn the_test_set_is_large_enough_and_no_phrase_of_an_article_is_in_it() {
    let questions = questions();
    assert_eq!(questions.len(), 10);
    let plain = |text: &str| -> String {
        let words = text.to_lowercase();
        let words = words.split(|c: char| !c.is_alphanumeric());
        let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
        words.join(" ")
    };
    let guide = Guide::this();
    let known: HashSet<String> = guide
        .articles()
        .iter()
        .flat_map(|article| article.asks.iter().chain([&article.question]))
        .map(|phrase| plain(phrase))
        .collect();
    let mut seen = HashSet::new();
    for question in &questions {
        assert!(
            guide.article(&question.article).is_some(),
            "{}",
            question.article
        );
        assert!(question.tuning.len() + question.held_back.len() >= PHRASINGS_MIN);
        for phrasing in question.tuning.iter().chain(&question.held_back) {
            assert!(
                !known.contains(&plain(phrasing)),
                "`{phrasing}` is an article's own"
            );
            assert!(seen.insert(plain(phrasing)), "`{phrasing}` stands twice");
        }
    }
}

/// What support desks ask beside the ten questions.
#[test]
fn questions_around_them_are_answered_too() {
    let guide = Guide::this();
    for (asked, wanted) in [
        ("what does error 131047 mean", "service-window"),
        ("131049", "not-delivered"),
        (
            "customer replied STOP, can we still send order updates",
            "stop-word",
        ),
        ("template got paused", "template-paused"),
        ("who blocked us?", "who-blocked-us"),
        ("how many people can we message per day", "messaging-limit"),
        ("appeal against the ban", "penalties"),
        ("is our old consent expired", "consent-end"),
        ("gdpr delete customer data", "erasure"),
        ("bot does not get webhooks", "bot-silent"),
        ("when does our access token expire", "token-ends"),
        ("marketing to us numbers", "us-and-countries"),
        ("May a notification ask for opt-out?", "ask-by-notification"),
    ] {
        let found = guide.find(asked).unwrap();
        assert_eq!(
            found.first().map(Entry::id),
            Some(wanted),
            "{asked}: {found:#?}"
        );
    }
}
