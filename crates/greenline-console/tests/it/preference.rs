//! The preference page: texts whole in every language, the choice among them, and what each page holds.

use greenline_console::preference::{
    Brand, Look, Message, Notice, PreferenceMessage, PreferencePage, Problem, Row, Setting, State,
    Texts, languages, negotiate, of_language,
};
use greenline_console::render;

fn marks(text: &str) -> Vec<&str> {
    let mut marks: Vec<&str> = text
        .split('{')
        .skip(1)
        .map(|rest| rest.split_once('}').expect("a mark that ends").0)
        .collect();
    marks.sort_unstable();
    marks.dedup();
    marks
}

#[test]
fn every_language_says_everything() {
    let english = of_language("en").unwrap();
    assert!(languages().len() >= 20, "{}", languages().len());
    for texts in languages() {
        for key in Texts::KEYS {
            let text = texts.get(key).unwrap();
            assert!(!text.is_empty(), "{}: {key}", texts.language);
            assert_eq!(
                marks(text),
                marks(english.get(key).unwrap()),
                "{}: {key}",
                texts.language
            );
        }
        let same: Vec<_> = Texts::KEYS
            .iter()
            .filter(|key| texts.get(key) == english.get(key))
            .collect();
        let is_english = texts.language == "en";
        assert!(is_english || same.len() < 6, "{}: {same:?}", texts.language);
    }
    let right_to_left: Vec<&str> = languages()
        .iter()
        .filter(|texts| texts.direction == "rtl")
        .map(|texts| texts.language.as_str())
        .collect();
    assert_eq!(right_to_left, ["ar", "he", "fa", "ur"]);
    assert!(
        languages()
            .iter()
            .all(|texts| matches!(texts.direction.as_str(), "ltr" | "rtl"))
    );
}

#[test]
fn the_browsers_wish_is_met_as_well_as_can_be() {
    for (accepted, language) in [
        ("de", Some("de")),
        ("de-AT,de;q=0.9,en;q=0.8", Some("de")),
        ("en;q=0.3, fr;q=0.7", Some("fr")),
        ("tlh, pt-BR", Some("pt")),
        ("iw", Some("he")),
        ("in-ID", Some("id")),
        ("zh-CN", Some("zh")),
        ("zh-TW", Some("zh-Hant")),
        ("zh-Hant-HK;q=0.9, en;q=0.2", Some("zh-Hant")),
        ("AR-eg", Some("ar")),
        ("fr;q=0, es;q=0.1", Some("es")),
        ("fr;q=never, es;q=2, it;q=0.1", Some("it")),
        ("*", None),
        ("", None),
        (";;;,,,=", None),
    ] {
        let met = negotiate(accepted).map(|texts| texts.language.as_str());
        assert_eq!(met, language, "{accepted}");
    }
}

fn brand() -> Brand {
    Brand {
        name: "Bond & <Söhne>".to_owned(),
        logo: String::new(),
        privacy_url: "https://bond.example/privacy".to_owned(),
        numbers: vec!["+1 555 010 0001".to_owned()],
        look: Look::default(),
    }
}

fn row(scope: &str, state: State) -> Row {
    Row {
        scope: scope.to_owned(),
        title: scope.to_uppercase(),
        means: "What {business} sends.".to_owned(),
        is_topic: scope.contains('.'),
        state,
        is_switched_off: false,
    }
}

fn page<'p>(texts: &'static Texts, brand: &'p Brand, notice: Option<Notice>) -> PreferencePage<'p> {
    PreferencePage {
        setting: Setting {
            texts,
            brand: Some(brand),
            place: "the-token",
            chosen: true,
        },
        who: "+155•••01".to_owned(),
        rows: vec![
            row("marketing", State::On("2026-11-24".to_owned())),
            row("marketing.offers", State::Off("2026-11-25".to_owned())),
            row("calls", State::Never),
        ],
        may_stop_all: true,
        all_off: None,
        form: "the-form".to_owned(),
        notice,
        done: Some("the-note".to_owned()),
    }
}

fn notices() -> Vec<Option<Notice>> {
    let (what, receipt) = ("Offers".to_owned(), "evt_1".to_owned());
    let problems = [Problem::Form, Problem::UndoOver, Problem::Busy];
    let mut notices = vec![
        None,
        Some(Notice::Off {
            what: what.clone(),
            receipt: receipt.clone(),
            everything: false,
            undo: Some(("the-undo".to_owned(), "14:30 UTC".to_owned())),
        }),
        Some(Notice::AlreadyOff {
            what: what.clone(),
            receipt: receipt.clone(),
        }),
        Some(Notice::On {
            what: vec![what],
            receipts: vec![receipt],
        }),
    ];
    notices.extend(problems.map(|problem| Some(Notice::Problem(problem))));
    notices
}

#[test]
fn every_page_of_every_language_is_whole_and_escaped() {
    let brand = brand();
    for texts in languages() {
        for notice in notices() {
            let html = render(&page(texts, &brand, notice)).unwrap();
            assert!(html.contains(&format!(
                "<html lang=\"{}\" dir=\"{}\">",
                texts.language, texts.direction
            )));
            let visible = html.split("</style>").nth(1).unwrap();
            assert!(
                !visible.contains('{'),
                "{}: a mark was left",
                texts.language
            );
            assert!(!html.contains("<Söhne>"), "not escaped");
            assert!(!html.contains("<script"), "no script");
            assert!(html.contains("noindex") && html.contains("no-referrer"));
        }
        for kind in [Message::BadLink, Message::Down, Message::Busy] {
            for brand in [None, Some(&brand)] {
                let setting = Setting {
                    texts,
                    brand,
                    place: "",
                    chosen: false,
                };
                let html = render(&PreferenceMessage { setting, kind }).unwrap();
                assert!(!html.split("</style>").nth(1).unwrap().contains('{'));
                assert!(
                    html.contains("STOP"),
                    "{}: the other way out",
                    texts.language
                );
                assert!(!html.contains("<form"), "nothing to press");
            }
        }
    }
}

#[test]
fn only_what_is_on_or_open_can_be_pressed() {
    let brand = brand();
    let html = render(&page(of_language("en").unwrap(), &brand, None)).unwrap();
    let pressed = |scope: &str| html.contains(&format!("name=\"off\" value=\"{scope}\""));
    assert!(pressed("marketing") && pressed("calls") && pressed("all"));
    assert!(
        !pressed("marketing.offers"),
        "it is off, and cannot be turned on"
    );
    assert!(!html.contains("name=\"undo\""), "nothing to undo");
}
