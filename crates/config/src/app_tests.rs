//! `[app]`: what is taken, what is refused and why, and what the store is told of it.

use crate::testing::load;
use relink_core::app_event::AppEventKind;

const BASE: &str = r#"
[instance]
name = "Acme Health"
public_url = "https://relink.example.org"
[email]
from = "no-reply@acme.example"
[sms]
enabled = false
"#;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A webhook with these values in place of good ones.
fn webhook(id: &str, url: &str, secrets: &str, more: &str) -> String {
    format!("[[app.webhooks]]\nid = \"{id}\"\nurl = \"{url}\"\nsecrets = {secrets}\n{more}\n")
}

fn good(id: &str) -> String {
    webhook(id, "https://app.example.org/hook/", &format!("[\"{SECRET}\"]"), "")
}

/// Everything that is wrong, as it is shown.
fn wrong(app: &str) -> String {
    let error = load(&format!("{BASE}{app}")).unwrap_err().to_string();
    assert!(!error.contains("canary"), "{error}");
    error
}

#[test]
fn what_is_configured_is_what_the_store_writes_events_for() {
    let some = webhook(
        "some",
        "http://127.0.0.1:9000",
        &format!("[\"{SECRET}\", \"{SECRET}\"]"),
        "events = [\"relink.case.repaired\"]",
    );
    let broker = "[queue]\nkind = \"rabbitmq\"\n[app]\nexchange = true\n";
    let config = load(&format!("{BASE}{broker}{}{some}", good("app"))).unwrap().config;
    assert_eq!(config.app.webhooks[0].url, "https://app.example.org/hook/", "as it is written");
    assert_eq!(config.app.webhooks[1].secrets.len(), 2);
    let rules = config.rules();
    let told: Vec<_> = rules
        .app
        .iter()
        .map(|endpoint| (endpoint.id.as_str(), endpoint.events.as_slice()))
        .collect();
    let all = AppEventKind::ALL;
    assert_eq!(told, [("app", all), ("some", &[AppEventKind::Repaired][..]), ("exchange", all)]);
    let shown = config.print();
    assert!(shown.contains("secrets = [\"***\", \"***\"]") && !shown.contains("whsec_"), "{shown}");
}

#[test]
fn without_endpoints_nothing_is_written() {
    assert_eq!(load(BASE).unwrap().config.rules().app, []);
}

#[test]
fn what_could_not_work_is_refused_with_its_remedy() {
    let secret = format!("[\"{SECRET}\"]");
    let table = [
        (webhook("app", "http://app.example.org", &secret, ""), "unencrypted"),
        (webhook("app", "https://canary:canary@app.example.org", &secret, ""), "user name"),
        (webhook("app", "https://app.example.org/a#b", &secret, ""), "a query or a fragment"),
        (
            webhook("app", "https://app.example.org/a?canary=1", &secret, ""),
            "a query or a fragment",
        ),
        (webhook("app", "https://app.example.org", "[]", ""), "is empty"),
        (
            webhook("app", "https://app.example.org", "[\"canary\"]", ""),
            "does not start with whsec_",
        ),
        (webhook("app", "https://app.example.org", "[\"whsec_canary\"]", ""), "openssl rand"),
        (webhook("app", "https://app.example.org", &secret, "events = []"), "is empty"),
        (
            webhook("app", "https://app.example.org", &secret, "events = [\"all\"]"),
            "not one of the words",
        ),
        (webhook("exchange", "https://app.example.org", &secret, ""), "the broker's exchange"),
        (format!("{}{}", good("app"), good("app")), "the id of an entry before"),
        ("[app]\nexchange = true\n".to_owned(), "there is no broker"),
        ("[[app.webhooks]]\n".to_owned(), "is missing"),
    ];
    for (app, why) in table {
        let said = wrong(&app);
        assert!(said.contains(why), "{app}: {said}");
    }
}
