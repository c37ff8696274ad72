//! Link tokens: who gets one, under which path and name, and that each is counted.

use crate::support::*;
use hyper::Method;
use relink_core::masked::Secret;
use relink_http::client::Answer;
use relink_sandbox::{LinkPath, Minting, PretendCobalt, TokenKey};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio_util::sync::{CancellationToken, DropGuard};

const VERSIONED: &str = "/v1/link/token/create";
const BARE: &str = "/link/token/create";
const UPDATE: &str = r#"{"user_id":"u","org_id":"o","access_token":"token-1"}"#;

async fn cobalt() -> (PretendCobalt, DropGuard) {
    let stop = CancellationToken::new();
    let cobalt = PretendCobalt::start(ANY, "", &Secret::new("s"), stop.clone()).await.unwrap();
    cobalt.add_account("clinic_1", "token-1");
    cobalt.add_account("clinic_2", "token-2");
    (cobalt, stop.drop_guard())
}

async fn create(cobalt: &PretendCobalt, path: &str, body: &'static str) -> Answer {
    let client = [("client_id", "ci"), ("client_secret", "cs")];
    call(Method::POST, &format!("{}{path}", cobalt.url()), &client, body).await
}

#[tokio::test]
async fn tokens_are_new_each_time_and_counted_by_account() {
    let (cobalt, _running) = cobalt().await;
    let mut tokens = BTreeSet::new();
    for path in [VERSIONED, BARE] {
        for _ in 0..2 {
            let made = create(&cobalt, path, UPDATE).await;
            assert_eq!((made.status.as_u16(), &json(&made)["success"]), (200, &true.into()));
            tokens.insert(json(&made)["token"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(tokens.len(), 4);
    assert!(tokens.iter().all(|token| token.starts_with("lt_")));
    assert_eq!((cobalt.minted("clinic_1"), cobalt.minted("clinic_2")), (4, 0));
    // A new account has no access token yet, and so no count.
    let made = create(&cobalt, VERSIONED, r#"{"user_id":"u","org_id":"o"}"#).await;
    assert_eq!((made.status.as_u16(), cobalt.minted("clinic_1")), (200, 4));
}

#[tokio::test]
async fn what_is_missing_or_unknown_makes_none() {
    let (cobalt, _running) = cobalt().await;
    for body in [
        "",
        "{}",
        r#"{"user_id":"u","access_token":"token-1"}"#,
        r#"{"user_id":"u","org_id":"","access_token":"token-1"}"#,
        r#"{"user_id":1,"org_id":"o","access_token":"token-1"}"#,
        r#"{"user_id":"u","org_id":"o","access_token":"another"}"#,
        r#"{"user_id":"u","org_id":"o","access_token":""}"#,
        r#"{"user_id":"u","org_id":"o","access_token":7}"#,
    ] {
        let refused = create(&cobalt, VERSIONED, body).await;
        assert_eq!(refused.status, 400, "{body}");
        assert_eq!(json(&refused)["success"], false);
    }
    let bare = call(Method::POST, &format!("{}{VERSIONED}", cobalt.url()), &[], UPDATE).await;
    assert_eq!(bare.status, 401);
    // Link tokens come from a POST alone.
    let client = [("client_id", "ci"), ("client_secret", "cs")];
    let looked = call(Method::GET, &format!("{}{VERSIONED}", cobalt.url()), &client, "").await;
    assert_eq!(looked.status, 404);
    assert_eq!(cobalt.minted("clinic_1"), 0);
}

#[tokio::test]
async fn credentials_count_in_quotes_and_without() {
    let (cobalt, _running) = cobalt().await;
    let url = format!("{}{VERSIONED}", cobalt.url());
    let ask = async |id: &str, secret: &str| {
        let headers = [("client_id", id), ("client_secret", secret)];
        call(Method::POST, &url, &headers, UPDATE).await.status.as_u16()
    };
    assert_eq!(ask("anybody", "anything").await, 200);
    cobalt.only_client("ci", "cs");
    for (id, secret, status) in [
        ("ci", "cs", 200),
        ("\"ci\"", "\"cs\"", 200),
        ("ci", "\"cs\"", 200),
        ("ci", "another", 401),
        ("cs", "ci", 401),
        ("\"\"", "cs", 401),
        ("\"ci", "cs", 401),
    ] {
        assert_eq!(ask(id, secret).await, status, "{id} {secret}");
    }
    assert_eq!(cobalt.minted("clinic_1"), 4);
}

#[tokio::test]
async fn either_path_may_be_missing_and_the_token_has_either_name() {
    let (cobalt, _running) = cobalt().await;
    for (path, there, away) in
        [(LinkPath::Versioned, VERSIONED, BARE), (LinkPath::Bare, BARE, VERSIONED)]
    {
        cobalt.mint_as(Minting { path, ..Minting::default() });
        assert_eq!(create(&cobalt, away, UPDATE).await.status, 404);
        assert!(json(&create(&cobalt, there, UPDATE).await)["token"].is_string());
    }
    cobalt.mint_as(Minting { key: TokenKey::LinkToken, ..Minting::default() });
    let made = json(&create(&cobalt, BARE, UPDATE).await);
    assert!(made["link_token"].as_str().unwrap().starts_with("lt_"));
    assert!(made["token"].is_null());
    assert_eq!(cobalt.minted("clinic_1"), 3);
    assert_eq!(Minting::default().lifetime, Duration::from_secs(1800));
}
