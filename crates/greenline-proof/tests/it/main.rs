//! The log against its obvious twin, and bundles against everyone who might change them.

mod bundle;
mod leaf;
mod tree;
