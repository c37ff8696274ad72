//! What operators type: exit codes, files, and errors that name what, where and what to do.

use relink_tests::{Corner, Engines, Relink};
use serde_json::Value;

async fn corner() -> Corner {
    Corner::new(Engines::Embedded, "").await
}

/// Exit code, standard output, standard error.
fn relink(corner: &Corner, arguments: &[&str]) -> (i32, String, String) {
    let output = Relink::output(&corner.config(), arguments);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

#[tokio::test]
async fn check_says_which_commands_can_start() {
    let corner = corner().await;
    let (code, said, _) = relink(&corner, &["check"]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("relink run: can start"), "{said}");
    assert!(said.contains("relink receive: not with this file"), "{said}");
    assert!(!corner.folder.path().join("data").exists(), "check opened something");
}

#[tokio::test]
async fn a_bad_configuration_is_64_and_names_every_fault_with_its_line() {
    let corner = corner().await;
    let text = std::fs::read_to_string(corner.config()).unwrap();
    let text = text
        .replace("name = \"Acme Health\"", "nmae = \"Acme Health\"")
        .replace("format = \"json\"", "format = \"xml\"");
    std::fs::write(corner.config(), text).unwrap();
    for command in [&["check"][..], &["run"], &["cases", "list"]] {
        let (code, _, error) = relink(&corner, command);
        assert_eq!(code, 64, "{error}");
        for part in ["nmae", "did you mean", "line 3", "log.format", "to fix"] {
            assert!(error.contains(part), "no \"{part}\" in:\n{error}");
        }
        assert!(!error.contains("your_webhook_secret_key"));
    }
    let (code, _, error) = relink(&corner, &["--config", "/nowhere/relink.toml", "check"]);
    assert_eq!(code, 2, "given twice is wrong usage: {error}");
}

#[tokio::test]
async fn wrong_usage_is_2_and_an_unreachable_store_is_69() {
    let corner = corner().await;
    assert_eq!(relink(&corner, &["dance"]).0, 2);
    assert_eq!(relink(&corner, &["work", "--only", "sleep"]).0, 2);
    let mut text = std::fs::read_to_string(corner.config()).unwrap();
    text.push_str(
        "\n[store]\nurl = \"postgres://nobody@127.0.0.1:1/none\"\ntls = \"disable\"\n[[encryption.keys]]\nid = \"k\"\nsecret = \"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"\n",
    );
    std::fs::write(corner.config(), text).unwrap();
    let (code, _, error) = relink(&corner, &["cases", "list"]);
    assert_eq!(code, 69, "{error}");
}

#[tokio::test]
async fn a_store_without_a_schema_says_what_to_run() {
    let corner = corner().await;
    let (code, _, error) = relink(&corner, &["cases", "list"]);
    assert_eq!(code, 1);
    assert!(error.contains("relink migrate"), "{error}");
    assert_eq!(relink(&corner, &["migrate"]).0, 0);
    let (code, said, _) = relink(&corner, &["migrate"]);
    assert_eq!((code, said.trim()), (0, "the schema is up to date"));
    assert_eq!(relink(&corner, &["cases", "list"]).1.trim(), "none");
}

const HEADER: &str =
    "account_ref,user_id,org_id,access_token,contact_id,role,email,phone,sms_consent\n";

#[tokio::test]
async fn accounts_are_imported_all_or_nothing_and_exported_without_tokens() {
    let corner = corner().await;
    assert_eq!(relink(&corner, &["migrate"]).0, 0);
    let file = corner.folder.path().join("accounts.csv");
    let good = "a,u,o,canary-token,c,user,a@example.org,+12025550143,yes\n";
    std::fs::write(&file, format!("{HEADER}{good}b,u,o,t,c,user,nonsense,,\n")).unwrap();
    let import = ["accounts", "import", file.to_str().unwrap()];
    let (code, _, error) = relink(&corner, &import);
    assert_eq!(code, 1);
    assert!(error.contains("line 3: contacts[0].email"), "{error}");
    assert_eq!(relink(&corner, &["accounts", "show", "a"]).0, 1, "something was written");

    let (code, said, _) = relink(&corner, &[&import[..], &["--skip-bad"]].concat());
    assert_eq!(code, 0);
    assert!(said.contains("1 new, 0 replaced, 1 bad"), "{said}");
    let (_, said, _) = relink(&corner, &["accounts", "show", "a"]);
    assert!(said.contains("a***@example.org") && !said.contains("canary"), "{said}");
    let (_, exported, _) = relink(&corner, &["accounts", "export"]);
    let row: Value = serde_json::from_str(exported.trim()).unwrap();
    assert_eq!(row["contacts"][0]["email"], "a@example.org");
    assert!(row.get("access_token").is_none() && !exported.contains("canary"));
    assert_eq!(relink(&corner, &["accounts", "delete", "a"]).0, 0);
    assert_eq!(relink(&corner, &["accounts", "delete", "a"]).0, 1);
    let bytes = std::fs::read(corner.folder.path().join("data/relink.db")).unwrap();
    assert!(!bytes.windows(12).any(|window| window == b"canary-token"), "a token in the clear");
}

#[tokio::test]
async fn dead_letters_of_a_stopped_program_can_be_looked_at() {
    let corner = corner().await;
    assert_eq!(relink(&corner, &["migrate"]).0, 0);
    let (code, said, error) = relink(&corner, &["dead", "list"]);
    assert_eq!((code, said.trim()), (0, "none"), "{error}");
    for command in ["show", "replay", "discard"] {
        let (code, _, error) = relink(&corner, &["dead", command, "nothing"]);
        assert_eq!(code, 1, "{error}");
        assert!(error.contains("nothing"), "{error}");
    }
}

#[tokio::test]
async fn the_configuration_prints_without_secrets_and_has_a_schema() {
    let corner = corner().await;
    let (code, said, _) = relink(&corner, &["config", "print"]);
    assert_eq!(code, 0);
    assert!(said.contains("Acme Health") && !said.contains("your_webhook_secret_key"), "{said}");
    let (code, said, _) = relink(&corner, &["config", "schema"]);
    assert_eq!(code, 0);
    let schema: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(schema["type"], "object");
}
