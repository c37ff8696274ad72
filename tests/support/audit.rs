//! `relink audit` as the last word on a run: what the program itself says of its promises, from
//! the spool, the queue and the store.

use crate::process::Relink;
use crate::stage::Stage;
use crate::wait::within;
use serde_json::Value;
use std::process::Output;
use std::time::Duration;

/// A part of the system could not be read (sysexits: unavailable, input/output error).
const NOT_READ: [i32; 2] = [69, 74];

impl Stage {
    /// Waits until the audit could read every part, and takes its result.
    ///
    /// # Panics
    /// An invariant is broken, or a part cannot be read within `patience`.
    pub(crate) async fn assert_audited(&self, patience: Duration) {
        within(patience, "every part to be read by an audit", || async {
            let config = self.corner.config();
            let audit = move || Relink::output(&config, &["audit", "--output", "json"]);
            let output = tokio::task::spawn_blocking(audit).await.unwrap();
            let code = output.status.code().unwrap();
            assert!(code == 0 || NOT_READ.contains(&code), "{}", complaint(&output));
            (code == 0).then_some(())
        })
        .await;
    }
}

/// The invariants that do not hold, or whatever else it said.
fn complaint(output: &Output) -> String {
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let failed = report["invariants"].as_array().into_iter().flatten();
    let failed: Vec<_> = failed.filter(|line| line["result"] == "failed").collect();
    format!("relink audit: {failed:?} {}", String::from_utf8_lossy(&output.stderr))
}
