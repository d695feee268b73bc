//! The line between a node and its database.

use std::time::{Duration, Instant};

use greenline_testdb::{Database, Proxy};

use crate::client::Client;

const SOON: Duration = Duration::from_secs(60);

fn line() -> (Database, Proxy, String) {
    let database = Database::fresh();
    let proxy = Proxy::to(database.server_address());
    let url = database.url_through(&proxy);
    (database, proxy, url)
}

#[test]
fn it_passes_everything_on() {
    let (_database, proxy, url) = line();
    let mut client = Client::connect(&url).expect("a connection");
    let long = client
        .ask("SELECT repeat('greenline', 100000)")
        .expect("an answer");
    assert_eq!(long[0], "greenline".repeat(100_000));
    assert_eq!(proxy.connections(), 1);
}

#[test]
fn a_cut_ends_what_is_open_and_nothing_later() {
    let (_database, proxy, url) = line();
    let mut one = Client::connect(&url).expect("a connection");
    let mut other = Client::connect(&url).expect("a connection");
    assert_eq!(proxy.cut(), 2);
    assert!(one.ask("SELECT 1").is_err());
    assert!(other.ask("SELECT 1").is_err());
    let mut again = Client::connect(&url).expect("a connection");
    assert_eq!(again.ask("SELECT 1").expect("an answer"), ["1"]);
}

#[test]
fn a_database_that_is_away_comes_back() {
    let (_database, proxy, url) = line();
    let mut client = Client::connect(&url).expect("a connection");
    proxy.refuse();
    assert!(client.ask("SELECT 1").is_err());
    assert!(Client::connect(&url).is_err());
    proxy.accept();
    assert!(Client::connect(&url).is_ok());
}

#[test]
fn a_stalled_line_loses_nothing() {
    let (database, proxy, url) = line();
    let mut client = Client::connect(&url).expect("a connection");
    client
        .ask("CREATE TABLE people (id bigint)")
        .expect("a table");
    proxy.stall();
    client
        .begin("INSERT INTO people VALUES (1)")
        .expect("a socket that takes it");
    assert!(client.is_unanswered());
    assert_eq!(database.sql("SELECT count(*) FROM people"), "0");
    proxy.resume();
    client.finish().expect("an answer");
    assert_eq!(database.sql("SELECT count(*) FROM people"), "1");
}

#[test]
fn a_stalled_line_can_be_cut() {
    let (_database, proxy, url) = line();
    let mut client = Client::connect(&url).expect("a connection");
    proxy.stall();
    client.begin("SELECT 1").expect("a socket that takes it");
    proxy.cut();
    assert!(client.finish().is_err());
}

#[test]
fn a_slow_line_answers_no_sooner() {
    let (_database, proxy, url) = line();
    let mut client = Client::connect(&url).expect("a connection");
    let late = Duration::from_millis(250);
    proxy.slow(late);
    let asked = Instant::now();
    client.ask("SELECT 1").expect("an answer");
    assert!(asked.elapsed() >= late);
}

#[test]
fn a_lost_answer_is_to_something_done() {
    let (database, proxy, url) = line();
    let mut client = Client::connect(&url).expect("a connection");
    client
        .ask("CREATE TABLE people (id bigint)")
        .expect("a table");
    proxy.lose_answer("COMMIT");
    client.ask("BEGIN").expect("another answer");
    client
        .ask("INSERT INTO people VALUES (1)")
        .expect("another answer");
    assert_eq!(proxy.lost(), 0);
    assert!(client.ask("COMMIT").is_err());
    assert!(proxy.wait_until_lost(1, SOON));
    assert_eq!(database.sql("SELECT count(*) FROM people"), "1");
    let mut again = Client::connect(&url).expect("a connection");
    again.ask("BEGIN").expect("an answer");
    again.ask("COMMIT").expect("one answer is lost, not each");
}

#[test]
fn it_ends_with_its_connections() {
    let (_database, proxy, url) = line();
    let mut client = Client::connect(&url).expect("a connection");
    drop(proxy);
    assert!(client.ask("SELECT 1").is_err());
    assert!(Client::connect(&url).is_err());
}
