//! The guide from outside: what it holds hangs together, and people find what they ask for.

mod catalogue;
mod questions;
