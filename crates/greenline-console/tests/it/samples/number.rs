//! Numbers: a busy one whose people take it badly, a new one, a banned one.

use greenline_console::words::{number_status, rating};
use greenline_console::{
    CapabilityRow, CauseView, CountView, DayView, FactView, LikelyView, Marker, MeasuredView,
    MessagesView, NumberListRow, NumberPage, NumberRow, NumbersPage, ProbeView, ReceptionView,
    When,
};

use super::{MINUTE_MS, NOW_MS, ago, frame};

const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

fn marker(text: &str, tone: &'static str) -> Marker {
    (text.to_owned(), tone).into()
}

fn row(what: &'static str, can: &'static str, until: Option<When>, why: &str) -> CapabilityRow {
    CapabilityRow {
        what,
        can,
        until,
        provided: None,
        why: why.to_owned(),
        confidence: "high",
        facts: vec![("ENF-21".to_owned(), "/guide?q=ENF-21".to_owned())],
    }
}

fn cause(title: &str, kind: &'static str, say: &str, until: Option<When>) -> CauseView {
    CauseView {
        title: title.to_owned(),
        kind,
        say: say.to_owned(),
        ends: "At the time given.".to_owned(),
        until,
        unknown: Some("Meta's page names what stops & no more.".to_owned()),
        tell: None,
        seen: Some((When::dated(NOW_MS - MINUTE_MS), "webhook")),
        guide: "/guide/blocked-number".to_owned(),
    }
}

fn nothing_sent() -> ReceptionView {
    ReceptionView {
        verdict: "Not enough data: 0 people got a template in these days, and nothing is said of fewer than 50.".to_owned(),
        causes: Vec::new(),
        not_seen: "Blocks and reports are told to nobody.",
        from: When::dated(NOW_MS - 7 * DAY_MS),
        until: When::dated(NOW_MS),
        one_in: 1,
        counts: Vec::new(),
        days: (0..7)
            .map(|day| DayView {
                until: When::dated(NOW_MS - (6 - day) * DAY_MS),
                sent: 0,
                people: 0,
                failed: 0,
                stops: 0,
            })
            .collect(),
        templates: Vec::new(),
        by_consent: Vec::new(),
        by_turn: Vec::new(),
        failures: Vec::new(),
        unattributed: 0,
        answers: 0,
    }
}

fn messages(name: &str, note: &str, sent: u64) -> MessagesView {
    MessagesView {
        name: name.to_owned(),
        note: note.to_owned(),
        sent,
        read: "61 %".to_owned(),
        answered: "0.8 %".to_owned(),
        silent: "38 %".to_owned(),
        failed: sent / 20,
        native_stops: sent / 90,
        stop_words: sent / 70,
        other_stops: 3,
    }
}

fn taken_badly() -> ReceptionView {
    let link = |id: &str| (id.to_owned(), format!("/guide?q={id}"));
    let measured = |text: &str, bars| MeasuredView {
        text: text.to_owned(),
        bars,
    };
    let count = |label, value: &str, note: &str| CountView {
        label,
        value: value.to_owned(),
        note: note.to_owned(),
    };
    let mut reception = nothing_sent();
    for (day, sent) in reception
        .days
        .iter_mut()
        .zip([0, 1_200, 9_400, 30_100, 41_000, 8_000, 400])
    {
        day.sent = sent;
        day.people = sent * 9 / 10;
        day.failed = sent / 20;
        day.stops = sent / 40;
    }
    ReceptionView {
        verdict: "Consent is weak: people did not ask for this.".to_owned(),
        causes: vec![
            LikelyView {
                title: "Consent is weak: people did not ask for this",
                level: marker("likely", "bad"),
                template: None,
                measured: vec![
                    measured(
                        "62 % of 90100 messages rested on consent that is imported, vouched for, claimed, older than a year, or missing (Greenline looks from 25 % on).",
                        Some((6_200, None)),
                    ),
                    measured(
                        "8.0 % of 55862 such messages were answered by a stop, against 0.5 % where consent is strong (more than chance).",
                        Some((800, Some(50))),
                    ),
                ],
                first: "Stop marketing to people whose yes was imported.",
                facts: vec![link("OPT-01"), link("QL-03")],
            },
            LikelyView {
                title: "Not relevant: people do not care for it",
                level: marker("possible", "warn"),
                template: Some("spring_offer <b> (en)".to_owned()),
                measured: vec![measured(
                    "0.8 % of 30000 that it reached have written since.",
                    None,
                )],
                first: "Stop this template for now.",
                facts: vec![link("SND-20")],
            },
        ],
        one_in: 4,
        counts: vec![
            count("Templates sent", "90\u{202f}100", "5.0 % failed"),
            count(
                "People",
                "51\u{202f}000",
                "half got up to 1, 95 of 100 up to 3",
            ),
            count("Weak consent", "62 %", "of all sent"),
            count(
                "Neither read nor answered",
                "38 %",
                "of those old enough to tell",
            ),
            count(
                "Stops",
                "2\u{202f}250",
                "1\u{202f}200 switched off, 900 stop words",
            ),
        ],
        templates: vec![
            messages(
                "order_update_with_a_long_name_that_must_wrap_somewhere",
                "en_US",
                60_000,
            ),
            messages("spring_offer <b>", "en", 30_100),
        ],
        by_consent: vec![
            messages("Proved, of the last year", "", 34_238),
            messages("Imported", "", 55_862),
        ],
        by_turn: vec![
            messages("first", "", 51_000),
            messages("third or fourth", "", 39_100),
        ],
        failures: vec![
            ("131049, too much marketing for this person", 4_100),
            ("131026, cannot be reached", 400),
        ],
        unattributed: 12,
        answers: 40_000,
        ..reception
    }
}

fn fact(what: &'static str, value: &str, tone: &'static str) -> FactView {
    FactView {
        what,
        value: marker(value, tone),
        until: None,
        at: When::dated(NOW_MS - 3 * MINUTE_MS),
        origin: "read",
    }
}

/// A number of a restricted account that is taken badly, asked about in advance.
pub(crate) fn busy() -> NumberPage {
    let end = When::dated(NOW_MS + 3 * DAY_MS);
    let restriction = "Restriction of 1 or 3 days";
    let ended = CapabilityRow {
        provided: Some(end.clone()),
        ..row("Be called", "unknown", None, "A restriction <that> ended")
    };
    NumberPage {
        frame: frame(),
        display: "+1 555 000 0001".to_owned(),
        id: "106540352242922".to_owned(),
        at: When::dated(NOW_MS),
        ahead: true,
        back: false,
        asked: "2026-11-25".to_owned(),
        state: vec![
            ("Status", number_status(Some("CONNECTED")).into()),
            ("Quality", rating(Some("RED")).into()),
        ],
        facts: vec![
            fact("Status", "CONNECTED", "good"),
            fact("Quality rating", "RED", "bad"),
            FactView {
                until: Some(end.clone()),
                origin: "webhook",
                ..fact(
                    "Restriction of the account",
                    "RESTRICTED_BIZ_INITIATED_MESSAGING",
                    "bad",
                )
            },
        ],
        rows: vec![
            row("Start with marketing", "no", Some(end.clone()), restriction),
            row("Answer within 24 hours", "yes", None, restriction),
            ended,
        ],
        causes: vec![cause(
            restriction,
            "block",
            "No templates can be sent, but people can write and be answered.",
            Some(end),
        )],
        last_inbound: Some(ago(5)),
        probe: Some(ProbeView {
            state: "waiting",
            text: "greenline check 7k4mq2xf".to_owned(),
            link: Some("https://wa.me/15550000001?text=greenline%20check%207k4mq2xf".to_owned()),
            asked: When::dated(NOW_MS - MINUTE_MS),
            by: "ada".to_owned(),
            until: When::dated(NOW_MS + DAY_MS),
            arrived: None,
        }),
        may_probe: true,
        reception: taken_badly(),
        forecast: None,
        timeline: None,
    }
}

/// A number of which nothing is known yet.
pub(crate) fn new() -> NumberPage {
    let nothing = "Nothing was read yet";
    NumberPage {
        id: "106540352242924".to_owned(),
        display: "+1 555 000 0003".to_owned(),
        ahead: false,
        asked: String::new(),
        state: vec![
            ("Status", number_status(None).into()),
            ("Quality", rating(None).into()),
        ],
        facts: Vec::new(),
        rows: vec![
            row("Start with marketing", "unknown", None, nothing),
            row("Answer within 24 hours", "unknown", None, nothing),
        ],
        causes: vec![cause(
            nothing,
            "note",
            "Nothing has been read of this number yet.",
            None,
        )],
        last_inbound: None,
        probe: None,
        reception: nothing_sent(),
        ..busy()
    }
}

/// A banned one, at a moment that has passed.
pub(crate) fn banned() -> NumberPage {
    let ban = "The number is banned";
    NumberPage {
        ahead: false,
        back: true,
        state: vec![
            ("Status", number_status(Some("BANNED")).into()),
            ("Quality", rating(Some("RED")).into()),
        ],
        facts: vec![fact("Status", "BANNED", "bad")],
        rows: vec![
            row("Start with marketing", "no", None, ban),
            row("Answer within 24 hours", "no", None, ban),
            row("Receive messages", "no", None, ban),
        ],
        causes: vec![cause(
            ban,
            "block",
            "The number can neither send nor receive.",
            None,
        )],
        probe: Some(ProbeView {
            state: "lapsed",
            link: None,
            arrived: None,
            ..busy().probe.unwrap()
        }),
        may_probe: false,
        reception: nothing_sent(),
        ..busy()
    }
}

/// The list.
pub(crate) fn list() -> NumbersPage {
    let number = |display: &str, id: &str, status, quality| NumberRow {
        display: display.to_owned(),
        id: id.to_owned(),
        status: number_status(status).into(),
        rating: rating(quality).into(),
        read: status.map(|_| ago(3)),
        last_inbound: status.map(|_| ago(5)),
    };
    let can =
        |start, reply, receive| vec![("start", start), ("answer", reply), ("receive", receive)];
    let (yes, no) = (|| marker("yes", "good"), || marker("no", "bad"));
    NumbersPage {
        frame: frame(),
        numbers: vec![
            NumberListRow {
                number: number(
                    "+1 555 000 0001",
                    "106540352242922",
                    Some("CONNECTED"),
                    Some("RED"),
                ),
                holds: Some(marker("Restriction of 1 or 3 days", "bad")),
                can: can(no(), yes(), yes()),
            },
            NumberListRow {
                number: number(
                    "+1 555 000 0002",
                    "106540352242923",
                    Some("BANNED"),
                    Some("RED"),
                ),
                holds: Some(marker("The number is banned", "bad")),
                can: can(no(), no(), no()),
            },
            NumberListRow {
                number: number("+1 555 000 0003", "106540352242924", None, None),
                holds: None,
                can: Vec::new(),
            },
        ],
    }
}
