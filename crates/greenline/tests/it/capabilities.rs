//! What a number can still do, from the outside: the same by API and command, and what decisions make of it.

use greenline_sim::{AccountChange, Sim};
use http::{Request, StatusCode};
use hyper::body::Bytes;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::support::command::run_with;
use crate::support::gateway::{Gateway, template_message};
use crate::support::http as client;
use crate::support::server::Server;
use crate::support::settings::{ACCOUNT, BOT_KEY, NUMBER};
use crate::support::store::{Store, on_each_store};
use crate::support::{platform, soon, webhook};

on_each_store! {
    a_restriction_is_told_alike_and_obeyed,
    a_lock_is_taken_from_a_refusal_read_at_once_and_opened_by_a_read,
}

const PERSON: &str = "15551230001";
const DAY: u64 = 24 * 60 * 60;

async fn told(gateway: &Gateway, at: Option<jiff::Timestamp>) -> Value {
    let at = at.map_or_else(String::new, |at| format!("?at={at}"));
    let target = format!("/v1/numbers/{NUMBER}/capabilities{at}");
    let answer = gateway.admin_get(&target).await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.json());
    answer.json()
}

fn cell<'a>(told: &'a Value, what: &str) -> &'a Value {
    let cells = told["capabilities"].as_array().expect("capabilities");
    assert_eq!(cells.len(), 8);
    let cell = cells.iter().find(|cell| cell["what"] == what);
    cell.unwrap_or_else(|| panic!("{what}: {told}"))
}

fn can(told: &Value) -> [&str; 5] {
    [
        "start.marketing",
        "start.utility",
        "start.authentication",
        "reply",
        "receive",
    ]
    .map(|what| cell(told, what)["can"].as_str().unwrap_or_default())
}

fn at(seconds: u64) -> jiff::Timestamp {
    jiff::Timestamp::from_second(i64::try_from(seconds).expect("a time")).expect("a time")
}

fn when(value: &Value) -> jiff::Timestamp {
    let text = value.as_str().unwrap_or_default();
    text.parse().unwrap_or_else(|_| panic!("{value}"))
}

fn arrived(sim: &Sim) -> usize {
    let seen = sim.requests(0);
    seen.iter().filter(|request| request.is_send()).count()
}

/// Waits until the number was read, and everything is open.
async fn open(gateway: &Gateway) {
    let opened = async {
        while can(&told(gateway, None).await) != ["yes"; 5] {
            tokio::task::yield_now().await;
        }
    };
    soon("a number that can do everything", opened).await;
}

async fn a_restriction_is_told_alike_and_obeyed(store: Store) {
    let home = store.home();
    let sim = platform::sample().await;
    let (heard, mut hears) = mpsc::unbounded_channel();
    let bot = Server::start(move |request: Request<Bytes>| {
        let said = request.headers().get("greenline-capabilities");
        let said = said.map_or("", |said| said.to_str().unwrap_or_default());
        let body = String::from_utf8_lossy(request.body()).into_owned();
        heard.send((said.to_owned(), body)).ok();
        async { StatusCode::OK }
    })
    .await;
    let hook = format!("http://{}/hook", bot.address);
    let gateway = Gateway::start(&home, &sim.url(), |settings| {
        let hosts = vec![bot.address.ip().to_string()];
        settings
            .relaying(0, &hook, "a-secret-of-the-relay")
            .with(&["relay", "allow_hosts"], hosts)
    })
    .await;
    open(&gateway).await;
    gateway.opt_in(PERSON, "marketing").await;
    let now = webhook::now_s();
    let (three, thirty) = (now + 3 * DAY, now + 30 * DAY);
    let news = json!({ "object": "whatsapp_business_account", "entry": [{
        "id": ACCOUNT, "time": now, "changes": [{ "field": "account_update", "value": {
            "event": "ACCOUNT_RESTRICTION",
            "restriction_info": [
                { "restriction_type": "RESTRICTED_BIZ_INITIATED_MESSAGING", "expiration": three },
                { "restriction_type": "RESTRICTED_ADD_PHONE_NUMBER_ACTION", "expiration": thirty },
            ],
        }}],
    }]});
    assert_eq!(gateway.webhook(&news).await.status.as_u16(), 200);
    gateway.person_writes(PERSON, "Hello").await;
    // The bot is told with the message that it is to answer.
    let with_hello = async {
        loop {
            let (said, body) = hears.recv().await.expect("a delivery");
            if body.contains("Hello") {
                return said;
            }
        }
    };
    assert_eq!(
        soon("the message at the bot", with_hello).await,
        format!("start=no;until={three}, reply=yes, receive=yes")
    );

    let now_told = told(&gateway, None).await;
    assert_eq!(
        can(&now_told),
        ["no", "no", "no", "yes", "yes"],
        "{now_told}"
    );
    let start = cell(&now_told, "start.marketing");
    assert_eq!(when(&start["until"]), at(three));
    assert_eq!(start["cause"], "restriction.starts");
    assert_eq!(start["confidence"], "high");
    assert_eq!(start["sources"], json!(["ENF-21", "ENF-00"]));
    assert_eq!(start["seen"]["origin"], "webhook");
    let add = cell(&now_told, "add_number");
    assert_eq!(
        (&add["can"], when(&add["until"])),
        (&json!("no"), at(thirty))
    );
    assert!(now_told["last_inbound_at"].is_string());
    // After the first end in advance: on a condition; the other restriction goes on.
    let later = told(&gateway, Some(at(three + 60))).await;
    assert_eq!(can(&later), ["yes"; 5], "{later}");
    let after = &cell(&later, "start.marketing")["provided_available_after"];
    assert_eq!(when(after), at(three));
    assert_eq!(cell(&later, "add_number")["can"], "no");
    // Before anything was known.
    let before = told(&gateway, Some(at(now - 400 * DAY))).await;
    assert_eq!(can(&before), ["unknown"; 5], "{before}");

    // A send is refused with the same end, and an answer goes.
    let refused = gateway.send_template(PERSON, "spring_offer").await;
    assert_eq!((refused.status.as_u16(), refused.code()), (403, Some(368)));
    let reasons = refused.header("greenline-reasons").to_owned();
    assert!(reasons.starts_with("number.restricted"), "{reasons}");
    assert_eq!(arrived(&sim), 0);
    let answered = gateway.send_text(PERSON, "Here we are.").await;
    assert_eq!(answered.status.as_u16(), 200, "{}", answered.json());

    // So does a decision that is asked for in advance, and what it rests on stands beside it.
    for (seconds, decision) in [(three - 60, "refuse"), (three + 60, "allow")] {
        let asked = json!({
            "business": "acme", "number": NUMBER, "at": at(seconds).to_string(),
            "message": template_message(PERSON, "spring_offer"),
        });
        let asked = gateway.admin("/v1/decisions", &asked).await.json();
        assert_eq!(asked["decision"], decision, "{asked}");
        let warned = asked["warnings"].to_string().contains("health_status");
        assert_eq!(warned, decision == "allow", "{asked}");
    }

    // The command says the same, as JSON and in words.
    let moment = at(three + 60).to_string();
    let command = ["number", "capabilities", NUMBER, "--at", &moment];
    // What was told has the number read at once, which may be between the two.
    let asked_both = async {
        loop {
            let before = told(&gateway, Some(at(three + 60))).await;
            let ran = run_with(&gateway.config(), &[&command[..], &["--json"]].concat()).await;
            let said = ran.ended(0).json();
            let after = told(&gateway, Some(at(three + 60))).await;
            if before["capabilities"] == after["capabilities"] {
                return (said, after);
            }
        }
    };
    let (said, asked) = soon("an answer with no read in between", asked_both).await;
    assert_eq!(said["capabilities"], asked["capabilities"]);
    let words = run_with(&gateway.config(), &command[..3])
        .await
        .ended(0)
        .stdout;
    assert!(
        words.contains("No templates for some days")
            && words.contains("leaves people free to write and to be answered"),
        "{words}"
    );
    run_with(&gateway.config(), &["number", "capabilities", "99"])
        .await
        .ended(1);

    // What a token does not reach is as if it did not exist.
    let nobody = format!("/v1/numbers/{NUMBER}/capabilities?business=other");
    assert_eq!(gateway.admin_get(&nobody).await.status.as_u16(), 404);
    let odd = format!("/v1/numbers/{NUMBER}/capabilities?at=tomorrow");
    assert_eq!(gateway.admin_get(&odd).await.status.as_u16(), 422);
    sim.stop().await;
}

async fn a_lock_is_taken_from_a_refusal_read_at_once_and_opened_by_a_read(store: Store) {
    let home = store.home();
    let sim = platform::sample().await;
    let mut gateway = Gateway::start(&home, &sim.url(), |settings| settings).await;
    open(&gateway).await;
    gateway.person_writes(PERSON, "Hello").await;
    let lock = |locked| AccountChange {
        locked: Some(locked),
        ..AccountChange::default()
    };
    sim.change_account(ACCOUNT, &lock(true))
        .expect("an account");
    // Nobody announces a lock: the first send finds it, and is handed on as the platform answers it.
    let found = gateway.send_text(PERSON, "One").await;
    assert_eq!(found.code(), Some(131_031), "{}", found.json());
    assert_eq!(arrived(&sim), 1);
    let closed = told(&gateway, None).await;
    assert_eq!(
        can(&closed),
        ["no", "no", "no", "no", "unknown"],
        "{closed}"
    );
    let read = async {
        while cell(&told(&gateway, None).await, "reply")["cause"] != "locked" {
            tokio::task::yield_now().await;
        }
    };
    soon("the number read after a refusal", read).await;
    let refused = gateway.send_text(PERSON, "Two").await;
    assert_eq!(
        (refused.status.as_u16(), refused.code()),
        (403, Some(131_031))
    );
    assert!(
        refused
            .header("greenline-reasons")
            .starts_with("account.locked")
    );

    gateway.kill().await;
    gateway.run_again().await;
    let refused = gateway.send_text(PERSON, "Three").await;
    assert!(
        refused
            .header("greenline-reasons")
            .starts_with("account.locked")
    );
    assert_eq!(arrived(&sim), 1);

    // Once it is over, any read that passes tells.
    sim.change_account(ACCOUNT, &lock(false))
        .expect("an account");
    let target = format!("/v23.0/{NUMBER}?fields=id,status,health_status");
    let answer = client::get(gateway.private, &target, BOT_KEY).await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.json());
    open(&gateway).await;
    let sent = gateway.send_text(PERSON, "Four").await;
    assert_eq!(sent.status.as_u16(), 200, "{}", sent.json());
    gateway.stop().await;
    run_with(&gateway.config(), &["verify"]).await.ended(0);
    sim.stop().await;
}
