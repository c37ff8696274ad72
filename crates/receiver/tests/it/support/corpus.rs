//! What is not quite HTTP: bytes for a socket, by what is wrong with them.

/// The head of a webhook, but for its last line.
pub(crate) const HEAD: &str = "POST /webhooks/cobalt HTTP/1.1\r\nhost: receiver\r\n";

/// A chunked body with nothing behind it.
pub(crate) fn chunked(body: &str) -> String {
    format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len())
}

/// Requests that no server should take, around an `event` and its right `signature`.
pub(crate) fn not_http(event: &str, signature: &str) -> Vec<(&'static str, Vec<u8>)> {
    let ok = format!("cobalt-verification: {signature}\r\n");
    let many: String = (0..200).map(|n| format!("x-{n}: 1\r\n")).collect();
    let huge = format!("x: {}\r\n", "a".repeat(1 << 20));
    let length = event.len();
    vec![
        ("nothing", b"\r\n\r\n\r\n".to_vec()),
        ("junk", b"\x00\x01\x02\xff\xfe hello\r\n\r\n".to_vec()),
        ("TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".repeat(20)),
        ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec()),
        ("HTTP/9", HEAD.replace("HTTP/1.1", "HTTP/9.9").into_bytes()),
        ("NUL", format!("{HEAD}x: a\0b\r\n\r\n").into_bytes()),
        ("bare CR", format!("{HEAD}x: a\rb\r\n\r\n").into_bytes()),
        ("folded", format!("{HEAD}x: a\r\n b: c\r\n\r\n").into_bytes()),
        (
            "two lengths",
            format!("{HEAD}{ok}content-length: {length}\r\ncontent-length: 3\r\n\r\n{event}")
                .into_bytes(),
        ),
        ("negative length", format!("{HEAD}{ok}content-length: -1\r\n\r\n{event}").into_bytes()),
        ("length in words", format!("{HEAD}{ok}content-length: many\r\n\r\n{event}").into_bytes()),
        (
            "huge length",
            format!("{HEAD}{ok}content-length: 99999999999999999999\r\n\r\n{event}").into_bytes(),
        ),
        ("long body", format!("{HEAD}{ok}content-length: 9999999\r\n\r\n{event}").into_bytes()),
        (
            "bad chunk",
            format!("{HEAD}{ok}transfer-encoding: chunked\r\n\r\nzz\r\n{event}\r\n0\r\n\r\n")
                .into_bytes(),
        ),
        (
            "huge chunk",
            format!("{HEAD}{ok}transfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n{event}")
                .into_bytes(),
        ),
        (
            "other encoding",
            format!("{HEAD}{ok}transfer-encoding: gzip\r\n\r\n{event}").into_bytes(),
        ),
        (
            "chunked first",
            format!("{HEAD}{ok}transfer-encoding: chunked, gzip\r\n\r\n{}", chunked(event))
                .into_bytes(),
        ),
        (
            "200 headers",
            format!("{HEAD}{ok}{many}content-length: {length}\r\n\r\n{event}").into_bytes(),
        ),
        ("a header of 1 MiB", format!("{HEAD}{ok}{huge}\r\n").into_bytes()),
        ("a path of 1 MiB", format!("POST /{} HTTP/1.1\r\n\r\n", "a".repeat(1 << 20)).into_bytes()),
    ]
}
