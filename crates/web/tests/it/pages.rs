//! What every page says and how it is dressed: each state as people meet it, with its headers.

use crate::support::*;
use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use relink_core::case::CloseReason;
use relink_core::signal::SignalKind;
use relink_store::{OpenCase, StoreError};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// The page without what is hidden, its style and its script, and without what differs each time.
fn seen(reply: &Reply, link: &str) -> String {
    let mut text = reply.html();
    for (from, to) in [("<style>", "</style>"), ("<script>", "</script>")] {
        while let Some((before, rest)) = text.split_once(from) {
            let after = rest.split_once(to).unwrap().1;
            text = format!("{before}{after}");
        }
    }
    let mut parts = text.split("<section ");
    let mut shown = parts.next().unwrap().to_owned();
    for part in parts {
        let (section, after) = part.split_once("</section>").unwrap();
        if !section.split('>').next().unwrap().ends_with(" hidden") {
            shown.push_str(&format!("<section {section}</section>"));
        }
        shown.push_str(after.trim_start());
    }
    let token = link.rsplit('/').next().unwrap();
    format!("HTTP {}\n{}", reply.status, shown.replace(token, "TOKEN"))
}

async fn with_cobalt() -> (World, Pretend) {
    let cobalt = Pretend::start().await;
    let setting = Setting { cobalt: Some(cobalt.url.clone()), ..Setting::default() };
    (World::set(setting).await, cobalt)
}

#[tokio::test]
async fn every_state_of_a_link_has_its_page() {
    let (world, cobalt) = with_cobalt().await;
    let (link, case) = world.link().await;
    let get = async |query: &str| {
        let reply = world.ask_as(None, "GET", &format!("{link}{query}")).await;
        seen(&reply, &link)
    };
    insta::assert_snapshot!("fresh", get("").await);
    insta::assert_snapshot!("half_way", get("?at=half_way").await);
    insta::assert_snapshot!("checking", get("?at=checking").await);
    insta::assert_snapshot!("fresh_es", get("?lang=es").await);

    let left = world.press(&format!("{link}/link")).await;
    insta::assert_snapshot!("leaving", seen(&left, &link));
    cobalt.then(500, "canary");
    let unreachable = world.press(&format!("{link}/link")).await;
    insta::assert_snapshot!("unreachable", seen(&unreachable, &link));
    cobalt.is_broken();
    let still_broken = world.press(&format!("{link}/done")).await;
    insta::assert_snapshot!("still_broken", seen(&still_broken, &link));
    cobalt.then(500, "canary");
    let checking = world.press(&format!("{link}/done")).await;
    assert_eq!(seen(&checking, &link), get("?at=checking").await);
    for _ in 0..39 {
        world.press(&format!("{link}/link")).await;
    }
    let too_often = world.press(&format!("{link}/link")).await;
    assert_eq!(too_often.header("retry-after"), "60");
    insta::assert_snapshot!("too_often", seen(&too_often, &link));
    cobalt.works();
    let fixed = world.press(&format!("{link}/done")).await;
    insta::assert_snapshot!("fixed", seen(&fixed, &link));
    assert_eq!(get("").await, seen(&fixed, &link));
    assert_eq!(world.visits(case).await.last().unwrap(), "proven relink");
}

#[tokio::test]
async fn a_link_that_has_ended_offers_a_new_one() {
    let (world, cobalt) = with_cobalt().await;
    let (link, case) = world.link().await;
    world.store.close_case(&OpenCase::Id(case), CloseReason::Expired).await.unwrap();
    world.advance(Duration::from_secs(60));
    let ended = world.ask_as(None, "GET", &link).await;
    insta::assert_snapshot!("ended", seen(&ended, &link));
    cobalt.is_broken();
    let sent = world.press(&format!("{link}/renew")).await;
    insta::assert_snapshot!("sent", seen(&sent, &link));
}

#[tokio::test]
async fn a_warning_is_softer() {
    let (world, _cobalt) = with_cobalt().await;
    assert!(world.put("clinic_1", &account()).await.status < 300);
    let kind = SignalKind::PasswordChangeWarning;
    let case = world.signal("clinic_1", kind, world.now()).await.unwrap();
    let link = world.send_step(case, "warning").await.link.url("");
    let warned = world.ask_as(None, "GET", &link).await;
    insta::assert_snapshot!("warned", seen(&warned, &link));
}

#[tokio::test]
async fn what_leads_nowhere_has_its_page_too() {
    let (world, _cobalt) = with_cobalt().await;
    let stranger = format!("/r/{}", "A".repeat(43));
    let unknown = world.ask_as(None, "GET", &stranger).await;
    insta::assert_snapshot!("unknown", seen(&unknown, &stranger));
    let lost = world.ask_as(None, "GET", "/r/back?token=pt_canary").await;
    insta::assert_snapshot!("lost", seen(&lost, "/r/back"));
    let refused = axum::http::Request::post(format!("{stranger}/link"))
        .header("sec-fetch-site", "cross-site")
        .body(axum::body::Body::empty());
    insta::assert_snapshot!("refused", seen(&world.send(refused.unwrap()).await, &stranger));

    let without = World::new().await;
    let (link, _) = without.link().await;
    let not_set_up = without.ask_as(None, "GET", &link).await;
    insta::assert_snapshot!("not_set_up", seen(&not_set_up, &link));

    let down = Arc::new(Down::saying(StoreError::Unavailable("canary".into())));
    let trouble = World::with(down).ask_as(None, "GET", &stranger).await;
    assert!(!trouble.text.contains("canary"));
    assert_eq!(trouble.header("retry-after"), "5");
    insta::assert_snapshot!("trouble", seen(&trouble, &stranger));
}

fn inline(text: &str, tag: &str) -> String {
    let inside = text.split(&format!("<{tag}>")).nth(1).unwrap();
    inside.split(&format!("</{tag}>")).next().unwrap().to_owned()
}

fn hash(text: &str) -> String {
    STANDARD.encode(digest::digest(&digest::SHA256, text.as_bytes()))
}

#[tokio::test]
async fn nothing_is_loaded_framed_kept_or_told_to_others() {
    let setting = Setting {
        public_url: "https://relink.example.org/below".to_owned(),
        web: "accent = \"#B00020\"".to_owned(),
        cobalt: Some("http://127.0.0.1:9".to_owned()),
        ..Setting::default()
    };
    let world = World::set(setting).await;
    let (link, _) = world.link().await;
    let shown = world.ask_as(None, "GET", &link).await;
    assert_eq!(shown.status, 200);
    let (style, script) = (inline(&shown.text, "style"), inline(&shown.text, "script"));
    assert!(style.starts_with(":root{--accent:#b00020}"));
    let mut headers: Vec<String> = shown
        .headers
        .iter()
        .filter(|(name, _)| *name != "content-length")
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .map(|line| line.replace(&hash(&style), "STYLE").replace(&hash(&script), "SCRIPT"))
        .collect();
    headers.sort();
    insta::assert_snapshot!("headers", headers.join("\n"));
    // The same headers on every answer to whoever comes by a link.
    for (method, path) in [("GET", "/r/unknown"), ("GET", "/r/back"), ("POST", "/r/x/link")] {
        let other = world.ask_as(None, method, path).await;
        let without = |reply: &Reply| {
            let mut headers = reply.headers.clone();
            headers.remove("content-length");
            headers
        };
        assert_eq!(without(&other), without(&shown), "{method} {path}");
    }
    // Its addresses are the ones that browsers see.
    assert!(shown.html().contains(&format!("action=\"/below{link}/link?lang=en\"")));
    let local = World::new().await;
    let plain = local.ask_as(None, "GET", "/r/unknown").await;
    assert_eq!(plain.header("strict-transport-security"), "");
}

#[tokio::test]
async fn a_page_is_small_and_asks_nobody_else_before_the_press() {
    let (world, _cobalt) = with_cobalt().await;
    let (link, _) = world.link().await;
    for query in ["", "?lang=es", "?at=checking"] {
        // Style and script are in it: this is all there is before Link.
        let page = world.ask_as(None, "GET", &format!("{link}{query}")).await;
        assert!(page.text.len() < 30_000, "{} bytes", page.text.len());
        for loads in [" src=", "url(", "@import", "<link", "<iframe", "http-equiv", "style="] {
            let outside = page.text.replace(&inline(&page.text, "script"), "");
            assert!(!outside.contains(loads), "{loads}");
        }
        let script = inline(&page.text, "script");
        for never in ["innerHTML", "eval", "document.write", "localStorage", "cookie"] {
            assert!(!script.contains(never), "{never}");
        }
    }
}

#[tokio::test]
async fn a_page_can_be_used_by_everybody() {
    let (world, _cobalt) = with_cobalt().await;
    let (link, _) = world.link().await;
    for (query, lang) in [("", "en"), ("?lang=es", "es"), ("?lang=%3Cscript%3E", "en")] {
        let text = world.ask_as(None, "GET", &format!("{link}{query}")).await.text;
        for part in [
            &format!("<html lang=\"{lang}\">"),
            "<header>",
            "<main aria-live=\"polite\">",
            "<footer>",
            "<nav aria-label=",
            "name=\"viewport\"",
        ] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
        // Whatever is shown has one heading, and every button is one.
        let sections = text.matches("<section ").count();
        assert_eq!(text.matches("<h1 ").count(), sections);
        assert_eq!(text.matches("<form ").count(), text.matches("<button").count());
        let style = inline(&text, "style");
        assert!(style.contains("min-height:3rem") && style.contains(":focus-visible"));
        assert!(!style.contains("animation") && !style.contains("transition"));
    }
    let accepted = axum::http::Request::get("/r/unknown").header("accept-language", "es-MX,en");
    let spanish = world.send(accepted.body(axum::body::Body::empty()).unwrap()).await;
    assert!(spanish.text.contains("<html lang=\"es\">"));
}

/// What breaks out of HTML, attributes, scripts, styles, addresses and templates.
const CORPUS: [&str; 9] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "</title></style></script><svg onload=alert(1)>",
    "javascript:alert(1)",
    "{{ 7*7 }}{% include 'x' %}",
    "&lt;b&gt;&#x3c;b&#x3e;",
    "\u{202e}gnp.exe",
    "`${alert(1)}`",
];

#[tokio::test]
async fn nothing_that_is_stored_breaks_out_of_a_page_or_of_json() {
    for text in CORPUS {
        let cobalt = Pretend::start().await;
        let setting = Setting {
            instance: text.to_owned(),
            cobalt: Some(cobalt.url.clone()),
            ..Setting::default()
        };
        let world = World::set(setting).await;
        let mut account = account();
        for field in ["user_id", "org_id", "emr_instance_domain"] {
            account[field] = json!(text);
        }
        account["contacts"][0]["name"] = json!(text);
        account["contacts"][0]["locale"] = json!(text);
        let reference: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let put = world.put(&reference, &account).await;
        assert!(put.status < 300, "{}", put.text);
        let case = world.signal(text, SignalKind::LoginRequired, world.now()).await.unwrap();
        let link = world.send_step(case, "first").await.link.url("");
        cobalt.then(200, &json!({ "success": true, "token": text }).to_string());
        let shown = [
            world.ask_as(None, "GET", &link).await,
            world.ask_as(None, "GET", "/r/unknown").await,
            world.press(&format!("{link}/link")).await,
        ];
        for page in &shown {
            let page = &page.text;
            for broken in ["<script>alert", "<img src=x", "<svg onload", " onmouseover='"] {
                assert!(!page.contains(broken), "{broken} in {page}");
            }
            assert!(!page.contains("href=\"javascript:"));
            let as_it_is = !text.contains("{{") || page.contains("{{ 7*7 }}");
            assert!(as_it_is, "run as a template: {page}");
        }
        let detail = world.ask("GET", &format!("/v1/cases/{case}")).await;
        assert_eq!(detail.header("content-type"), "application/json");
        assert_eq!(detail.json()["case"]["account_ref"], text);
    }
}

#[tokio::test]
async fn a_logo_is_served_here_under_a_name_of_its_own_and_runs_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("logo.svg");
    let svg = "<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>";
    std::fs::write(&file, svg).unwrap();
    let web = format!("logo = {:?}", file.display().to_string());
    let world = World::set(Setting { web, ..Setting::default() }).await;
    let page = world.ask_as(None, "GET", "/r/unknown").await.html();
    let source = page.split("<img src=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    assert!(source.starts_with("/r/assets/") && source.ends_with(".svg"), "{source}");
    assert!(page.contains("alt=\"Acme Health\""));
    let logo = world.ask_as(None, "GET", &source).await;
    assert_eq!((logo.status, logo.text.as_str()), (200, svg));
    assert_eq!(logo.header("content-type"), "image/svg+xml");
    assert_eq!(logo.header("cache-control"), "public, max-age=31536000, immutable");
    let policy = logo.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && policy.ends_with("sandbox"), "{policy}");
    assert_eq!(world.ask_as(None, "GET", "/r/assets/other.svg").await.status, 404);
}
