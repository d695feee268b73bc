//! The decision core from the outside.

mod avenue;
mod consent;
mod decide;
mod identity;
mod lasting;
mod spec;
mod stop;
mod twin;
