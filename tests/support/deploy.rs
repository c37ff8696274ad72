//! How most scenarios begin: the policy that tells at once, the processes of a deployment, and the
//! first event.

use crate::corner::{Corner, Engines};
use crate::process::Relink;
use crate::signed::{Sender, login_required};
use crate::wait::eventually;

/// One email, at once, and nothing after it.
pub const ONE_STEP: &str = r#"
[policy]
settle = "0s"
[[policy.steps]]
id = "first"
at = "0s"
to = "user"
channels = ["email"]
"#;

impl Corner {
    /// Brings the schema up to date, as before the processes of a deployment are started.
    ///
    /// # Panics
    /// When that fails.
    pub fn migrate(&self) {
        let migrated = Relink::output(&self.config(), &["migrate"]);
        assert!(migrated.status.success(), "{}", String::from_utf8_lossy(&migrated.stderr));
    }

    /// Starts the processes of a deployment: one, or one for each role. The one that sends comes
    /// last.
    pub fn deploy(&self, engines: Engines) -> Vec<Relink> {
        match engines {
            Engines::Embedded => vec![self.start(&["run"])],
            Engines::Servers => {
                self.migrate();
                ["receive", "web", "work"].map(|role| self.start(&[role])).into()
            }
        }
    }

    /// Posts an account's one event until it is accepted.
    pub async fn breaks(&self, account: &str) {
        let sender = Sender::new(&format!("http://{}", self.receiver));
        sender.until_accepted(&login_required(&format!("evt-{account}"), account)).await;
    }
}

impl Sender {
    /// Posts `event` again and again until a receiver that is starting, or busy, has taken it.
    pub async fn until_accepted(&self, event: &str) {
        eventually("the receiver to accept", || async {
            (self.post(event).await == Some(202)).then_some(())
        })
        .await;
    }
}
