//! What can be wrong with the forms that people sign up with, and with how long their yes lasts.

use std::collections::BTreeSet;

use greenline_console::opt_in::of_language;
use greenline_policy::lasting::YesLasts;
use greenline_policy::scope::Scope;
use greenline_policy::stop::{self, Meaning};

use super::{Findings, is_id};
use crate::config::{Business, OptInForm};
use crate::opt_in::{Forms, TEXT_CHARS_MAX, WORDING_CHARS_MAX};

/// Looks at a business.
pub(super) fn check(business: &Business, findings: &mut Findings) {
    let id = &business.id;
    for (scope, days) in &business.yes_lasts_days {
        if !is_scope(business, scope) {
            findings.fatal(format!("business `{id}`: yes_lasts_days names `{scope}`, which is neither a scope nor one of its topics"));
        }
        if !(1..=YesLasts::DAYS_MAX).contains(days) {
            findings.fatal(format!("business `{id}`: yes_lasts_days.{scope}: must be from 1 to {} days; leave it out for a yes that lasts", YesLasts::DAYS_MAX));
        }
    }
    for origin in &business.opt_in.embed {
        if !is_origin(origin) {
            findings.fatal(format!("business `{id}`: opt_in.embed: `{origin}` is not an origin such as https://shop.example"));
        }
    }
    let mut ids = BTreeSet::new();
    for form in &business.opt_in.form {
        if !ids.insert(&form.id) {
            findings.fatal(format!(
                "business `{id}`: opt_in.form `{}` is named twice",
                form.id
            ));
        }
        check_form(business, form, findings);
    }
    let forms = Forms::new(business);
    for form in forms.offered().filter(|form| form.number.is_none()) {
        findings.fatal(format!("business `{id}`: opt_in.form `{}`: no number of the business that it could lead to has a display_number", form.id));
    }
}

fn check_form(business: &Business, form: &OptInForm, findings: &mut Findings) {
    let place = format!("business `{}`: opt_in.form `{}`", business.id, form.id);
    if !is_id(&form.id) {
        findings.fatal(format!("{place}: an id is letters, digits, - and _"));
    }
    if form.scopes.is_empty() {
        findings.fatal(format!(
            "{place}: names no scopes, so a yes to it would cover nothing"
        ));
    }
    for scope in &form.scopes {
        if !is_scope(business, scope) {
            findings.fatal(format!(
                "{place}: `{scope}` is neither a scope nor one of the business's topics"
            ));
        }
    }
    if form.wording.is_empty() {
        findings.fatal(format!("{place}: has no wording"));
    }
    if !form.number.is_empty()
        && !business
            .number
            .iter()
            .any(|number| number.phone_number_id == form.number)
    {
        findings.fatal(format!(
            "{place}: number `{}` is not one of the business's",
            form.number
        ));
    }
    for language in form
        .text
        .keys()
        .filter(|language| !form.wording.contains_key(*language))
    {
        findings.fatal(format!(
            "{place}: text.{language} has no wording.{language}"
        ));
    }
    for (language, wording) in &form.wording {
        let text = form.text.get(language).unwrap_or(wording);
        let shown = |text: &str| text.replace("{business}", &business.name);
        if of_language(language).is_none() {
            findings.warn(format!("{place}: the page has no texts in `{language}`; it is shown in another language around this wording"));
        }
        for (name, text, most) in [
            ("wording", wording, WORDING_CHARS_MAX),
            ("text", text, TEXT_CHARS_MAX),
        ] {
            let chars = shown(text).trim().chars().count();
            if chars == 0 || chars > most {
                findings.fatal(format!("{place}: {name}.{language}: must have from 1 to {most} characters; a longer wording needs a shorter text for the link"));
            }
        }
        let settings = stop::Settings::default()
            .counting(business.ambiguous_stop_words.iter().map(String::as_str))
            .in_language(&business.language);
        let meaning = stop::recognise(&shown(text), &settings).map(|found| found.meaning);
        if matches!(meaning, Some(Meaning::Stop(_) | Meaning::Ask)) {
            findings.fatal(format!(
                "{place}: text.{language}: would be understood as a stop word when it arrives"
            ));
        }
        if !shown(wording)
            .to_lowercase()
            .contains(&business.name.to_lowercase())
        {
            findings.warn(format!("{place}: wording.{language}: does not name the business; write {{business}} into it (OPT-05)"));
        }
    }
}

fn is_scope(business: &Business, text: &str) -> bool {
    match Scope::parse(text) {
        Some(Scope::Topic(..)) => business.topics.iter().any(|topic| topic == text),
        Some(_) => true,
        None => false,
    }
}

/// A scheme, a host and maybe a port: what a policy on framing can name.
fn is_origin(text: &str) -> bool {
    let Some(host) = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://localhost"))
        .or_else(|| text.strip_prefix("http://127.0.0.1"))
    else {
        return false;
    };
    host.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':'))
        && (!host.is_empty() || text.starts_with("http://"))
}
