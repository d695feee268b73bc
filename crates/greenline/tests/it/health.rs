//! Number health against a platform that knows the truth: what is said of a state is what the platform then lets through,
//! and what the timeline says is what happened.

mod month;
mod post;
mod states;
pub(crate) mod world;

use crate::support::store::{Store, on_each_store};

on_each_store! {
    each_scripted_state_lets_through_what_was_said,
    a_month_is_told_as_it_was,
}

async fn each_scripted_state_lets_through_what_was_said(store: Store) {
    states::each_state_lets_through_what_was_said(store).await;
}

async fn a_month_is_told_as_it_was(store: Store) {
    let span = match store {
        Store::Sqlite => month::Span {
            seed: 11,
            days: 30,
            accounts: 4,
            numbers_each: 5,
        },
        // What is told does not depend on the store; a shorter one shows that it is kept alike.
        Store::Postgres => month::Span {
            seed: 12,
            days: 21,
            accounts: 2,
            numbers_each: 3,
        },
    };
    month::nothing_is_missed_and_nothing_is_false(store, span).await;
}
