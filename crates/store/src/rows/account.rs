//! Rows of `accounts` and `contacts`. The access token is not among them: it is read and
//! written sealed, by its own statements.

use super::At;
use crate::changes::Sealed;
use crate::{StoreError, StoredAccount, ZoneWanted};
use relink_core::account::{Account, Contact};
use relink_core::id::AccountRef;
use relink_core::seal::KeyRing;
use relink_core::time::from_millis;

/// The columns of `accounts`, apart from the sealed token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AccountColumns {
    pub(crate) account_ref: String,
    pub(crate) user_id: String,
    pub(crate) org_id: String,
    pub(crate) emr_instance_domain: Option<String>,
    pub(crate) created_at: i64,
    pub(crate) updated_at: i64,
    pub(crate) time_zone: Option<String>,
}

/// An account whose zone is asked for, and its token.
pub(crate) struct ZoneColumns {
    pub(crate) account_ref: String,
    pub(crate) sealed: Sealed,
}

/// The columns of `contacts`. `position` keeps the order they were given in.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ContactColumns {
    pub(crate) account_ref: String,
    pub(crate) contact_id: String,
    pub(crate) position: i64,
    pub(crate) role: String,
    pub(crate) email: Option<String>,
    pub(crate) phone: Option<String>,
    pub(crate) locale: Option<String>,
    pub(crate) time_zone: Option<String>,
    pub(crate) sms_consent: bool,
    pub(crate) name: Option<String>,
}

impl AccountColumns {
    /// Puts an account together with its contacts, which must come ordered by `position`.
    pub(crate) fn with(self, contacts: Vec<ContactColumns>) -> Result<StoredAccount, StoreError> {
        let at = At { table: "accounts", row: &self.account_ref };
        let contacts: Result<Vec<Contact>, StoreError> =
            contacts.into_iter().map(Contact::try_from).collect();
        Ok(StoredAccount {
            account: Account {
                account_ref: at.read("account_ref", &self.account_ref)?,
                user_id: self.user_id,
                org_id: self.org_id,
                emr_instance_domain: self.emr_instance_domain,
                contacts: contacts?,
            },
            created_at: from_millis(self.created_at),
            updated_at: from_millis(self.updated_at),
            time_zone: self.time_zone,
        })
    }
}

impl ZoneColumns {
    /// With its token opened, or the reason why it is not.
    pub(crate) fn opened(self, keys: &KeyRing) -> Result<ZoneWanted, StoreError> {
        let at = At { table: "accounts", row: &self.account_ref };
        let account_ref: AccountRef = at.read("account_ref", &self.account_ref)?;
        let access_token = self.sealed.open(&account_ref, keys);
        Ok(ZoneWanted { account_ref, access_token })
    }
}

impl TryFrom<ContactColumns> for Contact {
    type Error = StoreError;

    fn try_from(row: ContactColumns) -> Result<Self, StoreError> {
        let at = At { table: "contacts of account", row: &row.account_ref };
        Ok(Self {
            id: at.read("contact_id", &row.contact_id)?,
            role: at.read("role", &row.role)?,
            email: at.read_some("email", row.email.as_ref())?,
            phone: at.read_some("phone", row.phone.as_ref())?,
            locale: row.locale,
            time_zone: row.time_zone,
            sms_consent: row.sms_consent,
            name: row.name,
        })
    }
}

impl ContactColumns {
    /// The rows of an account's contacts, in their order.
    pub(crate) fn of(account: &Account) -> Vec<Self> {
        (0..)
            .zip(&account.contacts)
            .map(|(position, contact)| Self {
                account_ref: account.account_ref.to_string(),
                contact_id: contact.id.to_string(),
                position,
                role: contact.role.to_string(),
                email: contact.email.as_ref().map(|email| email.expose().to_owned()),
                phone: contact.phone.as_ref().map(|phone| phone.expose().to_owned()),
                locale: contact.locale.clone(),
                time_zone: contact.time_zone.clone(),
                sms_consent: contact.sms_consent,
                name: contact.name.clone(),
            })
            .collect()
    }
}
