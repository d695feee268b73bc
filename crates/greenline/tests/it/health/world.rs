//! A platform with a business for each state that is looked at, and a gateway in front of all of them, both on one clock
//! that only the test moves.
//!
//! Each place has a portfolio, an account and a number of its own, so that no state touches another, and one start of both
//! serves them all.

use std::time::Duration;

use greenline_gateway::polling;
use greenline_sim::config::{
    Account, Business, ClockConfig, Health, Number, SimConfig, Template, Webhooks,
};
use greenline_sim::{CallPermission, HealthState, Inbound, Script, Sim, Unclear};
use http::Method;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use toml::Table;

use crate::support::fixed::Fixed;
use crate::support::http::{Answer, Connection};
use crate::support::ports;
use crate::support::settings::{ADMIN_KEY, Settings};
use crate::support::store::{Home, Store};

/// Somebody who wrote lately.
pub(crate) const DANA: &str = "15550100123";
/// Somebody who opted in to everything and never wrote.
pub(crate) const STRANGER: &str = "15550100777";
/// The marketing template that states of templates are about; nothing else is sent with it.
pub(crate) const OFFER: &str = "winter_offer";
/// Longest wait for webhooks to be taken.
pub(crate) const SETTLED_WITHIN: Duration = Duration::from_secs(120);
const HOUR_MS: i64 = 60 * 60 * 1_000;

/// One business with one number, in one state.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The state.
    pub(crate) state: HealthState,
    /// The business's id here.
    pub(crate) business: String,
    /// Its account.
    pub(crate) account: String,
    /// Its number.
    pub(crate) number: String,
    /// The platform's token.
    pub(crate) token: String,
    /// The bot's key.
    pub(crate) key: String,
    portfolio: String,
    display: String,
    /// The first of its templates; the others follow.
    templates: u64,
}

impl Place {
    fn new(at: usize, state: HealthState) -> Self {
        Self {
            state,
            business: format!("b{at:03}"),
            portfolio: format!("4015000001{at:05}"),
            account: format!("2015000001{at:05}"),
            number: format!("3015000001{at:05}"),
            display: format!("+1 555 012 {at:04}"),
            token: format!("token-{at}"),
            key: format!("bot-{at}"),
            templates: 903_000_000_000_000 + at as u64 * 100,
        }
    }

    /// The id of the template that states of templates are about, [`OFFER`].
    pub(crate) fn offer(&self) -> u64 {
        self.templates
    }

    /// The number as people see it.
    pub(crate) fn display(&self) -> &str {
        &self.display
    }

    fn simulated(&self, callback: String) -> Business {
        let sample = Business::sample();
        let mut templates = sample.accounts[0].templates.clone();
        let spring = templates.iter().find(|one| one.name == "spring_offer");
        let offer = Template {
            name: OFFER.to_owned(),
            ..spring.expect("a sample").clone()
        };
        templates.insert(0, offer);
        for (id, template) in (self.templates..).zip(&mut templates) {
            template.id = Some(id);
        }
        Business {
            portfolio_id: self.portfolio.clone(),
            access_tokens: vec![self.token.clone()],
            app_id: format!("6{}", &self.portfolio[1..]),
            callback_url: Some(callback),
            accounts: vec![Account {
                id: self.account.clone(),
                name: "Acme".to_owned(),
                callback_url: None,
                numbers: vec![Number {
                    id: self.number.clone(),
                    display_number: self.display.clone(),
                    ..sample.accounts[0].numbers[0].clone()
                }],
                templates,
            }],
            ..sample
        }
    }

    fn configured(&self) -> Table {
        let text = format!(
            r#"
            id = "{}"
            name = "Acme"
            portfolio_id = "{}"
            app_secret = "sim-app-secret"
            verify_token = "sim-verify-token"
            access_token = "{}"
            pair_limit = false
            number = [{{ phone_number_id = "{}", waba_id = "{}", display_number = "{}" }}]
            app = [{{ name = "bot", key = "{}" }}]
            "#,
            self.business,
            self.portfolio,
            self.token,
            self.number,
            self.account,
            self.display,
            self.key,
        );
        text.parse().expect("a business")
    }

    /// What puts the place into its state.
    pub(crate) fn script(&self) -> Script {
        use HealthState as S;
        let mut script = Script::number(&self.number, self.state);
        script.template = Some(self.offer());
        if self.state == S::Limit {
            script = script.value("TIER_10K");
        }
        script
    }
}

/// The platform, the gateway, and the time.
pub(crate) struct World {
    pub(crate) sim: Sim,
    pub(crate) places: Vec<Place>,
    pub(crate) gateway: Fixed,
    line: Mutex<Connection>,
    settings: Settings,
    home: Home,
}

impl World {
    /// A world with a place for each state, all well, at a moment. Everything of it has been read once.
    pub(crate) async fn open(
        store: Store,
        start_ms: i64,
        unclear: Unclear,
        states: &[HealthState],
    ) -> Self {
        let home = store.home();
        let [public, private] = ports::free();
        let places = states.iter().enumerate();
        let places: Vec<Place> = places.map(|(at, state)| Place::new(at, *state)).collect();
        let callback = |place: &Place| format!("http://{public}/webhooks/meta/{}", place.business);
        let businesses = places.iter();
        let config = SimConfig {
            speed: 1_000.0,
            unclear: Some(unclear),
            clock: ClockConfig {
                start_ms: Some(start_ms),
                stands_still: true,
            },
            health: Some(Health::scripted()),
            webhooks: Webhooks {
                calls_max: 1,
                ..Webhooks::default()
            },
            businesses: businesses
                .map(|place| place.simulated(callback(place)))
                .collect(),
            ..SimConfig::sample()
        };
        let sim = Sim::start(config).await.expect("the simulated platform");
        let businesses = places
            .iter()
            .map(|place| toml::Value::from(place.configured()));
        let folder = home.path().to_owned();
        let settings = Settings::new(&folder, &sim.url(), public, private)
            .with(&["business"], businesses.collect::<Vec<_>>());
        let gateway = Fixed::start(&home, settings.clone(), start_ms).await;
        let line = Connection::open(gateway.private).await.expect("a gateway");
        let world = Self {
            sim,
            places,
            gateway,
            line: Mutex::new(line),
            settings,
            home,
        };
        world.read().await;
        for place in &world.places {
            let told = world.told(place, None).await;
            assert_eq!(told.can("start.marketing"), "yes", "{:?}", told.0);
        }
        world
    }

    /// The same, after the gateway was stopped and started again.
    pub(crate) async fn restarted(self) -> Self {
        let now_ms = self.now_ms();
        self.gateway.stop().await;
        let gateway = Fixed::start(&self.home, self.settings.clone(), now_ms).await;
        let line = Connection::open(gateway.private).await.expect("a gateway");
        let line = Mutex::new(line);
        Self {
            gateway,
            line,
            ..self
        }
    }

    /// Now, in Unix milliseconds.
    pub(crate) fn now_ms(&self) -> i64 {
        self.sim.now_ms()
    }

    /// Lets hours pass, with everything that is due on the way.
    pub(crate) async fn pass(&self, hours: i64) {
        let now_ms = self.sim.now_ms() + hours * HOUR_MS;
        // The platform never dates anything ahead of those who hear of it.
        self.gateway.set_clock(now_ms);
        self.sim.set_clock(now_ms).expect("a clock that goes on");
        self.settle().await;
    }

    /// Waits until every webhook was taken.
    pub(crate) async fn settle(&self) {
        assert!(self.sim.settle(SETTLED_WITHIN).await, "webhooks are left");
    }

    /// A person writes to a place; whether anything was told.
    pub(crate) fn writes(&self, place: &Place, text: &str) -> bool {
        let inbound = Inbound::text(&place.number, DANA, text);
        self.sim.inbound(&inbound).expect("a number").told
    }

    /// Dana writes, lets the number call, and a stranger opts in to everything.
    pub(crate) async fn people(&self) {
        for place in &self.places {
            self.writes(place, "Hello");
            let mut allows = Inbound::text(&place.number, DANA, "");
            allows.text = None;
            allows.call_permission = Some(CallPermission {
                accept: true,
                expires_s: None,
            });
            self.sim.inbound(&allows).expect("a number");
            let body = json!({
                "business": place.business, "person": { "wa_id": STRANGER }, "scope": "all", "event": "granted",
                "evidence": {
                    "method": "website_form", "wording": "Yes, write to me on WhatsApp",
                    "business_name": "Acme", "source": "https://acme.example/yes",
                },
            });
            let answer = self.post("/v1/consents", ADMIN_KEY, &body).await;
            assert_eq!(answer.status.as_u16(), 201, "{}", answer.json());
        }
        self.settle().await;
    }

    /// The gateway reads what its plan says is due.
    pub(crate) async fn read(&self) {
        polling::round(self.gateway.app()).await;
    }

    /// What the gateway says a place can do.
    pub(crate) async fn told(&self, place: &Place, at: Option<&str>) -> Told {
        let at = at.map_or_else(String::new, |at| format!("?at={at}"));
        let target = format!("/v1/numbers/{}/capabilities{at}", place.number);
        let answer = self.get(&target, ADMIN_KEY).await;
        assert_eq!(answer.status.as_u16(), 200, "{}", answer.json());
        Told(answer.json())
    }

    /// Posts to the private listener.
    pub(crate) async fn post(&self, target: &str, key: &str, body: &Value) -> Answer {
        let mut line = self.line.lock().await;
        let answer = line.post(target, key, body).await;
        answer.unwrap_or_else(|why| panic!("POST {target}: {why:?}"))
    }

    /// Reads from the private listener.
    pub(crate) async fn get(&self, target: &str, key: &str) -> Answer {
        let bearer = format!("Bearer {key}");
        let headers = [("authorization", bearer.as_str())];
        let mut line = self.line.lock().await;
        let answer = line.call(Method::GET, target, &headers, "").await;
        answer.unwrap_or_else(|why| panic!("GET {target}: {why:?}"))
    }

    /// Stops both.
    pub(crate) async fn close(self) {
        self.gateway.stop().await;
        self.sim.stop().await;
    }
}

/// An answer of `/v1/numbers/{id}/capabilities`.
#[derive(Clone, Debug)]
pub(crate) struct Told(pub(crate) Value);

impl Told {
    /// The row for one capability.
    pub(crate) fn cell(&self, what: &str) -> &Value {
        let cells = self.0["capabilities"].as_array().expect("capabilities");
        let cell = cells.iter().find(|cell| cell["what"] == what);
        cell.unwrap_or_else(|| panic!("{what}: {}", self.0))
    }

    /// `yes`, `no` or `unknown`.
    pub(crate) fn can(&self, what: &str) -> &str {
        self.cell(what)["can"].as_str().unwrap_or_default()
    }

    /// The names of everything that holds, gravest first.
    pub(crate) fn causes(&self) -> Vec<&str> {
        let causes = self.0["causes"].as_array().expect("causes");
        causes
            .iter()
            .filter_map(|cause| cause["cause"].as_str())
            .collect()
    }
}
