//! Q1: may we ask for opt-out by sending a notification? Only people who have opted in; never as a first contact.

use serde_json::json;

use super::acts::{
    DAY, HOUR, MINUTE, Name, fails, granted, in_bulk, moves, no, presses, records, switch, writes,
    yes,
};
use super::desk::{ASK, Answer, CODE, MARKED_ASK, OFFER, ORDER, Row, text};

const FIRST_CONTACT: [&str; 2] = ["ask.first_contact", "consent.missing"];
const MISSING: [&str; 1] = ["consent.missing"];
const COVERED: [&str; 1] = ["consent.covered"];
/// Free-form is answered by the window, which the app can cure; the missing opt-in is listed (A15).
const NO_WINDOW: [&str; 2] = ["window.closed", "consent.missing"];

pub(super) fn rows() -> Vec<Row> {
    let mut rows = strangers();
    rows.extend(customers());
    rows
}

fn strangers() -> Vec<Row> {
    vec![
        Row::new(
            "We have a number from a trade fair and nothing else: may we text it?",
            [],
            [Answer::no(text("Hi, this is Acme."), NO_WINDOW)],
        ),
        Row::new(
            "May we send such a number an offer, an order update, a login code?",
            [],
            [
                Answer::no(OFFER, MISSING),
                Answer::no(ORDER, MISSING),
                Answer::no(CODE, MISSING),
            ],
        ),
        Row::new(
            "May we ask such a number whether it wants our messages?",
            [],
            [Answer::no(ASK, FIRST_CONTACT)],
        ),
        Row::new(
            "And if the ask is a utility template that we marked as one?",
            [],
            [Answer::no(MARKED_ASK, FIRST_CONTACT)],
        ),
        Row::new(
            "They are known by their user id alone: may we ask them?",
            [],
            [
                Answer::no(ASK, FIRST_CONTACT).of(Name::User),
                Answer::no(OFFER, MISSING).of(Name::User),
            ],
        ),
        Row::new(
            "They wrote to us this morning: may we answer, and may we ask or offer by template?",
            [writes("Do you have size 42?", HOUR)],
            [
                Answer::yes(text("We do."), ["window.open"]),
                Answer::no(ASK, FIRST_CONTACT),
                Answer::no(OFFER, MISSING),
            ],
        ),
        Row::new(
            "They wrote to us the day before yesterday: may we still text or ask?",
            [writes("Do you have size 42?", 2 * DAY)],
            [
                Answer::no(text("We do."), NO_WINDOW),
                Answer::no(ASK, FIRST_CONTACT),
            ],
        ),
        Row::new(
            "A message to them failed for another reason than a stop: does that let us ask?",
            [fails(131_026, HOUR)],
            [Answer::no(ASK, FIRST_CONTACT)],
        ),
    ]
}

fn customers() -> Vec<Row> {
    let wordless = json!({ "method": "website_form", "business_name": "Acme" });
    vec![
        Row::new(
            "They opted in to marketing last week: may we ask whether they still want it?",
            [yes("marketing", 7 * DAY)],
            [
                Answer::yes(ASK, COVERED),
                Answer::yes(OFFER, COVERED),
                Answer::no(text("Do you still want these?"), ["window.closed"]),
            ],
        ),
        Row::new(
            "They opted in to marketing: may we ask about order updates? Not to their scope (A13).",
            [yes("marketing", DAY)],
            [Answer::no(MARKED_ASK, FIRST_CONTACT)],
        ),
        Row::new(
            "They opted in to order updates only: may we ask about offers?",
            [yes("utility", DAY)],
            [
                Answer::no(ASK, FIRST_CONTACT),
                Answer::yes(MARKED_ASK, COVERED),
            ],
        ),
        Row::new(
            "They opted in to everything: may we ask about anything?",
            [yes("all", DAY)],
            [
                Answer::yes(ASK, COVERED),
                Answer::yes(MARKED_ASK, COVERED),
                Answer::yes(CODE, COVERED),
            ],
        ),
        Row::new(
            "They opted in and said no since: may we ask whether they meant it?",
            [yes("marketing", 7 * DAY), no("marketing", DAY)],
            [Answer::no(ASK, ["consent.opted_out"])],
        ),
        Row::new(
            "They never opted in, and said no: may we ask?",
            [no("marketing", DAY)],
            [Answer::no(ASK, ["consent.opted_out"])],
        ),
        Row::new(
            "They opted in and turned our marketing off in WhatsApp: may we ask?",
            [yes("marketing", 7 * DAY), switch("stop", DAY)],
            [Answer::no(ASK, ["consent.native_stop", "consent.covered"])],
        ),
        Row::new(
            "Meta told us 131050 about them: may we ask?",
            [yes("marketing", 7 * DAY), fails(131_050, DAY)],
            [Answer::no(ASK, ["consent.native_stop", "consent.covered"])],
        ),
        Row::new(
            "They opted in and turned it off on the preference page: may we ask?",
            [yes("marketing", 7 * DAY), presses("marketing")],
            [Answer::no(ASK, ["consent.opted_out"])],
        ),
        Row::new(
            "Their opt-in is in a spreadsheet without the wording: may we ask them to confirm by template?",
            [granted("marketing", wordless, DAY)],
            [Answer::no(ASK, ["ask.first_contact", "consent.claimed"])],
        ),
        Row::new(
            "Their opt-in came with the list of our old provider: may we ask?",
            [in_bulk("marketing", DAY)],
            [Answer::yes(ASK, ["consent.covered_by_import"])],
        ),
        Row::new(
            "Their opt-in ran out: may we ask them to renew it by template?",
            [
                yes("marketing", 7 * DAY),
                records(json!({ "scope": "marketing", "event": "expired" }), DAY),
            ],
            [Answer::no(ASK, ["ask.first_contact", "consent.expired"])],
        ),
        Row::new(
            "They have a new number: may we ask there whether it is still them?",
            [yes("marketing", 7 * DAY), moves(30 * MINUTE)],
            [
                Answer::no(ASK, ["ask.first_contact", "consent.unconfirmed"]).of(Name::Other),
                Answer::no(ASK, ["ask.first_contact", "consent.unconfirmed"]),
            ],
        ),
    ]
}
