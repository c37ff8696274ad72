//! Who comes by a link and is no person: scanners, guessers, other sites.

use crate::support::*;
use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt as _;
use relink_http::server::Peer;
use serde_json::json;
use std::net::SocketAddr;
use tower_service::Service as _;

async fn with_cobalt(web: &str) -> (World, Pretend) {
    let cobalt = Pretend::start().await;
    let cobalt_url = Some(cobalt.url.clone());
    let setting = Setting { cobalt: cobalt_url, web: web.to_owned(), ..Setting::default() };
    (World::set(setting).await, cobalt)
}

#[tokio::test]
async fn looking_changes_nothing_however_often() {
    let (world, cobalt) = with_cobalt("").await;
    let (link, case) = world.link().await;
    let before = world.store.case(case).await.unwrap();
    for query in ["", "?at=checking", "?at=half_way", "?lang=es"] {
        let path = format!("{link}{query}");
        let shown = world.ask_as(None, "GET", &path).await;
        let head = world.ask_as(None, "HEAD", &path).await;
        assert_eq!((head.status, head.text.as_str()), (200, ""));
        for name in ["content-type", "content-security-policy", "cache-control"] {
            assert_eq!(head.header(name), shown.header(name));
        }
    }
    for below in ["link", "done", "renew"] {
        for method in ["GET", "HEAD"] {
            let answer = world.ask_as(None, method, &format!("{link}/{below}")).await;
            assert_eq!(answer.status, 303, "{method} {below}");
        }
    }
    assert_eq!(world.store.case(case).await.unwrap(), before);
    assert!(cobalt.asked().is_empty());
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        assert_eq!(world.ask_as(None, method, &link).await.status, 405, "{method}");
    }
    assert_eq!(world.ask_as(None, "GET", &format!("{link}/seen")).await.status, 405);
}

#[tokio::test]
async fn a_scanner_that_sends_every_form_ten_times_uses_nothing_up() {
    let (world, cobalt) = with_cobalt("").await;
    let (link, case) = world.link().await;
    for _ in 0..10 {
        for method in ["HEAD", "GET"] {
            world.ask_as(None, method, &link).await;
        }
        // A headless run: its script reports no hand, its forms are sent by themselves.
        let report = json!({ "hand": false, "steps": ["opened", "launched"] });
        world.script(&format!("{link}/seen"), &report).await;
        let minted = world.ask_as(None, "POST", &format!("{link}/link")).await;
        assert_eq!(minted.status, 200);
        cobalt.is_broken();
        world.ask_as(None, "POST", &format!("{link}/done")).await;
    }
    let visits = world.visits(case).await;
    assert!(visits.iter().all(|visit| visit.ends_with("unproven")), "{visits:?}");
    assert!(!visits.iter().any(|visit| visit.starts_with("opened")), "{visits:?}");

    let hand = json!({ "hand": true });
    let minted = world.script(&format!("{link}/link"), &hand).await;
    assert_eq!(minted.json(), json!({ "token": LINK_TOKEN }));
    cobalt.works();
    let done = world.script(&format!("{link}/done"), &hand).await;
    assert_eq!(done.json(), json!({ "state": "fixed" }));
}

#[tokio::test]
async fn every_wrong_link_gets_one_and_the_same_answer() {
    let (world, _cobalt) = with_cobalt("").await;
    let (link, _) = world.link().await;
    let stranger = format!("/r/{}", "A".repeat(43));
    let expected = world.ask_as(None, "GET", &stranger).await;
    assert_eq!(expected.status, 404);
    for path in [
        "/r/x",
        "/r/%00",
        "/r/%FF%FE",
        "/r/..%2F..%2Fetc%2Fpasswd",
        "/r/%3Cscript%3E",
        &link[..link.len() - 1],
        &format!("{link}A"),
        &link.to_lowercase(),
        &format!("/r/{}", "x".repeat(5_000)),
    ] {
        let shown = world.ask_as(None, "GET", path).await;
        assert_eq!((shown.status, &shown.text), (404, &expected.text), "{path}");
        assert_eq!(shown.headers, expected.headers);
        for below in ["link", "done", "renew"] {
            let posted = world.ask_as(None, "POST", &format!("{path}/{below}")).await;
            assert_eq!((posted.status, &posted.text), (404, &expected.text), "{path} {below}");
            assert_eq!(posted.headers, expected.headers);
        }
        let report = json!({ "steps": ["left"] });
        let reported = world.script(&format!("{path}/seen"), &report).await;
        assert_eq!((reported.status, reported.json()), (404, json!({ "state": "unknown" })));
    }
}

#[tokio::test]
async fn a_hundred_thousand_guesses_hit_nothing_and_learn_nothing() {
    const GUESSES: u64 = 100_000;
    let (world, _cobalt) = with_cobalt("").await;
    let (link, _) = world.link().await;
    let expected = world.ask_as(None, "GET", "/r/unknown").await.text;
    let guessers = (0..4).map(|guesser| {
        let (mut router, expected, link) = (world.web.router(), expected.clone(), link.clone());
        tokio::spawn(async move {
            for n in (guesser..GUESSES).step_by(4) {
                // Some near the real one, some anywhere, some that can be none.
                let path = match n % 3 {
                    0 => format!("{}{:06x}", &link[..link.len() - 6], n),
                    1 => format!("/r/{n:043}"),
                    _ => format!("/r/{n}"),
                };
                let request = Request::get(path).body(Body::empty()).unwrap();
                let response = router.call(request).await.unwrap();
                assert_eq!(response.status(), 404);
                let body = response.into_body().collect().await.unwrap().to_bytes();
                assert_eq!(body, expected.as_bytes());
            }
        })
    });
    for guesser in guessers.collect::<Vec<_>>() {
        guesser.await.unwrap();
    }
}

/// Asks from an address.
async fn from(world: &World, peer: &str, forwarded: Option<&str>, path: &str) -> Reply {
    let mut request = Request::get(path);
    if let Some(forwarded) = forwarded {
        request = request.header("x-forwarded-for", forwarded);
    }
    let mut request = request.body(Body::empty()).unwrap();
    request.extensions_mut().insert(Peer(peer.parse::<SocketAddr>().unwrap()));
    world.send(request).await
}

#[tokio::test]
async fn whoever_guesses_has_to_wait_and_nobody_else() {
    let (world, _cobalt) = with_cobalt("").await;
    let (link, _) = world.link().await;
    let guess = |n: u32| format!("/r/{n:043}");
    for n in 0..30 {
        assert_eq!(from(&world, "192.0.2.1:1000", None, &guess(n)).await.status, 404);
    }
    // From here on a right guess looks like a wrong one.
    for path in [guess(31), link.clone()] {
        let shown = from(&world, "192.0.2.1:2000", Some("198.51.100.9"), &path).await;
        assert_eq!((shown.status, shown.header("retry-after")), (429, "60"));
    }
    assert_eq!(from(&world, "192.0.2.2:1000", None, &link).await.status, 200);
}

#[tokio::test]
async fn behind_a_proxy_its_word_says_who_asks() {
    let (world, _cobalt) = with_cobalt("behind_proxy = true").await;
    let (link, _) = world.link().await;
    let proxy = "10.0.0.1:1000";
    for n in 0..30 {
        // What stands before the proxy's own word is made up by whoever asks.
        let made_up = format!("203.0.113.{n}, 198.51.100.9");
        assert_eq!(from(&world, proxy, Some(&made_up), "/r/x").await.status, 404);
    }
    let blocked = from(&world, proxy, Some("203.0.113.99, 198.51.100.9"), &link).await;
    assert_eq!(blocked.status, 429);
    assert_eq!(from(&world, proxy, Some("198.51.100.10"), &link).await.status, 200);
}

#[tokio::test]
async fn another_site_cannot_press_the_button() {
    let (world, cobalt) = with_cobalt("").await;
    let (link, case) = world.link().await;
    for below in ["link", "done", "renew", "seen"] {
        for (name, value) in [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("origin", "https://evil.example"),
        ] {
            let request = Request::post(format!("{link}/{below}"))
                .header(name, value)
                .header("content-type", "application/json")
                .body(Body::from(r#"{"hand":true,"steps":["left"]}"#));
            let refused = world.send(request.unwrap()).await;
            assert_eq!(refused.status, 403, "{below} {name}: {value}");
        }
    }
    assert!(world.visits(case).await.is_empty() && cobalt.asked().is_empty());
}

#[tokio::test]
async fn what_no_page_of_ours_sends_is_refused() {
    let (world, cobalt) = with_cobalt("").await;
    let (link, case) = world.link().await;
    let large = format!("{{\"steps\":[],\"hand\":true,\"x\":\"{}\"}}", "x".repeat(2_000));
    for body in ["", "null", "[]", r#"{"steps":["proven"]}"#, r#"{"hand":"yes"}"#, &large] {
        for below in ["seen", "link", "done", "renew"] {
            let request = Request::post(format!("{link}/{below}"))
                .header("content-type", "application/json")
                .body(Body::from(body.to_owned()));
            assert_eq!(world.send(request.unwrap()).await.status, 403, "{below}: {body}");
        }
    }
    let plain = Request::post(format!("{link}/seen")).body(Body::from("steps=opened"));
    assert_eq!(world.send(plain.unwrap()).await.status, 403);
    assert!(world.visits(case).await.is_empty() && cobalt.asked().is_empty());
}

#[tokio::test]
async fn nobody_can_have_cobalt_asked_without_end() {
    let (world, cobalt) = with_cobalt("").await;
    let (link, _) = world.link().await;
    let mut refused = 0;
    for _ in 0..30 {
        let answer = world.script(&format!("{link}/done"), &json!({})).await;
        refused += usize::from(answer.status == 429);
    }
    // A slow run gets one back every ten seconds.
    assert!((8..=10).contains(&refused), "{refused}");
    assert_eq!(cobalt.asked().len(), 30 - refused);
}
