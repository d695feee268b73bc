//! The platform's formats: what arrives on the wire and what leaves it, as types.
//!
//! Everything here turns bytes into borrowed types and types into bytes. The
//! crate never decides, stores or opens a socket; it knows JSON field names so
//! that no other crate has to.
//!
//! Two temperaments live side by side. What an app wants to *send* is read
//! strictly: a shape that could be understood in two ways is refused, because
//! the platform might understand the other one. What the platform *tells* us is
//! read leniently: a part that cannot be read never takes its neighbours along.
#![cfg_attr(
    not(test),
    warn(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

pub mod answer;
pub mod ascii;
pub mod batch;
pub mod build;
pub mod calls;
pub mod error;
pub mod form;
mod json;
pub mod path;
pub mod refer;
pub mod send;
mod shape;
mod shy;
pub mod signature;
mod strict;
pub mod time;
pub mod webhook;

pub use shape::ShapeError;
