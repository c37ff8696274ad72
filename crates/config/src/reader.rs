//! The walk over one TOML document. Whoever reads a key names it, its kind, its default and its
//! use in one place; from that the reader takes the value, collects every fault instead of
//! stopping at the first, and knows which keys nobody asked for.
//!
//! It never puts the value of a secret, of an unknown key, of a table or of a list into a fault.

use crate::ask::Ask;
use crate::key::{Key, Unknown};
use crate::kind::{Fault, Raw};
use crate::{Env, Problem};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A value with its place in the text.
pub(crate) type Written<'a> = &'a Spanned<DeValue<'a>>;

/// What a walk found besides the values.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) problems: Vec<Problem>,
    pub(crate) warnings: Vec<Problem>,
}

/// The text, the surroundings, and what has been found so far.
pub(crate) struct Reader<'a> {
    text: &'a str,
    /// Where its lines end: counting them again for each fault takes minutes on a large file that
    /// is no TOML.
    line_ends: Vec<usize>,
    pub(crate) base_dir: &'a Path,
    pub(crate) env: &'a dyn Env,
    pub(crate) report: Report,
    /// Filled instead of values when the keys themselves are asked for.
    pub(crate) keys: Option<Vec<Key>>,
    unknown: Vec<Unknown>,
}

/// One table on the way. Made by [`Reader`] and by its parent only, which also see to it that
/// keys nobody asked for are noticed.
pub(crate) struct Section<'r, 'a> {
    pub(crate) reader: &'r mut Reader<'a>,
    /// `policy.steps[1]`; empty for the top.
    path: String,
    table: Option<&'a DeTable<'a>>,
    line: Option<usize>,
    asked: Vec<&'static str>,
    /// Whether what stands here is going to be used: a secret of a channel that is switched off
    /// need not exist.
    pub(crate) in_use: bool,
}

/// Walks `text` with `walk`. Without a problem in the report there is a value.
pub(crate) fn read<T>(
    text: &str,
    base_dir: &Path,
    env: &dyn Env,
    walk: fn(&mut Section<'_, '_>) -> Option<T>,
) -> (Option<T>, Report) {
    let (document, errors) = DeTable::parse_recoverable(text);
    let mut reader = Reader::new(text, base_dir, env);
    if !errors.is_empty() {
        reader.syntax(&errors);
        return (None, reader.finished(&[]));
    }
    let value = reader.walk(Some(document.get_ref()), walk);
    let known = if reader.unknown.is_empty() { Vec::new() } else { known_keys(walk) };
    (value, reader.finished(&known))
}

/// Every key that `walk` asks for, in its order.
pub(crate) fn known_keys<T>(walk: fn(&mut Section<'_, '_>) -> Option<T>) -> Vec<Key> {
    let nothing = std::collections::BTreeMap::<String, String>::new();
    let mut reader = Reader::new("", Path::new(""), &nothing);
    reader.keys = Some(Vec::new());
    reader.walk(None, walk);
    reader.keys.unwrap_or_default()
}

impl<'a> Reader<'a> {
    fn new(text: &'a str, base_dir: &'a Path, env: &'a dyn Env) -> Self {
        let (report, keys, unknown) = (Report::default(), None, Vec::new());
        let line_ends = text.match_indices('\n').map(|(at, _)| at).collect();
        Self { text, line_ends, base_dir, env, report, keys, unknown }
    }

    fn walk<T>(
        &mut self,
        table: Option<&'a DeTable<'a>>,
        walk: fn(&mut Section<'_, '_>) -> Option<T>,
    ) -> Option<T> {
        let mut top = Section {
            reader: self,
            path: String::new(),
            table,
            line: None,
            asked: Vec::new(),
            in_use: true,
        };
        let value = walk(&mut top);
        top.note_unknown();
        value
    }

    /// The parser's own words, with line and column, without the line itself: it may be a secret.
    fn syntax(&mut self, errors: &[toml::de::Error]) {
        let mut seen = BTreeSet::new();
        for error in errors {
            let at = error.span().map_or(0, |span| span.start);
            let line = self.line_at(at);
            // The first fault of a line is the cause of the others more often than not.
            if !seen.insert(line) {
                continue;
            }
            let column = self.text.get(..at).map_or(1, |before| {
                before.rsplit('\n').next().unwrap_or_default().chars().count() + 1
            });
            self.report.problems.push(Problem {
                key: format!("column {column}"),
                line: Some(line),
                value: None,
                what: format!("is not valid TOML: {}", error.message()),
                remedy: "correct the syntax there; nothing else has been checked yet".to_owned(),
            });
        }
    }

    fn line_at(&self, offset: usize) -> usize {
        self.line_ends.partition_point(|end| *end < offset) + 1
    }

    fn finished(mut self, known: &[Key]) -> Report {
        for unknown in std::mem::take(&mut self.unknown) {
            self.report.problems.push(unknown.problem(known));
        }
        let by_line = |problem: &Problem| problem.line.unwrap_or(usize::MAX);
        self.report.problems.sort_by_key(by_line);
        self.report.warnings.sort_by_key(by_line);
        self.report
    }
}

impl<'r, 'a> Section<'r, 'a> {
    /// Names a key that is about to be read; `doc` is its one line in the schema.
    pub(crate) fn key<'s>(&'s mut self, name: &'static str, doc: &'static str) -> Ask<'s, 'r, 'a> {
        self.asked.push(name);
        Ask { section: self, name, doc }
    }

    /// Reads the table under `name`; one that is absent gives its defaults.
    pub(crate) fn section<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&mut Section<'_, 'a>) -> Option<T>,
    ) -> Option<T> {
        self.asked.push(name);
        let written = self.written(name);
        let path = self.path_of(name);
        self.child(path, written, read)
    }

    /// Reads the table at `path`, which must be one if it is written.
    pub(crate) fn child<T>(
        &mut self,
        path: String,
        written: Option<Written<'a>>,
        read: impl FnOnce(&mut Section<'_, 'a>) -> Option<T>,
    ) -> Option<T> {
        let table = written.and_then(|value| value.get_ref().as_table());
        let line = written.map(|value| self.reader.line_at(value.span().start));
        if let Some(value) = written.filter(|_| table.is_none()) {
            let is = Raw::of(value.get_ref()).type_name();
            self.reader.report.problems.push(Problem {
                key: path,
                line,
                value: None,
                what: format!("is {is} where a table is expected"),
                remedy: "write it as a table, as config/relink.toml of the release does".to_owned(),
            });
            return None;
        }
        let in_use = self.in_use;
        let mut child =
            Section { reader: self.reader, path, table, line, asked: Vec::new(), in_use };
        let value = read(&mut child);
        child.note_unknown();
        value
    }

    /// A fault of the key `name` here, whether it is written or missing.
    pub(crate) fn problem(&mut self, name: &str, fault: Fault) {
        let written = self.written(name);
        self.fault(name, written, fault);
    }

    /// A fault of the value `written`, which is `name` or an element of it.
    pub(crate) fn fault(&mut self, name: &str, written: Option<Written<'_>>, fault: Fault) {
        let problem = self.problem_of(name, written, fault);
        self.reader.report.problems.push(problem);
    }

    /// Something about the key `name` that works but deserves a look.
    pub(crate) fn warn(&mut self, name: &str, what: impl Into<String>, remedy: impl Into<String>) {
        let written = self.written(name);
        let problem = self.problem_of(name, written, Fault::new(what, remedy).hidden());
        self.reader.report.warnings.push(problem);
    }

    fn problem_of(&self, name: &str, written: Option<Written<'_>>, fault: Fault) -> Problem {
        let line = written.map(|value| self.reader.line_at(value.span().start)).or(self.line);
        let value = written.filter(|_| !fault.hide_value).and_then(|value| self.shown(value));
        Problem { key: self.path_of(name), line, value, what: fault.what, remedy: fault.remedy }
    }

    /// The value as written, on one line and shortened; nothing for tables and lists.
    fn shown(&self, value: Written<'_>) -> Option<String> {
        let inside = matches!(value.get_ref(), DeValue::Array(_) | DeValue::Table(_));
        let written = self.reader.text.get(value.span()).filter(|_| !inside)?;
        let line: String =
            written.chars().map(|c| if c.is_control() { ' ' } else { c }).take(60).collect();
        Some(if written.chars().count() > 60 { format!("{line}…") } else { line })
    }

    pub(crate) fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// `path` as the operator means it: relative to the folder the program was started in.
    pub(crate) fn resolve(&self, path: &str) -> PathBuf {
        self.reader.base_dir.join(path)
    }

    /// The value of `name`, if it is written: a key, or a place within it such as `steps[1].at`.
    pub(crate) fn written(&self, name: &str) -> Option<Written<'a>> {
        let mut parts = name.split('.').flat_map(|part| part.split('['));
        let mut value = self.table?.get(parts.next()?)?;
        for part in parts {
            value = match part.strip_suffix(']') {
                Some(index) => value.get_ref().get(index.parse::<usize>().ok()?)?,
                None => value.get_ref().get(part)?,
            };
        }
        Some(value)
    }

    fn note_unknown(self) {
        for (key, _) in self.table.into_iter().flatten() {
            let name = key.get_ref();
            if !self.asked.iter().any(|asked| asked == name) {
                self.reader.unknown.push(Unknown {
                    table: self.path.clone(),
                    name: name.to_string(),
                    line: self.reader.line_at(key.span().start),
                    siblings: self.asked.clone(),
                });
            }
        }
    }
}
