//! The guide, as tools and browsers get it.

use greenline_guide::{Guide, QUESTION_CHARS_MAX};
use greenline_policy::rule::Rule;

use super::{ADMIN, Desk, VIEWER};

#[tokio::test]
async fn a_question_is_answered_with_its_facts() {
    let desk = Desk::new();
    let path = "/v1/guide?q=may+a+notification+ask+for+opt-out%3F";
    let answer = desk.get(VIEWER, path).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let answer = answer.json();
    assert_eq!(answer["question"], "may a notification ask for opt-out?");
    let first = &answer["pages"][0];
    assert_eq!(first["id"], "ask-by-notification");
    assert_eq!(first["page"], "/guide/ask-by-notification");
    assert_eq!(first["kind"], "article");
    let contents = &first["contents"];
    let rules: Vec<_> = contents["rules"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| &rule["id"])
        .collect();
    assert!(rules.contains(&&"ask.first_contact".into()), "{rules:?}");
    let fact = &contents["facts"][0];
    assert_eq!(fact["id"], "OPT-01");
    assert_eq!(fact["confidence"], "high");
    assert!(
        fact["sources"][0]["address"]
            .as_str()
            .unwrap()
            .starts_with("https://")
    );
    assert!(!contents["unknown"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn without_a_question_every_page_is_listed() {
    let desk = Desk::new();
    let answer = desk.get(VIEWER, "/v1/guide").await.json();
    let pages = answer["pages"].as_array().unwrap();
    assert_eq!(pages.len(), Guide::this().entries().count());
    assert!(pages.iter().all(|page| page.get("contents").is_none()));
    assert!(answer.get("question").is_none());
}

#[tokio::test]
async fn a_question_has_a_limit() {
    let desk = Desk::new();
    let long = "a".repeat(QUESTION_CHARS_MAX + 1);
    let problem = desk
        .get(VIEWER, &format!("/v1/guide?q={long}"))
        .await
        .problem(422);
    assert_eq!(problem["field"], "q");
    assert_eq!(
        desk.page(VIEWER, &format!("/guide?q={long}")).await.status,
        422
    );
    desk.get(VIEWER, "/v1/guide?question=x").await.problem(400);
}

#[tokio::test]
async fn every_rule_and_every_article_has_a_page() {
    let desk = Desk::new();
    let list = desk.page(VIEWER, "/guide").await;
    assert_eq!(list.status, 200, "{}", list.text);
    for rule in Rule::ALL {
        let path = format!("/guide/rules/{}", rule.id());
        assert!(list.text.contains(&format!("href=\"{path}\"")), "{path}");
        let page = desk.page(VIEWER, &path).await;
        assert_eq!(page.status, 200, "{path}");
        for source in rule.card().sources {
            assert!(page.text.contains(source), "{path}: {source}");
        }
    }
    for article in Guide::this().articles() {
        let path = format!("/guide/{}", article.slug);
        assert!(list.text.contains(&format!("href=\"{path}\"")), "{path}");
        assert_eq!(desk.page(VIEWER, &path).await.status, 200, "{path}");
    }
    assert_eq!(desk.page(VIEWER, "/guide/nothing").await.status, 404);
    assert_eq!(desk.page(VIEWER, "/guide/rules/no.rule").await.status, 404);
}

#[tokio::test]
async fn the_page_finds_by_a_plain_form_and_shows_what_was_typed_as_text() {
    let desk = Desk::new();
    let page = desk
        .page(ADMIN, "/guide?q=number+banned+can+people+write")
        .await;
    let first = page.text.find("/guide/blocked-number").unwrap();
    assert!(page.text.contains("method=\"get\" action=\"/guide\""));
    assert!(
        first < page.text.find("Agreeing, and asking").unwrap(),
        "found before listed"
    );
    let page = desk.page(ADMIN, "/guide?q=%22%3E%3Cscript%3Ezzqq").await;
    assert_eq!(page.status, 200);
    assert!(!page.text.contains("<script") && page.text.contains("Nothing found"));
}
