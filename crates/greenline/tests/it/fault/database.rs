//! A database that is stopped, killed, cut off, silent, or followed by another: nothing acknowledged is lost,
//! nothing that was not recorded goes out, and all is well again without a restart.
//!
//! Disks that are full or fail are the database's own business here; what the program sees of them is a
//! database that takes statements and refuses to write. That a disk does so is tried with SQLite's files.

use greenline_testdb::{Proxy, Server};

use super::books::{Books, Took};
use super::ends_well;
use crate::support::gateway::Gateway;
use crate::support::store::Home;
use crate::support::{platform, soon};

/// Rounds while the database is away.
const ROUNDS_DOWN: usize = 3;
/// Rounds over connections that are cut again and again.
const ROUNDS_CUT: usize = 10;

/// A gateway on a server of its own, reached through a proxy.
async fn started(server: &Server, upstream: &str) -> (Home, Proxy, Gateway) {
    let home = Home::on(server.database());
    let proxy = Proxy::to(home.database().server_address());
    let url = home.database().url_through(&proxy);
    let gateway = Gateway::start(&home, upstream, |settings| {
        settings.with(&["store", "url"], url)
    })
    .await;
    (home, proxy, gateway)
}

/// Asks until everything is taken, and then for what was not.
async fn back(books: &mut Books, gateway: &Gateway) {
    soon("the gateway works again", async {
        while books.round(gateway).await != Took::Everything {}
    })
    .await;
    books.again(gateway).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_down_refuses_and_loses_nothing() {
    let sim = platform::sample().await;
    let server = Server::private();
    let (_home, _proxy, mut gateway) = started(&server, &sim.url()).await;
    let mut books = Books::open(&gateway).await;
    assert_eq!(books.round(&gateway).await, Took::Everything);
    for end in [Server::stop, Server::kill] {
        end(&server);
        for _ in 0..ROUNDS_DOWN {
            assert_eq!(books.round(&gateway).await, Took::Nothing);
        }
        server.start();
        back(&mut books, &gateway).await;
    }
    ends_well(&mut gateway, &books, &sim).await;
    sim.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_cut_again_and_again_lose_nothing() {
    let sim = platform::sample().await;
    let server = Server::private();
    let (_home, proxy, mut gateway) = started(&server, &sim.url()).await;
    let mut books = Books::open(&gateway).await;
    for round in 0..ROUNDS_CUT {
        let cutting = async {
            // Somewhere within the round, which is a few milliseconds long.
            for _ in 0..round {
                tokio::task::yield_now().await;
            }
            proxy.cut();
        };
        tokio::join!(books.round(&gateway), cutting);
    }
    back(&mut books, &gateway).await;
    ends_well(&mut gateway, &books, &sim).await;
    sim.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_does_not_answer_is_given_up_on() {
    let sim = platform::sample().await;
    let server = Server::private();
    let (_home, proxy, mut gateway) = started(&server, &sim.url()).await;
    let mut books = Books::open(&gateway).await;
    assert_eq!(books.round(&gateway).await, Took::Everything);
    proxy.stall();
    let took = books.round_at_once(&gateway).await;
    assert_eq!(took, Took::Nothing);
    proxy.resume();
    back(&mut books, &gateway).await;
    ends_well(&mut gateway, &books, &sim).await;
    sim.stop().await;
}

/// What a database says that has no room left, for whatever would make its tables longer.
const FULL: &str = "CREATE FUNCTION is_full() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$;
    DO $$ DECLARE name text; BEGIN
      FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
        EXECUTE format('CREATE TRIGGER is_full BEFORE INSERT ON %I EXECUTE FUNCTION is_full()', name);
      END LOOP;
    END $$";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_database_refuses_and_loses_nothing() {
    refuses_to_write(&[FULL], &["DROP FUNCTION is_full() CASCADE"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_gone_read_only_refuses_and_loses_nothing() {
    const READ_AGAIN: &str = "SELECT pg_reload_conf()";
    let begins = [
        "ALTER SYSTEM SET default_transaction_read_only = on",
        READ_AGAIN,
    ];
    let ends = [
        "ALTER SYSTEM RESET default_transaction_read_only",
        READ_AGAIN,
    ];
    refuses_to_write(&begins, &ends).await;
}

/// The database answers all along, and writes nothing between the one statement and the other.
async fn refuses_to_write(begins: &[&str], ends: &[&str]) {
    let sim = platform::sample().await;
    let server = Server::private();
    let (home, _proxy, mut gateway) = started(&server, &sim.url()).await;
    let mut books = Books::open(&gateway).await;
    for _ in 0..2 {
        assert_eq!(books.round(&gateway).await, Took::Everything);
        for statement in begins {
            home.database().sql(statement);
        }
        soon("it is no longer taken", async {
            while books.round(&gateway).await != Took::Nothing {}
        })
        .await;
        for _ in 0..ROUNDS_DOWN {
            assert_eq!(books.round(&gateway).await, Took::Nothing);
        }
        for statement in ends {
            home.database().sql(statement);
        }
        back(&mut books, &gateway).await;
    }
    ends_well(&mut gateway, &books, &sim).await;
    sim.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failover_to_a_synchronous_standby_loses_nothing() {
    let sim = platform::sample().await;
    let server = Server::private();
    let follower = server.follower();
    let (_home, proxy, mut gateway) = started(&server, &sim.url()).await;
    let mut books = Books::open(&gateway).await;
    for _ in 0..ROUNDS_DOWN {
        assert_eq!(books.round(&gateway).await, Took::Everything);
    }
    server.kill();
    assert_eq!(books.round(&gateway).await, Took::Nothing);
    follower.promote();
    proxy.lead_to(follower.address());
    back(&mut books, &gateway).await;
    ends_well(&mut gateway, &books, &sim).await;
    sim.stop().await;
}
