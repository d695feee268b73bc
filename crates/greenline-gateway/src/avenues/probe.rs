//! Walks each way out to its end with a canary: a person who cannot be.
//!
//! A walk takes the product's own path, through the router that Meta, people and systems reach, with this
//! installation's settings and keys, and then asks whether the canary's no is in force. It is rehearsed over a
//! ledger in memory, built for the walk and thrown away: so the canary is never among the people counted,
//! exported, screened or relayed, no log grows by it, and nothing can be sent to it. That the real store takes
//! writes is shown by the proof itself, which is kept there or does not count.
//!
//! A walk does not show that the network leads here: for words written to a number only a real inbound message
//! does.

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use greenline_ledger::Ledger;
use greenline_ledger::avenue::Walk;
use greenline_policy::avenue::Avenue;
use greenline_wire::build::message::{Content, Message, message};
use greenline_wire::build::person::{Preference, preference};
use greenline_wire::build::status::{Status, StatusKind, message_status};
use greenline_wire::build::webhook::{Change, Contact, Entry, Metadata, WebhookError, envelope};
use greenline_wire::signature;
use http::{Method, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::app::{App, Shared};
use crate::config::{AdminToken, May, RepliesWhenDown, Secret};
use crate::directory::Business;
use crate::pipeline::NATIVE_STOP;
use crate::{keyring, router, serve};

/// Country code 999 is given to nobody, so nobody can have this number.
const CANARY: &str = "999000000000001";
/// Whatever a walk answers is read up to here.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// Nothing listens there: a rehearsal reaches nobody.
const NOWHERE: &str = "http://127.0.0.1:9";

/// Walks every avenue that can be walked and keeps what was found. `false` when that could not be kept.
pub async fn all(app: &Shared, business: &Business) -> bool {
    let mut walks = Vec::new();
    for avenue in greenline_ledger::avenue::PROVED {
        if !is_there(app, business, avenue) {
            continue;
        }
        let walk = match walk(app, business, avenue).await {
            Ok(()) => Walk::Probed,
            Err(why) => {
                tracing::error!(business.id = %business.config.id, avenue = avenue.as_str(), %why, "a probe of a way out did not get to its end");
                Walk::Failed
            }
        };
        walks.push((avenue, walk));
    }
    super::proved(app, business.ix, &walks, app.clock.now_ms()).await
}

/// Whether the configuration has what the walk begins with; what is not there is missing, not broken.
fn is_there(app: &App, business: &Business, avenue: Avenue) -> bool {
    let known = super::configured(app, business);
    match avenue {
        Avenue::ReplyWord | Avenue::Button | Avenue::NativeSwitch | Avenue::PlatformError => {
            known.has_number && known.hears
        }
        Avenue::PreferencePage | Avenue::OneClick => known.makes_links,
        Avenue::Api | Avenue::Staff => true,
    }
}

async fn walk(app: &App, business: &Business, avenue: Avenue) -> Result<(), String> {
    let rehearsal = Rehearsal::new(app)?;
    let walked = rehearsal.walk(business, avenue).await;
    rehearsal.app.ledger.close().await;
    walked
}

/// The same product over a ledger of its own.
struct Rehearsal {
    app: Shared,
    public: Router,
    private: Router,
    key: String,
}

/// An answer, read to its end.
struct Answer {
    status: StatusCode,
    text: String,
}

impl Answer {
    fn expect(self, status: StatusCode, what: &str) -> Result<Self, String> {
        if self.status == status {
            return Ok(self);
        }
        Err(format!("{what} was answered {}", self.status.as_u16()))
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }
}

impl Rehearsal {
    fn new(app: &App) -> Result<Self, String> {
        let mut bytes = [0; 16];
        keyring::fill(&mut bytes).map_err(|error| error.to_string())?;
        let key = bytes.map(|byte| format!("{byte:02x}")).concat();
        let mut config = app.config.clone();
        config.store.replies_when_down = RepliesWhenDown::Refuse;
        NOWHERE.clone_into(&mut config.upstream.url);
        config.admin.token = vec![AdminToken {
            name: "probe".to_owned(),
            key: Secret::new(key.clone()),
            businesses: None,
            may: May::Admin,
        }];
        let ledger = Ledger::in_memory(serve::setup(&config));
        let app =
            serve::build(config, ledger, app.clock.clone()).map_err(|error| error.to_string())?;
        Ok(Self {
            public: router::public(app.clone()),
            private: router::private(app.clone()),
            app,
            key,
        })
    }

    async fn walk(&self, business: &Business, avenue: Avenue) -> Result<(), String> {
        match avenue {
            Avenue::Api => self.record(business, "app").await?,
            Avenue::Staff => self.record(business, "staff").await?,
            Avenue::PreferencePage => self.press(business).await?,
            Avenue::OneClick => self.one_click(business).await?,
            Avenue::ReplyWord => {
                let text = Content::Text { body: "STOP" };
                self.write(business, text).await?;
            }
            Avenue::Button => {
                let button = Content::Button {
                    payload: "STOP",
                    text: "STOP",
                };
                self.write(business, button).await?;
            }
            Avenue::NativeSwitch => self.switch_off(business).await?,
            Avenue::PlatformError => self.platform_says(business).await?,
        }
        self.is_obeyed(business, avenue).await
    }

    /// Whether the canary's no is in force.
    async fn is_obeyed(&self, business: &Business, avenue: Avenue) -> Result<(), String> {
        let path = format!("/v1/people/{CANARY}?business={}", business.config.id);
        let answer = self.admin(Method::GET, &path, Body::empty()).await?;
        let person = answer
            .expect(StatusCode::OK, "the question how the person stands")?
            .json();
        let head = &person["head"];
        let by_platform = matches!(avenue, Avenue::NativeSwitch | Avenue::PlatformError);
        let obeyed = if by_platform {
            !head["native_stop"].is_null()
        } else {
            head["marketing"]["standing"] == "refused"
        };
        if obeyed {
            Ok(())
        } else {
            Err("the no is not in force".to_owned())
        }
    }

    async fn record(&self, business: &Business, method: &str) -> Result<(), String> {
        let no = json!({
            "business": business.config.id, "person": {"wa_id": CANARY}, "scope": "all",
            "event": "withdrawn", "evidence": {"method": method},
        });
        let body = Body::from(no.to_string());
        let answer = self.admin(Method::POST, "/v1/consents", body).await?;
        answer.expect(StatusCode::CREATED, "the no").map(drop)
    }

    /// The path of the canary's preference page.
    async fn link(&self, business: &Business) -> Result<String, String> {
        let path = format!("/v1/people/{CANARY}/links?business={}", business.config.id);
        let answer = self.admin(Method::POST, &path, Body::empty()).await?;
        let link = answer
            .expect(StatusCode::CREATED, "the wish for a link")?
            .json();
        let suffix = link["suffix"].as_str().ok_or("the link has no suffix")?;
        Ok(format!("/p/{suffix}"))
    }

    async fn press(&self, business: &Business) -> Result<(), String> {
        let path = self.link(business).await?;
        let page = self
            .public(Method::GET, &path, "", None, Body::empty())
            .await?;
        let page = page.expect(StatusCode::OK, "the preference page")?;
        let form = page
            .text
            .split_once("name=\"form\" value=\"")
            .and_then(|(_, rest)| rest.split_once('"'))
            .map(|(form, _)| form)
            .ok_or("the preference page has no form")?;
        let posted: String = form_urlencoded::Serializer::new(String::new())
            .append_pair("form", form)
            .append_pair("off", "marketing")
            .finish();
        let answer = self.form(&path, posted).await?;
        answer
            .expect(StatusCode::SEE_OTHER, "turning marketing off")
            .map(drop)
    }

    async fn one_click(&self, business: &Business) -> Result<(), String> {
        let path = self.link(business).await?;
        let posted = "List-Unsubscribe=One-Click".to_owned();
        let answer = self.form(&path, posted).await?;
        answer.expect(StatusCode::OK, "the one click").map(drop)
    }

    async fn write(&self, business: &Business, content: Content<'_>) -> Result<(), String> {
        let from = canary();
        let written = Message {
            id: "wamid.greenline-canary",
            timestamp_s: self.app.clock.now_ms() / 1_000,
            content,
            context: None,
            referral: None,
        };
        self.webhook(business, |metadata| message(metadata, &from, &written))
            .await
    }

    async fn switch_off(&self, business: &Business) -> Result<(), String> {
        let now_s = self.app.clock.now_ms() / 1_000;
        self.webhook(business, |metadata| {
            preference(metadata, &canary(), Preference::Stop, now_s)
        })
        .await
    }

    /// A message to the canary fails with 131050: the platform's word that they want no marketing.
    async fn platform_says(&self, business: &Business) -> Result<(), String> {
        let failed = Status {
            id: "wamid.greenline-canary",
            kind: StatusKind::Failed,
            timestamp_s: self.app.clock.now_ms() / 1_000,
            callback_data: None,
            pricing: None,
            error: Some(WebhookError {
                code: NATIVE_STOP,
                title: "User stopped marketing messages",
                details: "The canary asked for no marketing messages.",
                link: false,
            }),
        };
        self.webhook(business, |metadata| {
            message_status(metadata, &canary(), &failed)
        })
        .await
    }

    /// Delivers what Meta would, signed, where Meta would.
    async fn webhook(
        &self,
        business: &Business,
        change: impl FnOnce(Metadata<'_>) -> Change,
    ) -> Result<(), String> {
        let config = &business.config;
        let number = config.number.first().ok_or("there is no number")?;
        let change = change(Metadata {
            display_phone_number: &number.display_number,
            phone_number_id: &number.phone_number_id,
        });
        let body = envelope([Entry {
            id: &number.waba_id,
            time_s: None,
            changes: &[change],
        }]);
        let serves = |meta_app: &&crate::config::MetaApp| {
            !meta_app.app_secret.is_empty() && meta_app.businesses.contains(&config.id)
        };
        let (path, secret) = match self.app.config.meta_app.iter().find(serves) {
            Some(meta_app) if config.app_secret.is_empty() => (
                format!("/webhooks/meta/app/{}", meta_app.id),
                &meta_app.app_secret,
            ),
            _ => (format!("/webhooks/meta/{}", config.id), &config.app_secret),
        };
        let signed = signature::sign(secret.reveal().as_bytes(), &body);
        let answer = self
            .public(
                Method::POST,
                &path,
                "application/json",
                Some((signature::HEADER, &signed)),
                Body::from(body),
            )
            .await?;
        answer.expect(StatusCode::OK, "the webhook").map(drop)
    }

    async fn form(&self, path: &str, posted: String) -> Result<Answer, String> {
        let kind = "application/x-www-form-urlencoded";
        self.public(Method::POST, path, kind, None, Body::from(posted))
            .await
    }

    async fn public(
        &self,
        method: Method,
        path: &str,
        kind: &str,
        signed: Option<(&str, &str)>,
        body: Body,
    ) -> Result<Answer, String> {
        let mut request = Request::builder().method(method).uri(path);
        if !kind.is_empty() {
            request = request.header(header::CONTENT_TYPE, kind);
        }
        if let Some((name, value)) = signed {
            request = request.header(name, value);
        }
        let request = request.body(body).map_err(|error| error.to_string())?;
        read(self.public.clone().oneshot(request).await).await
    }

    async fn admin(&self, method: Method, path: &str, body: Body) -> Result<Answer, String> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.key))
            .header(header::CONTENT_TYPE, "application/json")
            .body(body)
            .map_err(|error| error.to_string())?;
        read(self.private.clone().oneshot(request).await).await
    }
}

fn canary() -> Contact<'static> {
    Contact {
        wa_id: Some(CANARY),
        ..Contact::default()
    }
}

async fn read(answered: Result<Response, std::convert::Infallible>) -> Result<Answer, String> {
    let (parts, body) = match answered {
        Ok(response) => response.into_parts(),
        Err(never) => match never {},
    };
    let body = http_body_util::Limited::new(body, ANSWER_BYTES_MAX);
    let bytes = body
        .collect()
        .await
        .map_err(|_| "an answer broke off".to_owned())?
        .to_bytes();
    Ok(Answer {
        status: parts.status,
        text: String::from_utf8_lossy(&bytes).into_owned(),
    })
}
