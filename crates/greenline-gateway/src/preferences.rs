//! Preference links and the page behind them, `/p/{token}` on the public listener.
//!
//! Looking changes nothing, whoever looks: mail and message scanners open every link they see. Acting is a
//! POST of a form that this page made for this link, or the one-click POST of RFC 8058. A link can always
//! close and never opens: only who has just closed something on the page can undo that, for a while, by a
//! token that names the very event. What is recorded goes the way of `POST /v1/consents`, so a page that says
//! "off" is shown only when every message allowed before has left, failed or can no longer leave.
//!
//! No login, no cookie, no script. Whoever has the link can turn messages off and see whether they are on,
//! and nothing else: the number is masked, and no link tells of any other.

pub mod brand;
mod limit;
mod record;
mod sealed;
pub mod token;
mod view;

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use greenline_console::preference::{
    Message, Notice, PreferenceMessage, Problem, Setting, Texts, negotiate, of_language,
};
use greenline_ledger::{LedgerError, LinkHolder};
use greenline_policy::scope::Scope;
use http_body_util::{BodyExt as _, Limited};

use crate::app::{App, Shared};
use crate::config::StopCloses;
use crate::directory::Business;
use crate::keyring::Keyring;

pub use brand::Brands;
pub use limit::Limiter;
pub(crate) use limit::address as address_key;
pub(crate) use sealed::mac;
pub(crate) use view::{direction, title};

use record::Held;
use sealed::{Form, Note, NoteKind, Sealer};
use token::Link;

/// Bytes of a posted form at most.
pub(crate) const FORM_BYTES_MAX: usize = 8 << 10;
/// After how long whoever came too often may come again.
const RETRY_AFTER_S: &str = "60";
/// How long an own change can be undone.
pub(crate) const UNDO_MS: i64 = 30 * 60 * 1_000;
pub(crate) const MINUTE_MS: i64 = 60 * 1_000;
pub(crate) const HOUR_MS: i64 = 60 * MINUTE_MS;

/// Where a request came from, as the listener saw it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Peer(pub IpAddr);

/// What preference pages need beside the rest.
#[derive(Debug, Default)]
pub struct Preferences {
    /// How businesses look, by their place in the configuration.
    pub brands: Brands,
    /// How often pages were asked for.
    pub limiter: Limiter,
}

/// Everything a request says, but for its body.
struct Asked {
    token: String,
    query: Query,
    headers: HeaderMap,
    ip: Option<IpAddr>,
}

#[derive(Default)]
struct Query {
    lang: Option<String>,
    done: Option<String>,
}

impl Query {
    fn read(query: &str) -> Self {
        let mut read = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "lang" => read.lang = Some(value.into_owned()),
                "done" => read.done = Some(value.into_owned()),
                _ => {}
            }
        }
        read
    }
}

impl Asked {
    fn new(app: &App, token: String, request: &Request) -> Self {
        let headers = request.headers().clone();
        let peer = request.extensions().get::<Peer>().map(|peer| peer.0);
        Self {
            token,
            query: Query::read(request.uri().query().unwrap_or_default()),
            ip: address(&headers, peer, app.config.listen.public_proxies),
            headers,
        }
    }

    /// The language: the one chosen, else the browser's, else the business's.
    fn texts(&self, business: Option<&Business>) -> &'static Texts {
        let chosen = self.query.lang.as_deref().and_then(of_language);
        let accepted = || {
            let header = self.headers.get(header::ACCEPT_LANGUAGE)?;
            negotiate(header.to_str().ok()?)
        };
        let usual = || of_language(&business?.config.language);
        chosen
            .or_else(accepted)
            .or_else(usual)
            .unwrap_or_else(greenline_console::preference::usual)
    }

    /// Whether a browser says that another site made it send this.
    fn is_from_elsewhere(&self) -> bool {
        is_from_elsewhere(&self.headers)
    }
}

/// Whether a browser says that another site made it send this.
pub(crate) fn is_from_elsewhere(headers: &HeaderMap) -> bool {
    headers
        .get(HeaderName::from_static("sec-fetch-site"))
        .is_some_and(|site| !matches!(site.as_bytes(), b"same-origin" | b"none"))
}

/// The client's address: the peer's, or what the outermost of our own proxies wrote down.
pub(crate) fn address(headers: &HeaderMap, peer: Option<IpAddr>, proxies: usize) -> Option<IpAddr> {
    if proxies == 0 {
        return peer;
    }
    let forwarded: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .collect();
    let at = forwarded.len().checked_sub(proxies)?;
    forwarded.get(at)?.parse().ok()
}

/// A link that is one, with everything it leads to.
struct Opened {
    business: Arc<Business>,
    ring: Arc<Keyring>,
    link: Link,
    held: Held,
}

/// Why a link leads nowhere.
enum Shut {
    /// It is none of ours.
    Stray,
    /// It was one: revoked or expired.
    Over(Arc<Business>),
    /// That cannot be told now.
    Down(Option<Arc<Business>>),
}

impl Opened {
    async fn of(app: &App, token: &str) -> Result<Self, Shut> {
        let now_ms = app.clock.now_ms();
        let ring = app.keys.open(now_ms).map_err(|error| {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "no keys for preference links"
            );
            Shut::Down(None)
        })?;
        let names = app.directory.businesses().map(|b| b.config.id.as_str());
        let (at, link) = token::open(&ring, names, token).ok_or(Shut::Stray)?;
        let business = app.directory.businesses().nth(at).ok_or(Shut::Stray)?;
        let business = Arc::clone(business);
        if link
            .expires_ms
            .is_some_and(|expires_ms| expires_ms <= now_ms)
        {
            return Err(Shut::Over(business));
        }
        let failed = |error: LedgerError| {
            app.metrics.store_failures.add();
            tracing::error!(%error, business.id = %business.config.id, "a preference page could not read the store");
            Shut::Down(Some(Arc::clone(&business)))
        };
        let holder = app.ledger.link_holder(business.ix, link.person).await;
        let holder: LinkHolder = match holder.map_err(failed)? {
            Some(holder) if holder.generation == link.generation => holder,
            _ => return Err(Shut::Over(business)),
        };
        let held = Held::read(app, &business, &link, holder).await;
        match held.map_err(failed)? {
            Some(held) => Ok(Self {
                business: Arc::clone(&business),
                ring,
                link,
                held,
            }),
            None => Err(Shut::Over(business)),
        }
    }

    fn sealer(&self) -> Sealer<'_> {
        Sealer {
            ring: &self.ring,
            business: &self.business.config.id,
            link: self.link,
        }
    }
}

/// `GET /p/{token}`: how everything stands. Changes nothing.
pub async fn show(
    State(app): State<Shared>,
    Path(token): Path<String>,
    request: Request,
) -> Response {
    let asked = Asked::new(&app, token, &request);
    let opened = match Opened::of(&app, &asked.token).await {
        Ok(opened) => opened,
        Err(shut) => return answer_shut(&app, &asked, &shut),
    };
    let views_max = app.config.limits.preference_views_per_minute_max;
    let now_ms = app.clock.now_ms();
    let key = limit::person(opened.business.ix, opened.link.person);
    if !app
        .preferences
        .limiter
        .may("view", &key, now_ms, MINUTE_MS, views_max)
    {
        return message(&app, &asked, Some(&opened.business), Message::Busy);
    }
    let note = asked
        .query
        .done
        .as_deref()
        .and_then(|done| opened.sealer().open_note(done));
    let notice = note.and_then(|note| view::notice(&app, &asked, &opened, &note));
    page(&app, &asked, &opened, notice, StatusCode::OK)
}

/// `POST /p/{token}`: turns something off, or undoes what was just turned off.
pub async fn act(
    State(app): State<Shared>,
    Path(token): Path<String>,
    request: Request,
) -> Response {
    let mut asked = Asked::new(&app, token, &request);
    let posted = match Limited::new(request.into_body(), FORM_BYTES_MAX)
        .collect()
        .await
    {
        Ok(body) => Posted::read(&asked.headers, &body.to_bytes()),
        Err(_) => Posted::default(),
    };
    if posted.lang.is_some() {
        asked.query.lang.clone_from(&posted.lang);
    }
    let opened = match Opened::of(&app, &asked.token).await {
        Ok(opened) => opened,
        Err(shut) => return answer_shut(&app, &asked, &shut),
    };
    if asked.is_from_elsewhere() {
        return problem(&app, &asked, &opened, Problem::Form, StatusCode::FORBIDDEN);
    }
    if posted.one_click {
        return one_click(&app, &asked, &opened).await;
    }
    let form = posted
        .form
        .as_deref()
        .and_then(|form| opened.sealer().open_form(form));
    match (form, &posted.off, &posted.undo) {
        (Some(form), Some(scope), None) => turn_off(&app, &asked, &opened, scope, form).await,
        (Some(_), None, Some(undo)) => undo_one(&app, &asked, &opened, undo).await,
        _ => problem(&app, &asked, &opened, Problem::Form, StatusCode::FORBIDDEN),
    }
}

/// What a form, or a machine, posted.
#[derive(Default)]
struct Posted {
    form: Option<String>,
    off: Option<String>,
    undo: Option<String>,
    lang: Option<String>,
    one_click: bool,
}

impl Posted {
    fn read(headers: &HeaderMap, body: &[u8]) -> Self {
        let kind = headers
            .get(header::CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok())
            .unwrap_or_default();
        let mut posted = Self::default();
        if kind.starts_with("multipart/form-data") {
            // RFC 8058 lets machines post it this way; the page's own forms never come so.
            let text = String::from_utf8_lossy(body);
            let part = text
                .split_once("name=\"List-Unsubscribe\"")
                .map(|(_, part)| part.trim_start());
            posted.one_click = part.is_some_and(|part| part.starts_with("One-Click"));
            return posted;
        }
        for (name, value) in form_urlencoded::parse(body) {
            match &*name {
                "form" => posted.form = Some(value.into_owned()),
                "off" => posted.off = Some(value.into_owned()),
                "undo" => posted.undo = Some(value.into_owned()),
                "lang" => posted.lang = Some(value.into_owned()),
                "List-Unsubscribe" => posted.one_click = value == "One-Click",
                _ => {}
            }
        }
        posted
    }
}

async fn turn_off(app: &App, asked: &Asked, opened: &Opened, scope: &str, form: Form) -> Response {
    let Some(scope) = Scope::parse(scope) else {
        return problem(app, asked, opened, Problem::Form, StatusCode::FORBIDDEN);
    };
    let stopped = match opened.held.no_in_force(&scope, &opened.business) {
        // It was this very form: the second press of a double click.
        Some(no) if opened.held.was_made_by(no, &form) => Note::new(NoteKind::Off, no, form.nonce),
        Some(no) => Note::new(NoteKind::AlreadyOff, no, form.nonce),
        None => {
            let act = record::Act::new(app, asked, opened);
            match act.withdraw(&[scope], &form).await {
                Ok(events) => match events.first() {
                    Some(no) => Note::new(NoteKind::Off, *no, form.nonce),
                    None => return down(app, asked, opened),
                },
                Err(_) => return down(app, asked, opened),
            }
        }
    };
    go_on(asked, opened, &stopped)
}

async fn undo_one(app: &App, asked: &Asked, opened: &Opened, undo: &str) -> Response {
    let note = opened.sealer().open_note(undo);
    let Some(note) = note.filter(|note| note.kind == NoteKind::Off) else {
        return problem(app, asked, opened, Problem::Form, StatusCode::FORBIDDEN);
    };
    let done = Note::new(NoteKind::On, note.event, note.nonce);
    let now_ms = app.clock.now_ms();
    let restores = opened.held.restorable(note.event, now_ms);
    if restores.is_empty() {
        if opened.held.is_undone(note.event) {
            return go_on(asked, opened, &done);
        }
        return problem(app, asked, opened, Problem::UndoOver, StatusCode::CONFLICT);
    }
    let key = limit::person(opened.business.ix, opened.link.person);
    let undos_max = app.config.limits.preference_undos_per_hour_max;
    if !app
        .preferences
        .limiter
        .may("undo", &key, now_ms, HOUR_MS, undos_max)
    {
        return problem(
            app,
            asked,
            opened,
            Problem::Busy,
            StatusCode::TOO_MANY_REQUESTS,
        );
    }
    let act = record::Act::new(app, asked, opened);
    match act.undo(note.event, &restores).await {
        Ok(()) => go_on(asked, opened, &done),
        Err(_) => down(app, asked, opened),
    }
}

/// RFC 8058: as far as a bare stop word reaches, and no page to show.
async fn one_click(app: &App, asked: &Asked, opened: &Opened) -> Response {
    use greenline_policy::scope::Category::{Calls, Marketing, Utility};
    let scopes = match opened.business.config.stop_closes {
        StopCloses::MarketingUtility => [Marketing, Utility, Calls].map(Scope::from).to_vec(),
        StopCloses::All => vec![Scope::All],
    };
    let open: Vec<Scope> = scopes
        .into_iter()
        .filter(|scope| opened.held.no_in_force(scope, &opened.business).is_none())
        .collect();
    if !open.is_empty() {
        let form = Form {
            nonce: [0; sealed::NONCE_BYTES],
            version: opened.held.version(),
        };
        let act = record::Act::new(app, asked, opened);
        if act.withdraw(&open, &form).await.is_err() {
            return guarded(
                app,
                None,
                (
                    StatusCode::SERVICE_UNAVAILABLE,
                    [(header::RETRY_AFTER, RETRY_AFTER_S)],
                    "not recorded; please try again\n",
                )
                    .into_response(),
            );
        }
    }
    guarded(app, None, "unsubscribed\n".into_response())
}

/// On to the page that says what was done: loading that again does nothing again.
fn go_on(asked: &Asked, opened: &Opened, note: &Note) -> Response {
    let Some(done) = opened.sealer().seal_note(note) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    // Relative, so that it stays below whatever path the listener is reached by.
    let mut place = format!("{}?done={done}", asked.token);
    if let Some(texts) = asked.query.lang.as_deref().and_then(of_language) {
        place.push_str("&lang=");
        place.push_str(&texts.language);
    }
    place.push_str("#done");
    let location = HeaderValue::from_str(&place);
    let mut response = StatusCode::SEE_OTHER.into_response();
    if let Ok(location) = location {
        response.headers_mut().insert(header::LOCATION, location);
    }
    let headers = response.headers_mut();
    private(headers);
    response
}

fn problem(
    app: &App,
    asked: &Asked,
    opened: &Opened,
    problem: Problem,
    status: StatusCode,
) -> Response {
    page(app, asked, opened, Some(Notice::Problem(problem)), status)
}

fn down(app: &App, asked: &Asked, opened: &Opened) -> Response {
    message(app, asked, Some(&opened.business), Message::Down)
}

fn answer_shut(app: &App, asked: &Asked, shut: &Shut) -> Response {
    match shut {
        Shut::Down(business) => message(app, asked, business.as_deref(), Message::Down),
        Shut::Over(business) => message(app, asked, Some(business), Message::BadLink),
        Shut::Stray => {
            let strays_max = app.config.limits.preference_strays_per_minute_max;
            let key = limit::address(asked.ip);
            let now_ms = app.clock.now_ms();
            let kind = if app
                .preferences
                .limiter
                .may("stray", &key, now_ms, MINUTE_MS, strays_max)
            {
                Message::BadLink
            } else {
                Message::Busy
            };
            message(app, asked, None, kind)
        }
    }
}

fn page(
    app: &App,
    asked: &Asked,
    opened: &Opened,
    notice: Option<Notice>,
    status: StatusCode,
) -> Response {
    let Some(form) = opened.sealer().new_form(opened.held.version()) else {
        return down(app, asked, opened);
    };
    let brand = app.preferences.brands.get(opened.business.ix);
    let setting = Setting {
        texts: asked.texts(Some(&opened.business)),
        brand,
        place: &asked.token,
        chosen: asked.query.lang.is_some(),
    };
    let page = view::page(opened, setting, form, notice, asked.query.done.clone());
    drawn(&page, status, page.setting.texts, |response| {
        guarded(app, Some(&opened.business), response)
    })
}

fn message(app: &App, asked: &Asked, business: Option<&Business>, kind: Message) -> Response {
    let texts = asked.texts(business);
    let page = PreferenceMessage {
        setting: Setting {
            texts,
            brand: business.and_then(|business| app.preferences.brands.get(business.ix)),
            place: "",
            chosen: false,
        },
        kind,
    };
    told(&page, |response| guarded(app, business, response))
}

/// A page that only says something, with the status of what it says.
pub(crate) fn told(
    page: &PreferenceMessage<'_>,
    guard: impl FnOnce(Response) -> Response,
) -> Response {
    let status = match page.kind {
        Message::BadLink => StatusCode::NOT_FOUND,
        Message::Down => StatusCode::SERVICE_UNAVAILABLE,
        Message::Busy => StatusCode::TOO_MANY_REQUESTS,
    };
    let mut response = drawn(page, status, page.setting.texts, guard);
    if page.kind != Message::BadLink {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_S));
    }
    response
}

/// A page for people, in its language, behind `guard`.
pub(crate) fn drawn(
    page: &impl greenline_console::Page,
    status: StatusCode,
    texts: &Texts,
    guard: impl FnOnce(Response) -> Response,
) -> Response {
    let html = match greenline_console::render(page) {
        Ok(html) => html,
        Err(error) => {
            tracing::error!(%error, "a page for people could not be drawn");
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
    };
    let mut response = guard((status, Html(html)).into_response());
    if let Ok(language) = HeaderValue::from_str(&texts.language) {
        response
            .headers_mut()
            .insert(header::CONTENT_LANGUAGE, language);
    }
    response
}

pub(crate) fn private(headers: &mut HeaderMap) {
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::VARY, "accept-language"),
        (HeaderName::from_static("x-robots-tag"), "noindex, nofollow"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

fn guarded(app: &App, business: Option<&Business>, mut response: Response<Body>) -> Response {
    private(response.headers_mut());
    let policy = app
        .preferences
        .brands
        .policy(business.map(|business| business.ix));
    response
        .headers_mut()
        .insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}
