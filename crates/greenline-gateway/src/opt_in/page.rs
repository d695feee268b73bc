//! The opt-in page, `/o/{business}` on the public listener, and the form that other sites put on their own.
//!
//! Whoever types a number here may type anybody's. So what is recorded is a claimed yes, which covers nothing,
//! and the page goes on to the message that proves it when it arrives from the person's own phone. The answer is
//! the same whether the number is known, new, or of someone who said no: the page tells nothing about anybody.
//!
//! Nothing is recorded but from this page's own form, which bears a seal and comes from this page: a form on
//! another site leads here with the number filled in, and ticks nothing. No login, no cookie, no script.

use std::net::IpAddr;

use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use greenline_console::opt_in::{
    Choice, OptInNext, OptInPage, OptInTexts, Trouble, negotiate, of_language, usual,
};
use greenline_console::preference::{Message, PreferenceMessage, Setting};
use greenline_ledger::types::{Actor, BusinessIx, Evidence, NewEvent};
use greenline_policy::consent::{EventKind, Strength};
use greenline_policy::evidence::Method;
use greenline_policy::identity::{Identifier, Phone};
use greenline_policy::scope::Scope;
use http_body_util::{BodyExt as _, Limited};
use serde_json::json;
use subtle::ConstantTimeEq as _;

use super::{Form, Worded, svg, wa_me};
use crate::app::{App, Shared};
use crate::directory::Business;
use crate::keyring::{self, Keyring, Purpose};
use crate::preferences::{self, FORM_BYTES_MAX, HOUR_MS, MINUTE_MS, Peer};

/// How long a form can be sent after it was shown.
const FORM_MS: i64 = 12 * HOUR_MS;
/// Characters of a number as typed that are looked at.
const PHONE_CHARS_MAX: usize = 40;
/// Bytes of a seal.
const SEAL_BYTES: usize = 16;
const DAY_MS: i64 = 24 * HOUR_MS;

/// What a request says, but for a form's own fields.
struct Asked {
    business: String,
    headers: HeaderMap,
    ip: Option<IpAddr>,
    /// The language, if one was chosen on the page.
    lang: Option<String>,
    /// The forms agreed to a moment ago.
    next: Vec<String>,
}

impl Asked {
    fn new(app: &App, business: String, request: &Request) -> Self {
        let headers = request.headers().clone();
        let peer = request.extensions().get::<Peer>().map(|peer| peer.0);
        let mut asked = Self {
            business,
            ip: preferences::address(&headers, peer, app.config.listen.public_proxies),
            headers,
            lang: None,
            next: Vec::new(),
        };
        let query = request.uri().query().unwrap_or_default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "lang" => asked.lang = Some(value.into_owned()),
                "next" => asked.next = value.split(' ').map(str::to_owned).collect(),
                _ => {}
            }
        }
        asked
    }

    /// The language: the one chosen, else the browser's, else the business's.
    fn texts(&self, business: Option<&Business>) -> &'static OptInTexts {
        let chosen = self.lang.as_deref().and_then(of_language);
        let accepted = || negotiate(self.headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?);
        let own = || of_language(&business?.config.language);
        chosen.or_else(accepted).or_else(own).unwrap_or_else(usual)
    }
}

/// The business, if it has a page. One without is as if it were not there.
fn business(app: &App, id: &str) -> Option<std::sync::Arc<Business>> {
    let business = app.directory.business_by_id(id)?;
    business.opt_in.offered().next()?;
    Some(std::sync::Arc::clone(business))
}

/// `GET /o/{business}`: what there is to agree to, or the step that proves it. Changes nothing.
pub async fn show(State(app): State<Shared>, Path(id): Path<String>, request: Request) -> Response {
    let asked = Asked::new(&app, id, &request);
    let most = app.config.limits.opt_in_views_per_minute_max;
    if !is_within(
        &app,
        "opt_in_view",
        &preferences::address_key(asked.ip),
        MINUTE_MS,
        most,
    ) {
        return message(&app, &asked, None, Message::Busy);
    }
    let Some(business) = business(&app, &asked.business) else {
        return message(&app, &asked, None, Message::BadLink);
    };
    let agreed: Vec<&Form> = chosen(&business, &asked.next);
    if agreed.is_empty() {
        return page(&app, &asked, &business, &Typed::default(), None);
    }
    next(&app, &asked, &business, &agreed)
}

/// `POST /o/{business}`: puts down what was typed as claimed, and goes on to the step that proves it.
pub async fn act(State(app): State<Shared>, Path(id): Path<String>, request: Request) -> Response {
    let mut asked = Asked::new(&app, id, &request);
    let most = app.config.limits.opt_in_forms_per_hour_max;
    let Some(business) = business(&app, &asked.business) else {
        return message(&app, &asked, None, Message::BadLink);
    };
    let whole = app.config.limits.opt_in_forms_per_business_per_hour_max;
    let of_business = (u64::from(business.ix.0), 0);
    if !is_within(
        &app,
        "opt_in_form",
        &preferences::address_key(asked.ip),
        HOUR_MS,
        most,
    ) || !is_within(&app, "opt_in_forms", &of_business, HOUR_MS, whole)
    {
        return message(&app, &asked, Some(&business), Message::Busy);
    }
    let body = Limited::new(request.into_body(), FORM_BYTES_MAX)
        .collect()
        .await;
    let typed = body.map_or_else(|_| Typed::default(), |body| Typed::read(&body.to_bytes()));
    if typed.lang.is_some() {
        asked.lang.clone_from(&typed.lang);
    }
    // Another site's form: it brings a number here, and nothing else.
    if typed.form.is_empty() {
        let brought = Typed {
            agree: Vec::new(),
            ..typed
        };
        return page(&app, &asked, &business, &brought, None);
    }
    let texts = asked.texts(Some(&business));
    let seal = Seal::new(&app, &business, texts);
    let is_own = !preferences::is_from_elsewhere(&asked.headers)
        && seal
            .as_ref()
            .is_some_and(|seal| seal.fits(&typed.form, app.clock.now_ms()));
    let key = seal
        .as_ref()
        .and_then(|seal| seal.ring.newest(Purpose::Link));
    let Some(key) = key.filter(|_| is_own) else {
        return page(&app, &asked, &business, &typed, Some(Trouble::Form));
    };
    let agreed = chosen(&business, &typed.agree);
    if agreed.is_empty() {
        return page(&app, &asked, &business, &typed, Some(Trouble::Choose));
    }
    let Some(phone) = Phone::parse(&typed.phone) else {
        return page(&app, &asked, &business, &typed, Some(Trouble::Phone));
    };
    let claim = Claim {
        app: &app,
        asked: &asked,
        business: &business,
        texts,
        phone,
        key: *key.reveal(),
    };
    match claim.record(&agreed).await {
        Ok(()) => go_on(&asked, &agreed),
        Err(error) => {
            app.metrics.store_failures.add();
            tracing::error!(%error, business.id = %business.config.id, "what was typed on the opt-in page could not be written down");
            message(&app, &asked, Some(&business), Message::Down)
        }
    }
}

/// What a form brought.
#[derive(Default)]
struct Typed {
    form: String,
    phone: String,
    agree: Vec<String>,
    lang: Option<String>,
}

impl Typed {
    fn read(body: &[u8]) -> Self {
        let mut typed = Self::default();
        for (name, value) in form_urlencoded::parse(body) {
            match &*name {
                "form" => typed.form = value.into_owned(),
                "phone" => typed.phone = value.chars().take(PHONE_CHARS_MAX).collect(),
                "agree" => typed.agree.push(value.into_owned()),
                "lang" => typed.lang = Some(value.into_owned()),
                _ => {}
            }
        }
        typed
    }
}

/// The forms named, in the order of the page; what is not offered is none.
fn chosen<'b>(business: &'b Business, named: &[String]) -> Vec<&'b Form> {
    let offered = business.opt_in.offered();
    offered
        .filter(|form| named.iter().any(|id| **id == *form.id))
        .collect()
}

fn is_within(app: &App, what: &'static str, key: &(u64, u64), window_ms: i64, most: u32) -> bool {
    let now_ms = app.clock.now_ms();
    app.preferences
        .limiter
        .may(what, key, now_ms, window_ms, most)
}

/// What binds a form to this page: to the business, to the wordings shown, and to the time.
struct Seal {
    ring: std::sync::Arc<Keyring>,
    shown: Vec<u8>,
}

impl Seal {
    fn new(app: &App, business: &Business, texts: &OptInTexts) -> Option<Self> {
        let ring = app.keys.open(app.clock.now_ms());
        let ring = ring.inspect_err(|error| {
            let error: &dyn std::error::Error = error;
            tracing::error!(error, "no keys for opt-in pages");
        });
        let mut shown = business.config.id.as_bytes().to_vec();
        for form in business.opt_in.offered() {
            if let Some(worded) = worded(business, form, texts) {
                shown.extend(worded.code.as_str().as_bytes());
            }
        }
        Some(Self {
            ring: ring.ok()?,
            shown,
        })
    }

    fn mac(&self, key: &keyring::Key, at: &[u8]) -> [u8; SEAL_BYTES] {
        let whole = preferences::mac(key.reveal(), &[b"greenline opt-in page", &self.shown, at]);
        let mut seal = [0; SEAL_BYTES];
        for (to, from) in seal.iter_mut().zip(whole) {
            *to = from;
        }
        seal
    }

    fn make(&self, now_ms: i64) -> Option<String> {
        let at = now_ms.to_be_bytes();
        let key = self.ring.newest(Purpose::Link)?;
        Some(URL_SAFE_NO_PAD.encode([at.as_slice(), &self.mac(key, &at)].concat()))
    }

    fn fits(&self, form: &str, now_ms: i64) -> bool {
        let Ok(bytes) = URL_SAFE_NO_PAD.decode(form) else {
            return false;
        };
        let Some((at, seal)) = bytes.split_first_chunk::<8>() else {
            return false;
        };
        let shown_ms = i64::from_be_bytes(*at);
        let mut keys = self.ring.of(Purpose::Link);
        keys.any(|key| bool::from(self.mac(key, at).as_slice().ct_eq(seal)))
            && (0..FORM_MS).contains(&now_ms.saturating_sub(shown_ms))
    }
}

fn worded<'f>(business: &Business, form: &'f Form, texts: &OptInTexts) -> Option<&'f Worded> {
    form.in_language(&texts.language, &business.config.language)
}

/// What someone typed, on its way to the ledger.
struct Claim<'a> {
    app: &'a App,
    asked: &'a Asked,
    business: &'a Business,
    texts: &'static OptInTexts,
    phone: Phone,
    key: [u8; keyring::SECRET_BYTES],
}

impl Claim<'_> {
    async fn record(&self, agreed: &[&Form]) -> Result<(), greenline_ledger::LedgerError> {
        let mut events: Vec<NewEvent> = Vec::new();
        for form in agreed {
            let Some(worded) = worded(self.business, form, self.texts) else {
                continue;
            };
            for scope in &form.scopes {
                if !events.iter().any(|event| event.scope == *scope) {
                    events.push(self.event(form, worded, scope));
                }
            }
        }
        let recorded = self.app.ledger.append_all(events).await?;
        recorded.into_iter().try_for_each(|one| one.map(|_| ()))
    }

    fn event(&self, form: &Form, worded: &Worded, scope: &Scope) -> NewEvent {
        let now_ms = self.app.clock.now_ms();
        let ip = self
            .asked
            .ip
            .filter(|_| self.business.config.opt_in.keep_ip);
        let extra = json!({
            "code": worded.code.as_str(),
            "form": &*form.id,
            "language": &*worded.language,
            "typed": true,
        });
        NewEvent {
            business: self.business.ix,
            person: [Identifier::Phone(self.phone)].into_iter().collect(),
            kind: EventKind::Granted,
            scope: scope.clone(),
            at_ms: now_ms,
            stated_ms: now_ms,
            arrival_ms: now_ms,
            // Complete as it looks, it does not come from the person's own phone.
            strength: Strength::Claimed,
            in_thread: false,
            evidence: Evidence {
                method: Method::WebsiteForm.as_str().into(),
                wording: worded.wording.clone(),
                wording_version: worded.version(form).into(),
                business_name: self.business.config.name.as_str().into(),
                source: address_of(self.app, self.business).into(),
                ip: ip.map_or_else(Box::default, |ip| ip.to_string().into()),
                extra_json: extra.to_string().into(),
                ..Evidence::default()
            },
            actor: Actor("opt-in page".into()),
            dedup: Some(self.dedup(worded, scope, now_ms)),
        }
    }

    /// Once a day for a number and a wording, however often the button is pressed. Keyed, since it is kept and numbers
    /// can be guessed.
    fn dedup(&self, worded: &Worded, scope: &Scope, now_ms: i64) -> Box<str> {
        let number = Identifier::Phone(self.phone).canonical().0.reveal();
        let day = now_ms.div_euclid(DAY_MS).to_string();
        let scope = scope.to_string();
        let parts = [&*number, worded.code.as_str(), &day, &scope];
        let name = super::keyed_name(&self.key, b"greenline opt-in claim", &parts);
        format!("opt-in-page:{name}").into()
    }
}

/// Where the page is, for evidence and for those who print it.
#[must_use]
pub fn address_of(app: &App, business: &Business) -> String {
    let base = app.config.listen.public_url.trim_end_matches('/');
    format!("{base}/o/{}", business.config.id)
}

/// On to the step that proves it. Holds what was agreed to and nothing of whom.
fn go_on(asked: &Asked, agreed: &[&Form]) -> Response {
    let named: Vec<&str> = agreed.iter().map(|form| &*form.id).collect();
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("next", &named.join(" "));
    if let Some(texts) = asked.lang.as_deref().and_then(of_language) {
        query.append_pair("lang", &texts.language);
    }
    // Relative, so that it stays below whatever path the listener is reached by.
    let place = format!("{}?{}", asked.business, query.finish());
    let mut response = StatusCode::SEE_OTHER.into_response();
    if let Ok(place) = HeaderValue::from_str(&place) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    preferences::private(response.headers_mut());
    response
}

fn setting<'a>(
    app: &'a App,
    asked: &'a Asked,
    business: Option<&Business>,
    place: &'a str,
) -> Setting<'a> {
    Setting {
        texts: asked.texts(business).surroundings(),
        brand: business.and_then(|business| app.preferences.brands.get(business.ix)),
        place,
        chosen: asked
            .lang
            .as_deref()
            .is_some_and(|tag| of_language(tag).is_some()),
    }
}

fn page(
    app: &App,
    asked: &Asked,
    business: &Business,
    typed: &Typed,
    trouble: Option<Trouble>,
) -> Response {
    let texts = asked.texts(Some(business));
    let form = Seal::new(app, business, texts).and_then(|seal| seal.make(app.clock.now_ms()));
    let Some(form) = form else {
        return message(app, asked, Some(business), Message::Down);
    };
    let choice = |form: &Form| {
        let worded = worded(business, form, texts)?;
        let titles: Vec<String> = form
            .scopes
            .iter()
            .map(|scope| preferences::title(texts.surroundings(), business, scope))
            .collect();
        Some(Choice {
            id: form.id.to_string(),
            title: titles.join(", "),
            wording: worded.wording.to_string(),
            language: worded.language.to_string(),
            direction: preferences::direction(&worded.language),
            ticked: typed.agree.iter().any(|id| **id == *form.id),
        })
    };
    let page = OptInPage {
        setting: setting(app, asked, Some(business), &asked.business),
        texts,
        choices: business.opt_in.offered().filter_map(choice).collect(),
        phone: typed.phone.clone(),
        form,
        trouble,
    };
    let status = match trouble {
        None => StatusCode::OK,
        Some(Trouble::Form) => StatusCode::FORBIDDEN,
        Some(Trouble::Phone | Trouble::Choose) => StatusCode::UNPROCESSABLE_ENTITY,
    };
    preferences::drawn(&page, status, page.setting.texts, |response| {
        guard(app, Some(business), response)
    })
}

fn next(app: &App, asked: &Asked, business: &Business, agreed: &[&Form]) -> Response {
    let texts = asked.texts(Some(business));
    let Some((message, link)) = link_for(business, agreed, &texts.language) else {
        return page(app, asked, business, &Typed::default(), None);
    };
    let named: Vec<&str> = agreed.iter().map(|form| &*form.id).collect();
    let page = OptInNext {
        setting: setting(app, asked, Some(business), &asked.business),
        texts,
        qr: svg(&link).unwrap_or_default(),
        message,
        link,
        chosen: named.join(" "),
    };
    preferences::drawn(&page, StatusCode::OK, page.setting.texts, |response| {
        guard(app, Some(business), response)
    })
}

/// The message that says yes to all of them, and the link that opens it. People write to the first one's number.
fn link_for(business: &Business, agreed: &[&Form], language: &str) -> Option<(String, String)> {
    let texts: Vec<String> = agreed
        .iter()
        .filter_map(|form| form.in_language(language, &business.config.language))
        .map(Worded::prefilled)
        .collect();
    let number = agreed.iter().find_map(|form| form.number.as_deref())?;
    let message = texts.join("\n");
    let link = wa_me(number, &message);
    Some((message, link))
}

fn message(app: &App, asked: &Asked, business: Option<&Business>, kind: Message) -> Response {
    let page = PreferenceMessage {
        setting: setting(app, asked, business, ""),
        kind,
    };
    preferences::told(&page, |response| guard(app, business, response))
}

/// As the preference page, but that the business's own sites may frame it.
fn guard(app: &App, business: Option<&Business>, mut response: Response) -> Response {
    let headers = response.headers_mut();
    preferences::private(headers);
    let ix: Option<BusinessIx> = business.map(|business| business.ix);
    let mut policy = app.preferences.brands.policy(ix);
    let embed = business.map_or(&[][..], |business| &business.config.opt_in.embed);
    if !embed.is_empty() {
        let allowed = policy.to_str().map(|policy| {
            policy.replace(
                "frame-ancestors 'none'",
                &format!("frame-ancestors {}", embed.join(" ")),
            )
        });
        if let Some(framed) = allowed
            .ok()
            .and_then(|text| HeaderValue::from_str(&text).ok())
        {
            policy = framed;
            headers.remove(header::X_FRAME_OPTIONS);
        }
    }
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}
