//! A database of a test's own.

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use greenline_testdb::{Database, Server};

use crate::client::Client;

#[test]
fn each_is_empty_and_apart_from_the_others() {
    let (one, other) = (Database::fresh(), Database::fresh());
    let mut client = Client::connect(&one.url()).expect("a connection");
    client
        .ask("CREATE TABLE people (id bigint)")
        .expect("a table");
    let tables = "SELECT count(*) FROM pg_tables WHERE tablename = 'people'";
    assert_eq!(one.sql(tables), "1");
    assert_eq!(other.sql(tables), "0");
}

#[test]
fn its_owner_is_an_ordinary_user() {
    let database = Database::fresh();
    let mut client = Client::connect(&database.url()).expect("a connection");
    let who = "SELECT usesuper, usecreatedb FROM pg_user WHERE usename = current_user";
    assert_eq!(client.ask(who).expect("an answer"), ["f", "f"]);
}

#[test]
fn a_private_server_is_as_durable_as_in_production() {
    let server = Server::private();
    let database = server.database();
    for setting in ["fsync", "synchronous_commit", "full_page_writes"] {
        assert_eq!(database.sql(&format!("SHOW {setting}")), "on", "{setting}");
    }
    assert_eq!(database.sql("SHOW listen_addresses"), "127.0.0.1");
}

#[test]
fn a_wrong_password_is_refused() {
    let database = Database::fresh();
    let (login, place) = database
        .url()
        .split_once('@')
        .map(|(login, place)| (login.to_owned(), place.to_owned()))
        .expect("a login");
    assert!(Client::connect(&format!("{login}x@{place}")).is_err());
}

#[test]
fn it_goes_with_its_value_even_while_connected() {
    let watcher = Database::fresh();
    let database = Database::fresh();
    let count = format!(
        "SELECT count(*) FROM pg_database WHERE datname = '{}'",
        database.name()
    );
    let _client = Client::connect(&database.url()).expect("a connection");
    assert_eq!(watcher.sql(&count), "1");
    drop(database);
    assert_eq!(watcher.sql(&count), "0");
}

#[test]
fn an_administrator_ends_its_connections_and_no_others() {
    let (one, other) = (Database::fresh(), Database::fresh());
    let mut ended = Client::connect(&one.url()).expect("a connection");
    let mut left = Client::connect(&other.url()).expect("a connection");
    assert_eq!(one.disconnect_all(), 1);
    assert!(ended.ask("SELECT 1").is_err());
    assert_eq!(left.ask("SELECT 1").expect("an answer"), ["1"]);
}

#[test]
fn what_prepares_it_runs_once_and_each_copy_is_apart() {
    // A name of this process' own, since the server may have met this test before.
    let what = format!("two people {}", Database::fresh().name());
    let prepared = AtomicU32::new(0);
    let make = || {
        Database::prepared(&what, |url| {
            prepared.fetch_add(1, Ordering::Relaxed);
            let mut client = Client::connect(url).expect("a connection");
            let fill = "CREATE TABLE people AS SELECT generate_series(1, 2) AS id";
            client.ask(fill).expect("a table");
        })
    };
    let databases: Vec<Database> = thread::scope(|scope| {
        let making: Vec<_> = (0..4).map(|_| scope.spawn(make)).collect();
        making
            .into_iter()
            .map(|made| made.join().expect("a database"))
            .collect()
    });
    assert_eq!(prepared.load(Ordering::Relaxed), 1);
    let (changed, same) = (&databases[0], &databases[1]);
    Client::connect(&changed.url())
        .and_then(|mut client| client.ask("DELETE FROM people"))
        .expect("the owner may delete");
    assert_eq!(changed.sql("SELECT count(*) FROM people"), "0");
    assert_eq!(same.sql("SELECT count(*) FROM people"), "2");
}
