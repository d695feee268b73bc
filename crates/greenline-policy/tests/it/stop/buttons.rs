//! Buttons, list rows and their payloads.

use greenline_policy::stop::{Meaning, Settings, StopReach, recognise_button};

fn press(payload: Option<&str>, title: Option<&str>) -> Option<Meaning> {
    recognise_button(payload, title, &Settings::default()).map(|found| found.meaning)
}

#[test]
fn payloads_are_understood() {
    for (payload, expect) in [
        ("OPTOUT_MARKETING", StopReach::Marketing),
        ("STOP_PROMOTIONS", StopReach::Marketing),
        ("stopPromotions", StopReach::Marketing),
        ("Stop promotions", StopReach::Marketing),
        ("unsubscribe_all", StopReach::All),
        ("opt-out", StopReach::Bare),
        ("OPT_OUT:17", StopReach::Bare),
        ("STOP", StopReach::Bare),
        ("baja", StopReach::Bare),
    ] {
        assert_eq!(
            press(Some(payload), None),
            Some(Meaning::Stop(expect)),
            "`{payload}`"
        );
    }
}

#[test]
fn payloads_with_an_unknown_part_say_nothing() {
    for payload in [
        "stop_tracking_17",
        "bus_stop",
        "dont_stop",
        "order_cancel",
        "non-stop",
        "START_ORDER",
        "stop_or_start_stop_x",
        "",
    ] {
        assert_eq!(
            press(Some(payload), Some("Track parcel")),
            None,
            "`{payload}`"
        );
    }
}

#[test]
fn the_stricter_of_payload_and_title_wins() {
    assert_eq!(
        press(Some("OPTOUT_MARKETING"), Some("Stop")),
        Some(Meaning::Stop(StopReach::Bare))
    );
    assert_eq!(
        press(Some("unsubscribe_all"), Some("Stop promotions")),
        Some(Meaning::Stop(StopReach::All))
    );
    assert_eq!(
        press(Some("btn_3"), Some("Stop promotions")),
        Some(Meaning::Stop(StopReach::Marketing))
    );
    assert_eq!(
        press(Some("START"), Some("Stop")),
        Some(Meaning::Stop(StopReach::Bare))
    );
    assert_eq!(
        press(None, Some("STOP")),
        Some(Meaning::Stop(StopReach::Bare))
    );
    assert_eq!(press(None, None), None);
}

#[test]
fn our_own_buttons_are_understood() {
    assert_eq!(
        press(Some("greenline.stop.yes"), Some("whatever")),
        Some(Meaning::Stop(StopReach::Bare))
    );
    assert_eq!(
        press(Some("greenline.stop.no"), Some("Stop")),
        Some(Meaning::Keep)
    );
}

#[test]
fn a_cancel_button_belongs_to_the_business() {
    assert_eq!(press(Some("flow.cancel"), Some("Cancel")), None);
    let counting = Settings::default().counting(["cancel"]);
    let found = recognise_button(None, Some("Cancel"), &counting).map(|found| found.meaning);
    assert_eq!(found, Some(Meaning::Stop(StopReach::Bare)));
}

#[test]
fn titles_of_many_languages_are_understood() {
    for title in [
        "Stop promotions",
        "Detener promociones",
        "No recibir promociones",
        "Parar promoções",
        "Arrêter les promotions",
        "Werbung beenden",
        "Interrompi promozioni",
        "Promoties stoppen",
        "Stoppa erbjudanden",
        "Stop tilbud",
        "Lopeta tarjoukset",
        "Acha matangazo",
    ] {
        let expect = Some(Meaning::Stop(StopReach::Marketing));
        assert_eq!(press(Some("btn-2"), Some(title)), expect, "`{title}`");
    }
    for title in [
        "Stop order",
        "Ver ofertas",
        "No, thanks",
        "Start shopping",
        "Remove item",
    ] {
        assert_eq!(press(Some("btn-2"), Some(title)), None, "`{title}`");
    }
}
