//! The decision core from the outside.

mod consent;
mod decide;
mod identity;
mod spec;
mod stop;
mod twin;
