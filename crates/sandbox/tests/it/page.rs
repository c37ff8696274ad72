//! The demo's page: its buttons, and what it reads through the public API.

use crate::support::*;
use hyper::Method;
use relink_core::masked::Secret;
use relink_sandbox::{DemoPage, Inbox, MailCatcher, PretendCobalt};
use std::net::SocketAddr;
use tokio_util::sync::{CancellationToken, DropGuard};

const KEY: &str = "ops-key-0123456789abcdef";

struct World {
    page: SocketAddr,
    api: Listener,
    receiver: Listener,
    mail: MailCatcher,
    _stop: DropGuard,
}

impl World {
    async fn new(api: &[Told]) -> Self {
        let (api, receiver) =
            (Listener::start(api).await, Listener::start(&[Some((202, "{}"))]).await);
        let (inbox, stop) = (Inbox::default(), CancellationToken::new());
        let mail = MailCatcher::start(ANY, inbox.clone(), stop.clone()).await.unwrap();
        let url = format!("http://{}/webhooks/cobalt", receiver.address);
        let cobalt =
            PretendCobalt::start(ANY, &url, &Secret::new("s"), stop.clone()).await.unwrap();
        cobalt.add_account("clinic_1", "token-1");
        let page = DemoPage {
            cobalt,
            inbox,
            api_url: format!("http://{}", api.address),
            key: Secret::new(KEY),
            account_ref: "clinic_1".into(),
        };
        let page = page.start(ANY, stop.clone()).await.unwrap();
        Self { page, api, receiver, mail, _stop: stop.drop_guard() }
    }

    async fn ask(&self, method: Method, path: &str) -> relink_http::client::Answer {
        call(method, &format!("http://{}{path}", self.page), &[], "").await
    }
}

#[tokio::test]
async fn the_page_itself_loads_nothing_from_elsewhere() {
    let world = World::new(&[]).await;
    let page = world.ask(Method::GET, "/").await;
    assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
    let html = String::from_utf8(page.body.to_vec()).unwrap();
    assert!(
        html.contains("Break this login")
            && !html.contains("http://")
            && !html.contains("https://")
    );
    assert!(!html.contains("innerHTML"), "what came from outside is shown as text");
    assert_eq!(world.ask(Method::GET, "/nothing").await.status, 404);
    assert_eq!(world.ask(Method::GET, "/break").await.status, 404, "looking breaks nothing");
}

#[tokio::test]
async fn the_buttons_break_and_fix_the_login() {
    let world = World::new(&[Some((200, r#"{"closed_case":"c1"}"#))]).await;
    let broken = world.ask(Method::POST, "/break").await;
    assert_eq!(json(&broken)["status"], 202);
    assert_eq!(world.receiver.got().len(), 1);
    let fixed = world.ask(Method::POST, "/fix").await;
    assert_eq!(json(&fixed)["closed_case"], "c1");
    let asked = &world.api.got()[0];
    assert_eq!(
        (&asked.method, asked.path.as_str()),
        (&Method::POST, "/v1/accounts/clinic_1/relinked")
    );
    assert_eq!(asked.header("authorization"), format!("Bearer {KEY}"));
}

#[tokio::test]
async fn its_state_is_the_inbox_and_each_case_and_no_key() {
    let cases = r#"{"cases":[{"id":"c1"},{"id":"c2"}],"next":null}"#;
    let world = World::new(&[
        Some((200, cases)),
        Some((200, r#"{"case":1}"#)),
        Some((200, r#"{"case":2}"#)),
    ])
    .await;
    let mut smtp = Smtp::open(world.mail.address).await;
    smtp.begin("b@example.org").await;
    smtp.say("Subject: hello\r\n\r\nthere\r\n.").await;
    let state = world.ask(Method::GET, "/state").await;
    assert!(!String::from_utf8_lossy(&state.body).contains(KEY));
    let state = json(&state);
    assert_eq!(state["account_ref"], "clinic_1");
    assert_eq!(state["cases"], serde_json::json!([{"case": 1}, {"case": 2}]));
    assert_eq!(state["messages"][0]["subject"], "hello");
    let paths: Vec<String> = world.api.got().into_iter().map(|got| got.path).collect();
    assert_eq!(paths, ["/v1/cases?account_ref=clinic_1&limit=10", "/v1/cases/c1", "/v1/cases/c2"]);
}

#[tokio::test]
async fn without_the_program_behind_it_the_page_still_answers() {
    let world = World::new(&[Some((200, "not json")), None]).await;
    for _ in 0..2 {
        let state = world.ask(Method::GET, "/state").await;
        assert_eq!((state.status.as_u16(), &json(&state)["cases"]), (200, &serde_json::json!([])));
    }
}
