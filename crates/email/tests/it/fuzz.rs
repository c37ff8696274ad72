//! Replies of a relay, damaged, at every moment of a transaction: a mail counts as accepted only
//! after a whole 250 behind its final dot.

use crate::relay::{Act, At, Relay};
use crate::support::{order, sender};
use relink_core::attempt::Outcome;
use relink_core::sender::Sender as _;
use relink_fuzz::Target;
use tokio::runtime::Builder;

const PHASES: [At; 6] = [At::Banner, At::Ehlo, At::Mail, At::Rcpt, At::Data, At::Dot];

const WORDS: &[&[u8]] =
    &[b"250 ", b"250-", b"354 ", b"421 ", b"550 5.1.1 ", b"\r\n250 ok\r\n", b"25", b"2500"];

/// Whether the bytes begin with one whole reply, and its code.
fn reply(bytes: &[u8]) -> Option<&str> {
    let mut rest = std::str::from_utf8(bytes).ok()?;
    let code = rest.get(..3)?;
    loop {
        let (line, behind) = rest.split_once("\r\n")?;
        let text = line.strip_prefix(code)?;
        match text.chars().next() {
            Some('-') => rest = behind,
            Some(' ') | None => return Some(code),
            Some(_) => return None,
        }
    }
}

/// The first reply of bytes of which a later part may be no text.
fn first_reply(bytes: &[u8]) -> Option<String> {
    (0..=bytes.len()).find_map(|end| reply(&bytes[..end]).map(str::to_owned))
}

#[test]
fn replies_of_relays() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let target = Target::new(env!("CARGO_MANIFEST_DIR"), "reply");
    target.words(WORDS).rounds(120).run(|bytes, random| {
        let at = *random.pick(&PHASES).unwrap();
        let bytes = &bytes[..bytes.len().min(20_000)];
        let outcome = runtime.block_on(async {
            let relay = Relay::start([(at, Act::BytesAndClose(bytes.to_vec()))]);
            sender(&relay).send(&order(1)).await.outcome
        });
        let code = first_reply(bytes);
        let first = code.as_deref().and_then(|code| code.chars().next());
        match outcome {
            // Whatever else comes with it, a yes is a yes to the dot, and a whole one.
            Outcome::Accepted => assert_eq!((at, code.as_deref()), (At::Dot, Some("250"))),
            Outcome::Rejected { .. } => assert!(bytes.contains(&b'5'), "no code of refusal"),
            Outcome::Deferred { .. } if at == At::Dot => {
                assert!(matches!(first, Some('4' | '5')), "past the dot only a no says not sent");
            }
            Outcome::Deferred { .. } => {}
            // Replies too many before the dot can pass for its answer: in doubt, never a yes.
            Outcome::Unknown { .. } => {}
        }
    });
}
