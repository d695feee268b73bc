//! A business's own rules, from its settings to what decisions look at.

use std::sync::Arc;

use greenline_policy::country::Country;
use greenline_policy::own::{OwnRule, Sent};
use greenline_policy::pack::Day;
use greenline_policy::scope::Scope;

use crate::config;

/// Rules that one business may have.
const RULES_MAX: usize = 100;
/// Entries of one list of a rule.
const ENTRIES_MAX: usize = 200;
/// Longest name.
const NAME_BYTES_MAX: usize = 64;
/// Longest text.
const TEXT_BYTES_MAX: usize = 400;

/// The rules of a business, in the order of its settings.
#[derive(Clone, Debug, Default)]
pub struct OwnRules {
    sent: Vec<Sent>,
    /// In the same order; most businesses have none that is about some sends only, and then a send shares these.
    rules: Arc<[OwnRule]>,
}

impl OwnRules {
    /// Reads the settings; what is wrong with them is said, and the rule left out.
    pub(crate) fn read(business: &config::Business, wrong: &mut Vec<String>) -> Self {
        if business.rule.len() > RULES_MAX {
            wrong.push(format!("rule: at most {RULES_MAX} of them"));
        }
        let rules = business.rule.iter().enumerate();
        let rules = rules.take(RULES_MAX).filter_map(|(place, rule)| {
            let before = wrong.len();
            let read = read(business, place, rule, wrong);
            (wrong.len() == before).then_some(read)
        });
        let (sent, rules): (_, Vec<_>) = rules.unzip();
        Self {
            sent,
            rules: rules.into(),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sent.is_empty()
    }

    /// Those that may be about a template from a number by an app; where no app is named, those that are about it
    /// whichever app sends it.
    #[must_use]
    pub fn about(
        &self,
        template: &str,
        number: &str,
        app: Option<&str>,
        apps: &[config::App],
    ) -> Option<Arc<[OwnRule]>> {
        let is_meant = |sent: &Sent| match app {
            Some(app) => sent.is_meant(template, number, app),
            None if sent.apps.is_empty() => sent.is_meant(template, number, ""),
            None => {
                !apps.is_empty()
                    && apps
                        .iter()
                        .all(|app| sent.is_meant(template, number, &app.name))
            }
        };
        let meant = |(sent, rule): (&Sent, &OwnRule)| is_meant(sent).then(|| rule.clone());
        let rules = match self.sent.iter().all(is_meant) {
            true => Arc::clone(&self.rules),
            false => self
                .sent
                .iter()
                .zip(&*self.rules)
                .filter_map(meant)
                .collect(),
        };
        (!rules.is_empty()).then_some(rules)
    }
}

fn read(
    business: &config::Business,
    place: usize,
    rule: &config::OwnRule,
    wrong: &mut Vec<String>,
) -> (Sent, OwnRule) {
    let of = match rule.name.as_str() {
        "" => format!("rule {}", place + 1),
        name => format!("rule `{name}`"),
    };
    let mut say = |what: String| wrong.push(format!("{of}: {what}"));
    if rule.name.trim().is_empty() || rule.name.len() > NAME_BYTES_MAX {
        say(format!("name: must have 1 to {NAME_BYTES_MAX} bytes"));
    }
    let named = |other: &config::OwnRule| other.name == rule.name;
    if business.rule.iter().take(place).any(named) {
        say("name: another rule has it".to_owned());
    }
    if rule.text.trim().is_empty() || rule.text.len() > TEXT_BYTES_MAX {
        say(format!(
            "text: must say why in 1 to {TEXT_BYTES_MAX} bytes; refusals repeat it"
        ));
    }
    for (list, entries) in [
        ("scopes", &rule.scopes),
        ("templates", &rule.templates),
        ("countries", &rule.countries),
        ("numbers", &rule.numbers),
        ("apps", &rule.apps),
    ] {
        if entries.len() > ENTRIES_MAX {
            say(format!("{list}: at most {ENTRIES_MAX} entries"));
        }
    }
    let mut scopes = Vec::new();
    for text in &rule.scopes {
        match Scope::parse(text) {
            Some(Scope::Topic(..)) if !business.topics.contains(text) => {
                say(format!(
                    "scopes names `{text}`, which is not one of the topics"
                ));
            }
            Some(scope) => scopes.push(scope),
            None => say(format!("scopes names `{text}`, which is no scope")),
        }
    }
    let mut countries = Vec::new();
    for code in &rule.countries {
        match Country::parse(code).filter(|country| country.is_listed()) {
            Some(country) => countries.push(country),
            None => say(format!(
                "countries names `{code}`, which is no ISO code of a country"
            )),
        }
    }
    let numbers = business.number.iter().map(|number| &number.phone_number_id);
    let numbers: Vec<&String> = numbers.collect();
    let apps: Vec<&String> = business.app.iter().map(|app| &app.name).collect();
    for unknown in strangers(&rule.numbers, &numbers) {
        say(format!(
            "numbers names `{unknown}`, which is none of the business's"
        ));
    }
    for unknown in strangers(&rule.apps, &apps) {
        say(format!(
            "apps names `{unknown}`, which is none of the business's"
        ));
    }
    let mut day = |name: &str, text: &str| {
        let day = Day::parse(text);
        if day.is_none() && !text.is_empty() {
            say(format!("{name}: `{text}` is not a day such as 2026-12-24"));
        }
        day.map(Day::start_ms)
    };
    let (from_ms, until_ms) = (day("from", &rule.from), day("until", &rule.until));
    if let (Some(from_ms), Some(until_ms)) = (from_ms, until_ms)
        && until_ms <= from_ms
    {
        say("until: must be after from".to_owned());
    }
    let sent = Sent {
        templates: boxed(&rule.templates),
        numbers: boxed(&rule.numbers),
        apps: boxed(&rule.apps),
    };
    let rule = OwnRule {
        name: rule.name.as_str().into(),
        text: rule.text.as_str().into(),
        scopes,
        countries,
        weak_consent: rule.weak_consent,
        from_ms,
        until_ms,
    };
    (sent, rule)
}

/// Those that are named and not there.
fn strangers<'a>(named: &'a [String], there: &[&String]) -> Vec<&'a String> {
    let named = named.iter();
    named.filter(|name| !there.contains(name)).collect()
}

fn boxed(texts: &[String]) -> Vec<Box<str>> {
    texts.iter().map(|text| text.as_str().into()).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn business(rule: &str) -> config::Business {
        let text = format!(
            "[[business]]\nid = \"acme\"\nname = \"Acme\"\ntopics = [\"marketing.offers\"]\n\
             [[business.number]]\nphone_number_id = \"1\"\nwaba_id = \"2\"\n\
             [[business.app]]\nname = \"bot\"\nkey = \"k1\"\n\
             [[business.app]]\nname = \"crm\"\nkey = \"k2\"\n{rule}"
        );
        let parsed = config::parse(&text, "test", Path::new("."), std::iter::empty());
        parsed.expect("settings").business.remove(0)
    }

    fn wrong(rule: &str) -> Vec<String> {
        let mut wrong = Vec::new();
        OwnRules::read(&business(rule), &mut wrong);
        wrong
    }

    #[test]
    fn what_is_wrong_is_said_by_name() {
        let whole = "[[business.rule]]\nname = \"a\"\ntext = \"why\"\nscopes = [\"marketing\", \"marketing.offers\"]\n\
            templates = [\"sale\"]\ncountries = [\"ES\"]\nnumbers = [\"1\"]\napps = [\"bot\"]\nweak_consent = true\n\
            from = \"2026-12-01\"\nuntil = \"2027-01-01\"\n";
        assert_eq!(wrong(whole), [""; 0]);
        for (rule, expected) in [
            ("name = \"\"\ntext = \"b\"", "rule 1: name"),
            ("name = \"a\"\ntext = \" \"", "rule `a`: text"),
            (
                "name = \"a\"\ntext = \"b\"\nscopes = [\"offers\"]",
                "`offers`, which is no scope",
            ),
            (
                "name = \"a\"\ntext = \"b\"\nscopes = [\"marketing.news\"]",
                "not one of the topics",
            ),
            ("name = \"a\"\ntext = \"b\"\ncountries = [\"ZZ\"]", "`ZZ`"),
            (
                "name = \"a\"\ntext = \"b\"\nnumbers = [\"9\"]",
                "numbers names `9`",
            ),
            (
                "name = \"a\"\ntext = \"b\"\napps = [\"x\"]",
                "apps names `x`",
            ),
            (
                "name = \"a\"\ntext = \"b\"\nfrom = \"24 December\"",
                "from: `24 December`",
            ),
            (
                "name = \"a\"\ntext = \"b\"\nfrom = \"2026-12-24\"\nuntil = \"2026-12-24\"",
                "until: must be after",
            ),
            (
                "name = \"a\"\ntext = \"b\"\n[[business.rule]]\nname = \"a\"\ntext = \"c\"",
                "another rule",
            ),
        ] {
            let said = wrong(&format!("[[business.rule]]\n{rule}\n"));
            assert_eq!(said.len(), 1, "{rule}: {said:?}");
            assert!(said[0].contains(expected), "{said:?}");
        }
    }

    #[test]
    fn where_no_app_is_named_a_rule_counts_that_is_about_each() {
        let rules = "[[business.rule]]\nname = \"one\"\ntext = \"b\"\napps = [\"bot\"]\n\
            [[business.rule]]\nname = \"both\"\ntext = \"b\"\napps = [\"bot\", \"crm\"]\n\
            [[business.rule]]\nname = \"any\"\ntext = \"b\"\ntemplates = [\"sale\"]\n";
        let business = business(rules);
        let rules = OwnRules::read(&business, &mut Vec::new());
        let about = |template: &str, app: Option<&str>| -> Vec<Box<str>> {
            let rules = rules.about(template, "1", app, &business.app);
            rules
                .iter()
                .flat_map(|rules| rules.iter())
                .map(|rule| rule.name.clone())
                .collect()
        };
        assert_eq!(
            about("sale", Some("bot")),
            ["one".into(), "both".into(), "any".into()]
        );
        assert_eq!(about("sale", Some("crm")), ["both".into(), "any".into()]);
        assert_eq!(about("sale", None), ["both".into(), "any".into()]);
        assert!(about("news", Some("other")).is_empty());
    }
}
