//! Q4: may we notify somebody who has not opted in? Never opted in, opted out, ran out, moved on, another scope.
//!
//! That nobody is written to without an opt-in stands in [`super::first_contact`] too; here is what looks like one.

use serde_json::json;

use super::acts::{
    Act, DAY, HOUR, MINUTE, Name, erases, evidence, fails, in_bulk, moves, no, records, switch,
    writes, yes,
};
use super::desk::{ASK, Answer, CODE, OFFER, ORDER, Row, TOPIC, text};

const MISSING: [&str; 1] = ["consent.missing"];
const COVERED: [&str; 1] = ["consent.covered"];
const OPTED_OUT: [&str; 1] = ["consent.opted_out"];
const EXPIRED: [&str; 1] = ["consent.expired"];
const UNCONFIRMED: [&str; 1] = ["consent.unconfirmed"];

pub(super) fn rows() -> Vec<Row> {
    let rows = [scopes(), over_time(), in_a_window()];
    rows.into_iter().flatten().collect()
}

/// People who moved, are known by several names, or asked to be forgotten.
pub(super) fn rows_about_who_it_is() -> Vec<Row> {
    let rows = [moved(), one_person(), erased()];
    rows.into_iter().flatten().collect()
}

fn scopes() -> Vec<Row> {
    vec![
        Row::new(
            "They opted in to marketing: may we send orders and codes?",
            [yes("marketing", DAY)],
            [
                Answer::yes(OFFER, COVERED),
                Answer::yes(TOPIC, COVERED),
                Answer::no(ORDER, MISSING),
                Answer::no(CODE, MISSING),
            ],
        ),
        Row::new(
            "They opted in to news about orders: may we send offers and codes?",
            [yes("utility", DAY)],
            [
                Answer::yes(ORDER, COVERED),
                Answer::no(OFFER, MISSING),
                Answer::no(CODE, MISSING),
            ],
        ),
        Row::new(
            "They opted in to codes: may we send anything else?",
            [yes("authentication", DAY)],
            [
                Answer::yes(CODE, COVERED),
                Answer::no(ORDER, MISSING),
                Answer::no(OFFER, MISSING),
            ],
        ),
        Row::new(
            "They opted in to calls: may we send messages?",
            [yes("calls", DAY)],
            [
                Answer::no(OFFER, MISSING),
                Answer::no(ORDER, MISSING),
                Answer::no(text("Hi"), ["window.closed"]),
            ],
        ),
        Row::new(
            "They opted in to offers as a topic: may other marketing go?",
            [yes("marketing.offers", DAY)],
            [Answer::yes(TOPIC, COVERED), Answer::no(OFFER, MISSING)],
        ),
        Row::new(
            "They opted in to news as a topic: may offers go?",
            [yes("marketing.news", DAY)],
            [Answer::no(TOPIC, MISSING)],
        ),
        Row::new(
            "They said no to a topic, and yes to all marketing since (A2): may the topic go?",
            [
                yes("marketing", 3 * DAY),
                no("marketing.offers", 2 * DAY),
                yes("marketing", DAY),
            ],
            [Answer::no(TOPIC, OPTED_OUT), Answer::yes(OFFER, COVERED)],
        ),
        Row::new(
            "They said no to everything, and yes to a topic since (A2): may the rest go?",
            [no("all", 2 * DAY), yes("marketing.offers", DAY)],
            [
                Answer::yes(TOPIC, COVERED),
                Answer::no(OFFER, OPTED_OUT),
                Answer::no(CODE, OPTED_OUT),
            ],
        ),
        Row::new(
            "They said no to order updates and never spoke of offers: what may go?",
            [no("utility", DAY)],
            [Answer::no(ORDER, OPTED_OUT), Answer::no(OFFER, MISSING)],
        ),
    ]
}

/// The business lets a yes to utility last for thirty days.
fn over_time() -> Vec<Row> {
    let renewed = |scope: &str, ago| {
        records(
            json!({ "scope": scope, "event": "reconfirmed", "evidence": evidence("app") }),
            ago,
        )
    };
    let expired = |ago| records(json!({ "scope": "marketing", "event": "expired" }), ago);
    vec![
        Row::new(
            "They opted in to order updates 29 days ago, and that lasts for 30: may it go?",
            [yes("utility", 29 * DAY)],
            [Answer::yes(ORDER, COVERED)],
        ),
        Row::new(
            "They opted in to order updates 31 days ago: may it go?",
            [yes("utility", 31 * DAY)],
            [Answer::no(ORDER, EXPIRED)],
        ),
        Row::new(
            "They opted in to everything 31 days ago: what has run out?",
            [yes("all", 31 * DAY)],
            [
                Answer::no(ORDER, EXPIRED),
                Answer::yes(OFFER, COVERED),
                Answer::yes(CODE, COVERED),
            ],
        ),
        Row::new(
            "They renewed before it ran out (A17): may it go?",
            [yes("utility", 50 * DAY), renewed("utility", 25 * DAY)],
            [Answer::yes(ORDER, COVERED)],
        ),
        Row::new(
            "They renewed when it had run out (A17): may it go?",
            [yes("utility", 50 * DAY), renewed("utility", 10 * DAY)],
            [Answer::no(ORDER, EXPIRED)],
        ),
        Row::new(
            "They renewed everything when order updates had run out (A17): what may go?",
            [yes("all", 50 * DAY), renewed("all", 10 * DAY)],
            [
                Answer::no(ORDER, EXPIRED),
                Answer::yes(OFFER, COVERED),
                Answer::yes(CODE, COVERED),
            ],
        ),
        Row::new(
            "They renewed everything in time (A17): may an order update go?",
            [yes("all", 50 * DAY), renewed("all", 25 * DAY)],
            [Answer::yes(ORDER, COVERED)],
        ),
        Row::new(
            "They opted in to order updates by itself, and renewed everything too late for the older yes (A17): may it go?",
            [
                yes("all", 50 * DAY),
                yes("utility", 15 * DAY),
                renewed("all", 10 * DAY),
            ],
            [Answer::yes(ORDER, COVERED)],
        ),
        Row::new(
            "They renewed everything too late, and opted in anew since (A17): may it go?",
            [
                yes("all", 50 * DAY),
                renewed("all", 10 * DAY),
                yes("all", DAY),
            ],
            [Answer::yes(ORDER, COVERED)],
        ),
        Row::new(
            "We learn of an opt-in that was over when they renewed it (A17): may it go?",
            [renewed("utility", 10 * DAY), yes("utility", 50 * DAY)],
            [Answer::no(ORDER, EXPIRED)],
        ),
        Row::new(
            "Our CRM says that an opt-in to everything has ended for offers: what may go?",
            [yes("all", 3 * DAY), expired(2 * DAY)],
            [Answer::no(OFFER, EXPIRED), Answer::yes(ORDER, COVERED)],
        ),
        Row::new(
            "It ran out, and they opted in anew: may it go?",
            [yes("utility", 50 * DAY), yes("utility", DAY)],
            [Answer::yes(ORDER, COVERED)],
        ),
        Row::new(
            "Our CRM says that the opt-in has ended: is that a no?",
            [yes("marketing", 3 * DAY), expired(2 * DAY)],
            [Answer::no(OFFER, EXPIRED)],
        ),
        Row::new(
            "It ended, and they opted in anew since: may the offer go?",
            [
                yes("marketing", 3 * DAY),
                expired(2 * DAY),
                yes("marketing", DAY),
            ],
            [Answer::yes(OFFER, COVERED)],
        ),
        Row::new(
            "They said no, and a renewal came since (A17): does that lift the no?",
            [
                yes("marketing", 3 * DAY),
                no("marketing", 2 * DAY),
                renewed("marketing", DAY),
            ],
            [Answer::no(OFFER, OPTED_OUT)],
        ),
    ]
}

fn moved() -> Vec<Row> {
    vec![
        Row::new(
            "They moved to a new number: may the offer go to either (A4)?",
            [yes("marketing", 3 * DAY), moves(2 * HOUR)],
            [
                Answer::no(OFFER, UNCONFIRMED).of(Name::Other),
                Answer::no(OFFER, UNCONFIRMED),
                Answer::no(ORDER, MISSING).of(Name::Other),
            ],
        ),
        Row::new(
            "They moved, and wrote to us from the new number (A4): may the offer go there?",
            [
                yes("marketing", 3 * DAY),
                moves(2 * HOUR),
                writes("It is me", HOUR).by(Name::Other),
            ],
            [
                Answer::yes(OFFER, COVERED).of(Name::Other),
                Answer::no(OFFER, UNCONFIRMED),
            ],
        ),
        Row::new(
            "They moved, and somebody wrote from the old number: may the offer go to them?",
            [
                yes("marketing", 3 * DAY),
                moves(2 * HOUR),
                writes("Who is this?", HOUR),
            ],
            [
                Answer::no(OFFER, UNCONFIRMED),
                Answer::no(OFFER, UNCONFIRMED).of(Name::Other),
                Answer::yes(text("This is Acme."), ["window.open"]),
            ],
        ),
        Row::new(
            "They had written from the old number before they moved: is the window open at the new one (A4)?",
            [writes("Hello", 3 * HOUR), moves(2 * HOUR)],
            [Answer::no(text("Hello!"), ["window.closed", "consent.missing"]).of(Name::Other)],
        ),
        Row::new(
            "They had said no before they moved (A4): may the offer go to the new number?",
            [
                no("marketing", 3 * DAY),
                moves(2 * HOUR),
                writes("Hello", HOUR).by(Name::Other),
            ],
            [
                Answer::no(OFFER, OPTED_OUT).of(Name::Other),
                Answer::no(OFFER, OPTED_OUT),
            ],
        ),
        Row::new(
            "A no for the old number comes after they moved and confirmed (A4): may the offer go to the new one?",
            [
                yes("marketing", 3 * DAY),
                moves(2 * HOUR),
                writes("It is me", HOUR).by(Name::Other),
                no("marketing", 30 * MINUTE),
            ],
            [
                Answer::no(OFFER, OPTED_OUT).of(Name::Other),
                Answer::no(OFFER, OPTED_OUT),
            ],
        ),
        Row::new(
            "They had turned us off in WhatsApp before they moved (A4): may the offer go to the new number?",
            [
                yes("marketing", 3 * DAY),
                switch("stop", 2 * DAY),
                moves(2 * HOUR),
                writes("It is me", HOUR).by(Name::Other),
            ],
            [Answer::no(OFFER, ["consent.native_stop", "consent.covered"]).of(Name::Other)],
        ),
        Row::new(
            "They moved and opted in anew from the new number: may the offer go there?",
            [
                yes("marketing", 3 * DAY),
                moves(2 * HOUR),
                yes("marketing", HOUR).by(Name::Other),
            ],
            [Answer::yes(OFFER, COVERED).of(Name::Other)],
        ),
    ]
}

fn one_person() -> Vec<Row> {
    let mexico = [
        Name::Spelled("5215587654321"),
        Name::Spelled("525587654321"),
    ];
    let brazil = [
        Name::Spelled("5511987654321"),
        Name::Spelled("551187654321"),
    ];
    let landline = [
        Name::Spelled("5511934567890"),
        Name::Spelled("551134567890"),
    ];
    let argentina = [
        Name::Spelled("5491155550101"),
        Name::Spelled("541155550101"),
    ];
    let gone = [
        Name::Spelled("5491155550202"),
        Name::Spelled("541155550202"),
    ];
    vec![
        Row::new(
            "A Mexican number with and without its 1 (A16): does a yes to one cover the other?",
            [yes("marketing", DAY).by(mexico[0])],
            [
                Answer::yes(OFFER, COVERED).of(mexico[0]),
                Answer::yes(OFFER, COVERED).of(mexico[1]),
            ],
        ),
        Row::new(
            "A Brazilian mobile with and without its 9 (A16): does a yes to one cover the other?",
            [yes("marketing", DAY).by(brazil[1])],
            [
                Answer::yes(OFFER, COVERED).of(brazil[0]),
                Answer::yes(OFFER, COVERED).of(brazil[1]),
            ],
        ),
        Row::new(
            "A Brazilian number that may be a landline without its 9 (A16): does its yes cover the mobile?",
            [yes("marketing", DAY).by(landline[1])],
            [
                Answer::yes(OFFER, COVERED).of(landline[1]),
                Answer::no(OFFER, MISSING).of(landline[0]),
            ],
        ),
        Row::new(
            "An Argentine number with and without its 9 (A16): does a yes to one cover the other?",
            [yes("marketing", DAY).by(argentina[0])],
            [
                Answer::yes(OFFER, COVERED).of(argentina[0]),
                Answer::no(OFFER, MISSING).of(argentina[1]),
            ],
        ),
        Row::new(
            "The same, and a no to the one that may be a landline: does it close the mobile?",
            [
                yes("marketing", 2 * DAY).by(gone[0]),
                no("marketing", DAY).by(gone[1]),
            ],
            [
                Answer::no(OFFER, OPTED_OUT).of(gone[0]),
                Answer::no(OFFER, OPTED_OUT).of(gone[1]),
            ],
        ),
        Row::new(
            "They opted in under number and user id at once: may the offer go to either?",
            [yes("marketing", DAY).by(Name::Both)],
            [
                Answer::yes(OFFER, COVERED),
                Answer::yes(OFFER, COVERED).of(Name::User),
                Answer::yes(OFFER, COVERED).of(Name::Both),
            ],
        ),
        Row::new(
            "A message names a number that opted in and a user id that did not (A16): may it go?",
            [yes("marketing", DAY), no("utility", DAY).by(Name::User)],
            [Answer::no(OFFER, ["consent.missing", "consent.covered"]).of(Name::Both)],
        ),
        Row::new(
            "No under the user id, a later yes under the number, and then we learn that they are one (A3): may it go?",
            [
                no("marketing", 3 * DAY).by(Name::User),
                yes("marketing", 2 * DAY),
                writes("Hello", HOUR).by(Name::Both),
            ],
            [
                Answer::no(OFFER, OPTED_OUT),
                Answer::no(OFFER, OPTED_OUT).of(Name::User),
            ],
        ),
        Row::new(
            "The same, and they opt in once more since (A3): may it go?",
            [
                no("marketing", 3 * DAY).by(Name::User),
                yes("marketing", 2 * DAY),
                writes("Hello", HOUR).by(Name::Both),
                yes("marketing", 30 * MINUTE),
            ],
            [
                Answer::yes(OFFER, COVERED),
                Answer::yes(OFFER, COVERED).of(Name::User),
            ],
        ),
        Row::new(
            "We learn that they are one first, and of the no and the yes later (A3): is it the same?",
            [
                writes("Hello", HOUR).by(Name::Both),
                yes("marketing", 2 * DAY),
                no("marketing", 3 * DAY).by(Name::User),
            ],
            [
                Answer::no(OFFER, OPTED_OUT),
                Answer::no(OFFER, OPTED_OUT).of(Name::User),
            ],
        ),
    ]
}

// Whoever was erased without a no is not covered (A14), and nothing tells that there was a yes.
fn erased() -> Vec<Row> {
    let fresh = || yes("marketing", 0);
    vec![
        Row::new(
            "They opted in and asked to be erased (A14): may the offer go?",
            [yes("marketing", DAY), erases()],
            [
                Answer::no(OFFER, MISSING),
                Answer::no(ASK, ["ask.first_contact", "consent.missing"]),
            ],
        ),
        Row::new(
            "They said no and asked to be erased (A14): is the no forgotten?",
            [yes("marketing", 2 * DAY), no("marketing", DAY), erases()],
            [Answer::no(OFFER, OPTED_OUT), Answer::no(ASK, OPTED_OUT)],
        ),
        Row::new(
            "They turned us off in WhatsApp and asked to be erased (A14): is that forgotten?",
            [
                yes("marketing", 2 * DAY),
                switch("stop", DAY),
                erases(),
                fresh(),
            ],
            [Answer::no(
                OFFER,
                ["consent.native_stop", "consent.covered"],
            )],
        ),
        Row::new(
            "A list from before the erasure is loaded after it (A14): may the offer go?",
            [
                yes("marketing", 2 * DAY),
                erases(),
                in_bulk("marketing", DAY),
            ],
            [Answer::no(OFFER, MISSING)],
        ),
        Row::new(
            "They said no, were erased, and a list says yes: may the offer go?",
            [no("marketing", 2 * DAY), erases(), in_bulk("marketing", 0)],
            [Answer::no(OFFER, OPTED_OUT)],
        ),
        Row::new(
            "They were erased and opted in anew (A14): may the offer go?",
            [
                yes("marketing", 2 * DAY),
                no("marketing", DAY),
                erases(),
                fresh(),
            ],
            [Answer::yes(OFFER, COVERED)],
        ),
        Row::new(
            "Somebody erased says no under another spelling before: does it meet (A14)?",
            [
                no("marketing", DAY).by(Name::Spelled("5215587650000")),
                erases().by(Name::Spelled("525587650000")),
            ],
            [Answer::no(OFFER, OPTED_OUT).of(Name::Spelled("525587650000"))],
        ),
    ]
}

fn in_a_window() -> Vec<Row> {
    vec![
        Row::new(
            "They wrote to us today and opted in to nothing (A8): may an order update go as a template?",
            [writes("Where is my parcel?", HOUR)],
            [
                Answer::no(ORDER, MISSING),
                Answer::yes(text("On its way."), ["window.open"]),
            ],
        ),
        Row::new(
            "They opted in, and never wrote: may we text (A15)?",
            [yes("all", DAY)],
            [Answer::no(text("Hello"), ["window.closed"])],
        ),
        Row::new(
            "They wrote 25 hours ago (A15): may we text?",
            [writes("Hello", 25 * HOUR)],
            [Answer::no(
                text("Hello"),
                ["window.closed", "consent.missing"],
            )],
        ),
        Row::new(
            "A message to them failed with another error (law 12): does anything change?",
            [
                yes("marketing", DAY),
                fails(131_026, HOUR),
                fails(131_047, HOUR),
            ],
            [Answer::yes(OFFER, COVERED)],
        ),
    ]
}

/// A8: the business lets utility and authentication templates in an open window count as replies; marketing never.
pub(super) fn rows_where_templates_are_replies() -> Vec<Row> {
    let wrote = || -> Act { writes("Where is my parcel?", HOUR) };
    let open = ["window.open"];
    vec![
        Row::new(
            "They wrote to us today: may an order update, a code, an offer, an ask go?",
            [wrote()],
            [
                Answer::yes(ORDER, open),
                Answer::yes(CODE, open),
                Answer::no(OFFER, MISSING),
                Answer::no(ASK, ["ask.first_contact", "consent.missing"]),
            ],
        ),
        Row::new(
            "They wrote to us today, and have said no to order updates: may one go?",
            [wrote(), no("utility", 30 * MINUTE)],
            [
                Answer::no(ORDER, ["consent.opted_out", "window.open"]),
                Answer::yes(CODE, open),
            ],
        ),
        Row::new(
            "They wrote STOP today: may an order update go?",
            [writes("STOP", HOUR)],
            [Answer::no(ORDER, OPTED_OUT), Answer::no(CODE, MISSING)],
        ),
        Row::new(
            "They wrote to us the day before yesterday: may an order update go?",
            [writes("Where is my parcel?", 2 * DAY)],
            [Answer::no(ORDER, MISSING)],
        ),
    ]
}
