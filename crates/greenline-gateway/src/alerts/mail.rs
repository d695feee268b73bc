//! Mail, by SMTP: to the operator's own server, over TLS unless that server may be spoken to in plain.

use std::time::Duration;

use lettre::message::header::ContentType;
use lettre::message::{Mailbox as Address, Message as Letter};
use lettre::transport::smtp::authentication::Credentials;
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};

use super::channel::Message;
use crate::config::alerts::{Smtp, SmtpTls};

/// From whom, and to whom.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Mailbox {
    from: String,
    to: Vec<String>,
}

impl Mailbox {
    pub(super) fn of(from: &str, to: &[String]) -> Self {
        Self {
            from: from.to_owned(),
            to: to.to_vec(),
        }
    }
}

/// A mailbox, or several, and the way there.
#[derive(Debug)]
pub(super) struct Mail(Result<Ready, String>);

#[derive(Debug)]
struct Ready {
    server: AsyncSmtpTransport<Tokio1Executor>,
    from: Address,
    to: Vec<Address>,
}

/// Whether a text is an address that mail can go to or come from.
pub(super) fn is_address(text: &str) -> bool {
    text.parse::<Address>().is_ok()
}

impl Mail {
    pub(super) fn new(smtp: &Smtp, mailbox: &Mailbox, timeout: Duration) -> Self {
        Self(ready(smtp, mailbox, timeout))
    }

    pub(super) async fn say(&self, message: &Message) -> Result<(), String> {
        let Ready { server, from, to } = self.0.as_ref().map_err(Clone::clone)?;
        let domain = from.email.domain();
        let mut letter = Letter::builder()
            .from(from.clone())
            // The same at every attempt: whoever gets it twice can tell.
            .message_id(Some(format!("<{}@{domain}>", message.id)))
            .subject(message.subject.as_str())
            .header(ContentType::TEXT_PLAIN);
        for one in to {
            letter = letter.to(one.clone());
        }
        let letter = letter
            .body(message.text.clone())
            .map_err(|error| error.to_string())?;
        let sent = server.send(letter).await;
        sent.map(|_| ()).map_err(|error| said(&error))
    }
}

/// An error with what lies behind it.
fn said(error: &lettre::transport::smtp::Error) -> String {
    use std::error::Error as _;
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

fn ready(smtp: &Smtp, mailbox: &Mailbox, timeout: Duration) -> Result<Ready, String> {
    if smtp.host.is_empty() {
        return Err("alerts.smtp.host is empty".to_owned());
    }
    let address = |text: &String| {
        text.parse::<Address>()
            .map_err(|error| format!("`{text}` is no mail address: {error}"))
    };
    type Server = AsyncSmtpTransport<Tokio1Executor>;
    let server = match smtp.tls {
        SmtpTls::Starttls => Server::starttls_relay(&smtp.host),
        SmtpTls::Implicit => Server::relay(&smtp.host),
        SmtpTls::None => Ok(Server::builder_dangerous(&smtp.host)),
    };
    let mut server = server
        .map_err(|error| error.to_string())?
        .port(smtp.port)
        .timeout(Some(timeout));
    if !smtp.username.is_empty() {
        let password = smtp.password.reveal().to_owned();
        server = server.credentials(Credentials::new(smtp.username.clone(), password));
    }
    Ok(Ready {
        server: server.build(),
        from: address(&mailbox.from)?,
        to: mailbox.to.iter().map(address).collect::<Result<_, _>>()?,
    })
}
