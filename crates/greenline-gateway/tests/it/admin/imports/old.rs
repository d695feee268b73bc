//! What is kept of imports goes when its days are over, and not before there is nothing left to do about it.

use greenline_gateway::retention;
use greenline_gateway::retention::Kind;
use tokio::sync::watch;

use super::*;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

async fn pruned(desk: &Desk, at_ms: i64) -> u64 {
    desk.app.clock.set(NOW_MS + at_ms);
    let (_stop, going) = watch::channel(false);
    retention::prune_imports(&desk.app, &going).await.unwrap()
}

fn is_there(desk: &Desk, import: &Value) -> bool {
    let id = import["id"].as_str().unwrap();
    desk.app.imports.folder().join(id).exists()
}

/// What the timeline says went, newest first.
async fn told(desk: &Desk) -> Vec<(Value, Value)> {
    let about = Some(("business", "acme"));
    let ledger = &desk.app.ledger;
    let entries = ledger.timeline(BusinessIx(0), about, None, 10).await;
    let entries = entries.unwrap().into_iter();
    let pruned = entries.filter(|entry| *entry.event == *"pruned");
    let body = pruned.map(|entry| serde_json::from_str::<Value>(&entry.body).unwrap());
    body.map(|body| (body["kind"].clone(), body["rows"].clone()))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_goes_when_its_days_are_over_and_what_it_recorded_stays() {
    let desk = Desk::new();
    let done = import(&desk, SET, SHOP).await;
    let dry = import(&desk, &format!("{SET}&dry_run=true"), SHOP).await;
    let recorded = events(&desk).await;
    // A process was killed while it threw one away.
    let half_gone = desk.app.imports.folder().join("gone-imp_0");
    std::fs::create_dir(&half_gone).unwrap();
    std::fs::write(half_gone.join("journal"), "12345").unwrap();

    assert_eq!(pruned(&desk, 90 * DAY_MS).await, 0, "to the moment");
    assert!(is_there(&desk, &done) && is_there(&desk, &dry) && !half_gone.exists());
    assert_eq!(pruned(&desk, 90 * DAY_MS + 1).await, 2);
    assert!(!is_there(&desk, &done) && !is_there(&desk, &dry));
    assert!(walk(desk.app.imports.folder()).is_empty());

    let path = format!("/v1/imports/{}", done["id"].as_str().unwrap());
    for path in [path.clone(), format!("{path}/results")] {
        let problem = desk.get(MANAGER, &path).await.problem(404);
        let why = problem["detail"].as_str().unwrap();
        assert!(why.contains("retention.imports_days"), "{why}");
    }
    desk.post(MANAGER, &format!("{path}/undo"), "")
        .await
        .problem(404);
    assert_eq!(events(&desk).await, recorded);
    assert_eq!(standing(&desk, "15551230001", "marketing").await, "covered");
    let again = import(&desk, SET, SHOP).await;
    assert_eq!(again["counts"]["unchanged"], 5, "{again}");

    assert_eq!(told(&desk).await, [("imports".into(), 2.into())]);
    let metrics = desk.get(ADMIN, "/metrics").await.text;
    let counted = "greenline_retention_pruned_rows_total{kind=\"imports\"} 2\n";
    assert!(metrics.contains(counted), "{metrics}");
    let done_ms = desk.app.retention.done_ms(Kind::Imports);
    assert_eq!(done_ms, Some(NOW_MS + 90 * DAY_MS + 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_about_which_something_is_left_to_do_stays() {
    let desk = Desk::new();
    let import_of = async |n: u32| {
        let file = format!(
            "phone,scope,method,wording,business_name\n155512340{n:02},marketing,website_form,Yes,Acme\n"
        );
        import(&desk, "", file).await
    };
    let [runs, being_undone, half_done, in_hand, unreadable, undone] = [
        import_of(1).await,
        import_of(2).await,
        import_of(3).await,
        import_of(4).await,
        import_of(5).await,
        import_of(6).await,
    ];
    let refused = import(&desk, "", "").await;
    assert_eq!(refused["state"], "failed");
    in_state(&desk, &runs, "done", "writing");
    in_state(&desk, &being_undone, "done", "undoing");
    in_state(&desk, &half_done, "done", "failed");
    let path_of = |import: &Value| {
        let id = import["id"].as_str().unwrap();
        desk.app.imports.folder().join(id).join("import.json")
    };
    std::fs::write(path_of(&unreadable), "{").unwrap();
    let place = desk.app.imports.place(in_hand["id"].as_str().unwrap());
    let held = place.unwrap().lock().unwrap().expect("nobody else");
    // Its days are counted from when it was taken back.
    desk.app.clock.set(NOW_MS + 60 * DAY_MS);
    undo(&desk, &undone, "").await;

    assert_eq!(
        pruned(&desk, 100 * DAY_MS).await,
        1,
        "the one that was never taken"
    );
    assert!(!is_there(&desk, &refused));
    for import in [
        &runs,
        &being_undone,
        &half_done,
        &in_hand,
        &unreadable,
        &undone,
    ] {
        assert!(is_there(&desk, import), "{import}");
    }
    drop(held);
    assert_eq!(pruned(&desk, 149 * DAY_MS).await, 1, "nobody is at it");
    assert!(!is_there(&desk, &in_hand));
    assert_eq!(pruned(&desk, 151 * DAY_MS).await, 1, "the one taken back");

    // What failed half-way is kept until it is taken back, and then as long as any other.
    let back = undo(&desk, &half_done, "").await;
    assert_eq!(
        (&back["state"], &back["undo"]["yeses"]),
        (&"undone".into(), &1.into())
    );
    assert_eq!(pruned(&desk, 241 * DAY_MS).await, 0);
    assert_eq!(pruned(&desk, 242 * DAY_MS).await, 1);
    assert!(is_there(&desk, &runs) && is_there(&desk, &being_undone));
    assert!(is_there(&desk, &unreadable));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_goes_where_imports_are_kept_for_good() {
    let desk = Desk::with(&|config| config.retention.imports_days = 0);
    let done = import(&desk, SET, SHOP).await;
    assert_eq!(pruned(&desk, 4_000 * DAY_MS).await, 0);
    assert!(is_there(&desk, &done));
}
