//! The customer's app is told: signed, once where it answers, again where it does not, and a slow
//! endpoint is its own affair.

use crate::support::*;
use relink_core::app_event::{AppEventKind, DeliveryState, Endpoint};
use relink_core::app_signature::SigningSecret;
use relink_core::case::CloseReason;
use relink_core::id::EndpointId;
use relink_core::masked::Secret;
use relink_http::client::{HttpClient, Limits};
use relink_store::{
    AppDeliveryFilter, AppDeliveryRow, AppEventStore as _, CaseStore as _, OpenCase, StoreError,
    TELL_LEASE,
};
use relink_worker::tell::{Post, Teller};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

fn endpoint(id: &str) -> EndpointId {
    EndpointId::parse(id).unwrap()
}

async fn world() -> World {
    let everything = |id| Endpoint { id: endpoint(id), events: AppEventKind::ALL.to_vec() };
    World::listened(vec![everything("app"), everything("slow")]).await
}

/// Posts to `app`, and gives up soon.
fn teller(world: &World, id: &str, app: &App) -> Teller {
    let secrets = [APP_SECRET, "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"];
    let limits = Limits { total: Duration::from_millis(400), ..Limits::default() };
    let post = Post {
        http: HttpClient::new(limits).unwrap(),
        url: app.url(),
        secrets: secrets.map(|s| SigningSecret::parse(&Secret::new(s)).unwrap()).to_vec(),
    };
    Teller {
        store: world.shared(),
        metrics: world.metrics.clone(),
        endpoint: endpoint(id),
        listener: Arc::new(post),
        at_once: 4,
    }
}

async fn row(world: &World) -> AppDeliveryRow {
    let filter = AppDeliveryFilter { failed: false, limit: 100 };
    let mut rows = world.store.app_deliveries(filter).await.unwrap();
    rows.retain(|row| row.endpoint == endpoint("app"));
    assert_eq!(rows.len(), 1);
    rows.remove(0)
}

fn counted(world: &World, result: &str) -> f64 {
    let labels = format!(r#"event="relink.case.opened",endpoint="app",result="{result}""#);
    world.metric(&format!("relink_app_events_total{{{labels}}}"))
}

#[tokio::test]
async fn an_event_is_posted_signed_and_once() {
    let (world, app) = (world().await, App::start().await);
    let teller = teller(&world, "app", &app);
    assert_eq!(teller.step().await.unwrap(), 0);
    let case = world.open_case("clinic_1").await;
    assert_eq!(teller.step().await.unwrap(), 1);
    assert_eq!(teller.step().await.unwrap(), 0);
    let heard = app.heard();
    assert_eq!(heard.len(), 1);
    assert_eq!(
        (heard[0].kind.as_str(), &heard[0].id),
        ("relink.case.opened", &row(&world).await.event_id.to_string())
    );
    assert!(heard[0].body.contains(&format!(r#""case_id":"{case}""#)), "{}", heard[0].body);
    let row = row(&world).await;
    assert_eq!((row.state, row.last_status), (DeliveryState::Delivered, Some(200)));
    assert_eq!(counted(&world, "delivered"), 1.0);
}

#[tokio::test]
async fn what_is_not_taken_is_told_again_under_the_same_id_until_it_is() {
    let (world, app) = (world().await, App::start().await);
    let teller = teller(&world, "app", &app);
    world.open_case("clinic_1").await;
    app.say(&[Reply::Status(500), Reply::Hang, Reply::Elsewhere]);
    for (failed, wait) in [5, 300, 1_800].into_iter().enumerate() {
        assert_eq!(teller.step().await.unwrap(), 1, "try {failed}");
        assert_eq!(app.heard().len(), failed + 1, "no redirect is followed, nothing repeated");
        assert_eq!(teller.step().await.unwrap(), 0, "not at once");
        world.advance(Duration::from_secs(wait).mul_f64(1.11));
    }
    assert_eq!(row(&world).await.last_status, Some(307));
    assert_eq!(teller.step().await.unwrap(), 1);
    let heard = app.heard();
    assert_eq!(heard.len(), 4);
    assert!(heard.iter().all(|one| (&one.id, &one.body) == (&heard[0].id, &heard[0].body)));
    assert_eq!(row(&world).await.state, DeliveryState::Delivered);
    assert_eq!((counted(&world, "retried"), counted(&world, "delivered")), (3.0, 1.0));
}

#[tokio::test]
async fn a_wish_to_be_left_alone_is_granted() {
    let (world, app) = (world().await, App::start().await);
    let teller = teller(&world, "app", &app);
    world.open_case("clinic_1").await;
    app.say(&[Reply::Later(503, 3_600)]);
    teller.step().await.unwrap();
    world.advance(Duration::from_secs(3_599));
    assert_eq!(teller.step().await.unwrap(), 0);
    world.advance(Duration::from_secs(1));
    assert_eq!(teller.step().await.unwrap(), 1);
}

#[tokio::test]
async fn an_app_that_never_answers_well_is_given_up_after_ten_tries() {
    let (world, app) = (world().await, App::start().await);
    let teller = teller(&world, "app", &app);
    world.open_case("clinic_1").await;
    app.say(&[Reply::Status(404); 10]);
    let mut tries = 0;
    while row(&world).await.state == DeliveryState::Pending {
        tries += teller.step().await.unwrap();
        world.advance(DAY + DAY / 5);
    }
    assert_eq!((tries, row(&world).await.state), (10, DeliveryState::GivenUp));
    assert_eq!((counted(&world, "retried"), counted(&world, "given_up")), (9.0, 1.0));
}

#[tokio::test]
async fn an_endpoint_that_is_gone_gets_nothing_of_what_waited() {
    let (world, app) = (world().await, App::start().await);
    let teller = teller(&world, "app", &app);
    for n in 0..10 {
        world.open_case(&format!("clinic_{n}")).await;
    }
    app.say(&[Reply::Status(410); 4]);
    assert_eq!(teller.step().await.unwrap(), 4);
    assert_eq!(teller.step().await.unwrap(), 0);
    let filter = AppDeliveryFilter { failed: true, limit: 100 };
    let rows = world.store.app_deliveries(filter).await.unwrap();
    assert_eq!(rows.len(), 10);
    assert!(rows.iter().all(|row| row.endpoint == endpoint("app")));
    assert_eq!(counted(&world, "gone"), 4.0);
}

#[tokio::test]
async fn an_answer_that_could_not_be_recorded_is_asked_for_again() {
    let (world, app) = (world().await, App::start().await);
    let teller = teller(&world, "app", &app);
    world.open_case("clinic_1").await;
    world.store.fail("told", 1, &StoreError::Refused("no".to_owned()));
    teller.step().await.unwrap();
    assert_eq!(row(&world).await.state, DeliveryState::Pending);
    world.advance(TELL_LEASE);
    teller.step().await.unwrap();
    let heard = app.heard();
    assert_eq!((heard.len(), heard[0].id == heard[1].id), (2, true));
    assert_eq!(row(&world).await.state, DeliveryState::Delivered);
}

#[tokio::test]
async fn a_slow_endpoint_holds_up_no_other_and_what_waits_is_shown() {
    let (world, app, slow) = (world().await, App::start().await, App::start().await);
    slow.say(&[Reply::Hang; 100]);
    let stop = CancellationToken::new();
    let tellers = [teller(&world, "app", &app), teller(&world, "slow", &slow)];
    let running = tellers.map(|teller| {
        let stop = stop.clone();
        tokio::spawn(async move { teller.run(stop).await })
    });
    for n in 0..20 {
        let case = world.open_case(&format!("clinic_{n}")).await;
        world.store.close_case(&OpenCase::Id(case), CloseReason::Repaired).await.unwrap();
    }
    until("the fast one to hear everything", || app.heard().len() == 40).await;
    assert!(slow.heard().len() < 40);
    world.advance(Duration::from_secs(7));
    until("what waits to be shown", || {
        world.metric(r#"relink_app_deliveries_pending{endpoint="slow"}"#) == 40.0
            && world.metric(r#"relink_app_delivery_oldest_seconds{endpoint="slow"}"#) >= 7.0
            && world.metric(r#"relink_app_deliveries_pending{endpoint="app"}"#) == 0.0
    })
    .await;
    stop.cancel();
    for teller in running {
        soon("a teller to stop", teller).await.unwrap();
    }
}
