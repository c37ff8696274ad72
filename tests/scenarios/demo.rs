//! The first command of the README, on the real program.

use relink_tests::relink_binary;
use std::process::Command;

#[test]
fn demo_once_tells_the_whole_way_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(relink_binary())
        .args(["demo", "--once"])
        .current_dir(folder.path())
        .env("TMPDIR", folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    for part in [
        "answered 202",
        "Subject: Please sign in again to Acme Health",
        "attempt: step first by email to j***@clinic.example: accepted",
        "clinic_1: repaired",
        "notification: step nudge by sms: cancelled (case_closed)",
    ] {
        assert!(said.contains(part), "no \"{part}\" in:\n{said}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
