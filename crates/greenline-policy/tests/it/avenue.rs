//! Which ways out are open, and when notifications would be the only one.

use greenline_policy::avenue::{
    Api, Avenue, Finding, How, INBOUND_PROOF_MS, Known, Missing, OnlyNotifications, Track, audit,
    only_notifications,
};
use greenline_policy::scope::Category;

const NOW: i64 = 100 * INBOUND_PROOF_MS;

/// Takes away what an avenue rests on.
type Closing = fn(&mut Known);

fn proved(at_ms: i64) -> Track {
    Track {
        probed_ms: Some(at_ms),
        ..Track::default()
    }
}

/// Everything in place and proved a moment ago.
fn all_open() -> Known {
    let mut known = Known {
        has_number: true,
        hears: true,
        makes_links: true,
        page_is_published: true,
        staff_is_named: true,
        api: Api::Used,
        inbound_ms: Some(NOW - 1),
        ..Known::default()
    };
    known.tracks = [proved(NOW - 5); Avenue::ALL.len()];
    known
}

fn finding(known: &Known, avenue: Avenue, category: Category) -> Finding {
    audit(known, NOW)
        .into_iter()
        .find(|finding| finding.avenue == avenue && finding.category == category)
        .unwrap()
}

#[track_caller]
fn missing(known: &Known, avenue: Avenue, expected: Option<Missing>) {
    let found = finding(known, avenue, Category::Marketing);
    assert_eq!(found.missing, expected, "{avenue:?}");
    assert_eq!(found.open, expected.is_none(), "{avenue:?}");
}

fn all_shut() -> OnlyNotifications {
    OnlyNotifications::of(Category::ALL)
}

#[test]
fn avenues_close_one_by_one_and_the_last_one_shuts_asks_in() {
    let closings: [(Avenue, Closing); 4] = [
        (Avenue::PreferencePage, |known| {
            known.page_is_published = false;
        }),
        (Avenue::Api, |known| known.api = Api::Unused),
        (Avenue::ReplyWord, |known| known.inbound_ms = None),
        (Avenue::Staff, |known| known.staff_is_named = false),
    ];
    // In every order of the four.
    for first in 0..4 {
        for second in (0..4).filter(|at| *at != first) {
            for third in (0..4).filter(|at| ![first, second].contains(at)) {
                let last = 6 - first - second - third;
                let mut known = all_open();
                for at in [first, second, third] {
                    let (avenue, close) = closings[at];
                    close(&mut known);
                    assert!(!finding(&known, avenue, Category::Utility).open);
                    assert_eq!(
                        only_notifications(&known, NOW),
                        OnlyNotifications::default()
                    );
                }
                closings[last].1(&mut known);
                assert_eq!(only_notifications(&known, NOW), all_shut());
                // What needs a notification, or is not ours, stays open and does not count.
                for avenue in [
                    Avenue::Button,
                    Avenue::OneClick,
                    Avenue::NativeSwitch,
                    Avenue::PlatformError,
                ] {
                    let found = finding(&known, avenue, Category::Marketing);
                    assert!(found.open && !found.counts, "{avenue:?}");
                }
            }
        }
    }
}

#[test]
fn inbound_proves_for_seven_days_to_the_millisecond() {
    let wrote = |at_ms| Known {
        has_number: true,
        hears: true,
        inbound_ms: Some(at_ms),
        ..Known::default()
    };
    let exactly = wrote(NOW - INBOUND_PROOF_MS);
    missing(&exactly, Avenue::ReplyWord, Some(Missing::Inbound));
    assert_eq!(only_notifications(&exactly, NOW), all_shut());
    let within = wrote(NOW - INBOUND_PROOF_MS + 1);
    missing(&within, Avenue::ReplyWord, None);
    assert_eq!(
        only_notifications(&within, NOW),
        OnlyNotifications::default()
    );
    // A probe proves the path, not that anybody can write.
    let mut probed = Known {
        inbound_ms: None,
        ..within
    };
    *probed.track_mut(Avenue::ReplyWord).unwrap() = proved(NOW);
    missing(&probed, Avenue::ReplyWord, Some(Missing::Inbound));
    // Nothing is heard without webhooks, whatever came in before.
    let deaf = Known {
        hears: false,
        ..within
    };
    missing(&deaf, Avenue::ReplyWord, Some(Missing::Webhooks));
}

#[test]
fn the_api_counts_after_a_real_use_or_by_a_probe_where_it_is_said_to_be_used() {
    let api = |api, track| {
        let mut known = Known {
            api,
            ..Known::default()
        };
        *known.track_mut(Avenue::Api).unwrap() = track;
        known
    };
    let used = Track {
        used_ms: Some(NOW - 9),
        ..Track::default()
    };
    missing(
        &api(Api::Unsaid, Track::default()),
        Avenue::Api,
        Some(Missing::Proof),
    );
    missing(
        &api(Api::Unsaid, proved(NOW)),
        Avenue::Api,
        Some(Missing::Proof),
    );
    missing(&api(Api::Unsaid, used), Avenue::Api, None);
    missing(
        &api(Api::Used, Track::default()),
        Avenue::Api,
        Some(Missing::Proof),
    );
    missing(&api(Api::Used, proved(NOW)), Avenue::Api, None);
    missing(
        &api(Api::Unused, used),
        Avenue::Api,
        Some(Missing::ApiUnused),
    );
}

#[test]
fn a_probe_that_fails_closes_until_something_proves_again() {
    let mut known = all_open();
    let page = known.track_mut(Avenue::PreferencePage).unwrap();
    // A tie goes to the failure.
    page.failed_ms = Some(NOW - 5);
    missing(&known, Avenue::PreferencePage, Some(Missing::ProbeFailed));
    known.track_mut(Avenue::PreferencePage).unwrap().used_ms = Some(NOW - 4);
    missing(&known, Avenue::PreferencePage, None);
    let found = finding(&known, Avenue::PreferencePage, Category::Calls);
    assert_eq!(found.proved, Some((NOW - 4, How::Use)));
}

#[test]
fn the_platforms_own_word_is_about_marketing_alone() {
    let findings = audit(&all_open(), NOW);
    for avenue in [Avenue::NativeSwitch, Avenue::PlatformError] {
        let about: Vec<Category> = findings
            .iter()
            .filter(|finding| finding.avenue == avenue)
            .map(|finding| finding.category)
            .collect();
        assert_eq!(about, [Category::Marketing]);
    }
}

#[test]
fn names_and_bits_read_back() {
    for avenue in Avenue::ALL {
        assert_eq!(Avenue::parse(avenue.as_str()), Some(avenue));
    }
    for category in Category::ALL {
        let one = OnlyNotifications::of([category]);
        assert_eq!(OnlyNotifications::from_bits(one.bits()), one);
        for other in Category::ALL {
            assert_eq!(one.holds(other), one == OnlyNotifications::of([other]));
        }
    }
}

#[test]
fn before_the_first_day_nothing_is_tried_and_nothing_is_broken() {
    let fresh = Known {
        has_number: true,
        ..Known::default()
    };
    assert!(fresh.is_untried());
    let with = |track: Track| {
        let mut known = fresh.clone();
        known.tracks[0] = track;
        known.is_untried()
    };
    assert!(with(proved(NOW)), "a probe alone is no beginning");
    assert!(!with(Track {
        used_ms: Some(NOW),
        ..Track::default()
    }));
    assert!(!with(Track {
        failed_ms: Some(NOW),
        ..Track::default()
    }));
    assert!(with(Track {
        failed_ms: Some(NOW - 1),
        ..proved(NOW)
    }));
    let written = Known {
        inbound_ms: Some(NOW),
        ..fresh
    };
    assert!(!written.is_untried());
}
