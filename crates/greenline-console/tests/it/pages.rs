//! One test per promise, and a snapshot per page.

use greenline_console::{SubscriptionState, render};

use crate::samples;

fn all() -> Vec<(&'static str, String)> {
    vec![
        ("status", render(&samples::status(false)).unwrap()),
        ("observe", render(&samples::status(true)).unwrap()),
        ("empty", render(&samples::empty_status()).unwrap()),
        ("numbers", render(&samples::number::list()).unwrap()),
        ("number", render(&samples::number::busy()).unwrap()),
        ("number_new", render(&samples::number::new()).unwrap()),
        ("number_banned", render(&samples::number::banned()).unwrap()),
        ("alerts", render(&samples::alerts::some()).unwrap()),
        ("no_alerts", render(&samples::alerts::none()).unwrap()),
        ("decision", render(&samples::decision_page()).unwrap()),
        ("people", render(&samples::people()).unwrap()),
        ("person", render(&samples::person()).unwrap()),
        ("message", render(&samples::message()).unwrap()),
        ("subscriptions", render(&samples::subscriptions()).unwrap()),
        (
            "no_subscriptions",
            render(&samples::no_subscriptions()).unwrap(),
        ),
        (
            "subscription",
            render(&samples::subscription_page(SubscriptionState::Failing)).unwrap(),
        ),
        (
            "subscription_paused",
            render(&samples::subscription_page(SubscriptionState::Paused)).unwrap(),
        ),
        (
            "subscription_end",
            render(&samples::subscription_end()).unwrap(),
        ),
        (
            "subscription_secret",
            render(&samples::subscription_secret()).unwrap(),
        ),
        ("docs", render(&samples::docs()).unwrap()),
        ("guide", render(&samples::guide("number banned")).unwrap()),
        (
            "guide_nothing",
            render(&samples::guide("zzqq <b>")).unwrap(),
        ),
        ("article", render(&samples::article()).unwrap()),
        ("rule", render(&samples::rule()).unwrap()),
    ]
}

/// The content, without the style sheet and the frame.
fn content(html: &str) -> &str {
    let start = html.find("<main").unwrap();
    &html[start..html.find("</main>").unwrap()]
}

#[test]
fn pages_look_as_reviewed() {
    // The guide's list is another with each rule and article; what it must hold is tested at the gateway.
    let reviewed = |name: &str| !name.starts_with("guide");
    for (name, html) in all().into_iter().filter(|(name, _)| reviewed(name)) {
        insta::assert_snapshot!(name, content(&html));
    }
}

#[test]
fn nothing_needs_script_or_anything_from_elsewhere() {
    for (name, html) in all() {
        for forbidden in [
            "<script",
            "javascript:",
            " onclick",
            " onload",
            "src=",
            "@import",
            "<link",
            "url(",
        ] {
            assert!(!html.contains(forbidden), "{name} has {forbidden}");
        }
    }
}

#[test]
fn what_people_wrote_stays_text() {
    let html = render(&samples::person()).unwrap();
    assert!(
        html.contains("STOP&#60;/dd&#62;&#60;script&#62;"),
        "the wording is escaped"
    );
}

#[test]
fn every_page_has_one_heading_a_title_and_a_way_past_the_navigation() {
    for (name, html) in all() {
        assert_eq!(html.matches("<h1").count(), 1, "{name}");
        assert!(
            html.contains("<html lang=\"en\">") && html.contains(" · Greenline</title>"),
            "{name}"
        );
        assert!(
            html.contains("<a class=\"skip\" href=\"#main\">")
                && html.contains("<main id=\"main\">"),
            "{name}"
        );
    }
}

#[test]
fn every_input_has_a_label_and_every_id_is_given_once() {
    for (name, html) in all() {
        let ids: Vec<&str> = html
            .split(" id=\"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .collect();
        for id in &ids {
            assert_eq!(
                ids.iter().filter(|other| other == &id).count(),
                1,
                "{name}: {id}"
            );
        }
        let fields = html.split("<input ").chain(html.split("<select ")).skip(1);
        for field in fields.filter(|field| field.starts_with("id=")) {
            let id = field.trim_start_matches("id=\"").split('"').next().unwrap();
            assert!(
                html.contains(&format!("<label for=\"{id}\">")),
                "{name}: {id}"
            );
        }
    }
}

#[test]
fn colour_is_never_the_only_sign() {
    for (name, html) in all() {
        for tag in html.split("class=\"tag").skip(1) {
            let text = tag.split('>').nth(1).unwrap().split('<').next().unwrap();
            assert!(!text.trim().is_empty(), "{name}: a tag without a word");
        }
    }
}

#[test]
fn observe_mode_says_that_refused_messages_went_out() {
    let html = render(&samples::status(true)).unwrap();
    assert!(html.contains("Observe mode.") && html.contains("Would be refused"));
    assert!(
        !render(&samples::status(false))
            .unwrap()
            .contains("Would be refused")
    );
}

#[test]
fn only_who_may_sees_the_form_that_shows_numbers_in_full() {
    let mut page = samples::person();
    assert!(render(&page).unwrap().contains("Show numbers in full"));
    page.reveal = None;
    assert!(!render(&page).unwrap().contains("Show numbers in full"));
}

#[test]
fn the_switcher_appears_with_more_than_one_business() {
    assert!(
        render(&samples::status(false))
            .unwrap()
            .contains("<select id=\"business\"")
    );
    assert!(
        !render(&samples::empty_status())
            .unwrap()
            .contains("<select")
    );
}

#[test]
fn only_who_may_sees_what_is_done_with_a_subscription() {
    let mut page = samples::subscription_page(SubscriptionState::Failing);
    let html = render(&page).unwrap();
    for form in ["/ping", "/state", "/replay", "/secret", "/end"] {
        assert!(html.contains(&format!("{}{form}", page.view.id)), "{form}");
    }
    page.may_own = false;
    let html = render(&page).unwrap();
    assert!(html.contains("/ping\"") && html.contains("may = \"admin\""));
    assert!(!html.contains("/secret\"") && !html.contains("/end?"));
    page.may_own = true;
    page.is_configured = true;
    let html = render(&page).unwrap();
    assert!(html.contains("business.subscription"));
    assert!(!html.contains("/secret\"") && !html.contains("/end?"));
    let paused = render(&samples::subscription_page(SubscriptionState::Paused)).unwrap();
    assert!(paused.contains("Set it going"));
    assert!(!paused.contains("/ping\"") && !paused.contains("/replay\""));
}

#[test]
fn only_who_may_is_led_to_who_is_told_of_events() {
    let link = "href=\"/subscriptions";
    let status = samples::status(false);
    assert!(render(&status).unwrap().contains(link));
    let mut looked_at = status;
    looked_at.frame.manages = false;
    assert!(!render(&looked_at).unwrap().contains(link));
}
