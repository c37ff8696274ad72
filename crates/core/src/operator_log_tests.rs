//! The encoding is pinned; every way of tampering shows.

use super::*;
use crate::time::from_millis;
use proptest::prelude::*;

fn act(subject: &str) -> Act {
    let operator = OperatorId::parse("cli:ops@host").unwrap();
    let subject = SubjectId::parse(subject).unwrap();
    Act::new(&operator, Action::DeadReplay, SubjectKind::Notification, subject)
        .with("replay", "86db0406-f6ef-5c09-a792-e865df98cec9")
        .with("case", "c1")
}

fn chain_of(entries: &[Entry]) -> Chain {
    let mut chain = Chain::default();
    entries.iter().for_each(|entry| chain.take(entry));
    chain
}

fn three() -> Vec<Entry> {
    let mut head = Head::default();
    let link = |subject: &&str| {
        let entry = Entry::after(&head, &act(subject), from_millis(1_767_225_600_000));
        head = entry.head();
        entry
    };
    ["a", "b", "c"].iter().map(link).collect()
}

#[test]
fn the_encoding_is_the_same_in_every_release() {
    let entries = three();
    assert_eq!(
        entries[0].detail,
        r#"{"case":"c1","replay":"86db0406-f6ef-5c09-a792-e865df98cec9"}"#
    );
    // A change here would break every chain there is.
    assert_eq!(
        entries.iter().map(|entry| entry.hash.as_str()).collect::<Vec<_>>(),
        [
            "09b511654e589688b3cad0f62a0c47cdc915b9802083a434552606db2a4fa959",
            "349c978d0a31c777a59f92abde4c78975aaec752ad8e9cdf2d38d9ecce85c668",
            "cba27b2590efa13abc0c8672bbc4234b0c643391381f2cc0db323683bab931d7",
        ]
    );
}

#[test]
fn a_chain_as_it_was_written_holds() {
    let chain = chain_of(&three());
    assert_eq!((chain.broken(), chain.head().sequence), (0, 3));
    assert_eq!(chain_of(&[]).head(), &Head::default());
}

#[test]
fn every_changed_field_shows_where_it_is() {
    let changes: [fn(&mut Entry); 9] = [
        |entry| entry.sequence += 1,
        |entry| entry.at += 1,
        |entry| entry.operator.push('x'),
        |entry| entry.action = "case_close".to_owned(),
        |entry| entry.subject_kind = "case".to_owned(),
        |entry| entry.subject_id.push('x'),
        |entry| entry.detail = "{}".to_owned(),
        |entry| entry.prev_hash = "0".repeat(64).replace('0', "1"),
        |entry| entry.hash = "0".repeat(64),
    ];
    for (number, change) in changes.iter().enumerate() {
        let mut entries = three();
        change(&mut entries[1]);
        let chain = chain_of(&entries);
        assert!(chain.broken() > 0, "change {number}");
        assert!([2, 3].contains(&chain.first_broken()[0]), "change {number}");
    }
}

#[test]
fn a_forged_entry_with_a_hash_of_its_own_breaks_the_next_link() {
    let mut entries = three();
    entries[1].operator = "somebody else".to_owned();
    entries[1].hash = entries[1].expected_hash();
    assert_eq!(chain_of(&entries).first_broken(), [3]);
}

#[test]
fn a_removed_entry_shows_and_a_cut_end_shows_against_a_head_that_was_kept() {
    let mut entries = three();
    let kept = entries[2].head();
    entries.remove(1);
    assert_eq!(chain_of(&entries).first_broken(), [3]);

    let mut chain = Chain::containing(Some(kept.clone()));
    three().iter().take(2).for_each(|entry| chain.take(entry));
    assert_eq!((chain.broken(), chain.missing()), (0, Some(&kept)));
    chain.take(&three()[2]);
    assert_eq!(chain.missing(), None);
    assert_eq!(Chain::containing(Some(Head::default())).missing(), None);
}

#[test]
fn a_head_reads_back_as_it_prints() {
    let head = three()[1].head();
    assert_eq!(head.to_string().parse(), Ok(head));
    for bad in ["", "3", "x:00", "3:00", &format!("3:{}", "g".repeat(64))] {
        assert!(bad.parse::<Head>().is_err(), "{bad}");
    }
}

proptest! {
    /// No two different entries have the same encoding, wherever the text of one field ends.
    #[test]
    fn text_that_moves_from_one_field_to_the_next_changes_the_hash(
        left in "[a-z]{0,4}", right in "[a-z]{1,4}",
    ) {
        let mut one = three().remove(0);
        let mut other = one.clone();
        one.subject_kind = format!("{left}{right}");
        one.subject_id = String::new();
        other.subject_kind = left;
        other.subject_id = right;
        prop_assert_ne!(one.expected_hash(), other.expected_hash());
    }
}
