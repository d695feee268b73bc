//! Ports for servers that come and go on the same one.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};

/// Below where Linux takes the local ports of outgoing connections from. A port from there may be taken while its server is
/// stopped for a moment; worse, a client that keeps trying to connect may be given that very port and then meets itself.
const USUAL: Range<u16> = 18_000..32_000;

/// A port that was free a moment ago.
pub(crate) fn free() -> Result<u16> {
    let range = below(outgoing_from());
    let count = u32::from(range.end - range.start);
    let first = chance() % count;
    (0..count)
        .filter_map(|step| u16::try_from((first + step) % count).ok())
        .map(|offset| range.start + offset)
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .context("no free port on loopback")
}

fn below(outgoing_from: u16) -> Range<u16> {
    if outgoing_from > USUAL.start + 1_000 {
        USUAL.start..USUAL.end.min(outgoing_from)
    } else {
        USUAL
    }
}

fn outgoing_from() -> u16 {
    fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range")
        .ok()
        .and_then(|range| range.split_whitespace().next()?.parse().ok())
        .unwrap_or(USUAL.end)
}

/// Keeps processes that start together from trying the same ports in the same order.
fn chance() -> u32 {
    let nanos = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.subsec_nanos());
    nanos ^ std::process::id().wrapping_mul(0x9E37_79B9)
}

#[cfg(test)]
mod tests {
    use super::{USUAL, below};

    #[test]
    fn ports_of_outgoing_connections_are_avoided_where_there_is_room() {
        assert_eq!(below(32_768), USUAL);
        assert_eq!(below(25_000), USUAL.start..25_000);
        assert_eq!(below(1_024), USUAL);
    }
}
