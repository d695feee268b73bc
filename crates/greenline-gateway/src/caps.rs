//! How much a business lets one person get: its `[[business.frequency_cap]]` settings, read.

use greenline_policy::pace::{CAP_HOURS_MAX, CAP_MESSAGES_MAX, CAPS_MAX, Cap, Caps};
use greenline_policy::scope::Scope;

use crate::config;

const HOUR_MS: i64 = 60 * 60 * 1_000;

/// Reads them; what is wrong goes to `wrong`, each with the setting's name.
#[must_use]
pub fn read(business: &config::Business, wrong: &mut Vec<String>) -> Caps {
    let settings = &business.frequency_cap;
    if settings.len() > CAPS_MAX {
        wrong.push(format!("frequency_cap: at most {CAPS_MAX} of them"));
    }
    let mut caps = Vec::new();
    for setting in settings.iter().take(CAPS_MAX) {
        let (scope, max, hours) = (&setting.scope, setting.max, setting.per_hours);
        let Some(read) = Scope::parse(scope) else {
            wrong.push(format!(
                "frequency_cap.scope: `{scope}` is neither `all` nor a kind of message nor a topic such as `marketing.offers`"
            ));
            continue;
        };
        if matches!(read, Scope::Topic(..)) && !business.topics.contains(scope) {
            wrong.push(format!(
                "frequency_cap.scope: `{scope}` is not among the business's topics"
            ));
        }
        if !(1..=CAP_MESSAGES_MAX).contains(&max) {
            wrong.push(format!(
                "frequency_cap.max of `{scope}`: must be between 1 and {CAP_MESSAGES_MAX}; to send nothing of a kind, send nothing"
            ));
        }
        if !(1..=CAP_HOURS_MAX).contains(&hours) {
            wrong.push(format!(
                "frequency_cap.per_hours of `{scope}`: must be between 1 and {CAP_HOURS_MAX}, which is 31 days"
            ));
        }
        let cap = Cap {
            scope: read,
            max: max.clamp(1, CAP_MESSAGES_MAX),
            per_ms: i64::from(hours.clamp(1, CAP_HOURS_MAX)) * HOUR_MS,
        };
        if caps.contains(&cap) {
            wrong.push(format!("frequency_cap of `{scope}`: given twice"));
        }
        caps.push(cap);
    }
    Caps::of(caps)
}

/// What is wrong with the settings of a business: what cannot be, and what makes no sense beside the days that decisions
/// are kept, 0 for good.
#[must_use]
pub fn wrong(business: &config::Business, decisions_days: u32) -> Vec<String> {
    let mut wrong = Vec::new();
    let caps = read(business, &mut wrong);
    let kept_ms = i64::from(decisions_days) * 24 * HOUR_MS;
    if decisions_days > 0 && caps.longest_ms().is_some_and(|back_ms| back_ms > kept_ms) {
        wrong.push(format!(
            "frequency_cap.per_hours: looks back further than decisions are kept, which is {} hours (retention.decisions_days); sends of before would not be counted",
            i64::from(decisions_days) * 24
        ));
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    fn business(caps: &str) -> config::Business {
        let text =
            format!("id = \"acme\"\nname = \"Acme\"\ntopics = [\"marketing.offers\"]\n{caps}");
        toml::from_str(&text).unwrap()
    }

    #[test]
    fn caps_are_read() {
        let cap = |scope: &str, max, hours: i64| Cap {
            scope: Scope::parse(scope).unwrap(),
            max,
            per_ms: hours * HOUR_MS,
        };
        let business = business(
            "[[frequency_cap]]\nscope = \"marketing\"\nmax = 4\nper_hours = 168\n\
             [[frequency_cap]]\nscope = \"marketing.offers\"\nmax = 1\nper_hours = 24\n",
        );
        let mut wrong = Vec::new();
        let caps = read(&business, &mut wrong);
        let expected = [cap("marketing", 4, 168), cap("marketing.offers", 1, 24)];
        assert_eq!(caps.all(), expected);
        assert_eq!(wrong, [""; 0]);
        assert_eq!(super::wrong(&business, 7), [""; 0]);
        assert!(super::wrong(&business, 6)[0].contains("144 hours"));
    }

    #[test]
    fn what_cannot_be_is_said() {
        for (caps, said) in [
            (
                "scope = \"offers\"\nmax = 1\nper_hours = 1",
                "`offers` is neither",
            ),
            (
                "scope = \"marketing.news\"\nmax = 1\nper_hours = 1",
                "not among",
            ),
            (
                "scope = \"all\"\nmax = 0\nper_hours = 1",
                "between 1 and 1000",
            ),
            (
                "scope = \"all\"\nmax = 1001\nper_hours = 1",
                "between 1 and 1000",
            ),
            (
                "scope = \"all\"\nmax = 1\nper_hours = 0",
                "between 1 and 744",
            ),
            (
                "scope = \"all\"\nmax = 1\nper_hours = 745",
                "between 1 and 744",
            ),
        ] {
            let business = business(&format!("[[frequency_cap]]\n{caps}\n"));
            let wrong = wrong(&business, 0);
            assert!(wrong.len() == 1 && wrong[0].contains(said), "{wrong:?}");
        }
        let one = "[[frequency_cap]]\nscope = \"all\"\nmax = 1\nper_hours = 1\n";
        assert!(wrong(&business(&one.repeat(2)), 0)[0].contains("given twice"));
        let many: String = (1..10)
            .map(|n| format!("[[frequency_cap]]\nscope = \"all\"\nmax = {n}\nper_hours = 1\n"))
            .collect();
        assert!(wrong(&business(&many), 0)[0].contains("at most 8"));
    }
}
