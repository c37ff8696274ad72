//! A real browser: headless Chromium behind ChromeDriver (W3C WebDriver), each test with a driver, a
//! profile and windows of its own. What it clicks and types counts as a person's hand to a page,
//! other than what a script does by itself.
//!
//! Both programs come from Debian's `chromium` and `chromium-driver`; `scripts/test` installs them.

use crate::wait::within;
use fantoccini::elements::Element;
use fantoccini::wd::{Capabilities, WindowHandle};
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// How long a page may take to show something: the machine may be busy with other tests.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a page is looked at with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Screen {
    /// 390 by 844 points, touched.
    Phone,
    /// 1280 by 800 points, with a mouse.
    Desktop,
}

impl Screen {
    /// Its name in the names of pictures.
    pub fn name(self) -> &'static str {
        match self {
            Self::Phone => "phone",
            Self::Desktop => "desktop",
        }
    }
}

/// A running browser. Ends with this value.
pub struct Browser {
    client: Client,
    driver: Child,
    _profile: TempDir,
}

impl Browser {
    /// Starts one.
    ///
    /// # Panics
    /// When Chromium or ChromeDriver is not installed, or does not start.
    pub async fn start(screen: Screen) -> Self {
        Self::start_with(screen, true).await
    }

    /// One that runs no script of any page.
    pub async fn without_script(screen: Screen) -> Self {
        Self::start_with(screen, false).await
    }

    async fn start_with(screen: Screen, script: bool) -> Self {
        let profile = tempfile::Builder::new().prefix("relink-browser-").tempdir().unwrap();
        let (driver, port) = tokio::task::spawn_blocking(driver).await.unwrap();
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities(screen, script, profile.path()))
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .expect("ChromeDriver to start Chromium");
        Self { client, driver, _profile: profile }
    }

    /// Opens a page in this window.
    pub async fn open(&self, url: &str) {
        self.client.goto(url).await.unwrap();
    }

    /// Loads it again.
    pub async fn reload(&self) {
        self.client.refresh().await.unwrap();
    }

    /// Where this window is.
    pub async fn url(&self) -> String {
        self.client.current_url().await.unwrap().to_string()
    }

    /// The element, once it is there.
    pub async fn see(&self, css: &str) -> Element {
        within(PATIENCE, css, || async {
            let found = self.client.find_all(Locator::Css(css)).await.ok()?;
            for element in found {
                if element.is_displayed().await.unwrap_or(false) {
                    return Some(element);
                }
            }
            None
        })
        .await
    }

    /// Waits until the page says it.
    pub async fn read(&self, words: &str) {
        let script = "return document.body ? document.body.innerText : ''";
        within(PATIENCE, &format!("the page to say \"{words}\""), || async {
            let text = self.client.execute(script, Vec::new()).await.ok()?;
            text.as_str()?.contains(words).then_some(())
        })
        .await;
    }

    /// Presses it as a hand does.
    pub async fn press(&self, css: &str) {
        let what = format!("{css} to be pressed");
        within(PATIENCE, &what, || async {
            let element = self.client.find(Locator::Css(css)).await.ok()?;
            element.click().await.ok()
        })
        .await;
    }

    /// Types into a field as a hand does.
    pub async fn write(&self, css: &str, text: &str) {
        self.see(css).await.send_keys(text).await.unwrap();
    }

    /// Runs script in the page, and answers what it returns.
    pub async fn run(&self, script: &str, arguments: Vec<Value>) -> Value {
        self.client.execute(script, arguments).await.unwrap()
    }

    /// The same for script that calls its last argument with its answer.
    pub async fn run_async(&self, script: &str, arguments: Vec<Value>) -> Value {
        self.client.execute_async(script, arguments).await.unwrap()
    }

    /// Waits until script in the page returns what is not false, nothing, or an error.
    pub async fn wait_for(&self, what: &str, script: &str) -> Value {
        within(PATIENCE, what, || async {
            let answer = self.client.execute(script, Vec::new()).await.ok()?;
            (!answer.is_null() && answer != Value::Bool(false)).then_some(answer)
        })
        .await
    }

    /// Goes into the frame, for what follows.
    pub async fn enter_frame(&self, css: &str) {
        self.see(css).await.enter_frame().await.unwrap();
    }

    /// Comes back out of it.
    pub async fn leave_frame(&self) {
        self.client.enter_parent_frame().await.unwrap();
    }

    /// The window of the moment.
    pub async fn window(&self) -> WindowHandle {
        self.client.window().await.unwrap()
    }

    /// Opens one more tab and goes there.
    pub async fn new_tab(&self) -> WindowHandle {
        let tab = self.client.new_window(true).await.unwrap().handle;
        self.switch_to(&tab).await;
        tab
    }

    /// Goes there.
    pub async fn switch_to(&self, window: &WindowHandle) {
        self.client.switch_to_window(window.clone()).await.unwrap();
    }

    /// A picture of what is in sight.
    pub async fn picture(&self, file: &Path) {
        let picture = self.client.screenshot().await.unwrap();
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, picture).unwrap();
    }

    /// What the page's scripts and policies complained of since last asked.
    pub async fn complaints(&self) -> Vec<String> {
        let request = LogRequest { kind: "browser" };
        let entries = self.client.issue_cmd(request).await.unwrap();
        let entries = entries.as_array().cloned().unwrap_or_default();
        let severe = entries.into_iter().filter(|entry| entry["level"] == "SEVERE");
        severe.map(|entry| entry["message"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

/// ChromeDriver's own command for what a page logged (it is in no standard).
#[derive(Debug)]
struct LogRequest {
    kind: &'static str,
}

impl fantoccini::wd::WebDriverCompatibleCommand for LogRequest {
    fn endpoint(
        &self,
        base_url: &url::Url,
        session_id: Option<&str>,
    ) -> Result<url::Url, url::ParseError> {
        base_url.join(&format!("session/{}/se/log", session_id.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(json!({ "type": self.kind }).to_string()))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver's group: Chromium is its child and does not always end with it.
        let group = rustix::process::Pid::from_child(&self.driver);
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        let _ = self.driver.wait();
    }
}

/// Starts a driver on a port that it chooses.
fn driver() -> (Child, u16) {
    let mut child = Command::new("chromedriver")
        .arg("--port=0")
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect(
            "chromedriver: install Debian's chromium-driver, or run the tests with scripts/test",
        );
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let started = output.by_ref().lines().map_while(Result::ok).find_map(|line| {
        let (_, port) = line.split_once("successfully on port ")?;
        port.trim_end_matches('.').parse().ok()
    });
    let port = started.expect("ChromeDriver to say its port");
    // What it says later goes nowhere, but must not fail.
    std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
    (child, port)
}

fn capabilities(screen: Screen, script: bool, profile: &Path) -> Capabilities {
    let mut arguments: Vec<String> = [
        "--headless=new",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-dev-shm-usage",
        // Chromium's own sandbox does not run as root, and containers often leave it no room. What is
        // opened here are pages of the tests.
        "--no-sandbox",
        "--window-size=1280,800",
        "--force-prefers-reduced-motion",
    ]
    .map(str::to_owned)
    .into();
    arguments.push(format!("--user-data-dir={}", profile.display()));
    let mut options =
        json!({ "args": arguments, "prefs": { "intl.accept_languages": "en-US,en" } });
    if screen == Screen::Phone {
        options["mobileEmulation"] = json!({
            "deviceMetrics": { "width": 390, "height": 844, "pixelRatio": 2.0, "touch": true },
        });
    }
    if !script {
        options["prefs"]["profile.managed_default_content_settings.javascript"] = json!(2);
    }
    let wanted = json!({
        "goog:chromeOptions": options,
        "goog:loggingPrefs": { "browser": "ALL" },
        "unhandledPromptBehavior": "dismiss",
        // Where no script runs, the driver cannot see by script when a page is loaded, and would wait for
        // ever. Everything here waits for what it needs to see.
        "pageLoadStrategy": if script { "normal" } else { "none" },
    });
    wanted.as_object().cloned().unwrap()
}
