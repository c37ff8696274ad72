//! `relink attempts`: every try to reach somebody.

use crate::args::{Attempts, Common};
use crate::failure::Failure;
use crate::output::{list, or_dash};
use crate::parts;
use relink_store::AttemptFilter;

pub(crate) async fn run(common: &Common, what: Attempts) -> Result<(), Failure> {
    let filter = AttemptFilter {
        case_id: what.case.as_deref().map(str::parse).transpose()?,
        account_ref: what.account.as_deref().map(str::parse).transpose()?,
        outcome: what.outcome.as_deref().map(str::parse).transpose()?,
        before: None,
        limit: what.limit,
    };
    let config = parts::config(common)?;
    let attempts = parts::checked_store(&config).await?.attempts(&filter).await?;
    let header = ["started", "account", "step", "channel", "to", "n", "outcome", "reason", "code"];
    list(common.output, &attempts, &header, |row| {
        vec![
            row.started_at.to_string(),
            row.account_ref.to_string(),
            row.step.to_string(),
            row.channel.to_string(),
            row.address.clone(),
            row.number.to_string(),
            or_dash(row.resolved_as.or(row.outcome)),
            or_dash(row.reason),
            or_dash(row.provider_code.clone()),
        ]
    })
}
