//! `relink migrate`: brings the store's schema up to this release.

use crate::args::{Common, Format};
use crate::failure::Failure;
use crate::{output, parts};

pub(crate) async fn run(common: &Common) -> Result<(), Failure> {
    let config = parts::config(common)?;
    let applied = parts::store(&config).await?.migrate().await?;
    match common.output {
        Format::Json => output::json(&applied),
        Format::Table if applied.is_empty() => output::line("the schema is up to date"),
        Format::Table => {
            applied.iter().try_for_each(|version| output::line(&format!("applied {version}")))
        }
    }
}
