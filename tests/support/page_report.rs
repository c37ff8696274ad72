//! What can be measured of a page in a browser: accessibility findings by axe-core, weight, and how
//! soon it shows something.

use crate::browser::Browser;
use serde_json::{Value, json};

/// Names the file of axe-core; `scripts/test` fetches it and sets this.
const AXE: &str = "RELINK_TEST_AXE";

/// One thing that axe-core found, as its own rule names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule, such as `color-contrast`.
    pub rule: String,
    /// Where in the page.
    pub at: Vec<String>,
}

/// Everything axe-core finds against WCAG 2.0 to 2.2, levels A and AA, and its best practices, in the
/// page as it stands. Goes into the page by the driver, which the page's policy does not bind.
///
/// # Panics
/// When axe-core is not there or does not run.
pub async fn accessibility(browser: &Browser) -> Vec<Finding> {
    let file = std::env::var(AXE)
        .unwrap_or_else(|_| panic!("{AXE} names no file: run the tests with scripts/test"));
    let axe = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file}: {error}"));
    browser.run(&axe, Vec::new()).await;
    let run = r#"
        const done = arguments[arguments.length - 1];
        axe.run(document, {
            runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
            resultTypes: ["violations"],
        }).then(
            (results) => done({
                rules: results.passes.length + results.violations.length,
                violations: results.violations,
            }),
            (error) => done(String(error)),
        );
    "#;
    let results = browser.run_async(run, Vec::new()).await;
    let ran = results["rules"].as_u64().unwrap_or_else(|| panic!("axe-core: {results}"));
    assert!(ran > 10, "axe-core looked at {ran} rules only");
    let violations = results["violations"].as_array().cloned().unwrap_or_default();
    violations
        .iter()
        .map(|violation| Finding {
            rule: violation["id"].as_str().unwrap_or_default().to_owned(),
            at: violation["nodes"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|node| node["target"].to_string())
                .collect(),
        })
        .collect()
}

/// How a page was loaded, by the browser's own timings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loaded {
    /// Everything that was fetched for it, headers included, in bytes.
    pub bytes: u64,
    /// How many of its requests went to another origin.
    pub elsewhere: u64,
    /// Until its first byte, in milliseconds.
    pub first_byte_ms: u64,
    /// Until something of it was painted, in milliseconds.
    pub first_contentful_paint_ms: u64,
}

/// The load of the page that is open, once it has painted.
pub async fn loaded(browser: &Browser) -> Loaded {
    let timings = browser
        .wait_for(
            "the page to be painted",
            r#"
            const painted = performance.getEntriesByName("first-contentful-paint")[0];
            const page = performance.getEntriesByType("navigation")[0];
            if (!painted || !page || !page.loadEventEnd) return null;
            const all = [page, ...performance.getEntriesByType("resource")];
            return {
                bytes: all.reduce((sum, one) => sum + one.transferSize, 0),
                elsewhere: all.filter((one) => !one.name.startsWith(location.origin)).length,
                firstByte: page.responseStart - page.startTime,
                paint: painted.startTime,
            };
            "#,
        )
        .await;
    let whole = |name: &str| json_number(&timings[name]);
    Loaded {
        bytes: whole("bytes"),
        elsewhere: whole("elsewhere"),
        first_byte_ms: whole("firstByte"),
        first_contentful_paint_ms: whole("paint"),
    }
}

fn json_number(value: &Value) -> u64 {
    let number = value.as_f64().unwrap_or_else(|| panic!("{value} is no number: {}", json!(value)));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole timings")]
    let whole = number.round().max(0.0) as u64;
    whole
}
