//! Values that come from somewhere else: `{ env = "NAME" }`, `{ file = "path" }`, or the text
//! itself. The only code that opens a file or asks the environment while a configuration is read.
//!
//! No error says what was found, only where: a value that does not fit is never repeated.

use crate::ask::Ask;
use crate::kind::{Fault, Raw, Shape};
use crate::kinds::plain_text;
use crate::reader::{Section, Written};
use relink_core::masked::Secret;
use serde_json::{Value, json};
use std::io::Read as _;
use std::path::PathBuf;
use toml::de::{DeTable, DeValue};

/// Where a value comes from.
pub(crate) enum Source {
    Literal(Secret),
    Env(String),
    File(PathBuf),
}

/// What stands in for a key that is not written.
#[derive(Clone, Copy)]
pub(crate) enum Fallback {
    /// No value.
    Nothing,
    /// This variable, when it is set.
    Env(&'static str),
    /// This text.
    Literal(&'static str),
}

/// How much a value hides.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Privacy {
    /// A credential: written out in the file, it deserves a warning.
    Secret,
    /// May hold a credential, and is treated as one, but may be written out.
    Plain,
}

/// No secret is longer: a larger file is the wrong file.
const MAX_BYTES: u64 = 64 * 1024;

impl<'a> Ask<'_, '_, 'a> {
    /// A value from elsewhere: the outer none is a fault, the inner one absence. What is written
    /// must exist, unless its section is not in use; a fallback need not.
    pub(crate) fn sourced(self, privacy: Privacy, fallback: Fallback) -> Option<Option<Secret>> {
        let shape = Shape::Sourced { secret: privacy == Privacy::Secret };
        let ask = self.describe(shape, fallback.to_json(), false);
        if let Some(written) = ask.written() {
            return ask.section.resolve_value(ask.name, written, privacy);
        }
        Some(match fallback {
            Fallback::Nothing => None,
            Fallback::Env(name) => {
                ask.section.reader.env.var(name).and_then(|text| trimmed(&text).ok())
            }
            Fallback::Literal(text) => Some(Secret::new(text)),
        })
    }

    /// A secret that its table is of no use without.
    pub(crate) fn required_secret(self, remedy: &str) -> Option<Secret> {
        let ask = self.describe(Shape::Sourced { secret: true }, None, true);
        let (section, name) = (ask.section, ask.name);
        let Some(written) = section.written(name) else {
            section.problem(name, Fault::new("is missing", remedy));
            return None;
        };
        section.resolve_value(name, written, Privacy::Secret).flatten()
    }

    /// A list of values from elsewhere, such as URLs with a password in them. Those that are
    /// missing from a section that is not in use are left out.
    pub(crate) fn sourced_list(self, default: &'static [&'static str]) -> Option<Vec<Secret>> {
        let shape = Shape::List(Box::new(Shape::Sourced { secret: false }));
        let ask = self.describe(shape, Some(json!(default)), false);
        let values = ask.each(default, |section, name, written, raw| match written {
            Some(written) => section.resolve_value(name, written, Privacy::Plain),
            None => Some(raw.as_text().map(Secret::new)),
        });
        values.map(|values| values.into_iter().flatten().collect())
    }

    /// A list of secrets, at least one.
    pub(crate) fn secret_list(self, remedy: &str) -> Option<Vec<Secret>> {
        let shape = Shape::List(Box::new(Shape::Sourced { secret: true }));
        let ask = self.describe(shape, None, true);
        if ask.written().is_none() {
            ask.section.problem(ask.name, Fault::new("is missing", remedy));
            return None;
        }
        let is_empty = |list: &toml::de::DeArray<'_>| list.is_empty();
        if ask.written().and_then(|list| list.get_ref().as_array()).is_some_and(is_empty) {
            ask.section.problem(ask.name, Fault::new("is empty", remedy).hidden());
            return None;
        }
        let values = ask.each(&[], |section, name, written, _| {
            section.resolve_value(name, written?, Privacy::Secret)
        });
        values.map(|values| values.into_iter().flatten().collect())
    }

    /// Where the value comes from, without fetching it.
    pub(crate) fn source(self) -> Option<Option<Source>> {
        let ask = self.describe(Shape::Sourced { secret: true }, None, false);
        let Some(written) = ask.written() else { return Some(None) };
        let source = source_of(written.get_ref());
        source.map(Some).map_err(|fault| ask.section.problem(ask.name, fault)).ok()
    }
}

impl<'a> Section<'_, 'a> {
    /// Fetches the value; none inside when it is missing and its section is not in use.
    fn resolve_value(
        &mut self,
        name: &str,
        written: Written<'a>,
        privacy: Privacy,
    ) -> Option<Option<Secret>> {
        let source = match source_of(written.get_ref()) {
            Ok(source) => source,
            Err(fault) => {
                self.fault(name, Some(written), fault);
                return None;
            }
        };
        if privacy == Privacy::Secret && matches!(source, Source::Literal(_)) {
            let remedy = "keep it out of the file: { env = \"NAME\" } or { file = \"path\" }";
            self.warn(name, "is a secret written into the file", remedy);
        }
        if let Source::Literal(text) = &source
            && holds_password(text.expose())
        {
            let remedy =
                "keep the whole URL out of the file: { env = \"NAME\" } or { file = \"path\" }";
            self.warn(name, "has a password written into the file", remedy);
        }
        match self.fetch(name, source) {
            Ok(secret) => Some(Some(secret)),
            Err(_) if !self.in_use => Some(None),
            Err(fault) => {
                self.fault(name, Some(written), fault);
                None
            }
        }
    }

    /// The value behind `source`, without the line break that editors and `echo` leave.
    pub(crate) fn fetch(&mut self, name: &str, source: Source) -> Result<Secret, Fault> {
        match source {
            Source::Literal(text) => trimmed(text.expose())
                .map_err(|what| Fault::new(what, "write the value on one line").hidden()),
            Source::Env(variable) => self.fetch_env(&variable),
            Source::File(path) => {
                let path = self.reader.base_dir.join(path);
                self.warn_if_readable_by_all(name, &path);
                let at = path.display();
                let fault = |what: String| {
                    let remedy = format!(
                        "put the value, and nothing else, on one line into {at}, readable by this user"
                    );
                    Fault::new(what, remedy).hidden()
                };
                let text = read_small(&path)
                    .map_err(|why| fault(format!("comes from the file {at}, which {why}")))?;
                trimmed(text.expose())
                    .map_err(|what| fault(format!("comes from the file {at} and {what}")))
            }
        }
    }

    fn fetch_env(&self, variable: &str) -> Result<Secret, Fault> {
        // Somebody may have written the secret itself where its name belongs.
        let is_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        let named = variable.chars().all(is_name);
        let shown = if named { variable } else { "named here" };
        let remedy = match named {
            true => format!("set {variable}, or use {{ file = \"path\" }}"),
            false => "set it; env takes the name of a variable, not the value itself".to_owned(),
        };
        let fault = |what: String| Fault::new(what, remedy.clone()).hidden();
        let text = self.reader.env.var(variable).ok_or_else(|| {
            fault(format!("comes from the environment variable {shown}, which is not set"))
        })?;
        trimmed(&text).map_err(|what| {
            fault(format!("comes from the environment variable {shown} and {what}"))
        })
    }

    /// Warns of a file of secrets that every user of the machine may read.
    pub(crate) fn warn_if_readable_by_all(&mut self, name: &str, path: &std::path::Path) {
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let open =
                std::fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o004 != 0);
            if open {
                let at = path.display();
                let what =
                    format!("comes from the file {at}, which every user of this machine may read");
                self.warn(
                    name,
                    what,
                    format!("chmod o-rwx {at} (in Kubernetes: defaultMode 0400)"),
                );
            }
        }
        #[cfg(not(unix))]
        let _ = (name, path);
    }
}

impl Fallback {
    fn to_json(self) -> Option<Value> {
        match self {
            Self::Nothing => None,
            Self::Env(name) => Some(json!({ "env": name })),
            Self::Literal(text) => Some(json!(text)),
        }
    }
}

fn source_of(value: &DeValue<'_>) -> Result<Source, Fault> {
    const REMEDY: &str = "write { env = \"NAME\" } or { file = \"path\" }";
    if let Some(text) = value.as_str() {
        return Ok(Source::Literal(Secret::new(text)));
    }
    let Some(table) = value.as_table() else {
        let fault = Fault::of_type(&Raw::of(value), "a source of a value", REMEDY);
        return Err(fault.hidden());
    };
    let text = |table: &DeTable<'_>, key: &str| {
        table.get(key).and_then(|value| value.get_ref().as_str()).map(str::to_owned)
    };
    let source = match (text(table, "env"), text(table, "file")) {
        (Some(name), None) if !name.is_empty() => Some(Source::Env(name)),
        (None, Some(path)) if !path.is_empty() => Some(Source::File(path_of(&path)?)),
        (Some(_) | None, Some(_) | None) => None,
    };
    source.filter(|_| table.len() == 1).ok_or_else(|| {
        Fault::new("is a table without exactly one of env and file, as text", REMEDY).hidden()
    })
}

/// A path that can be shown: it is named in faults, which are read in terminals.
fn path_of(path: &str) -> Result<PathBuf, Fault> {
    let shown = plain_text(&Raw::Text(path), 4096).map_err(|Fault { what, remedy, .. }| {
        Fault::new(format!("comes from a file, and the path {what}"), remedy).hidden()
    })?;
    Ok(PathBuf::from(shown))
}

/// Whether a URL carries a password, other than the one every new RabbitMQ has.
fn holds_password(text: &str) -> bool {
    let authority = text.split_once("://").and_then(|(_, rest)| rest.split('/').next());
    let user = authority.and_then(|authority| authority.rsplit_once('@')).map(|(user, _)| user);
    user.is_some_and(|user| user.contains(':') && user != "guest:guest")
}

/// The text without one line break at its end.
fn trimmed(text: &str) -> Result<Secret, &'static str> {
    let text = text.strip_suffix('\n').map_or(text, |t| t.strip_suffix('\r').unwrap_or(t));
    match text {
        text if text.trim().is_empty() => Err("is empty"),
        text if text.chars().any(char::is_control) => {
            Err("has more than one line or a control character")
        }
        text => Ok(Secret::new(text)),
    }
}

/// Reads a regular file, so that a pipe or a device cannot make the start hang.
fn read_small(path: &std::path::Path) -> Result<Secret, String> {
    let cannot = |error: std::io::Error| format!("cannot be read: {error}");
    let meta = std::fs::metadata(path).map_err(cannot)?;
    if !meta.is_file() {
        return Err("is not a regular file".to_owned());
    }
    if meta.len() > MAX_BYTES {
        return Err("is larger than 64 KiB".to_owned());
    }
    let mut text = String::new();
    std::fs::File::open(path)
        .map_err(cannot)?
        .take(MAX_BYTES)
        .read_to_string(&mut text)
        .map_err(cannot)?;
    Ok(Secret::new(text))
}
