//! The decision core from the outside.

mod alert;
mod avenue;
mod consent;
mod decide;
mod forecast;
mod health;
mod hold;
mod identity;
mod lasting;
mod next_step;
mod pace;
mod pack;
mod pair;
mod places;
mod polling;
mod quiet;
mod spec;
mod stop;
mod twin;

use greenline_policy::consent::Head;
use greenline_policy::decide::PersonFacts;

/// A person of whom nothing is known but their consent.
fn facts(head: &Head) -> PersonFacts<'_> {
    PersonFacts::of(head)
}
