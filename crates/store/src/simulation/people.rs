//! Who and what there is in a run: a few accounts and people, the rules, and the answers a
//! provider may give.

use fastrand::Rng;
use relink_core::Timestamp;
use relink_core::account::{Account, AccountUpsert, Channel, Contact, Role};
use relink_core::attempt::{Outcome, Reason};
use relink_core::id::{AccountRef, ContactId, EventId, StepId, WorkerId};
use relink_core::masked::{EmailAddress, PhoneNumber, Secret};
use relink_core::policy::{EnabledChannels, OnUnknown, Policy, Rules, Step};
use relink_core::seal::{KEY_LEN, KeyRing, SealKey};
use relink_core::signal::{Signal, SignalKind, SignalSource};
use relink_core::time::from_millis;
use std::time::Duration;

pub(super) const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
pub(super) const LEASE: Duration = Duration::from_secs(120);

/// 2026-01-01T00:00:00Z.
pub(super) fn start() -> Timestamp {
    from_millis(1_767_225_600_000)
}

pub(super) fn worker(number: usize) -> WorkerId {
    WorkerId::parse(&format!("w{number}")).unwrap()
}

pub(super) fn account_ref(number: usize) -> AccountRef {
    AccountRef::parse(&format!("account {number}")).unwrap()
}

pub(super) fn keys() -> KeyRing {
    KeyRing::new(SealKey::from_bytes("k", &[7; KEY_LEN]).unwrap(), Vec::new())
}

/// Rules of one run: patient or hasty, and every way to treat a doubt.
pub(super) fn rules(rng: &mut Rng) -> Rules {
    let hasty = rng.bool();
    let step = |id: &str, at, to, channels: &[Channel]| Step {
        id: StepId::parse(id).unwrap(),
        at,
        to,
        channels: channels.to_vec(),
    };
    let (email, sms) = (Channel::Email, Channel::Sms);
    Rules {
        policy: Policy {
            settle: 10 * MINUTE,
            expire: if hasty { 3 * HOUR } else { 720 * HOUR },
            late_by_max: if hasty { HOUR } else { 72 * HOUR },
            steps: vec![
                step("first", Duration::ZERO, Role::User, &[email, sms]),
                step("app", HOUR / 2, Role::User, &[Channel::InApp]),
                step("nudge", HOUR, Role::User, &[sms, email]),
                step("admin", 2 * HOUR, Role::Admin, &[email]),
            ],
        },
        channels: EnabledChannels { email: true, sms: rng.u8(..8) > 0, in_app: rng.u8(..8) > 0 },
        email_on_unknown: [OnUnknown::ResendOnce, OnUnknown::Hold][rng.usize(..2)],
        sms_on_unknown: [OnUnknown::LookUp, OnUnknown::ResendOnce, OnUnknown::Hold][rng.usize(..3)],
        app: Vec::new(),
    }
}

/// An account as the customer registers it: people come, go, change and opt out.
pub(super) fn upsert(number: usize, rng: &mut Rng) -> AccountUpsert {
    let contact = |id: &str, role| Contact {
        id: ContactId::parse(id).unwrap(),
        role,
        email: Some(EmailAddress::parse("clinician@example.org").unwrap()),
        phone: Some(PhoneNumber::parse("+15005550006").unwrap()),
        locale: None,
        time_zone: None,
        sms_consent: true,
        name: None,
    };
    let mut contacts = Vec::new();
    if rng.u8(..8) > 0 {
        let mut user = contact("user", Role::User);
        user.sms_consent = rng.u8(..4) > 0;
        if rng.u8(..4) == 0 {
            user.email = None;
        }
        contacts.push(user);
    }
    if rng.bool() {
        contacts.push(contact("admin", Role::Admin));
    }
    let account = Account {
        account_ref: account_ref(number),
        user_id: "u".to_owned(),
        org_id: "o".to_owned(),
        emr_instance_domain: None,
        contacts,
    };
    AccountUpsert { account, access_token: Secret::new("token") }
}

/// A contact and how it can be reached.
pub(super) fn spoken(contact: &Contact) -> String {
    let reached = |channel: &&Channel| contact.address_on(**channel).is_some();
    let by: Vec<&str> = Channel::ALL.iter().filter(reached).map(|by| by.as_str()).collect();
    format!("{} ({})", contact.id, by.join(", "))
}

/// A signal with a new id, from a host whose clock may be off by an hour.
pub(super) fn signal(event: usize, account: usize, now: Timestamp, rng: &mut Rng) -> Signal {
    let kind = match rng.u8(..12) {
        0 => SignalKind::Repaired,
        1 => SignalKind::PasswordChangeWarning,
        _ => SignalKind::LoginRequired,
    };
    let off = match rng.u8(..8) {
        0 => -3_600_000,
        1..=2 => 3_600_000,
        _ => rng.i64(-1_000..1_000),
    };
    Signal {
        event_id: EventId::parse(&format!("event {event}")).unwrap(),
        account_ref: account_ref(account),
        kind,
        source: SignalSource::CobaltWebhook,
        occurred_at: from_millis(now.as_millisecond() + off),
        received_at: now,
        emr_instance_domain: None,
        error_type: None,
        digest: format!("digest {event}"),
        trace: None,
    }
}

/// Known not to have gone out, worth another try.
pub(super) fn deferral(rng: &mut Rng) -> Outcome {
    let reasons = [
        Reason::TemporaryRefusal,
        Reason::TemporaryRefusal,
        Reason::ConnectFailed,
        Reason::ProviderBusy,
        Reason::CredentialsRefused,
        Reason::MailboxFull,
    ];
    let reason = reasons[rng.usize(..reasons.len())];
    let retry_after = (rng.u8(..4) == 0).then(|| Duration::from_secs(rng.u64(..40_000)));
    Outcome::Deferred { reason, retry_after }
}

/// Refused for good.
pub(super) fn refusal(rng: &mut Rng) -> Outcome {
    let reasons = [Reason::NoSuchRecipient, Reason::OptedOut, Reason::ContentRefused];
    Outcome::Rejected { reason: reasons[rng.usize(..reasons.len())] }
}
