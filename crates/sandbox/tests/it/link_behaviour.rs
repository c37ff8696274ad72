//! How Link goes for a person, in every way that it can be told to go.

use crate::support::*;
use hyper::Method;
use relink_core::masked::Secret;
use relink_http::client::Answer;
use relink_sandbox::{LinkBehaviour, PretendCobalt};
use tokio_util::sync::{CancellationToken, DropGuard};

async fn cobalt() -> (PretendCobalt, DropGuard) {
    let stop = CancellationToken::new();
    let cobalt = PretendCobalt::start(ANY, "", &Secret::new("s"), stop.clone()).await.unwrap();
    for (account_ref, access_token) in [("clinic_1", "token-1"), ("clinic_2", "token-2")] {
        cobalt.add_account(account_ref, access_token);
        cobalt.break_silently(account_ref);
    }
    (cobalt, stop.drop_guard())
}

/// A person before the hosted page.
struct Person<'a> {
    cobalt: &'a PretendCobalt,
    page: String,
}

impl<'a> Person<'a> {
    async fn opens(cobalt: &'a PretendCobalt, access_token: &str) -> Self {
        let token = mint(cobalt, access_token).await;
        let url = format!("{}/?token={token}&frame=1", cobalt.link_url());
        let page = text(&call(Method::GET, &url, &[], "").await);
        Self { cobalt, page }
    }

    async fn fills_in(&mut self, fields: &str) {
        let visit = between(&self.page, "name=\"visit\" value=\"");
        let url = format!("{}/", self.cobalt.link_url());
        let form = format!("visit={visit}&frame=1&{fields}");
        let answer: Answer = call(Method::POST, &url, &[], form).await;
        self.page = text(&answer);
    }

    async fn enters_the_code(&mut self) {
        let code = between(&self.page, "<strong id=\"told\">");
        self.fills_in(&format!("code={code}")).await;
    }

    fn is_asked_for(&self, field: &str) -> bool {
        self.page.contains(&format!("name=\"{field}\""))
    }

    fn is_through(&self) -> bool {
        self.page.contains("data-public-token=\"pt_")
    }

    fn is_told(&self, what: &str) -> bool {
        self.page.contains("role=\"alert\"") && self.page.contains(what)
    }
}

#[tokio::test]
async fn a_code_alone_is_asked_for_unless_told_otherwise() {
    let (cobalt, _running) = cobalt().await;
    let mut person = Person::opens(&cobalt, "token-1").await;
    assert!(person.is_asked_for("code") && !person.is_asked_for("password"));
    person.fills_in("code=never").await;
    assert!(person.is_told("not the code") && !person.is_through() && !cobalt.works("clinic_1"));
    let code = between(&person.page, "<strong id=\"told\">");
    assert!(code.len() == 6 && code.chars().all(|c| c.is_ascii_digit()), "{code}");
    // As people type it.
    let (first, last) = code.split_at(3);
    person.fills_in(&format!("code=+{first}+{last}+")).await;
    assert!(person.is_through() && cobalt.works("clinic_1") && !cobalt.works("clinic_2"));
}

#[tokio::test]
async fn a_full_login_asks_for_name_and_password_first() {
    let (cobalt, _running) = cobalt().await;
    cobalt.link_behaves(LinkBehaviour::FullLogin);
    let mut person = Person::opens(&cobalt, "token-1").await;
    assert!(person.is_asked_for("user_name") && person.is_asked_for("password"));
    assert!(!person.is_asked_for("code"));
    for missing in ["user_name=jane", "password=p", "user_name=+&password=p", "code=123456"] {
        person.fills_in(missing).await;
        assert!(person.is_told("user name and your password"), "{missing}");
    }
    person.fills_in("user_name=jane&password=hunter2").await;
    assert!(person.is_asked_for("code") && !person.page.contains("hunter2"));
    person.enters_the_code().await;
    assert!(person.is_through() && cobalt.works("clinic_1"));
}

#[tokio::test]
async fn a_failure_gives_another_code() {
    let (cobalt, _running) = cobalt().await;
    cobalt.link_behaves(LinkBehaviour::FailsOnce);
    let mut person = Person::opens(&cobalt, "token-1").await;
    person.enters_the_code().await;
    assert!(person.is_told("did not take") && !cobalt.works("clinic_1"));
    person.enters_the_code().await;
    assert!(person.is_through() && cobalt.works("clinic_1"));
}

#[tokio::test]
async fn what_never_completes_can_only_be_left() {
    let (cobalt, _running) = cobalt().await;
    cobalt.link_behaves(LinkBehaviour::NeverCompletes);
    let mut person = Person::opens(&cobalt, "token-1").await;
    for _ in 0..3 {
        person.enters_the_code().await;
        assert!(person.is_told("does not answer") && !person.is_through());
    }
    assert!(!cobalt.works("clinic_1"));
}

#[tokio::test]
async fn it_can_say_that_it_is_done_when_nothing_is() {
    let (cobalt, _running) = cobalt().await;
    cobalt.link_behaves(LinkBehaviour::CompletesWithoutRepair);
    let mut person = Person::opens(&cobalt, "token-1").await;
    person.enters_the_code().await;
    assert!(person.is_through() && !cobalt.works("clinic_1"));
}

#[tokio::test]
async fn without_the_script_the_page_still_opens() {
    let (cobalt, _running) = cobalt().await;
    let script =
        async || call(Method::GET, &cobalt.link_script_url(), &[], "").await.status.as_u16();
    cobalt.link.push(LinkBehaviour::ScriptUnavailable);
    assert_eq!((script().await, script().await), (503, 200), "away for one call");
    cobalt.link_behaves_for("clinic_2", LinkBehaviour::ScriptUnavailable);
    assert_eq!(script().await, 503, "the script knows no account");
    cobalt.link_behaves_for("clinic_2", LinkBehaviour::OtpOnly);
    cobalt.link_behaves(LinkBehaviour::ScriptUnavailable);
    assert_eq!(script().await, 503);
    let mut person = Person::opens(&cobalt, "token-1").await;
    person.enters_the_code().await;
    assert!(person.is_through() && cobalt.works("clinic_1"));
}

#[tokio::test]
async fn one_account_and_the_next_token_can_be_told_apart() {
    let (cobalt, _running) = cobalt().await;
    cobalt.link_behaves_for("clinic_2", LinkBehaviour::FullLogin);
    let asks_for_all =
        async |access_token| Person::opens(&cobalt, access_token).await.is_asked_for("password");
    assert!(!asks_for_all("token-1").await);
    assert!(asks_for_all("token-2").await);
    cobalt.link.push(LinkBehaviour::FullLogin);
    cobalt.link.push(LinkBehaviour::OtpOnly);
    assert!(asks_for_all("token-1").await);
    assert!(!asks_for_all("token-2").await);
    assert!(!asks_for_all("token-1").await);
    assert!(asks_for_all("token-2").await);
    // What strikes the script is not taken up by a token.
    cobalt.link.push(LinkBehaviour::ScriptUnavailable);
    assert!(!asks_for_all("token-1").await);
    assert_eq!(call(Method::GET, &cobalt.link_script_url(), &[], "").await.status, 503);
}

#[tokio::test]
async fn without_a_browser_it_goes_the_same_way() {
    let (cobalt, _running) = cobalt().await;
    for (behaviour, through, works) in [
        (LinkBehaviour::OtpOnly, true, true),
        (LinkBehaviour::FullLogin, true, true),
        (LinkBehaviour::FailsOnce, true, true),
        (LinkBehaviour::NeverCompletes, false, false),
        (LinkBehaviour::ScriptUnavailable, true, true),
        (LinkBehaviour::CompletesWithoutRepair, true, false),
    ] {
        cobalt.break_silently("clinic_1");
        cobalt.link_behaves(behaviour);
        let token = mint(&cobalt, "token-1").await;
        assert_eq!(cobalt.complete_link(&token).is_some(), through, "{behaviour:?}");
        assert_eq!(cobalt.works("clinic_1"), works, "{behaviour:?}");
        assert_eq!(cobalt.complete_link(&token), None, "once");
    }
    assert_eq!(cobalt.complete_link("lt_unknown"), None);
}
