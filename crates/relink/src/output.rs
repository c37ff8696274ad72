//! Results on standard output: a table for people, JSON for programs. Terminal control
//! characters in stored text are shown, not obeyed.

use crate::args::Format;
use crate::failure::Failure;
use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;
use std::io::Write as _;

/// Prints a list: `rows` turns each item into the cells of a table line.
pub(crate) fn list<T: Serialize>(
    format: Format,
    items: &[T],
    header: &[&str],
    row: impl Fn(&T) -> Vec<String>,
) -> Result<(), Failure> {
    match format {
        Format::Json => json(&items),
        Format::Table if items.is_empty() => line("none"),
        Format::Table => {
            let mut table = Table::new();
            table
                .load_preset(presets::NOTHING)
                .set_content_arrangement(ContentArrangement::Dynamic)
                .set_header(header.iter().map(|name| name.to_uppercase()));
            for item in items {
                table.add_row(row(item).into_iter().map(|cell| visible(&cell)));
            }
            line(&table.to_string())
        }
    }
}

/// Prints one value.
pub(crate) fn json<T: Serialize + ?Sized>(value: &T) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Failure::failed(format!("cannot print: {error}")))?;
    line(&text)
}

/// Prints a line. A reader that has gone away (`| head`) is no failure.
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    match writeln!(std::io::stdout(), "{text}") {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::failed(format!("cannot print: {error}")))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Says something on standard error that is no result. Whoever closed it does not want to know.
pub(crate) fn warn(text: &str) {
    let _ = writeln!(std::io::stderr(), "relink: {text}");
}

/// Control characters as their escapes.
pub(crate) fn visible(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let (escaped, plain) =
                if c.is_control() { (Some(c.escape_default()), None) } else { (None, Some(c)) };
            escaped.into_iter().flatten().chain(plain)
        })
        .collect()
}

/// An optional value, or a dash.
pub(crate) fn or_dash<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_text_cannot_drive_the_terminal() {
        assert_eq!(visible("a\u{1b}[31mb\n é"), "a\\u{1b}[31mb\\n é");
    }
}
