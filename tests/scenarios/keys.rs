//! `relink keys` and `relink accounts link-id`, and a receiver that has neither keys nor a store.

use relink_sandbox::ApiFault;
use relink_tests::{Corner, Engines, ONE_STEP, Relink, Sender, eventually, login_required};
use serde_json::Value;
use std::path::Path;

/// Exit code, standard output, standard error.
fn relink_at(config: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output = Relink::output(config, arguments);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

/// Registers `a0`, … with the tokens `t0`, ….
fn register(corner: &Corner, accounts: usize) {
    let line = |n: usize| {
        format!(
            "{{\"account_ref\":\"a{n}\",\"user_id\":\"u\",\"org_id\":\"o\",\"access_token\":\"t{n}\",\"contacts\":[]}}\n"
        )
    };
    let file = corner.folder.path().join("accounts.jsonl");
    std::fs::write(&file, (0..accounts).map(line).collect::<String>()).unwrap();
    for command in [&["migrate"][..], &["accounts", "import", file.to_str().unwrap()]] {
        let (code, _, error) = relink_at(&corner.config(), command);
        assert_eq!(code, 0, "{error}");
    }
}

fn key(id: &str, hex: &str) -> String {
    format!("[[encryption.keys]]\nid = \"{id}\"\nsecret = \"{}\"\n", hex.repeat(32))
}

/// How many tokens each key sealed, configured or not.
fn listed(config: &Path) -> Vec<(String, bool, u64)> {
    let (code, said, error) = relink_at(config, &["keys", "list", "--output", "json"]);
    assert_eq!(code, 0, "{error}");
    let rows: Vec<Value> = serde_json::from_str(&said).unwrap();
    let row = |row: &Value| {
        let id = row["id"].as_str().unwrap().to_owned();
        (id, row["configured"].as_bool().unwrap(), row["tokens"].as_u64().unwrap())
    };
    rows.iter().map(row).collect()
}

async fn every_token_is_sealed_again(engines: Engines) {
    /// More than two batches.
    const ACCOUNTS: usize = 1_100;
    let corner = Corner::new(engines, ONE_STEP).await;
    if engines == Engines::Embedded {
        let text = std::fs::read_to_string(corner.config()).unwrap();
        std::fs::write(corner.config(), text + &key("test", "ab")).unwrap();
    }
    register(&corner, ACCOUNTS);
    let old = key("test", "ab");
    let with = |name: &str, keys: &str| corner.variant(name, &[(&old, keys)]);
    let both = with("both", &(key("new", "cd") + &old));
    let new = with("new", &key("new", "cd"));
    let count = ACCOUNTS as u64;
    assert_eq!(listed(&both), [("new".into(), true, 0), ("test".into(), true, count)]);
    assert_eq!(listed(&new), [("new".into(), true, 0), ("test".into(), false, count)]);

    let (code, said, error) = relink_at(&both, &["keys", "rotate", "--dry-run"]);
    assert_eq!(code, 0, "{error}");
    assert!(said.contains("1100 tokens would be sealed with new; nothing was done"), "{said}");
    assert_eq!(listed(&both), [("new".into(), true, 0), ("test".into(), true, count)]);
    // Without the old key nothing opens: each is named, and it is 1.
    let (code, said, error) = relink_at(&new, &["keys", "rotate"]);
    assert_eq!(code, 1, "{error}");
    assert_eq!(said.matches("no configured key opens the token of a").count(), ACCOUNTS);
    assert!(error.contains("1100 tokens cannot be opened"), "{error}");

    let (code, said, error) = relink_at(&both, &["keys", "rotate"]);
    assert_eq!(code, 0, "{error}");
    assert!(said.contains("1100 tokens are sealed with new now"), "{said}");
    assert!(said.contains("backups") && said.contains("operator log:"), "{said}");
    // Not a terminal: plain lines, no bar.
    assert!(error.contains("1000 of 1100 tokens") && !error.contains('\u{1b}'), "{error}");
    assert_eq!(listed(&new), [("new".into(), true, count)]);
    let (code, said, _) = relink_at(&new, &["keys", "rotate", "--output", "json"]);
    let again: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((code, &again["resealed"], &again["left"]), (0, &0.into(), &0.into()));
    assert_eq!(relink_at(&new, &["audit"]).0, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_token_is_sealed_again_in_sqlite() {
    every_token_is_sealed_again(Engines::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_token_is_sealed_again_in_postgresql() {
    every_token_is_sealed_again(Engines::Servers).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_account_gets_its_name_at_cobalt_and_the_others_are_told() {
    let corner = Corner::new(Engines::Embedded, ONE_STEP).await;
    register(&corner, 5);
    for (name, token) in [("unset", "t0"), ("a1", "t1"), ("other", "t2"), ("broken", "t3")] {
        corner.cobalt.add_account(name, token);
    }
    corner.cobalt.break_silently("broken");
    let config = corner.config();
    let link = |more: &[&str]| relink_at(&config, &[&["accounts", "link-id"], more].concat());
    // a4 is not known to Cobalt, which then refuses to name it.
    let (code, said, error) = link(&["--all", "--output", "json"]);
    assert_eq!(code, 1, "{error}");
    let linked: Value = serde_json::from_str(&said).unwrap();
    let counts = ["set", "already_set", "failed", "not_asked"].map(|name| linked[name].as_u64());
    assert_eq!(counts, [Some(2), Some(1), Some(2), Some(0)], "{said}");
    assert_eq!(corner.cobalt.reference_of("t0").as_deref(), Some("a0"));
    assert_eq!(corner.cobalt.reference_of("t2").as_deref(), Some("a2"));
    let whys: Vec<&str> = linked["accounts"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|row| row["why"].as_str())
        .collect();
    assert!(whys[0].contains("login_required") && whys[1].contains("404"), "{whys:?}");

    let (code, said, error) = link(&["a0", "a1", "a2"]);
    assert_eq!(code, 0, "{error}");
    assert!(said.contains("a0: already set") && said.contains("0 set, 3 already set, 0 failed"));
    let (code, said, _) = link(&["a0", "nobody"]);
    assert_eq!(code, 1);
    assert!(said.contains("nobody: failed: there is no such account"), "{said}");
    assert_eq!(link(&[]).0, 2);

    // Cobalt away: not five deadlines for each account, but five in all.
    for _ in 0..5 {
        corner.cobalt.api.push(ApiFault::Status(503));
    }
    let (code, said, error) = link(&["--all"]);
    assert_eq!(code, 69, "{error}");
    assert!(said.contains("5 failed") && !said.contains("t0"), "{said}");
    corner.cobalt.repair_login("broken");
    assert_eq!(link(&["a3"]).0, 0);
    assert_eq!(corner.cobalt.reference_of("t3").as_deref(), Some("a3"));
    assert_eq!(relink_at(&config, &["audit"]).0, 0);
}

/// It faces the network, so it must hold neither.
#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_answers_without_keys_and_without_a_store() {
    let corner = Corner::new(Engines::Servers, ONE_STEP).await;
    let text = std::fs::read_to_string(corner.config()).unwrap();
    let from = text.find("[store]").unwrap();
    let to = text.find("[policy]").unwrap();
    let nothing = "[store]\nurl = { env = \"NO_SUCH_DATABASE\" }\n[[encryption.keys]]\nid = \"k\"\nsecret = { file = \"/nowhere/key\" }\n";
    let text = format!("{}{nothing}{}", &text[..from], &text[to..]);
    std::fs::write(corner.config(), text).unwrap();
    for role in ["work", "web"] {
        let (code, _, error) = relink_at(&corner.config(), &[role]);
        assert_eq!(code, 64, "{role}: {error}");
        assert!(error.contains("NO_SUCH_DATABASE") && error.contains("/nowhere/key"), "{error}");
    }
    let process = corner.start(&["receive"]);
    let sender = Sender::new(&format!("http://{}", corner.receiver));
    sender.until_accepted(&login_required("evt-1", "clinic_1")).await;
    eventually("the receiver to be ready", || async {
        let (status, _) = process.admin("/readyz").await?;
        (status == 200).then_some(())
    })
    .await;
    let data = corner.folder.path().join("data");
    assert!(data.join("spool").exists());
    for made in ["relink.db", "encryption.key"] {
        assert!(!data.join(made).exists(), "{made} was made");
    }
    assert_eq!(process.stop(), Some(0));
}
