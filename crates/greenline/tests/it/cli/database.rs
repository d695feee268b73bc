//! Settings of a store on Postgres, what is said of it, and that its password is never said.

use greenline_testdb::Server;

use crate::support::command::{Ran, run, run_with};
use crate::support::gateway::Gateway;
use crate::support::place::{NOWHERE, Place};
use crate::support::settings::Settings;
use crate::support::store::{Home, Store};

const PASSWORD: &str = "hunter2";

/// An address where no database is.
fn nowhere(parameters: &str) -> String {
    format!("postgres://greenline:{PASSWORD}@127.0.0.1:1/greenline{parameters}")
}

fn at(url: &str) -> Place {
    Place::with(Store::Sqlite, |settings| {
        settings.with(&["store", "url"], url)
    })
}

fn said(ran: &Ran) -> String {
    format!("{}{}", ran.stdout, ran.stderr)
}

#[tokio::test]
async fn the_password_is_never_said() {
    for parameters in [
        "",
        "?sslmode=require",
        "?sslmode=nonsense",
        "?frob=1",
        "?password=hunter2",
    ] {
        let place = at(&nowhere(parameters));
        for args in [
            &["config", "show"][..],
            &["config", "show", "--json"],
            &["config", "check"],
            &["doctor"],
            &["doctor", "--json"],
            &["serve", "--log-level", "trace"],
            &["verify"],
            &["consent", "show", "15550100123", "--json"],
        ] {
            let ran = place.run(args).await;
            assert!(!said(&ran).contains(PASSWORD), "{args:?} {ran:?}");
        }
    }
    // Text that is no configuration at all is not repeated either.
    for broken in [
        format!("[store]\nurl = \"{}", nowhere("")),
        format!("store = \"{}\"", nowhere("")),
        format!("[store]\nurl = [\"{}\"]", nowhere("")),
        format!("[store]\nqueue_max = \"{}\"", nowhere("")),
    ] {
        let place = Place::new(Store::Sqlite);
        place.write("greenline.toml", &broken);
        let ran = place.run(&["config", "check"]).await.ended(2);
        assert!(!said(&ran).contains(PASSWORD), "{ran:?}");
    }
}

#[tokio::test]
async fn a_password_in_the_file_is_to_be_looked_at_and_one_from_elsewhere_is_not() {
    let place = at(&nowhere(""));
    let checked = place.run(&["config", "check"]).await.ended(0);
    assert!(checked.stdout.contains("store.url_file"), "{checked:?}");

    let place = Place::with(Store::Sqlite, |settings| {
        settings
            .without(&["store", "url"])
            .with(&["store", "url_file"], "url.txt")
    });
    place.write("url.txt", &format!("{}\n", nowhere("")));
    let checked = place.run(&["config", "check"]).await.ended(0);
    assert!(!checked.stdout.contains("store.url"), "{checked:?}");
    let shown = place.run(&["config", "show"]).await.ended(0);
    assert!(
        shown.stdout.contains("greenline:(secret)@127.0.0.1"),
        "{shown:?}"
    );

    let place = Place::with(Store::Sqlite, |settings| {
        settings.with(&["store", "url_file"], "url.txt")
    });
    let both = place.run(&["config", "check"]).await.ended(2);
    assert!(
        both.stderr.contains("both `url` and `url_file`"),
        "{both:?}"
    );
}

#[tokio::test]
async fn what_cannot_work_on_many_nodes_is_wrong() {
    for (adapt, wanted) in [
        (
            ["replies_when_down", "forward"],
            "wrong   store.replies_when_down",
        ),
        (
            ["url", "mysql://u:hunter2@h/d"],
            "wrong   store.url: must be",
        ),
        (
            ["url", "postgres://u@h/d?sslmode=sometimes"],
            "wrong   store.url: sslmode is one of",
        ),
        (["url", "postgres://u@/d"], "wrong   store.url: "),
        (
            ["url", "postgres://u@db.example/d?sslmode=disable"],
            "look at store.url: ",
        ),
        (
            ["url", "postgres://u@db.example/d?sslmode=require"],
            "look at store.url: sslmode=require",
        ),
    ] {
        let place = Place::with(Store::Sqlite, |settings| {
            settings
                .with(&["store", "url"], nowhere(""))
                .with(&["store", adapt[0]], adapt[1])
        });
        let checked = place.run(&["config", "check"]).await;
        assert!(checked.stdout.contains(wanted), "{wanted}: {checked:?}");
        assert_eq!(
            checked.code,
            Some(i32::from(wanted.starts_with("wrong"))),
            "{checked:?}"
        );
    }
}

#[tokio::test]
async fn a_database_that_is_not_there_is_unavailable_and_says_what_to_do() {
    let place = at(&nowhere(""));
    for args in [&["serve"][..], &["verify"]] {
        let ran = place.run(args).await.ended(3);
        assert!(
            ran.stderr.contains("The database must be reachable"),
            "{ran:?}"
        );
        assert!(ran.stderr.contains("greenline doctor"), "{ran:?}");
    }
    let found = place.run(&["doctor"]).await.ended(1);
    assert!(found.stdout.contains("wrong    database"), "{found:?}");
}

/// What the doctor says, `what: state: text` each.
async fn findings(settings: &Place) -> Vec<String> {
    let found = settings.run(&["doctor", "--json"]).await.json();
    let findings = found["findings"].as_array().expect("findings");
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    findings
        .iter()
        .map(|one| {
            format!(
                "{}: {}: {}",
                text(&one["what"]),
                text(&one["state"]),
                text(&one["text"])
            )
        })
        .collect()
}

fn has(findings: &[String], begin: &str) -> bool {
    findings.iter().any(|finding| finding.starts_with(begin))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_looks_at_the_database_and_changes_nothing() {
    let server = Server::private_with(&["max_connections=20", "synchronous_commit=off"]);
    let database = server.database();
    let place = at(&database.url());
    let found = findings(&place).await;
    for wanted in [
        "database: fine: `postgres://greenline:(secret)@127.0.0.1:",
        "way there: fine: in plain, within this machine",
        "rights: fine: `greenline` in `",
        "durability: look at: synchronous_commit = off",
        "failover: look at: synchronous_standby_names is empty",
        "connections: look at: room for ",
        "tables: fine: none yet",
        "private listener: fine: ",
    ] {
        assert!(has(&found, wanted), "{wanted}: {found:#?}");
    }
    let tables =
        database.sql("SELECT count(*) FROM pg_class WHERE relname IN ('people', 'migrations')");
    assert_eq!(tables, "0");

    place.run(&["verify"]).await.ended(0);
    assert!(has(
        &findings(&place).await,
        "tables: fine: up to this release"
    ));
    let newest = "SELECT name FROM migrations ORDER BY name DESC LIMIT 1";
    let newest = database.sql(newest);
    database.sql(&format!("DELETE FROM migrations WHERE name = '{newest}'"));
    let pending = format!("tables: fine: 1 migrations are pending, from {newest} on");
    assert!(has(&findings(&place).await, &pending));

    database.sql("REVOKE UPDATE ON consent_events FROM greenline");
    let found = findings(&place).await;
    assert!(has(&found, "rights: wrong: `greenline` in `"), "{found:#?}");
    database.sql("GRANT UPDATE ON consent_events TO greenline");
    database.sql("ALTER ROLE greenline SET default_transaction_read_only = on");
    let found = findings(&place).await;
    assert!(
        has(&found, "database: wrong: takes no writes"),
        "{found:#?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_wait_for_the_disk_whatever_the_server_is_set_to() {
    let server = Server::private_with(&["synchronous_commit=off"]);
    let home = Home::on(server.database());
    let database = home.database();
    // Noted by the database itself, at each event that is written.
    database.sql("CREATE TABLE noted (value TEXT)");
    database.sql("GRANT ALL ON noted TO greenline");
    let place = at(&database.url());
    place.run(&["verify"]).await.ended(0);
    database.sql(
        "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         INSERT INTO noted VALUES (current_setting('synchronous_commit')); RETURN NEW; END $$",
    );
    database.sql(
        "CREATE TRIGGER noting AFTER INSERT ON consent_events FOR EACH ROW EXECUTE FUNCTION note()",
    );
    super::record_yes(&place, "15550100123", "marketing")
        .await
        .ended(0);
    assert_eq!(database.sql("SELECT DISTINCT value FROM noted"), "on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_server_and_every_command_work_beside_the_first() {
    let home = Store::Postgres.home();
    let adapt = |settings: Settings| settings;
    let first = Gateway::start(&home, NOWHERE, adapt).await;
    let elsewhere = tempfile::tempdir().expect("a folder");
    let url = home.database().url();
    let second = Gateway::start(elsewhere.path(), NOWHERE, |settings| {
        settings.with(&["store", "url"], url)
    })
    .await;
    first.opt_in("15550100123", "marketing").await;
    let no = [
        "consent",
        "record",
        "--person",
        "15550100123",
        "--scope",
        "marketing",
        "--event",
        "withdrawn",
    ];
    run_with(&second.config(), &no).await.ended(0);
    for gateway in [&first, &second] {
        let refused = gateway.send_template("15550100123", "spring_offer").await;
        assert_eq!(refused.code(), Some(131_050), "{refused:?}");
    }
    let found = run_with(&first.config(), &["doctor", "--json"])
        .await
        .json();
    assert!(
        found["findings"].to_string().contains("answers at"),
        "{found}"
    );
    assert!(found["findings"].to_string().contains("; 2 run"), "{found}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demo_runs_on_a_database_too() {
    let home = Store::Postgres.home();
    let url = home.database().url();
    let ran = run(&["demo", "--check", "--store", &url]).await.ended(0);
    assert_eq!(ran.stdout.matches('✓').count(), 3, "{ran:?}");
}
