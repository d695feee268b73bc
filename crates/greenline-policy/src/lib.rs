//! The decision core of Greenline: what may be sent to whom, and why not.
//!
//! This crate never does I/O, never waits, never reads a clock or rolls a die, and knows no wire or
//! storage format. It takes facts and a time and returns values, so that the live path, a dry run, a
//! screening and a replay give one answer.

pub mod alert;
pub mod avenue;
pub mod consent;
pub mod country;
pub mod decide;
pub mod evidence;
pub mod forecast;
pub mod health;
pub mod hold;
pub mod identity;
pub mod lasting;
pub mod law;
pub mod likely;
pub mod next_step;
pub mod number;
pub mod own;
pub mod pace;
pub mod pack;
pub mod pair;
pub mod polling;
pub mod quality;
pub mod quiet;
pub mod reach;
pub mod reception;
pub mod rule;
pub mod scope;
pub mod stop;
