//! What the reader knows about each key it asks for. The schema, the check for unknown keys and
//! the test of the manual all come from this one list, which the reading itself writes.

use crate::Problem;
use crate::kind::Shape;
use serde_json::Value;

/// One key of the configuration.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Key {
    /// `policy.steps[].at`
    pub(crate) path: String,
    /// One line on what it is for.
    pub(crate) doc: &'static str,
    pub(crate) shape: Shape,
    /// As it would stand in the file.
    pub(crate) default: Option<Value>,
    /// Whether its table is of no use without it.
    pub(crate) required: bool,
}

/// A key that nobody asked for, and the ones beside it that somebody did.
pub(crate) struct Unknown {
    /// The table it stands in; empty for the top.
    pub(crate) table: String,
    pub(crate) name: String,
    pub(crate) line: usize,
    pub(crate) siblings: Vec<&'static str>,
}

impl Unknown {
    /// The fault, with the key that was most likely meant: first by spelling, then by place.
    /// Its value stays out: it may be a secret under a misspelt name.
    pub(crate) fn problem(self, known: &[Key]) -> Problem {
        let shown: String = self.name.chars().flat_map(char::escape_debug).take(40).collect();
        // Without its quotes nobody would see it.
        let name = if shown.trim().is_empty() { format!("\"{shown}\"") } else { shown };
        let (key, what) = match self.table.as_str() {
            "" => (name, "is not a table or key that is known".to_owned()),
            table => {
                let header = table.split('[').next().unwrap_or(table);
                (format!("{table}.{name}"), format!("is not a key of [{header}]"))
            }
        };
        let elsewhere = places_of(&self.name, known);
        let remedy = match nearest(&self.name, &self.siblings) {
            Some(sibling) => format!("did you mean \"{sibling}\"?"),
            None if !elsewhere.is_empty() => {
                format!("move it to where it belongs: {}", elsewhere.join(" or "))
            }
            None => format!("remove it; known here: {}", self.siblings.join(", ")),
        };
        Problem { key, line: Some(self.line), value: None, what, remedy }
    }
}

/// The word of `known` that `written` was most likely meant to be.
pub(crate) fn nearest<'a>(written: &str, known: &[&'a str]) -> Option<&'a str> {
    let written = written.to_ascii_lowercase();
    known
        .iter()
        .map(|word| (strsim::jaro_winkler(&written, word), *word))
        .filter(|(likeness, _)| *likeness >= 0.85)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, word)| word)
}

/// Where a key or table called `name` does exist.
fn places_of(name: &str, known: &[Key]) -> Vec<String> {
    let mut places: Vec<String> = known
        .iter()
        .filter_map(|key| {
            let parts: Vec<&str> = key.path.split('.').collect();
            let at = parts.iter().position(|part| part.trim_end_matches("[]") == name)?;
            Some(parts.get(..=at)?.join("."))
        })
        .map(|place| place.trim_end_matches("[]").to_owned())
        .collect();
    places.dedup();
    places
}
