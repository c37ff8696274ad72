//! Rows of CSV: one for each contact, those of one account gathered. Lines are counted in the file
//! itself, as an editor does.

use super::{AccountFile, Country, check, e164, given};
use crate::failure::Failure;
use relink_core::account::{AccountInput, ContactInput, Role};
use relink_core::masked::Secret;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CsvRow {
    account_ref: String,
    user_id: String,
    org_id: String,
    access_token: Secret,
    #[serde(default)]
    emr_instance_domain: Option<String>,
    #[serde(default)]
    contact_id: Option<String>,
    #[serde(default)]
    role: Option<String>,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    phone: Option<String>,
    #[serde(default)]
    sms_consent: Option<String>,
    #[serde(default)]
    locale: Option<String>,
    #[serde(default)]
    time_zone: Option<String>,
    #[serde(default)]
    name: Option<String>,
}

/// The rows of one account, gathered.
struct Gathered {
    line: u64,
    input: AccountInput,
    broken: bool,
}

pub(super) fn read_csv(
    mut file: impl Read,
    country: Option<Country>,
) -> Result<AccountFile, Failure> {
    // Whole, as the accounts in it will be: lines are counted in it.
    let mut text = Vec::new();
    file.read_to_end(&mut text)
        .map_err(|error| Failure::failed(format!("the file cannot be read: {error}")))?;
    let mut lines = Lines { text: &text, read: 0, line: 1 };
    let mut builder = csv::ReaderBuilder::new();
    let mut reader = builder.flexible(true).trim(csv::Trim::All).from_reader(text.as_slice());
    let header = reader
        .headers()
        .map_err(|error| {
            Failure::failed(format!("the first line is not a CSV header: {}", place(&error)))
        })?
        .clone();
    for needed in ["account_ref", "user_id", "org_id", "access_token"] {
        if !header.iter().any(|name| name == needed) {
            return Err(Failure::failed(format!("the header has no column {needed}")));
        }
    }
    let mut read = AccountFile::default();
    let mut gathered: BTreeMap<String, Gathered> = BTreeMap::new();
    // Accounts with a row that cannot be read: the others would make only a part of them.
    let mut unreadable: BTreeSet<Vec<u8>> = BTreeSet::new();
    let column = header.iter().position(|name| name == "account_ref").unwrap_or(0);
    for record in reader.byte_records() {
        match record {
            Ok(record) => {
                let line = lines.of(record.position());
                let account_ref = record.get(column).unwrap_or_default().to_vec();
                match csv_row(record, &header) {
                    Ok(row) => gather(row, line, country, &mut gathered, &mut read),
                    Err(why) => {
                        read.bad(line, why);
                        unreadable.insert(account_ref);
                    }
                }
            }
            Err(error) => {
                read.bad(lines.of(error.position()), place(&error));
            }
        }
    }
    for (account_ref, Gathered { line, input, broken }) in gathered {
        if !broken && !unreadable.contains(account_ref.as_bytes()) {
            check(&account_ref, input, line, &mut read);
        }
    }
    Ok(read)
}

/// The lines of a file, as an editor counts them. The reader's own count begins a row right behind
/// the carriage return of the one before, and so at the end of a line.
struct Lines<'a> {
    text: &'a [u8],
    /// So many bytes are counted.
    read: usize,
    /// The line that the next byte is on, from 1.
    line: u64,
}

impl Lines<'_> {
    /// The line on which the row begins that the reader found at `position`. Rows must be asked for
    /// in their order.
    fn of(&mut self, position: Option<&csv::Position>) -> u64 {
        let begin = position.and_then(|at| usize::try_from(at.byte()).ok()).unwrap_or(self.read);
        while let Some(byte) = self.text.get(self.read)
            && (self.read < begin || matches!(byte, b'\r' | b'\n'))
        {
            self.line += u64::from(*byte == b'\n');
            self.read += 1;
        }
        self.line
    }
}

fn csv_row(record: csv::ByteRecord, header: &csv::StringRecord) -> Result<CsvRow, String> {
    if record.len() != header.len() {
        return Err(format!("has {} fields where the header has {}", record.len(), header.len()));
    }
    let record = csv::StringRecord::from_byte_record(record).map_err(|_| "is not UTF-8")?;
    record.deserialize(Some(header)).map_err(|error| place(&error))
}

/// What is wrong with a record, without the text of its fields.
#[expect(clippy::wildcard_enum_match_arm, reason = "another crate's open set")]
fn place(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::Utf8 { .. } => "is not UTF-8".into(),
        csv::ErrorKind::Deserialize { err, .. } => match err.field() {
            Some(field) => format!("field {} cannot be read", field + 1),
            None => "has a column that is not known, or lacks one".into(),
        },
        csv::ErrorKind::Io(error) => format!("cannot be read: {error}"),
        _ => "is not CSV".into(),
    }
}

fn gather(
    row: CsvRow,
    line: u64,
    country: Option<Country>,
    gathered: &mut BTreeMap<String, Gathered>,
    read: &mut AccountFile,
) {
    let contact = contact_of(&row, country);
    let entry = gathered.entry(row.account_ref.clone()).or_insert_with(|| Gathered {
        line,
        input: AccountInput {
            user_id: row.user_id.clone(),
            org_id: row.org_id.clone(),
            access_token: row.access_token.clone(),
            emr_instance_domain: given(row.emr_instance_domain.clone()),
            contacts: Vec::new(),
        },
        broken: false,
    });
    let same = entry.input.user_id == row.user_id
        && entry.input.org_id == row.org_id
        && entry.input.access_token == row.access_token;
    if !same {
        read.bad(
            line,
            format!(
                "differs from line {} of the same account in user_id, org_id or access_token",
                entry.line
            ),
        );
        entry.broken = true;
    }
    match contact {
        Ok(Some(contact)) => entry.input.contacts.push(contact),
        Ok(None) => {}
        Err(why) => {
            read.bad(line, why);
            entry.broken = true;
        }
    }
}

fn contact_of(row: &CsvRow, country: Option<Country>) -> Result<Option<ContactInput>, String> {
    let Some(id) = given(row.contact_id.clone()) else {
        return match (given(row.email.clone()), given(row.phone.clone())) {
            (None, None) => Ok(None),
            _ => Err("has an address but no contact_id".into()),
        };
    };
    let role = match given(row.role.clone()) {
        None => Role::User,
        Some(role) => role.parse().map_err(|_| "role is neither user nor admin".to_owned())?,
    };
    let sms_consent = match row.sms_consent.as_deref().map(str::to_ascii_lowercase).as_deref() {
        None | Some("" | "false" | "no" | "0") => false,
        Some("true" | "yes" | "1") => true,
        Some(_) => return Err("sms_consent is neither true nor false".into()),
    };
    let phone = given(row.phone.clone())
        .map(|phone| e164(&phone, country).map_err(|why| format!("phone {why}")))
        .transpose()?;
    Ok(Some(ContactInput {
        id,
        role,
        email: given(row.email.clone()),
        phone,
        locale: given(row.locale.clone()),
        time_zone: given(row.time_zone.clone()),
        sms_consent,
        name: given(row.name.clone()),
    }))
}
