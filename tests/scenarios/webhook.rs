//! `relink webhook` against a pretend Cobalt, in every shape in which it may answer.

use relink_sandbox::{ApiFault, RegisterAnswer, Registration, RotatePath};
use relink_tests::{Corner, Engines, Relink};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

const URL: &str = "https://relink.example.org/webhooks/cobalt";

async fn corner() -> Corner {
    Corner::new(Engines::Embedded, "").await
}

/// Exit code, standard output, standard error.
fn relink(corner: &Corner, arguments: &[&str]) -> (i32, String, String) {
    let output = Relink::output(&corner.config(), arguments);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

fn file(corner: &Corner, name: &str) -> PathBuf {
    corner.folder.path().join(name)
}

/// What `--secret-file` wrote: one line, for its owner alone.
fn secret_in(path: &PathBuf) -> String {
    let mode = std::fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    std::fs::read_to_string(path).unwrap().strip_suffix('\n').unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_registered_once_whatever_the_answer_looks_like() {
    let answers = [
        RegisterAnswer::SecretOnly,
        RegisterAnswer::Nested,
        RegisterAnswer::Flat,
        RegisterAnswer::NestedLong,
    ];
    for answer in answers {
        for secret_for_each in [false, true] {
            let corner = corner().await;
            let how = Registration { answer, secret_for_each, ..Registration::default() };
            corner.cobalt.register_as(how);
            let path = file(&corner, "secret");
            let ensure = ["webhook", "ensure", "--secret-file", path.to_str().unwrap()];
            let (code, said, error) = relink(&corner, &ensure);
            assert_eq!(code, 0, "{how:?}: {error}");
            let registered = corner.cobalt.registered();
            assert_eq!((registered.len(), registered[0].url.as_str()), (1, URL));
            let secret = match secret_for_each {
                true => registered[0].secret.clone(),
                false => corner.cobalt.shared_secret(),
            };
            assert_eq!(secret_in(&path), secret, "{how:?}");
            assert!(said.contains("[[cobalt.webhook_secrets]]"), "{said}");
            assert!(said.contains(&format!("secret = {{ file = \"{}\" }}", path.display())));
            assert!(
                said.contains(&registered[0].id),
                "the id, from the answer or the list: {said}"
            );
            assert!(!said.contains(&secret) && !error.contains(&secret), "the secret was printed");

            // Twice is once.
            let (code, said, error) = relink(&corner, &["webhook", "ensure"]);
            assert_eq!(code, 0, "{error}");
            assert!(said.contains("registered already"), "{said}");
            assert_eq!(corner.cobalt.registered(), registered);
            // Where Cobalt shows the secret again, so does the file; where not, it is said.
            let (code, _, error) = relink(&corner, &ensure);
            assert_eq!(code, i32::from(secret_for_each), "{error}");
            assert_eq!(error.contains("does not show its secret again"), secret_for_each);
            assert_eq!(secret_in(&path), secret);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_made_that_has_nowhere_to_go() {
    let corner = corner().await;
    assert_eq!(relink(&corner, &["webhook", "ensure"]).0, 2, "a secret with nowhere to go");
    assert_eq!(relink(&corner, &["webhook", "rotate"]).0, 2);
    let path = file(&corner, "secret");
    std::fs::write(&path, "older").unwrap();
    let ensure = ["webhook", "ensure", "--secret-file", path.to_str().unwrap()];
    let (code, _, error) = relink(&corner, &ensure);
    assert_eq!(code, 1);
    assert!(error.contains("is there already"), "{error}");
    let nowhere = file(&corner, "none/secret");
    let to_nowhere = ["webhook", "ensure", "--secret-file", nowhere.to_str().unwrap()];
    assert_eq!(relink(&corner, &to_nowhere).0, 74);
    for url in ["http://a.example/webhooks/cobalt", "https://user:pw@a.example/", "a.example"] {
        let (code, _, error) = relink(&corner, &["webhook", "ensure", "--url", url]);
        assert_eq!(code, 2, "{url}");
        assert!(!error.contains("pw@"), "{error}");
    }
    assert!(corner.cobalt.registered().is_empty(), "Cobalt was asked all the same");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "older");

    let overwrite = [&ensure[..], &["--overwrite"]].concat();
    assert_eq!(relink(&corner, &overwrite).0, 0);
    assert_eq!(secret_in(&path), corner.cobalt.shared_secret());

    let at_home =
        corner.variant("http", &[("https://relink.example.org", "http://127.0.0.1:8080")]);
    let output = Relink::output(&at_home, &["webhook", "ensure", "--show-secret"]);
    assert_eq!(output.status.code(), Some(64), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_rotated_by_either_path_and_the_old_one_keeps_its_day() {
    for rotates in [RotatePath::Either, RotatePath::WithId, RotatePath::WithoutId] {
        let corner = corner().await;
        corner.cobalt.register_as(Registration { rotates, ..Registration::default() });
        let shown = ["webhook", "ensure", "--show-secret", "--output", "json"];
        let (code, said, error) = relink(&corner, &shown);
        assert_eq!(code, 0, "{error}");
        let ensured: Value = serde_json::from_str(&said).unwrap();
        let before = corner.cobalt.shared_secret();
        assert_eq!(
            (&ensured["secret"], &ensured["registered"]),
            (&before.clone().into(), &true.into())
        );

        let path = file(&corner, "new");
        let rotate = ["webhook", "rotate", "--secret-file", path.to_str().unwrap()];
        let (code, said, error) = relink(&corner, &rotate);
        assert_eq!(code, 0, "{rotates:?}: {error}");
        assert_ne!(corner.cobalt.shared_secret(), before);
        assert_eq!(secret_in(&path), corner.cobalt.shared_secret());
        assert!(said.contains("id = \"current\"") && said.contains("not_after = "), "{said}");
        assert!(!said.contains(&secret_in(&path)), "{said}");

        // The advice is a configuration: the new entry, and the end of the old one.
        let line = |start: &str| said.lines().rfind(|line| line.starts_with(start)).unwrap();
        let entry = format!(
            "{}\n[[cobalt.webhook_secrets]]\n{}\n{}\n",
            line("not_after = "),
            line("id = "),
            line("secret = ")
        );
        let old = "secret = \"your_webhook_secret_key\"\n";
        let config = corner.variant("rotated", &[(old, &format!("{old}{entry}"))]);
        let checked = Relink::output(&config, &["config", "print"]);
        let printed = String::from_utf8_lossy(&checked.stdout).into_owned();
        assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
        assert_eq!(printed.matches("[[cobalt.webhook_secrets]]").count(), 2, "{printed}");

        // What is there is not replaced, and so nothing is rotated.
        let now = corner.cobalt.shared_secret();
        assert_eq!(relink(&corner, &rotate).0, 1);
        assert_eq!(corner.cobalt.shared_secret(), now);
        let unknown = ["webhook", "rotate", "wh_none", "--show-secret"];
        assert_eq!(relink(&corner, &unknown).0, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_registered_is_listed_and_removed_once() {
    let corner = corner().await;
    assert_eq!(relink(&corner, &["webhook", "list"]).1.trim(), "none");
    for url in ["https://a.example/one", "https://a.example/two", "https://a.example/three"] {
        let ensure = ["webhook", "ensure", "--url", url, "--show-secret"];
        assert_eq!(relink(&corner, &ensure).0, 0);
    }
    let (code, said, _) = relink(&corner, &["webhook", "list", "--output", "json"]);
    let listed: Vec<Value> = serde_json::from_str(&said).unwrap();
    assert_eq!((code, listed.len()), (0, 3));
    let id = listed[0]["id"].as_str().unwrap();
    assert!(id.starts_with("wh_") && listed[2]["url"] == "https://a.example/three", "{said}");
    let (_, table, _) = relink(&corner, &["webhook", "list"]);
    assert!(table.contains(id) && !table.contains(&corner.cobalt.shared_secret()), "{table}");

    for (which, left, said) in [
        (id, 2, "removed"),
        (id, 2, "nothing to remove"),
        ("https://a.example/two/", 1, "removed"),
        ("https://a.example/two", 1, "nothing to remove"),
        ("https://b.example/", 1, "nothing to remove"),
    ] {
        let (code, output, error) = relink(&corner, &["webhook", "remove", which]);
        assert_eq!(code, 0, "{which}: {error}");
        assert!(output.contains(said), "{which}: {output}");
        assert_eq!(corner.cobalt.registered().len(), left);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn acts_are_in_the_operator_log_where_there_is_a_store_and_a_token_comes_from_it() {
    let corner = corner().await;
    let (code, _, error) = relink(&corner, &["webhook", "ensure", "--show-secret"]);
    assert_eq!(code, 0, "{error}");
    assert!(error.contains("not in the operator log: there is no store yet"), "{error}");
    assert!(!corner.folder.path().join("data").exists(), "a store was made");

    assert_eq!(relink(&corner, &["migrate"]).0, 0);
    let accounts = file(&corner, "accounts.jsonl");
    let account =
        r#"{"account_ref":"a","user_id":"u","org_id":"o","access_token":"t1","contacts":[]}"#;
    std::fs::write(&accounts, account).unwrap();
    assert_eq!(relink(&corner, &["accounts", "import", accounts.to_str().unwrap()]).0, 0);
    corner.cobalt.add_account("a", "t1");
    corner.cobalt.register_as(Registration { needs_access_token: true, ..Registration::default() });
    let rotate = ["webhook", "rotate", "--show-secret"];
    let (code, _, error) = relink(&corner, &rotate);
    assert_eq!(code, 1, "{error}");
    assert!(error.contains("HTTP 401"), "{error}");
    let as_account = |more: &[&'static str]| [more, &["--account", "a"]].concat();
    let (code, _, error) = relink(&corner, &as_account(&rotate));
    assert_eq!((code, error.as_str()), (0, ""));
    let id = corner.cobalt.registered().remove(0).id;
    let (code, _, error) = relink(&corner, &["webhook", "remove", &id, "--account", "a"]);
    assert_eq!(code, 0, "{error}");
    assert_eq!(relink(&corner, &["webhook", "list", "--account", "nobody"]).0, 1);

    let log = operator_log(&corner);
    let acts: Vec<(&str, &str)> =
        log.iter().map(|(action, subject)| (action.as_str(), subject.as_str())).collect();
    let id = id.as_str();
    let expected = [
        ("webhook_rotate", id),
        ("webhook_rotate", id),
        ("webhook_remove", id),
        ("webhook_remove", id),
    ];
    assert_eq!(acts, expected);
    assert_eq!(relink(&corner, &["audit"]).0, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cobalt_that_fails_is_told_apart_by_the_exit_code() {
    let corner = corner().await;
    for (fault, expected) in [
        (ApiFault::Status(500), 69),
        (ApiFault::Status(429), 69),
        (ApiFault::Status(401), 1),
        (ApiFault::Garbage, 1),
    ] {
        corner.cobalt.api.push(fault);
        let (code, _, error) = relink(&corner, &["webhook", "list"]);
        assert_eq!(code, expected, "{fault:?}: {error}");
        assert!(error.contains("list webhooks") && !error.contains("cs_test"), "{error}");
    }
    let gone = corner.variant("gone", &[(&corner.cobalt.url(), "http://127.0.0.1:9")]);
    assert_eq!(Relink::output(&gone, &["webhook", "list"]).status.code(), Some(69));
}

/// Action and subject of every entry.
fn operator_log(corner: &Corner) -> Vec<(String, String)> {
    let store = rusqlite::Connection::open(file(corner, "data/relink.db")).unwrap();
    let sql = "SELECT action, subject_id FROM operator_log ORDER BY sequence";
    let mut statement = store.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.map(Result::unwrap).collect()
}
