//! The faults that are drawn. All that is random about one is drawn with it, before it strikes,
//! so that a seed means the same steps whatever the machine's speed.

use fastrand::Rng;
use relink_core::Timestamp;
use relink_sandbox::{MailFault, Phase, TextFault};
use relink_tests::{Load, PrivateBroker, PrivatePostgres, Stage, Toxic, Toxics};
use rustix::process::Signal;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Everything that can be struck.
pub(crate) struct World {
    pub(crate) stage: Stage,
    pub(crate) broker: PrivateBroker,
    pub(crate) database: PrivatePostgres,
    /// Accounts whose case a repair closed.
    pub(crate) repaired: BTreeMap<usize, Timestamp>,
    /// Whose "works again" had no answer.
    pub(crate) unsure: BTreeSet<usize>,
}

/// A place between processes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Road {
    Broker,
    Store,
    Mail,
    Texts,
}

/// One fault. Lengths are counted in events of the load: at 20 a second, 40 are two seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// `kill -9` of the process with this place among all, started again at once.
    Kill(usize),
    /// `kill -9` of all processes.
    KillAll,
    /// `SIGSTOP`, and `SIGCONT` after so many events.
    Freeze(usize, usize),
    /// `kill -9` of the broker, started again after so many events.
    KillBroker(usize),
    /// `SIGSTOP` of the broker.
    FreezeBroker(usize),
    /// `kill -9` of the database server.
    KillDatabase(usize),
    /// `SIGSTOP` of the database server.
    FreezeDatabase(usize),
    /// An ill road, for so many events.
    Ill(Road, Illness, usize),
    /// So many messages go wrong in this way.
    Mails(u8, usize),
    Texts(u8, usize),
    /// So many accounts, back from the newest, work again.
    Repairs(usize),
    /// Nothing, for so many events.
    Calm(usize),
}

/// What is wrong with a road.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Illness {
    Cut,
    Reset,
    BlackHole,
    NoAnswers,
    Slow(u64),
    Slices,
    ResetAfter(u64),
}

impl Fault {
    /// Draws one.
    pub(crate) fn draw(random: &mut Rng) -> Self {
        let length = random.usize(20..200);
        let process = random.usize(0..4);
        match random.u8(0..26) {
            0..=4 => Self::Kill(process),
            5 => Self::KillAll,
            6..=7 => Self::Freeze(process, length),
            8 => Self::KillBroker(length),
            9 => Self::FreezeBroker(length),
            10 => Self::KillDatabase(length),
            11 => Self::FreezeDatabase(length),
            12..=18 => {
                let roads = [Road::Broker, Road::Store, Road::Mail, Road::Texts];
                let road = roads[random.usize(0..4)];
                Self::Ill(road, Illness::draw(random), length)
            }
            19..=20 => Self::Mails(random.u8(0..4), random.usize(1..10)),
            21..=22 => Self::Texts(random.u8(0..3), random.usize(1..10)),
            23..=24 => Self::Repairs(random.usize(1..20)),
            _ => Self::Calm(length),
        }
    }
}

impl Illness {
    fn draw(random: &mut Rng) -> Self {
        match random.u8(0..7) {
            0 => Self::Cut,
            1 => Self::Reset,
            2 => Self::BlackHole,
            3 => Self::NoAnswers,
            4 => Self::Slow(random.u64(50..600)),
            5 => Self::Slices,
            _ => Self::ResetAfter(random.u64(1..4096)),
        }
    }

    fn toxics(self) -> Toxics {
        match self {
            Self::Cut | Self::Reset => Toxics::default(),
            Self::BlackHole => Toxics::black_hole(),
            Self::NoAnswers => Toxics::no_answers(),
            Self::Slow(latency) => {
                let latency = Duration::from_millis(latency);
                Toxics::both(Toxic { latency, jitter: latency / 2, ..Toxic::default() })
            }
            Self::Slices => Toxics::both(Toxic { slice: Some(1), ..Toxic::default() }),
            Self::ResetAfter(bytes) => {
                Toxics::both(Toxic { reset_after: Some(bytes), ..Toxic::default() })
            }
        }
    }
}

impl World {
    /// Lets a fault strike and undoes it, then lets a second pass.
    pub(crate) async fn strike(&mut self, fault: Fault, load: &Load) {
        match fault {
            Fault::Kill(place) => self.stage.kill_and_restart(place),
            Fault::KillAll => (0..4).for_each(|place| self.stage.kill_and_restart(place)),
            Fault::Freeze(place, length) => {
                self.stage.processes[place].process.signal(Signal::STOP);
                load.goes_on(length).await;
                self.stage.processes[place].process.signal(Signal::CONT);
            }
            Fault::KillBroker(length) => {
                self.broker.kill().await;
                load.goes_on(length).await;
                self.broker.restart().await;
            }
            Fault::FreezeBroker(length) => {
                self.broker.freeze(true);
                load.goes_on(length).await;
                self.broker.freeze(false);
            }
            Fault::KillDatabase(length) => {
                self.database.kill().await;
                load.goes_on(length).await;
                self.database.restart().await;
            }
            Fault::FreezeDatabase(length) => {
                self.database.freeze(true);
                load.goes_on(length).await;
                self.database.freeze(false);
            }
            Fault::Ill(road, illness, length) => self.ill(road, illness, load, length).await,
            Fault::Mails(kind, count) => self.mails(kind, count),
            Fault::Texts(kind, count) => self.texts(kind, count),
            Fault::Repairs(count) => self.repair(load.sent(), count).await,
            Fault::Calm(length) => load.goes_on(length).await,
        }
        load.goes_on(20).await;
    }

    async fn ill(&self, road: Road, illness: Illness, load: &Load, length: usize) {
        let proxy = match road {
            Road::Broker => &self.stage.broker,
            Road::Store => &self.stage.store,
            Road::Mail => &self.stage.mail,
            Road::Texts => &self.stage.texts,
        };
        match illness {
            Illness::Cut => proxy.cut(),
            Illness::Reset => proxy.reset_all(),
            Illness::BlackHole
            | Illness::NoAnswers
            | Illness::Slow(_)
            | Illness::Slices
            | Illness::ResetAfter(_) => proxy.set(illness.toxics()),
        }
        load.goes_on(length).await;
        proxy.heal();
    }

    fn mails(&self, kind: u8, count: usize) {
        for _ in 0..count {
            self.stage.corner.mail.script.push(match kind {
                0 => MailFault::AcceptAndHangUp,
                1 => MailFault::HangUp(Phase::Data),
                2 => MailFault::HangUp(Phase::Dot),
                _ => MailFault::Refuse(Phase::Mail, "421 4.3.2 too busy"),
            });
        }
    }

    fn texts(&self, kind: u8, count: usize) {
        for _ in 0..count {
            self.stage.corner.texts.script.push(match kind {
                0 => TextFault::AcceptAndGarble,
                1 => TextFault::FailWithoutKeeping,
                _ => TextFault::Refuse(429, 20429),
            });
        }
    }

    async fn repair(&mut self, newest: usize, count: usize) {
        for number in newest.saturating_sub(count)..newest {
            match self.stage.repair(number).await {
                Some(heard) => drop(self.repaired.insert(number, heard)),
                None => drop(self.unsure.insert(number)),
            }
        }
    }
}
