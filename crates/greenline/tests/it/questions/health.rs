//! Q5, Q8, Q9 and Q10: is the number blocked, does the bot still run, can people write, and by what logic is a number
//! downgraded? Before and after October 2025, asked three ways: of the admin API, on the command line, and on the page.
//!
//! The three must agree cell for cell and sentence for sentence. What they say is kept as a reviewed text, since it is
//! what a support desk sends to its client.

use std::fmt::Write as _;

use greenline_sim::{HealthState as S, Unclear};
use serde_json::{Value, json};

use crate::health::world::{Place, STRANGER, Told, World};
use crate::support::command::{run, run_with};
use crate::support::settings::ADMIN_KEY;
use crate::support::store::Store;

/// 15 September 2025, 06:00 UTC.
const BEFORE_MS: i64 = 1_757_916_000_000;
/// 10 November 2025, 06:00 UTC.
const AFTER_MS: i64 = 1_762_754_400_000;

/// What is asked, of which state, and what can be: start, answer, receive; `y`, `n` or `u` each.
struct Row {
    asks: &'static str,
    state: S,
    can: &'static str,
}

const fn row(asks: &'static str, state: S, can: &'static str) -> Row {
    Row { asks, state, can }
}

/// Every kind of block, what looks like one, and what is none.
const ROWS: &[Row] = &[
    row(
        "Q8 Meta has recorded a violation. Is the number blocked, or about to be?",
        S::Warned,
        "yyy",
    ),
    row(
        "Q8 Meta has named a day on which it disables the account. Does the bot run until then?",
        S::ScheduledForDisable,
        "yyy",
    ),
    row(
        "Q8 The account is restricted for three days. Does the bot run, can people write to it?",
        S::TemplatesRestricted,
        "nyy",
    ),
    row(
        "Q8 The account is restricted for seven days. Does the bot run, can people write to it?",
        S::MessagesRestricted,
        "nny",
    ),
    row(
        "Q8 The number has reached its messaging limit. Does the bot still answer?",
        S::LimitReached,
        "nyy",
    ),
    row(
        "Q8 Sends fail with 131048. Does the bot still answer?",
        S::SpamLimited,
        "nyy",
    ),
    row(
        "Q8 The account is locked. Does the bot run, do messages arrive?",
        S::Locked,
        "nnu",
    ),
    row(
        "Q8 The number is banned. Does the bot run, can people write to it?",
        S::Banned,
        "nnn",
    ),
    row(
        "Q8 The account is disabled. Does the bot run, can people write to it?",
        S::Disabled,
        "nnn",
    ),
    row(
        "Q8 The account was deleted. Does anything arrive?",
        S::AccountDeleted,
        "nnn",
    ),
    row(
        "Q8 The payment method does not work. Does the bot still answer?",
        S::PaymentProblem,
        "nyy",
    ),
    row(
        "Q8 The number left with the phone app. Does the bot run?",
        S::Offboarded,
        "nnn",
    ),
    row(
        "Q8 Nobody used the phone app for weeks. Why is the bot silent?",
        S::PhoneDisconnected,
        "nnn",
    ),
    row(
        "Q8 The number is offline. Is it blocked?",
        S::Disconnected,
        "nnn",
    ),
    row(
        "Q8 The number was moved to another account. Why is the bot silent?",
        S::Migrated,
        "nnn",
    ),
    row(
        "Q8 Messages of one customer do not reach the bot. Is the number blocked?",
        S::StoodBy,
        "yyu",
    ),
    row(
        "Q8 The bot sends and gets nothing back. Is the number blocked?",
        S::Unsubscribed,
        "yyn",
    ),
    row(
        "Q9 The rating is low. Does the bot still run?",
        S::RatedRed,
        "yyy",
    ),
    row(
        "Q9 The rating is medium. Does the bot still run?",
        S::RatedYellow,
        "yyy",
    ),
    row(
        "Q10 The number is flagged. Does the bot still answer?",
        S::Flagged,
        "yyy",
    ),
];

/// So few are asked on the second store, where each command opens the database anew.
const FEW: [S; 4] = [S::TemplatesRestricted, S::Banned, S::RatedRed, S::Flagged];

/// The founding questions in words of every day, with the article that answers each.
const GUIDE: [(&str, &str); 4] = [
    ("By what logic is a number downgraded?", "limit-lowered"),
    (
        "The number is blocked: does the bot still run, can people write to it?",
        "blocked-number",
    ),
    (
        "The rating is low: does the bot still run?",
        "low-rating-bot",
    ),
    (
        "The number is flagged: does the bot still answer?",
        "flagged-number",
    ),
];

/// The words of a page, without marks, in one line.
fn words(html: &str) -> String {
    let mut text = String::new();
    for part in html.split('<') {
        // Up to the end of the tag; what comes before the first has none.
        text.push_str(part.split_once('>').map_or(part, |(_, rest)| rest));
    }
    for (entity, letter) in [
        ("&#39;", "'"),
        ("&#34;", "\""),
        ("&quot;", "\""),
        ("&#60;", "<"),
        ("&#62;", ">"),
        ("&#38;", "&"),
        ("&amp;", "&"),
    ] {
        text = text.replace(entity, letter);
    }
    plain(&text)
}

/// Without the marks of Markdown and with single spaces.
fn plain(text: &str) -> String {
    let text = text.replace('`', "");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Q5, of a number that is flagged and of one that is rated low: by what logic would it be downgraded, and when?
const DOWNGRADE: [(&str, S); 2] = [
    (
        "Q5 The number is flagged. By what logic is it downgraded, and when?",
        S::Flagged,
    ),
    (
        "Q5 The rating is low. By what logic is the number downgraded, and when?",
        S::RatedRed,
    ),
];

/// A world, its states begun an hour and read two hours after its start; now it is noon.
struct Asked {
    world: World,
    store: Store,
    day: String,
    noon: String,
}

impl Asked {
    async fn open(store: Store, start_ms: i64) -> Self {
        let states: Vec<S> = match store {
            Store::Sqlite => ROWS.iter().map(|row| row.state).collect(),
            Store::Postgres => FEW.to_vec(),
        };
        let world = World::open(store, start_ms, Unclear::default(), &states).await;
        world.people().await;
        world.pass(1).await;
        for place in &world.places {
            world.sim.script(&place.script()).expect("a state");
        }
        world.pass(1).await;
        world.read().await;
        for place in &world.places {
            // Nobody tells of 131048: a send meets it.
            if place.state == S::SpamLimited {
                let offer = json!({
                    "messaging_product": "whatsapp", "to": STRANGER, "type": "template",
                    "template": { "name": "spring_offer", "language": { "code": "en_US" } },
                });
                let target = format!("/v23.0/{}/messages", place.number);
                let answer = world.post(&target, &place.key, &offer).await;
                assert_eq!(answer.code(), Some(131_048), "{}", answer.json());
            }
        }
        world.pass(4).await;
        // What is due at noon is read now, and not between two of the three ways.
        world.read().await;
        let noon = jiff::Timestamp::from_millisecond(world.now_ms()).expect("a time");
        let noon = noon.to_string();
        Self {
            day: noon[..10].to_owned(),
            world,
            store,
            noon,
        }
    }

    /// Asks three ways about noon; the three agree.
    async fn of(&self, place: &Place) -> Told {
        let by_api = self.world.told(place, Some(&self.noon)).await;
        let command = ["number", "capabilities", &place.number, "--at", &self.noon];
        let config = &self.world.gateway.config;
        let ran = run_with(config, &[&command[..], &["--json"]].concat()).await;
        let by_command = ran.ended(0).json();
        for member in ["capabilities", "causes", "at"] {
            let about = format!("{:?}: {member}", place.state);
            assert_eq!(by_command[member], by_api.0[member], "{about}");
        }
        let page = format!("/numbers/{}?on={}", place.number, self.day);
        let page = self.world.get(&page, ADMIN_KEY).await;
        assert_eq!(page.status.as_u16(), 200);
        let html = String::from_utf8_lossy(&page.body).into_owned();
        let shown = words(&html);
        for cause in by_api.0["causes"].as_array().expect("causes") {
            let says = plain(cause["say"].as_str().expect("a sentence"));
            assert!(shown.contains(&says), "{:?}: {says}\n{shown}", place.state);
        }
        for (label, what) in [
            ("Start with marketing", "start.marketing"),
            ("Answer within 24 hours", "reply"),
            ("Receive messages", "receive"),
        ] {
            let after = html.split(&format!(">{label}<")).nth(1).unwrap_or_default();
            let tag = after.split("class=\"tag").nth(1).unwrap_or_default();
            let said = tag.split(['>', '<']).nth(1).unwrap_or_default();
            assert_eq!(said, by_api.can(what), "{:?}: {label}", place.state);
        }
        if self.store == Store::Sqlite {
            let ran = run_with(config, &command).await.ended(0);
            let says = by_api.0["causes"][0]["say"].as_str().expect("a sentence");
            assert!(ran.stdout.contains(says), "{says}\n{}", ran.stdout);
        }
        by_api
    }

    /// What the forecast says of a downgrade, three ways; they agree.
    async fn downgrade(&self, place: &Place) -> Value {
        let target = format!("/v1/numbers/{}/forecast?at={}", place.number, self.noon);
        let answer = self.world.get(&target, ADMIN_KEY).await;
        assert_eq!(answer.status.as_u16(), 200, "{}", answer.json());
        let by_api = answer.json();
        let command = ["number", "forecast", &place.number, "--at", &self.noon];
        let config = &self.world.gateway.config;
        let ran = run_with(config, &[&command[..], &["--json"]].concat()).await;
        let by_command = ran.ended(0).json();
        for member in ["rules", "watch"] {
            assert_eq!(by_command[member], by_api[member], "{:?}", place.state);
        }
        let page = format!("/numbers/{}?on={}", place.number, self.day);
        let page = self.world.get(&page, ADMIN_KEY).await;
        let shown = words(&String::from_utf8_lossy(&page.body));
        for member in ["rules", "watch"] {
            let says = plain(by_api[member]["say"].as_str().expect("a sentence"));
            assert!(shown.contains(&says), "{:?}: {says}\n{shown}", place.state);
        }
        by_api
    }

    /// Asks Q5, and writes the answers down.
    async fn every_downgrade(&self, answers: &mut String, era: &str) {
        for (asks, state) in DOWNGRADE {
            let told = self.downgrade(of_state(&self.world, state)).await;
            assert_eq!(told["rules"]["era"], era, "{told}");
            let watch = &told["watch"]["state"];
            assert_eq!(*watch == "gone", era == "portfolio", "{told}");
            let _ = writeln!(answers, "{asks}");
            for member in ["rules", "watch"] {
                let says = told[member]["say"].as_str().unwrap_or_default();
                let _ = writeln!(answers, "  {member}: {says}");
            }
        }
    }

    /// Asks every row, and writes the answers down.
    async fn every_row(&self, answers: &mut String) {
        for place in &self.world.places {
            let row = ROWS.iter().find(|row| row.state == place.state);
            let row = row.expect("a row for each state");
            let told = self.of(place).await;
            let can: String = ["start.marketing", "reply", "receive"]
                .iter()
                .filter_map(|what| told.can(what).chars().next())
                .collect();
            let causes = told.causes();
            assert_eq!(can, row.can, "{}: {causes:?}", row.asks);
            write_down(answers, row.asks, &told);
        }
    }
}

fn write_down(answers: &mut String, asks: &str, told: &Told) {
    let _ = writeln!(answers, "{asks}");
    for (word, what) in [
        ("start", "start.marketing"),
        ("answer", "reply"),
        ("receive", "receive"),
    ] {
        let cell = told.cell(what);
        let text = |name: &str| cell[name].as_str().unwrap_or_default();
        let until = match text("until") {
            "" => String::new(),
            until => format!(" until {until}"),
        };
        let _ = write!(
            answers,
            "  {word}: {}{until} ({}, {})",
            text("can"),
            text("cause"),
            text("confidence")
        );
    }
    answers.push('\n');
    for cause in told.0["causes"].as_array().expect("causes") {
        let text = |name: &str| cause[name].as_str().unwrap_or_default();
        let _ = writeln!(answers, "  {}: {}", text("cause"), text("say"));
        if let Some(unknown) = cause["unknown"].as_str() {
            let _ = writeln!(answers, "    not known: {unknown}");
        }
    }
}

/// Q8, Q9 and Q10 before October 2025, after it, and of before, asked after it.
pub(super) async fn is_the_number_blocked(store: Store) {
    let mut answers = String::new();
    let before = Asked::open(store, BEFORE_MS).await;
    let _ = writeln!(answers, "# 15 September 2025\n");
    before.every_row(&mut answers).await;
    before.every_downgrade(&mut answers, "number").await;
    in_advance(&before).await;
    in_november(&before).await;
    before.world.close().await;

    let after = Asked::open(store, AFTER_MS).await;
    let _ = writeln!(answers, "\n# 10 November 2025\n");
    after.every_row(&mut answers).await;
    after.every_downgrade(&mut answers, "portfolio").await;
    after.world.close().await;
    if store == Store::Sqlite {
        insta::assert_snapshot!(answers);
    }
}

fn of_state(world: &World, state: S) -> &Place {
    let place = world.places.iter().find(|place| place.state == state);
    place.expect("a place")
}

/// An hour after the end of a restriction, asked while it lasts: yes, on a condition.
async fn in_advance(asked: &Asked) {
    let place = of_state(&asked.world, S::TemplatesRestricted);
    let now = asked.world.told(place, Some(&asked.noon)).await;
    let end = now.cell("start.marketing")["until"]
        .as_str()
        .expect("an end");
    let end: jiff::Timestamp = end.parse().expect("a time");
    let later = (end + jiff::SignedDuration::from_hours(1)).to_string();
    let told = asked.world.told(place, Some(&later)).await;
    assert_eq!(told.can("start.marketing"), "yes");
    assert_eq!(told.causes()[0], "restriction.ends");
    let after = told.cell("start.marketing")["provided_available_after"].as_str();
    assert_eq!(after.and_then(|at| at.parse().ok()), Some(end));
    // Where the command is a node of its own it goes by the machine's clock, and it is not in advance there.
    if asked.store == Store::Sqlite {
        let command = [
            "number",
            "capabilities",
            &place.number,
            "--at",
            &later,
            "--json",
        ];
        let ran = run_with(&asked.world.gateway.config, &command).await;
        let by_command = ran.ended(0).json();
        assert_eq!(by_command["capabilities"], told.0["capabilities"]);
    }
}

/// Two months later nobody is flagged any more, and what was so in September is still told as it was then.
async fn in_november(asked: &Asked) {
    let place = of_state(&asked.world, S::Flagged);
    let then = asked.world.told(place, Some(&asked.noon)).await;
    asked.world.pass(24 * 60).await;
    asked.world.read().await;
    let now = asked.world.told(place, None).await;
    assert_eq!(now.can("start.marketing"), "yes");
    assert!(
        !now.causes().contains(&"status.flagged"),
        "{:?}",
        now.causes()
    );
    let of_then = asked.of(place).await;
    assert!(of_then.causes().contains(&"status.flagged"));
    assert_eq!(of_then.0["causes"][0]["say"], then.0["causes"][0]["say"]);
    assert_eq!(of_then.can("reply"), "yes");
}

/// Q5 and the others as the guide answers them: the same words by the API, on the command line and on the page.
pub(super) async fn by_what_logic_is_a_number_downgraded(store: Store) {
    let world = World::open(store, AFTER_MS, Unclear::default(), &[S::Connected]).await;
    for (question, article) in GUIDE {
        let by_command = run(&["guide", question, "--json"]).await.ended(0).json();
        let query: String = question
            .chars()
            .map(|letter| if letter == ' ' { '+' } else { letter })
            .collect();
        let by_api = world.get(&format!("/v1/guide?q={query}"), ADMIN_KEY).await;
        let by_api = by_api.json();
        assert_eq!(by_api["pages"], by_command["pages"], "{question}");
        let best = &by_api["pages"][0];
        assert_eq!(best["id"], article, "{question}");
        let page = world.get(&format!("/guide/{article}"), ADMIN_KEY).await;
        let shown = words(&String::from_utf8_lossy(&page.body));
        let mut said = vec![&best["answer"]];
        let eras = best["contents"]["eras"].as_array();
        let eras: Vec<&Value> = eras.into_iter().flatten().collect();
        said.extend(eras.iter().map(|era| &era["text"]));
        for text in said {
            let text = plain(text.as_str().expect("a text"));
            assert!(shown.contains(&text), "{question}: {text}\n{shown}");
        }
        if article == "limit-lowered" {
            let whens = eras.iter().filter_map(|era| era["when"].as_str());
            let whens: Vec<&str> = whens.collect();
            assert!(
                whens.iter().any(|when| when.ends_with("6 October 2025"))
                    && whens.contains(&"since 7 October 2025"),
                "{whens:?}"
            );
        }
    }
    world.close().await;
}
