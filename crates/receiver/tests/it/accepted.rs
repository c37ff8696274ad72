//! What is taken in, and what the receiver makes of it.

use crate::support::*;
use relink_config::WebhookSecret;
use relink_core::Timestamp;
use relink_core::masked::Secret;
use relink_core::signal::{Signal, SignalKind, SignalSource};
use relink_core::wire::SignalMessage;
use serde_json::json;

/// The one signal the queue has got.
async fn only_signal(world: &World) -> Signal {
    world.forwarded().await;
    let stored = world.queue.stored();
    assert_eq!(stored.len(), 1);
    let signal = SignalMessage::decode(&stored[0].body).unwrap().signal;
    assert_eq!(stored[0].id, signal.event_id.as_str());
    assert_eq!(stored[0].trace, signal.trace);
    signal
}

#[tokio::test]
async fn the_documented_example_is_stored_answered_and_forwarded() {
    let world = World::usual().await;
    let headers = [
        ("content-type", "application/json"),
        ("cobalt-verification", EVENT_SIGNATURE),
        ("webhook-id", "550e8400-e29b-41d4-a716-446655440030"),
        ("webhook-timestamp", "2025-10-21T14:30:00.000Z"),
        ("webhook-attempt", "1"),
    ];
    let reply = post(world.addr, "/webhooks/cobalt", &headers, EVENT.as_bytes()).await;
    assert_eq!(reply.status, 202, "{reply:?}");
    let id = "550e8400-e29b-41d4-a716-446655440030";
    assert_eq!(reply.json(), json!({"status": "accepted", "id": id}));
    assert_eq!(reply.header("content-type"), Some("application/json"));

    let signal = only_signal(&world).await;
    assert_eq!(signal.event_id.as_str(), id);
    assert_eq!(signal.account_ref.as_str(), "clinic_1");
    assert_eq!(signal.kind, SignalKind::LoginRequired);
    assert_eq!(signal.source, SignalSource::CobaltWebhook);
    assert_eq!(signal.error_type.as_deref(), Some("password_expired"));
    assert_eq!(
        world.metric(r#"relink_requests_total{route="/webhooks/cobalt",status="202"}"#),
        1.0
    );
    let line = r#"relink_signals_total{kind="login_required",result="accepted"}"#;
    assert_eq!(world.metric(line), 1.0);
    let line = r#"relink_requests_verified_total{route="/webhooks/cobalt",credential="current",form="raw"}"#;
    assert_eq!(world.metric(line), 1.0);
    assert_eq!(world.metric("relink_spool_pending"), 0.0);
}

#[tokio::test]
async fn the_same_event_pretty_printed_is_the_same_event() {
    let world = World::usual().await;
    let value: serde_json::Value = serde_json::from_str(EVENT).unwrap();
    let pretty = serde_json::to_string_pretty(&value).unwrap();
    assert_eq!(pretty.len(), 399);
    let headers = [("cobalt-verification", EVENT_SIGNATURE)];
    for body in [EVENT, &pretty] {
        let reply = post(world.addr, "/webhooks/cobalt", &headers, body.as_bytes()).await;
        assert_eq!(reply.status, 202);
    }
    world.forwarded().await;
    let digests: Vec<String> = world
        .queue
        .stored()
        .iter()
        .map(|message| SignalMessage::decode(&message.body).unwrap().signal.digest)
        .collect();
    assert_eq!(digests.len(), 2);
    assert_eq!(digests[0], digests[1]);
    let line = r#"relink_requests_verified_total{route="/webhooks/cobalt",credential="current",form="reserialised"}"#;
    assert_eq!(world.metric(line), 1.0);
}

#[tokio::test]
async fn every_shape_an_event_of_ours_may_have_is_taken() {
    let world = World::usual().await;
    let login = "access_token.login_required";
    let shapes = [
        ("alias", event("a").replace(login, "login_required")),
        ("warning", event("b").replace(login, "access_token.password_change_warning")),
        ("offset time", event("c").replace("14:30:00.000Z", "07:30:00-07:00")),
        ("no time", event("d").replace(r#""created":"2025-10-21T14:30:00.000Z","#, "")),
        ("nonsense time", event("e").replace("2025-10-21T14:30:00.000Z", "yesterday")),
        ("32 hex id", event("550e8400e29b41d4a716446655440030")),
        ("opaque id", event("évt/日本 #1")),
        ("unknown fields", event("f").replacen('{', r#"{"new":[{"x":null}],"#, 1)),
        ("duplicate keys", event("first").replacen(r#""object""#, r#""id":"g","object""#, 1)),
        ("no data", r#"{"id":"h","type":"login_required","access_token_reference_id":"c"}"#.into()),
        (
            "data null",
            r#"{"id":"i","type":"login_required","access_token_reference_id":"c","data":null}"#
                .into(),
        ),
        ("white space", format!("\n\t {} \r\n", event("j"))),
    ];
    for (name, body) in &shapes {
        let reply = world.webhook(body).await;
        assert_eq!(reply.status, 202, "{name}: {reply:?}");
    }
    world.forwarded().await;
    let ids = world.queue.stored_ids();
    assert_eq!(ids.len(), shapes.len());
    assert!(ids.contains(&"g".to_owned()), "the last of two equal keys counts: {ids:?}");
}

#[tokio::test]
async fn events_of_others_are_acknowledged_counted_and_never_stored() {
    let world = World::usual().await;
    for (event_type, family) in [
        ("appointment.created", "appointment"),
        ("access_token.something_new", "access_token"),
        ("made.up", "other"),
    ] {
        let body = event("x").replace("access_token.login_required", event_type);
        let reply = world.webhook(&body).await;
        assert_eq!((reply.status, reply.json()), (200, json!({"status": "ignored"})));
        let line = format!(r#"relink_signals_total{{kind="{family}",result="ignored"}}"#);
        assert_eq!(world.metric(&line), 1.0);
    }
    assert_eq!(world.ever_stored(), 0);
}

#[tokio::test]
async fn an_app_hands_over_the_403_it_met() {
    let world = World::usual().await;
    let met = json!({"account_ref": "clinic_1", "status": 403,
        "body": {"success": false, "error": "login_required", "message": "Account link expired."}});
    for key in [APP_KEY, OPS_KEY] {
        let bearer = format!("Bearer {key}");
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let body = met.to_string();
        let reply = post(world.addr, "/v1/reports", &headers, body.as_bytes()).await;
        assert_eq!(reply.status, 202, "{reply:?}");
        let other = met.to_string().replace("login_required", "forbidden");
        let reply = post(world.addr, "/v1/reports", &headers, other.as_bytes()).await;
        assert_eq!((reply.status, reply.json()), (200, json!({"status": "ignored"})));
        let reply = post(world.addr, "/v1/reports", &headers, b"{}").await;
        assert_eq!(reply.status, 400);
    }
    world.forwarded().await;
    let stored = world.queue.stored();
    assert_eq!(stored.len(), 2);
    let signal = SignalMessage::decode(&stored[0].body).unwrap().signal;
    assert_eq!(signal.source, SignalSource::AppReport);
    let line = r#"relink_requests_verified_total{route="/v1/reports",credential="ops",form="key"}"#;
    assert_eq!(world.metric(line), 3.0);
}

#[tokio::test]
async fn the_senders_trace_goes_on_and_without_one_a_new_one_begins() {
    let world = World::usual().await;
    let theirs = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let headers = [("cobalt-verification", EVENT_SIGNATURE), ("traceparent", theirs)];
    post(world.addr, "/webhooks/cobalt", &headers, EVENT.as_bytes()).await;
    let trace = only_signal(&world).await.trace.unwrap();
    assert_eq!(trace.trace_id(), "0af7651916cd43dd8448eb211c80319c");
    world.webhook(&event("second")).await;
    world.forwarded().await;
    let own = world.queue.stored()[1].trace.unwrap();
    assert_ne!(own.trace_id(), trace.trace_id());
}

#[tokio::test]
async fn every_live_secret_counts_and_no_other() {
    let secret = |id: &str, text: &str, not_after: Option<&str>| WebhookSecret {
        id: id.into(),
        secret: Secret::new(text),
        not_after: not_after.map(|text| text.parse::<Timestamp>().unwrap()),
    };
    let secrets = vec![
        secret("new", "whsec_new", None),
        secret("old", SECRET, Some("2999-01-01T00:00:00Z")),
        secret("past", "whsec_past", Some("2020-01-01T00:00:00Z")),
    ];
    let world = World::start(Setup { secrets, ..Setup::default() }).await;
    let send = |text: &'static str| async move {
        exchange(world.addr, &signed(text, EVENT.as_bytes())).await.status
    };
    assert_eq!(send("whsec_new").await, 202);
    assert_eq!(send(SECRET).await, 202);
    assert_eq!(send("whsec_past").await, 401);
}

#[tokio::test]
async fn without_a_live_secret_the_fault_is_ours_and_answered_503() {
    let world = World::start(Setup { secrets: Vec::new(), ..Setup::default() }).await;
    let reply = world.webhook(EVENT).await;
    assert_eq!((reply.status, reply.header("retry-after")), (503, Some("1")));
    assert_eq!(world.ever_stored(), 0);
}

#[tokio::test]
async fn one_connection_carries_many_events() {
    use tokio::io::AsyncWriteExt as _;
    let world = World::usual().await;
    let mut stream = open(world.addr).await;
    for n in 0..20 {
        stream.write_all(&signed(SECRET, event(&format!("e{n}")).as_bytes())).await.unwrap();
        assert_eq!(read_reply(&mut stream).await.unwrap().status, 202);
    }
    world.forwarded().await;
    assert_eq!(world.queue.stored_ids(), (0..20).map(|n| format!("e{n}")).collect::<Vec<_>>());
}
