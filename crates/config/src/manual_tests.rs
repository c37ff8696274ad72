//! `config/relink.toml` is the manual: nothing may be in it that is not read, nothing may be read
//! that is not in it, and what it gives as a default must be the default.

use crate::key::Key;
use crate::reader::known_keys;
use crate::sections::read_config;
use crate::testing::{env, load};
use crate::{Config, ProcessRole};
use std::collections::BTreeSet;
use std::path::Path;
use toml::Value;

const MANUAL: &str = include_str!("../../../config/relink.toml");

/// The shortest file that loads with the same variables: the required keys, as in the manual.
const LEAST: &str = r#"
[instance]
name = "Acme Health"
public_url = "https://relink.example.org"
[[cobalt.webhook_secrets]]
id = "current"
secret = { env = "COBALT_WEBHOOK_SECRET" }
[email]
from = "Acme Health <no-reply@acme.example>"
[sms]
from = "+15005550006"
[[api.keys]]
id = "app"
role = "app"
secret = { env = "RELINK_APP_KEY" }
"#;

#[test]
fn the_manual_loads_as_it_is_and_serves_one_machine() {
    let loaded = Config::parse(MANUAL, "relink.toml", Path::new(""), &env()).unwrap();
    assert_eq!(loaded.warnings, []);
    assert_eq!(loaded.config.check_role(ProcessRole::Run), []);
}

#[test]
fn what_the_manual_sets_is_the_default() {
    let manual = load(MANUAL).unwrap().config.print();
    assert_eq!(manual, load(LEAST).unwrap().config.print());
}

#[test]
fn each_default_in_the_manual_is_the_built_in_one() {
    let manual = as_json(&MANUAL.parse::<toml::Table>().map(Value::Table).unwrap());
    for Key { path, default, .. } in known_keys(read_config) {
        let Some(default) = default else { continue };
        let pointer = format!("/{}", path.replace('.', "/"));
        assert!(!path.contains("[]"), "{path}: a default inside a list is not compared here");
        assert_eq!(manual.pointer(&pointer), Some(&default), "{path}");
    }
}

#[test]
fn every_key_is_in_the_manual_and_nothing_else_is() {
    let known: BTreeSet<String> =
        known_keys(read_config).into_iter().map(|key| key.path.replace("[]", "")).collect();
    let mut written = BTreeSet::new();
    let whole = uncommented().parse::<toml::Table>().unwrap();
    for (name, value) in &whole {
        collect(name, value, &known, &mut written);
    }
    assert_eq!(written, known);
}

#[test]
fn every_key_has_its_reason_above_it() {
    let lines: Vec<&str> = MANUAL.lines().collect();
    let mut table = String::new();
    let mut explained = BTreeSet::new();
    for (n, line) in lines.iter().enumerate() {
        let setting = line.strip_prefix('#').unwrap_or(line);
        if let Some(header) = setting.strip_prefix('[') {
            table = header.trim_matches(['[', ']']).to_owned();
        }
        let Some(key) = key_of(line) else { continue };
        let above = lines[..n].iter().rev().find(|line| key_of(line).is_none());
        if above.is_some_and(|line| line.starts_with("# ")) {
            explained.insert(format!("{table}.{key}"));
        }
    }
    for key in known_keys(read_config) {
        let path = key.path.replace("[]", "");
        // A list of tables is explained above its first header.
        let above_header = MANUAL.contains(&format!("[[{path}]]"));
        assert!(explained.contains(&path) || above_header, "{path} has no comment");
    }
}

#[test]
fn the_variables_that_the_manual_asks_for_are_named_at_its_top() {
    let top = MANUAL.split("[instance]").next().unwrap();
    for variable in env().keys() {
        assert!(top.contains(variable), "{variable}");
    }
}

/// The manual with every key that is commented out put back.
fn uncommented() -> String {
    let line = |line: &str| match line.strip_prefix('#') {
        Some(setting) if setting.starts_with('[') || key_of(line).is_some() => setting.to_owned(),
        Some(_) | None => line.to_owned(),
    };
    MANUAL.lines().map(|l| line(l) + "\n").collect()
}

/// The key of `key = value` or `#key = value`; prose has a space after its `#`.
fn key_of(line: &str) -> Option<&str> {
    let (key, _) = line.strip_prefix('#').unwrap_or(line).split_once(" = ")?;
    let word = |c: char| c.is_ascii_lowercase() || c == '_';
    (!key.is_empty() && key.chars().all(word)).then_some(key)
}

/// The paths of `value` down to the keys that the reader takes whole.
fn collect(path: &str, value: &Value, known: &BTreeSet<String>, written: &mut BTreeSet<String>) {
    if known.contains(path) {
        written.insert(path.to_owned());
    }
    let deeper = known.iter().any(|key| key.starts_with(&format!("{path}.")));
    if !deeper {
        written.insert(path.to_owned());
    } else if let Some(table) = value.as_table() {
        for (name, value) in table {
            collect(&format!("{path}.{name}"), value, known, written);
        }
    } else {
        let items = value.as_array().unwrap();
        items.iter().for_each(|item| collect(path, item, known, written));
    }
}

fn as_json(value: &Value) -> serde_json::Value {
    serde_json::to_value(value).unwrap()
}
