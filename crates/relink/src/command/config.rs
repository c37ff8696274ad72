//! `relink config`: what is in force, and what can be said.

use crate::args::{Common, Config as What};
use crate::failure::Failure;
use crate::{output, parts};

pub(crate) fn run(common: &Common, what: What) -> Result<(), Failure> {
    match what {
        What::Print => output::line(parts::config(common)?.print().trim_end()),
        What::Schema => output::json(&relink_config::schema()),
    }
}
