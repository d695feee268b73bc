//! The handle on a running simulator.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Uri, header};
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::changes::{AccountChange, NumberChange, TemplateChange};
use crate::config::{Health, SimConfig};
use crate::deliver::HookError;
use crate::faults::Fault;
use crate::health::{Feedback, Feeling, Nature, Script, Transition, Truth};
use crate::ids;
use crate::inbound::{ActError, Inbound, Written};
use crate::log::{Delivery, Received};
use crate::people::PersonView;
use crate::platform::Platform;
use crate::request::Call;
use crate::server::{self, Outcome, Times};
use crate::tokens::TokenChange;
use crate::unclear::Unclear;

/// The answer to a call that was made without a socket.
#[derive(Clone, Debug)]
pub struct Answered {
    /// The status.
    pub status: u16,
    /// The error code, if it was refused.
    pub code: Option<u32>,
    /// The id of the message or call that was taken.
    pub id: Option<String>,
    /// The body.
    pub body: Bytes,
}

/// A running simulator. It stops when this is dropped; [`Sim::stop`] also waits for it.
pub struct Sim {
    addr: SocketAddr,
    platform: Arc<Platform>,
    server: Option<JoinHandle<()>>,
}

impl Sim {
    /// Starts a simulator on the runtime this is called in.
    pub async fn start(config: SimConfig) -> io::Result<Self> {
        let listener = TcpListener::bind(config.listen).await?;
        let addr = listener.local_addr()?;
        let health = config.health.clone().filter(|_| !config.quiet);
        let platform = Platform::new(config);
        if let Some(health) = health {
            platform
                .health_on(&health)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        }
        let server = tokio::spawn(server::run(Arc::clone(&platform), listener));
        Ok(Self {
            addr,
            platform,
            server: Some(server),
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What stands where `https://graph.facebook.com` would.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Stops: takes no more connections, lets requests under way finish for a moment, forgets
    /// webhooks that are still to come.
    pub async fn stop(mut self) {
        self.platform.stop();
        if let Some(server) = self.server.take() {
            // It only fails if it panicked, and then it has stopped too.
            let _ = server.await;
        }
    }

    /// Unix milliseconds on the simulator's clock.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        self.platform.clock.now_ms()
    }

    /// Nanoseconds since the start: the clock of [`Received`] and of delivery attempts.
    #[must_use]
    pub fn elapsed_ns(&self) -> u64 {
        self.platform.clock.ns()
    }

    /// The time on that clock, before a look at every connection: what is not there by now is known to
    /// have arrived later ([`Received::not_before_ns`]). For a test that posts webhooks of its own; the
    /// simulator's own webhooks do the same when they are answered.
    #[must_use]
    pub fn mark(&self) -> u64 {
        let now_ns = self.platform.clock.ns();
        self.platform.lines.sweep(&self.platform.clock);
        now_ns
    }

    /// The instant at which those nanoseconds are 0.
    #[must_use]
    pub fn started(&self) -> Instant {
        self.platform.clock.started()
    }

    /// Puts the simulator's clock ahead. In a world of health, what is due on the way happens in order.
    pub fn advance(&self, by: Duration) {
        let ms = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        // It only refuses to go back.
        let _ = self.platform.move_clock(ms);
    }

    /// Puts the simulator's clock to a moment, in Unix milliseconds. In a world of health it does not go
    /// back once somebody was written to.
    pub fn set_clock(&self, unix_ms: i64) -> Result<(), ActError> {
        let by_ms = unix_ms.saturating_sub(self.now_ms());
        self.platform.move_clock(by_ms)
    }

    /// Stops the clock where it is, until it is moved; or lets it run on.
    pub fn hold_clock(&self, stands_still: bool) {
        self.platform.hold_clock(stands_still);
    }

    /// Turns the world of health on, or makes it another one.
    pub fn health_on(&self, health: &Health) -> Result<(), ActError> {
        self.platform.health_on(health)
    }

    /// Puts something into a state, now or later; the world of health is on from then on at the latest.
    pub fn script(&self, script: &Script) -> Result<(), ActError> {
        self.platform.script(script)
    }

    /// The hidden state of the world of health.
    #[must_use]
    pub fn truth(&self) -> Truth {
        self.platform.truth()
    }

    /// Every change of state with a greater number, oldest first; 0 for all that are remembered.
    #[must_use]
    pub fn timeline(&self, since: u64) -> Vec<Transition> {
        self.platform.health.book().timeline(since)
    }

    /// What people thought of messages, and why, with a greater number, oldest first.
    #[must_use]
    pub fn feelings(&self, since: u64) -> Vec<Feeling> {
        self.platform.health.book().feelings(since)
    }

    /// What a person is like.
    #[must_use]
    pub fn nature(&self, person: &str) -> Nature {
        self.platform.nature(person)
    }

    /// Whether a person truly agreed to marketing, from now on.
    pub fn set_agreed(&self, person: &str, agreed: bool) {
        self.platform.set_agreed(&ids::wa_id(person), agreed);
    }

    /// A person blocks, reports, mutes or archives a number, or stops it.
    pub fn feel(&self, number: &str, person: &str, feedback: Feedback) -> Result<(), ActError> {
        self.platform.feel(number, person, None, feedback)
    }

    /// The same, because of a message of this template.
    pub fn feel_about(
        &self,
        number: &str,
        person: &str,
        template: u64,
        feedback: Feedback,
    ) -> Result<(), ActError> {
        self.platform.feel(number, person, Some(template), feedback)
    }

    /// A person calls a number.
    pub fn person_calls(&self, number: &str, person: &str) -> Result<Written, ActError> {
        self.platform.person_calls(number, person)
    }

    /// A Graph call without a socket, for runs with many of them: answered as over HTTP, faults and log
    /// included. Nothing where a fault cuts the connection.
    pub async fn call(
        &self,
        method: Method,
        target: &str,
        token: &str,
        body: impl Into<Bytes>,
    ) -> Option<Answered> {
        let body = body.into();
        let uri: Uri = target.parse().ok()?;
        let mut headers = HeaderMap::new();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        let bearer = HeaderValue::try_from(format!("Bearer {token}")).ok()?;
        headers.insert(header::AUTHORIZATION, bearer);
        let call = Call::read(method, &uri, &headers, &body);
        let now_ns = self.platform.clock.ns();
        let times = Times {
            head_ns: now_ns,
            body_ns: now_ns,
            not_before_ns: 0,
            unix_ms: self.now_ms(),
        };
        match server::carry_out(&self.platform, &call, body, times).await {
            Outcome::Whole(reply) | Outcome::Half(reply) => Some(Answered {
                status: reply.status,
                code: reply.code,
                id: reply.wamid,
                body: reply.body,
            }),
            Outcome::Nothing => None,
        }
    }

    /// How this platform behaves where nobody knows.
    #[must_use]
    pub fn unclear(&self) -> Unclear {
        self.platform.world.unclear
    }

    /// Points a business's webhooks to an address, after the set-up call to it. Without a
    /// portfolio, the first business's.
    pub async fn subscribe(
        &self,
        portfolio: Option<&str>,
        callback_url: &str,
        verify_token: &str,
    ) -> Result<(), HookError> {
        self.platform
            .hooks
            .handshake(&self.platform, callback_url, verify_token)
            .await?;
        self.set_callback(portfolio, callback_url, verify_token)
    }

    /// Points a business's webhooks to an address without asking it.
    pub fn set_callback(
        &self,
        portfolio: Option<&str>,
        callback_url: &str,
        verify_token: &str,
    ) -> Result<(), HookError> {
        if self
            .platform
            .set_callback(portfolio, callback_url, verify_token)
        {
            Ok(())
        } else {
            Err(HookError::Unknown)
        }
    }

    /// A person writes to a number.
    pub fn inbound(&self, inbound: &Inbound) -> Result<Written, ActError> {
        self.platform.inbound(inbound)
    }

    /// A person turns marketing off in WhatsApp, in the chat with this number.
    pub fn native_stop(&self, number: &str, person: &str) -> Result<Written, ActError> {
        self.platform.native(number, person, true)
    }

    /// A person turns marketing on again.
    pub fn native_resume(&self, number: &str, person: &str) -> Result<Written, ActError> {
        self.platform.native(number, person, false)
    }

    /// A person moves to another phone number; this business number is told.
    pub fn move_person(&self, number: &str, from: &str, to: &str) -> Result<Written, ActError> {
        self.platform.move_person(number, from, to)
    }

    /// A person gets another user id; this business number is told.
    pub fn change_user_id(&self, number: &str, person: &str) -> Result<Written, ActError> {
        self.platform.change_user_id(number, person)
    }

    /// A person as the business behind this number may know them.
    pub fn person(&self, number: &str, person: &str) -> Result<PersonView, ActError> {
        let line = self.platform.line(number)?;
        let now_ms = self.now_ms();
        Ok(self
            .platform
            .world
            .people
            .with(&ids::wa_id(person), |person| {
                person.view(&line.portfolio, now_ms)
            }))
    }

    /// Changes a number.
    pub fn change_number(&self, id: &str, change: &NumberChange) -> Result<(), ActError> {
        self.platform.change_number(id, change)
    }

    /// Changes a template and announces it.
    pub fn change_template(&self, id: u64, change: &TemplateChange) -> Result<(), ActError> {
        self.platform.change_template(id, change)
    }

    /// Changes an account and announces it.
    pub fn change_account(&self, id: &str, change: &AccountChange) -> Result<(), ActError> {
        self.platform.change_account(id, change)
    }

    /// Changes a token; nobody is told.
    pub fn change_token(&self, change: &TokenChange) -> Result<(), ActError> {
        self.platform.change_token(change)
    }

    /// Sends any webhook; whether anybody listens.
    pub fn tell(
        &self,
        account: &str,
        number: Option<&str>,
        field: &str,
        value: &impl Serialize,
    ) -> bool {
        self.platform.tell_any(account, number, field, value)
    }

    /// Puts a fault in force.
    pub fn fault(&self, fault: Fault) -> u64 {
        self.platform.faults.add(fault)
    }

    /// Ends all faults.
    pub fn clear_faults(&self) {
        self.platform.faults.clear();
    }

    /// The requests with a greater number, oldest first; 0 for all that are remembered.
    #[must_use]
    pub fn requests(&self, since: u64) -> Vec<Received> {
        self.platform.log.since(since)
    }

    /// The number of the latest request.
    #[must_use]
    pub fn request_count(&self) -> u64 {
        self.platform.log.count()
    }

    /// Changes with every request that arrives or is answered.
    #[must_use]
    pub fn request_changes(&self) -> watch::Receiver<u64> {
        self.platform.log.changes()
    }

    /// The first remembered request that fits, waiting for it if need be.
    pub async fn wait_request(
        &self,
        within: Duration,
        wanted: impl FnMut(&Received) -> bool,
    ) -> Option<Received> {
        self.platform.log.wait(within, wanted).await
    }

    /// Forgets requests and deliveries; their numbers go on.
    pub fn clear_log(&self) {
        self.platform.log.clear();
        self.platform.hooks.log.clear();
    }

    /// The webhook calls with a greater number, oldest first; 0 for all that are remembered.
    #[must_use]
    pub fn deliveries(&self, since: u64) -> Vec<Delivery> {
        self.platform.hooks.log.since(since)
    }

    /// Changes with every webhook call that is queued or tried.
    #[must_use]
    pub fn delivery_changes(&self) -> watch::Receiver<u64> {
        self.platform.hooks.log.changes()
    }

    /// The first remembered webhook call that fits, waiting for it if need be.
    pub async fn wait_delivery(
        &self,
        within: Duration,
        wanted: impl FnMut(&Delivery) -> bool,
    ) -> Option<Delivery> {
        self.platform.hooks.log.wait(within, wanted).await
    }

    /// The webhook call that carried this message or status and was answered 200.
    pub async fn wait_acknowledged(&self, within: Duration, id: &str) -> Option<Delivery> {
        self.wait_delivery(within, |delivery| {
            delivery.is_acknowledged() && delivery.ids.iter().any(|known| known == id)
        })
        .await
    }

    /// Waits until nothing is to come any more: every status sent, every webhook taken or given up.
    pub async fn settle(&self, within: Duration) -> bool {
        self.platform.pending.none(within).await
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        self.platform.stop();
    }
}
