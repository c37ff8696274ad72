//! What every scenario here begins with: a clinic whose account can break, the app around the banner,
//! and a browser.

use relink_http::Method;
use relink_tests::{
    APP_SECRET, Api, App, Browser, Corner, Engines, HostApp, Relink, Screen, eventually,
};
use serde_json::Value;

/// The account whose login breaks.
pub(crate) const ACCOUNT: &str = "clinic_1";

/// Whose it is.
const USER: &str = "user-143";

/// The button of the page's state that is in sight, by what it does.
pub(crate) fn button(does: &str) -> String {
    format!("section:not([hidden]) form[data-does={does}] button")
}

/// One message at once, a reminder long after the end of any test.
const REMINDED_LATER: &str = r#"
[policy]
settle = "0s"
[[policy.steps]]
id = "first"
at = "0s"
to = "user"
channels = ["email"]
[[policy.steps]]
id = "nudge"
at = "1h"
to = "user"
channels = ["sms"]
"#;

/// The running system and its people.
pub(crate) struct Clinic {
    pub(crate) corner: Corner,
    pub(crate) app: HostApp,
    /// Where the app hears of its cases; checks every signature with the reference library.
    pub(crate) hooks: App,
    pub(crate) api: Api,
    pub(crate) process: Relink,
}

impl Clinic {
    /// Registers the account and starts the program, in one process.
    pub(crate) async fn open() -> Self {
        Self::open_with(|_| {}).await
    }

    /// The same after `more` has changed the configuration.
    pub(crate) async fn open_with(more: impl FnOnce(&Corner)) -> Self {
        let corner = Corner::new(Engines::Embedded, REMINDED_LATER).await;
        let (app, hooks) = tokio::join!(HostApp::start(), App::start());
        let relink = format!("http://{}", corner.web);
        corner.reconfigure("https://relink.example.org", &relink);
        let origins = format!("[web]\nallowed_origins = [\"{}\"]", app.origin());
        corner.reconfigure("[web]", &origins);
        let told = format!(
            "[[app.webhooks]]\nid = \"app\"\nurl = \"{}\"\nsecrets = [\"{APP_SECRET}\"]\n[policy]",
            hooks.url()
        );
        corner.reconfigure("[policy]", &told);
        more(&corner);
        corner.cobalt.call_back_to(&format!("{relink}/r/back"));
        corner.cobalt.add_account(ACCOUNT, "canary-token-143");
        let process = corner.start(&["run"]);
        let api = Api::new(&corner);
        api.register(ACCOUNT, 143).await;
        Self { corner, app, hooks, api, process }
    }

    /// The login breaks, and Cobalt says so; answers the link in the message that arrives.
    pub(crate) async fn breaks(&self) -> String {
        let before = self.corner.inbox.all().len();
        eventually("the webhook to be accepted", || async {
            let posted = self.corner.cobalt.break_login(ACCOUNT).await;
            (posted.status == Some(202)).then_some(())
        })
        .await;
        let caught = self.corner.inbox.wait_for(before + 1).await;
        caught.last().unwrap().link().expect("a link in the message").to_owned()
    }

    /// A browser on the app's page, with the banner of the account's user.
    pub(crate) async fn app_in(&self, browser: &Browser) {
        let path = format!("/v1/users/{USER}/token");
        let (status, made) = self.call(Method::POST, &path).await;
        assert_eq!(status, 200, "{made}");
        let token = made["token"].as_str().expect("a token");
        let relink = format!("http://{}", self.corner.web);
        self.app.show_banner(&relink, &self.corner.cobalt.link_url(), USER, token);
        browser.open(&self.app.origin()).await;
    }

    /// One call of the app's API. A connection that was left idle while a browser was busy may have been
    /// closed meanwhile, so what gets no answer is asked again.
    pub(crate) async fn call(&self, method: Method, path: &str) -> (u16, Value) {
        eventually(path, || self.api.call(method.clone(), path, None)).await
    }

    /// The id of the latest case.
    pub(crate) async fn case_id(&self) -> String {
        let cases = self.api.cases().await;
        cases.first().expect("a case")["id"].as_str().unwrap().to_owned()
    }

    /// The latest case, whole.
    pub(crate) async fn case(&self) -> Value {
        let id = self.case_id().await;
        self.call(Method::GET, &format!("/v1/cases/{id}")).await.1
    }

    /// The steps of people on the case's timeline, each with who it was.
    pub(crate) async fn steps(&self) -> Vec<(String, String)> {
        let case = self.case().await;
        let visits = case["visits"].as_array().expect("a list of visits");
        let word = |visit: &Value, name: &str| visit[name].as_str().unwrap().to_owned();
        visits.iter().map(|visit| (word(visit, "step"), word(visit, "visitor"))).collect()
    }

    /// Waits until the case is closed as repaired.
    pub(crate) async fn repaired(&self) {
        eventually("the case to close as repaired", || async {
            let cases = self.api.cases().await;
            (cases.first()?["close_reason"] == "repaired").then_some(())
        })
        .await;
    }
}

/// Goes through the pretend Link in the lightbox of the page, with the code it tells.
pub(crate) async fn through_the_lightbox(browser: &Browser) {
    browser.enter_frame("dialog iframe").await;
    enter_the_code(browser).await;
    browser.leave_frame().await;
}

/// Enters the code that the pretend Link tells.
pub(crate) async fn enter_the_code(browser: &Browser) {
    let told = browser.see("#told").await.text().await.unwrap();
    let code: String = told.chars().filter(char::is_ascii_digit).collect();
    browser.write("#code", &code).await;
    browser.press("form button").await;
}

/// A page as a person with a phone, and one with a desktop, sees it.
pub(crate) const SCREENS: [Screen; 2] = [Screen::Phone, Screen::Desktop];
