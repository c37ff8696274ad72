//! The pretend Twilio says no where the real one would.

use crate::support::*;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::Method;
use relink_core::account::Channel;
use relink_http::client::{Answer, CallError, HttpClient, Limits};
use relink_sandbox::{Inbox, PretendTwilio, TextFault, twilio};
use std::time::Duration;
use tokio_util::sync::{CancellationToken, DropGuard};

struct World {
    twilio: PretendTwilio,
    inbox: Inbox,
    _stop: DropGuard,
}

const GOOD: &str =
    "To=%2B15005550009&From=%2B15005550006&Body=Gr%C3%BC%C3%9Fe+https%3A%2F%2Fx.org%2Fr%2Fa";

impl World {
    async fn new() -> Self {
        let (inbox, stop) = (Inbox::default(), CancellationToken::new());
        let twilio = PretendTwilio::start(ANY, inbox.clone(), stop.clone()).await.unwrap();
        Self { twilio, inbox, _stop: stop.drop_guard() }
    }

    fn messages(&self) -> String {
        format!("{}/2010-04-01/Accounts/{}/Messages.json", self.twilio.url(), twilio::ACCOUNT_SID)
    }

    async fn ask(&self, method: Method, url: &str, body: &'static str) -> Answer {
        let basic = STANDARD.encode(format!("{}:{}", twilio::ACCOUNT_SID, twilio::AUTH_TOKEN));
        let headers = [
            ("authorization", &*format!("Basic {basic}")),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        call(method, url, &headers, body).await
    }

    async fn create(&self, body: &'static str) -> Answer {
        self.ask(Method::POST, &self.messages(), body).await
    }

    async fn listed(&self, query: &str) -> Vec<serde_json::Value> {
        let answer = self.ask(Method::GET, &format!("{}{query}", self.messages()), "").await;
        json(&answer)["messages"].as_array().unwrap().clone()
    }
}

#[tokio::test]
async fn a_message_is_created_kept_and_listed_newest_first() {
    let world = World::new().await;
    let created = world.create(GOOD).await;
    assert_eq!(created.status, 201);
    let message = json(&created);
    let sid = message["sid"].as_str().unwrap();
    assert!(sid.starts_with("SM") && sid.len() == 34, "{sid}");
    assert_eq!((&message["status"], &message["to"]), (&"queued".into(), &"+15005550009".into()));
    let caught = &world.inbox.all()[0];
    assert_eq!((caught.channel, caught.id.as_str()), (Channel::Sms, sid));
    assert_eq!(
        (caught.text.as_str(), caught.link()),
        ("Grüße https://x.org/r/a", Some("https://x.org/r/a"))
    );

    world.create("To=%2B15005550010&MessagingServiceSid=MG1&Body=second").await;
    let all = world.listed("").await;
    assert_eq!((all.len(), &all[0]["body"]), (2, &"second".into()));
    let some = world.listed("?To=%2B15005550009").await;
    assert_eq!((some.len(), &some[0]["sid"]), (1, &sid.into()));
    assert!(world.listed("?To=%2B19999999999").await.is_empty());
    assert!(all[0]["date_created"].as_str().unwrap().ends_with("+0000"));
}

#[tokio::test]
async fn what_twilio_would_refuse_is_refused_with_its_code() {
    let world = World::new().await;
    let long: &'static str =
        format!("To=%2B15005550009&From=%2B1500&Body={}", "x".repeat(1601)).leak();
    for (body, code) in [
        ("From=%2B15005550006&Body=x", 21604),
        ("To=&From=%2B15005550006&Body=x", 21604),
        ("To=5005550009&From=%2B15005550006&Body=x", 21211),
        ("To=%2B15005550009&From=%2B15005550006", 21602),
        ("To=%2B15005550009&Body=x", 21603),
        (long, 21617),
    ] {
        let answer = world.create(body).await;
        assert_eq!((answer.status.as_u16(), &json(&answer)["code"]), (400, &code.into()), "{code}");
        assert_eq!(json(&answer)["status"], 400);
    }
    assert!(world.inbox.is_empty());
}

#[tokio::test]
async fn only_its_own_account_with_its_own_token_gets_anything() {
    let world = World::new().await;
    for (user, token) in [(twilio::ACCOUNT_SID, "wrong"), ("AC1", twilio::AUTH_TOKEN), ("", "")] {
        let basic = format!("Basic {}", STANDARD.encode(format!("{user}:{token}")));
        let answer =
            call(Method::POST, &world.messages(), &[("authorization", &basic)], GOOD).await;
        assert_eq!((answer.status.as_u16(), &json(&answer)["code"]), (401, &20003.into()));
    }
    let none = call(Method::GET, &world.messages(), &[], "").await;
    assert_eq!(none.status, 401);
    let elsewhere = format!("{}/2010-04-01/Accounts/AC1/Messages.json", world.twilio.url());
    assert_eq!(world.ask(Method::POST, &elsewhere, GOOD).await.status, 404);
    assert_eq!(world.ask(Method::DELETE, &world.messages(), "").await.status, 405);
    assert!(world.inbox.is_empty());
}

#[tokio::test]
async fn each_fault_strikes_one_message_and_leaves_the_inbox_as_it_should_be() {
    let world = World::new().await;
    let script = &world.twilio.script;
    script.push(TextFault::Refuse(429, 20429));
    let refused = world.create(GOOD).await;
    assert_eq!((refused.status.as_u16(), &json(&refused)["code"]), (429, &20429.into()));
    script.push(TextFault::FailWithoutKeeping);
    assert_eq!(world.create(GOOD).await.status, 500);
    assert!(world.inbox.is_empty());

    script.push(TextFault::AcceptAndGarble);
    let garbled = world.create(GOOD).await;
    assert_eq!(garbled.status, 201);
    assert!(serde_json::from_slice::<serde_json::Value>(&garbled.body).is_err());
    assert_eq!(world.inbox.len(), 1);

    script.push(TextFault::AcceptAndStall(Duration::from_secs(3600)));
    let limits = Limits { total: Duration::from_millis(300), ..Limits::default() };
    let basic = STANDARD.encode(format!("{}:{}", twilio::ACCOUNT_SID, twilio::AUTH_TOKEN));
    let mut headers = hyper::HeaderMap::new();
    headers.insert("authorization", format!("Basic {basic}").parse().unwrap());
    let client = HttpClient::new(limits).unwrap();
    let stalled = client.call(Method::POST, &world.messages(), headers, GOOD.into()).await;
    assert!(matches!(stalled, Err(CallError::NoAnswer(_))), "{stalled:?}");
    assert_eq!(soon(world.inbox.wait_for(2)).await.len(), 2);
    assert_eq!(world.create(GOOD).await.status, 201);
    assert_eq!(world.listed("").await.len(), 3, "a look finds what the sender never heard of");
}
