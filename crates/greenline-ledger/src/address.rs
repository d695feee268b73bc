//! Where a store is, and how an address is shown: never with its password.
//!
//! An address may hold a password, and addresses end up in errors, logs and on screens. So whoever shows
//! one goes through [`shown`], which rather hides too much than a character of the password.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr as _;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, SslNegotiation, TargetSessionAttrs};

/// What stands for a password.
const HIDDEN: &str = "(secret)";

/// Whether an address names a database of Postgres.
#[must_use]
pub fn is_postgres(url: &str) -> bool {
    after_scheme(url).is_some()
}

/// The path of a SQLite store, if the address names one.
#[must_use]
pub fn sqlite_path(url: &str) -> Option<&str> {
    url.strip_prefix("sqlite:")
}

/// Whether an address of Postgres holds a password.
#[must_use]
pub fn has_password(url: &str) -> bool {
    let Some((_, rest)) = after_scheme(url) else {
        return false;
    };
    let in_front = rest
        .rsplit_once('@')
        .is_some_and(|(credentials, _)| credentials.contains(':'));
    in_front || rest.to_ascii_lowercase().contains("password=")
}

/// An address as it may be shown to anybody.
#[must_use]
pub fn shown(url: &str) -> String {
    if sqlite_path(url).is_some() {
        return url.to_owned();
    }
    let Some((scheme, rest)) = after_scheme(url) else {
        // Whatever it is meant to be, it may hold a password.
        return HIDDEN.to_owned();
    };
    // A password may hold any character, also those that end it; so up to the last `@` all is hidden
    // but the name before the first `:`.
    let (credentials, rest) = match rest.rsplit_once('@') {
        Some((credentials, rest)) => (Some(credentials), rest),
        None => (None, rest),
    };
    let mut text = format!("{scheme}://");
    if let Some(credentials) = credentials {
        let name_ends = credentials.find([':', '/', '?', '@', '#']);
        match name_ends.and_then(|end| credentials.get(..end)) {
            Some(name) => {
                text.push_str(name);
                text.push(':');
                text.push_str(HIDDEN);
            }
            None => text.push_str(credentials),
        }
        text.push('@');
    }
    let (place, query) = match rest.split_once('?') {
        Some((place, query)) => (place, Some(query)),
        None => (rest, None),
    };
    text.push_str(place);
    if let Some(query) = query {
        let shown: Vec<String> = query.split('&').map(shown_parameter).collect();
        text.push('?');
        text.push_str(&shown.join("&"));
    }
    text
}

fn shown_parameter(parameter: &str) -> String {
    match parameter.split_once('=') {
        Some((name, _)) if name.to_ascii_lowercase().contains("password") => {
            format!("{name}={HIDDEN}")
        }
        _ => parameter.to_owned(),
    }
}

/// How the way to a database is protected: libpq's modes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tls {
    /// Not at all.
    Off,
    /// If the server can; who it is is not looked at.
    Prefer,
    /// In any case; who it is is not looked at, unless roots are named.
    Require,
    /// By somebody who is vouched for.
    VerifyCa,
    /// By the very host that is named.
    VerifyFull,
}

/// Whose word on who a server is counts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Roots {
    /// The machine's.
    Machine,
    /// That of the certificates in a file.
    File(PathBuf),
}

/// Why an address cannot be used; never says what may be a password.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct AddressError(String);

/// The address of a database, read.
#[derive(Clone)]
pub struct Postgres {
    config: Config,
    tls: Tls,
    roots: Roots,
    is_chosen: bool,
    shown: String,
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Postgres").field(&self.shown).finish()
    }
}

impl Postgres {
    /// Reads an address. What is said of TLS is libpq's `sslmode` and `sslrootcert`; where nothing is said,
    /// a database on this machine is spoken to in plain, and any other must prove who it is.
    ///
    /// # Errors
    /// An address that is none of Postgres, or asks for what is not there.
    pub fn parse(url: &str) -> Result<Self, AddressError> {
        let Some((scheme, rest)) = after_scheme(url) else {
            return refused("an address of Postgres begins with postgres://");
        };
        if rest.matches('@').count() > 1 {
            return refused("an `@` within the user or the password is written as %40");
        }
        let mut options = Options::default();
        let rest = options.take(rest)?;
        let mut config =
            Config::from_str(&format!("{scheme}://{rest}")).map_err(|error| unreadable(&error))?;
        if config.get_hosts().is_empty() {
            return refused("an address of Postgres names a host");
        }
        if config.get_hosts().len() > 1 {
            // Of several, only one takes what is written, and which one may change.
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        let is_local = is_local(&config);
        let tls = match options.mode {
            Some(_) if is_socket(&config) => Tls::Off,
            Some(mode) => mode,
            None if is_local => Tls::Off,
            None => Tls::VerifyFull,
        };
        config.ssl_mode(match tls {
            Tls::Off => SslMode::Disable,
            Tls::Prefer => SslMode::Prefer,
            Tls::Require | Tls::VerifyCa | Tls::VerifyFull => SslMode::Require,
        });
        Ok(Self {
            config,
            tls,
            roots: options.roots.unwrap_or(Roots::Machine),
            is_chosen: options.mode.is_some(),
            shown: shown(url),
        })
    }

    /// How the way there is protected.
    #[must_use]
    pub fn tls(&self) -> Tls {
        self.tls
    }

    /// Whether the address says how, or leaves it to the host.
    #[must_use]
    pub fn is_tls_chosen(&self) -> bool {
        self.is_chosen
    }

    /// Whose word counts.
    #[must_use]
    pub fn roots(&self) -> &Roots {
        &self.roots
    }

    /// Whether every host is this machine.
    #[must_use]
    pub fn is_local(&self) -> bool {
        is_local(&self.config)
    }

    /// Whether TLS begins without asking for it.
    pub(crate) fn is_direct(&self) -> bool {
        self.config.get_ssl_negotiation() == SslNegotiation::Direct
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }
}

/// What the driver does not read itself.
#[derive(Default)]
struct Options {
    mode: Option<Tls>,
    roots: Option<Roots>,
}

impl Options {
    /// Takes what is meant for here out of the parameters.
    fn take(&mut self, rest: &str) -> Result<String, AddressError> {
        // A `?` before the `@` belongs to the password.
        let from = rest.find('@').unwrap_or(0);
        let Some(query_at) = rest.get(from..).and_then(|rest| rest.find('?')) else {
            return Ok(rest.to_owned());
        };
        let (place, query) = rest.split_at(from + query_at);
        let mut kept = Vec::new();
        for parameter in query.trim_start_matches('?').split('&') {
            match parameter.split_once('=') {
                Some(("sslmode", mode)) => self.mode = Some(mode_of(mode)?),
                Some(("sslrootcert", "system")) => self.roots = Some(Roots::Machine),
                Some(("sslrootcert", path)) => {
                    self.roots = Some(Roots::File(PathBuf::from(decoded(path))));
                }
                Some((name @ ("sslcert" | "sslkey" | "sslcrl" | "passfile" | "service"), _)) => {
                    return refused(&format!("`{name}` is not supported"));
                }
                _ if parameter.is_empty() => {}
                _ => kept.push(parameter),
            }
        }
        if kept.is_empty() {
            return Ok(place.to_owned());
        }
        Ok(format!("{place}?{}", kept.join("&")))
    }
}

fn mode_of(text: &str) -> Result<Tls, AddressError> {
    match text {
        "disable" => Ok(Tls::Off),
        "prefer" => Ok(Tls::Prefer),
        "require" => Ok(Tls::Require),
        "verify-ca" => Ok(Tls::VerifyCa),
        "verify-full" => Ok(Tls::VerifyFull),
        _ => refused("sslmode is one of disable, prefer, require, verify-ca and verify-full"),
    }
}

fn is_local(config: &Config) -> bool {
    let is_named_local = config.get_hosts().iter().all(|host| match host {
        Host::Tcp(name) => {
            name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    });
    is_named_local && config.get_hostaddrs().iter().all(IpAddr::is_loopback)
}

/// Whether every host is a socket in the file system, on which there is no TLS.
fn is_socket(config: &Config) -> bool {
    config
        .get_hosts()
        .iter()
        .all(|host| !matches!(host, Host::Tcp(_)))
}

fn unreadable(error: &tokio_postgres::Error) -> AddressError {
    // Says which parameter is meant, never its value.
    let why = std::error::Error::source(error).map_or_else(String::new, ToString::to_string);
    AddressError(format!("an address of Postgres that does not read: {why}"))
}

fn refused<T>(why: &str) -> Result<T, AddressError> {
    Err(AddressError(why.to_owned()))
}

/// A text with its `%XX` put back.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        let (before, escaped) = rest.split_at(at);
        bytes.extend_from_slice(before.as_bytes());
        let digits = escaped.get(1..3);
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = escaped.get(3..).unwrap_or_default();
            }
            None => {
                bytes.push(b'%');
                rest = escaped.get(1..).unwrap_or_default();
            }
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}

fn after_scheme(url: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    matches!(scheme, "postgres" | "postgresql").then_some((scheme, rest))
}

#[cfg(test)]
mod tests {
    use super::{Postgres, Roots, Tls, has_password, shown};

    #[test]
    fn an_address_is_shown_without_its_password() {
        for (url, wanted) in [
            ("sqlite:a/b.db", "sqlite:a/b.db"),
            ("postgres://h/d", "postgres://h/d"),
            (
                "postgres://u@h:1/d?sslmode=require",
                "postgres://u@h:1/d?sslmode=require",
            ),
            (
                "postgres://u:pw@h:1,i:2/d",
                "postgres://u:(secret)@h:1,i:2/d",
            ),
            ("postgresql://u:p@w:/?x@h/d", "postgresql://u:(secret)@h/d"),
            (
                "postgres://h/d?user=u&password=pw",
                "postgres://h/d?user=u&password=(secret)",
            ),
            ("postgres://h/d?password=p@w", "postgres://h:(secret)@w"),
            ("host=h password=pw", "(secret)"),
            ("postgre://u:pw@h", "(secret)"),
        ] {
            assert_eq!(shown(url), wanted, "{url}");
            assert_eq!(
                has_password(url),
                wanted.contains("(secret)") && wanted.starts_with("postgres"),
                "{url}"
            );
        }
    }

    #[test]
    fn a_database_elsewhere_must_prove_who_it_is_unless_told_otherwise() {
        for (url, wanted) in [
            ("postgres://u:p@localhost/d", Tls::Off),
            ("postgres://127.0.0.7,[::1]:5/d", Tls::Off),
            ("postgres://u@%2Fvar%2Frun/d?sslmode=verify-full", Tls::Off),
            ("postgres://localhost/d?hostaddr=10.0.0.1", Tls::VerifyFull),
            ("postgres://localhost,db.example/d", Tls::VerifyFull),
            ("postgres://u:p?x@db.example/d", Tls::VerifyFull),
            ("postgres://u:p@db.example/d?sslmode=disable", Tls::Off),
            (
                "postgres://db.example/d?connect_timeout=3&sslmode=prefer",
                Tls::Prefer,
            ),
            (
                "postgres://127.0.0.1/d?sslmode=require&options=-c%20a=b",
                Tls::Require,
            ),
            (
                "postgres://h?sslmode=verify-ca&sslrootcert=/a%20b.pem",
                Tls::VerifyCa,
            ),
        ] {
            assert_eq!(Postgres::parse(url).unwrap().tls(), wanted, "{url}");
        }
        let named = Postgres::parse("postgres://h/d?sslrootcert=%2Fa%20b.pem").unwrap();
        assert_eq!(*named.roots(), Roots::File("/a b.pem".into()));
    }

    #[test]
    fn an_address_that_cannot_be_used_is_refused_without_its_password() {
        for url in [
            "sqlite:a.db",
            "postgres://u:hunter2@/d",
            "postgres://u:hun@ter2@h/d",
            "postgres://u:hunter2@h:port/d",
            "postgres://u:hunter2@h/d?sslmode=hunter2",
            "postgres://u:hunter2@h/d?sslkey=hunter2",
            "postgres://u:hunter2@h/d?password=hunter2&frob=hunter2",
        ] {
            let why = Postgres::parse(url).unwrap_err().to_string();
            assert!(!why.contains("hunter2"), "{why}");
        }
        let debugged = format!("{:?}", Postgres::parse("postgres://u:hunter2@h/d").unwrap());
        assert!(!debugged.contains("hunter2"), "{debugged}");
    }
}
