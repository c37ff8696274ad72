//! One printed line for each fault: what was done, and what was counted.

use relink_tests::{Ledger, Stage, Verdict};

/// Judges the stage and prints the row.
pub(crate) async fn judge(stage: &Stage, ledger: &Ledger, fault: &str) -> Verdict {
    let verdict = stage.verdict(ledger).await;
    println!("| {fault} | {verdict} |");
    verdict
}
