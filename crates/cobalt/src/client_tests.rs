use super::*;
use crate::pretend::{Pretend, client, config};
use relink_http::client::Limits;

const LOGIN_REQUIRED: &str = r#"{"success": false, "error": "login_required", "message": "Account link expired. Please go through the integration setup again."}"#;

fn token() -> Secret {
    Secret::new("at_canary")
}

fn refused(call: &'static str, status: u16, code: Option<&str>) -> CobaltError {
    CobaltError::Refused { call, status, code: code.map(str::to_owned) }
}

async fn mint(script: Vec<(u16, &str)>) -> (Result<String, CobaltError>, Vec<String>) {
    let script = script.into_iter().map(|(status, body)| (status, body.to_owned())).collect();
    let cobalt = Pretend::start(script).await;
    let minted = client(&cobalt.url).create_link_token("user_1", "org_1", &token()).await;
    (minted.map(|token| token.expose().to_owned()), cobalt.seen())
}

#[tokio::test]
async fn a_link_token_is_asked_for_with_the_access_token_in_the_body_only() {
    let (minted, seen) = mint(vec![(200, r#"{"success": true, "token": "lt_1"}"#)]).await;
    assert_eq!(minted, Ok("lt_1".into()));
    assert_eq!(
        seen,
        [
            "POST /v1/link/token/create\nclient_id: ci_live_1\nclient_secret: cs_live_canary\ncontent-type: application/json\n{\"user_id\":\"user_1\",\"org_id\":\"org_1\",\"access_token\":\"at_canary\"}"
        ]
    );
}

#[tokio::test]
async fn every_shape_of_a_link_token_answer() {
    const CALL: &str = "make a link token";
    let unreadable = |why| Err(CobaltError::Unreadable { call: CALL, why });
    for (status, body, expected) in [
        (200, r#"{"success":true,"link_token":"lt_2"}"#, Ok("lt_2".into())),
        (201, r#"{"token":"lt_3"}"#, Ok("lt_3".into())),
        (200, r#"{"success":true,"token":null,"link_token":"lt_4"}"#, Ok("lt_4".into())),
        (200, r#"{"success":true}"#, unreadable("there is no token in it")),
        (200, r#"{"token":""}"#, unreadable("there is no token in it")),
        (200, r#"{"token":7}"#, unreadable("there is no token in it")),
        (200, "[]", unreadable("it is not a JSON object")),
        (200, "<html>", unreadable("it is not a JSON object")),
        (200, r#"{"success":false,"error":"bad_org"}"#, Err(refused(CALL, 200, Some("bad_org")))),
        (403, LOGIN_REQUIRED, Err(CobaltError::LoginRequired { call: CALL })),
        (
            403,
            r#"{"success":false,"error":"forbidden"}"#,
            Err(refused(CALL, 403, Some("forbidden"))),
        ),
        (401, r#"{"error":"a sentence with cs_live_canary"}"#, Err(refused(CALL, 401, None))),
        (401, "", Err(refused(CALL, 401, None))),
        (429, r#"{"error":["x"]}"#, Err(refused(CALL, 429, None))),
        (500, "oops", Err(refused(CALL, 500, None))),
        (302, "", Err(refused(CALL, 302, None))),
    ] {
        let (minted, seen) = mint(vec![(status, body)]).await;
        assert_eq!(minted, expected, "{status} {body}");
        assert_eq!(seen.len(), 1, "asked once: {status} {body}");
    }
}

#[tokio::test]
async fn the_path_without_a_version_is_tried_on_a_404_and_remembered() {
    let good = || (200, r#"{"token":"lt"}"#.to_owned());
    let missing = || (404, String::new());
    let cobalt = Pretend::start(vec![missing(), good(), good(), missing(), good(), good()]).await;
    let client = client(&cobalt.url);
    for _ in 0..4 {
        assert!(client.create_link_token("u", "o", &token()).await.is_ok());
    }
    let paths: Vec<_> = cobalt.seen().iter().map(|text| text.contains("/v1/")).collect();
    assert_eq!(paths, [true, false, false, false, true, true], "and back, should it move again");

    let (minted, seen) = mint(vec![(404, ""), (404, r#"{"error":"no_such_user"}"#)]).await;
    assert_eq!(minted, Err(refused("make a link token", 404, Some("no_such_user"))));
    assert_eq!(seen.len(), 2);
}

async fn probe(status: u16, body: &str) -> Probe {
    let cobalt = Pretend::start(vec![(status, body.to_owned())]).await;
    let probe = client(&cobalt.url).probe(&token()).await;
    assert_eq!(
        cobalt.seen(),
        [
            "GET /v1/settings\nclient_id: ci_live_1\nclient_secret: cs_live_canary\naccess_token: at_canary\ncontent-type: application/json\n"
        ]
    );
    probe
}

#[tokio::test]
async fn only_a_clear_answer_is_healthy_or_broken() {
    const CALL: &str = "read an account's settings";
    let unknown = |why| Probe::Unknown { why };
    for (status, body, expected) in [
        (200, r#"{"success":true,"data":{}}"#, Probe::Healthy),
        (200, "{}", Probe::Healthy),
        (403, LOGIN_REQUIRED, Probe::LoginRequired),
        (403, r#"{"error":"forbidden"}"#, unknown(refused(CALL, 403, Some("forbidden")))),
        (403, "", unknown(refused(CALL, 403, None))),
        (401, r#"{"error":"login_required"}"#, unknown(refused(CALL, 401, Some("login_required")))),
        (200, r#"{"success":false}"#, unknown(refused(CALL, 200, None))),
        (404, "{}", unknown(refused(CALL, 404, None))),
        (500, "", unknown(refused(CALL, 500, None))),
        (
            200,
            "<html>maintenance",
            unknown(CobaltError::Unreadable { call: CALL, why: "it is not a JSON object" }),
        ),
    ] {
        assert_eq!(probe(status, body).await, expected, "{status} {body}");
    }
}

/// What a probe of appointments makes of an answer.
async fn probe_appointments(status: u16, body: &str) -> Probe {
    const PATH: &str = "/v1/appointments?start_date=2026-11-26&end_date=2026-11-26";
    let cobalt = Pretend::start(vec![(status, body.to_owned())]).await;
    let config = Cobalt { probe_path: PATH.to_owned(), ..config(&cobalt.url) };
    let client = CobaltClient::new(&config, HttpClient::new(Limits::default()).unwrap()).unwrap();
    let probe = client.probe(&token()).await;
    let seen = cobalt.seen();
    assert!(seen.len() == 1 && seen[0].starts_with(&format!("GET {PATH}\n")), "{seen:?}");
    probe
}

#[tokio::test]
async fn another_probe_is_healthy_by_any_object_that_does_not_say_no() {
    const CALL: &str = "look whether a login works";
    let unknown = |why| Probe::Unknown { why };
    let refused = |status, code| unknown(refused(CALL, status, code));
    let no_object =
        || unknown(CobaltError::Unreadable { call: CALL, why: "it is not a JSON object" });
    for (status, body, expected) in [
        (200, r#"{"success":true,"appointments":[{"patient":"canary"}]}"#, Probe::Healthy),
        (200, r#"{"appointments":[{"success":false}]}"#, Probe::Healthy),
        (201, "{}", Probe::Healthy),
        (200, r#"{"error":"login_required"}"#, Probe::Healthy),
        (200, r#"{"appointments":[], "success" : false}"#, refused(200, None)),
        (200, "<html>maintenance", no_object()),
        (200, r#"[{"patient":"canary"}]"#, no_object()),
        (200, r#"{"patient":"canary""#, no_object()),
        (204, "", no_object()),
        (403, LOGIN_REQUIRED, Probe::LoginRequired),
        (403, r#"{"error":"forbidden"}"#, refused(403, Some("forbidden"))),
        (403, "", refused(403, None)),
        (404, r#"{"error":"not_found"}"#, refused(404, Some("not_found"))),
        (429, "slow down", refused(429, None)),
        (500, r#"{"error":"canary of a patient"}"#, refused(500, None)),
    ] {
        let probed = probe_appointments(status, body).await;
        assert_eq!(probed, expected, "{status} {body}");
        assert!(!format!("{probed:?}").contains("canary"));
    }
    let long = format!(r#"{{"appointments":"{}"}}"#, "x".repeat(1024 * 1024));
    let Probe::Unknown { why: CobaltError::Call { source, .. } } =
        probe_appointments(200, &long).await
    else {
        panic!("no more than the cap is read");
    };
    assert!(matches!(source, CallError::BadAnswer(_)), "{source}");
}

#[tokio::test]
async fn an_account_is_named_and_what_cobalt_repeats_is_handed_on() {
    const CALL: &str = "name an account";
    let named = |text: Option<&str>| Ok(text.map(str::to_owned));
    for (status, body, expected) in [
        (
            200,
            r#"{"success":true,"data":{"access_token_reference_id":"clinic_1"}}"#,
            named(Some("clinic_1")),
        ),
        (200, r#"{"access_token_reference_id":"clinic_1"}"#, named(Some("clinic_1"))),
        (200, r#"{"data":{"access_token_reference_id":"another"}}"#, named(Some("another"))),
        (200, r#"{"success":true}"#, named(None)),
        (200, r#"{"data":null}"#, named(None)),
        (200, r#"{"success":false,"error":"taken"}"#, Err(refused(CALL, 200, Some("taken")))),
        (403, LOGIN_REQUIRED, Err(CobaltError::LoginRequired { call: CALL })),
        (404, "", Err(refused(CALL, 404, None))),
    ] {
        let cobalt = Pretend::start(vec![(status, body.to_owned())]).await;
        let account: AccountRef = "clinic_1".parse().unwrap();
        let answered = client(&cobalt.url).set_account_ref(&token(), &account).await;
        assert_eq!(answered, expected, "{body}");
        assert_eq!(
            cobalt.seen(),
            [
                "POST /v1/settings\nclient_id: ci_live_1\nclient_secret: cs_live_canary\naccess_token: at_canary\ncontent-type: application/json\n{\"access_token_reference_id\":\"clinic_1\"}"
            ]
        );
    }
}

#[tokio::test]
async fn settings_are_read_as_far_as_they_are_there() {
    let settings = |account_ref: Option<&str>, time_zone: Option<&str>| {
        Ok(Some(Settings {
            account_ref: account_ref.map(|text| text.parse().unwrap()),
            time_zone: time_zone.map(str::to_owned),
        }))
    };
    let full = r#"{"success":true,"data":{"access_token_reference_id":"clinic_1","timezone":"America/New_York","visit_types":[{"code":"a","description":"b"}]}}"#;
    for (status, body, expected) in [
        (200, full, settings(Some("clinic_1"), Some("America/New_York"))),
        (200, r#"{"data":{"access_token_reference_id":null}}"#, settings(None, None)),
        (200, r#"{"timezone":"UTC"}"#, settings(None, Some("UTC"))),
        (404, r#"{"success":false,"error":"not_found"}"#, Ok(None)),
        (
            403,
            LOGIN_REQUIRED,
            Err(CobaltError::LoginRequired { call: "read an account's settings" }),
        ),
    ] {
        let cobalt = Pretend::start(vec![(status, body.to_owned())]).await;
        assert_eq!(client(&cobalt.url).settings(&token()).await, expected, "{body}");
    }
}

#[tokio::test]
async fn a_cobalt_that_cannot_be_reached_proves_nothing() {
    // Bound and never listening: the port stays ours and refuses.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("http://{}/", socket.local_addr().unwrap());
    for path in ["/v1/settings", "/v1/appointments?start_date=2026-11-26"] {
        let config = Cobalt { probe_path: path.to_owned(), ..config(&url) };
        let client =
            CobaltClient::new(&config, HttpClient::new(Limits::default()).unwrap()).unwrap();
        let Probe::Unknown { why: CobaltError::Call { source, .. } } = client.probe(&token()).await
        else {
            panic!("nobody answered");
        };
        assert!(matches!(source, CallError::NotSent(_)), "{path}");
    }
}

#[tokio::test]
async fn a_token_that_no_header_can_carry_is_not_sent() {
    let cobalt = Pretend::start(vec![]).await;
    let bad = Secret::new("at\r\nx-evil: canary");
    let why = CobaltError::BadAccessToken;
    assert_eq!(client(&cobalt.url).probe(&bad).await, Probe::Unknown { why });
    assert!(cobalt.seen().is_empty());
}

#[test]
fn a_setup_without_credentials_names_the_key() {
    let fault = |change: fn(&mut Cobalt)| {
        let mut config = config("http://h");
        change(&mut config);
        CobaltClient::new(&config, HttpClient::new(Limits::default()).unwrap()).unwrap_err()
    };
    assert_eq!(fault(|c| c.client_id = None), CobaltSetupError::Missing { key: "client_id" });
    assert_eq!(
        fault(|c| c.client_secret = Some(Secret::new(""))),
        CobaltSetupError::Missing { key: "client_secret" }
    );
    assert_eq!(
        fault(|c| c.client_secret = Some(Secret::new("a\nb"))),
        CobaltSetupError::NotAHeader { key: "client_secret" }
    );
}

#[tokio::test]
async fn nothing_prints_a_credential() {
    let (minted, _) = mint(vec![(401, r#"{"error":"cs_live_canary at_canary"}"#)]).await;
    let error = minted.unwrap_err();
    let client = client("http://h");
    let headers = client.headers_for(&token()).unwrap();
    let shown = format!("{error} {error:?} {client:?} {headers:?}");
    assert!(!shown.contains("canary"), "{shown}");
    assert_eq!(error.to_string(), "Cobalt refused: make a link token (HTTP 401)");
}
