//! The way to the database: encrypted as the address asks for, to a server that proves who it is, or not at all.
//!
//! A real Postgres shows certificates made here. What falls back, or trusts whom it should not, fails.

use greenline_ledger::{Database, examine};
use greenline_testdb::Server;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

use crate::support::command::run_with;
use crate::support::gateway::Gateway;
use crate::support::place::NOWHERE;
use crate::support::store::Home;

/// A server that shows a certificate for `localhost`, and the authority that vouches for it.
struct Secured {
    server: Server,
    home: Home,
    folder: TempDir,
}

impl Secured {
    /// Turns TLS on at a server of the test's own.
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let authority = authority("Authority of a test");
        std::fs::write(folder.path().join("root.pem"), authority.pem()).expect("a file");
        let other = self::authority("Authority of nobody");
        std::fs::write(folder.path().join("other.pem"), other.pem()).expect("a file");
        let key = KeyPair::generate().expect("a key");
        let certificate = CertificateParams::new(vec!["localhost".to_owned()])
            .and_then(|params| params.signed_by(&key, &authority))
            .expect("a certificate");

        let server = Server::private();
        let home = Home::on(server.database());
        write(&home, "server.crt", &certificate.pem());
        write(&home, "server.key", &key.serialize_pem());
        home.database().sql("ALTER SYSTEM SET ssl = on");
        home.database().sql("SELECT pg_reload_conf()");
        Self {
            server,
            home,
            folder,
        }
    }

    /// The database's address with this host and these parameters.
    fn url(&self, host: &str, parameters: &str) -> String {
        let url = self.home.database().url();
        format!("{}?{parameters}", url.replace("127.0.0.1", host))
    }

    /// The parameter that names a file of roots.
    fn roots(&self, name: &str) -> String {
        format!("sslrootcert={}", self.folder.path().join(name).display())
    }
}

fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, name);
    let key = KeyPair::generate().expect("a key");
    CertifiedIssuer::self_signed(params, key).expect("a certificate")
}

/// Puts a file beside the server's data, as the user that the server runs as.
fn write(home: &Home, name: &str, text: &str) {
    home.database().sql(&format!(
        "COPY (SELECT unnest(string_to_array('{}', E'\\n'))) TO PROGRAM 'umask 077; cat > {name}'",
        text.trim()
    ));
}

/// What is said of the way, once the server has read its certificate.
async fn way(url: &str) -> Result<Database, String> {
    examine(url).await.map_err(|error| {
        let mut text = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            text.push_str(&format!(": {cause}"));
            source = cause.source();
        }
        text
    })
}

async fn is_encrypted(url: &str) -> bool {
    let seen = way(url).await.unwrap_or_else(|why| panic!("{why}"));
    seen.tls.is_some_and(|tls| tls.starts_with("TLS"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_mode_asks_for_what_it_says() {
    let secured = Secured::new();
    let (root, other) = (secured.roots("root.pem"), secured.roots("other.pem"));
    crate::support::soon("the server reads its certificate", async {
        while !is_encrypted(&secured.url("localhost", "sslmode=prefer")).await {}
    })
    .await;

    assert!(!is_encrypted(&secured.url("localhost", "sslmode=disable")).await);
    assert!(!is_encrypted(&secured.home.database().url()).await);
    for (host, parameters) in [
        ("127.0.0.1", "sslmode=require".to_owned()),
        ("127.0.0.1", format!("sslmode=require&{root}")),
        ("127.0.0.1", format!("sslmode=verify-ca&{root}")),
        ("localhost", format!("sslmode=verify-full&{root}")),
    ] {
        assert!(
            is_encrypted(&secured.url(host, &parameters)).await,
            "{host} {parameters}"
        );
    }
    for (host, parameters, why) in [
        (
            "localhost",
            format!("sslmode=verify-full&{other}"),
            "UnknownIssuer",
        ),
        (
            "localhost",
            format!("sslmode=verify-ca&{other}"),
            "UnknownIssuer",
        ),
        (
            "localhost",
            format!("sslmode=require&{other}"),
            "UnknownIssuer",
        ),
        (
            "localhost",
            "sslmode=verify-full".to_owned(),
            "UnknownIssuer",
        ),
        (
            "127.0.0.1",
            format!("sslmode=verify-full&{root}"),
            "not valid for name",
        ),
        (
            "localhost",
            format!("sslmode=verify-full&{}", secured.roots("none.pem")),
            "none.pem",
        ),
    ] {
        let refused = way(&secured.url(host, &parameters)).await;
        let said = refused.expect_err(&parameters);
        assert!(said.contains(why), "{host} {parameters}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_is_named_itself_is_trusted_under_its_name() {
    let secured = Secured::new();
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).expect("parameters");
    // As `openssl req -x509` makes them.
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let own = params.self_signed(&key).expect("a certificate");
    std::fs::write(secured.folder.path().join("own.pem"), own.pem()).expect("a file");
    write(&secured.home, "server.crt", &own.pem());
    write(&secured.home, "server.key", &key.serialize_pem());
    secured.server.stop();
    secured.server.start();

    let own = secured.roots("own.pem");
    assert!(is_encrypted(&secured.url("localhost", &format!("sslmode=verify-full&{own}"))).await);
    let elsewhere = secured.url("127.0.0.1", &format!("sslmode=verify-full&{own}"));
    assert!(way(&elsewhere).await.is_err());
    let others = secured.url(
        "localhost",
        &format!("sslmode=verify-full&{}", secured.roots("root.pem")),
    );
    assert!(way(&others).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_tls_is_refused_where_tls_is_asked_for() {
    let server = Server::private();
    let home = Home::on(server.database());
    let url = |mode: &str| format!("{}?sslmode={mode}", home.database().url());
    for mode in ["require", "verify-ca", "verify-full"] {
        let said = way(&url(mode)).await.expect_err(mode);
        assert!(said.contains("does not support TLS"), "{mode}: {said}");
    }
    assert!(!is_encrypted(&url("prefer")).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_speaks_to_its_database_over_tls_only() {
    let secured = Secured::new();
    let url = secured.url(
        "localhost",
        &format!("sslmode=verify-full&{}", secured.roots("root.pem")),
    );
    secured.server.stop();
    secured.server.start();
    let mut gateway = Gateway::start(&secured.home, NOWHERE, |settings| {
        settings.with(&["store", "url"], url)
    })
    .await;
    gateway.opt_in("15551230001", "marketing").await;
    let ways = secured.home.database().sql(
        "SELECT DISTINCT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'greenline'",
    );
    assert_eq!(ways, "t");
    assert!(gateway.stop().await.success());
    let found = run_with(&gateway.config(), &["doctor"]).await;
    assert!(
        found.stdout.contains("the server proves who it is"),
        "{found:?}"
    );
}
