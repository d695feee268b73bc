//! Free ports that stay free.
//!
//! A port that was free a moment ago may be taken by another test. Each test is a process, so each takes
//! an address of its own out of 127.0.0.0/8, made from its process id; nobody else listens there. Where
//! the system has only 127.0.0.1, that must do.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};

/// This process's own loopback address.
fn own_ip() -> IpAddr {
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    let own = Ipv4Addr::new(127, 64 | (high & 63), middle, low);
    match TcpListener::bind((own, 0)) {
        Ok(_) => own.into(),
        Err(_) => Ipv4Addr::LOCALHOST.into(),
    }
}

/// Addresses that can be listened on, all different.
pub(crate) fn free<const COUNT: usize>() -> [SocketAddr; COUNT] {
    let ip = own_ip();
    let held =
        std::array::from_fn::<_, COUNT, _>(|_| TcpListener::bind((ip, 0)).expect("a free port"));
    held.each_ref()
        .map(|listener| listener.local_addr().expect("its address"))
}
