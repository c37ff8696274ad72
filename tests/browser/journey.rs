//! The whole loop, by hand: the login breaks, a message arrives, its link is opened, Link is gone
//! through, the probe closes the case, the banner is gone in another tab, and the app is told.

use crate::clinic::{Clinic, button, through_the_lightbox};
use relink_tests::{Browser, Screen, eventually};

/// Whether the banner is in sight.
const BANNER: &str = "const box = document.querySelector('relink-banner').shadowRoot.querySelector('.box');\
                      return box ? !box.hidden : null;";

/// The signature of what is heard is checked with the published library of Standard Webhooks.
async fn told_of(clinic: &Clinic, kind: &str) {
    eventually(kind, || async {
        clinic.hooks.heard().iter().any(|told| told.kind == kind).then_some(())
    })
    .await;
}

async fn whole_loop(screen: Screen) {
    let clinic = Clinic::open().await;
    let browser = Browser::start(screen).await;
    clinic.app_in(&browser).await;
    let app_tab = browser.window().await;
    assert_eq!(browser.run(BANNER, Vec::new()).await, false, "nothing to say yet");

    let link = clinic.breaks().await;
    browser.wait_for("the banner", BANNER).await;
    told_of(&clinic, "relink.case.opened").await;
    told_of(&clinic, "relink.case.notified").await;

    browser.new_tab().await;
    browser.open(&link).await;
    assert_eq!(clinic.corner.cobalt.minted(crate::clinic::ACCOUNT), 0, "a look made a token");
    browser.press(&button("link")).await;
    through_the_lightbox(&browser).await;
    browser.read("All done").await;
    clinic.repaired().await;
    assert_eq!(clinic.corner.cobalt.minted(crate::clinic::ACCOUNT), 1);
    assert_eq!(browser.complaints().await, Vec::<String>::new());

    browser.switch_to(&app_tab).await;
    browser.wait_for("the banner to be gone", &format!("return !(() => {{ {BANNER} }})()")).await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    told_of(&clinic, "relink.case.repaired").await;

    let steps = clinic.steps().await;
    let by_a_person = |step: &str| steps.contains(&(step.to_owned(), "person".to_owned()));
    for step in ["opened", "minted", "launched", "done"] {
        assert!(by_a_person(step), "{step} by a person is not among {steps:?}");
    }
    assert_eq!(steps.last().map(|(step, _)| step.as_str()), Some("proven"));
    // What was planned for later is silenced.
    let case = clinic.case().await;
    let states: Vec<&str> = case["notifications"]
        .as_array()
        .unwrap()
        .iter()
        .map(|notification| notification["state"].as_str().unwrap())
        .collect();
    assert!(states.contains(&"cancelled"), "{states:?}");
    assert_eq!(clinic.corner.inbox.all().len(), 1);
    assert_eq!(clinic.process.stop(), Some(0));
}

#[tokio::test]
async fn the_whole_loop_on_a_phone() {
    whole_loop(Screen::Phone).await;
}

#[tokio::test]
async fn the_whole_loop_on_a_desktop() {
    whole_loop(Screen::Desktop).await;
}

#[tokio::test]
async fn the_whole_loop_from_the_banner() {
    let clinic = Clinic::open().await;
    let browser = Browser::start(Screen::Desktop).await;
    clinic.app_in(&browser).await;
    clinic.breaks().await;
    browser.wait_for("the banner", BANNER).await;
    let press =
        "document.querySelector('relink-banner').shadowRoot.querySelector('button').click()";
    browser.run(press, Vec::new()).await;
    through_the_lightbox(&browser).await;
    clinic.repaired().await;
    browser.wait_for("the banner to be gone", &format!("return !(() => {{ {BANNER} }})()")).await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    told_of(&clinic, "relink.case.repaired").await;
    assert_eq!(clinic.process.stop(), Some(0));
}
