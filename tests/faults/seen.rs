//! One printed line for each fault: what was done, and what was counted.

use relink_tests::{Ledger, Stage, Verdict};
use std::time::Duration;

/// Judges the stage and prints the row.
pub(crate) async fn judge(stage: &Stage, ledger: &Ledger, fault: &str) -> Verdict {
    let verdict = stage.verdict(ledger).await;
    println!("| {fault} | {verdict} |");
    verdict
}

/// The same of a fault that is no concern of the receiver's: its answers go on as if there were
/// none. A machine that is busy with other tests may cost a few, which are then 503.
pub(crate) async fn judge_undisturbed(stage: &Stage, ledger: &Ledger, fault: &str) -> Verdict {
    let verdict = judge(stage, ledger, fault).await;
    let statuses = ledger.statuses();
    let strange = statuses.keys().any(|status| !matches!(status, Some(202 | 503) | None));
    assert!(!strange, "{statuses:?}");
    assert!(verdict.acknowledged * 10 >= verdict.attempted * 9, "{statuses:?}");
    let median = ledger.quantile(0.5);
    assert!(median < Duration::from_millis(1500), "half of the answers took over {median:?}");
    verdict
}
