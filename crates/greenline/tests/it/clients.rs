//! Two public SDKs, unmodified but for the base URL, through the real gateway to the simulated platform.

use std::path::{Path, PathBuf};

use greenline_wire::signature;
use hyper::Method;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::later::{SECRET as RELAY_SECRET, Sink, holding, hook_host, quiet};
use crate::support::gateway::Gateway;
use crate::support::settings::{ACCOUNT, ADMIN_KEY, BOT_KEY, NUMBER};
use crate::support::store::{Store, on_each_store};
use crate::support::{http, platform, soon, webhook};

on_each_store! {
    pywa_keeps_working_and_sees_typed_refusals,
    kapso_keeps_working_and_sees_typed_refusals,
    a_held_message_reads_as_one_that_the_platform_paces,
}

const OPTED_IN: &str = "15551230001";
const STRANGER: &str = "15551230002";
const STOPPED: &str = "15551230003";
const TEMPLATE: [(&str, &str); 2] = [("TEMPLATE", "spring_offer"), ("LANGUAGE", "en_US")];

/// Which SDK.
#[derive(Clone, Copy, PartialEq)]
enum Sdk {
    Pywa,
    Kapso,
}

/// What `cargo xtask setup` installed: named by a variable, or below the target directory.
pub(crate) fn installed(variable: &str, place: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_BIN_EXE_greenline"))
        .ancestors()
        .nth(2)
        .expect("a target directory");
    let path = std::env::var_os(variable).map_or_else(|| target.join(place), PathBuf::from);
    assert!(
        path.exists(),
        "`{}` is not there: run `cargo xtask setup`",
        path.display()
    );
    path
}

impl Sdk {
    /// Runs one scenario; whatever the SDK got is one line of JSON.
    async fn run(self, gateway: &Gateway, scenario: &str, settings: &[(&str, &str)]) -> Value {
        let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/clients");
        let packages = installed(
            "GREENLINE_CLIENTS_NODE_MODULES",
            "clients/node/node_modules",
        );
        let mut command = match self {
            Self::Pywa => {
                let mut python = Command::new(installed(
                    "GREENLINE_CLIENTS_PYTHON",
                    "clients/venv/bin/python",
                ));
                python.arg(programs.join("pywa_client.py"));
                python
            }
            Self::Kapso => {
                let mut node = Command::new("node");
                node.arg(programs.join("kapso_client.mjs"));
                node
            }
        };
        command
            .arg(scenario)
            .env("BASE_URL", format!("http://{}", gateway.private))
            .env("TOKEN", BOT_KEY)
            .env("NUMBER_ID", NUMBER)
            .env("WABA_ID", ACCOUNT)
            .env("GREENLINE_CLIENTS_NODE_MODULES", packages)
            .envs(settings.iter().copied())
            .kill_on_drop(true);
        let output = soon(scenario, command.output())
            .await
            .expect("the SDK starts");
        let said = String::from_utf8_lossy(&output.stdout);
        serde_json::from_str(said.trim()).unwrap_or_else(|_| {
            panic!(
                "{scenario}: {said}{}",
                String::from_utf8_lossy(&output.stderr)
            )
        })
    }

    async fn done(self, gateway: &Gateway, scenario: &str, settings: &[(&str, &str)]) -> Value {
        let answer = self.run(gateway, scenario, settings).await;
        assert_eq!(answer["ok"], json!(true), "{scenario}: {answer}");
        answer["result"].clone()
    }

    /// A refusal surfaces as the SDK's own error, after one attempt.
    async fn refused(
        self,
        gateway: &Gateway,
        scenario: &str,
        settings: &[(&str, &str)],
        code: u32,
    ) {
        let answer = self.run(gateway, scenario, settings).await;
        assert_eq!(answer["ok"], json!(false), "{scenario}: {answer}");
        assert_eq!(answer["attempts"], json!(1), "{scenario}: {answer}");
        assert_eq!(answer["error"]["code"], json!(code), "{scenario}: {answer}");
        let class = match (self, code) {
            (Self::Kapso, _) => "GraphApiError",
            (Self::Pywa, 131_050) => "UserStoppedMarketingMessages",
            (Self::Pywa, 131_047) => "ReEngagementMessage",
            (Self::Pywa, _) => unreachable!("a code that no scenario expects"),
        };
        assert_eq!(answer["error"]["class"], json!(class), "{answer}");
        assert_eq!(
            answer["error"]["trace"], answer["error"]["decision"],
            "{answer}"
        );
    }
}

fn to<'a>(person: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut settings = vec![("TO", person)];
    settings.extend_from_slice(more);
    settings
}

async fn walk_through(sdk: Sdk, store: Store) {
    let home = store.home();
    let sim = platform::sample().await;
    let gateway = Gateway::start(&home, &sim.url(), |settings| settings).await;
    gateway.opt_in(OPTED_IN, "marketing").await;
    gateway.opt_in(STOPPED, "marketing").await;
    assert!(
        gateway
            .person_writes(OPTED_IN, "hello")
            .await
            .status
            .is_success()
    );
    assert!(
        gateway
            .person_writes(STOPPED, "STOP")
            .await
            .status
            .is_success()
    );
    let sent = sdk.done(&gateway, "send_text", &to(OPTED_IN, &[])).await;
    assert!(
        sent["message_id"]
            .as_str()
            .is_some_and(|id| id.starts_with("wamid.")),
        "{sent}"
    );
    sdk.done(&gateway, "send_template", &to(OPTED_IN, &TEMPLATE))
        .await;
    sdk.done(&gateway, "upload_media", &[]).await;
    let names = sdk
        .done(&gateway, "list_templates", &[("LIMIT", "2")])
        .await;
    assert!(names["pages"].as_u64() > Some(1), "{names}");
    assert!(
        names["names"].to_string().contains("spring_offer"),
        "{names}"
    );
    let fields = sdk.done(&gateway, "number_fields", &[]).await;
    assert_eq!(fields["id"], json!(NUMBER));
    sdk.refused(&gateway, "send_template", &to(STRANGER, &TEMPLATE), 131_050)
        .await;
    sdk.refused(&gateway, "send_template", &to(STOPPED, &TEMPLATE), 131_050)
        .await;
    sdk.refused(&gateway, "send_text", &to(STOPPED, &[]), 131_050)
        .await;
    sdk.refused(&gateway, "send_text", &to(STRANGER, &[]), 131_047)
        .await;
    let reached = |person: &str| {
        let sends = sim
            .requests(0)
            .into_iter()
            .filter(|request| request.is_send());
        sends
            .filter(|request| request.to.as_deref() == Some(person))
            .count()
    };
    assert_eq!((reached(OPTED_IN), reached(STRANGER)), (2, 0));
    // Greenline's own one confirmation of the stop, and nothing of the app's.
    assert!(reached(STOPPED) <= 1, "{}", reached(STOPPED));
    sim.stop().await;
}

/// Marking as read takes an inbound message that the platform itself knows.
async fn marks_read(sdk: Sdk, store: Store) {
    let home = store.home();
    let sim = platform::sample().await;
    let gateway = Gateway::start(&home, &sim.url(), |settings| settings).await;
    let written = sim
        .inbound(&greenline_sim::Inbound::text(NUMBER, OPTED_IN, "hello"))
        .expect("the sample number");
    sdk.done(&gateway, "mark_read", &[("MESSAGE_ID", &written.id)])
        .await;
    sim.stop().await;
}

async fn pywa_keeps_working_and_sees_typed_refusals(store: Store) {
    walk_through(Sdk::Pywa, store).await;
    marks_read(Sdk::Pywa, store).await;
}

async fn kapso_keeps_working_and_sees_typed_refusals(store: Store) {
    walk_through(Sdk::Kapso, store).await;
    marks_read(Sdk::Kapso, store).await;
}

/// What is held the SDKs take for what the platform paces; the status of ours that it failed is one of the platform's.
async fn a_held_message_reads_as_one_that_the_platform_paces(store: Store) {
    let home = store.home();
    let (sim, sink) = (platform::sample().await, Sink::default());
    let hook = sink.start().await;
    let minutes = i64::try_from(webhook::now_s() / 60).expect("a time");
    let gateway = Gateway::start(&home, &sim.url(), |settings| {
        let settings = settings
            .relaying(0, &hook, RELAY_SECRET)
            .with(&["relay", "allow_hosts"], vec![hook_host(&hook)]);
        quiet(holding(settings, "0", &["quiet_hours"]), minutes)
    })
    .await;
    gateway.opt_in(OPTED_IN, "marketing").await;
    for sdk in [Sdk::Pywa, Sdk::Kapso] {
        let to = [&[("TO", OPTED_IN)][..], &TEMPLATE[..]].concat();
        let held = sdk.done(&gateway, "send_template", &to).await;
        assert_eq!(held["message_status"], "held_for_quality_assessment");
        let id = held["message_id"].as_str().expect("an id");
        assert!(id.starts_with("wamid."), "{held}");
        let shown = gateway.admin_get("/v1/held?business=acme").await.json();
        let all = shown["held"].as_array().expect("held messages");
        let ours = all.iter().find(|one| one["message_id"] == id);
        let target = format!(
            "/v1/held/{}",
            ours.expect("ours")["id"].as_str().expect("its name")
        );
        let bearer = format!("Bearer {ADMIN_KEY}");
        let headers = [("authorization", bearer.as_str())];
        let answer = http::call(gateway.private, Method::DELETE, &target, &headers, "").await;
        assert_eq!(answer.expect("an answer").status.as_u16(), 200);
        sink.waits_for(id, "failed").await;
        let all = sink.all();
        let (_, raw) = all.iter().find(|(_, raw)| raw.contains(id)).expect("it");
        let file = home.path().join("failed.json");
        std::fs::write(&file, raw).expect("a file");
        let file = file.to_str().expect("a path in UTF-8");
        let signature = signature::sign(RELAY_SECRET.as_bytes(), raw.as_bytes());
        let told = [
            ("BODY_FILE", file),
            ("APP_SECRET", RELAY_SECRET),
            ("SIGNATURE", signature.as_str()),
        ];
        let read = sdk.done(&gateway, "verify_webhook", &told).await;
        assert_eq!(read["verified"], json!(true), "{read}");
        // This pywa reads no failed status that names no contact, and the platform's own name none (WH-34).
        if sdk == Sdk::Kapso {
            assert_eq!(read["problems"], json!([]), "{read}");
            let seen = read["seen"].to_string();
            assert!(seen.contains(id) && seen.contains("failed"), "{read}");
        }
    }
}
