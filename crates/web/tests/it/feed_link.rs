//! The way back from inside the app, with a Cobalt that answers.

use crate::support::*;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use relink_core::masked::Secret;
use relink_core::visit::{MINTS_PER_HOUR, VisitStep};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// What this Cobalt is like.
#[derive(Default)]
struct Mood {
    refuses: AtomicBool,
    broken: AtomicBool,
    minted: AtomicU32,
}

async fn world() -> (World, Arc<Mood>) {
    let mood = Arc::new(Mood::default());
    let create = async |State(mood): State<Arc<Mood>>| match mood.refuses.load(Ordering::SeqCst) {
        true => (StatusCode::INTERNAL_SERVER_ERROR, json!({ "success": false }).to_string()),
        false => {
            let number = mood.minted.fetch_add(1, Ordering::SeqCst);
            (
                StatusCode::OK,
                json!({ "success": true, "token": format!("lt_{number}") }).to_string(),
            )
        }
    };
    let probe = async |State(mood): State<Arc<Mood>>| match mood.broken.load(Ordering::SeqCst) {
        true => (StatusCode::FORBIDDEN, json!({ "error": "login_required" }).to_string()),
        false => (StatusCode::OK, json!({ "success": true }).to_string()),
    };
    let router = Router::new()
        .route("/v1/link/token/create", post(create))
        .fallback(get(probe))
        .with_state(Arc::clone(&mood));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(relink_http::server::serve(
        listener,
        hyper_util::service::TowerToHyperService::new(router),
        relink_http::server::Limits::default(),
        tokio_util::sync::CancellationToken::new(),
    ));
    let world = World::changed(|config| {
        config.cobalt.api_url = format!("http://{address}");
        config.cobalt.client_id = Some(Secret::new("id"));
        config.cobalt.client_secret = Some(Secret::new("secret"));
    })
    .await;
    (world, mood)
}

async fn act(world: &World, case: &str, act: &str) -> Reply {
    let path = format!("/v1/users/user-1/cases/{case}/{act}");
    world.ask_as(Some(APP_KEY), "POST", &path).await
}

#[tokio::test]
async fn the_button_gets_a_token_and_a_proof_closes_the_case() {
    let (world, mood) = world().await;
    let case = world.open_case("clinic_1").await.to_string();
    let first = act(&world, &case, "link").await;
    assert_eq!((first.status, first.header("cache-control")), (200, "no-store"));
    assert_eq!(first.json(), json!({ "token": "lt_0" }));
    assert_eq!(act(&world, &case, "link").await.json(), json!({ "token": "lt_1" }));
    mood.broken.store(true, Ordering::SeqCst);
    assert_eq!(act(&world, &case, "done").await.json(), json!({ "standing": "still_broken" }));
    mood.broken.store(false, Ordering::SeqCst);
    assert_eq!(act(&world, &case, "done").await.json(), json!({ "standing": "works" }));
    assert_eq!(act(&world, &case, "done").await.json(), json!({ "standing": "works" }), "again");
    assert_eq!(act(&world, &case, "link").await.status, 409);
    use VisitStep::{Done, Minted, NotYet, Proven};
    let steps: Vec<VisitStep> = world.came(&case).await.into_iter().map(|visit| visit.0).collect();
    assert_eq!(steps, [Minted, Minted, Done, NotYet, Done, Proven]);
}

#[tokio::test]
async fn a_cobalt_that_makes_no_token_is_named_and_too_many_tokens_are_not_made() {
    let (world, mood) = world().await;
    let case = world.open_case("clinic_1").await.to_string();
    mood.refuses.store(true, Ordering::SeqCst);
    let reply = act(&world, &case, "link").await;
    assert_eq!((reply.status, reply.problem().0.as_str()), (502, "cobalt"));
    mood.refuses.store(false, Ordering::SeqCst);
    for _ in 0..MINTS_PER_HOUR {
        assert_eq!(act(&world, &case, "link").await.status, 200);
    }
    let reply = act(&world, &case, "link").await;
    assert_eq!((reply.status, reply.problem().0.as_str()), (429, "too_often"));
    assert_eq!(reply.header("retry-after"), "600");
    assert_eq!(mood.minted.load(Ordering::SeqCst), MINTS_PER_HOUR);
}

#[tokio::test]
async fn saying_done_again_and_again_asks_cobalt_no_more_than_the_page_may() {
    let (world, mood) = world().await;
    let case = world.open_case("clinic_1").await.to_string();
    mood.broken.store(true, Ordering::SeqCst);
    let mut asked = 0;
    for _ in 0..60 {
        let reply = act(&world, &case, "done").await;
        match reply.json()["standing"].as_str() {
            Some("still_broken") => asked += 1,
            Some("not_known") => {}
            _ => panic!("{reply:?}"),
        }
    }
    // Twenty at once, and one more every ten seconds that this took.
    assert!((20..40).contains(&asked), "{asked}");
    let steps: Vec<VisitStep> = world.came(&case).await.into_iter().map(|visit| visit.0).collect();
    assert_eq!(steps.iter().filter(|step| **step == VisitStep::Done).count(), asked);
}
