//! The simulated people: who they are, which windows they opened, what they stopped.
//!
//! Nobody has to be declared: whoever is written to, or writes, exists from then on.
//! What happens to one person takes one small lock; people do not wait for each other.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use greenline_wire::build::webhook::Contact;
use serde::Serialize;

use crate::ids;
use crate::log::masked;
use crate::rng::{Rng, hash};

const SHARDS: usize = 64;
/// How long a window stays open after the person's last message (SND-02).
pub(crate) const WINDOW_MS: i64 = 24 * 3_600_000;

pub(crate) struct People {
    seed: u64,
    /// All portfolios: each knows a person by an id of its own.
    portfolios: Vec<String>,
    shards: Vec<Mutex<HashMap<String, Person>>>,
    /// Who has a user id.
    user_ids: Mutex<HashMap<String, String>>,
}

/// A person.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) wa_id: String,
    pub(crate) name: String,
    pub(crate) username: Option<String>,
    /// Shows only the username (SND-72).
    pub(crate) hides_number: bool,
    /// Counts changes of the user id.
    pub(crate) generation: u32,
    /// The last message to each number, in Unix milliseconds.
    pub(crate) wrote_ms: HashMap<String, i64>,
    /// The last message from each number.
    pub(crate) last_message: HashMap<String, String>,
    /// Native stops: what they cover.
    pub(crate) stops: HashSet<String>,
    /// Numbers that this person blocked.
    pub(crate) blocks: HashSet<String>,
    /// Numbers that may call, and until when in Unix seconds.
    pub(crate) callers: HashMap<String, Option<i64>>,
    /// Has no WhatsApp.
    pub(crate) unreachable: bool,
    /// How many messages they got: each has a chance of its own.
    pub(crate) received: u64,
}

/// A person as others may see them.
#[derive(Clone, Serialize)]
pub struct PersonView {
    /// The number.
    pub wa_id: String,
    /// The name on the profile.
    pub name: String,
    /// The username.
    pub username: Option<String>,
    /// The business-scoped user id, for the portfolio asked about.
    pub user_id: String,
    /// The parent's user id.
    pub parent_user_id: String,
    /// Numbers whose window is open.
    pub windows: Vec<String>,
    /// What the native stops cover.
    pub native_stops: Vec<String>,
    /// Numbers that this person blocked.
    pub blocks: Vec<String>,
    /// How many messages they got.
    pub received: u64,
}

impl fmt::Debug for PersonView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PersonView")
            .field("wa_id", &masked(&self.wa_id))
            .field("windows", &self.windows)
            .field("native_stops", &self.native_stops)
            .field("received", &self.received)
            .finish_non_exhaustive()
    }
}

/// A person's names towards one portfolio, owned.
#[derive(Clone)]
pub(crate) struct Card {
    pub(crate) wa_id: String,
    pub(crate) name: String,
    pub(crate) username: Option<String>,
    pub(crate) user_id: String,
    pub(crate) parent_user_id: String,
    pub(crate) hides_number: bool,
}

impl Card {
    pub(crate) fn contact(&self) -> Contact<'_> {
        Contact {
            name: Some(&self.name),
            username: self.username.as_deref(),
            wa_id: (!self.hides_number).then_some(self.wa_id.as_str()),
            user_id: Some(&self.user_id),
            parent_user_id: Some(&self.parent_user_id),
        }
    }
}

impl Person {
    pub(crate) fn card(&self, portfolio: &str) -> Card {
        Card {
            wa_id: self.wa_id.clone(),
            name: self.name.clone(),
            username: self.username.clone(),
            user_id: ids::user_id(portfolio, &self.wa_id, self.generation),
            parent_user_id: ids::parent_user_id(portfolio, &self.wa_id, self.generation),
            hides_number: self.hides_number,
        }
    }

    pub(crate) fn window_is_open(&self, number: &str, now_ms: i64) -> bool {
        self.wrote_ms
            .get(number)
            .is_some_and(|wrote_ms| now_ms < wrote_ms + WINDOW_MS)
    }

    pub(crate) fn view(&self, portfolio: &str, now_ms: i64) -> PersonView {
        let card = self.card(portfolio);
        let sorted = |set: &HashSet<String>| {
            let mut all: Vec<String> = set.iter().cloned().collect();
            all.sort();
            all
        };
        let mut windows: Vec<String> = self
            .wrote_ms
            .keys()
            .filter(|number| self.window_is_open(number, now_ms))
            .cloned()
            .collect();
        windows.sort();
        PersonView {
            wa_id: card.wa_id,
            name: card.name,
            username: card.username,
            user_id: card.user_id,
            parent_user_id: card.parent_user_id,
            windows,
            native_stops: sorted(&self.stops),
            blocks: sorted(&self.blocks),
            received: self.received,
        }
    }
}

impl People {
    pub(crate) fn new(seed: u64, portfolios: Vec<String>) -> Self {
        Self {
            seed,
            portfolios,
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            user_ids: Mutex::default(),
        }
    }

    /// Does something with a person, who exists from now on at the latest.
    pub(crate) fn with<T>(&self, wa_id: &str, act: impl FnOnce(&mut Person) -> T) -> T {
        let mut shard = self.shard(wa_id);
        if let Some(person) = shard.get_mut(wa_id) {
            return act(person);
        }
        let mut person = self.newcomer(wa_id);
        self.learn_ids(&person);
        let result = act(&mut person);
        shard.insert(wa_id.to_owned(), person);
        result
    }

    /// The number of whoever has this user id.
    pub(crate) fn by_user_id(&self, user_id: &str) -> Option<String> {
        self.user_ids().get(user_id).cloned()
    }

    /// Whoever wrote to a number lately enough to be answered and shows a number, at most so many.
    pub(crate) fn who_wrote_to(&self, number: &str, now_ms: i64, most: usize) -> Vec<String> {
        let mut found = Vec::new();
        for shard in &self.shards {
            let people = shard.lock().unwrap_or_else(PoisonError::into_inner);
            let wrote = people
                .values()
                .filter(|person| !person.hides_number && person.window_is_open(number, now_ms));
            found.extend(wrote.map(|person| person.wa_id.clone()));
        }
        found.sort_unstable();
        found.truncate(most);
        found
    }

    /// Moves a person to another number: other ids, no windows, the same stops (OPT-50).
    pub(crate) fn move_to(&self, from: &str, to: &str) -> (Person, Person) {
        let before = self.with(from, |person| person.clone());
        self.shard(from).remove(from);
        let after = Person {
            wa_id: to.to_owned(),
            generation: before.generation + 1,
            wrote_ms: HashMap::new(),
            last_message: HashMap::new(),
            callers: HashMap::new(),
            ..before.clone()
        };
        self.learn_ids(&after);
        self.shard(to).insert(to.to_owned(), after.clone());
        (before, after)
    }

    /// Gives a person other user ids.
    pub(crate) fn renew_ids(&self, wa_id: &str) -> (Person, Person) {
        let (before, after) = self.with(wa_id, |person| {
            let before = person.clone();
            person.generation += 1;
            (before, person.clone())
        });
        self.learn_ids(&after);
        (before, after)
    }

    fn newcomer(&self, wa_id: &str) -> Person {
        const FIRST: [&str; 12] = [
            "Dana", "Amir", "José", "Mei", "Zoë", "Ivan", "Aïcha", "Ravi", "Lena", "Tomás", "Noor",
            "Kofi",
        ];
        let mut rng = Rng::about(self.seed, &["person", wa_id]);
        let first = FIRST[usize::try_from(rng.below(FIRST.len() as u64)).unwrap_or(0)];
        Person {
            wa_id: wa_id.to_owned(),
            name: format!("{first} Example"),
            username: None,
            hides_number: false,
            generation: 0,
            wrote_ms: HashMap::new(),
            last_message: HashMap::new(),
            stops: HashSet::new(),
            blocks: HashSet::new(),
            callers: HashMap::new(),
            unreachable: false,
            received: 0,
        }
    }

    fn learn_ids(&self, person: &Person) {
        let mut ids = self.user_ids();
        for portfolio in &self.portfolios {
            let user_id = ids::user_id(portfolio, &person.wa_id, person.generation);
            let parent = ids::parent_user_id(portfolio, &person.wa_id, person.generation);
            ids.insert(user_id, person.wa_id.clone());
            ids.insert(parent, person.wa_id.clone());
        }
    }

    fn shard(&self, wa_id: &str) -> MutexGuard<'_, HashMap<String, Person>> {
        let index = usize::try_from(hash(wa_id) % SHARDS as u64).unwrap_or(0);
        self.shards[index]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn user_ids(&self) -> MutexGuard<'_, HashMap<String, String>> {
        self.user_ids.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
