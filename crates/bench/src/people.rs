//! Accounts and signals for whatever is measured on a store: one person each, by number.

use relink_core::Timestamp;
use relink_core::account::{Account, AccountUpsert, Contact, Role};
use relink_core::id::{AccountRef, ContactId, EventId};
use relink_core::masked::{EmailAddress, Secret};
use relink_core::seal::sha256_hex;
use relink_core::signal::{Signal, SignalKind, SignalSource};

/// The id of the event that breaks this number's login.
pub(crate) fn event_id(number: u64) -> anyhow::Result<EventId> {
    Ok(EventId::parse(&format!("550e8400-e29b-41d4-a716-{number:012x}"))?)
}

/// Where this number is reached.
pub(crate) fn person(number: u64) -> anyhow::Result<EmailAddress> {
    Ok(EmailAddress::parse(&format!("person{number}@example.org"))?)
}

/// The account with its one contact.
pub(crate) fn account(number: &u64) -> anyhow::Result<AccountUpsert> {
    let contact = Contact {
        id: ContactId::parse("user")?,
        role: Role::User,
        email: Some(person(*number)?),
        phone: None,
        locale: Some("en".to_owned()),
        time_zone: Some("America/New_York".to_owned()),
        sms_consent: false,
        name: Some("Jane".to_owned()),
    };
    let account = Account {
        account_ref: AccountRef::parse(&format!("clinic_{number}"))?,
        user_id: format!("user_{number}"),
        org_id: "org_1".to_owned(),
        emr_instance_domain: Some("https://your-emr-instance.com".to_owned()),
        contacts: vec![contact],
    };
    Ok(AccountUpsert { account, access_token: Secret::new(format!("token-{number}")) })
}

/// The webhook that says its login is broken, just now.
pub(crate) fn signal(number: &u64) -> anyhow::Result<Signal> {
    let (event_id, now) = (event_id(*number)?, Timestamp::now());
    Ok(Signal {
        digest: sha256_hex(event_id.as_str().as_bytes()),
        event_id,
        account_ref: AccountRef::parse(&format!("clinic_{number}"))?,
        kind: SignalKind::LoginRequired,
        source: SignalSource::CobaltWebhook,
        occurred_at: now,
        received_at: now,
        emr_instance_domain: Some("https://your-emr-instance.com".to_owned()),
        error_type: Some("password_expired".to_owned()),
        trace: None,
    })
}
