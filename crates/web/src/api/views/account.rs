//! Accounts and their contacts.

use super::text;
use relink_core::account::Contact;
use relink_store::StoredAccount;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An account to register. Checked by `relink_core::account::AccountInput`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the request for the OpenAPI document")]
pub(crate) struct AccountBody {
    /// Your id of the end user.
    #[schema(min_length = 1, max_length = 300)]
    user_id: String,
    /// Your id of the clinic.
    #[schema(min_length = 1, max_length = 300)]
    org_id: String,
    /// Cobalt's access token; stored encrypted, never shown again.
    #[schema(min_length = 1, max_length = 300)]
    access_token: String,
    /// The EHR instance.
    emr_instance_domain: Option<String>,
    /// Everybody who is told.
    #[schema(max_items = 20)]
    #[serde(default)]
    contacts: Vec<ContactBody>,
}

/// A person to tell.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the request for the OpenAPI document")]
pub(crate) struct ContactBody {
    /// Unique within the account.
    #[schema(min_length = 1, max_length = 100)]
    id: String,
    /// `user` or `admin`.
    #[schema(pattern = "^(user|admin)$")]
    role: String,
    /// Where email goes.
    email: Option<String>,
    /// E.164, such as +15005550006.
    phone: Option<String>,
    /// BCP 47, such as en or es-MX.
    locale: Option<String>,
    /// IANA, such as America/New_York.
    time_zone: Option<String>,
    /// Whether this person agreed to text messages; without it none is sent.
    #[serde(default)]
    sms_consent: bool,
    /// How a greeting may call the person.
    name: Option<String>,
}

/// An account, masked.
#[derive(Serialize, ToSchema)]
pub(crate) struct AccountView {
    account_ref: String,
    user_id: String,
    org_id: String,
    emr_instance_domain: Option<String>,
    contacts: Vec<ContactView>,
    created_at: String,
    updated_at: String,
}

/// A contact, masked.
#[derive(Serialize, ToSchema)]
pub(crate) struct ContactView {
    id: String,
    role: String,
    email: Option<String>,
    phone: Option<String>,
    locale: Option<String>,
    time_zone: Option<String>,
    sms_consent: bool,
    name: Option<String>,
}

/// What `relinked` did.
#[derive(Serialize, ToSchema)]
pub(crate) struct RelinkedView {
    /// The case that was open; null when none was.
    pub(crate) closed_case: Option<String>,
}

impl From<StoredAccount> for AccountView {
    fn from(stored: StoredAccount) -> Self {
        Self {
            account_ref: text(&stored.account.account_ref),
            user_id: stored.account.user_id,
            org_id: stored.account.org_id,
            emr_instance_domain: stored.account.emr_instance_domain,
            contacts: stored.account.contacts.into_iter().map(ContactView::from).collect(),
            created_at: text(stored.created_at),
            updated_at: text(stored.updated_at),
        }
    }
}

impl From<Contact> for ContactView {
    fn from(contact: Contact) -> Self {
        Self {
            id: text(&contact.id),
            role: text(contact.role),
            email: contact.email.map(|address| address.masked()),
            phone: contact.phone.map(|number| number.masked()),
            locale: contact.locale,
            time_zone: contact.time_zone,
            sms_consent: contact.sms_consent,
            name: contact.name,
        }
    }
}
