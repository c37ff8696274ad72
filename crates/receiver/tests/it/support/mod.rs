//! Everything the scenarios share: a world to start, requests to send, waits with a bound.

mod client;
mod corpus;
mod disk;
mod queue;
mod world;

pub(crate) use client::{Reply, exchange, open, post, read_reply, request, sign, signed};
pub(crate) use corpus::{HEAD, chunked, not_http};
pub(crate) use disk::FaultyDisk;
pub(crate) use queue::{ScriptedQueue, Verdict};
pub(crate) use world::{APP_KEY, OPS_KEY, SECRET, Setup, World, open_spool};

use std::time::Duration;
use tokio::time::Instant;

/// Cobalt's documented event: 347 bytes.
pub(crate) const EVENT: &str = r#"{"id":"550e8400-e29b-41d4-a716-446655440030","access_token_reference_id":"clinic_1","object":"event","created":"2025-10-21T14:30:00.000Z","type":"access_token.login_required","data":{"access_token_reference_id":"clinic_1","emr_instance_domain":"https://your-emr-instance.com","message":"FIXTURE - not Cobalt text","error_type":"password_expired"}}"#;

/// The documented signature of [`EVENT`] under [`SECRET`].
pub(crate) const EVENT_SIGNATURE: &str =
    "5073cb50b587cc97f2ea4193c5306111b8ba4b6b829413f40cf4299d8c96daeb";

/// An event of ours with an id of its own.
pub(crate) fn event(id: &str) -> String {
    EVENT.replace("550e8400-e29b-41d4-a716-446655440030", id)
}

/// Waits until `holds`, and fails with `what` when that takes longer than thirty seconds.
pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < end, "not within thirty seconds: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Lets this process have `needed` open files, if its user may have so many.
pub(crate) fn raise_file_limit(needed: u64) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let enough = limit.maximum.is_none_or(|maximum| maximum >= needed);
    assert!(enough, "this test needs {needed} open files, `ulimit -Hn` allows fewer: {limit:?}");
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
}
