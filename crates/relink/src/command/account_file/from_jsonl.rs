//! Lines of JSON: one account each, as the app's API takes them.

use super::{AccountFile, Country, check, e164, given};
use relink_core::account::AccountInput;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read};

#[derive(Deserialize)]
struct JsonLine {
    account_ref: String,
    #[serde(flatten)]
    account: serde_json::Map<String, serde_json::Value>,
}

pub(super) fn read_jsonl(file: impl Read, country: Option<Country>) -> AccountFile {
    let mut read = AccountFile::default();
    let mut seen: BTreeMap<String, u64> = BTreeMap::new();
    for (line, text) in (1..).zip(BufReader::new(file).lines()) {
        let text = match text {
            Ok(text) if text.trim().is_empty() => continue,
            Ok(text) => text,
            Err(error) => {
                read.bad(line, format!("cannot be read: {error}"));
                // A line that is not text is passed over; a file that cannot be read, such as a
                // folder, would fail without end.
                if error.kind() == std::io::ErrorKind::InvalidData {
                    continue;
                }
                break;
            }
        };
        match json_line(&text, country) {
            Err(why) => read.bad(line, why),
            Ok((account_ref, input)) => match seen.insert(account_ref.clone(), line) {
                Some(before) => read.bad(line, format!("is the same account as line {before}")),
                None => check(&account_ref, input, line, &mut read),
            },
        }
    }
    read
}

fn json_line(text: &str, country: Option<Country>) -> Result<(String, AccountInput), String> {
    // serde's text may quote values; the kind of fault and its column are enough.
    let describe = |error: serde_json::Error| {
        if error.is_data() {
            field_named(&error.to_string())
        } else {
            format!("is not JSON: {:?} error at column {}", error.classify(), error.column())
        }
    };
    let line: JsonLine = serde_json::from_str(text).map_err(describe)?;
    let mut input: AccountInput =
        serde_json::from_value(serde_json::Value::Object(line.account)).map_err(describe)?;
    for (index, contact) in input.contacts.iter_mut().enumerate() {
        if let Some(phone) = given(contact.phone.take()) {
            let number = e164(&phone, country);
            contact.phone = Some(number.map_err(|why| format!("contacts[{index}].phone {why}"))?);
        }
    }
    Ok((line.account_ref, input))
}

/// What serde says about a field, when that names the field and no value: values may be secret.
fn field_named(said: &str) -> String {
    let safe = ["missing field `", "unknown field `", "duplicate field `"];
    match said.split(" at line ").next() {
        Some(said) if safe.iter().any(|start| said.starts_with(start)) => said.to_owned(),
        Some(_) | None => "a field is of the wrong type".to_owned(),
    }
}
