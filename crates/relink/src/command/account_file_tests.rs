use super::*;
use std::io::Write as _;

fn read_text(ending: &str, text: &str, country: Option<&str>) -> AccountFile {
    let mut file = tempfile::Builder::new().suffix(ending).tempfile().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    read(file.path(), country).unwrap()
}

fn bad_lines(read: &AccountFile) -> Vec<(u64, &str)> {
    read.bad.iter().map(|bad| (bad.line, bad.why.as_str())).collect()
}

const HEADER: &str =
    "account_ref,user_id,org_id,access_token,contact_id,role,email,phone,sms_consent\n";

#[test]
fn rows_of_one_account_become_its_contacts() {
    let read = read_text(
        ".csv",
        &format!(
            "{HEADER}clinic_1,u,o,tok,u,user,jane@example.org,+1 (202) 555-0143,yes\n\
             clinic_1,u,o,tok,boss,admin,boss@example.org,,\n\
             clinic_2,u2,o,tok2,,,,,\n"
        ),
        None,
    );
    assert_eq!(bad_lines(&read), []);
    let contacts: Vec<usize> =
        read.accounts.iter().map(|upsert| upsert.account.contacts.len()).collect();
    assert_eq!(contacts, [2, 0]);
    let jane = &read.accounts[0].account.contacts[0];
    assert_eq!(jane.phone.as_ref().map(|number| number.expose()), Some("+12025550143"));
    assert!(jane.sms_consent);
}

#[test]
fn every_bad_line_is_named_and_no_value_is_repeated() {
    let read = read_text(
        ".csv",
        &format!(
            "{HEADER}a,u,o,canary-token,c,user,canary@nowhere,,\n\
             b,u,o,t,c,boss,,,\n\
             c,u,o,t,,,canary@example.org,,\n\
             d,u,o\n\
             e,u,o,t,c,user,,202-555-0143,\n\
             f,u,o,t1,c,user,,,\n\
             f,u,o,t2,d,user,,,\n\
             good,u,o,t,c,user,ok@example.org,,maybe\n"
        ),
        None,
    );
    assert!(read.accounts.is_empty());
    assert_eq!(
        read.bad.iter().map(|bad| bad.line).collect::<Vec<_>>(),
        [2, 3, 4, 5, 6, 8, 9],
        "{:?}",
        read.bad
    );
    assert!(!format!("{:?}", read.bad).contains("canary"));
}

#[test]
fn lines_are_counted_as_an_editor_does() {
    let rows = format!(
        "{HEADER}\n\
         good,u,o,t,c,user,\"joe@example.org\",,\n\
         a,u,o,\"t\nwith a break\",c,boss,,,\n\
         \n\
         \n\
         b,u,o\n\
         c,u,o,t,c,boss,,,\n"
    );
    for text in [rows.clone(), rows.replace('\n', "\r\n"), format!("\u{feff}{rows}")] {
        let read = read_text(".csv", &text, None);
        let lines: Vec<u64> = read.bad.iter().map(|bad| bad.line).collect();
        assert_eq!(lines, [4, 8, 9], "{text:?}: {:?}", read.bad);
    }
}

#[test]
fn national_numbers_need_a_country() {
    let text = format!("{HEADER}a,u,o,t,c,user,,202-555-0143,true\n");
    assert_eq!(read_text(".csv", &text, None).bad.len(), 1);
    let read = read_text(".csv", &text, Some("us"));
    assert_eq!(bad_lines(&read), []);
    let phone = read.accounts[0].account.contacts[0].phone.as_ref();
    assert_eq!(phone.map(|number| number.expose()), Some("+12025550143"));
}

#[test]
fn lines_of_json_are_the_bodies_of_the_api() {
    let read = read_text(
        ".jsonl",
        "{\"account_ref\":\"a\",\"user_id\":\"u\",\"org_id\":\"o\",\"access_token\":\"t\",\"contacts\":[{\"id\":\"c\",\"role\":\"user\",\"email\":\"a@example.org\"}]}\n\
         \n\
         {\"account_ref\":\"a\",\"user_id\":\"u\",\"org_id\":\"o\",\"access_token\":\"t\"}\n\
         {\"account_ref\":\"b\",\"user_id\":\"u\",\"org_id\":\"o\",\"access_token\":\"t\",\"typo\":1}\n\
         {not json}\n\
         {\"account_ref\":\"c\",\"user_id\":7,\"org_id\":\"canary\",\"access_token\":\"t\"}\n\
         {\"account_ref\":\"c\",\"user_id\":\"u\",\"org_id\":\"o\"}\n\
         {\"account_ref\":\"c\",\"user_id\":\"\",\"org_id\":\"o\",\"access_token\":\"t\"}\n",
        None,
    );
    assert_eq!(read.accounts.len(), 1);
    assert_eq!(
        bad_lines(&read),
        [
            (3, "is the same account as line 1"),
            (
                4,
                "unknown field `typo`, expected one of `user_id`, `org_id`, `access_token`, \
                 `emr_instance_domain`, `contacts`"
            ),
            (5, "is not JSON: Syntax error at column 2"),
            (6, "a field is of the wrong type"),
            (7, "missing field `access_token`"),
            (8, "user_id: is empty"),
        ]
    );
}

/// Half a clinic's contacts would replace all of them.
#[test]
fn an_account_with_a_row_that_cannot_be_read_is_not_read_in_part() {
    let text = format!(
        "{HEADER}clinic_1,u,o,tok,u,user,jane@example.org,,\n\
         clinic_1,u,o,tok,boss,admin\n\
         clinic_2,u,o,tok,u,user,joe@example.org,,\n"
    );
    let read = read_text(".csv", &text, None);
    assert_eq!(bad_lines(&read), [(3, "has 6 fields where the header has 9")]);
    let names = read.accounts.iter().map(|upsert| upsert.account.account_ref.as_str());
    assert_eq!(names.collect::<Vec<_>>(), ["clinic_2"]);
}

#[test]
fn a_folder_is_one_bad_line_and_not_endless_ones() {
    let folder = tempfile::Builder::new().suffix(".jsonl").tempdir().unwrap();
    let read = read(folder.path(), None).unwrap();
    assert_eq!((read.accounts.len(), read.bad.len()), (0, 1));
}
