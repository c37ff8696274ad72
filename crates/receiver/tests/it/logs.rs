//! What the log shows, and what it must never show.

use crate::support::*;
use std::io;
use std::sync::{Arc, Mutex, Once};
use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl io::Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Captured {
    type Writer = Self;

    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}

/// Keeps every line's place of origin awake for the whole test program. Which places are asleep
/// is cached by the process: without this, a test beside us that captures less, or nothing, can
/// put ours to sleep just when it is reached.
fn stay_awake() {
    static AWAKE: Once = Once::new();
    AWAKE.call_once(|| {
        let everything = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(io::sink)
            .finish();
        // Somebody else's would serve as well.
        let _ = tracing::subscriber::set_global_default(everything);
    });
}

/// Everything this thread logs at any level; the tests run their whole receiver on one thread.
fn capture(level: tracing::Level) -> (Captured, tracing::subscriber::DefaultGuard) {
    stay_awake();
    let captured = Captured::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_ansi(false)
        .with_writer(captured.clone())
        .finish();
    (captured, tracing::subscriber::set_default(subscriber))
}

#[tokio::test]
async fn no_body_no_secret_and_no_signature_is_ever_logged() {
    let (captured, _guard) = capture(tracing::Level::TRACE);
    let world = World::usual().await;
    let canary = EVENT.replace("FIXTURE", "CANARY-message").replace("your-emr", "CANARY-emr");
    assert_eq!(world.webhook(&canary).await.status, 202);
    let ignored = canary.replace("access_token.login_required", "patient.failed");
    assert_eq!(world.webhook(&ignored).await.status, 200);
    let malformed = canary.replace("clinic_1", r"CANARY-account\n");
    assert_eq!(world.webhook(&malformed).await.status, 400);
    let forged = signed("CANARY-secret", canary.as_bytes());
    assert_eq!(exchange(world.addr, &forged).await.status, 401);
    let key = [("authorization", "Bearer CANARY-key"), ("x-canary", "CANARY-header")];
    assert_eq!(post(world.addr, "/v1/reports", &key, b"CANARY-body").await.status, 401);
    assert_eq!(post(world.addr, "/CANARY-path", &key, b"CANARY-body").await.status, 404);
    world.forwarded().await;
    let text = captured.text();
    assert!(text.contains("stored"), "nothing was captured");
    for secret in ["CANARY", SECRET, APP_KEY, &EVENT_SIGNATURE[..16], "FIXTURE"] {
        assert!(!text.contains(secret), "{secret} in: {text}");
    }
}

#[tokio::test]
async fn an_event_is_named_in_its_span_with_its_trace() {
    let (captured, _guard) = capture(tracing::Level::DEBUG);
    let world = World::usual().await;
    let theirs = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let headers = [("cobalt-verification", EVENT_SIGNATURE), ("traceparent", theirs)];
    post(world.addr, "/webhooks/cobalt", &headers, EVENT.as_bytes()).await;
    let text = captured.text();
    let line = text.lines().find(|line| line.contains("stored")).expect("a line");
    for part in [
        "550e8400-e29b-41d4-a716-446655440030",
        "login_required",
        "0af7651916cd43dd8448eb211c80319c",
    ] {
        assert!(line.contains(part), "{part} not in: {line}");
    }
}

#[tokio::test]
async fn forged_requests_are_told_about_once_a_second_with_hashes_only() {
    let (captured, _guard) = capture(tracing::Level::WARN);
    let world = World::usual().await;
    let begun = std::time::Instant::now();
    for _ in 0..50 {
        exchange(world.addr, &signed("forged", EVENT.as_bytes())).await;
    }
    let allowed = 1 + begun.elapsed().as_secs() as usize;
    let text = captured.text();
    let lines = text.lines().count();
    assert!((1..=allowed).contains(&lines), "{lines} lines: {text}");
    assert!(text.contains("every event is being lost"), "{text}");
    assert!(text.contains("body.sha256") && text.contains("headers.sha256"), "{text}");
}

#[tokio::test]
async fn an_outage_of_the_queue_is_two_lines() {
    let (captured, _guard) = capture(tracing::Level::INFO);
    let queue = ScriptedQueue::down();
    let world = World::start(Setup { queue: queue.clone(), ..Setup::default() }).await;
    for n in 0..20 {
        world.webhook(&event(&format!("e{n}"))).await;
    }
    eventually("some tries", || queue.calls() >= 4).await;
    queue.now(|_| Verdict::Store);
    world.forwarded().await;
    eventually("the end is told", || captured.text().contains("has every signal again")).await;
    let text = captured.text();
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(text.contains("signals wait in the spool"), "{text}");
}
