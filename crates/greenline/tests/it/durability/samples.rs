//! The judge itself, on traces of a few lines: what counts as a sync in time and what does not.

use super::judge::{Early, Sent, judge, mark};
use crate::support::trace::parse;

const LOG: &str = "/s/greenline.db-wal";
const RECORD: &str = "0123456789abcdef";
const BODY: &str = "sent--0001-0001-";

fn hex(text: &[u8]) -> String {
    text.iter().map(|byte| format!("\\x{byte:02x}")).collect()
}

/// A commit of one frame that holds the record, by thread 11.
fn commit() -> String {
    let log = hex(LOG.as_bytes());
    let mut header = [0; 24];
    header[7] = 9;
    let page = format!("{{\"intent\":\"text\",\"body_hash\":\"{RECORD}\"}}");
    format!(
        "11 pwrite64(4<{log}>, \"{}\", 24, 32) = 24\n11 pwrite64(4<{log}>, \"{}\", 4096, 56) = 4096\n",
        hex(&header),
        hex(page.as_bytes()),
    )
}

/// The send, by thread 12.
fn send() -> String {
    let (head, body) = (
        hex(b"POST /v23.0/1/messages HTTP/1.1\r\n\r\n"),
        hex(BODY.as_bytes()),
    );
    format!(
        "12 writev(9<socket:[77]>, [{{iov_base=\"{head}\", iov_len=35}}, {{iov_base=\"{body}\", iov_len=16}}], 2) = 51\n"
    )
}

fn judged(trace: &str) -> Early {
    let sent = Sent {
        record: mark(RECORD),
        body: mark(BODY),
    };
    judge(&parse(trace), LOG, &[sent], &[])
}

fn sync(end: &str) -> String {
    format!("11 fdatasync(4<{}>{end}\n", hex(LOG.as_bytes()))
}

#[test]
fn a_sync_between_commit_and_send_is_in_time() {
    let trace = [commit(), sync(") = 0"), send()].concat();
    assert!(judged(&trace).sends.is_empty());
    let resumed = "11 <... fdatasync resumed>) = 0\n".to_owned();
    let other = "12 fsync(7<\\x2f\\x73> <unfinished ...>\n".to_owned();
    let trace = [commit(), sync(" <unfinished ...>"), other, resumed, send()].concat();
    assert!(judged(&trace).sends.is_empty());
}

#[test]
fn any_other_sync_is_not() {
    let resumed = || "11 <... fdatasync resumed>) = 0\n".to_owned();
    let early = |trace: &[String]| judged(&trace.concat()).sends.len();
    assert_eq!(early(&[commit(), send()]), 1, "none");
    assert_eq!(early(&[commit(), send(), sync(") = 0")]), 1, "too late");
    assert_eq!(
        early(&[sync(") = 0"), commit(), send()]),
        1,
        "of what was before"
    );
    assert_eq!(
        early(&[
            sync(" <unfinished ...>"),
            commit().replace("11 ", "13 "),
            resumed(),
            send()
        ]),
        1,
        "begun before the commit was written"
    );
    assert_eq!(
        early(&[commit(), sync(" <unfinished ...>"), send(), resumed()]),
        1,
        "returned after the send began"
    );
    assert_eq!(
        early(&[commit(), sync(") = -1 EIO (Input/output error)"), send()]),
        1,
        "failed"
    );
    let elsewhere = sync(") = 0").replace(&hex(LOG.as_bytes()), &hex(b"/s/greenline.db"));
    assert_eq!(early(&[commit(), elsewhere, send()]), 1, "of another file");
}

#[test]
fn what_the_trace_does_not_show_is_not_let_pass() {
    let early = |trace: &[String]| judged(&trace.concat()).sends;
    assert_eq!(
        early(&[sync(") = 0"), send()]),
        ["send of `sent--0001-0001-`: the trace does not show its commit"]
    );
    assert_eq!(
        early(&[commit(), sync(") = 0")]),
        ["send of `sent--0001-0001-`: the trace does not show it"]
    );
}
