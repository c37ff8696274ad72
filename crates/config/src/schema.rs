//! The JSON Schema of the file, for editors and for checks outside of Relink. It is made from
//! the keys the reader asks for, so that it cannot disagree with what is read.

use crate::key::Key;
use crate::kind::Shape;
use crate::reader::known_keys;
use crate::sections::read_config;
use serde_json::{Map, Value, json};

/// The schema of `config/relink.toml`, JSON Schema 2020-12. Units stand in `description`.
pub fn schema() -> Value {
    let mut top = table();
    for key in known_keys(read_config) {
        let parts: Vec<&str> = key.path.split('.').collect();
        place(&mut top, &parts, &key);
    }
    top.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    top.insert("title".to_owned(), json!("Relink configuration"));
    top.insert("$defs".to_owned(), json!({ "source": source() }));
    Value::Object(top)
}

fn table() -> Map<String, Value> {
    let mut table = Map::new();
    table.insert("type".to_owned(), json!("object"));
    table.insert("properties".to_owned(), json!({}));
    table.insert("additionalProperties".to_owned(), json!(false));
    table
}

/// Puts `key` into the tree of tables below `into`, making the tables on the way.
fn place(into: &mut Map<String, Value>, parts: &[&str], key: &Key) {
    let Some((first, rest)) = parts.split_first() else { return };
    // A table with a required key is required itself; a list of tables may be left out.
    if key.required && (rest.is_empty() || !key.path.contains("[]")) {
        require(into, first);
    }
    let Some(properties) = into.get_mut("properties").and_then(Value::as_object_mut) else {
        return;
    };
    let name = first.trim_end_matches("[]");
    if rest.is_empty() {
        properties.insert(name.to_owned(), property(key));
        return;
    }
    let child = properties.entry(name).or_insert_with(|| Value::Object(table()));
    let inner = if first.ends_with("[]") { child.get_mut("items") } else { Some(child) };
    if let Some(inner) = inner.and_then(Value::as_object_mut) {
        place(inner, rest, key);
    }
}

fn require(table: &mut Map<String, Value>, name: &str) {
    let names = table.entry("required").or_insert_with(|| json!([]));
    if let Some(names) = names.as_array_mut().filter(|names| !names.contains(&json!(name))) {
        names.push(json!(name));
    }
}

fn property(key: &Key) -> Value {
    let mut property = shape(&key.shape);
    if let Some(property) = property.as_object_mut() {
        let description = match unit(&key.shape) {
            Some(unit) => format!("{} {unit}", key.doc),
            None => key.doc.to_owned(),
        };
        property.insert("description".to_owned(), json!(description));
        if let Some(default) = &key.default {
            property.insert("default".to_owned(), default.clone());
        }
    }
    property
}

fn shape(shape: &Shape) -> Value {
    match shape {
        Shape::Text | Shape::Path => json!({ "type": "string", "minLength": 1 }),
        Shape::Id => json!({ "type": "string", "pattern": "^[A-Za-z0-9._-]{1,60}$" }),
        Shape::Duration => json!({
            "type": "string",
            "pattern": "^(?=.)([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$",
        }),
        Shape::Size => json!({ "type": "string", "pattern": "^[0-9]+(B|KiB|MiB|GiB)$" }),
        Shape::Integer { min, max } => {
            json!({ "type": "integer", "minimum": min, "maximum": max })
        }
        Shape::Share { max } => json!({ "type": "number", "minimum": 0, "maximum": max }),
        Shape::Flag => json!({ "type": "boolean" }),
        Shape::Words(words) => json!({ "enum": words }),
        Shape::Url => json!({ "type": "string", "format": "uri" }),
        Shape::SocketAddress | Shape::Mailbox => json!({ "type": "string", "minLength": 3 }),
        Shape::Phone => json!({ "type": "string", "pattern": "^\\+[1-9][0-9]{6,14}$" }),
        Shape::Moment => json!({ "type": "string", "format": "date-time" }),
        Shape::Sourced { secret: _ } => json!({ "$ref": "#/$defs/source" }),
        Shape::List(of) => json!({ "type": "array", "items": self::shape(of) }),
        Shape::Tables => json!({ "type": "array", "items": table() }),
    }
}

fn unit(shape: &Shape) -> Option<&'static str> {
    match shape {
        Shape::Duration => Some("A duration: whole numbers with d, h, m, s, ms."),
        Shape::Size => Some("A size: a whole number with B, KiB, MiB or GiB."),
        Shape::Share { .. } => Some("A share: 0.0 is nothing, 1.0 is all."),
        Shape::SocketAddress => Some("An IP address and a port."),
        Shape::Mailbox => Some("Name <address>, or an address."),
        Shape::Path => Some("Relative paths start at the current folder."),
        Shape::Sourced { secret: true } => Some("A secret: keep it out of the file."),
        Shape::Text
        | Shape::Id
        | Shape::Integer { .. }
        | Shape::Flag
        | Shape::Words(_)
        | Shape::Url
        | Shape::Phone
        | Shape::Moment
        | Shape::Sourced { secret: false }
        | Shape::List(_)
        | Shape::Tables => None,
    }
}

fn source() -> Value {
    let one = |key: &str, description: &str| {
        json!({
            "type": "object",
            "properties": { key: { "type": "string", "minLength": 1 } },
            "required": [key],
            "additionalProperties": false,
            "description": description,
        })
    };
    json!({
        "anyOf": [
            one("env", "From an environment variable."),
            one("file", "From a file; relative paths start at the current folder."),
            { "type": "string", "minLength": 1, "description": "The text itself." },
        ],
    })
}
