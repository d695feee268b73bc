//! The state of the simulated platform: businesses, accounts, numbers, templates.
//!
//! One lock, held for look-ups and small changes, never across an await.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use serde_json::{Map, Value};

use crate::config::{self, SimConfig};
use crate::people::People;
use crate::tokens::Tokens;
use crate::unclear::Unclear;

pub(crate) mod view;

/// Everything that is so, on this platform, at this moment.
pub(crate) struct World {
    /// How it behaves where nobody knows.
    pub(crate) unclear: Unclear,
    /// The people.
    pub(crate) people: People,
    state: RwLock<State>,
}

/// The businesses and what is theirs.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) businesses: Vec<BusinessState>,
    pub(crate) accounts: HashMap<String, AccountState>,
    pub(crate) numbers: HashMap<String, NumberState>,
    tokens: HashMap<String, usize>,
    /// How they stand.
    pub(crate) standing: Tokens,
    /// Which account a template belongs to.
    templates: HashMap<u64, String>,
}

pub(crate) struct BusinessState {
    pub(crate) portfolio_id: String,
    pub(crate) name: String,
    pub(crate) app_id: String,
    pub(crate) app_secret: String,
    pub(crate) callback_url: Option<String>,
    pub(crate) verify_token: String,
    pub(crate) messaging_limit: String,
}

pub(crate) struct AccountState {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) business: usize,
    pub(crate) callback_url: Option<String>,
    pub(crate) subscribed: bool,
    /// Ids of apps of others that get its webhooks too.
    pub(crate) other_apps: Vec<String>,
    pub(crate) numbers: Vec<String>,
    pub(crate) templates: BTreeMap<u64, TemplateState>,
    /// Type and end in Unix seconds.
    pub(crate) restrictions: Vec<(String, i64)>,
    pub(crate) locked: bool,
    pub(crate) banned: bool,
    /// It is gone (ENF-29).
    pub(crate) deleted: bool,
    pub(crate) review_status: String,
    pub(crate) health: Option<Value>,
    pub(crate) payment_problem: bool,
    /// `health_status` says BLOCKED while no message may be sent.
    pub(crate) restricted_is_blocked: bool,
    /// The status says RESTRICTED while something is restricted.
    pub(crate) restricted_says_so: bool,
}

pub(crate) struct NumberState {
    pub(crate) id: String,
    pub(crate) account: String,
    pub(crate) business: usize,
    pub(crate) display_number: String,
    /// The display number's digits.
    pub(crate) digits: String,
    pub(crate) verified_name: String,
    pub(crate) status: String,
    pub(crate) quality_rating: String,
    pub(crate) name_status: String,
    pub(crate) throughput: String,
    /// A limit of its own, until October 2025 in a world of health.
    pub(crate) own_limit: Option<String>,
    pub(crate) health: Option<Value>,
    pub(crate) callback_url: Option<String>,
    /// Another app has the chats (ENF-16), but those that were taken over (ENF-34).
    pub(crate) other_app: bool,
    pub(crate) taken_over: HashSet<String>,
    pub(crate) profile: Map<String, Value>,
    pub(crate) settings: Map<String, Value>,
    /// Those whom the business blocked.
    pub(crate) blocked: HashSet<String>,
}

#[derive(Clone)]
pub(crate) struct TemplateState {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) language: String,
    pub(crate) category: String,
    pub(crate) previous_category: Option<String>,
    pub(crate) correct_category: Option<String>,
    pub(crate) status: String,
    pub(crate) quality: String,
    pub(crate) parameter_format: String,
    pub(crate) rejected_reason: String,
    pub(crate) components: Value,
    /// How often it was paused.
    pub(crate) pauses: u32,
}

impl World {
    pub(crate) fn new(config: &SimConfig) -> Self {
        let world = Self {
            unclear: config
                .unclear
                .unwrap_or_else(|| Unclear::drawn(config.seed)),
            people: People::new(
                config.seed,
                config
                    .businesses
                    .iter()
                    .map(|business| business.portfolio_id.clone())
                    .collect(),
            ),
            state: RwLock::default(),
        };
        for business in &config.businesses {
            world.write().add_business(business);
        }
        world
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn add_business(&mut self, business: &config::Business) {
        let index = self.businesses.len();
        self.businesses.push(BusinessState {
            portfolio_id: business.portfolio_id.clone(),
            name: business.name.clone(),
            app_id: business.app_id.clone(),
            app_secret: business.app_secret.clone(),
            callback_url: business.callback_url.clone(),
            verify_token: business.verify_token.clone(),
            messaging_limit: business.messaging_limit.clone(),
        });
        for token in &business.access_tokens {
            self.tokens.insert(token.clone(), index);
        }
        for account in &business.accounts {
            self.add_account(index, account);
        }
    }

    fn add_account(&mut self, business: usize, account: &config::Account) {
        self.accounts.insert(
            account.id.clone(),
            AccountState {
                id: account.id.clone(),
                name: account.name.clone(),
                business,
                callback_url: account.callback_url.clone(),
                subscribed: true,
                other_apps: Vec::new(),
                numbers: account.numbers.iter().map(|n| n.id.clone()).collect(),
                templates: BTreeMap::new(),
                restrictions: Vec::new(),
                locked: false,
                banned: false,
                deleted: false,
                review_status: "APPROVED".to_owned(),
                health: None,
                payment_problem: false,
                restricted_is_blocked: false,
                restricted_says_so: false,
            },
        );
        for number in &account.numbers {
            let number = NumberState::new(business, &account.id, number);
            self.numbers.insert(number.id.clone(), number);
        }
        for (index, template) in account.templates.iter().enumerate() {
            let given = template.id.unwrap_or_else(|| {
                crate::rng::hash(&account.id) % 1_000_000 * 1_000
                    + index as u64
                    + 902_000_000_000_000
            });
            self.put_template(&account.id, TemplateState::new(given, template));
        }
    }

    /// Puts another number into an account.
    pub(crate) fn add_number(&mut self, account: &str, number: &config::Number) {
        let Some(account) = self.accounts.get_mut(account) else {
            return;
        };
        account.numbers.push(number.id.clone());
        let number = NumberState::new(account.business, &account.id, number);
        self.numbers.insert(number.id.clone(), number);
    }

    pub(crate) fn put_template(&mut self, account: &str, template: TemplateState) {
        self.templates.insert(template.id, account.to_owned());
        if let Some(account) = self.accounts.get_mut(account) {
            account.templates.insert(template.id, template);
        }
    }

    pub(crate) fn remove_template(&mut self, id: u64) -> Option<TemplateState> {
        let account = self.templates.remove(&id)?;
        self.accounts.get_mut(&account)?.templates.remove(&id)
    }

    /// The template and the account it belongs to.
    pub(crate) fn template(&self, id: u64) -> Option<(&AccountState, &TemplateState)> {
        let account = self.accounts.get(self.templates.get(&id)?)?;
        Some((account, account.templates.get(&id)?))
    }

    pub(crate) fn template_mut(&mut self, id: u64) -> Option<&mut TemplateState> {
        let account = self.templates.get(&id)?;
        self.accounts.get_mut(account)?.templates.get_mut(&id)
    }

    /// The business that a token opens.
    pub(crate) fn token(&self, token: &str) -> Option<usize> {
        self.tokens.get(token).copied()
    }

    pub(crate) fn business_of_portfolio(&self, id: &str) -> Option<usize> {
        self.businesses.iter().position(|b| b.portfolio_id == id)
    }
}

impl NumberState {
    fn new(business: usize, account: &str, number: &config::Number) -> Self {
        Self {
            id: number.id.clone(),
            account: account.to_owned(),
            business,
            display_number: number.display_number.clone(),
            digits: number
                .display_number
                .chars()
                .filter(char::is_ascii_digit)
                .collect(),
            verified_name: number.verified_name.clone(),
            status: number.status.clone(),
            quality_rating: number.quality_rating.clone(),
            name_status: "APPROVED".to_owned(),
            throughput: "STANDARD".to_owned(),
            own_limit: None,
            health: None,
            callback_url: None,
            other_app: false,
            taken_over: HashSet::new(),
            profile: Map::from_iter([("vertical".to_owned(), Value::from("UNDEFINED"))]),
            settings: Map::new(),
            blocked: HashSet::new(),
        }
    }
}

impl TemplateState {
    pub(crate) fn new(id: u64, template: &config::Template) -> Self {
        Self {
            id,
            name: template.name.clone(),
            language: template.language.clone(),
            category: template.category.clone(),
            previous_category: None,
            correct_category: None,
            status: template.status.clone(),
            quality: template.quality.clone(),
            parameter_format: template.parameter_format.clone(),
            rejected_reason: "NONE".to_owned(),
            components: template.components.clone(),
            pauses: 0,
        }
    }
}
