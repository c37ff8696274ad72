//! The page behind a link: it shows, changes nothing, and tells strangers nothing.

use crate::support::*;
use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use relink_core::attempt::Outcome;
use relink_core::case::CloseReason;
use relink_store::{OpenCase, StoreError};
use std::sync::Arc;

/// A link as a person got it, without the host, and its case.
async fn link(world: &World) -> (String, relink_core::id::CaseId) {
    let case = world.open_case("clinic_1").await;
    let open = world.send_first(case, Outcome::Accepted).await;
    (open.link.url(""), case)
}

async fn page(world: &World, path: &str) -> Reply {
    world.ask_as(None, "GET", path).await
}

#[tokio::test]
async fn the_page_says_what_the_case_needs() {
    let world = World::new().await;
    let (path, case) = link(&world).await;
    let open = page(&world, &path).await;
    assert_eq!(open.status, 200);
    assert!(open.text.contains("Please sign in again") && open.text.contains("Acme Health"));
    for inside in ["clinic", "ehr.example.org", "password", "Jane", "user-1", &case.to_string()] {
        assert!(!open.text.contains(inside), "{inside} is shown");
    }
    world.store.close_case(&OpenCase::Id(case), CloseReason::Repaired).await.unwrap();
    let fixed = page(&world, &path).await;
    assert_eq!(fixed.status, 200);
    assert!(fixed.text.contains("All done"));
}

#[tokio::test]
async fn a_case_that_ended_without_a_repair_is_not_called_connected() {
    for reason in [CloseReason::Expired, CloseReason::Operator, CloseReason::AccountDeleted] {
        let world = World::new().await;
        let (path, case) = link(&world).await;
        world.store.close_case(&OpenCase::Id(case), reason).await.unwrap();
        let shown = page(&world, &path).await;
        assert!(shown.status == 404 && !shown.text.contains("connected."), "{reason}");
    }
}

#[tokio::test]
async fn wrong_and_unknown_tokens_get_one_and_the_same_answer() {
    let world = World::new().await;
    let (path, _) = link(&world).await;
    let stranger = format!("/r/{}", "A".repeat(43));
    let expected = page(&world, &stranger).await;
    assert_eq!(expected.status, 404);
    for path in [
        "/r/x",
        "/r/%00",
        "/r/%FF%FE",
        "/r/..%2F..%2Fetc%2Fpasswd",
        "/r/%3Cscript%3E",
        &path[..path.len() - 1],
        &format!("{path}A"),
        &format!("/r/{}", "x".repeat(5_000)),
    ] {
        let shown = page(&world, path).await;
        assert_eq!((shown.status, &shown.text), (404, &expected.text), "{path}");
        assert_eq!(shown.headers, expected.headers);
    }
}

#[tokio::test]
async fn scanners_may_look_as_often_as_they_like_and_change_nothing() {
    let world = World::new().await;
    let (path, case) = link(&world).await;
    let before = world.store.case(case).await.unwrap();
    for _ in 0..5 {
        let shown = page(&world, &path).await;
        let head = world.ask_as(None, "HEAD", &path).await;
        assert_eq!((head.status, head.text.as_str()), (200, ""));
        for name in ["content-type", "content-security-policy", "cache-control"] {
            assert_eq!(head.header(name), shown.header(name));
        }
    }
    assert_eq!(world.store.case(case).await.unwrap(), before);
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        assert_eq!(world.ask_as(None, method, &path).await.status, 405, "{method}");
    }
}

#[tokio::test]
async fn nothing_is_loaded_framed_kept_or_told_to_others() {
    let world = World::new().await;
    let (path, _) = link(&world).await;
    for path in [path.as_str(), "/r/unknown"] {
        let shown = page(&world, path).await;
        let style = shown.text.split("<style>").nth(1).unwrap().split("</style>").next().unwrap();
        let hash = STANDARD.encode(digest::digest(&digest::SHA256, style.as_bytes()));
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'"
        );
        let mut headers: Vec<(String, String)> = shown
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .filter(|(name, _)| name != "content-length")
            .collect();
        headers.sort();
        let expected = [
            ("cache-control", "no-store"),
            ("content-security-policy", &policy),
            ("content-type", "text/html; charset=utf-8"),
            ("referrer-policy", "no-referrer"),
            ("x-content-type-options", "nosniff"),
            ("x-robots-tag", "noindex"),
        ];
        assert_eq!(headers, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert!(!shown.text.contains("src=") && !shown.text.contains("href="));
    }
}

#[tokio::test]
async fn a_name_cannot_break_out_of_the_page() {
    let world = World::called("<script>alert(1)</script>&\"'{{ 7*7 }}").await;
    let (path, _) = link(&world).await;
    for path in [path.as_str(), "/r/unknown"] {
        let text = page(&world, path).await.text;
        assert!(text.contains("&lt;script&gt;") && text.contains("{{ 7*7 }}"), "{text}");
        assert!(!text.contains("<script"), "{text}");
    }
}

#[tokio::test]
async fn trouble_of_ours_is_a_page_for_people_too() {
    for error in [StoreError::Unavailable("canary".into()), StoreError::Refused("canary".into())] {
        let world = World::with(Arc::new(Down(error)));
        let shown = page(&world, &format!("/r/{}", "A".repeat(43))).await;
        assert_eq!((shown.status, shown.header("content-type")), (503, "text/html; charset=utf-8"));
        assert!(shown.text.contains("try again") && !shown.text.contains("canary"));
    }
}
