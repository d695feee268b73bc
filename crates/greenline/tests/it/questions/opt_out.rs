//! Q3, the second half: what is a valid way to opt out, and what does each close?
//!
//! Everybody here had opted in to everything two days ago, so that what goes afterwards tells what was not closed.

use serde_json::{Value, json};

use super::acts::{
    Act, DAY, HOUR, MINUTE, Name, button, calls, fails, imports, imports_and_undoes, list_row,
    means_no_stop, means_stop, message, no, one_click, presses, quick_reply, records, switch,
    writes, yes,
};
use super::desk::{Answer, CODE, OFFER, ORDER, Row, TOPIC, text};

const COVERED: [&str; 1] = ["consent.covered"];
const OPTED_OUT: [&str; 1] = ["consent.opted_out"];
/// A stop in the thread, in the window that it opened itself (law 7).
const SILENT: [&str; 2] = ["consent.thread_stopped", "window.open"];
const NATIVE: [&str; 2] = ["consent.native_stop", "consent.covered"];

/// What is said in the thread, and what comes after it.
pub(super) fn rows_in_the_thread() -> Vec<Row> {
    let rows = [words(), buttons(), what_is_no_stop(), what_comes_after()];
    rows.into_iter().flatten().collect()
}

/// What is said anywhere else.
pub(super) fn rows_elsewhere() -> Vec<Row> {
    let rows = [elsewhere(), whatsapps_own(), badly_formed()];
    rows.into_iter().flatten().collect()
}

/// What may still go.
enum Left {
    /// Nothing was closed.
    Everything,
    /// Marketing is closed.
    AllButMarketing,
    /// Marketing and utility are closed.
    Codes,
    /// Everything is closed.
    Nothing,
}

fn row(
    says: &str,
    acts: impl IntoIterator<Item = Act>,
    left: &Left,
    more: impl IntoIterator<Item = Answer>,
) -> Row {
    let ask = |what, open: bool| {
        if open {
            Answer::yes(what, COVERED)
        } else {
            Answer::no(what, OPTED_OUT)
        }
    };
    let answers = [
        ask(OFFER, matches!(left, Left::Everything)),
        ask(
            ORDER,
            matches!(left, Left::Everything | Left::AllButMarketing),
        ),
        ask(CODE, !matches!(left, Left::Nothing)),
    ];
    let before = std::iter::once(yes("all", 2 * DAY)).chain(acts);
    Row::new(says, before, answers.into_iter().chain(more))
}

fn silent() -> [Answer; 1] {
    [Answer::no(text("Sorry to hear that."), SILENT)]
}

fn talking() -> [Answer; 1] {
    [Answer::yes(text("Good to hear from you."), ["window.open"])]
}

fn words() -> Vec<Row> {
    vec![
        row(
            "They wrote STOP.",
            [writes("STOP", HOUR)],
            &Left::Codes,
            silent(),
        ),
        row(
            "They wrote BAJA, which is Spanish for it.",
            [writes("BAJA", HOUR)],
            &Left::Codes,
            silent(),
        ),
        row(
            "They wrote a whole sentence: please remove me from your mailing list, thanks.",
            [writes(
                "Please remove me from your mailing list, thanks",
                HOUR,
            )],
            &Left::Codes,
            silent(),
        ),
        row(
            "They wrote: stop sending me offers.",
            [writes("stop sending me offers", HOUR)],
            &Left::AllButMarketing,
            silent(),
        ),
        row(
            "They wrote: stop all.",
            [writes("stop all", HOUR)],
            &Left::Nothing,
            silent(),
        ),
        row(
            "They sent a picture, and STOP under it (A9).",
            [message(
                json!({ "type": "image", "image": { "id": "1", "mime_type": "image/jpeg", "caption": "STOP" } }),
                HOUR,
            )],
            &Left::Codes,
            silent(),
        ),
        row(
            "They edited an earlier message into STOP (A9); an edit opens no window.",
            [edit("STOP", HOUR)],
            &Left::Codes,
            [Answer::no(
                text("Sorry."),
                ["consent.thread_stopped", "window.closed"],
            )],
        ),
        row(
            "They wrote CANCEL, were asked whether they meant to stop, and pressed yes.",
            [writes("CANCEL", HOUR), means_stop()],
            &Left::Codes,
            silent(),
        ),
    ]
}

fn edit(body: &str, ago: u64) -> Act {
    let edited = json!({ "original_message_id": "wamid.earlier", "message": { "type": "text", "text": { "body": body } } });
    message(json!({ "type": "edit", "edit": edited }), ago)
}

fn buttons() -> Vec<Row> {
    vec![
        row(
            "They pressed \"Stop promotions\" under our offer.",
            [quick_reply("OPTOUT_MARKETING", "Stop promotions", HOUR)],
            &Left::AllButMarketing,
            silent(),
        ),
        row(
            "They pressed a button whose payload says opt-out and whose title says Stop.",
            [button("opt-out", "Stop", HOUR)],
            &Left::Codes,
            silent(),
        ),
        row(
            "They chose \"No offers: stop all offers\" from a list.",
            [list_row("pref_none", "No offers", "Stop all offers", HOUR)],
            &Left::AllButMarketing,
            silent(),
        ),
        row(
            "They chose \"unsubscribe me from everything\" from a list.",
            [list_row("unsubscribe_all", "Leave me alone", "", HOUR)],
            &Left::Nothing,
            silent(),
        ),
    ]
}

fn what_is_no_stop() -> Vec<Row> {
    vec![
        row(
            "They wrote: don't stop.",
            [writes("don't stop", HOUR)],
            &Left::Everything,
            talking(),
        ),
        row(
            "They wrote: please stop my order.",
            [writes("stop my order please", HOUR)],
            &Left::Everything,
            talking(),
        ),
        row(
            "They wrote CANCEL: asked whether they meant to stop, they have not answered.",
            [writes("CANCEL", HOUR)],
            &Left::Everything,
            talking(),
        ),
        row(
            "They wrote CANCEL, were asked whether they meant to stop, and pressed no.",
            [writes("CANCEL", HOUR), means_no_stop()],
            &Left::Everything,
            talking(),
        ),
        row(
            "They pressed our button \"Track parcel\".",
            [button("stop_tracking_17", "Track parcel", HOUR)],
            &Left::Everything,
            talking(),
        ),
        row(
            "A message to them failed: not on WhatsApp, or held back by Meta (law 12).",
            [fails(131_026, 2 * HOUR), fails(131_049, HOUR)],
            &Left::Everything,
            [],
        ),
        row(
            "They liked our message with a thumb: that opens no window either (A9).",
            [message(
                json!({ "type": "reaction", "reaction": { "message_id": "wamid.ours", "emoji": "👎" } }),
                HOUR,
            )],
            &Left::Everything,
            [Answer::no(text("Thank you!"), ["window.closed"])],
        ),
    ]
}

fn what_comes_after() -> Vec<Row> {
    vec![
        row(
            "They wrote STOP, and something new since: they are answered, and get no templates (law 7).",
            [
                writes("STOP", HOUR),
                writes("Where is my parcel?", 30 * MINUTE),
            ],
            &Left::Codes,
            talking(),
        ),
        row(
            "They wrote STOP and hello within the same second: the stop wins (A9).",
            [writes("Hello", HOUR), writes("STOP", HOUR)],
            &Left::Codes,
            silent(),
        ),
        row(
            "They wrote STOP and took the message back: it stands (A9).",
            [
                writes("STOP", HOUR),
                message(
                    json!({ "type": "revoke", "revoke": { "original_message_id": "wamid.stop" } }),
                    30 * MINUTE,
                ),
            ],
            &Left::Codes,
            silent(),
        ),
        row(
            "They wrote STOP and edited it into something else: an edit retracts nothing (A9).",
            [writes("STOP", HOUR), edit("Sorry, wrong chat", 30 * MINUTE)],
            &Left::Codes,
            silent(),
        ),
        row(
            "They wrote STOP, and sent a poll since that Meta does not show us: they wrote something new (A9).",
            [
                writes("STOP", HOUR),
                message(
                    json!({ "type": "unsupported", "unsupported": { "type": "poll" }, "errors": [{ "code": 131_051, "title": "unknown" }] }),
                    30 * MINUTE,
                ),
            ],
            &Left::Codes,
            talking(),
        ),
        row(
            "They wrote STOP and called us since (A9).",
            [writes("STOP", HOUR), calls(30 * MINUTE)],
            &Left::Codes,
            talking(),
        ),
        row(
            "They wrote STOP, and signed a new form since: templates go, and the thread is silent until they write (A1).",
            [
                writes("STOP", HOUR),
                yes("marketing", MINUTE),
                yes("utility", MINUTE),
            ],
            &Left::Everything,
            silent(),
        ),
        row(
            "They wrote STOP, and opted in to everything since: a stop is a no by name, and only a yes by name lifts it (A2).",
            [writes("STOP", HOUR), yes("all", MINUTE)],
            &Left::Codes,
            silent(),
        ),
        row(
            "They wrote STOP, and a yes of the same second is on record: the no wins (A5).",
            [
                writes("STOP", HOUR),
                yes("marketing", HOUR),
                yes("utility", HOUR),
            ],
            &Left::Codes,
            silent(),
        ),
        row(
            "An old \"hello\" is delivered again after their STOP: it lifts nothing.",
            [writes("STOP", HOUR), writes("Hello", 2 * HOUR)],
            &Left::Codes,
            silent(),
        ),
    ]
}

fn elsewhere() -> Vec<Row> {
    let staff = json!({ "scope": "marketing", "event": "withdrawn", "evidence": { "method": "staff", "source": "phone call" } });
    let refused =
        json!({ "scope": "marketing", "event": "refused", "evidence": { "method": "checkout" } });
    let written_down = json!({ "scope": "marketing", "event": "withdrawn", "evidence": { "method": "whatsapp_thread" } });
    vec![
        row(
            "They turned marketing off on the preference page.",
            [presses("marketing")],
            &Left::AllButMarketing,
            [],
        ),
        row(
            "They turned everything off on the preference page: the thread is silent too (A1).",
            [writes("Hello", HOUR), presses("all")],
            &Left::Nothing,
            silent(),
        ),
        row(
            "Their mail program pressed unsubscribe for them (RFC 8058).",
            [one_click()],
            &Left::Codes,
            [],
        ),
        row(
            "Our shop passed their no on through the API.",
            [no("marketing", HOUR)],
            &Left::AllButMarketing,
            [],
        ),
        row(
            "They wrote to us today, and their no to marketing came by another way: we may still answer (A1).",
            [writes("Hello", 2 * HOUR), no("marketing", HOUR)],
            &Left::AllButMarketing,
            talking(),
        ),
        row(
            "They wrote to us today, and said no to everything elsewhere: we may not answer (A1).",
            [writes("Hello", 2 * HOUR), no("all", HOUR)],
            &Left::Nothing,
            silent(),
        ),
        row(
            "They left the box unticked at the checkout.",
            [records(refused, HOUR)],
            &Left::AllButMarketing,
            [],
        ),
        row(
            "They told a colleague on the phone.",
            [records(staff, HOUR)],
            &Left::AllButMarketing,
            [],
        ),
        row(
            "A colleague writes down a stop that was said in the thread.",
            [writes("Hello", 2 * HOUR), records(written_down, HOUR)],
            &Left::AllButMarketing,
            silent(),
        ),
        row(
            "The CSV file of our old provider says that they opted out.",
            [imports("withdrawn", HOUR)],
            &Left::AllButMarketing,
            [],
        ),
        row(
            "That file was taken back: the noes that it brought stay (law 5).",
            [imports_and_undoes("withdrawn", HOUR)],
            &Left::AllButMarketing,
            [],
        ),
        Row::new(
            "They said no to the topic only: what of the rest (A2)?",
            [yes("all", 2 * DAY), no("marketing.offers", HOUR)],
            [
                Answer::no(TOPIC, OPTED_OUT),
                Answer::yes(OFFER, COVERED),
                Answer::yes(ORDER, COVERED),
            ],
        ),
    ]
}

fn whatsapps_own() -> Vec<Row> {
    let native = |says: &str, acts: Vec<Act>, stopped: bool| {
        let offer = if stopped {
            Answer::no(OFFER, NATIVE)
        } else {
            Answer::yes(OFFER, COVERED)
        };
        let before = std::iter::once(yes("all", 5 * DAY)).chain(acts);
        let rest = [Answer::yes(ORDER, COVERED), Answer::yes(CODE, COVERED)];
        Row::new(says, before, std::iter::once(offer).chain(rest))
    };
    vec![
        native(
            "They turned our marketing off in WhatsApp: orders and codes still go (OPT-43).",
            vec![switch("stop", DAY)],
            true,
        ),
        native(
            "They turned it off and on again.",
            vec![switch("stop", 2 * DAY), switch("resume", DAY)],
            false,
        ),
        native(
            "We are told only now that they had turned it on before they turned it off.",
            vec![switch("stop", DAY), switch("resume", 2 * DAY)],
            true,
        ),
        native(
            "Meta answered 131050 to a message.",
            vec![fails(131_050, DAY)],
            true,
        ),
        native(
            "Meta answered 131050, and they turned it on again since (A12).",
            vec![fails(131_050, 2 * DAY), switch("resume", DAY)],
            false,
        ),
        native(
            "They turned it off, and signed a new form since: only WhatsApp's own switch lifts that (A12).",
            vec![switch("stop", DAY), yes("marketing", HOUR)],
            true,
        ),
        native(
            "Our CRM says that they turned it off in WhatsApp (A12).",
            vec![records(
                json!({ "scope": "marketing", "event": "native_stopped" }),
                DAY,
            )],
            true,
        ),
        Row::new(
            "They turned it off in WhatsApp and wrote to us today: we may answer (A1).",
            [
                yes("all", 5 * DAY),
                switch("stop", DAY),
                writes("Hello", HOUR),
            ],
            [
                Answer::yes(text("Hello!"), ["window.open"]),
                Answer::no(OFFER, NATIVE),
            ],
        ),
        Row::new(
            "They said no to us, and turned WhatsApp's switch on since: our no stands.",
            [
                yes("all", 5 * DAY),
                no("marketing", 2 * DAY),
                switch("resume", DAY),
            ],
            [Answer::no(OFFER, OPTED_OUT), Answer::yes(ORDER, COVERED)],
        ),
    ]
}

/// A no is never refused for its form (A6, A18, A19).
fn badly_formed() -> Vec<Row> {
    let no = |more: Value| {
        let mut event = json!({ "scope": "marketing", "event": "withdrawn" });
        for (name, value) in more.as_object().expect("an object") {
            event[name] = value.clone();
        }
        event
    };
    vec![
        row(
            "Their no says \"yesterday\" where the time should be.",
            [records(no(json!({ "occurred_at": "yesterday" })), 0)],
            &Left::AllButMarketing,
            [],
        ),
        row(
            "Their no is dated next year: it counts from now.",
            [records(no(json!({})), 0).ahead(365 * 86_400)],
            &Left::AllButMarketing,
            [],
        ),
        row(
            "Their no came by a method that nobody knows, with members that nobody knows.",
            [records(
                no(json!({ "evidence": { "method": "pigeon", "mood": 7 }, "colour": "red" })),
                HOUR,
            )],
            &Left::AllButMarketing,
            [],
        ),
        row(
            "Their no is to a topic that we never declared.",
            [records(
                json!({ "scope": "marketing.gossip", "event": "withdrawn" }),
                HOUR,
            )],
            &Left::Everything,
            [],
        ),
        row(
            "Their no names the number with brackets and dashes.",
            [records(
                no(json!({ "person": { "wa_id": "+52 (1) 55-1234-5678" } })),
                HOUR,
            )],
            &Left::Everything,
            [Answer::no(OFFER, OPTED_OUT).of(Name::Spelled("525512345678"))],
        ),
    ]
}
