//! The stop-word recogniser, seen from outside.

mod buttons;
mod labelled;
mod must;
mod never;
mod texts;
