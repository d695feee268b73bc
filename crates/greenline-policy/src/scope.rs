//! What a consent is for: a tree of `all` > category > topic.
//!
//! A topic is a name the business declares under one category, written
//! `marketing.offers`. Whether a topic is declared is the caller's business; here
//! a scope only has a form.

use std::fmt;

/// Longest topic name, in bytes.
pub const TOPIC_BYTES_MAX: usize = 64;

/// The four kinds of contact that a consent can name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Category {
    /// Promotions, offers, announcements.
    Marketing,
    /// Messages about something the person asked for or bought.
    Utility,
    /// One-time codes.
    Authentication,
    /// Calls placed by the business.
    Calls,
}

impl Category {
    /// All categories, in the order in which heads keep them.
    pub const ALL: [Self; 4] = [
        Self::Marketing,
        Self::Utility,
        Self::Authentication,
        Self::Calls,
    ];

    /// The name used in APIs, exports and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Marketing => "marketing",
            Self::Utility => "utility",
            Self::Authentication => "authentication",
            Self::Calls => "calls",
        }
    }

    /// Reads a name, lower case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|category| category.as_str() == text)
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Some of the categories.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Categories(u8);

impl Categories {
    /// The ones named.
    #[must_use]
    pub fn of(categories: impl IntoIterator<Item = Category>) -> Self {
        let bits = categories.into_iter().map(bit);
        Self(bits.fold(0, |bits, bit| bits | bit))
    }

    /// Whether one is among them.
    #[must_use]
    pub fn holds(self, category: Category) -> bool {
        self.0 & bit(category) != 0
    }

    /// Those of both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether any is among both.
    #[must_use]
    pub fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// As records keep it.
    #[must_use]
    pub fn bits(self) -> u8 {
        self.0
    }

    /// Reads [`Self::bits`].
    #[must_use]
    pub fn from_bits(bits: u8) -> Self {
        Self(bits)
    }
}

fn bit(category: Category) -> u8 {
    match category {
        Category::Marketing => 1,
        Category::Utility => 2,
        Category::Authentication => 4,
        Category::Calls => 8,
    }
}

/// A node of the scope tree.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Scope {
    /// The root: everything.
    All,
    /// One category.
    Category(Category),
    /// A topic below a category.
    Topic(Category, Box<str>),
}

impl Scope {
    /// Reads `all`, a category, or `category.topic` (letters, digits, `_`, `-`).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text == "all" {
            return Some(Self::All);
        }
        match text.split_once('.') {
            None => Category::parse(text).map(Self::Category),
            Some((category, topic)) => {
                let fits = (1..=TOPIC_BYTES_MAX).contains(&topic.len())
                    && topic
                        .bytes()
                        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
                let category = Category::parse(category)?;
                fits.then(|| Self::Topic(category, topic.into()))
            }
        }
    }

    /// The category this lies in; `None` for `all`.
    #[must_use]
    pub fn category(&self) -> Option<Category> {
        match self {
            Self::All => None,
            Self::Category(category) | Self::Topic(category, _) => Some(*category),
        }
    }

    /// Whether `self` is `other` or lies above it.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::All, _) => true,
            (Self::Category(mine), other) => other.category() == Some(*mine),
            (Self::Topic(..), other) => self == other,
        }
    }
}

impl From<Category> for Scope {
    fn from(category: Category) -> Self {
        Self::Category(category)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Category(category) => category.fmt(f),
            Self::Topic(category, topic) => write!(f, "{category}.{topic}"),
        }
    }
}
