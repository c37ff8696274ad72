//! Twilio's answers, damaged: only one that can be read in full says that a message was taken,
//! and a doubt stays a doubt.

use super::*;
use relink_fuzz::Target;
use relink_http::StatusCode;

const STATUSES: [u16; 14] = [200, 201, 202, 204, 301, 400, 401, 403, 404, 408, 422, 429, 500, 503];

const WORDS: &[&[u8]] = &[
    b"\"sid\":\"SM\",",
    b"\"sid\":null,",
    b"\"status\":\"failed\",",
    b"\"status\":\"canceled\",",
    b"\"error_code\":-1,",
    b"\"code\":\"21610\",",
    b"\"code\":4294967297,",
    b"queued",
];

#[test]
fn answers_of_twilio() {
    let target = Target::new(env!("CARGO_MANIFEST_DIR"), "answer");
    target.words(WORDS).rounds(6_000).run(|body, random| {
        let status = *random.pick(&STATUSES).unwrap();
        let answer = Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: Bytes::copy_from_slice(body),
        };
        let sent = if status < 300 { made(&answer) } else { refused(&answer) };
        let code = sent.provider_code.unwrap_or_default();
        assert!(
            code.trim_start_matches("http ").bytes().all(|byte| byte.is_ascii_digit()),
            "{code}"
        );
        match sent.outcome {
            Outcome::Accepted => {
                assert!(status < 300 && sent.provider_message_id.is_some());
                // Fields that nobody reads may hold what is not even text.
                let says = serde_json::from_slice::<serde_json::Value>(body).unwrap_or_default();
                let over = ["failed", "undelivered", "canceled"];
                assert!(says["status"].as_str().is_none_or(|status| !over.contains(&status)));
            }
            Outcome::Unknown { .. } => assert!(!(300..500).contains(&status) || status == 408),
            // Of what was made, only Twilio's own word says that it will not arrive.
            Outcome::Deferred { .. } | Outcome::Rejected { .. } if status < 300 => {
                assert!(sent.provider_message_id.is_some());
            }
            Outcome::Deferred { .. } | Outcome::Rejected { .. } => {
                assert!(status < 500 && status != 408, "a doubt is no refusal");
            }
        }
        let id = sent.provider_message_id.unwrap_or_default();
        assert!(id.len() <= 64 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{id}");
    });
}
