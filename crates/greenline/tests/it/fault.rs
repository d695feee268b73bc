//! What the program does when what it stands on gives way, or when clients misbehave.
//!
//! A store that cannot be written refuses what it cannot record and loses nothing it acknowledged (law
//! 11); a client that is slow, wrong or many gets an answer that says so, and costs the others nothing.

mod books;
mod clients;
mod database;
mod start;
mod store;

use books::Books;

use crate::support::command::run_with;
use crate::support::gateway::Gateway;

/// Nothing may have panicked, whatever was done.
fn nothing_panicked(gateway: &Gateway) {
    let log = gateway.log_text();
    let line = log.lines().find(|line| line.contains("panicked"));
    assert_eq!(line, None);
}

/// Everything is there, once, from the running program, from one started anew, and for `verify`.
async fn ends_well(gateway: &mut Gateway, books: &Books, sim: &greenline_sim::Sim) {
    books.agree(gateway).await;
    books.agree_with(sim);
    assert!(gateway.stop().await.success());
    run_with(&gateway.config(), &["verify"]).await.ended(0);
    gateway.run_again().await;
    books.agree(gateway).await;
    books.agree_with(sim);
    assert!(gateway.stop().await.success());
    nothing_panicked(gateway);
}
