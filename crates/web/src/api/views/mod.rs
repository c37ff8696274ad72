//! The JSON of the API, apart from the types inside so that these can change and that cannot.
//! Moments are RFC 3339 in UTC; addresses are masked.

mod account;
mod attempt;
mod case;

pub(crate) use account::{AccountBody, AccountView, RelinkedView};
pub(crate) use attempt::{AttemptPage, AttemptView};
pub(crate) use case::{CaseDetail, CasePage, CaseView};

fn text<T: ToString>(value: T) -> String {
    value.to_string()
}
