//! Accounts linked through Cobalt and the people who are told about them.

use crate::id::{AccountRef, ContactId, InvalidValue};
use crate::masked::{EmailAddress, PhoneNumber, Secret};
use crate::words::words;
use serde::{Deserialize, Serialize};

words! {
    /// A way to reach a person.
    pub enum Channel {
        /// SMTP.
        Email = "email",
        /// A text message.
        Sms = "sms",
        /// Shown inside the customer's own app.
        InApp = "in_app",
    }
}

words! {
    /// Why somebody is told about an account.
    pub enum Role {
        /// The clinician whose login it is.
        User = "user",
        /// Somebody at the organisation who can remind that clinician.
        Admin = "admin",
    }
}

/// One person told about an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// Unique within the account.
    pub id: ContactId,
    /// Why this person is told.
    pub role: Role,
    /// Where email goes.
    pub email: Option<EmailAddress>,
    /// Where text messages go.
    pub phone: Option<PhoneNumber>,
    /// BCP 47 tag of the preferred language, such as `en` or `es-MX`.
    pub locale: Option<String>,
    /// IANA zone, such as `America/New_York`.
    pub time_zone: Option<String>,
    /// Whether this person agreed to text messages.
    pub sms_consent: bool,
    /// How a greeting may call the person. Never used in a subject or a text message.
    pub name: Option<String>,
}

/// Where a message would go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// An email address.
    Email(EmailAddress),
    /// A phone number.
    Phone(PhoneNumber),
    /// The account's user, in the customer's own app. There is nothing to carry: the feed shows a
    /// case to whoever the account's `user_id` names at that moment.
    InApp,
}

impl Address {
    /// What may be shown and recorded beside an attempt.
    pub fn masked(&self) -> String {
        match self {
            Self::Email(address) => address.masked(),
            Self::Phone(number) => number.masked(),
            Self::InApp => Channel::InApp.to_string(),
        }
    }

    /// What whoever holds a link may see of whom it is for; nothing where there is no address.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Email(address) => Some(address.hint()),
            Self::Phone(number) => Some(number.hint()),
            Self::InApp => None,
        }
    }
}

impl Contact {
    /// The address of this person on `channel`, if the channel can be used for them at all:
    /// an address is on file and, for text messages, consent is. In the app only the account's
    /// user can be reached: nobody else is known to it.
    pub fn address_on(&self, channel: Channel) -> Option<Address> {
        match channel {
            Channel::Email => self.email.clone().map(Address::Email),
            Channel::Sms if self.sms_consent => self.phone.clone().map(Address::Phone),
            Channel::Sms => None,
            Channel::InApp => match self.role {
                Role::User => Some(Address::InApp),
                Role::Admin => None,
            },
        }
    }
}

/// One account linked through Cobalt, without its credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Cobalt's `access_token_reference_id`.
    pub account_ref: AccountRef,
    /// The customer's id of the end user.
    pub user_id: String,
    /// The customer's id of the clinic.
    pub org_id: String,
    /// The EHR instance, when known.
    pub emr_instance_domain: Option<String>,
    /// Everybody who is told about it.
    pub contacts: Vec<Contact>,
}

/// What a client sends to register or replace an account: the account and its credential.
#[derive(Debug, Clone)]
pub struct AccountUpsert {
    /// The account as it shall be.
    pub account: Account,
    /// Cobalt's access token; encrypted before it is stored.
    pub access_token: Secret,
}

/// The JSON form of [`AccountUpsert`], shared by the API and the file import.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountInput {
    /// The customer's id of the end user.
    pub user_id: String,
    /// The customer's id of the clinic.
    pub org_id: String,
    /// Cobalt's access token.
    pub access_token: Secret,
    /// The EHR instance.
    #[serde(default)]
    pub emr_instance_domain: Option<String>,
    /// Everybody who is told.
    #[serde(default)]
    pub contacts: Vec<ContactInput>,
}

/// The JSON form of one [`Contact`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContactInput {
    /// Unique within the account.
    pub id: String,
    /// `user` or `admin`.
    pub role: Role,
    /// Where email goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// E.164.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// BCP 47.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// IANA.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// Whether this person agreed to text messages.
    #[serde(default)]
    pub sms_consent: bool,
    /// How a greeting may call the person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// How many contacts one account may have.
pub const MAX_CONTACTS: usize = 20;

/// The most bytes of a free text field of an account.
const MAX_TEXT_BYTES: usize = 300;

impl AccountInput {
    /// Checks everything and names every fault with the path of its field.
    ///
    /// # Errors
    /// All faults together, as `(path, fault)`; none repeats a secret or an address.
    pub fn check(self, account_ref: AccountRef) -> Result<AccountUpsert, Vec<FieldFault>> {
        let mut faults = Faults::default();
        faults.text("user_id", &self.user_id);
        faults.text("org_id", &self.org_id);
        faults.text("access_token", self.access_token.expose());
        if let Some(domain) = &self.emr_instance_domain {
            faults.text("emr_instance_domain", domain);
        }
        if self.contacts.len() > MAX_CONTACTS {
            faults.add("contacts", format!("has more than {MAX_CONTACTS} entries"));
        }
        let mut contacts: Vec<Contact> = Vec::new();
        for (index, input) in self.contacts.into_iter().take(MAX_CONTACTS).enumerate() {
            let at = format!("contacts[{index}]");
            if let Some(contact) = input.check(&at, &mut faults) {
                if contacts.iter().any(|other| other.id == contact.id) {
                    faults.add(
                        &format!("{at}.id"),
                        "is used by another contact of this account".into(),
                    );
                }
                contacts.push(contact);
            }
        }
        if !faults.0.is_empty() {
            return Err(faults.0);
        }
        let account = Account {
            account_ref,
            user_id: self.user_id,
            org_id: self.org_id,
            emr_instance_domain: self.emr_instance_domain,
            contacts,
        };
        Ok(AccountUpsert { account, access_token: self.access_token })
    }
}

impl ContactInput {
    fn check(self, at: &str, faults: &mut Faults) -> Option<Contact> {
        let before = faults.0.len();
        let id = faults.parsed(&format!("{at}.id"), ContactId::parse(&self.id));
        let email = self
            .email
            .filter(|text| !text.trim().is_empty())
            .and_then(|text| faults.parsed(&format!("{at}.email"), EmailAddress::parse(&text)));
        let phone = self
            .phone
            .filter(|text| !text.trim().is_empty())
            .and_then(|text| faults.parsed(&format!("{at}.phone"), PhoneNumber::parse(&text)));
        for (field, value) in [("locale", &self.locale), ("name", &self.name)] {
            if let Some(text) = value {
                faults.text(&format!("{at}.{field}"), text);
            }
        }
        if let Some(zone) = &self.time_zone
            && !crate::time::is_zone(zone)
        {
            faults.add(
                &format!("{at}.time_zone"),
                "is not an IANA time zone such as America/New_York".into(),
            );
        }
        if faults.0.len() > before {
            return None;
        }
        Some(Contact {
            id: id?,
            role: self.role,
            email,
            phone,
            locale: self.locale,
            time_zone: self.time_zone,
            sms_consent: self.sms_consent,
            name: self.name,
        })
    }
}

/// One thing wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldFault {
    /// Where, such as `contacts[0].email`.
    pub field: String,
    /// What, without the value.
    pub fault: String,
}

#[derive(Default)]
struct Faults(Vec<FieldFault>);

impl Faults {
    fn add(&mut self, field: &str, fault: String) {
        self.0.push(FieldFault { field: field.to_owned(), fault });
    }

    fn parsed<T>(&mut self, field: &str, value: Result<T, InvalidValue>) -> Option<T> {
        value.map_err(|error| self.add(field, error.to_string())).ok()
    }

    fn text(&mut self, field: &str, value: &str) {
        if value.trim().is_empty() {
            self.add(field, "is empty".into());
        } else if value.len() > MAX_TEXT_BYTES {
            self.add(field, format!("is longer than {MAX_TEXT_BYTES} bytes"));
        } else if value.chars().any(char::is_control) {
            self.add(field, "contains a control character or a line break".into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(json: &str) -> Result<AccountUpsert, Vec<FieldFault>> {
        let input: AccountInput = serde_json::from_str(json).unwrap();
        input.check(AccountRef::parse("clinic_1").unwrap())
    }

    #[test]
    fn every_fault_is_named_at_once_and_no_value_is_repeated() {
        let faults = input(
            r#"{"user_id":"","org_id":"o","access_token":"tok-canary","contacts":[
                {"id":"a","role":"user","email":"canary@","time_zone":"Mars/Base"},
                {"id":"b","role":"user","phone":"555-canary"},
                {"id":"c","role":"user"},{"id":"c","role":"admin","name":"x\ny"}]}"#,
        )
        .unwrap_err();
        let fields: Vec<&str> = faults.iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(
            fields,
            [
                "user_id",
                "contacts[0].email",
                "contacts[0].time_zone",
                "contacts[1].phone",
                "contacts[3].name"
            ]
        );
        assert!(!format!("{faults:?}").contains("canary"));
    }

    #[test]
    fn text_messages_need_consent() {
        let upsert = input(
            r#"{"user_id":"u","org_id":"o","access_token":"t","contacts":[
                {"id":"a","role":"user","email":"a@b.org","phone":"+15005550006"}]}"#,
        )
        .unwrap();
        let contact = &upsert.account.contacts[0];
        assert!(contact.address_on(Channel::Email).is_some());
        assert_eq!(contact.address_on(Channel::Sms), None);
    }

    #[test]
    fn in_the_app_the_user_is_reached_and_nobody_else() {
        let upsert = input(
            r#"{"user_id":"canary","org_id":"o","access_token":"t","contacts":[
                {"id":"a","role":"user"},{"id":"b","role":"admin","email":"a@b.org"}]}"#,
        )
        .unwrap();
        let [user, admin] = &upsert.account.contacts[..] else { panic!("two contacts") };
        let address = user.address_on(Channel::InApp).unwrap();
        assert_eq!((address.masked().as_str(), &address), ("in_app", &Address::InApp));
        assert_eq!(admin.address_on(Channel::InApp), None);
    }
}
