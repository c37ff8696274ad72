//! What is not taken in: a clear status, a counter, and nothing in the spool.

use crate::support::*;

struct Case {
    name: &'static str,
    status: u16,
    bytes: Vec<u8>,
}

fn case(name: &'static str, status: u16, bytes: Vec<u8>) -> Case {
    Case { name, status, bytes }
}

fn plain(method: &str, path: &str) -> Vec<u8> {
    format!("{method} {path} HTTP/1.1\r\nhost: receiver\r\ncontent-length: 0\r\n\r\n").into_bytes()
}

/// A genuine signature with other headers around it.
fn with(headers: &[(&str, &str)]) -> Vec<u8> {
    let headers = [&[("cobalt-verification", EVENT_SIGNATURE)], headers].concat();
    request("/webhooks/cobalt", &headers, EVENT.as_bytes())
}

fn signature(value: &str) -> Vec<u8> {
    request("/webhooks/cobalt", &[("cobalt-verification", value)], EVENT.as_bytes())
}

fn report(key: &str) -> Vec<u8> {
    request("/v1/reports", &[("authorization", key)], b"{}")
}

fn ours(body: &str) -> Vec<u8> {
    signed(SECRET, body.as_bytes())
}

fn cases() -> Vec<Case> {
    let long = vec![b' '; 64 * 1024 + 1];
    let deep = [event("x").trim_end_matches('}'), r#","deep":"#, &"[".repeat(5_000)].concat();
    let deep_closed = format!(
        r#"{{"id":"x","type":"login_required","access_token_reference_id":"c","deep":{}{}}}"#,
        "[".repeat(100),
        "]".repeat(100)
    );
    let flipped = EVENT.replace("clinic_1", "clinic_2");
    let without_account = EVENT.replace("access_token_reference_id", "other");
    vec![
        case("unsigned", 401, request("/webhooks/cobalt", &[], EVENT.as_bytes())),
        case("empty signature", 401, signature("")),
        case("not hex", 401, signature(&"z".repeat(64))),
        case("short signature", 401, signature(&EVENT_SIGNATURE[..62])),
        case("signature with a prefix", 401, signature(&format!("sha256={EVENT_SIGNATURE}"))),
        case("wrong signature", 401, signature(&"0".repeat(64))),
        case("another secret", 401, signed("another", EVENT.as_bytes())),
        case(
            "another body",
            401,
            request(
                "/webhooks/cobalt",
                &[("cobalt-verification", EVENT_SIGNATURE)],
                flipped.as_bytes(),
            ),
        ),
        case("app key at Cobalt's door", 401, {
            let key = format!("Bearer {APP_KEY}");
            request("/webhooks/cobalt", &[("authorization", &key)], EVENT.as_bytes())
        }),
        case("report without a key", 401, request("/v1/reports", &[], b"{}")),
        case("report with a wrong key", 401, report("Bearer app-key-0123456789abcdeg")),
        case("report with basic", 401, report(&format!("Basic {APP_KEY}"))),
        case("report signed as Cobalt signs", 401, {
            request("/v1/reports", &[("cobalt-verification", EVENT_SIGNATURE)], EVENT.as_bytes())
        }),
        case("empty body", 400, ours("")),
        case("not JSON", 400, ours("login_required")),
        case("truncated JSON", 400, ours(&EVENT[..200])),
        case("two documents", 400, ours(&format!("{EVENT}{EVENT}"))),
        case("an array", 400, ours("[]")),
        case("not UTF-8", 400, signed(SECRET, b"{\"type\":\"\xff\"}")),
        case("UTF-16", 400, signed(SECRET, b"\xff\xfe{\0}\0")),
        case("nested for ever", 400, ours(&deep)),
        case("nested too deep", 400, ours(&deep_closed)),
        case("no type", 400, ours(r#"{"id":"x","access_token_reference_id":"c"}"#)),
        case("type is a number", 400, ours(r#"{"id":"x","type":1}"#)),
        case("no account", 400, ours(&without_account)),
        case("account with a line break", 400, ours(&EVENT.replace("clinic_1", r"a\nb"))),
        case("account too long", 400, ours(&EVENT.replace("clinic_1", &"x".repeat(201)))),
        case("one byte too long", 413, signed(SECRET, &long)),
        case("text/plain", 415, with(&[("content-type", "text/plain")])),
        case("form", 415, with(&[("content-type", "application/x-www-form-urlencoded")])),
        case("gzip", 415, with(&[("content-encoding", "gzip")])),
        case("GET", 405, plain("GET", "/webhooks/cobalt")),
        case("PUT", 405, plain("PUT", "/webhooks/cobalt")),
        case("OPTIONS", 405, plain("OPTIONS", "/v1/reports")),
        case("made-up method", 405, plain("BREW", "/v1/reports")),
        case("unknown path", 404, plain("POST", "/webhooks/twilio")),
        case("root", 404, plain("GET", "/")),
        case("path above", 404, plain("POST", "/webhooks/../webhooks/cobalt")),
    ]
}

#[tokio::test]
async fn every_bad_request_gets_its_status_and_leaves_nothing_behind() {
    let world = World::usual().await;
    for Case { name, status, bytes } in cases() {
        let reply = exchange(world.addr, &bytes).await;
        assert_eq!(reply.status, status, "{name}: {reply:?}");
        assert_eq!(reply.header("content-type"), Some("application/problem+json"), "{name}");
        assert_eq!(reply.json()["status"], status, "{name}");
        assert!(reply.json()["code"].is_string(), "{name}");
        assert_eq!(reply.header("connection"), Some("close"), "{name}");
        assert_eq!(reply.header("allow"), (status == 405).then_some("POST"), "{name}");
        let line = |route| format!(r#"relink_requests_total{{route="{route}",status="{status}"}}"#);
        let counted =
            ["/webhooks/cobalt", "/v1/reports", "unknown"].map(|at| world.metric(&line(at)));
        assert!(counted.iter().sum::<f64>() >= 1.0, "{name} was not counted");
    }
    assert_eq!(world.ever_stored(), 0);
    assert_eq!(world.webhook(EVENT).await.status, 202, "good traffic still passes");
}

#[tokio::test]
async fn a_missing_key_is_asked_for_by_name() {
    let world = World::usual().await;
    let reply = exchange(world.addr, &report("Bearer wrong")).await;
    assert_eq!((reply.status, reply.header("www-authenticate")), (401, Some("Bearer")));
    let line =
        r#"relink_requests_unverified_total{route="/v1/reports",reason="key_missing_or_wrong"}"#;
    assert_eq!(world.metric(line), 1.0);
}

#[tokio::test]
async fn a_head_request_is_refused_without_a_body() {
    let world = World::usual().await;
    let bytes = plain("HEAD", "/webhooks/cobalt");
    let mut stream = open(world.addr).await;
    tokio::io::AsyncWriteExt::write_all(&mut stream, &bytes).await.unwrap();
    let mut answer = String::new();
    tokio::io::AsyncReadExt::read_to_string(&mut stream, &mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 405"), "{answer}");
    assert!(answer.ends_with("\r\n\r\n"), "{answer}");
}

#[tokio::test]
async fn one_flipped_bit_anywhere_is_a_401() {
    let world = World::usual().await;
    for at in (0..EVENT.len()).step_by(7) {
        let mut body = EVENT.as_bytes().to_vec();
        body[at] ^= 1;
        let headers = [("cobalt-verification", EVENT_SIGNATURE)];
        let reply = post(world.addr, "/webhooks/cobalt", &headers, &body).await;
        assert_eq!(reply.status, 401, "byte {at}");
    }
    assert_eq!(world.ever_stored(), 0);
}

#[tokio::test]
async fn names_at_the_limit_are_taken() {
    let world = World::usual().await;
    let body = EVENT.replace("clinic_1", &"x".repeat(200));
    assert_eq!(world.webhook(&body).await.status, 202);
    let padded = format!("{EVENT}{}", " ".repeat(64 * 1024 - EVENT.len()));
    assert_eq!(world.webhook(&padded).await.status, 202);
}

#[tokio::test]
async fn a_sender_in_the_middle_of_its_body_still_gets_to_see_why() {
    let world = World::usual().await;
    let body = vec![b'x'; 250 * 1024];
    for (path, content_type, status) in [
        ("/webhooks/cobalt", "application/json", 413),
        ("/webhooks/cobalt", "text/plain", 415),
        ("/nowhere", "application/json", 404),
    ] {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        // So that most of the body still waits on the sender's side when the verdict is known.
        socket.set_send_buffer_size(4096).unwrap();
        let mut stream = socket.connect(world.addr).await.unwrap();
        let bytes = request(path, &[("content-type", content_type)], &body);
        tokio::io::AsyncWriteExt::write_all(&mut stream, &bytes).await.unwrap();
        assert_eq!(read_reply(&mut stream).await.unwrap().status, status);
    }
}
