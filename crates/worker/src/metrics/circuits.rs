//! What is asked of others, and whether they are left alone just now.

use super::{ChannelLabels, Metrics};
use crate::circuit::Behind;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::registry::Registry;
use relink_core::breaker::{Fault, Trouble};
use relink_core::probe::{ProbeResult, ProbeWhen};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ProbeLabels {
    when: &'static str,
    result: &'static str,
}

impl Metrics {
    pub(super) fn register_circuits(&self, registry: &mut Registry) {
        registry.register(
            "relink_breaker_open",
            "1 while sends of the channel wait, because its provider is out of order or refuses us",
            self.breaker_open.clone(),
        );
        registry.register(
            "relink_channel_paused",
            "1 while the provider refuses the channel's set-up: somebody has to mend it",
            self.channel_paused.clone(),
        );
        registry.register(
            "relink_probes",
            "Questions whether an account works, by what made Relink ask and what came of it",
            self.probes.clone(),
        );
        registry.register(
            "relink_probes_stopped",
            "1 while Cobalt is not asked whether accounts work, because it does not answer or refuses",
            self.probes_stopped.clone(),
        );
        registry.register(
            "relink_probes_refused",
            "1 while Cobalt refuses to say whether accounts work: somebody has to mend the set-up",
            self.probes_refused.clone(),
        );
    }

    pub(crate) fn circuit(&self, behind: Behind, trouble: Option<Trouble>) {
        let paused = trouble.is_some_and(|trouble| trouble.fault == Fault::Configuration);
        let (open, paused) = (i64::from(trouble.is_some()), i64::from(paused));
        match behind {
            Behind::Channel(channel) => {
                let labels = ChannelLabels { channel: channel.as_str() };
                self.breaker_open.get_or_create(&labels).set(open);
                self.channel_paused.get_or_create(&labels).set(paused);
            }
            Behind::Cobalt => {
                self.probes_stopped.set(open);
                self.probes_refused.set(paused);
            }
        }
    }

    pub(crate) fn probe(&self, when: ProbeWhen, result: ProbeResult) {
        let labels = ProbeLabels { when: when.as_str(), result: result.as_str() };
        self.probes.get_or_create(&labels).inc();
    }

    pub(crate) fn relinked_after(&self, seconds: f64) {
        self.to_relink.observe(seconds);
    }
}
