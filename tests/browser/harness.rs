//! The tests' own eyes: what they use to look at a page sees what is wrong with one.

use relink_tests::{Browser, Finding, Screen, accessibility};

/// A page with a picture nobody can hear, and text nobody can read.
const BAD: &str = "data:text/html,<title>t</title><main><h1 style='color:%23ddd;background:%23fff'>\
                   pale</h1><img src='data:,'></main>";

#[tokio::test]
async fn a_bad_page_is_found_out() {
    let browser = Browser::start(Screen::Phone).await;
    browser.open(BAD).await;
    let rules: Vec<String> =
        accessibility(&browser).await.into_iter().map(|Finding { rule, .. }| rule).collect();
    for rule in ["color-contrast", "html-has-lang", "image-alt"] {
        assert!(rules.iter().any(|found| found == rule), "{rule} not in {rules:?}");
    }
    let width = browser.run("return window.innerWidth", Vec::new()).await;
    assert_eq!(width, 980, "a phone shows a page without a viewport as wide as a desktop's");
}

#[tokio::test]
async fn a_page_without_script_runs_none() {
    let page = "data:text/html,<p id=p>before</p><script>p.textContent='after'</script>";
    for (browser, text) in [
        (Browser::start(Screen::Desktop).await, "after"),
        (Browser::without_script(Screen::Desktop).await, "before"),
    ] {
        browser.open(page).await;
        assert_eq!(browser.see("#p").await.text().await.unwrap(), text);
    }
}
