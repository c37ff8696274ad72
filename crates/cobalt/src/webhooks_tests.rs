use super::*;
use crate::pretend::{Pretend, client};

const URL: &str = "https://relink.example.org/webhooks/cobalt";

fn id(text: &str) -> WebhookId {
    WebhookId::parse(text).unwrap()
}

fn hook(of: Option<&str>, url: Option<&str>, secret: Option<&str>) -> Webhook {
    Webhook { id: of.map(id), url: url.map(str::to_owned), secret: secret.map(Secret::new) }
}

async fn cobalt(script: &[(u16, &str)]) -> Pretend {
    Pretend::start(script.iter().map(|(status, body)| (*status, (*body).to_owned())).collect())
        .await
}

/// The first line of each request.
fn lines(cobalt: &Pretend) -> Vec<String> {
    cobalt.seen().iter().map(|seen| seen.lines().next().unwrap().to_owned()).collect()
}

fn refused(call: &'static str, status: u16, code: Option<&str>) -> CobaltError {
    CobaltError::Refused { call, status, code: code.map(str::to_owned) }
}

#[tokio::test]
async fn every_documented_answer_to_a_registration_is_understood() {
    for (body, expected) in [
        (
            r#"{"success":true,"message":"m","webhook_secret_key":"s1"}"#,
            hook(None, None, Some("s1")),
        ),
        (
            r#"{"success":true,"webhook":{"id":"wh_1","webhook_url":"https://a","secret":"s2"}}"#,
            hook(Some("wh_1"), Some("https://a"), Some("s2")),
        ),
        (
            r#"{"success":true,"webhook_id":"987","webhook_url":"https://a","webhook_secret":"s3"}"#,
            hook(Some("987"), Some("https://a"), Some("s3")),
        ),
        (
            r#"{"success":true,"webhook":{"webhook_id":"wh_4","webhook_url":"https://a","webhook_secret_key":"s4"}}"#,
            hook(Some("wh_4"), Some("https://a"), Some("s4")),
        ),
        // Beyond what is documented, and harmless to understand.
        (
            r#"{"data":{"id":987654321,"url":"https://a"},"secret":"s5"}"#,
            hook(Some("987654321"), Some("https://a"), Some("s5")),
        ),
        (r#"{"webhook":{"id":"../settings","secret":""}}"#, hook(None, None, None)),
        (r#"{"success":true}"#, hook(None, None, None)),
    ] {
        let cobalt = cobalt(&[(200, body)]).await;
        assert_eq!(client(&cobalt.url).register_webhook(URL, None).await, Ok(expected), "{body}");
        assert_eq!(
            cobalt.seen(),
            [
                "POST /v1/webhook\nclient_id: ci_live_1\nclient_secret: cs_live_canary\ncontent-type: application/json\n{\"webhook_url\":\"https://relink.example.org/webhooks/cobalt\"}"
            ]
        );
    }
}

#[tokio::test]
async fn every_list_is_understood_and_what_is_none_is_refused() {
    const CALL: &str = "list webhooks";
    let listed = |list: Vec<Webhook>, secret: Option<&str>| {
        Ok(Webhooks { list, secret: secret.map(Secret::new) })
    };
    let odd = || Err(CobaltError::Unreadable { call: CALL, why: "its list of webhooks is none" });
    for (status, body, expected) in [
        (
            200,
            r#"{"success":true,"webhook_url":"https://a","webhook_urls":[{"id":"1","url":"https://a"},{"id":2,"url":"https://b"}],"webhook_secret_key":"s"}"#,
            listed(
                vec![
                    hook(Some("1"), Some("https://a"), None),
                    hook(Some("2"), Some("https://b"), None),
                ],
                Some("s"),
            ),
        ),
        (
            200,
            r#"{"webhooks":[{"webhook_id":"wh_1","webhook_url":"https://a","secret":"own"}]}"#,
            listed(vec![hook(Some("wh_1"), Some("https://a"), Some("own"))], None),
        ),
        (
            200,
            r#"{"data":[{"id":"1","url":"https://a"}]}"#,
            listed(vec![hook(Some("1"), Some("https://a"), None)], None),
        ),
        (
            200,
            r#"{"webhook_url":"https://a"}"#,
            listed(vec![hook(None, Some("https://a"), None)], None),
        ),
        (
            200,
            r#"{"data":{"webhook_urls":["https://a",{"id":"1"}],"webhook_secret":"s"}}"#,
            listed(vec![hook(None, Some("https://a"), None)], Some("s")),
        ),
        (200, r#"{"success":true,"webhook_url":null,"webhook_urls":null}"#, listed(vec![], None)),
        (200, r#"{"success":true}"#, listed(vec![], None)),
        (404, r#"{"success":false,"error":"not_found"}"#, listed(vec![], None)),
        (200, r#"{"webhook_urls":"https://a"}"#, odd()),
        (200, r#"{"webhook_urls":{"1":"https://a"}}"#, odd()),
        (200, r#"{"success":false,"error":"nope"}"#, Err(refused(CALL, 200, Some("nope")))),
        (401, "", Err(refused(CALL, 401, None))),
        (500, "<html>", Err(refused(CALL, 500, None))),
    ] {
        let cobalt = cobalt(&[(status, body)]).await;
        assert_eq!(client(&cobalt.url).webhooks(None).await, expected, "{body}");
        assert_eq!(lines(&cobalt), ["GET /v1/webhook"]);
    }
}

#[test]
fn a_url_is_found_whatever_its_last_slash_and_has_its_own_secret_before_the_shared_one() {
    let webhooks = Webhooks {
        list: vec![
            hook(Some("1"), Some("https://a/"), Some("own")),
            hook(Some("2"), Some("https://b"), None),
        ],
        secret: Some(Secret::new("shared")),
    };
    let secret = |url: &str| {
        webhooks.by_url(url).and_then(|hook| webhooks.secret_of(hook)).map(Secret::expose)
    };
    assert_eq!(secret("https://a"), Some("own"));
    assert_eq!(secret("https://b/"), Some("shared"));
    assert_eq!(webhooks.by_url("https://c"), None);
}

#[tokio::test]
async fn a_secret_is_rotated_by_the_path_that_is_there() {
    const CALL: &str = "rotate a webhook's secret";
    const GOOD: &str = r#"{"success":true,"webhook":{"id":"wh_1","secret":"whsec_new"}}"#;
    let new = hook(Some("wh_1"), None, Some("whsec_new"));
    let (named, bare) = ("POST /v1/webhook/wh_1/rotate-secret", "POST /v1/webhook/rotate-secret");
    let nameless = || CobaltError::Unreadable { call: CALL, why: "there is no secret in it" };
    for (of, script, expected, asked) in [
        (Some("wh_1"), &[(200, GOOD)][..], Ok(new.clone()), &[named][..]),
        (Some("wh_1"), &[(404, ""), (200, GOOD)], Ok(new.clone()), &[named, bare]),
        (Some("wh_1"), &[(404, ""), (404, "")], Err(refused(CALL, 404, None)), &[named, bare]),
        (Some("wh_1"), &[(500, "")], Err(refused(CALL, 500, None)), &[named]),
        (None, &[(200, GOOD)], Ok(new), &[bare]),
        (None, &[(404, "")], Err(refused(CALL, 404, None)), &[bare]),
        (
            Some("wh_1"),
            &[(200, r#"{"webhook_secret_key":"s"}"#)],
            Ok(hook(None, None, Some("s"))),
            &[named],
        ),
        (Some("wh_1"), &[(200, r#"{"success":true}"#)], Err(nameless()), &[named]),
    ] {
        let cobalt = cobalt(script).await;
        let of = of.map(id);
        let rotated = client(&cobalt.url).rotate_webhook_secret(of.as_ref(), None).await;
        assert_eq!(rotated, expected, "{script:?}");
        assert_eq!(lines(&cobalt), asked);
    }
}

#[tokio::test]
async fn removing_says_whether_there_was_anything() {
    const CALL: &str = "remove a webhook";
    for (status, body, expected) in [
        (200, r#"{"success":true,"message":"Webhook URL removed successfully"}"#, Ok(true)),
        (204, "", Ok(true)),
        (404, r#"{"success":false,"error":"not_found"}"#, Ok(false)),
        (200, r#"{"success":false}"#, Err(refused(CALL, 200, None))),
        (429, "", Err(refused(CALL, 429, None))),
    ] {
        let cobalt = cobalt(&[(status, body)]).await;
        assert_eq!(client(&cobalt.url).remove_webhook(&id("wh_1"), None).await, expected, "{body}");
        assert_eq!(lines(&cobalt), ["DELETE /v1/webhook/wh_1"]);
    }
}

#[tokio::test]
async fn an_access_token_goes_along_only_when_it_is_given() {
    let cobalt = cobalt(&[(200, "{}"), (200, "{}"), (200, "{}"), (404, "")]).await;
    let (client, token) = (client(&cobalt.url), Secret::new("at_canary"));
    client.webhooks(Some(&token)).await.unwrap();
    client.register_webhook(URL, Some(&token)).await.unwrap();
    client.remove_webhook(&id("1"), Some(&token)).await.unwrap();
    assert!(client.rotate_webhook_secret(None, Some(&token)).await.is_err());
    let seen = cobalt.seen();
    assert_eq!(seen.len(), 4);
    assert!(seen.iter().all(|seen| seen.contains("\naccess_token: at_canary\n")), "{seen:?}");
}

#[test]
fn an_id_is_only_what_can_be_part_of_a_path() {
    for good in ["987654321", "wh_123456789", "a-B_9"] {
        assert_eq!(WebhookId::parse(good).map(|id| id.to_string()), Ok(good.to_owned()));
    }
    let long = "x".repeat(WebhookId::MAX_BYTES + 1);
    for bad in ["", ".", "..", "a/b", "a?b", "a b", "é", "a%2e", &long] {
        assert!(WebhookId::parse(bad).is_err(), "{bad}");
    }
}

#[tokio::test]
async fn nothing_prints_a_secret() {
    let cobalt = cobalt(&[
        (200, r#"{"webhook":{"id":"1","secret":"canary"}}"#),
        (400, r#"{"error":"canary of a secret","message":"canary"}"#),
    ])
    .await;
    let client = client(&cobalt.url);
    let made = client.register_webhook(URL, None).await.unwrap();
    assert_eq!(made.secret.as_ref().map(Secret::expose), Some("canary"));
    let error = client.register_webhook(URL, None).await.unwrap_err();
    let shown = format!("{made:?} {error:?} {error}");
    assert!(!shown.contains("canary"), "{shown}");
}
