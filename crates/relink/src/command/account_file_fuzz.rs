//! Files of accounts, damaged: every bad line has its number, and an account is read whole or
//! not at all.

use super::*;
use relink_fuzz::Target;
use std::collections::BTreeSet;

const WORDS: &[&[u8]] = &[
    b"\nclinic_1,u,o,tok,third,admin,x@example.org,,,,\n",
    b"clinic_1",
    b"contact_id",
    b"\"a \"\"quoted\"\"\nfield\"",
    b"+1 (202) 555-0143",
    b"@",
    b",,,,,,,,,,,,",
    b"\"contacts\":[],",
    b"\"account_ref\":\"clinic_2\",",
    b"\"role\":\"boss\",",
];

#[test]
fn accounts_in_csv() {
    let target = Target::new(env!("CARGO_MANIFEST_DIR"), "csv");
    target.words(WORDS).rounds(500).run(|bytes, _| {
        let Ok(read) = read_csv(bytes, None) else { return };
        lines_are_in_the_file(&read, bytes);
        bad_rows_have_something_in_them(&read, bytes);
        no_account_twice(&read);
        let rows = rows(bytes);
        for upsert in &read.accounts {
            let name = upsert.account.account_ref.as_str();
            let own = || rows.iter().filter(|row| row.account == name.as_bytes());
            let contacts = own().filter(|row| row.has_contact).count();
            assert_eq!(upsert.account.contacts.len(), contacts, "{name} is read in part");
        }
    });
}

struct Row {
    account: Vec<u8>,
    has_contact: bool,
}

/// The rows by nothing but their columns.
fn rows(bytes: &[u8]) -> Vec<Row> {
    let mut builder = csv::ReaderBuilder::new();
    let mut reader = builder.flexible(true).trim(csv::Trim::All).from_reader(bytes);
    let header = reader.byte_headers().unwrap().clone();
    let column = |name: &str| header.iter().position(|column| column == name.as_bytes());
    let (account, contact) = (column("account_ref").unwrap(), column("contact_id"));
    let rows = reader.byte_records().map(|record| {
        let record = record.unwrap();
        let field = |at: Option<usize>| at.and_then(|at| record.get(at)).unwrap_or_default();
        Row { account: field(Some(account)).to_vec(), has_contact: !field(contact).is_empty() }
    });
    rows.collect()
}

#[test]
fn accounts_in_lines_of_json() {
    let target = Target::new(env!("CARGO_MANIFEST_DIR"), "jsonl");
    target.words(WORDS).rounds(500).run(|bytes, _| {
        let read = read_jsonl(bytes, None);
        lines_are_in_the_file(&read, bytes);
        no_account_twice(&read);
        let blank = |line: &&[u8]| String::from_utf8_lossy(line).trim().is_empty();
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !blank(line)).count();
        assert_eq!(read.accounts.len() + read.bad.len(), lines, "each line has one end");
    });
}

fn lines_are_in_the_file(read: &AccountFile, bytes: &[u8]) {
    let lines = bytes.iter().filter(|byte| **byte == b'\n').count() as u64 + 1;
    for BadLine { line, why } in &read.bad {
        assert!((1..=lines).contains(line) && !why.is_empty(), "line {line} of {lines}: {why}");
    }
}

fn bad_rows_have_something_in_them(read: &AccountFile, bytes: &[u8]) {
    let lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    for BadLine { line, why } in &read.bad {
        let text = lines[usize::try_from(*line).unwrap() - 1];
        assert!(text.iter().any(|byte| *byte != b'\r'), "line {line} is empty: {why}");
    }
}

fn no_account_twice(read: &AccountFile) {
    let names = read.accounts.iter().map(|upsert| upsert.account.account_ref.as_str());
    assert_eq!(names.collect::<BTreeSet<_>>().len(), read.accounts.len());
}
