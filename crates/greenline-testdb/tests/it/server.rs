//! A server of a test's own, treated badly.

use greenline_testdb::{Proxy, Server};

use crate::client::Client;

const TABLE: &str = "CREATE TABLE people (id bigint)";
const INSERT: &str = "INSERT INTO people VALUES (1)";
const COUNT: &str = "SELECT count(*) FROM people";

#[test]
fn what_was_committed_survives_kill_and_start() {
    let server = Server::private();
    let database = server.database();
    let mut client = Client::connect(&database.url()).expect("a connection");
    client.ask(TABLE).expect("a table");
    client.ask(INSERT).expect("a row");
    client.ask("BEGIN").expect("a transaction");
    client.ask(INSERT).expect("a row");
    server.kill();
    assert!(client.ask("COMMIT").is_err());
    assert!(Client::connect(&database.url()).is_err());
    server.start();
    assert_eq!(database.sql(COUNT), "1");
}

#[test]
fn it_stops_and_starts_on_the_same_port() {
    let server = Server::private();
    let database = server.database();
    let (address, url) = (server.address(), database.url());
    let mut client = Client::connect(&url).expect("a connection");
    client.ask(TABLE).expect("a table");
    for _ in 0..2 {
        server.stop();
        assert!(client.ask("SELECT 1").is_err());
        server.start();
        client = Client::connect(&url).expect("a connection");
    }
    assert_eq!(server.address(), address);
    assert_eq!(client.ask(COUNT).expect("an answer"), ["0"]);
}

#[test]
fn frozen_it_answers_nothing_and_thawed_it_answers_all() {
    let server = Server::private();
    let database = server.database();
    let mut client = Client::connect(&database.url()).expect("a connection");
    server.freeze();
    client.begin("SELECT 7").expect("a socket that takes it");
    assert!(client.is_unanswered());
    server.thaw();
    assert_eq!(client.finish().expect("an answer"), ["7"]);
}

#[test]
fn a_frozen_one_goes_with_its_value() {
    let server = Server::private();
    let address = server.address();
    server.freeze();
    drop(server);
    assert!(std::net::TcpStream::connect(address).is_err());
}

#[test]
fn it_takes_settings_and_keeps_them() {
    let server = Server::private_with(&["max_connections=23", "statement_timeout=54321"]);
    let database = server.database();
    server.stop();
    server.start();
    assert_eq!(database.sql("SHOW max_connections"), "23");
    assert_eq!(database.sql("SHOW statement_timeout"), "54321ms");
}

#[test]
fn a_follower_has_whatever_was_acknowledged_before_a_failover() {
    let primary = Server::private();
    let database = primary.database();
    let proxy = Proxy::to(primary.address());
    let url = database.url_through(&proxy);
    let follower = primary.follower();
    let mut client = Client::connect(&url).expect("a connection");
    client.ask(TABLE).expect("a table");
    for _ in 0..20 {
        client.ask(INSERT).expect("a row");
    }
    primary.kill();
    follower.promote();
    proxy.lead_to(follower.address());
    assert!(client.ask("SELECT 1").is_err());
    let mut client = Client::connect(&url).expect("a connection");
    assert_eq!(client.ask(COUNT).expect("an answer"), ["20"]);
    client.ask(INSERT).expect("it takes writes");
    assert_eq!(follower.sql(&database, COUNT), "21");
}
