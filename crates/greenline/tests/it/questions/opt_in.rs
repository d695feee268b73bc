//! Q3, the first half: what is a valid way to opt in?
//!
//! Each opt-in way that Greenline takes stands here: recorded with evidence, told by Meta, agreed to through a link,
//! in the thread, vouched for, imported. What is missing from this list is not a way.

use serde_json::{Value, json};

use super::acts::{
    Act, DAY, HOUR, MINUTE, Name, answers_no, answers_yes, evidence, fills_in, follows_link,
    granted, imports, imports_and_undoes, in_bulk, is_confirmed, no, records, switch, vouches,
    writes, yes,
};
use super::desk::{Answer, CODE, OFFER, ORDER, Row, TOPIC, text};

const MISSING: [&str; 1] = ["consent.missing"];
const COVERED: [&str; 1] = ["consent.covered"];
const CLAIMED: [&str; 1] = ["consent.claimed"];
const OPTED_OUT: [&str; 1] = ["consent.opted_out"];
const IMPORTED: [&str; 1] = ["consent.covered_by_import"];
const VOUCHED: [&str; 1] = ["consent.covered_by_vouching"];

pub(super) fn rows() -> Vec<Row> {
    [
        recorded_with_evidence(),
        recorded_without(),
        not_taken(),
        by_the_persons_own_act(),
        imported(),
        vouched_for(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn offered(
    says: impl Into<String>,
    before: impl IntoIterator<Item = Act>,
    goes: bool,
    rules: [&'static str; 1],
) -> Row {
    let answer = if goes {
        Answer::yes(OFFER, rules)
    } else {
        Answer::no(OFFER, rules)
    };
    Row::new(says, before, [answer])
}

fn recorded_with_evidence() -> Vec<Row> {
    let methods = [
        "website_form",
        "checkout",
        "app",
        "sms_keyword",
        "phone_ivr",
        "paper",
        "in_person",
        "whatsapp_thread",
        "whatsapp_flow",
        "whatsapp_signup_link",
        "preference_page",
        "staff",
        "platform",
        "other",
    ];
    let mut rows: Vec<Row> = methods
        .into_iter()
        .map(|method| {
            let says = format!(
                "They opted in by `{method}`, and we have wording, name and time: may the offer go?"
            );
            offered(
                says,
                [granted("marketing", evidence(method), DAY)],
                true,
                COVERED,
            )
        })
        .collect();
    let version =
        json!({ "method": "paper", "wording_version": "form 2026-03", "business_name": "Acme" });
    let named =
        |name: &str| json!({ "method": "checkout", "wording": "Yes", "business_name": name });
    rows.extend([
        offered(
            "We kept the version of the form instead of its words: does that do?",
            [granted("marketing", version, DAY)],
            true,
            COVERED,
        ),
        offered(
            "The form wrote our name in capitals and with a space: does that do?",
            [granted("marketing", named(" AC ME "), DAY)],
            true,
            COVERED,
        ),
        offered(
            "The form had the name we went by before: does that do?",
            [granted("marketing", named("Acme Shoes"), DAY)],
            true,
            COVERED,
        ),
        offered(
            "They opted in two minutes from now by the clock of our shop: does that do?",
            [yes("marketing", 0).ahead(120)],
            true,
            COVERED,
        ),
        offered(
            "They opted in and a second form came without its wording later: does that spoil it?",
            [
                yes("marketing", 2 * DAY),
                granted("marketing", json!({ "method": "app" }), DAY),
            ],
            true,
            COVERED,
        ),
        offered(
            "They said no, and opted in anew with evidence since: may the offer go?",
            [no("marketing", 2 * DAY), yes("marketing", DAY)],
            true,
            COVERED,
        ),
        offered(
            "The opt-in of before their no is recorded only now: may the offer go?",
            [no("marketing", DAY), yes("marketing", 2 * DAY)],
            false,
            OPTED_OUT,
        ),
    ]);
    rows
}

fn recorded_without() -> Vec<Row> {
    let claims = [
        ("nothing but the word of our CRM", Value::Null),
        (
            "no method",
            json!({ "wording": "Yes", "business_name": "Acme" }),
        ),
        (
            "no wording and no version of one",
            json!({ "method": "paper", "business_name": "Acme" }),
        ),
        (
            "wording of blanks",
            json!({ "method": "paper", "wording": "  ", "business_name": "Acme" }),
        ),
        (
            "no business name",
            json!({ "method": "paper", "wording": "Yes" }),
        ),
        (
            "the name of another brand of our group",
            json!({ "method": "paper", "wording": "Yes", "business_name": "Globex" }),
        ),
    ];
    claims
        .into_iter()
        .map(|(lacks, evidence)| {
            let says = format!("They opted in, and what we have is {lacks}: may the offer go?");
            let mut event = json!({ "scope": "marketing", "event": "granted" });
            if !evidence.is_null() {
                event["evidence"] = evidence;
            }
            offered(says, [records(event, DAY)], false, CLAIMED)
        })
        .collect()
}

fn not_taken() -> Vec<Row> {
    let renewal = |evidence: Value| json!({ "scope": "marketing", "event": "reconfirmed", "evidence": evidence });
    let dated = |at: &str| json!({ "scope": "marketing", "event": "granted", "occurred_at": at, "evidence": evidence("app") });
    vec![
        offered(
            "They opted in by a method that nobody knows: is it recorded?",
            [granted("marketing", evidence("telepathy"), DAY).refused()],
            false,
            MISSING,
        ),
        Row::new(
            "They opted in to a topic that we never declared: is it recorded (A18)?",
            [yes("marketing.gossip", DAY).refused()],
            [Answer::no(TOPIC, MISSING), Answer::no(OFFER, MISSING)],
        ),
        offered(
            "They opted in next week, says our CRM: is it recorded (A6)?",
            [yes("marketing", 0).ahead(7 * 86_400).refused()],
            false,
            MISSING,
        ),
        offered(
            "They opted in \"yesterday\", says our CRM: is it recorded?",
            [records(dated("yesterday"), DAY).refused()],
            false,
            MISSING,
        ),
        offered(
            "They renewed, and there is no evidence of it: is it recorded (A17)?",
            [records(renewal(json!({ "method": "app" })), DAY).refused()],
            false,
            MISSING,
        ),
        offered(
            "They renewed an opt-in that nobody has on record: is that an opt-in (A17)?",
            [records(renewal(evidence("app")), DAY)],
            false,
            MISSING,
        ),
        offered(
            "Our CRM says that they turned WhatsApp's switch on again: does that open anything (A12)?",
            [
                yes("marketing", 3 * DAY),
                records(
                    json!({ "scope": "marketing", "event": "withdrawn" }),
                    2 * DAY,
                ),
                records(
                    json!({ "scope": "marketing", "event": "native_resumed" }),
                    DAY,
                )
                .refused(),
            ],
            false,
            OPTED_OUT,
        ),
    ]
}

fn by_the_persons_own_act() -> Vec<Row> {
    let claimed = || records(json!({ "scope": "marketing", "event": "granted" }), DAY);
    vec![
        offered(
            "They signed up by Meta's own link in the app (A12): may the offer go?",
            [switch("signup", DAY)],
            true,
            COVERED,
        ),
        offered(
            "They had said no to us, and signed up by Meta's link since: may the offer go?",
            [no("marketing", 2 * DAY), switch("signup", DAY)],
            true,
            COVERED,
        ),
        Row::new(
            "They had turned us off in WhatsApp, and signed up by Meta's link since: may the offer go?",
            [switch("stop", 2 * DAY), switch("signup", DAY)],
            [Answer::no(
                OFFER,
                ["consent.native_stop", "consent.covered"],
            )],
        ),
        offered(
            "They typed their number into our page and ticked the box: may the offer go?",
            [fills_in()],
            false,
            CLAIMED,
        ),
        offered(
            "They did, and sent the message that the page showed them: may the offer go?",
            [fills_in(), follows_link("", 0)],
            true,
            COVERED,
        ),
        offered(
            "They scanned our QR code and sent the text in it: may the offer go?",
            [follows_link("", HOUR)],
            true,
            COVERED,
        ),
        offered(
            "They sent the text of our QR code and wrote \"not sure:\" before it: may the offer go?",
            [follows_link("Not sure: ", HOUR)],
            false,
            CLAIMED,
        ),
        Row::new(
            "They wrote \"yes please, send me offers\" of their own accord: is that an opt-in?",
            [writes("Yes please, send me offers", HOUR)],
            [
                Answer::no(OFFER, MISSING),
                Answer::yes(text("Gladly: here is how."), ["window.open"]),
            ],
        ),
        offered(
            "Their opt-in was claimed; asked in the thread, they pressed yes: may the offer go?",
            [claimed(), writes("Hello", HOUR), answers_yes()],
            true,
            COVERED,
        ),
        offered(
            "Their opt-in was claimed; asked in the thread, they pressed no: may the offer go?",
            [claimed(), writes("Hello", HOUR), answers_no()],
            false,
            OPTED_OUT,
        ),
        Row::new(
            "They wrote STOP, were told that START brings it back, and wrote START (A7): what may go?",
            [
                yes("marketing", DAY),
                writes("STOP", MINUTE),
                is_confirmed(),
                writes("START", 1),
            ],
            [
                Answer::yes(OFFER, COVERED),
                Answer::yes(text("Welcome back."), ["window.open"]),
            ],
        ),
        Row::new(
            "They wrote START and had never stopped anything: is that an opt-in (A7)?",
            [writes("START", HOUR)],
            [
                Answer::no(OFFER, MISSING),
                Answer::yes(text("What can we do for you?"), ["window.open"]),
            ],
        ),
        Row::new(
            "They said no on the phone, and wrote START since: does it bring that back (A7)?",
            [no("marketing", DAY), writes("START", HOUR)],
            [Answer::no(OFFER, OPTED_OUT)],
        ),
    ]
}

fn imported() -> Vec<Row> {
    vec![
        offered(
            "Their opt-in came in a CSV file with all its evidence: may the offer go?",
            [imports("granted", DAY)],
            true,
            IMPORTED,
        ),
        offered(
            "They said no, and a newer CSV file says yes: may the offer go?",
            [no("marketing", 2 * DAY), imports("granted", DAY)],
            false,
            OPTED_OUT,
        ),
        offered(
            "The CSV file that brought their opt-in was taken back: may the offer go?",
            [imports_and_undoes("granted", DAY)],
            false,
            MISSING,
        ),
        offered(
            "They had opted in themselves, and a file that said so again was taken back: may the offer go?",
            [
                yes("marketing", 2 * DAY),
                imports_and_undoes("granted", DAY),
            ],
            true,
            COVERED,
        ),
        offered(
            "Their opt-in came with a list: may the offer go?",
            [in_bulk("marketing", DAY)],
            true,
            IMPORTED,
        ),
        offered(
            "Their opt-in is attested by our old provider (A10): may the offer go?",
            [granted("marketing", evidence("import_attested"), DAY)],
            true,
            IMPORTED,
        ),
        offered(
            "They said no, and a newer list says yes (A10): may the offer go?",
            [no("marketing", 2 * DAY), in_bulk("marketing", DAY)],
            false,
            OPTED_OUT,
        ),
        offered(
            "They said no, and a list of today says yes without a date: may the offer go?",
            [no("marketing", DAY), in_bulk("marketing", 0)],
            false,
            OPTED_OUT,
        ),
    ]
}

fn vouched_for() -> Vec<Row> {
    let claimed = |ago| records(json!({ "scope": "marketing", "event": "granted" }), ago);
    vec![
        Row::new(
            "Their form has no wording, and Ada vouches for it (A11): may the offer go, and an order update?",
            [claimed(DAY), vouches()],
            [
                Answer::yes(OFFER, VOUCHED),
                Answer::no(ORDER, MISSING),
                Answer::no(CODE, MISSING),
            ],
        ),
        offered(
            "They said no, and Ada vouches for a form of later: may the offer go?",
            [no("marketing", 2 * DAY), claimed(DAY), vouches()],
            false,
            OPTED_OUT,
        ),
        offered(
            "There is nothing to vouch for in what has its evidence: does vouching fail, and the yes stay?",
            [yes("marketing", DAY), vouches().refused()],
            true,
            COVERED,
        ),
        Row::new(
            "They opted in under their user id: may the offer go there?",
            [yes("marketing", DAY).by(Name::User)],
            [
                Answer::yes(OFFER, COVERED).of(Name::User),
                Answer::no(OFFER, MISSING),
            ],
        ),
    ]
}
