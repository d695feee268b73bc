//! Likely causes in words, the same for the API, the command line and the page.

use greenline_policy::likely::{Against, Likely, Measured, Number, PEOPLE_LEAST, Share};

/// What no count can hold.
pub(super) const NOT_SEEN: &str = "Blocks, reports, muted and archived chats go into the rating (QL-03), and the platform tells \
    nobody of them. What is judged here is what Greenline can count. Its bands are its own: the platform publishes no thresholds (QL-06).";

/// A share in hundredths: with a decimal where it is small.
pub(super) fn percent(share: Share) -> String {
    let hundredths = share.fraction() * 100.0;
    if share.of == 0 {
        "–".to_owned()
    } else if share.part == 0 {
        "0 %".to_owned()
    } else if hundredths < 10.0 {
        format!("{hundredths:.1} %")
    } else {
        format!("{hundredths:.0} %")
    }
}

fn against(against: Option<Against>) -> String {
    let Some(against) = against else {
        return String::new();
    };
    let there = match against.of {
        "strong_consent" => "where consent is strong",
        "earlier_messages" => "of first and second ones",
        "other_templates" => "for this number's other templates",
        _ => "on the business's other numbers",
    };
    let sure = if against.differs {
        "more than chance"
    } else {
        "no clear difference"
    };
    format!(", against {} {there} ({sure})", percent(against.share))
}

fn band(measured: &Measured) -> String {
    match (measured.band, measured.number) {
        (None, _) => String::new(),
        (Some(band), Number::Share(_)) => {
            format!(" (Greenline looks from {:.0} % on)", band * 100.0)
        }
        (Some(band), Number::Messages(_)) => format!(" (Greenline looks from {band:.0} on)"),
    }
}

/// What was measured, in a sentence.
pub(super) fn measured(measured: &Measured) -> String {
    let number = match measured.number {
        Number::Share(share) => format!("{} of {}", percent(share), share.of),
        Number::Messages(messages) => messages.to_string(),
    };
    let (compared, band) = (against(measured.against), band(measured));
    match measured.what {
        "weak_consent" => {
            format!(
                "{number} messages rested on consent that is imported, vouched for, claimed, older than a year, or missing{band}."
            )
        }
        "stops_weak_consent" => {
            format!("{number} such messages were answered by a stop{compared}.")
        }
        "median" => {
            format!(
                "Half of the people got up to {number} messages in seven days, the others more or as many{band}."
            )
        }
        "p95" => format!("95 of 100 people got up to {number}{band}."),
        "over_cap" => {
            format!(
                "{number} messages were kept back by the platform because the person gets too much marketing (131049){band}."
            )
        }
        "stops_later_messages" => {
            format!("{number} third and later messages were answered by a stop{compared}.")
        }
        "answered" => format!("{number} that it reached have written since{compared}."),
        "silent" => {
            format!(
                "{number} that it reached neither read nor answered it within a day{compared}{band}."
            )
        }
        _ => {
            format!("{number} messages failed because the person cannot be reached (131026){band}.")
        }
    }
}

/// The whole in a sentence.
pub(super) fn verdict(likely: &Likely) -> String {
    match likely {
        Likely::NotEnough { people } => format!(
            "Not enough data: {people} people got a template in these days, and nothing is said of fewer than {PEOPLE_LEAST}."
        ),
        Likely::Causes(found) => match found.first() {
            None => "Nothing that can be counted stands out.".to_owned(),
            Some(first) => {
                let template = first.template.as_ref();
                let about = template.map(|(name, _)| format!(" (template {name})"));
                format!("{}{}.", first.cause.title(), about.unwrap_or_default())
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_read_as_people_write_them() {
        let share = |part, of| percent(Share { part, of });
        assert_eq!(share(0, 0), "–");
        assert_eq!(share(0, 50), "0 %");
        assert_eq!(share(1, 200), "0.5 %");
        assert_eq!(share(62, 100), "62 %");
    }

    #[test]
    fn a_comparison_says_with_what_and_whether_it_is_chance() {
        let weak = Measured {
            what: "stops_weak_consent",
            number: Number::Share(Share { part: 8, of: 100 }),
            band: None,
            against: Some(Against {
                of: "strong_consent",
                share: Share { part: 1, of: 200 },
                differs: true,
            }),
        };
        assert_eq!(
            measured(&weak),
            "8.0 % of 100 such messages were answered by a stop, against 0.5 % where consent is strong (more than chance)."
        );
    }
}
