//! Damaged configurations: each is a configuration, or a list of faults that an operator can act
//! on, and neither tells what the environment holds.

use crate::testing::load;
use crate::{ConfigError, Problem};
use relink_fuzz::Target;

const WORDS: &[&[u8]] = &[
    b"[receiver]\n",
    b"[[policy.steps]]\n",
    b"[[cobalt.webhook_secrets]]\n",
    b"[\"a.b\".'c']\n",
    b"listen = ",
    b"{ env = \"COBALT_WEBHOOK_SECRET\" }",
    b"{ env = \"TWILIO_AUTH_TOKEN\" }",
    b"{ env = \"NOT_SET\" }",
    b"{ file = \"nowhere\" }",
    b"{ file = \"\\u0000\" }",
    b"\"\"\"\n",
    b"\"1h30m\"",
    b"\"18446744073709551615d\"",
    b"\"64KiB\"",
    b"\"18446744073709551615GiB\"",
    b"\"127.0.0.1:99999\"",
    b"\"[::1]:0\"",
    b"\"https://u:p@[::1/%zz\"",
    b"2026-12-31T00:00:00Z",
    b"1979-05-27",
    b"nan",
    b"-inf",
    b"0o777",
    b"\"\\u0007\"",
];

#[test]
fn configurations() {
    let target = Target::new(env!("CARGO_MANIFEST_DIR"), "config");
    target.words(WORDS).rounds(1_500).run(|bytes, _| {
        // The loader refuses other bytes before they are parsed.
        let Ok(text) = std::str::from_utf8(bytes) else { return };
        let lines = bytes.iter().filter(|byte| **byte == b'\n').count() + 1;
        let (problems, printed) = match load(text) {
            Ok(loaded) => {
                let printed = loaded.config.print();
                assert!(toml::de::DeTable::parse(&printed).is_ok(), "not TOML: {printed}");
                (loaded.warnings, printed)
            }
            Err(error @ ConfigError::Invalid { .. }) => {
                assert!(!error.problems().is_empty(), "refused, and nobody knows why");
                (error.problems().to_vec(), error.to_string())
            }
            Err(other) => panic!("of the file, and there is none: {other}"),
        };
        assert!(!printed.contains("canary"), "a secret is printed: {printed}");
        problems.iter().for_each(|problem| can_be_acted_on(problem, lines));
    });
}

/// Names a place that exists, on lines of its own, and what to do about it.
fn can_be_acted_on(problem: &Problem, lines: usize) {
    let Problem { key, line, value, what, remedy } = problem;
    assert!(line.is_none_or(|line| (1..=lines).contains(&line)), "{problem}: of {lines} lines");
    let value = value.as_deref().unwrap_or("-");
    for part in [key, value, what, remedy] {
        assert!(!part.trim().is_empty(), "{problem:?} leaves something out");
        assert!(!part.chars().any(char::is_control), "{problem:?} can write to a terminal");
    }
}
