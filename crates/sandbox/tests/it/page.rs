//! The demo's page: its buttons, and what it reads through the public API.

use crate::scripts::assert_closed;
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
    cobalt: PretendCobalt,
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
            cobalt: cobalt.clone(),
            inbox,
            api_url: format!("http://{}", api.address),
            key: Secret::new(KEY),
            account_ref: "clinic_1".into(),
        };
        let page = page.start(ANY, stop.clone()).await.unwrap();
        Self { page, api, receiver, cobalt, mail, _stop: stop.drop_guard() }
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
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert!(text(&page).contains("Break this login"));
    for (path, kind) in [("/page.js", "text/javascript"), ("/page.css", "text/css")] {
        let part = world.ask(Method::GET, path).await;
        let given = part.headers["content-type"].to_str().unwrap();
        assert_eq!((part.status.as_u16(), given), (200, &*format!("{kind}; charset=utf-8")));
        assert!(text(&page).contains(&format!("\"{}\"", path.trim_start_matches('/'))));
        assert_closed(path, &text(&part));
        for everywhere in [&page, &part] {
            let text = text(everywhere);
            assert!(!text.contains("http://") && !text.contains("https://"), "{path}");
            assert!(!text.contains("innerHTML"), "what came from outside is shown as text");
        }
    }
    assert_eq!(world.ask(Method::GET, "/nothing").await.status, 404);
    for button in ["/break", "/fix", "/repair"] {
        assert_eq!(world.ask(Method::GET, button).await.status, 404, "looking changes nothing");
    }
    assert!(world.cobalt.works("clinic_1"));
}

#[tokio::test]
async fn the_buttons_break_and_fix_the_login() {
    let world = World::new(&[Some((200, r#"{"closed_case":"c1"}"#))]).await;
    let broken = world.ask(Method::POST, "/break").await;
    assert_eq!(json(&broken)["status"], 202);
    assert!(!world.cobalt.works("clinic_1"));
    assert_eq!(world.receiver.got().len(), 1);
    let fixed = world.ask(Method::POST, "/fix").await;
    assert_eq!(json(&fixed)["closed_case"], "c1");
    let asked = &world.api.got()[0];
    assert_eq!(
        (&asked.method, asked.path.as_str()),
        (&Method::POST, "/v1/accounts/clinic_1/relinked")
    );
    assert_eq!(asked.header("authorization"), format!("Bearer {KEY}"));
    assert!(world.cobalt.works("clinic_1"));
}

#[tokio::test]
async fn fixed_without_telling_means_that_nobody_is_told() {
    let world = World::new(&[]).await;
    world.ask(Method::POST, "/break").await;
    assert_eq!(world.ask(Method::POST, "/repair").await.status, 200);
    assert!(world.cobalt.works("clinic_1"));
    assert!(world.api.got().is_empty());
    assert_eq!(world.receiver.got().len(), 1, "the webhook of the break, and none since");
}

#[tokio::test]
async fn what_link_will_ask_for_is_chosen_with_the_break() {
    let world = World::new(&[]).await;
    for (path, first) in [
        ("/break?asks=full", "name=\"password\""),
        ("/break?asks=otp", "name=\"code\""),
        ("/break", "name=\"code\""),
    ] {
        world.ask(Method::POST, path).await;
        let token = mint(&world.cobalt, "token-1").await;
        let url = format!("{}/?token={token}", world.cobalt.link_url());
        assert!(text(&call(Method::GET, &url, &[], "").await).contains(first), "{path}");
    }
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
    assert_eq!(state["cobalt"], serde_json::json!({"works": true, "minted": 0}));
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
