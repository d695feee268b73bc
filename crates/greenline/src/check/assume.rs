//! `--assume KEY=VALUE`: dotted names, put together to the object that the API takes.

use serde_json::{Map, Value};

use crate::failure::Failure;

/// Members of a standing; anything else after `consent.` is a scope, which may have a dot in it.
const OF_A_STANDING: [&str; 3] = ["standing", "since", "strength"];

/// The object, or none when nothing is assumed.
pub(super) fn object(given: &[String]) -> Result<Option<Value>, Failure> {
    let mut all = Map::new();
    for pair in given {
        let (key, value) = pair.split_once('=').ok_or_else(|| {
            Failure::input(format!("`--assume {pair}` is not of the form KEY=VALUE"))
                .help("Such as `consent.marketing=covered`, `window_open_until=closed`, `number.status=BANNED`.")
        })?;
        put(&mut all, &path(key), read(value))
            .ok_or_else(|| Failure::input(format!("`--assume {key}` is given twice")))?;
    }
    Ok((!all.is_empty()).then_some(Value::Object(all)))
}

/// A name's parts; a scope stays whole.
fn path(key: &str) -> Vec<&str> {
    let Some(scope) = key.strip_prefix("consent.") else {
        return key.split('.').collect();
    };
    match scope.rsplit_once('.') {
        Some((scope, member)) if OF_A_STANDING.contains(&member) => vec!["consent", scope, member],
        _ => vec!["consent", scope, "standing"],
    }
}

/// `true`, `false`, numbers, lists and objects as JSON; anything else as text.
fn read(value: &str) -> Value {
    match serde_json::from_str(value) {
        Ok(Value::String(_) | Value::Null) | Err(_) => Value::String(value.to_owned()),
        Ok(read) => read,
    }
}

/// `None` when the place is taken.
fn put(all: &mut Map<String, Value>, path: &[&str], value: Value) -> Option<()> {
    match path {
        [] => None,
        [last] => match all.insert((*last).to_owned(), value) {
            None => Some(()),
            Some(_) => None,
        },
        [first, rest @ ..] => {
            let below = all
                .entry(*first)
                .or_insert_with(|| Value::Object(Map::new()));
            put(below.as_object_mut()?, rest, value)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn given(pairs: &[&str]) -> Option<Value> {
        let pairs: Vec<String> = pairs.iter().map(|&pair| pair.to_owned()).collect();
        object(&pairs).ok().flatten()
    }

    #[test]
    fn dotted_names_become_an_object() {
        assert_eq!(given(&[]), None);
        let all = given(&[
            "consent.marketing=covered",
            "consent.marketing.since=2026-01-01T00:00:00Z",
            "consent.marketing.offers=refused",
            "native_stop=true",
            "window_open_until=closed",
            "template.category=utility",
            "number.restrictions=[\"calling\"]",
            "yes_lasts_days.marketing=30",
        ]);
        let expected = json!({
            "consent": {
                "marketing": {"standing": "covered", "since": "2026-01-01T00:00:00Z"},
                "marketing.offers": {"standing": "refused"},
            },
            "native_stop": true,
            "window_open_until": "closed",
            "template": {"category": "utility"},
            "number": {"restrictions": ["calling"]},
            "yes_lasts_days": {"marketing": 30},
        });
        assert_eq!(all, Some(expected));
    }

    #[test]
    fn what_has_no_value_or_two_is_an_error() {
        for pairs in [
            &["native_stop"][..],
            &["native_stop=true", "native_stop=false"],
            &["number=1", "number.status=BANNED"],
        ] {
            let pairs: Vec<String> = pairs.iter().map(|&pair| pair.to_owned()).collect();
            assert!(object(&pairs).is_err(), "{pairs:?}");
        }
    }
}
