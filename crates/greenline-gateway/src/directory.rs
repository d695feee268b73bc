//! Who is who: keys to apps, numbers and accounts to businesses. Built once from the configuration.

use std::sync::Arc;

use greenline_ledger::types::BusinessIx;
use greenline_policy::consent::Head;
use greenline_policy::decide::Rules;
use greenline_policy::hold::HoldGroup;
use greenline_policy::lasting::YesLasts;
use greenline_policy::pace::Caps;
use greenline_policy::scope::{Category, Scope};
use greenline_policy::stop;
use http::HeaderValue;
use rustc_hash::FxHashMap;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use crate::config::{self, Config, May, Mode};
use crate::opt_in::Forms;
use crate::own::OwnRules;
use crate::places::Places;

/// SHA-256 of a key; keys are compared only so.
type KeyHash = [u8; 32];

/// One business as the live path needs it.
#[derive(Debug)]
pub struct Business {
    /// Its place in the configuration.
    pub ix: BusinessIx,
    /// The settings.
    pub config: config::Business,
    /// The choices that rules look at.
    pub rules: Rules,
    /// How stops are read: the business's language, and the unclear words it counts.
    pub stop: stop::Settings,
    /// Topics whose yeses last as long as they say for themselves.
    topics_last: Vec<(Scope, u16)>,
    /// Its countries and hours.
    pub places: Places,
    /// How much it lets one person get.
    pub caps: Caps,
    /// What people can agree to.
    pub opt_in: Forms,
    /// Templates with a topic or a mark, by name.
    pub templates: FxHashMap<Box<str>, TemplateSetting>,
    /// Another business uses the same platform token, so ids that are not known can't be left to the
    /// platform to check.
    pub shares_token: bool,
    /// What it will not send.
    pub own: OwnRules,
    /// Present and former names.
    pub names: Vec<String>,
    /// The platform's token as a header, when the business has one.
    pub authorization: Option<HeaderValue>,
}

impl Business {
    /// How long a yes lasts, for a decision about a topic or about none.
    #[must_use]
    pub fn yes_lasts(&self, topic: Option<&Scope>) -> YesLasts {
        let own = topic.and_then(|topic| self.topics_last.iter().find(|(named, _)| named == topic));
        match own {
            Some((Scope::Topic(category, _), days)) => self.rules.yes_lasts.with(*category, *days),
            _ => self.rules.yes_lasts,
        }
    }

    /// A scope, and what lies below it and may have an end of its own: how long a yes to the scope lasts for each, the
    /// widest first. Only what has an end.
    #[must_use]
    pub fn lengths(&self, scope: &Scope) -> Vec<(Scope, YesLasts)> {
        let kinds = Category::ALL.map(Scope::Category).into_iter();
        let topics = self.topics_last.iter().map(|(topic, _)| topic.clone());
        let below = kinds.chain(topics);
        let below = below.filter(|below| below != scope && scope.covers(below));
        std::iter::once(scope.clone())
            .chain(below)
            .map(|seen| {
                let lasts = self.yes_lasts(Some(&seen));
                (seen, lasts)
            })
            .filter(|(seen, lasts)| lasts.end_ms(seen, 0).is_some())
            .collect()
    }

    /// What a person's head has come to by now.
    #[must_use]
    pub fn aged(&self, head: &Head, now_ms: i64) -> Head {
        let mut aged = self.rules.yes_lasts.aged_head(head, now_ms);
        let named: Vec<Scope> = self
            .topics_last
            .iter()
            .map(|(topic, _)| topic.clone())
            .collect();
        for topic in named {
            let standing = head.standing(&topic);
            let standing = self.yes_lasts(Some(&topic)).aged(standing, &topic, now_ms);
            // A topic that nobody named stands as its kind does, unless its own length says otherwise.
            if aged.standing(&topic) == standing {
                continue;
            }
            match aged.topics.iter_mut().find(|(known, _)| *known == topic) {
                Some((_, known)) => *known = standing,
                None => aged.topics.push((topic, standing)),
            }
        }
        aged
    }
}

/// How long each kind of yes lasts, and each topic that has its own length.
fn lasting(business: &config::Business) -> (YesLasts, Vec<(Scope, u16)>) {
    let mut kinds = YesLasts::FOR_EVER;
    let mut topics = Vec::new();
    let mut of = |scope: &Scope, days: u16| match scope {
        Scope::All => {
            kinds = YesLasts::from_days([days; Category::ALL.len()]);
        }
        Scope::Category(category) => kinds = kinds.with(*category, days),
        Scope::Topic(..) => topics.push((scope.clone(), days)),
    };
    // In the order of scopes, so that what is said of a kind stands over what is said of everything.
    let named = business.yes_lasts_days.iter();
    let mut named: Vec<(Scope, u16)> = named
        .filter_map(|(scope, days)| Some((Scope::parse(scope)?, *days)))
        .collect();
    named.sort_by_key(|(scope, _)| (*scope != Scope::All, scope.clone()));
    for (scope, days) in &named {
        of(scope, *days);
    }
    (kinds, topics)
}

/// What the business's settings say of a template.
#[derive(Clone, Debug, Default)]
pub struct TemplateSetting {
    /// What the person must have agreed to.
    pub topic: Option<Scope>,
    /// It is an ask.
    pub ask: bool,
}

/// One number.
#[derive(Debug)]
pub struct Number {
    /// The phone_number_id.
    pub id: Arc<str>,
    /// Its account.
    pub waba_id: Arc<str>,
    /// The business it belongs to.
    pub business: BusinessIx,
    /// Bounds the sends under way.
    pub permits: Arc<Semaphore>,
}

/// One app.
#[derive(Debug)]
pub struct App {
    /// Its name.
    pub name: Arc<str>,
    /// The business it belongs to.
    pub business: BusinessIx,
    /// Forwards its own token instead of the business's.
    pub keeps_token: bool,
    /// May reroute webhooks and register numbers.
    pub trusted: bool,
    /// What it wants messages held for.
    pub holds: Vec<HoldGroup>,
    /// The settings.
    pub config: config::App,
}

/// An app of the platform that serves several businesses.
#[derive(Debug)]
pub struct MetaApp {
    /// The settings.
    pub config: config::MetaApp,
    /// The businesses it serves.
    pub businesses: Vec<BusinessIx>,
    /// Where the ledger keeps what belongs to none of them: a place of its own, behind the businesses.
    pub quarantine: BusinessIx,
}

/// Someone who may use the admin API.
#[derive(Clone, Debug)]
pub struct Principal {
    /// Acts are recorded under this name.
    pub name: Arc<str>,
    /// What they may do.
    pub may: May,
    /// Businesses they reach; `None` for all.
    pub businesses: Option<Arc<[String]>>,
}

impl Principal {
    /// Whether they reach a business.
    #[must_use]
    pub fn reaches(&self, business: &str) -> bool {
        self.businesses
            .as_ref()
            .is_none_or(|list| list.iter().any(|id| id == business))
    }
}

/// The look-ups.
#[derive(Debug)]
pub struct Directory {
    businesses: Vec<Arc<Business>>,
    by_id: FxHashMap<Box<str>, BusinessIx>,
    numbers: FxHashMap<Box<str>, Arc<Number>>,
    accounts: FxHashMap<Box<str>, BusinessIx>,
    portfolios: FxHashMap<Box<str>, BusinessIx>,
    apps: FxHashMap<KeyHash, Arc<App>>,
    meta_apps: FxHashMap<Box<str>, Arc<MetaApp>>,
    principals: FxHashMap<KeyHash, Principal>,
}

impl Directory {
    /// Builds the look-ups from a checked configuration.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let mut directory = Self {
            businesses: Vec::new(),
            by_id: FxHashMap::default(),
            numbers: FxHashMap::default(),
            accounts: FxHashMap::default(),
            portfolios: FxHashMap::default(),
            apps: FxHashMap::default(),
            meta_apps: FxHashMap::default(),
            principals: FxHashMap::default(),
        };
        for (place, business) in config.business.iter().enumerate() {
            let ix = BusinessIx(u32::try_from(place).unwrap_or(u32::MAX));
            directory.add_business(ix, business, config);
        }
        for (place, meta_app) in config.meta_app.iter().enumerate() {
            let quarantine = u32::try_from(config.business.len() + place).unwrap_or(u32::MAX);
            let known = Arc::new(MetaApp {
                config: meta_app.clone(),
                businesses: meta_app
                    .businesses
                    .iter()
                    .filter_map(|id| directory.by_id.get(id.as_str()).copied())
                    .collect(),
                quarantine: BusinessIx(quarantine),
            });
            directory
                .meta_apps
                .insert(meta_app.id.as_str().into(), known);
        }
        for token in &config.admin.token {
            let principal = Principal {
                name: token.name.as_str().into(),
                may: token.may,
                businesses: token.businesses.clone().map(Into::into),
            };
            directory
                .principals
                .insert(key_hash(token.key.reveal()), principal);
        }
        directory
    }

    fn add_business(&mut self, ix: BusinessIx, business: &config::Business, config: &Config) {
        let same_token = |other: &&config::Business| {
            !business.access_token.is_empty() && other.access_token == business.access_token
        };
        let templates = business
            .template
            .iter()
            .map(|template| {
                let topic = template.topic.as_deref().and_then(Scope::parse);
                (
                    template.name.as_str().into(),
                    TemplateSetting {
                        topic,
                        ask: template.ask,
                    },
                )
            })
            .collect();
        let names = std::iter::once(&business.name)
            .chain(&business.former_names)
            .cloned()
            .collect();
        let (yes_lasts, topics_last) = lasting(business);
        self.by_id.insert(business.id.as_str().into(), ix);
        self.businesses.push(Arc::new(Business {
            ix,
            config: business.clone(),
            rules: Rules {
                window_templates_are_replies: business.window_templates_are_replies,
                portfolio_limit: business.portfolio_limit,
                yes_lasts,
                quality_guard: business.quality_guard.rule(),
                ..Rules::default()
            },
            stop: stop::Settings::default()
                .counting(business.ambiguous_stop_words.iter().map(String::as_str))
                .in_language(&business.language),
            topics_last,
            // What is wrong with its settings was said when they were checked.
            places: Places::read(business, &mut Vec::new()),
            own: OwnRules::read(business, &mut Vec::new()),
            caps: crate::caps::read(business, &mut Vec::new()),
            opt_in: Forms::new(business),
            templates,
            shares_token: config.business.iter().filter(same_token).count() > 1,
            names,
            authorization: bearer(business.access_token.reveal()),
        }));
        if !business.portfolio_id.is_empty() {
            self.portfolios
                .insert(business.portfolio_id.as_str().into(), ix);
        }
        for number in &business.number {
            self.accounts.insert(number.waba_id.as_str().into(), ix);
            self.numbers.insert(
                number.phone_number_id.as_str().into(),
                Arc::new(Number {
                    id: number.phone_number_id.as_str().into(),
                    waba_id: number.waba_id.as_str().into(),
                    business: ix,
                    permits: Arc::new(Semaphore::new(config.upstream.concurrency_per_number_max)),
                }),
            );
        }
        for app in &business.app {
            let keeps_token = app.key.is_empty();
            let hash = if keeps_token {
                hex_hash(&app.token_sha256)
            } else {
                Some(key_hash(app.key.reveal()))
            };
            let Some(hash) = hash else { continue };
            self.apps.insert(
                hash,
                Arc::new(App {
                    name: app.name.as_str().into(),
                    business: ix,
                    keeps_token,
                    trusted: app.trusted,
                    holds: crate::later::groups(app),
                    config: app.clone(),
                }),
            );
        }
    }

    /// Every business.
    pub fn businesses(&self) -> impl Iterator<Item = &Arc<Business>> {
        self.businesses.iter()
    }

    /// A business by its place; every index handed out is one.
    #[must_use]
    pub fn business(&self, ix: BusinessIx) -> &Arc<Business> {
        &self.businesses[ix.0 as usize]
    }

    /// A business by its id.
    #[must_use]
    pub fn business_by_id(&self, id: &str) -> Option<&Arc<Business>> {
        self.by_id.get(id).map(|ix| self.business(*ix))
    }

    /// The app that holds a key.
    #[must_use]
    pub fn app(&self, key: &str) -> Option<&Arc<App>> {
        self.apps.get(&key_hash(key))
    }

    /// Every app.
    pub fn apps(&self) -> impl Iterator<Item = &Arc<App>> {
        self.apps.values()
    }

    /// An app of the platform that serves several businesses, by its id.
    #[must_use]
    pub fn meta_app(&self, id: &str) -> Option<&Arc<MetaApp>> {
        self.meta_apps.get(id)
    }

    /// The principal that holds a token.
    #[must_use]
    pub fn principal(&self, token: &str) -> Option<&Principal> {
        self.principals.get(&key_hash(token))
    }

    /// A number by its id.
    #[must_use]
    pub fn number(&self, id: &str) -> Option<&Arc<Number>> {
        self.numbers.get(id)
    }

    /// Every number.
    pub fn numbers(&self) -> impl Iterator<Item = &Arc<Number>> {
        self.numbers.values()
    }

    /// The business an account belongs to.
    #[must_use]
    pub fn account(&self, waba_id: &str) -> Option<BusinessIx> {
        self.accounts.get(waba_id).copied()
    }

    /// Every account with its business.
    pub fn accounts(&self) -> impl Iterator<Item = (&str, BusinessIx)> {
        self.accounts.iter().map(|(id, ix)| (&**id, *ix))
    }

    /// The business that an id of a number, account or portfolio belongs to.
    #[must_use]
    pub fn owner(&self, id: &str) -> Option<BusinessIx> {
        self.number(id)
            .map(|number| number.business)
            .or_else(|| self.account(id))
            .or_else(|| self.portfolios.get(id).copied())
    }

    /// The ledger's mode for a business.
    #[must_use]
    pub fn mode(&self, ix: BusinessIx) -> greenline_ledger::types::Mode {
        match self.business(ix).config.mode {
            Mode::Enforce => greenline_ledger::types::Mode::Enforce,
            Mode::Observe => greenline_ledger::types::Mode::Observe,
        }
    }
}

/// The hash under which a key is looked up; equal time whatever the key.
#[must_use]
pub fn key_hash(key: &str) -> KeyHash {
    Sha256::digest(key.as_bytes()).into()
}

fn bearer(token: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
        .ok()
        .filter(|_| !token.is_empty())?;
    value.set_sensitive(true);
    Some(value)
}

fn hex_hash(hex: &str) -> Option<KeyHash> {
    let mut hash = [0; 32];
    let pairs = hex.as_bytes().chunks_exact(2);
    if pairs.len() != hash.len() || hex.len() != 64 {
        return None;
    }
    for (byte, pair) in hash.iter_mut().zip(pairs) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(hash)
}
