//! Nothing sensitive leaves: with everything logged that can be, and the whole database read out, no
//! token, no link and no credential is found in either, and an address only where contacts are kept.

use relink_http::client::{Answer, HttpClient, Limits};
use relink_http::{HeaderMap, Method, header};
use relink_tests::{Api, Corner, Engines, ONE_STEP, Relink, eventually};
use serde_json::Value;

const ACCOUNT: &str = "clinic_1";
const ACCESS_TOKEN: &str = "canary-token-143";
const EMAIL: &str = "user143@clinic.example";
const PHONE: &str = "+12025550143";

/// Where an address may stand: it has to be known to be written to.
const CONTACTS: &str = "contacts";

/// Everything of one way back that must stay secret.
struct Canaries(Vec<(&'static str, String)>);

impl Canaries {
    /// What `text` gives away, in the clear or as the hexadecimal of stored bytes.
    fn seen_in(&self, text: &[u8]) -> Vec<&'static str> {
        let has = |needle: &[u8]| text.windows(needle.len()).any(|window| window == needle);
        let shown = self
            .0
            .iter()
            .filter(|(_, canary)| has(canary.as_bytes()) || has(hex::encode(canary).as_bytes()));
        shown.map(|(name, _)| *name).collect()
    }
}

async fn whole_way_back(corner: &Corner) -> Canaries {
    let api = Api::new(corner);
    corner.cobalt.add_account(ACCOUNT, ACCESS_TOKEN);
    corner.cobalt.break_silently(ACCOUNT);
    api.register(ACCOUNT, 143).await;
    corner.breaks(ACCOUNT).await;
    let message = corner.inbox.wait_for(1).await.remove(0);
    let link = message.link().expect("a link").to_owned();
    let path = link.split_once("/r/").unwrap().1.to_owned();
    let client = HttpClient::new(Limits::default()).unwrap();
    let call = async |method: Method, what: &str| -> Answer {
        let url = format!("http://{}/r/{path}{what}", corner.web);
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, "application/json".parse().unwrap());
        headers.insert("sec-fetch-site", "same-origin".parse().unwrap());
        client.call(method, &url, headers, bytes::Bytes::new()).await.unwrap()
    };
    assert_eq!(call(Method::GET, "").await.status.as_u16(), 200);
    let made = call(Method::POST, "/link").await;
    let made: Value = serde_json::from_slice(&made.body).unwrap();
    let link_token = made["token"].as_str().expect("a token for Link").to_owned();
    let public_token = corner.cobalt.complete_link(&link_token).expect("Link to end well");
    assert!(call(Method::POST, "/done").await.status.is_success());
    eventually("the case to close", || async {
        let cases = api.cases().await;
        (cases.first()?["close_reason"] == "repaired").then_some(())
    })
    .await;
    Canaries(vec![
        ("the access token", ACCESS_TOKEN.to_owned()),
        ("the link's token", path),
        ("the token for Link", link_token),
        ("Link's public token", public_token),
        ("the email address", EMAIL.to_owned()),
        ("the phone number", PHONE.to_owned()),
        ("the client secret", "cs_test".to_owned()),
    ])
}

/// Stops the processes and answers everything they logged.
fn logs(processes: Vec<Relink>) -> Vec<u8> {
    let mut all = Vec::new();
    for process in processes {
        let path = process.log_file();
        assert_eq!(process.stop(), Some(0));
        all.extend(std::fs::read(path).unwrap());
    }
    all
}

async fn nothing_shows(engines: Engines) {
    let corner = Corner::new(engines, ONE_STEP).await;
    corner.reconfigure("filter = \"info\"", "filter = \"trace\"");
    let processes = corner.deploy(engines);
    let canaries = whole_way_back(&corner).await;
    let log = logs(processes);
    let text = String::from_utf8_lossy(&log);
    for line in ["relink is running", "attempt ended"] {
        assert!(text.contains(line), "{line} is not in the log:\n{text}");
    }
    assert_eq!(canaries.seen_in(&log), Vec::<&str>::new(), "in the log");

    let dump = corner.dump().await;
    assert!(dump.iter().any(|(table, rows)| table == "attempts" && !rows.is_empty()));
    for (table, rows) in &dump {
        let mut seen = canaries.seen_in(rows);
        if table == CONTACTS {
            seen.retain(|name| !["the email address", "the phone number"].contains(name));
            assert!(!rows.is_empty(), "an address must be found where it is kept");
        }
        assert_eq!(seen, Vec::<&str>::new(), "in table {table}");
    }
}

#[tokio::test]
async fn nothing_shows_in_log_or_database_embedded() {
    nothing_shows(Engines::Embedded).await;
}

#[tokio::test]
async fn nothing_shows_in_log_or_database_on_three_processes() {
    nothing_shows(Engines::Servers).await;
}

#[test]
fn a_canary_is_found_in_the_clear_and_in_hexadecimal() {
    let canaries = Canaries(vec![("it", "abc".to_owned())]);
    assert_eq!(canaries.seen_in(b"..abc.."), ["it"]);
    assert_eq!(canaries.seen_in(b"x 616263"), ["it"]);
    assert!(canaries.seen_in(b"ab c").is_empty());
}
