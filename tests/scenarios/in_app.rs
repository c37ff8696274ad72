//! The customer's app is told like anybody else: by a step of the policy, through queue, gate and
//! attempt, on one machine and on three processes; and it stops showing what works again.

use relink_http::Method;
use relink_tests::{Api, Corner, Engines, Sender, eventually, login_required};
use serde_json::Value;

const APP_FIRST: &str = r#"
[policy]
settle = "0s"
[[policy.steps]]
id = "in-app"
at = "1s"
to = "user"
channels = ["in_app"]
[[policy.steps]]
id = "later"
at = "24h"
to = "user"
channels = ["email", "sms"]
"#;

async fn feed(api: &Api) -> Option<Vec<Value>> {
    let (status, page) = api.call(Method::GET, "/v1/users/user-143/cases", None).await?;
    (status == 200).then(|| page["cases"].as_array().cloned().unwrap_or_default())
}

async fn the_app_is_told(engines: Engines) {
    let corner = Corner::new(engines, APP_FIRST).await;
    let _processes = corner.deploy(engines);
    let api = Api::new(&corner);
    api.register("clinic_1", 143).await;
    let sender = Sender::new(&format!("http://{}", corner.receiver));
    sender.until_accepted(&login_required("evt-1", "clinic_1")).await;
    let announced = eventually("the app to be told", || async {
        let cases = feed(&api).await?;
        cases.first().filter(|case| case["announce"] == true).cloned()
    })
    .await;
    assert_eq!(announced["account_ref"], "clinic_1");
    let attempts = api.attempts().await;
    let [attempt] = &attempts[..] else { panic!("one attempt: {attempts:?}") };
    assert_eq!((&attempt["channel"], &attempt["address"]), (&"in_app".into(), &"in_app".into()));
    assert_eq!((&attempt["step"], &attempt["outcome"]), (&"in-app".into(), &"accepted".into()));
    api.call(Method::POST, "/v1/accounts/clinic_1/relinked", None).await.unwrap();
    assert_eq!(feed(&api).await, Some(Vec::new()));
    assert!(corner.inbox.is_empty(), "nobody was written to");
}

#[tokio::test]
async fn the_app_is_told_embedded() {
    the_app_is_told(Engines::Embedded).await;
}

#[tokio::test]
async fn the_app_is_told_on_three_processes() {
    the_app_is_told(Engines::Servers).await;
}
