//! What the wire crate promises, seen from outside.

mod answers;
mod batches;
mod built;
mod call_requests;
mod errors;
mod mutations;
mod paging;
mod paths;
mod references;
mod samples;
mod sends;
mod signatures;
mod texts;
