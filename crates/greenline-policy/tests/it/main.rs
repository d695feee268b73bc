//! The decision core from the outside.

mod avenue;
mod consent;
mod decide;
mod identity;
mod lasting;
mod next_step;
mod pack;
mod places;
mod quiet;
mod spec;
mod stop;
mod twin;
