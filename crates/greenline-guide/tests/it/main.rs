//! The guide from outside: what it holds hangs together, and people find what they ask for.

mod capabilities;
mod catalogue;
mod questions;
