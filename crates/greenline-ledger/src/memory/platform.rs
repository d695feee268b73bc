//! What the platform's news amounts to: read through from the first word to the last, each time.

use greenline_policy::decide::{NumberFacts, TemplateFacts};

use super::All;
use crate::state::platform::{
    AccountRow, HealthRow, NumberRow, RestrictionRow, TemplateRow, number_facts, template_facts,
};
use crate::types::{Ask, BusinessIx, Effect, NumberView, TemplateView};

/// Newer news wins; older news only says what was never said.
fn hear<T: Clone>(known: &mut Option<T>, said: Option<&T>, is_newer: bool) {
    match said {
        Some(said) if is_newer || known.is_none() => *known = Some(said.clone()),
        _ => {}
    }
}

impl All {
    fn news_of(&self, business: BusinessIx) -> impl Iterator<Item = &Effect> {
        let news = self.news.iter().filter(move |(of, _)| *of == business);
        news.map(|(_, news)| news)
    }

    pub(super) fn template(&self, business: BusinessIx, of: [&str; 3]) -> Option<TemplateRow> {
        let mut row: Option<TemplateRow> = None;
        for news in self.news_of(business) {
            let Effect::Template {
                waba_id,
                name,
                language,
                template_id,
                category,
                status,
                is_ask,
                quality,
                at_ms,
            } = news
            else {
                continue;
            };
            if [&**waba_id, &**name, &**language] != of {
                continue;
            }
            let row = row.get_or_insert_default();
            let is_newer = *at_ms >= row.at_ms;
            hear(&mut row.template_id, template_id.as_ref(), is_newer);
            hear(&mut row.category, category.as_ref(), is_newer);
            hear(&mut row.status, status.as_ref(), is_newer);
            hear(&mut row.is_ask, is_ask.as_ref(), is_newer);
            hear(&mut row.quality, quality.as_ref(), is_newer);
            row.at_ms = row.at_ms.max(*at_ms);
        }
        row
    }

    pub(super) fn number(&self, business: BusinessIx, of: &str) -> Option<NumberRow> {
        let mut row: Option<NumberRow> = None;
        for news in self.news_of(business) {
            match news {
                Effect::Number {
                    number,
                    status,
                    rating,
                    at_ms,
                } if **number == *of => {
                    let row = row.get_or_insert_default();
                    let is_newer = row.at_ms.is_none_or(|known_ms| *at_ms >= known_ms);
                    hear(&mut row.status, status.as_ref(), is_newer);
                    hear(&mut row.rating, rating.as_ref(), is_newer);
                    let read_ms = rating.as_ref().map(|_| *at_ms);
                    hear(&mut row.rating_at_ms, read_ms.as_ref(), is_newer);
                    row.at_ms = row.at_ms.max(Some(*at_ms));
                }
                Effect::Spam {
                    number,
                    limits,
                    at_ms,
                } if **number == *of && (*limits || row.is_some()) => {
                    // A limit that is over makes nothing known of a number of which nothing was.
                    row.get_or_insert_default().spam(*limits, *at_ms);
                }
                Effect::Health {
                    number,
                    news,
                    at_ms,
                } if **number == *of => {
                    let row = row.get_or_insert_default();
                    row.health.hear(HealthRow::of(news, *at_ms));
                }
                _ => {}
            }
        }
        row
    }

    pub(super) fn account(&self, business: BusinessIx, of: &str) -> Option<AccountRow> {
        let mut row: Option<AccountRow> = None;
        for news in self.news_of(business) {
            match news {
                Effect::Banned {
                    waba_id,
                    ban,
                    at_ms,
                } if **waba_id == *of => {
                    let row = row.get_or_insert_default();
                    if row.ban_at_ms.is_none_or(|known_ms| *at_ms >= known_ms) {
                        (row.ban, row.ban_at_ms) = (*ban, Some(*at_ms));
                    }
                }
                Effect::Restricted {
                    waba_id,
                    restrictions,
                    at_ms,
                } if **waba_id == *of => {
                    let rows = &mut row.get_or_insert_default().restrictions;
                    for (kind, named, until_ms) in restrictions {
                        let is_older =
                            |row: &RestrictionRow| row.named == *named && row.at_ms > *at_ms;
                        if rows.iter().any(is_older) {
                            continue;
                        }
                        rows.retain(|row| row.named != *named);
                        rows.push(RestrictionRow {
                            kind: *kind,
                            named: named.clone(),
                            until_ms: *until_ms,
                            at_ms: *at_ms,
                        });
                    }
                    rows.sort_by(|a, b| a.named.cmp(&b.named));
                }
                _ => {}
            }
        }
        row
    }

    pub(super) fn template_facts(&self, ask: &Ask) -> Option<TemplateFacts> {
        let asked = ask.template.as_ref()?;
        let row = self.template(ask.business, [&asked.waba_id, &asked.name, &asked.language]);
        Some(template_facts(asked, row.as_ref()))
    }

    pub(super) fn number_facts(&self, ask: &Ask) -> NumberFacts {
        let number = self.number(ask.business, &ask.number);
        let account = self.account(ask.business, &ask.waba_id);
        number_facts(&ask.number, number.as_ref(), account.as_ref())
    }

    pub(super) fn numbers(&self, business: BusinessIx) -> Vec<NumberView> {
        let people = self.people.iter().filter(|p| p.business == business);
        let writings: Vec<_> = people.flat_map(|person| &person.writings).collect();
        let reported = self.news_of(business).filter_map(|news| match news {
            Effect::Number { number, .. }
            | Effect::Spam {
                number,
                limits: true,
                ..
            }
            | Effect::Health { number, .. } => Some(number),
            _ => None,
        });
        let written = writings.iter().map(|writing| &writing.number);
        let mut numbers: Vec<Box<str>> = reported.chain(written).cloned().collect();
        numbers.sort();
        numbers.dedup();
        let view = |number: Box<str>| {
            let row = self.number(business, &number).unwrap_or_default();
            let to_it = writings.iter().filter(|writing| writing.number == number);
            NumberView {
                last_inbound_ms: to_it.map(|writing| writing.at_ms).max(),
                number,
                status: row.status,
                rating: row.rating,
                at_ms: row.at_ms,
            }
        };
        numbers.into_iter().map(view).collect()
    }

    pub(super) fn templates(
        &self,
        business: BusinessIx,
        waba_id: Option<&str>,
    ) -> Vec<TemplateView> {
        let named = self.news_of(business).filter_map(|news| match news {
            Effect::Template {
                waba_id,
                name,
                language,
                ..
            } => Some([&**waba_id, &**name, &**language]),
            _ => None,
        });
        let mut named: Vec<_> = named
            .filter(|[of, ..]| waba_id.is_none_or(|wanted| *of == wanted))
            .collect();
        named.sort();
        named.dedup();
        let view = |of: [&str; 3]| {
            let row = self.template(business, of)?;
            let [waba_id, name, language] = of;
            Some(TemplateView {
                waba_id: waba_id.into(),
                name: name.into(),
                language: language.into(),
                template_id: row.template_id,
                category: row.category,
                status: row.status,
                is_ask: row.is_ask.unwrap_or(false),
                quality: row.quality,
                at_ms: row.at_ms,
            })
        };
        named.into_iter().filter_map(view).collect()
    }
}
