//! The ledger from the outside: what is acknowledged holds, whatever happens next.

mod deliveries;
mod faults;
mod people;
mod sends;
mod support;
mod twin;
mod verify;
