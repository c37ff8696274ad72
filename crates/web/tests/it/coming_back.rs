//! Somebody comes by the link in a message, and what comes of it.

use crate::support::*;
use relink_core::case::CloseReason;
use relink_core::signal::SignalKind;
use relink_store::{OpenCase, StoreError};
use serde_json::json;
use std::sync::{Arc, Mutex};
use std::time::Duration;

async fn with_cobalt() -> (World, Pretend) {
    let cobalt = Pretend::start().await;
    let setting = Setting { cobalt: Some(cobalt.url.clone()), ..Setting::default() };
    (World::set(setting).await, cobalt)
}

fn state(reply: &Reply) -> (u16, String) {
    (reply.status, reply.json()["state"].as_str().unwrap_or("no state").to_owned())
}

#[tokio::test]
async fn a_person_comes_back_with_a_script() {
    let (world, cobalt) = with_cobalt().await;
    let (link, case) = world.link().await;
    let hand = json!({ "hand": true });
    let seen = |step: &str| json!({ "hand": true, "steps": [step] });
    assert_eq!(world.script(&format!("{link}/seen"), &seen("opened")).await.status, 204);
    let minted = world.script(&format!("{link}/link"), &hand).await;
    assert_eq!((minted.status, minted.json()), (200, json!({ "token": LINK_TOKEN })));
    assert_eq!(minted.header("cache-control"), "no-store");
    for step in ["launched", "left", "came_back"] {
        let noted = world.script(&format!("{link}/seen"), &seen(step)).await;
        assert_eq!((noted.status, noted.header("set-cookie")), (204, ""));
    }
    cobalt.works();
    let done = world.script(&format!("{link}/done"), &hand).await;
    assert_eq!(state(&done), (200, "fixed".to_owned()));
    assert_eq!(
        world.visits(case).await,
        [
            "opened person",
            "minted person",
            "launched person",
            "left person",
            "came_back person",
            "done person",
            "proven relink"
        ]
    );
    assert_eq!(cobalt.asked(), ["/v1/link/token/create", "/v1/settings"]);
    let detail = world.ask("GET", &format!("/v1/cases/{case}")).await.json();
    let first = &detail["visits"][0];
    assert_eq!((&first["step"], &first["way"]), (&json!("opened"), &json!("link")));
    assert_eq!(first["notification_id"], detail["notifications"][0]["id"]);
    let metrics = world.metrics();
    for line in [
        r#"relink_visits_total{step="minted",visitor="person"} 1"#,
        r#"relink_visits_total{step="proven",visitor="relink"} 1"#,
    ] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
    // Used up by the repair, and only by it.
    let again = world.script(&format!("{link}/link"), &hand).await;
    assert_eq!(state(&again), (200, "fixed".to_owned()));
    assert_eq!(cobalt.asked().len(), 2);
}

#[tokio::test]
async fn a_person_comes_back_without_a_script() {
    let (world, cobalt) = with_cobalt().await;
    let (link, case) = world.link().await;
    let left = world.press(&format!("{link}/link")).await;
    assert_eq!(left.status, 200);
    let open = "href=\"https://link.usecobalt.com?token=lt_a%26b%3Dc%22%3Ccanary%3E\" \
                target=\"_blank\" rel=\"noopener noreferrer\"";
    assert!(left.html().contains(open), "{}", left.text);
    let cookie = left.header("set-cookie").to_owned();
    let token = link.rsplit('/').next().unwrap();
    assert!(cookie.starts_with("relink_back=") && !cookie.contains(token), "{cookie}");
    assert!(cookie.ends_with("; Max-Age=3600; Path=/r; HttpOnly; SameSite=Lax"), "{cookie}");

    // Cobalt sends them back to the one address it knows.
    let pair = cookie.split(';').next().unwrap();
    let back = async |method: &str| {
        let request = axum::http::Request::builder()
            .method(method)
            .uri("/r/back?token=pt_canary_public")
            .header("cookie", format!("a=b; {pair}"));
        world.send(request.body(axum::body::Body::empty()).unwrap()).await
    };
    let before = world.visits(case).await;
    let (head, welcome) = (back("HEAD").await, back("GET").await);
    assert_eq!((head.status, welcome.status), (200, 200));
    assert!(welcome.text.contains("Welcome back") && welcome.text.contains("data-at=\"returned\""));
    assert!(welcome.html().contains(&format!("action=\"{link}/done?lang=en\"")));
    assert!(!format!("{welcome:?}").contains("pt_canary"));
    assert_eq!(world.visits(case).await, before, "a GET changes nothing");

    cobalt.works();
    let request = axum::http::Request::post(format!("{link}/done"))
        .header("cookie", pair)
        .header("sec-fetch-user", "?1");
    let done = world.send(request.body(axum::body::Body::empty()).unwrap()).await;
    assert!(done.text.contains("All done"));
    assert!(done.header("set-cookie").starts_with("relink_back=; Max-Age=0;"));
    assert_eq!(world.visits(case).await, ["minted person", "done person", "proven relink"]);
    // Somebody loads the answer to a press again: back to the page, nothing is done.
    let loaded = world.ask_as(None, "GET", &format!("{link}/done?lang=es")).await;
    let to = format!("../{token}?lang=es");
    assert_eq!((loaded.status, loaded.header("location")), (303, to.as_str()));
}

#[tokio::test]
async fn the_callback_knows_nobody_without_the_cookie() {
    let (world, _cobalt) = with_cobalt().await;
    let (link, _) = world.link().await;
    // The page's own script asks for the cookie when the other tab is opened.
    let window = json!({ "hand": true, "steps": ["launched"], "window": true });
    let given = world.script(&format!("{link}/seen"), &window).await;
    let pair = given.header("set-cookie").split(';').next().unwrap().to_owned();
    assert!(pair.len() > 60);
    let damaged = pair.replace(pair.chars().last().unwrap(), "_");
    for cookie in ["", "relink_back=", "relink_back=x", &damaged, &link] {
        let request = axum::http::Request::get("/r/back?token=pt_canary").header("cookie", cookie);
        let lost = world.send(request.body(axum::body::Body::empty()).unwrap()).await;
        assert_eq!(lost.status, 200);
        assert!(lost.text.contains("data-at=\"lost\"") && !lost.text.contains("<form"), "{cookie}");
    }
}

#[tokio::test]
async fn whatever_cobalt_says_people_get_a_calm_page_and_may_go_on() {
    let token = (200, r#"{"success":true,"token":"lt_1"}"#);
    let table = [
        ((200, "not json canary"), "unreachable"),
        ((200, "[]"), "unreachable"),
        ((200, r#"{"success":true}"#), "unreachable"),
        ((200, r#"{"success":false,"error":"canary"}"#), "unreachable"),
        ((403, r#"{"error":"login_required"}"#), "unreachable"),
        ((403, "canary"), "unreachable"),
        ((429, "canary"), "unreachable"),
        ((500, "canary"), "unreachable"),
    ];
    for ((status, body), expected) in table {
        let (world, cobalt) = with_cobalt().await;
        let (link, case) = world.link().await;
        cobalt.then(status, body);
        let failed = world.script(&format!("{link}/link"), &json!({ "hand": true })).await;
        assert_eq!(state(&failed), (503, expected.to_owned()), "{status} {body}");
        assert_eq!(failed.header("retry-after"), "30");
        assert!(!failed.text.contains("canary"));
        assert!(world.visits(case).await.is_empty(), "what was not made does not count");
        cobalt.then(token.0, token.1);
        let made = world.script(&format!("{link}/link"), &json!({ "hand": true })).await;
        assert_eq!(made.json(), json!({ "token": "lt_1" }));
    }
    // Not found under either of its two paths.
    let (world, cobalt) = with_cobalt().await;
    let (link, _) = world.link().await;
    cobalt.then(404, "canary");
    cobalt.then(404, "canary");
    let failed = world.script(&format!("{link}/link"), &json!({})).await;
    assert_eq!(state(&failed), (503, "unreachable".to_owned()));
    // Nothing at all.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let setting = Setting { cobalt: Some(format!("http://{gone}")), ..Setting::default() };
    let world = World::set(setting).await;
    let (link, case) = world.link().await;
    let failed = world.script(&format!("{link}/link"), &json!({})).await;
    assert_eq!(state(&failed), (503, "unreachable".to_owned()));
    let claimed = world.script(&format!("{link}/done"), &json!({})).await;
    assert_eq!(state(&claimed), (200, "checking".to_owned()));
    assert_eq!(world.visits(case).await, ["done unproven"]);
    assert_eq!(world.store.claim_rechecks(10).await.unwrap().len(), 0);
    world.advance(Duration::from_secs(10));
    assert_eq!(world.store.claim_rechecks(10).await.unwrap(), [case], "workers ask again");
}

#[tokio::test]
async fn what_is_said_to_be_done_is_believed_only_when_cobalt_answers_for_it() {
    for (status, body, expected, open) in [
        (403, r#"{"error":"login_required"}"#, "still_broken", true),
        (403, "not allowed", "checking", true),
        (429, "", "checking", true),
        (200, "not json", "checking", true),
        (200, r#"{"success":true}"#, "fixed", false),
    ] {
        let (world, cobalt) = with_cobalt().await;
        let (link, case) = world.link().await;
        cobalt.then(status, body);
        let done = world.script(&format!("{link}/done"), &json!({ "hand": true })).await;
        assert_eq!(state(&done), (200, expected.to_owned()), "{status} {body}");
        let history = world.store.case(case).await.unwrap().unwrap();
        assert_eq!(history.case.is_open(), open);
        let polled = axum::http::Request::get(&link).header("accept", "application/json");
        let polled = world.send(polled.body(axum::body::Body::empty()).unwrap()).await;
        let shown = if open { "fresh" } else { "fixed" };
        assert_eq!(state(&polled), (200, shown.to_owned()));
    }
}

#[tokio::test]
async fn a_press_is_one_call_to_cobalt_and_two_to_the_store_and_a_look_is_one() {
    let cobalt = Pretend::start().await;
    let setting = Setting { cobalt: Some(cobalt.url.clone()), ..Setting::default() };
    let world = World::set(Setting { cobalt: setting.cobalt.clone(), ..Setting::default() }).await;
    let (link, _) = world.link().await;
    let asked: Arc<Mutex<Vec<&str>>> = Arc::default();
    let counted = Down::all_but_the_way_back(Arc::clone(&world.store), Arc::clone(&asked));
    let world = world.through(Arc::new(counted), &setting);
    let taken = || std::mem::take(&mut *asked.lock().unwrap());

    assert_eq!(world.ask_as(None, "GET", &link).await.status, 200);
    assert_eq!(taken(), ["way_back"]);
    assert_eq!(world.ask_as(None, "GET", "/r/unknown").await.status, 404);
    assert_eq!(taken(), ["way_back"], "what can be no link is looked up as well");
    assert_eq!(world.script(&format!("{link}/link"), &json!({})).await.status, 200);
    assert_eq!(taken(), ["way_back", "note_visits"]);
    assert_eq!(cobalt.asked(), ["/v1/link/token/create"]);
    cobalt.works();
    assert_eq!(world.script(&format!("{link}/done"), &json!({})).await.status, 200);
    assert_eq!(taken(), ["way_back", "note_visits", "close_proven"]);
}

#[tokio::test]
async fn one_tap_sends_a_new_link_unless_the_account_works() {
    let (world, cobalt) = with_cobalt().await;
    let (link, case) = world.link().await;
    let renew = format!("{link}/renew");
    // While it works, there is nothing to renew.
    assert!(world.press(&renew).await.text.contains("data-at=\"fresh\""));
    world.store.close_case(&OpenCase::Id(case), CloseReason::Operator).await.unwrap();
    world.advance(Duration::from_secs(60));
    cobalt.works();
    let fixed = world.press(&renew).await;
    assert!(fixed.text.contains("All done"));
    assert!(world.visits(case).await.is_empty());
    cobalt.is_broken();
    for _ in 0..3 {
        let sent = world.press(&renew).await;
        assert_eq!(sent.status, 200);
        assert!(sent.text.contains("A new link is on its way"), "{}", sent.text);
    }
    assert_eq!(world.visits(case).await, ["renewed person"]);
    assert_eq!(cobalt.asked(), ["/v1/settings", "/v1/settings"], "an open case has said so");
    let open = world.ask("GET", "/v1/cases?open=true").await.json();
    let new = open["cases"][0]["id"].as_str().unwrap().to_owned();
    let detail = world.ask("GET", &format!("/v1/cases/{new}")).await.json();
    assert_eq!(detail["signals"][0]["source"], "person");
    let steps: Vec<(&str, &str)> = detail["notifications"]
        .as_array()
        .unwrap()
        .iter()
        .map(|n| (n["step"].as_str().unwrap(), n["state"].as_str().unwrap()))
        .collect();
    assert!(steps.contains(&("renewed-1", "planned")) && steps.contains(&("first", "skipped")));
    // The new link works, the old one goes on saying that it has ended.
    let fresh = world.send_step(new.parse().unwrap(), "renewed-1").await.link.url("");
    assert_eq!(world.ask_as(None, "GET", &fresh).await.status, 200);
    assert_eq!(world.ask_as(None, "GET", &link).await.status, 410);
}

#[tokio::test]
async fn a_renewal_is_about_what_was_wrong_when_nobody_knows_better() {
    let (world, cobalt) = with_cobalt().await;
    assert!(world.put("clinic_1", &account()).await.status < 300);
    let kind = SignalKind::PasswordChangeWarning;
    let case = world.signal("clinic_1", kind, world.now()).await.unwrap();
    let link = world.send_step(case, "warning").await.link.url("");
    world.store.close_case(&OpenCase::Id(case), CloseReason::Expired).await.unwrap();
    world.advance(Duration::from_secs(60));
    cobalt.then(500, "");
    assert_eq!(world.press(&format!("{link}/renew")).await.status, 200);
    let open = world.ask("GET", "/v1/cases?open=true").await.json();
    assert_eq!(open["cases"][0]["kind"], "password_change_warning");
}

#[tokio::test]
async fn an_account_that_is_gone_looks_like_no_link_at_all() {
    let (world, _cobalt) = with_cobalt().await;
    let (link, case) = world.link().await;
    let unknown = world.ask_as(None, "GET", "/r/unknown").await;
    world.store.close_case(&OpenCase::Id(case), CloseReason::Expired).await.unwrap();
    assert_eq!(world.ask("DELETE", "/v1/accounts/clinic_1").await.status, 204);
    for path in [link.clone(), format!("{link}/renew"), format!("{link}/link")] {
        let method = if path == link { "GET" } else { "POST" };
        let shown = world.ask_as(None, method, &path).await;
        assert_eq!((shown.status, &shown.text), (404, &unknown.text), "{path}");
        assert_eq!(shown.headers, unknown.headers, "{path}");
    }
}

#[tokio::test]
async fn trouble_of_ours_is_a_page_for_people_too() {
    for error in [StoreError::Unavailable("canary".into()), StoreError::Refused("canary".into())] {
        let world = World::with(Arc::new(Down::saying(error)));
        let link = format!("/r/{}", "A".repeat(43));
        for (method, path) in [
            ("GET", link.clone()),
            ("POST", format!("{link}/link")),
            ("POST", format!("{link}/renew")),
        ] {
            let shown = world.ask_as(None, method, &path).await;
            let kind = shown.header("content-type");
            assert_eq!((shown.status, kind), (503, "text/html; charset=utf-8"), "{path}");
            assert!(shown.text.contains("try again") && !shown.text.contains("canary"));
        }
    }
}
