//! How a key is asked for: with its kind, and with what holds when it is absent. Each way notes
//! the key for the schema, and each turns a fault into a problem at the right line.

use crate::key::Key;
use crate::kind::{Fault, Kind, Raw, Shape};
use crate::reader::{Section, Written};
use serde_json::{Value, json};

/// A key about to be read.
pub(crate) struct Ask<'s, 'r, 'a> {
    pub(crate) section: &'s mut Section<'r, 'a>,
    pub(crate) name: &'static str,
    pub(crate) doc: &'static str,
}

impl<'a> Ask<'_, '_, 'a> {
    /// A key with a default.
    pub(crate) fn or<T>(self, kind: Kind<T>, default: Raw<'static>) -> Option<T> {
        let ask = self.describe(kind.shape.clone(), Some(default.to_json()), false);
        let read = match ask.written() {
            Some(value) => kind.read(&Raw::of(value.get_ref())),
            None => kind.read(&default),
        };
        ask.checked(read)
    }

    /// A key that must be written.
    pub(crate) fn required<T>(self, kind: Kind<T>, remedy: &str) -> Option<T> {
        let ask = self.describe(kind.shape.clone(), None, true);
        let read = match ask.written() {
            Some(value) => kind.read(&Raw::of(value.get_ref())),
            None => Err(Fault::new("is missing", remedy)),
        };
        ask.checked(read)
    }

    /// A key that may be absent: the outer none is a fault, the inner one absence.
    pub(crate) fn optional<T>(self, kind: Kind<T>) -> Option<Option<T>> {
        let ask = self.describe(kind.shape.clone(), None, false);
        let read = ask.written().map(|value| kind.read(&Raw::of(value.get_ref()))).transpose();
        ask.checked(read)
    }

    /// A list of single values with a default; an empty default means that it must be written.
    pub(crate) fn list<T>(self, kind: &Kind<T>, default: &[&'static str]) -> Option<Vec<T>> {
        let shape = Shape::List(Box::new(kind.shape.clone()));
        let (default_json, required) = (json!(default), default.is_empty());
        let ask = self.describe(shape, (!required).then_some(default_json), required);
        ask.each(default, |section, name, written, raw| {
            let read = kind.read(raw);
            read.map_err(|fault| section.fault(name, written, fault)).ok()
        })
    }

    /// A list of single values, empty by default.
    pub(crate) fn list_or_none<T>(self, kind: &Kind<T>) -> Option<Vec<T>> {
        let shape = Shape::List(Box::new(kind.shape.clone()));
        let ask = self.describe(shape, Some(json!([])), false);
        ask.each(&[], |section, name, written, raw| {
            let read = kind.read(raw);
            read.map_err(|fault| section.fault(name, written, fault)).ok()
        })
    }

    /// A list of single values that may be absent; `absent` stands in for it then.
    pub(crate) fn optional_list<T>(
        self,
        kind: &Kind<T>,
        absent: impl Iterator<Item = &'static str>,
    ) -> Option<Vec<T>> {
        let ask = self.describe(Shape::List(Box::new(kind.shape.clone())), None, false);
        let absent: Vec<&'static str> = absent.collect();
        ask.each(&absent, |section, name, written, raw| {
            let read = kind.read(raw);
            read.map_err(|fault| section.fault(name, written, fault)).ok()
        })
    }

    /// Every element of the list through `item`, or of `default` when there is no list.
    pub(crate) fn each<T>(
        self,
        default: &[&'static str],
        item: impl Fn(&mut Section<'_, 'a>, &str, Option<Written<'a>>, &Raw<'_>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let (section, name) = (self.section, self.name);
        let Some(written) = section.written(name) else {
            return default
                .iter()
                .map(|text| item(section, name, None, &Raw::Text(text)))
                .collect();
        };
        let Some(list) = written.get_ref().as_array() else {
            let remedy = "write a list in brackets, such as [\"one\", \"two\"]";
            let fault = Fault::of_type(&Raw::of(written.get_ref()), "a list", remedy);
            section.problem(name, fault.hidden());
            return None;
        };
        let items: Vec<Option<T>> = list
            .iter()
            .enumerate()
            .map(|(n, v)| item(section, &format!("{name}[{n}]"), Some(v), &Raw::of(v.get_ref())))
            .collect();
        items.into_iter().collect()
    }

    /// A list of tables, each read by `item`. The outer none is a fault in any of them, the
    /// inner one the absence of the whole list.
    pub(crate) fn tables<T>(
        self,
        default: Option<Value>,
        mut item: impl FnMut(&mut Section<'_, 'a>) -> Option<T>,
    ) -> Option<Option<Vec<T>>> {
        let Ask { section, name, .. } = self.describe(Shape::Tables, default, false);
        let path = section.path_of(name);
        if section.reader.keys.is_some() {
            section.child(format!("{path}[]"), None, &mut item);
            return None;
        }
        let Some(written) = section.written(name) else {
            return Some(None);
        };
        let Some(list) = written.get_ref().as_array() else {
            let remedy = format!("write one [[{path}]] table for each");
            let fault = Fault::of_type(&Raw::of(written.get_ref()), "a list of tables", &remedy);
            section.problem(name, fault.hidden());
            return None;
        };
        let items: Vec<Option<T>> = list
            .iter()
            .enumerate()
            .map(|(n, value)| section.child(format!("{path}[{n}]"), Some(value), &mut item))
            .collect();
        items.into_iter().collect::<Option<Vec<T>>>().map(Some)
    }

    /// The value in the file, if it is there.
    pub(crate) fn written(&self) -> Option<Written<'a>> {
        self.section.written(self.name)
    }

    /// Notes the key when the keys themselves are wanted.
    pub(crate) fn describe(self, shape: Shape, default: Option<Value>, required: bool) -> Self {
        let path = self.section.path_of(self.name);
        if let Some(keys) = &mut self.section.reader.keys {
            keys.push(Key { path, doc: self.doc, shape, default, required });
        }
        self
    }

    fn checked<T>(self, read: Result<T, Fault>) -> Option<T> {
        read.map_err(|fault| self.section.problem(self.name, fault)).ok()
    }
}
