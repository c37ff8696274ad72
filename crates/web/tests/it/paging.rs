//! Pages: each row once, in order, and an end that is known to be one.

use crate::support::*;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use relink_core::attempt::Outcome;

/// All pages of `path`, each as the ids of its rows.
async fn pages(world: &World, path: &str, rows: &str, id: &str) -> Vec<Vec<String>> {
    let (mut pages, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = world.ask("GET", &format!("{path}{cursor}")).await.json();
        let ids = page[rows].as_array().unwrap().iter();
        pages.push(ids.map(|row| row[id].as_str().unwrap().to_owned()).collect());
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return pages,
        }
        assert!(pages.len() < 50, "no end");
    }
}

#[tokio::test]
async fn pages_hold_each_row_once_even_where_all_happened_at_one_moment() {
    let world = World::new().await;
    for n in 0..6 {
        let case = world.open_case(&format!("clinic_{n}")).await;
        world.send_first(case, Outcome::Accepted).await;
    }
    for (path, rows, id) in
        [("/v1/cases", "cases", "id"), ("/v1/attempts", "attempts", "notification_id")]
    {
        let all = pages(&world, &format!("{path}?limit=200"), rows, id).await.concat();
        assert_eq!(all.len(), 6);
        // Also when the last page is full: it says that it is the last.
        for (limit, sizes) in [(4, vec![4, 2]), (3, vec![3, 3]), (6, vec![6]), (1, vec![1; 6])] {
            let pages = pages(&world, &format!("{path}?limit={limit}"), rows, id).await;
            assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), sizes, "{path} {limit}");
            assert_eq!(pages.concat(), all);
        }
    }
}

#[tokio::test]
async fn nothing_at_all_is_one_empty_page() {
    let world = World::new().await;
    for path in ["/v1/cases", "/v1/attempts"] {
        let page = world.ask("GET", path).await.json();
        assert!(page["next"].is_null());
    }
}

#[tokio::test]
async fn a_cursor_that_is_not_ours_is_refused() {
    let world = World::new().await;
    for n in 0..2 {
        let case = world.open_case(&format!("clinic_{n}")).await;
        world.send_first(case, Outcome::Accepted).await;
    }
    let next = async |path: &str| {
        let page = world.ask("GET", &format!("{path}?limit=1")).await.json();
        page["next"].as_str().unwrap().to_owned()
    };
    let (cases, attempts) = (next("/v1/cases").await, next("/v1/attempts").await);
    let made_up = |json: &str| URL_SAFE_NO_PAD.encode(json);
    for (path, cursor) in [
        ("/v1/cases", attempts),
        ("/v1/attempts", cases.clone()),
        ("/v1/cases", cases[1..].to_owned()),
        ("/v1/cases", format!("{cases}AAAA")),
        ("/v1/cases", String::new()),
        ("/v1/cases", "!!!".to_owned()),
        ("/v1/cases", made_up("[]")),
        ("/v1/cases", made_up(r#"["never","2639c97f-0d8e-56e7-a3f0-48f01b3f9f71"]"#)),
        (
            "/v1/attempts",
            made_up(r#"["2026-01-01T00:00:00Z","2639c97f-0d8e-56e7-a3f0-48f01b3f9f71",-1]"#),
        ),
    ] {
        let reply = world.ask("GET", &format!("{path}?cursor={cursor}")).await;
        assert_eq!(reply.status, 400, "{path} {cursor}");
        assert!(reply.problem().1.starts_with("cursor:"));
    }
    // One that only names another place in the list is as good as any.
    let far = made_up(r#"["-009999-01-02T01:59:59Z","2639c97f-0d8e-56e7-a3f0-48f01b3f9f71"]"#);
    let page = world.ask("GET", &format!("/v1/cases?cursor={far}")).await;
    assert_eq!((page.status, page.json()["cases"].as_array().map(Vec::len)), (200, Some(0)));
}
