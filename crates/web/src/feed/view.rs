//! What the app is given: the JSON of a user's open cases. Made of a few fields picked one by one,
//! so that a field that a case gains is not shown by accident.

use crate::feed::wording::{Lang, sentence};
use relink_core::Timestamp;
use relink_core::feed::{Notice, announces};
use relink_core::id::{AccountRef, CaseId};
use relink_core::policy::Rules;
use relink_core::signal::SignalKind;
use relink_store::UsersCase;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The most cases of one user that are shown, the oldest first.
const MAX_SHOWN: usize = 50;

/// A case as far as the app may know it. Whether two of them differ is whether streams are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shown {
    id: CaseId,
    account_ref: AccountRef,
    kind: SignalKind,
    opened_at: Timestamp,
    announce: bool,
}

impl Shown {
    pub(crate) fn of(row: &UsersCase, rules: &Rules, now: Timestamp) -> Self {
        let UsersCase { case, told_in_app, .. } = row;
        Self {
            id: case.id,
            account_ref: case.account_ref.clone(),
            kind: case.kind,
            opened_at: case.opened_at,
            announce: announces(case, *told_in_app, rules, now),
        }
    }
}

/// An open case, as the app shows it.
#[derive(Serialize, ToSchema)]
pub(crate) struct FeedCase {
    id: String,
    /// Cobalt's `access_token_reference_id`.
    account_ref: String,
    /// `login_required` or `password_change_warning`.
    kind: String,
    opened_at: String,
    /// Whether the app shall show it now. Decided by the policy; never for a case on hold.
    announce: bool,
    /// `sign_in_again` or `password_change`: the same sentence whatever the language.
    text_key: String,
    /// One sentence for the person, in the language asked for.
    text: String,
}

/// A user's open cases, oldest first, at most 50.
#[derive(Serialize, ToSchema)]
pub(crate) struct FeedView {
    /// The language of the sentences: `en` or `es`.
    lang: String,
    cases: Vec<FeedCase>,
}

impl FeedView {
    pub(crate) fn of(shown: &[Shown], lang: Lang) -> Self {
        let case = |shown: &Shown| {
            let notice = Notice::of(shown.kind);
            FeedCase {
                id: shown.id.to_string(),
                account_ref: shown.account_ref.to_string(),
                kind: shown.kind.to_string(),
                opened_at: shown.opened_at.to_string(),
                announce: shown.announce,
                text_key: notice.to_string(),
                text: sentence(notice, lang).to_owned(),
            }
        };
        let cases = shown.iter().take(MAX_SHOWN).map(case).collect();
        Self { lang: lang.tag().to_owned(), cases }
    }
}

/// A token for Cobalt's Link, good once and for 30 minutes.
#[derive(Serialize, ToSchema)]
pub(crate) struct LinkView {
    pub(crate) token: String,
}

/// What is known of an account that somebody says works again.
#[derive(Serialize, ToSchema)]
pub(crate) struct StandingView {
    /// `works`, `still_broken`, `not_known` (asked again by itself) or `ended`.
    pub(crate) standing: &'static str,
}

/// What somebody did with the banner.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SeenBody {
    /// In order; each one of `opened`, `launched`, `left`, `came_back`.
    #[schema(min_items = 1, max_items = 20)]
    pub(crate) steps: Vec<String>,
}

/// A token for one user.
#[derive(Serialize, ToSchema)]
pub(crate) struct TokenView {
    /// A JWT; send it as `Authorization: Bearer …`.
    pub(crate) token: String,
    pub(crate) expires_at: String,
}
