//! The pages, from outside: what they say, that they say it safely, and that a machine can read it.

mod pages;
mod preference;
mod samples;
