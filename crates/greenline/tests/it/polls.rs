//! What it costs the store that a provider has very many numbers: counted in statements, not in time.

use greenline_gateway::clock::Clock;
use greenline_gateway::{config, polling, serve};
use greenline_testdb::Proxy;
use toml::{Table, Value};

use crate::support::settings::{ACCOUNT, Settings};
use crate::support::store::{Site as _, Store};
use crate::support::{ports, webhook};

const NUMBERS: usize = 10_000;
/// Three statements for each thousand numbers, and room for whatever else a node does by itself; one statement for each
/// number would be far beyond.
const STATEMENTS_MAX: usize = NUMBERS / 10;

fn number(nth: usize) -> Value {
    let mut number = Table::new();
    for (name, value) in [
        ("phone_number_id", format!("3016{nth:011}")),
        ("waba_id", ACCOUNT.to_owned()),
        ("display_number", format!("+1555{nth:07}")),
    ] {
        number.insert(name.to_owned(), value.into());
    }
    Value::Table(number)
}

/// On Postgres alone: only there the store is behind a line on which statements can be counted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_numbers_are_looked_at_by_a_few_statements() {
    let home = Store::Postgres.home();
    let proxy = Proxy::to(home.database().server_address());
    let url = home.database().url_through(&proxy);
    let [public, private] = ports::free();
    // Nobody listens there: no read succeeds, and an account's calls of an hour are soon used up.
    let upstream = format!("http://{public}");
    let numbers: Vec<Value> = (0..NUMBERS).map(number).collect();
    let settings = Settings::new(home.path(), &upstream, public, private)
        .with(&["business", "0", "number"], numbers);
    let path = home
        .settle(settings)
        .with(&["store", "url"], url)
        .write(home.path());
    let config = config::load(Some(&path), std::iter::empty()).expect("a configuration");
    let ledger = serve::open_ledger(&config).await.expect("a store");
    let now_ms = i64::try_from(webhook::now_s()).expect("a time") * 1_000;
    let clock = Clock::fixed(now_ms);
    let app = serve::build(config, ledger, clock.clone()).expect("a gateway");
    app.keys.open(now_ms).expect("keys");
    polling::round(&app).await;
    // A minute later all of them are looked at again, and none is read.
    clock.set(now_ms + 61_000);
    let before = proxy.answered();
    polling::round(&app).await;
    let statements = proxy.answered() - before;
    assert!(statements > 0, "they were looked at");
    assert!(statements < STATEMENTS_MAX, "{statements} statements");
    app.ledger.close().await;
}
