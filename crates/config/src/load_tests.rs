//! Finding the file, fetching secrets, what a role needs, what is printed, and the schema.

use crate::testing::{env, load};
use crate::{
    Config, ConfigError, Encryption, Env, ProcessRole, Queue, SmsFrom, SpoolKey, Store, schema,
};
use relink_core::account::{Channel, Role};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

const LEAST: &str = r#"
[instance]
name = "Acme Health"
public_url = "https://relink.example.org/"
[email]
from = "no-reply@acme.example"
[sms]
enabled = false
"#;

#[test]
fn defaults_fill_everything_that_need_not_be_set() {
    let bare = BTreeMap::<&str, &str>::new();
    let loaded = Config::parse(LEAST, "relink.toml", Path::new("/srv"), &bare).unwrap();
    let config = loaded.config;
    assert_eq!(config.instance.public_url, "https://relink.example.org");
    assert_eq!(config.instance.data_dir, Path::new("/srv/data"));
    assert!(matches!(config.queue, Queue::Embedded));
    assert!(
        matches!(&config.store, Store::Sqlite(file) if file == Path::new("/srv/data/relink.db"))
    );
    assert!(
        matches!(&config.receiver.spool_key, SpoolKey::File(file) if file == Path::new("/srv/data/spool.key"))
    );
    assert!(
        matches!(&config.encryption, Encryption::File(file) if file == Path::new("/srv/data/encryption.key"))
    );
    assert_eq!(config.receiver.max_body, 65_536);
    assert!(config.cobalt.client_id.is_none());
    assert_eq!(config.sms.from, SmsFrom::Number(String::new()));
    let steps: Vec<_> = config.policy.steps.iter().map(|s| (s.id.as_str(), s.at, s.to)).collect();
    let day = Duration::from_secs(86_400);
    assert_eq!(steps, [("first", Duration::ZERO, Role::User), ("nudge", day, Role::User)]);
    assert_eq!(config.policy.steps[1].channels, [Channel::Sms, Channel::Email]);
    let warned: Vec<&str> = loaded.warnings.iter().map(|warning| warning.key.as_str()).collect();
    assert_eq!(
        warned,
        ["cobalt.client_id", "cobalt.client_secret", "cobalt.webhook_secrets", "api.keys"],
        "a missing client is only a warning"
    );
}

#[test]
fn the_file_is_found_by_argument_then_variable() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, LEAST.replace("Acme Health", name)).unwrap();
        path
    };
    let (argument, variable) = (at("argument"), at("variable"));
    let mut env = BTreeMap::from([("RELINK_CONFIG".to_owned(), variable.display().to_string())]);
    let name = |path: Option<&Path>, env: &dyn Env| {
        Config::load(path, env).map(|loaded| loaded.config.instance.name)
    };
    assert_eq!(name(Some(&argument), &env).unwrap(), "argument");
    assert_eq!(name(None, &env).unwrap(), "variable");
    env.insert("RELINK_CONFIG".to_owned(), dir.path().join("absent").display().to_string());
    let error = name(None, &env).unwrap_err();
    assert!(matches!(&error, ConfigError::Missing { named_by: "named by RELINK_CONFIG", .. }));
    assert!(error.to_string().contains("to fix:"), "{error}");
    // The tests of this crate run in its folder, which has no config/relink.toml.
    env.insert("RELINK_CONFIG".to_owned(), String::new());
    let error = name(None, &env).unwrap_err();
    assert!(
        matches!(error, ConfigError::Missing { path, .. } if path == Path::new("config/relink.toml"))
    );
}

#[test]
fn a_receiver_neither_fetches_keys_nor_learns_where_the_store_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("relink.toml");
    let secrets = "[store]\nurl = { env = \"CANARY_DATABASE\" }\ntls = \"disable\"\n[[encryption.keys]]\nid = \"k\"\nsecret = { file = \"/nowhere/canary\" }\n";
    std::fs::write(&path, format!("{LEAST}{secrets}")).unwrap();
    let load = |role, env: &dyn Env| Config::load_for(role, Some(&path), env);
    let loaded = load(ProcessRole::Receive, &env()).unwrap();
    assert!(matches!(loaded.config.store, Store::NotHeld));
    assert!(matches!(loaded.config.encryption, Encryption::NotHeld));
    for role in [ProcessRole::Run, ProcessRole::Work, ProcessRole::Web] {
        let error = load(role, &env()).unwrap_err().to_string();
        assert!(error.contains("CANARY_DATABASE") && error.contains("/nowhere/canary"), "{error}");
    }
    // What is there is left alone as well.
    let mut with = env();
    with.insert("CANARY_DATABASE", "postgres://relink:canary@127.0.0.1/db");
    let key = dir.path().join("key");
    std::fs::write(&key, "ab".repeat(32)).unwrap();
    let secrets = secrets.replace("/nowhere/canary", key.to_str().unwrap());
    std::fs::write(&path, format!("{LEAST}{secrets}")).unwrap();
    let config = load(ProcessRole::Receive, &with).unwrap().config;
    assert!(!format!("{config:?}").contains("canary"));
    assert!(matches!((&config.store, &config.encryption), (Store::NotHeld, Encryption::NotHeld)));
    assert!(config.print().contains("not read"), "{}", config.print());
    // A typing error is one for every role.
    std::fs::write(&path, format!("{LEAST}[store]\nulr = \"sqlite:a\"\n")).unwrap();
    assert!(load(ProcessRole::Receive, &env()).unwrap_err().to_string().contains("ulr"));
}

#[test]
fn what_is_no_text_file_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let bare = BTreeMap::<&str, &str>::new();
    let error = |bytes: &[u8]| {
        let path = dir.path().join("file");
        std::fs::write(&path, bytes).unwrap();
        Config::load(Some(&path), &bare).unwrap_err()
    };
    assert!(matches!(error(b"\xff\xfe"), ConfigError::NotText { why: "not UTF-8 text", .. }));
    assert!(matches!(
        error(&vec![b'#'; 1 << 21]),
        ConfigError::NotText { why: "larger than 1 MiB", .. }
    ));
    let folder = Config::load(Some(dir.path()), &bare).unwrap_err();
    assert!(matches!(folder, ConfigError::Unreadable { .. }), "{folder}");
}

#[test]
fn secrets_come_out_as_they_are_meant() {
    let config = load(&with_secret("{ env = \"COBALT_WEBHOOK_SECRET\" }")).unwrap().config;
    let cobalt = config.cobalt;
    assert_eq!(cobalt.client_id.unwrap().expose(), "canary-ci-0123456789");
    assert_eq!(cobalt.client_secret.unwrap().expose(), "canary-cs-0123456789", "quotes come off");
    assert_eq!(cobalt.webhook_secrets[0].secret.expose(), "canary-webhook-0123456789");
}

#[test]
fn files_of_secrets_are_read_from_the_given_folder() {
    let dir = tempfile::tempdir().unwrap();
    let read = |content: &[u8]| {
        std::fs::write(dir.path().join("secret"), content).unwrap();
        Config::parse(&with_secret("{ file = \"secret\" }"), "f", dir.path(), &env())
    };
    for content in ["canary  x", "canary  x\n", "canary  x\r\n"] {
        let secrets = read(content.as_bytes()).unwrap().config.cobalt.webhook_secrets;
        assert_eq!(secrets[0].secret.expose(), "canary  x");
    }
    for bad in [&b""[..], b"\n", b"canary\nbird\n", b"canary\xff", &vec![b'x'; 70_000]] {
        let error = read(bad).unwrap_err().to_string();
        assert!(error.contains("cobalt.webhook_secrets[0].secret"), "{error}");
        assert!(!error.contains("canary"), "{error}");
    }
    std::fs::remove_file(dir.path().join("secret")).unwrap();
    std::fs::create_dir(dir.path().join("secret")).unwrap();
    let folder = Config::parse(&with_secret("{ file = \"secret\" }"), "f", dir.path(), &env());
    assert!(folder.unwrap_err().to_string().contains("is not a regular file"));
}

#[cfg(unix)]
#[test]
fn a_file_of_secrets_that_all_may_read_is_a_warning() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("secret");
    std::fs::write(&path, "canary").unwrap();
    let warned = |mode| {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let text = with_secret("{ file = \"secret\" }");
        let loaded = Config::parse(&text, "f", dir.path(), &env()).unwrap();
        loaded.warnings.iter().any(|warning| warning.what.contains("every user of this machine"))
    };
    assert!(warned(0o644));
    assert!(!warned(0o640));
}

#[test]
fn the_clock_decides_which_webhook_secret_has_run_out() {
    struct At(&'static str);
    impl Env for At {
        fn var(&self, name: &str) -> Option<String> {
            env().var(name)
        }
        fn now(&self) -> relink_core::Timestamp {
            self.0.parse().unwrap()
        }
    }
    let text =
        with_secret("{ env = \"COBALT_WEBHOOK_SECRET\" }") + "not_after = 2026-12-01T00:00:00Z\n";
    let warnings = |now| Config::parse(&text, "f", Path::new(""), &At(now)).unwrap().warnings;
    let keys = |now| -> Vec<String> { warnings(now).into_iter().map(|w| w.key).collect() };
    assert_eq!(keys("2026-11-30T23:59:59Z"), ["api.keys"]);
    let ended = ["cobalt.webhook_secrets", "cobalt.webhook_secrets[0].not_after", "api.keys"];
    assert_eq!(keys("2026-12-01T00:00:00Z"), ended);
}

#[test]
fn what_is_switched_off_needs_no_secrets() {
    let text = LEAST.to_owned()
        + "account_sid = { env = \"UNSET\" }\nauth_token = { file = \"absent\" }\n\
           [queue.rabbitmq]\nurls = [{ env = \"UNSET\" }]\n";
    let config = load(&text).unwrap().config;
    assert!(!config.sms.enabled && config.sms.account_sid.is_empty());
    assert!(load(&text.replace("enabled = false", "from = \"+15005550006\"")).is_err());
}

#[test]
fn each_role_is_told_what_it_lacks() {
    let keys = |text: &str, role| -> Vec<String> {
        let problems = load(text).unwrap().config.check_role(role);
        problems.into_iter().map(|problem| problem.key).collect()
    };
    let embedded = with_secret("{ env = \"COBALT_WEBHOOK_SECRET\" }");
    assert_eq!(keys(&embedded, ProcessRole::Run), [""; 0]);
    assert_eq!(keys(&embedded, ProcessRole::Web), [""; 0]);
    assert_eq!(keys(&embedded, ProcessRole::Receive), ["queue.kind"]);
    assert_eq!(keys(&embedded, ProcessRole::Work), ["queue.kind"]);

    let asks = LEAST.to_owned() + "[queue]\nkind = \"rabbitmq\"\n";
    let shared = asks.clone() + "[cobalt]\nreconcile_every = \"0s\"\n";
    assert_eq!(keys(&shared, ProcessRole::Run), ["cobalt.webhook_secrets"]);
    assert_eq!(keys(&shared, ProcessRole::Receive), ["cobalt.webhook_secrets"]);
    assert_eq!(keys(&shared, ProcessRole::Work), [""; 0]);

    // One process that asks Cobalt needs no webhooks; a receiver has nothing else to do.
    assert_eq!(keys(&asks, ProcessRole::Run), [""; 0]);
    assert_eq!(keys(&asks, ProcessRole::Receive), ["cobalt.webhook_secrets"]);
    let told = load(&asks).unwrap().warnings;
    let told = told.iter().find(|warning| warning.key == "cobalt.webhook_secrets").unwrap();
    assert!(told.what.contains("only by asking Cobalt, every 10m"), "{told}");
    // Without credentials nothing can be asked.
    let bare = BTreeMap::<&str, &str>::new();
    let nobody = Config::parse(&asks, "f", Path::new(""), &bare).unwrap().config;
    assert_eq!(nobody.check_role(ProcessRole::Run).len(), 1);

    let clash = embedded.clone() + "[web]\nlisten = \"127.0.0.1:8080\"\n";
    assert_eq!(keys(&clash, ProcessRole::Run), ["web.listen"]);
    assert_eq!(keys(&clash, ProcessRole::Web), [""; 0]);
    let free = embedded + "[web]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n";
    assert_eq!(keys(&free, ProcessRole::Run), [""; 0]);
}

#[test]
fn where_the_store_is() {
    let store = |url: &str| load(&format!("{LEAST}[store]\nurl = \"{url}\"\n"));
    for (url, file) in [
        ("sqlite:other.db", "nowhere/data/other.db"),
        ("sqlite:/var/lib/relink.db", "/var/lib/relink.db"),
        ("sqlite:///var/lib/relink.db", "/var/lib/relink.db"),
    ] {
        let found = store(url).unwrap().config.store;
        assert!(matches!(&found, Store::Sqlite(at) if at == Path::new(file)), "{found:?}");
    }
    for bad in ["sqlite::memory:", "sqlite:", "sqlite:a.db?mode=ro", "relink.db"] {
        assert!(store(bad).is_err(), "{bad}");
    }
}

#[test]
fn the_effective_configuration_is_toml_without_secrets() {
    let text = with_secret("\"canary-literal\"")
        .replace("enabled = false", "messaging_service_sid = \"MG1\"")
        + r#"
not_after = 2099-01-01T00:00:00+01:00
[queue]
kind = "rabbitmq"
[queue.rabbitmq]
urls = ["amqps://u:canary@a.example", "amqps://u:canary@b.example"]
[store]
url = "postgres://u:canary@127.0.0.1/relink"
[email.smtp]
username = "relink"
password = "canary"
helo = "relink.example.org"
[[api.keys]]
id = "app"
role = "app"
secret = { env = "RELINK_APP_KEY" }
[[encryption.keys]]
id = "2026-11"
secret = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
[[encryption.keys]]
id = "2025-11"
secret = "BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
"#;
    let printed = load(&text).unwrap().config.print();
    assert!(!printed.contains("canary") && !printed.contains("AAAA"), "{printed}");
    let debug = format!("{:?}", load(&text).unwrap());
    assert!(!debug.contains("canary") && !debug.contains("AAAA"), "{debug}");
    insta::assert_snapshot!(printed);
    // What is printed reads back: only the masked values themselves can be at fault.
    if let Err(error) = load(&printed) {
        for problem in error.problems() {
            let masked = ["secret", "urls", "url", "keys"].iter().any(|k| problem.key.ends_with(k));
            assert!(masked, "{problem}");
        }
    }
}

#[test]
fn the_schema_is_made_of_the_keys_that_are_read() {
    let text = serde_json::to_string_pretty(&schema()).unwrap();
    insta::assert_snapshot!(text);
}

fn with_secret(secret: &str) -> String {
    format!("{LEAST}[[cobalt.webhook_secrets]]\nid = \"current\"\nsecret = {secret}\n")
}

#[test]
fn cobalt_is_asked_at_sensible_intervals_or_never() {
    let every = |text: &str| {
        let text = format!("{LEAST}[cobalt]\nreconcile_every = \"{text}\"\n");
        load(&text).map(|loaded| loaded.config.cobalt.reconcile_every)
    };
    for (text, seconds) in [("0s", 0), ("30s", 30), ("2h", 7_200)] {
        assert_eq!(every(text).unwrap(), std::time::Duration::from_secs(seconds), "{text}");
    }
    let error = every("29s").unwrap_err().to_string();
    assert!(
        error.contains("cobalt.reconcile_every") && error.contains("\"30s\" or more"),
        "{error}"
    );
}

#[test]
fn the_link_script_is_fetched_over_https_or_from_this_machine() {
    let with = |url: &str| load(&format!("{LEAST}[cobalt]\nlink_script_url = \"{url}\"\n"));
    for good in [
        "https://link.usecobalt.com/init.js",
        "http://127.0.0.1:4001/init.js",
        "http://[::1]:4001/init.js",
        "http://localhost:4001/init.js",
    ] {
        assert_eq!(with(good).unwrap().config.cobalt.link_script_url, good);
    }
    for bad in [
        "http://link.usecobalt.com/init.js",
        "http://192.0.2.1/init.js",
        "https://link.usecobalt.com/init.js?v=1",
        "//link.usecobalt.com/init.js",
        "/init.js",
    ] {
        let fault = with(bad).unwrap_err().to_string();
        assert!(fault.contains("cobalt.link_script_url"), "{bad}: {fault}");
    }
}
