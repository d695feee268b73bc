//! The visitors that fill [`Fields`]: one per form a value may have.
//!
//! Every form it must not have ends in a sentence that names the member and never
//! the value, so that the sentence may be shown and logged.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::fields::{Field, Fields, Interactive, Template, batch_elsewhere, judged};
use crate::ShapeError;
use crate::strict::disguised;

/// Visitor methods for every form a value must not have.
macro_rules! refuse {
    ($name:expr, $what:expr; $($form:ident),*) => { $( refuse!(@$form $name, $what); )* };
    (@text $name:expr, $what:expr) => {
        fn visit_str<E: Error>(self, _: &str) -> Result<Self::Value, E> {
            Err(E::custom(wrong(&$name(&self), $what)))
        }
    };
    (@integer $name:expr, $what:expr) => {
        fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
            Err(E::custom(wrong(&$name(&self), $what)))
        }
        fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
            Err(E::custom(wrong(&$name(&self), $what)))
        }
    };
    (@other $name:expr, $what:expr) => {
        fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
            Err(E::custom(wrong(&$name(&self), $what)))
        }
        fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
            Err(E::custom(wrong(&$name(&self), $what)))
        }
    };
    (@null $name:expr, $what:expr) => {
        fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
            Err(E::custom(wrong(&$name(&self), $what)))
        }
    };
    (@array $name:expr, $what:expr) => {
        fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
            Err(A::Error::custom(wrong(&$name(&self), $what)))
        }
    };
    (@object $name:expr, $what:expr) => {
        fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
            Err(A::Error::custom(wrong(&$name(&self), $what)))
        }
    };
}

fn wrong(name: &str, what: &str) -> String {
    if name.is_empty() {
        format!("the body must be {what}")
    } else {
        format!("`{name}` must be {what}")
    }
}

/// A name, matched without being kept.
struct KeySeed<T>(fn(&str) -> Result<T, ShapeError>);

impl<'de, T> DeserializeSeed<'de> for KeySeed<T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<T> Visitor<'_> for KeySeed<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<T, E> {
        (self.0)(name).map_err(E::custom)
    }
}

/// The whole body.
pub(super) struct TopSeed<'f, 'a>(pub(super) &'f mut Fields<'a>);

impl<'de: 'a, 'a> DeserializeSeed<'de> for TopSeed<'_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de: 'a, 'a> Visitor<'de> for TopSeed<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    refuse!(|_: &Self| String::new(), "a JSON object"; text, integer, other, null, array);

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key_seed(KeySeed(judged))? {
            match key {
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
                Some(field) => {
                    self.0.mark(field).map_err(A::Error::custom)?;
                    map.next_value_seed(ValueSeed(self.0, field))?;
                }
            }
        }
        Ok(())
    }
}

/// The value of one judged member.
pub(super) struct ValueSeed<'f, 'a>(pub(super) &'f mut Fields<'a>, pub(super) Field);

impl<'de: 'a, 'a> DeserializeSeed<'de> for ValueSeed<'_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let Self(fields, field) = self;
        if let Some(slot) = fields.slot(field) {
            *slot = ScalarSeed(field.name()).deserialize(deserializer)?;
            return Ok(());
        }
        let there = match field {
            Field::Template => {
                let mut template = Template::default();
                let there = ObjectSeed {
                    name: field.name(),
                    target: &mut template,
                    life: PhantomData,
                }
                .deserialize(deserializer)?;
                fields.template = there.then_some(template);
                there
            }
            Field::Interactive => {
                let mut interactive = Interactive::default();
                let there = ObjectSeed {
                    name: field.name(),
                    target: &mut interactive,
                    life: PhantomData,
                }
                .deserialize(deserializer)?;
                fields.interactive = there.then_some(interactive);
                there
            }
            _ => deserializer.deserialize_any(Presence)?,
        };
        match field {
            Field::TypingIndicator => fields.typing = there,
            Field::Batch if there => return Err(D::Error::custom(batch_elsewhere())),
            Field::Batch => {}
            content if there => fields.content |= content.bit(),
            _ => {}
        }
        Ok(())
    }
}

/// A text or a whole number, as text; `null` counts as missing.
struct ScalarSeed(&'static str);

impl<'de> DeserializeSeed<'de> for ScalarSeed {
    type Value = Option<Cow<'de, str>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ScalarSeed {
    type Value = Option<Cow<'de, str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(text.to_owned())))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(number.to_string())))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
        Err(E::custom(wrong(self.0, "a text")))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    refuse!(|seed: &Self| seed.0.to_owned(), "a text"; other, array, object);
}

/// Whether a value is there; `null` is not.
struct Presence;

impl<'de> Visitor<'de> for Presence {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_bool<E>(self, _: bool) -> Result<bool, E> {
        Ok(true)
    }

    fn visit_i64<E>(self, _: i64) -> Result<bool, E> {
        Ok(true)
    }

    fn visit_u64<E>(self, _: u64) -> Result<bool, E> {
        Ok(true)
    }

    fn visit_f64<E>(self, _: f64) -> Result<bool, E> {
        Ok(true)
    }

    fn visit_str<E>(self, _: &str) -> Result<bool, E> {
        Ok(true)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<bool, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(true)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(true)
    }
}

/// An object of which some members are judged.
trait Members<'a> {
    /// The names of those members.
    const NAMES: &'static [&'static str];

    /// Reads the member of the name at `index`.
    fn read<'de: 'a, A: MapAccess<'de>>(
        &mut self,
        index: usize,
        map: &mut A,
    ) -> Result<(), A::Error>;
}

/// Reads an object; tells whether it was there.
struct ObjectSeed<'t, 'a, T> {
    name: &'static str,
    target: &'t mut T,
    life: PhantomData<&'a ()>,
}

impl<'de: 'a, 'a, T: Members<'a>> DeserializeSeed<'de> for ObjectSeed<'_, 'a, T> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de: 'a, 'a, T: Members<'a>> Visitor<'de> for ObjectSeed<'_, 'a, T> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(false)
    }

    refuse!(|seed: &Self| seed.name.to_owned(), "an object"; text, integer, other, array);

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let mut seen = 0u32;
        while let Some(index) = map.next_key_seed(KeySeed(|name| index_in(name, T::NAMES)))? {
            let Some(index) = index else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            if seen & (1 << index) != 0 {
                let member = T::NAMES.get(index).copied().unwrap_or_default();
                return Err(A::Error::custom(format!(
                    "`{}.{member}` is given twice",
                    self.name
                )));
            }
            seen |= 1 << index;
            self.target.read(index, &mut map)?;
        }
        Ok(true)
    }
}

fn index_in(name: &str, names: &'static [&'static str]) -> Result<Option<usize>, ShapeError> {
    if let Some(index) = names.iter().position(|known| *known == name) {
        return Ok(Some(index));
    }
    match disguised(name, names.iter().copied()) {
        Some(judged) => Err(ShapeError::new(format!(
            "a member could be taken for `{judged}`; write exactly `{judged}`"
        ))),
        None => Ok(None),
    }
}

impl<'a> Members<'a> for Template<'a> {
    const NAMES: &'static [&'static str] = &["name", "language"];

    fn read<'de: 'a, A: MapAccess<'de>>(
        &mut self,
        index: usize,
        map: &mut A,
    ) -> Result<(), A::Error> {
        if index == 0 {
            self.name = map.next_value_seed(ScalarSeed("template.name"))?;
        } else {
            self.language = map.next_value_seed(InnerSeed {
                name: "template.language",
                key: |name| index_in(name, &["code"]),
            })?;
        }
        Ok(())
    }
}

impl<'a> Members<'a> for Interactive<'a> {
    const NAMES: &'static [&'static str] = &["type", "action"];

    fn read<'de: 'a, A: MapAccess<'de>>(
        &mut self,
        index: usize,
        map: &mut A,
    ) -> Result<(), A::Error> {
        if index == 0 {
            self.kind = map.next_value_seed(ScalarSeed("interactive.type"))?;
        } else {
            self.action = map.next_value_seed(InnerSeed {
                name: "interactive.action",
                key: |name| index_in(name, &["name"]),
            })?;
        }
        Ok(())
    }
}

/// One text inside an object (`language.code`), or a text in the object's place.
struct InnerSeed {
    /// The object's name, for errors.
    name: &'static str,
    /// Tells the wanted member from the others.
    key: fn(&str) -> Result<Option<usize>, ShapeError>,
}

impl<'de> DeserializeSeed<'de> for InnerSeed {
    type Value = Option<Cow<'de, str>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for InnerSeed {
    type Value = Option<Cow<'de, str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(text.to_owned())))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    refuse!(|seed: &Self| seed.name.to_owned(), "an object"; integer, other, array);

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        let mut seen = false;
        while let Some(index) = map.next_key_seed(KeySeed(self.key))? {
            if index.is_none() {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            if seen {
                return Err(A::Error::custom(format!(
                    "a member of `{}` is given twice",
                    self.name
                )));
            }
            seen = true;
            found = map.next_value_seed(ScalarSeed(self.name))?;
        }
        Ok(found)
    }
}
