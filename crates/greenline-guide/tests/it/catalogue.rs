//! What rules, articles, facts and sources say of one another.

use std::collections::HashSet;
use std::path::Path;

use greenline_guide::{Confidence, Entry, Group, Guide, QUESTION_CHARS_MAX};
use greenline_policy::forecast::{Era, Obstacle, Sign};
use greenline_policy::pack::Pack;
use greenline_policy::rule::Rule;

#[test]
fn every_fact_that_a_rule_or_an_article_cites_is_there() {
    let guide = Guide::this();
    for entry in guide.entries() {
        for id in entry.fact_ids() {
            assert!(
                guide.fact(id).is_some(),
                "{} rests on `{id}`, which data/facts.toml does not have",
                entry.id()
            );
        }
        assert!(
            !guide.facts_of(entry).is_empty(),
            "{} rests on nothing",
            entry.id()
        );
    }
}

#[test]
fn every_fact_that_a_date_rests_on_is_there() {
    let guide = Guide::this();
    for rule in Rule::ALL {
        for dated in [rule.card().since, rule.card().until].into_iter().flatten() {
            assert!(guide.fact(dated.fact).is_some(), "{}", rule.id());
        }
    }
    for id in Pack::ALL.iter().flat_map(|pack| pack.facts) {
        assert!(guide.fact(id).is_some(), "a pack rests on `{id}`");
    }
}

#[test]
fn every_fact_that_a_forecast_rests_on_is_there() {
    let guide = Guide::this();
    let obstacles = Obstacle::ALL.map(Obstacle::words);
    let signs = Sign::ALL.map(Sign::words);
    let eras = [Era::Early, Era::Number, Era::Portfolio].map(Era::words);
    for words in obstacles.iter().chain(&signs).chain(&eras) {
        for id in words.facts {
            let fact = guide.fact(id);
            assert!(fact.is_some(), "{} rests on `{id}`", words.id);
        }
    }
}

#[test]
fn every_fact_has_its_sources_and_is_cited_by_its_own_id_alone() {
    let guide = Guide::this();
    let mut texts = HashSet::new();
    for fact in guide.facts() {
        assert!(
            !fact.text.is_empty() && !fact.sources.is_empty(),
            "{}",
            fact.id
        );
        assert_eq!(
            guide.sources_of(fact).count(),
            fact.sources.len(),
            "{}: a source is missing in data/sources.toml",
            fact.id
        );
        assert!(texts.insert(&fact.text), "{}: said twice", fact.id);
    }
}

/// What no page of the platform or of a law says is never passed off as one.
#[test]
fn nothing_second_hand_is_called_sure() {
    let guide = Guide::this();
    for fact in guide.facts() {
        let best = guide.sources_of(fact).map(|source| source.weight).max();
        assert!(
            best.is_some_and(|best| best >= fact.confidence),
            "{}: surer than its best source",
            fact.id
        );
    }
}

#[test]
fn every_rule_has_a_page_that_its_name_finds() {
    let guide = Guide::this();
    for rule in Rule::ALL.iter().copied() {
        let found = guide.find(rule.id()).unwrap();
        assert_eq!(found, [Entry::Rule(rule)], "by its name");
        assert!(
            found[0].title() == rule.card().text && found[0].path().ends_with(rule.id()),
            "{}",
            rule.id()
        );
    }
}

#[test]
fn articles_name_only_what_there_is() {
    let guide = Guide::this();
    for article in guide.articles() {
        let slug = &article.slug;
        for rule in &article.rules {
            assert!(Rule::parse(rule).is_some(), "{slug}: rule `{rule}`");
        }
        for related in &article.related {
            assert!(
                related != slug && guide.article(related).is_some(),
                "{slug}: article `{related}`"
            );
        }
        if let Some(table) = &article.table {
            for row in &table.rows {
                assert_eq!(row.len(), table.head.len(), "{slug}: {row:?}");
            }
        }
        assert!(article.question.ends_with('?'), "{slug}");
        assert!(
            !article.short.is_empty() && article.asks.len() >= 5,
            "{slug}"
        );
        // A page's address is never taken for another's.
        assert!(
            slug != "rules"
                && slug
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        );
    }
    let listed: usize = Group::ALL
        .iter()
        .map(|group| guide.in_group(*group).count())
        .sum();
    assert_eq!(listed, guide.articles().len());
}

/// An article in the folder that is not compiled in would be found by nobody.
#[test]
fn every_file_of_the_folder_is_an_article() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/articles");
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let slug = path.file_stem().unwrap().to_str().unwrap();
        assert!(Guide::this().article(slug).is_some(), "{slug}");
    }
}

#[test]
fn an_answer_says_how_sure_it_is() {
    let guide = Guide::this();
    let article = |slug| Entry::Article(guide.article(slug).unwrap());
    assert!(
        guide
            .confidence(article("law-by-country"))
            .contains("low confidence")
    );
    assert!(
        guide
            .confidence(article("blocked-number"))
            .contains("medium")
    );
    let sure = Entry::Rule(Rule::WindowClosed);
    assert!(
        guide
            .facts_of(sure)
            .iter()
            .all(|fact| fact.confidence == Confidence::High)
    );
    assert_eq!(
        guide.confidence(sure),
        "All facts below are of high confidence."
    );
}

/// Law 10.
#[test]
fn no_answer_recommends_a_way_round() {
    for article in Guide::this().articles() {
        let all = [
            &[article.short.clone()][..],
            &article.text,
            &article.greenline,
        ]
        .concat();
        for text in all {
            let text = text.to_lowercase();
            for evasion in [
                "use another number to",
                "relabel",
                "submit it as utility",
                "change the category to",
                "open a new portfolio",
            ] {
                assert!(!text.contains(evasion), "{}: {text}", article.slug);
            }
        }
    }
}

#[test]
fn whatever_is_typed_gets_an_answer_or_none_and_no_error() {
    let guide = Guide::this();
    let long = "why ".repeat(QUESTION_CHARS_MAX);
    for odd in [
        "",
        "   ",
        "?",
        "\"",
        "a\" OR \"b",
        "NEAR(a b)",
        "question:*",
        "'; DROP TABLE pages; --",
        "Почему номер заблокирован",
        "🤖",
        "\u{0}",
        long.as_str(),
    ] {
        guide
            .find(odd)
            .unwrap_or_else(|error| panic!("{odd:?}: {error}"));
    }
    assert!(guide.find("zzzzqqq xxyyy").unwrap().is_empty());
}

#[test]
fn a_fact_finds_what_rests_on_it() {
    let found = Guide::this().find(" opt-41 ").unwrap();
    assert!(found.contains(&Entry::Rule(Rule::NativeStop)));
    assert!(found.iter().any(|entry| entry.id() == "whatsapp-switch"));
}

#[test]
fn a_name_within_a_question_finds_its_page_first() {
    let found = Guide::this()
        .find("what does consent.claimed mean?")
        .unwrap();
    assert_eq!(found.first(), Some(&Entry::Rule(Rule::ConsentClaimed)));
    let again = found.iter().filter(|entry| **entry == found[0]).count();
    assert_eq!(again, 1, "once: {found:#?}");
}
