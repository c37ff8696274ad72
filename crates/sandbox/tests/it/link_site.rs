//! Link's own host: types, policies, one use of a token, and nothing about whose account it is.

use crate::scripts::assert_closed;
use crate::support::*;
use hyper::Method;
use relink_core::masked::Secret;
use relink_http::client::Answer;
use relink_sandbox::{Minting, PretendCobalt};
use std::time::Duration;
use tokio_util::sync::{CancellationToken, DropGuard};

const SECRETS: [&str; 4] = ["clinic_1", "token-1", "user-jane", "org-roe"];

async fn cobalt() -> (PretendCobalt, DropGuard) {
    let stop = CancellationToken::new();
    let cobalt = PretendCobalt::start(ANY, "", &Secret::new("s"), stop.clone()).await.unwrap();
    cobalt.add_account("clinic_1", "token-1");
    cobalt.break_silently("clinic_1");
    (cobalt, stop.drop_guard())
}

async fn get(cobalt: &PretendCobalt, path: &str) -> Answer {
    call(Method::GET, &format!("{}{path}", cobalt.link_url()), &[], "").await
}

async fn submit(cobalt: &PretendCobalt, form: String) -> Answer {
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    call(Method::POST, &format!("{}/", cobalt.link_url()), &headers, form).await
}

fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.headers.get(name).map_or("", |value| value.to_str().unwrap())
}

/// What the page's form sends with the code that the page tells.
fn filled(page: &Answer, frame: u8) -> String {
    let html = text(page);
    let visit = between(&html, "name=\"visit\" value=\"");
    let code = between(&html, "<strong id=\"told\">");
    format!("visit={visit}&frame={frame}&code={code}")
}

#[tokio::test]
async fn link_is_another_origin_than_the_api() {
    let (cobalt, _running) = cobalt().await;
    assert_ne!(cobalt.url(), cobalt.link_url());
    assert_eq!(cobalt.link_script_url(), format!("{}/init.js", cobalt.link_url()));
    assert_eq!(get(&cobalt, "/v1/settings").await.status, 404);
    let on_the_api = call(Method::GET, &format!("{}/init.js", cobalt.url()), &[], "").await;
    assert_eq!(on_the_api.status, 401);
}

#[tokio::test]
async fn its_scripts_are_scripts_and_load_nothing_more() {
    let (cobalt, _running) = cobalt().await;
    for (path, kind) in [
        ("/init.js", "text/javascript"),
        ("/page.js", "text/javascript"),
        ("/page.css", "text/css"),
    ] {
        let part = get(&cobalt, path).await;
        assert_eq!(header(&part, "content-type"), format!("{kind}; charset=utf-8"));
        assert_eq!(header(&part, "x-content-type-options"), "nosniff");
        assert_eq!(header(&part, "cross-origin-resource-policy"), "cross-origin");
        assert_closed(path, &text(&part));
        for forbidden in ["innerHTML", "setAttribute('style'", "import(", "eval(", "'*'", "http:"] {
            assert!(!text(&part).contains(forbidden), "{forbidden} in {path}");
        }
    }
    // The documented interface, without a word of those who leave.
    let script = text(&get(&cobalt, "/init.js").await);
    assert!(script.contains("window.CobaltLink = Object.freeze({ init })"));
    for absent in ["onExit", "onError", "onEvent"] {
        assert!(!script.contains(absent), "{absent}");
    }
}

#[tokio::test]
async fn the_page_may_be_framed_by_anybody_and_says_nothing_of_the_account() {
    let (cobalt, _running) = cobalt().await;
    cobalt.call_back_to("http://127.0.0.1:4000/r/back");
    let token = mint(&cobalt, "token-1").await;
    let page = get(&cobalt, &format!("/?token={token}&frame=1")).await;
    assert_eq!(
        (page.status.as_u16(), header(&page, "content-type")),
        (200, "text/html; charset=utf-8")
    );
    let policy = header(&page, "content-security-policy");
    assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"));
    assert!(policy.contains("form-action 'self' http://127.0.0.1:4000;"), "{policy}");
    assert!(policy.ends_with("frame-ancestors *") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(header(&page, "cache-control"), "no-store");
    assert_eq!(header(&page, "referrer-policy"), "no-referrer");
    let done = submit(&cobalt, filled(&page, 1)).await;
    for shown in [&page, &done, &get(&cobalt, "/?token=lt_unknown").await] {
        let html = text(shown);
        assert!(!html.contains(&token), "the token is not on the page again");
        assert!(!html.contains('{') && !html.contains(" style="), "{html}");
        for secret in SECRETS {
            assert!(!html.contains(secret), "{secret} in {html}");
        }
    }
}

#[tokio::test]
async fn in_the_lightbox_the_page_keeps_the_public_token_for_the_page_around_it() {
    let (cobalt, _running) = cobalt().await;
    cobalt.call_back_to("http://127.0.0.1:4000/r/back");
    let token = mint(&cobalt, "token-1").await;
    let page = get(&cobalt, &format!("/?token={token}&frame=1")).await;
    assert!(text(&page).contains("<body data-public-token=\"\">"));
    assert!(!cobalt.works("clinic_1"));
    let done = submit(&cobalt, filled(&page, 1)).await;
    assert_eq!(done.status, 200);
    assert!(between(&text(&done), "data-public-token=\"").starts_with("pt_"));
    assert!(cobalt.works("clinic_1"));
    let headers = [("client_id", "c"), ("client_secret", "s"), ("access_token", "token-1")];
    let url = format!("{}/v1/settings", cobalt.url());
    let settings = call(Method::GET, &url, &headers, "").await;
    assert_eq!(settings.status, 200, "under the access token that it had");
}

#[tokio::test]
async fn a_window_of_its_own_ends_where_the_client_wants_people_sent() {
    let (cobalt, _running) = cobalt().await;
    for (url, begin) in [
        ("http://127.0.0.1:4000/r/back", "http://127.0.0.1:4000/r/back?token=pt_"),
        ("http://127.0.0.1:4000/b?a=1", "http://127.0.0.1:4000/b?a=1&token=pt_"),
    ] {
        cobalt.call_back_to(url);
        cobalt.break_silently("clinic_1");
        let page = get(&cobalt, &format!("/?token={}", mint(&cobalt, "token-1").await)).await;
        let done = submit(&cobalt, filled(&page, 0)).await;
        assert_eq!((done.status.as_u16(), &*done.body), (303, b"".as_slice()));
        assert!(header(&done, "location").starts_with(begin), "{}", header(&done, "location"));
        assert!(cobalt.works("clinic_1"));
    }
}

#[tokio::test]
async fn without_an_address_to_go_back_to_the_window_says_that_it_is_done() {
    let (cobalt, _running) = cobalt().await;
    let page = get(&cobalt, &format!("/?token={}", mint(&cobalt, "token-1").await)).await;
    let done = submit(&cobalt, filled(&page, 0)).await;
    assert!(done.status == 200 && text(&done).contains("You are signed in again"));
    assert!(!text(&done).contains("pt_"), "nobody is there to take it");
}

#[tokio::test]
async fn a_token_opens_link_once() {
    let (cobalt, _running) = cobalt().await;
    let token = mint(&cobalt, "token-1").await;
    let path = format!("/?token={token}");
    // Whoever only looks at the head of it has opened nothing.
    let head = call(Method::HEAD, &format!("{}{path}", cobalt.link_url()), &[], "").await;
    assert_eq!(head.status, 404);
    let page = get(&cobalt, &path).await;
    assert_eq!(page.status, 200);
    let again = get(&cobalt, &path).await;
    assert!(again.status == 410 && text(&again).contains("Please start again"));
    // The visit that it opened goes on, once.
    let form = filled(&page, 1);
    assert_eq!(submit(&cobalt, form.clone()).await.status, 200);
    assert!(cobalt.works("clinic_1"));
    cobalt.break_silently("clinic_1");
    assert_eq!(submit(&cobalt, form).await.status, 410);
    assert_eq!(get(&cobalt, &path).await.status, 410);
    assert!(!cobalt.works("clinic_1"));
    assert_eq!(cobalt.minted("clinic_1"), 1, "nothing of this makes a token");
}

#[tokio::test]
async fn an_old_token_opens_nothing_and_ends_what_it_opened() {
    let (cobalt, _running) = cobalt().await;
    let (unopened, opened) = (mint(&cobalt, "token-1").await, mint(&cobalt, "token-1").await);
    let page = get(&cobalt, &format!("/?token={opened}")).await;
    cobalt.mint_as(Minting { lifetime: Duration::ZERO, ..Minting::default() });
    let old = get(&cobalt, &format!("/?token={unopened}")).await;
    assert!(old.status == 410 && text(&old).contains("waited too long"));
    assert_eq!(submit(&cobalt, filled(&page, 1)).await.status, 410);
    assert!(!cobalt.works("clinic_1"));
}

#[tokio::test]
async fn what_was_never_made_opens_nothing() {
    let (cobalt, _running) = cobalt().await;
    for path in ["/", "/?token=", "/?token=lt_0", "/?public_token=pt_1"] {
        let page = get(&cobalt, path).await;
        assert!(page.status == 404 && text(&page).contains("Please start again"), "{path}");
    }
    assert_eq!(submit(&cobalt, "visit=1&code=1".into()).await.status, 410);
    assert_eq!(get(&cobalt, "/another").await.status, 404);
}
