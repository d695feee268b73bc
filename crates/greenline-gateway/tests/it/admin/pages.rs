//! The pages, as a browser gets them.

use super::{ADMIN, AGENT, Desk, VIEWER, granted, withdrawn};

#[tokio::test]
async fn the_status_page_shows_numbers_and_stops() {
    let desk = Desk::new();
    desk.record(withdrawn("15551230001", "marketing")).await;
    let page = desk.page(VIEWER, "/").await;
    assert_eq!(page.status, 200, "{}", page.text);
    assert!(page.text.contains("+1 555 010 0001") && page.text.contains("not read yet"));
    assert!(
        page.text.contains("+155•••01") && !page.text.contains("15551230001"),
        "masked"
    );
    assert!(
        page.header("content-security-policy")
            .starts_with("default-src 'none'")
    );
    assert_eq!(page.header("cache-control"), "no-store");
    assert!(
        !page.text.contains("<select"),
        "a viewer of one business has nothing to switch"
    );
    assert!(
        desk.page(ADMIN, "/?business=globex")
            .await
            .text
            .contains("+1 555 020 0001")
    );
}

#[tokio::test]
async fn a_person_is_found_without_leaving_the_number_in_an_address() {
    let desk = Desk::new();
    desk.record(granted("15551230001")).await;
    let page = desk.page(VIEWER, "/people").await;
    assert!(page.text.contains("method=\"post\" action=\"/people\""));
    let page = desk
        .form(VIEWER, "/people", "business=acme&who=%2B1+555+123+0001")
        .await;
    assert_eq!(page.status, 200, "{}", page.text);
    assert!(page.text.contains("+155•••01") && page.text.contains("Yes, send me offers"));
    assert!(!page.text.contains("15551230001"));
    let nobody = desk
        .form(VIEWER, "/people", "business=acme&who=%2B1+555+123+9999")
        .await;
    assert!(
        nobody.text.contains("Nobody of this business") && nobody.text.contains("role=\"alert\"")
    );
    let nonsense = desk.form(VIEWER, "/people", "business=acme&who=anna").await;
    assert!(nonsense.text.contains("neither a phone number"));
}

#[tokio::test]
async fn numbers_in_full_are_for_those_who_may_record() {
    let desk = Desk::new();
    desk.record(granted("15551230001")).await;
    let form = "business=acme&who=%2B1+555+123+0001&full=yes";
    assert!(
        !desk
            .form(VIEWER, "/people", form)
            .await
            .text
            .contains("15551230001")
    );
    assert!(
        desk.form(AGENT, "/people", form)
            .await
            .text
            .contains("+15551230001")
    );
}

#[tokio::test]
async fn a_page_that_cannot_be_made_says_why() {
    let desk = Desk::new();
    let page = desk
        .page(VIEWER, "/decisions/dec_00000000000000000000")
        .await;
    assert_eq!(page.status, 404);
    assert!(page.header("content-type").starts_with("text/html"));
    assert!(page.text.contains("there is no such decision"));
    assert_eq!(desk.page(ADMIN, "/?business=nobody").await.status, 404);
}

#[tokio::test]
async fn a_decision_explains_itself_and_leads_to_the_person_without_their_number() {
    let desk = Desk::new();
    desk.record(granted("15551230001")).await;
    desk.record(withdrawn("15551230001", "marketing")).await;
    let id = desk.admitted("15551230001").await;
    let status = desk.page(VIEWER, "/").await;
    assert!(status.text.contains(&format!("href=\"/decisions/{id}\"")));
    assert!(
        status.text.contains("consent.opted_out"),
        "counted by reason"
    );
    let page = desk.page(VIEWER, &format!("/decisions/{id}")).await;
    for words in [
        "The person has said no to this kind of message.",
        "only the person&#39;s own newer, evidenced opt-in opens this again",
        "OPT-30",
        "It did not go.",
        "the same answer, reason by reason",
        "spring_offer",
    ] {
        assert!(page.text.contains(words), "{words}");
    }
    let person = format!("/decisions/{id}/people/0");
    assert!(page.text.contains(&format!("href=\"{person}\"")));
    let masked = desk.page(AGENT, &person).await;
    assert!(masked.text.contains("Show numbers in full") && !masked.text.contains("15551230001"));
    assert!(
        desk.form(AGENT, &person, "full=yes")
            .await
            .text
            .contains("+15551230001")
    );
    assert!(
        !desk
            .form(VIEWER, &person, "full=yes")
            .await
            .text
            .contains("15551230001")
    );
    assert_eq!(
        desk.page(VIEWER, &format!("/decisions/{id}/people/9"))
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn older_decisions_are_a_page_away() {
    let desk = Desk::new();
    for person in 0..30 {
        desk.admitted(&format!("155512300{person:02}")).await;
    }
    let first = desk.page(VIEWER, "/").await.text;
    let before = first
        .split("before=")
        .nth(1)
        .unwrap()
        .split('#')
        .next()
        .unwrap();
    let second = desk
        .page(VIEWER, &format!("/?business=acme&before={before}"))
        .await
        .text;
    assert!(first.contains("•••29") && !first.contains("•••04"));
    assert!(second.contains("•••04") && !second.contains("•••29"));
    assert!(!second.contains("Older decisions"));
}
