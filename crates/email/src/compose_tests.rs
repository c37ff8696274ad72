use super::*;
use mail_parser::{Message as Parsed, MessageParser, MimeHeaders as _};
use proptest::prelude::*;
use relink_config::{Smtp, SmtpTls};
use relink_core::masked::{EmailAddress, PhoneNumber};
use relink_core::policy::OnUnknown;
use relink_core::signal::SignalKind;
use std::time::Duration;

/// Every header of a mail, in order.
const HEADERS: [&str; 11] = [
    "From",
    "To",
    "Subject",
    "Message-ID",
    "In-Reply-To",
    "References",
    "MIME-Version",
    "Date",
    "Auto-Submitted",
    "X-Auto-Response-Suppress",
    "Content-Type",
];

fn config() -> Email {
    Email {
        enabled: true,
        from: mailbox("Acme Health", "no-reply@acme.example"),
        reply_to: None,
        smtp: Smtp {
            host: "127.0.0.1".to_owned(),
            port: 2525,
            tls: SmtpTls::None,
            ca_file: None,
            credentials: None,
            helo: None,
        },
        on_unknown: OnUnknown::ResendOnce,
        concurrency: 1,
    }
}

fn mailbox(name: &str, address: &str) -> Mailbox {
    Mailbox { name: Some(name.to_owned()), address: address.to_owned() }
}

fn order() -> MessageOrder {
    MessageOrder {
        notification_id: "3a0f51a6-8a8c-5f4e-9d8a-0d6c6d6f1f11".parse().unwrap(),
        case_id: "86db0406-f6ef-5c09-a792-e865df98cec9".parse().unwrap(),
        kind: SignalKind::LoginRequired,
        reminder: false,
        address: Recipient::Email(EmailAddress::parse("jo@clinic.example").unwrap()),
        locale: Some("en".to_owned()),
        name: Some("Jo".to_owned()),
        link: "https://relink.example.org/r/Zk3mQ9".to_owned(),
        valid_for: Duration::from_secs(3600),
    }
}

fn composed(order: &MessageOrder) -> String {
    let composer = Composer::new(&config(), "Acme Health").unwrap();
    String::from_utf8(composer.compose(order).unwrap().bytes).unwrap()
}

fn parsed(mail: &str) -> Parsed<'_> {
    MessageParser::default().parse(mail.as_bytes()).unwrap()
}

fn header_names(message: &Parsed<'_>) -> Vec<String> {
    message.headers().iter().map(|header| header.name().to_owned()).collect()
}

/// The mail with what differs each time taken out.
fn steady(mail: &str) -> String {
    let boundary = mail.split("boundary=\"").nth(1).unwrap().split('"').next().unwrap();
    let mail = mail.replace(boundary, "BOUNDARY").replace("\r\n", "\n");
    let lines =
        mail.lines().map(|line| if line.starts_with("Date: ") { "Date: DATE" } else { line });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_first_mail_of_a_case() {
    insta::assert_snapshot!(steady(&composed(&order())));
}

#[test]
fn a_reminder() {
    insta::assert_snapshot!(steady(&composed(&MessageOrder { reminder: true, ..order() })));
}

#[test]
fn a_password_change_warning() {
    let order = MessageOrder { kind: SignalKind::PasswordChangeWarning, name: None, ..order() };
    insta::assert_snapshot!(steady(&composed(&order)));
}

#[test]
fn a_retry_is_the_same_mail_to_every_mailbox() {
    let (first, again) = (composed(&order()), composed(&order()));
    let (first, again) = (parsed(&first), parsed(&again));
    let id = "3a0f51a6-8a8c-5f4e-9d8a-0d6c6d6f1f11@acme.example";
    assert_eq!(first.message_id(), Some(id));
    assert_eq!(again.message_id(), Some(id));
}

#[test]
fn the_mails_of_one_case_form_a_thread() {
    let other = MessageOrder {
        notification_id: "00000000-0000-5000-8000-000000000002".parse().unwrap(),
        reminder: true,
        ..order()
    };
    let (first, second) = (composed(&order()), composed(&other));
    let (first, second) = (parsed(&first), parsed(&second));
    let root = "case-86db0406-f6ef-5c09-a792-e865df98cec9@acme.example";
    for message in [&first, &second] {
        assert_eq!(message.in_reply_to().as_text(), Some(root));
        assert_eq!(message.references().as_text(), Some(root));
    }
    assert_ne!(first.message_id(), second.message_id());
    let stranger = MessageOrder {
        case_id: "00000000-0000-5000-8000-000000000003".parse().unwrap(),
        ..order()
    };
    assert_ne!(parsed(&composed(&stranger)).references().as_text(), Some(root));
}

#[test]
fn the_headers_are_these_and_no_others() {
    let mail = composed(&order());
    let message = parsed(&mail);
    assert_eq!(header_names(&message), HEADERS);
    assert_eq!(message.header("Auto-Submitted").unwrap().as_text(), Some("auto-generated"));
    assert_eq!(message.header("X-Auto-Response-Suppress").unwrap().as_text(), Some("All"));
    for absent in ["X-Mailer", "User-Agent", "Precedence", "List-Unsubscribe", "Bcc", "Reply-To"] {
        assert!(message.header(absent).is_none(), "{absent}");
    }
    assert_eq!(message.text_body_count(), 1);
    assert_eq!(message.html_body_count(), 1);
    assert_eq!(message.attachment_count(), 0);
    assert!(message.content_type().is_some_and(|kind| kind.subtype() == Some("alternative")));
}

#[test]
fn replies_go_where_they_are_read() {
    let mut config = config();
    config.reply_to = Some(mailbox("Help, \"Desk\" <x>", "help@acme.example"));
    let composer = Composer::new(&config, "Acme Health").unwrap();
    let mail = String::from_utf8(composer.compose(&order()).unwrap().bytes).unwrap();
    let message = parsed(&mail);
    let to = message.reply_to().unwrap().first().unwrap();
    assert_eq!(to.address(), Some("help@acme.example"));
    assert_eq!(to.name(), Some("Help, \"Desk\" <x>"));
}

/// Subjects show on locked screens; the name of a person belongs into the greeting only.
#[test]
fn no_name_and_no_address_in_a_subject() {
    for (kind, reminder) in [
        (SignalKind::LoginRequired, false),
        (SignalKind::LoginRequired, true),
        (SignalKind::PasswordChangeWarning, false),
    ] {
        let name = Some("Canary".to_owned());
        let mail = composed(&MessageOrder { kind, reminder, name, ..order() });
        let message = parsed(&mail);
        let subject = message.subject().unwrap();
        assert!(!subject.to_lowercase().contains("canary") && !subject.contains('@'), "{subject}");
        assert!(message.body_text(0).unwrap().contains("Canary"));
        assert!(message.body_html(0).unwrap().contains("Canary"));
    }
}

#[test]
fn a_name_stays_a_name() {
    for (name, greeting) in [
        ("Jo\r\nBcc: all@clinic.example", "Hello Jo Bcc: all@clinic.example,"),
        ("Jo\r\n\r\n<script>alert(1)</script>", "Hello Jo <script>alert(1)</script>,"),
        ("Jo\u{0}\u{8}\u{7f}", "Hello Jo,"),
        ("Jo\u{2028}Ann\u{85}Lee", "Hello Jo Ann Lee,"),
        ("\u{202e}oJ\u{200b}\u{feff}", "Hello oJ,"),
        ("{{ link }}{% raw %}", "Hello {{ link }}{% raw %},"),
        (" \t\r\n ", "Hello,"),
        ("", "Hello,"),
    ] {
        let mail = composed(&MessageOrder { name: Some(name.to_owned()), ..order() });
        let message = parsed(&mail);
        assert_eq!(header_names(&message), HEADERS, "{name:?}");
        let text = message.body_text(0).unwrap();
        assert_eq!(text.lines().next(), Some(greeting), "{name:?}");
        assert!(!message.body_html(0).unwrap().contains("<script"), "{name:?}");
    }
    let long = composed(&MessageOrder { name: Some("x".repeat(5000)), ..order() });
    let text = parsed(&long).body_text(0).unwrap().into_owned();
    assert_eq!(text.lines().next().unwrap(), format!("Hello {},", "x".repeat(60)));
}

#[test]
fn a_link_cannot_leave_its_attribute() {
    let link = "https://relink.example.org/\"><script>alert(1)</script>".to_owned();
    let mail = composed(&MessageOrder { link, ..order() });
    let html = parsed(&mail).body_html(0).unwrap().into_owned();
    assert!(!html.contains("<script") && html.contains("&lt;script&gt;"), "{html}");
}

#[test]
fn an_installation_with_a_hostile_name() {
    let name = "Acme\r\nBcc: all@clinic.example\r\n\r\nbody";
    let composer = Composer::new(&config(), name).unwrap();
    let mail = String::from_utf8(composer.compose(&order()).unwrap().bytes).unwrap();
    assert_eq!(header_names(&parsed(&mail)), HEADERS);

    let mut bad = config();
    bad.from = mailbox("Acme\r\nBcc: x@y.example", "no-reply@acme.example");
    let error = Composer::new(&bad, "Acme").unwrap_err().to_string();
    assert!(error.starts_with("email.from: the name contains"), "{error}");
    bad = config();
    bad.reply_to = Some(mailbox("Help", "help"));
    let error = Composer::new(&bad, "Acme").unwrap_err().to_string();
    assert!(error.starts_with("email.reply_to: "), "{error}");
}

#[test]
fn an_order_for_a_phone_is_not_a_mail() {
    let address = Recipient::Phone(PhoneNumber::parse("+15005550006").unwrap());
    let composer = Composer::new(&config(), "Acme Health").unwrap();
    let error = composer.compose(&MessageOrder { address, ..order() }).unwrap_err();
    assert!(matches!(error, ComposeError::NotEmail));
}

proptest! {
    #[test]
    fn nothing_a_person_is_told_gets_into_a_header(
        name in proptest::option::of(any::<String>()),
        locale in proptest::option::of(any::<String>()),
        link in any::<String>(),
        reminder in any::<bool>(),
    ) {
        let mail = composed(&MessageOrder { name, locale, link, reminder, ..order() });
        let message = parsed(&mail);
        prop_assert_eq!(header_names(&message), HEADERS);
        prop_assert_eq!(message.text_body_count(), 1);
        prop_assert_eq!(message.html_body_count(), 1);
        prop_assert_eq!(message.to().unwrap().first().unwrap().address(), Some("jo@clinic.example"));
        prop_assert!(mail.is_ascii());
    }
}
