//! What comes out at the other end: the mail as it was meant, byte for byte.

use crate::relay::{Act, At, Heard, Relay};
use crate::support::{PATIENT, config, order, sender};
use mail_parser::MessageParser;
use relink_core::account::Address;
use relink_core::attempt::{Outcome, Reason};
use relink_core::masked::PhoneNumber;
use relink_core::sender::{LookUp, MessageOrder, Sender as _};
use relink_email::EmailSender;

/// The bytes as the relay delivers them: without the dots that transparency adds.
fn delivered(mail: &Heard) -> Vec<u8> {
    let lines = mail.raw.split_inclusive(|byte| *byte == b'\n');
    lines.flat_map(|line| line.strip_prefix(b".").unwrap_or(line)).copied().collect()
}

async fn delivered_text(order: &MessageOrder) -> (Vec<u8>, String) {
    let relay = Relay::start([]);
    assert_eq!(sender(&relay).send(order).await.outcome, Outcome::Accepted);
    let mail = relay.log(|log| log.mails[0].clone());
    let parsed = delivered(&mail);
    let message = MessageParser::default().parse(&parsed).unwrap();
    (mail.raw, message.body_text(0).unwrap().into_owned())
}

#[tokio::test]
async fn the_envelope_has_two_plain_addresses() {
    let relay = Relay::start([]);
    assert_eq!(sender(&relay).send(&order(1)).await.outcome, Outcome::Accepted);
    let lines: Vec<String> =
        relay.log(|log| log.lines.iter().map(|line| line.text.clone()).collect());
    assert_eq!(
        lines,
        [
            "EHLO relink.test",
            "MAIL FROM:<no-reply@acme.example>",
            "RCPT TO:<jo@clinic.example>",
            "DATA"
        ]
    );
}

#[tokio::test]
async fn lines_of_dots_arrive_as_lines_of_dots() {
    let link = "https://relink.example.org/\n.\n..\n.x\nQUIT\n.".to_owned();
    let (raw, text) = delivered_text(&MessageOrder { link: link.clone(), ..order(1) }).await;
    assert!(text.replace("\r\n", "\n").contains(&link), "{text:?}");
    let lines: Vec<&[u8]> = raw.split(|byte| *byte == b'\n').collect();
    assert!(lines.contains(&b"..\r".as_slice()), "a dot alone is doubled on the wire");
    assert!(lines.contains(&b"...\r".as_slice()));
    assert!(!lines.contains(&b".\r".as_slice()), "nothing but the end looks like the end");
}

#[tokio::test]
async fn every_line_break_crosses_the_wire_as_crlf() {
    for link in ["a\nb", "a\r\nb", "a\rb", "a\r.\rb", "a\n.\r\nb", "a\r\n.\nb", "\n\n.\n\n"] {
        let (raw, text) = delivered_text(&MessageOrder { link: link.to_owned(), ..order(1) }).await;
        for (index, byte) in raw.iter().enumerate() {
            let broken = match byte {
                b'\n' => index == 0 || raw[index - 1] != b'\r',
                b'\r' => raw.get(index + 1) != Some(&b'\n'),
                _ => false,
            };
            assert!(!broken, "half a line break at {index} with {link:?}");
        }
        let lines = |text: &str| text.replace("\r\n", "\n").replace('\r', "\n");
        assert!(lines(&text).contains(&lines(link)), "{link:?} became {text:?}");
    }
}

#[tokio::test]
async fn no_line_is_longer_than_mail_allows() {
    let link = format!("https://relink.example.org/{}", "a".repeat(5000));
    let (raw, text) = delivered_text(&MessageOrder { link: link.clone(), ..order(1) }).await;
    let longest = raw.split(|byte| *byte == b'\n').map(<[u8]>::len).max().unwrap();
    assert!(longest < 1000, "{longest}");
    assert!(text.contains(&link));
}

#[tokio::test]
async fn names_of_every_script_arrive() {
    for name in ["Zoë", "José Ñúñez", "李雷", "Иван", "שרה", "O'Brien & Sons <b>"] {
        let order = MessageOrder { name: Some(name.to_owned()), ..order(1) };
        let (raw, text) = delivered_text(&order).await;
        assert!(text.starts_with(&format!("Hello {name},")), "{text:?}");
        assert!(raw.is_ascii(), "needs no relay with 8BITMIME");
    }
}

#[tokio::test]
async fn every_mail_in_a_row_arrives_with_its_own_bytes() {
    let relay = Relay::start([]);
    let sender = sender(&relay);
    for n in 1..=3 {
        assert_eq!(sender.send(&order(n)).await.outcome, Outcome::Accepted);
    }
    for (index, mail) in relay.log(|log| log.mails.clone()).iter().enumerate() {
        let parsed = delivered(mail);
        let message = MessageParser::default().parse(&parsed).unwrap();
        let id = format!("00000000-0000-5000-8000-{:012}@acme.example", index + 1);
        assert_eq!(message.message_id(), Some(id.as_str()));
        assert_eq!(mail.connection, 1);
    }
}

#[tokio::test]
async fn an_order_for_a_phone_never_reaches_a_relay() {
    let relay = Relay::start([(At::Banner, Act::Hang)]);
    let address = Address::Phone(PhoneNumber::parse("+15005550006").unwrap());
    let sender = EmailSender::with_deadlines(&config(relay.port), "Acme Health", PATIENT).unwrap();
    let sent = sender.send(&MessageOrder { address, ..order(1) }).await;
    assert_eq!(sent.outcome, Outcome::Rejected { reason: Reason::ContentRefused });
    assert_eq!(relay.log(|log| log.connections), 0);
}

/// SMTP has no list: a doubt stays one.
#[tokio::test]
async fn there_is_nothing_to_look_up() {
    let relay = Relay::start([]);
    let since = "2026-11-22T00:00:00Z".parse().unwrap();
    let found = sender(&relay).look_up(&order(1), since).await;
    assert_eq!(found, LookUp::Unavailable { reason: Reason::NoAnswer });
    assert_eq!(relay.log(|log| log.connections), 0);
}
