//! The executable starts, shows itself at work, and stops when told to.

use std::fmt::Write as _;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use crate::support::command::{run, run_with};
use crate::support::gateway::Gateway;
use crate::support::place::NOWHERE;
use crate::support::platform::{self, PlatformProcess};
use crate::support::settings::VERIFY_TOKEN;
use crate::support::soon;
use crate::support::store::{Store, on_each_store};

on_each_store! {
    a_server_answers_and_stops_when_told_to,
    a_message_goes_through_to_the_platform_and_stops_with_the_person,
    the_platform_runs_as_a_process_of_its_own,
}

const PERSON: &str = "15550100123";

#[tokio::test]
async fn the_help_of_every_command() {
    let commands: &[&[&str]] = &[
        &[],
        &["serve"],
        &["demo"],
        &["sim"],
        &["check"],
        &["explain"],
        &["avenues"],
        &["guide"],
        &["consent"],
        &["consent", "record"],
        &["consent", "show"],
        &["consent", "import"],
        &["consent", "export"],
        &["number"],
        &["number", "list"],
        &["number", "capabilities"],
        &["number", "forecast"],
        &["verify"],
        &["migrate"],
        &["config"],
        &["config", "show"],
        &["doctor"],
    ];
    let mut all = String::new();
    for command in commands {
        let help = run(&[*command, &["-h"]].concat()).await.ended(0);
        let _ = write!(
            all,
            "$ greenline {} -h\n{}\n",
            command.join(" "),
            help.stdout
        );
    }
    insta::assert_snapshot!(all);
}

#[tokio::test]
async fn the_version_is_told() {
    let said = run(&["--version"]).await.ended(0);
    assert_eq!(
        said.stdout,
        format!("greenline {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[tokio::test]
async fn the_demo_comes_out_as_it_says() {
    let said = run(&["demo", "--check"]).await.ended(0);
    assert_eq!(said.stdout.matches('✓').count(), 3, "{said:?}");
    assert!(
        said.stdout.contains("consent.missing") && said.stdout.contains("consent.opted_out"),
        "{said:?}"
    );
}

#[tokio::test]
async fn the_demo_prints_a_tour_until_it_is_told_to_stop() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut child = Command::new(env!("CARGO_BIN_EXE_greenline"))
        .args(["demo", "--people", "20", "--dir"])
        .arg(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the program starts");
    let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    let tour = soon("the tour", async {
        let mut tour = Vec::new();
        while let Ok(Some(line)) = lines.next_line().await {
            tour.push(line);
            if tour.last().is_some_and(|line| line.starts_with("Ctrl-C")) {
                break;
            }
        }
        tour
    })
    .await;
    let curls = tour.iter().filter(|line| line.starts_with("curl ")).count();
    assert_eq!(curls, 4, "{tour:#?}");
    // While it runs, every command can ask it.
    let config = folder.path().join("greenline.toml");
    let person = run_with(&config, &["consent", "show", "15551230002", "--json"])
        .await
        .ended(0)
        .json();
    assert_eq!(
        person["head"]["marketing"]["standing"], "refused",
        "{person}"
    );

    let process = child.id().expect("it runs").to_string();
    let told = Command::new("kill").args(["-INT", &process]).status().await;
    assert!(told.is_ok_and(|status| status.success()));
    assert!(
        soon("the demo stops", child.wait())
            .await
            .expect("its end")
            .success()
    );
    run_with(&config, &["verify"]).await.ended(0);
}

async fn a_server_answers_and_stops_when_told_to(store: Store) {
    let home = store.home();
    let mut gateway = Gateway::start(&home, NOWHERE, |settings| settings).await;
    assert_eq!(gateway.admin_get("/healthz").await.status.as_u16(), 200);
    assert_eq!(gateway.admin_get("/readyz").await.status.as_u16(), 200);
    assert!(gateway.stop().await.success(), "{}", gateway.log_text());
}

#[tokio::test]
async fn an_address_that_is_taken_is_unavailable() {
    let home = Store::Sqlite.home();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address").to_string();
    let gateway = Gateway::start(&home, NOWHERE, |settings| settings).await;
    let settings = crate::support::settings::Settings::new(
        home.path(),
        NOWHERE,
        gateway.public,
        gateway.private,
    )
    .with(&["listen", "private"], address.as_str())
    .with(
        &["store", "url"],
        format!("sqlite:{}", home.path().join("other.db").display()),
    );
    let elsewhere = tempfile::tempdir().expect("a folder");
    let said = run_with(&settings.write(elsewhere.path()), &["serve"])
        .await
        .ended(3);
    assert!(said.stderr.contains("cannot listen on"), "{said:?}");
}

async fn a_message_goes_through_to_the_platform_and_stops_with_the_person(store: Store) {
    let home = store.home();
    let sim = platform::sample().await;
    let gateway = Gateway::start(&home, &sim.url(), |settings| settings).await;
    sim.subscribe(None, &gateway.callback(), VERIFY_TOKEN)
        .await
        .expect("the handshake");
    gateway.opt_in(PERSON, "marketing").await;

    let sent = gateway.send_template(PERSON, "spring_offer").await;
    assert!(sent.message_id().is_some(), "{sent:?}");
    platform::person_writes(&sim, PERSON, "STOP").await;
    let refused = gateway.send_template(PERSON, "spring_offer").await;
    assert_eq!(refused.code(), Some(131_050), "{refused:?}");
    sim.stop().await;
}

async fn the_platform_runs_as_a_process_of_its_own(store: Store) {
    let home = store.home();
    let platform = PlatformProcess::start(&["--seed", "7"]).await;
    let gateway = Gateway::start(&home, &platform.url, |settings| settings).await;
    gateway.opt_in(PERSON, "marketing").await;
    let sent = gateway.send_template(PERSON, "spring_offer").await;
    assert!(sent.message_id().is_some(), "{sent:?}");
    platform.kill().await;
    run(&["sim", "--world", "there-is-no-such-world.toml"])
        .await
        .ended(2);
}
