//! Reading accounts from .csv and .jsonl. Every bad line is named with its number and reason,
//! and no reason repeats a token or an address.

mod from_csv;
mod from_jsonl;

use crate::failure::Failure;
use from_csv::read_csv;
use from_jsonl::read_jsonl;
use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};
use relink_core::account::{AccountInput, AccountUpsert, FieldFault};
use relink_core::id::AccountRef;
use serde::Serialize;
use std::fs::File;
use std::path::Path;

/// A line that cannot be imported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct BadLine {
    pub(crate) line: u64,
    pub(crate) why: String,
}

/// What a file holds.
#[derive(Debug, Default)]
pub(crate) struct AccountFile {
    pub(crate) accounts: Vec<AccountUpsert>,
    pub(crate) bad: Vec<BadLine>,
}

impl AccountFile {
    fn bad(&mut self, line: u64, why: impl Into<String>) {
        self.bad.push(BadLine { line, why: why.into() });
    }
}

/// Reads a file by its ending. `country` turns national phone numbers into E.164.
pub(crate) fn read(path: &Path, country: Option<&str>) -> Result<AccountFile, Failure> {
    let country = country.map(parse_country).transpose()?;
    let file = File::open(path)
        .map_err(|error| Failure::failed(format!("cannot read {}: {error}", path.display())))?;
    let file = reading_bar(&file).wrap_read(file);
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or("");
    let mut read = match ending.to_ascii_lowercase().as_str() {
        "csv" => read_csv(file, country)?,
        "jsonl" | "ndjson" => read_jsonl(file, country),
        _ => {
            return Err(Failure::usage(format!(
                "{}: the file's name must end in .csv or .jsonl, which says how it is read",
                path.display()
            )));
        }
    };
    read.bad.sort_by_key(|bad| bad.line);
    Ok(read)
}

/// How far the file is read. Hidden by itself where standard error is not a terminal.
fn reading_bar(file: &File) -> ProgressBar {
    let bar = ProgressBar::new(file.metadata().map_or(0, |metadata| metadata.len()));
    if let Ok(style) = ProgressStyle::with_template("reading {bar:40} {percent}%, {eta} left") {
        bar.set_style(style);
    }
    bar.with_finish(ProgressFinish::AndClear)
}

type Country = phonenumber::country::Id;

fn parse_country(text: &str) -> Result<Country, Failure> {
    text.to_ascii_uppercase().parse().map_err(|_| {
        Failure::usage(format!("--country \"{text}\": not a two-letter country code such as US"))
    })
}

/// A number in E.164 from how people write it, if it can be one.
fn e164(text: &str, country: Option<Country>) -> Result<String, &'static str> {
    let number = phonenumber::parse(country, text).map_err(|_| match country {
        Some(_) => "is not a phone number of the given country",
        None => "is not a phone number in E.164; for national numbers name a --country",
    })?;
    if !number.is_valid() {
        return Err("is not a number that can exist");
    }
    Ok(number.format().mode(phonenumber::Mode::E164).to_string())
}

fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

fn check(account_ref: &str, input: AccountInput, line: u64, read: &mut AccountFile) {
    let account_ref = match AccountRef::parse(account_ref) {
        Ok(account_ref) => account_ref,
        Err(error) => return read.bad(line, error.to_string()),
    };
    match input.check(account_ref) {
        Ok(account) => read.accounts.push(account),
        Err(faults) => {
            let faults: Vec<String> = faults
                .iter()
                .map(|FieldFault { field, fault }| format!("{field}: {fault}"))
                .collect();
            read.bad(line, faults.join("; "));
        }
    }
}

#[cfg(test)]
#[path = "account_file_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "account_file_fuzz.rs"]
mod fuzz;
