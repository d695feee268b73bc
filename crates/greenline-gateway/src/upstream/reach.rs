//! Which addresses a server may have.
//!
//! An address that came through the API must not lead into the operator's own network: every address its name
//! stands for must be public, and the connection is made to one of those that were looked at, so that a name
//! that changes its meaning in between gains nothing. This module never connects to a name.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::TcpStream;

/// Where a server may be.
#[derive(Clone, Debug, Default)]
pub enum Reach {
    /// Anywhere: the operator named it.
    #[default]
    Anywhere,
    /// On public addresses only.
    Public(Names),
}

/// Who says which addresses a name stands for.
#[derive(Clone, Debug, Default)]
pub struct Names(Source);

#[derive(Clone, Debug, Default)]
enum Source {
    #[default]
    System,
    /// Answers that are given one after the other; for tests.
    #[cfg(test)]
    Given(std::sync::Arc<std::sync::Mutex<std::collections::VecDeque<Vec<SocketAddr>>>>),
}

impl Names {
    async fn look_up(&self, host: &str, port: u16) -> std::io::Result<Vec<SocketAddr>> {
        match &self.0 {
            Source::System => Ok(tokio::net::lookup_host((host, port)).await?.collect()),
            #[cfg(test)]
            Source::Given(answers) => {
                let mut answers = answers
                    .lock()
                    .unwrap_or_else(std::sync::PoisonError::into_inner);
                Ok(answers.pop_front().unwrap_or_default())
            }
        }
    }

    /// What a name stands for, if all of it is public.
    async fn public(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
        let found = self.look_up(host, port).await;
        let found = found.map_err(|error| error.to_string())?;
        if found.is_empty() {
            return Err(format!("`{host}` has no address"));
        }
        if !found.iter().all(|address| is_public(address.ip())) {
            return Err(format!(
                "`{host}` stands for an address that is not public; the operator can allow it in events.allow_hosts"
            ));
        }
        Ok(found)
    }
}

impl Reach {
    /// Opens a connection: to a name anywhere, or to addresses that were looked at.
    pub(super) async fn connect(&self, host: &str, port: u16) -> Result<TcpStream, String> {
        let stream = match self {
            Self::Anywhere => TcpStream::connect((host, port)).await,
            Self::Public(names) => {
                let public = names.public(host, port).await?;
                TcpStream::connect(public.as_slice()).await
            }
        };
        stream.map_err(|error| error.to_string())
    }
}

/// Whether an address belongs to the public network.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => is_public_v4(v4),
            None => is_public_v6(v6),
        },
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let reserved = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        || a == 0
        || a >= 240
        // Between a provider and its customers.
        || (a == 100 && (64..128).contains(&b))
        || (a, b, c) == (192, 0, 0)
        // What once led to IPv6.
        || (a, b, c) == (192, 88, 99)
        // For measurements.
        || (a == 198 && (b == 18 || b == 19));
    !reserved
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    let is_global = (0x2000..0x4000).contains(&a);
    let reserved = (a == 0x2001 && (b < 0x0200 || b == 0x0db8))
        // These hold an address of IPv4 that may be any.
        || a == 0x2002
        || a == 0x3fff;
    is_global && !reserved
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::{Arc, Mutex};

    use tokio::net::TcpListener;

    use super::*;

    fn given(answers: Vec<Vec<SocketAddr>>) -> Names {
        let answers = Arc::new(Mutex::new(VecDeque::from(answers)));
        Names(Source::Given(answers))
    }

    #[test]
    fn only_what_is_public_is() {
        for text in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "100.127.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "198.18.0.1",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "192.88.99.1",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2001:db8::1",
            "2001::1",
            "2002:7f00:1::",
            "::127.0.0.1",
            "100::1",
            "5f00::1",
        ] {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
        for text in [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.255.255",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "198.17.0.1",
            "198.20.0.1",
            "2606:4700:4700::1111",
            "2a00:1450:4001::1",
            "::ffff:8.8.8.8",
        ] {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
    }

    #[tokio::test]
    async fn a_name_is_refused_if_any_of_its_addresses_is_not_public() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let inside = listener.local_addr().unwrap();
        let outside: SocketAddr = "192.0.1.1:443".parse().unwrap();
        for answer in [vec![inside], vec![outside, inside], vec![inside, outside]] {
            let reach = Reach::Public(given(vec![answer]));
            let error = reach.connect("crm.example", 443).await.unwrap_err();
            assert!(error.contains("not public"), "{error}");
        }
        let reach = Reach::Public(given(vec![vec![]]));
        let error = reach.connect("crm.example", 443).await.unwrap_err();
        assert!(error.contains("no address"), "{error}");
        let came = tokio::time::timeout(std::time::Duration::from_millis(50), listener.accept());
        assert!(came.await.is_err(), "nobody came inside");
    }

    /// What is connected to is what was looked at, and each connection looks for itself.
    #[tokio::test]
    async fn a_name_that_changes_its_meaning_gains_nothing() {
        let outside: SocketAddr = "192.0.1.1:443".parse().unwrap();
        let inside: SocketAddr = "127.0.0.1:443".parse().unwrap();
        let names = given(vec![vec![outside], vec![inside]]);
        assert_eq!(names.public("crm.example", 443).await, Ok(vec![outside]));
        let error = names.public("crm.example", 443).await.unwrap_err();
        assert!(error.contains("not public"), "{error}");
    }
}
