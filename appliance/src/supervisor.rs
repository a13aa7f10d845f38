//! Owns every task that must not end, asks every part how it is, and tells systemd that the box is alive only when
//! all of them answered. It never waits for a part's work, only for its answer, and that with a deadline.
//!
//! ```text
//! Starting -all answer-> Normal -one fails-> Degraded -more fail-> Critical   (states of F12; healing comes later)
//! ```

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use metrics::gauge;
use tokio::sync::watch;
use tokio::task::{Id, JoinSet};
use tokio::time::MissedTickBehavior;

use crate::mailbox::Mailbox;
use crate::systemd;

/// How often the parts are asked.
const PERIOD: Duration = Duration::from_secs(2);
/// The part that owns the exchange.
pub const EXCHANGE: &str = "calls";
/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(1);

/// How one part is. The sentences are for the admin and hold no personal data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// As it should be.
    Works,
    /// It does less than it should.
    Impaired(String),
    /// It does not work.
    Failed(String),
}

/// How the box is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health {
    /// Every part that was asked; empty until the first round.
    pub parts: BTreeMap<&'static str, Condition>,
    /// A clean stop has begun.
    pub stopping: bool,
}

/// The states of F12 that a box without healing can be in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overall {
    /// No round is complete yet.
    Starting,
    /// All parts work.
    Normal,
    /// One part does not.
    Degraded,
    /// More than one part does not.
    Critical,
}

impl Health {
    /// What the parts come to.
    #[must_use]
    pub fn overall(&self) -> Overall {
        match self.parts.values().filter(|condition| **condition != Condition::Works).count() {
            _ if self.parts.is_empty() => Overall::Starting,
            0 => Overall::Normal,
            1 => Overall::Degraded,
            _ => Overall::Critical,
        }
    }

    /// Whether requests and calls are served.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        let failed = |condition: &Condition| matches!(condition, Condition::Failed(_));
        !self.stopping && !self.parts.is_empty() && !self.parts.values().any(failed)
    }
}

/// A part that ended although it must not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fallen {
    /// Which one.
    pub part: &'static str,
    /// It panicked.
    pub panicked: bool,
}

impl fmt::Display for Fallen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = if self.panicked { "panicked" } else { "ended" };
        write!(f, "the part {} {how}", self.part)
    }
}

/// The tasks of the box.
#[derive(Debug, Default)]
pub struct Parts {
    tasks: JoinSet<()>,
    names: HashMap<Id, &'static str>,
}

impl Parts {
    /// Starts a part.
    pub fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let id = self.tasks.spawn(task).id();
        self.names.insert(id, name);
    }

    /// The parts that run.
    fn running(&self) -> impl Iterator<Item = &'static str> {
        self.names.values().copied()
    }

    /// The next part that ends; never when there is none.
    pub async fn next_end(&mut self) -> Fallen {
        match self.tasks.join_next_with_id().await {
            None => std::future::pending().await,
            Some(Ok((id, ()))) => Fallen { part: self.name(id), panicked: false },
            Some(Err(error)) => Fallen { part: self.name(error.id()), panicked: error.is_panic() },
        }
    }

    /// Waits until all parts but `rest` of them have ended, at most `patience`. Tells whether they did.
    pub async fn drained(&mut self, rest: usize, patience: Duration) -> bool {
        let all = async {
            while self.tasks.len() > rest {
                self.next_end().await;
            }
        };
        tokio::time::timeout(patience, all).await.is_ok()
    }

    fn name(&mut self, id: Id) -> &'static str {
        self.names.remove(&id).unwrap_or("unknown")
    }
}

/// How a part is, asked without waiting.
pub type Probe = Box<dyn Fn() -> Condition + Send + Sync>;

/// Asks the parts.
pub struct Supervisor {
    mailbox: Mailbox,
    probes: Vec<(&'static str, Probe)>,
    health: Arc<watch::Sender<Health>>,
    after_round: Box<dyn Fn() + Send + Sync>,
}

impl Supervisor {
    /// Asks the exchange through its mailbox, and the others by their probes. `after_round` is called after every
    /// round, for what is due every few seconds.
    #[must_use]
    pub fn new(
        mailbox: Mailbox,
        probes: Vec<(&'static str, Probe)>,
        after_round: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        let health = Arc::new(watch::Sender::new(Health::default()));
        Self { mailbox, probes, health, after_round: Box::new(after_round) }
    }

    /// Where the box's health can be read.
    #[must_use]
    pub fn health(&self) -> watch::Receiver<Health> {
        self.health.subscribe()
    }

    /// From now on the box is not ready any more.
    pub fn stopping(&self) {
        self.health.send_modify(|health| health.stopping = true);
    }

    /// Asks all parts once. A task that runs counts as working unless a probe knows better.
    pub async fn round(&self, tasks: &Parts) {
        let exchange = match tokio::time::timeout(ANSWER, self.mailbox.counts()).await {
            Ok(Ok(counts)) => {
                gauge!("callbox_calls_live").set(counts.calls as f64);
                gauge!("callbox_users_online").set(counts.users_online as f64);
                Condition::Works
            }
            Ok(Err(stopped)) => Condition::Failed(stopped.to_string()),
            Err(_) => Condition::Failed("the exchange does not answer".to_owned()),
        };
        let answered = exchange == Condition::Works;
        let mut parts: BTreeMap<_, _> = tasks.running().map(|name| (name, Condition::Works)).collect();
        parts.extend(self.probes.iter().map(|(name, probe)| (*name, probe())));
        parts.insert(EXCHANGE, exchange);
        for (name, condition) in &parts {
            let works = if *condition == Condition::Works { 1.0 } else { 0.0 };
            gauge!("callbox_part_works", "part" => *name).set(works);
        }
        self.health.send_if_modified(|health| {
            let changed = health.parts != parts;
            if changed {
                tell(&health.parts, &parts);
                health.parts = parts;
            }
            changed
        });
        (self.after_round)();
        if answered {
            systemd::alive();
        }
    }

    /// Watches until a part ends.
    pub async fn watch(&self, parts: &mut Parts) -> Fallen {
        let period = systemd::watchdog_period().map_or(PERIOD, |watchdog| watchdog.min(PERIOD));
        let mut rounds = tokio::time::interval(period);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                fallen = parts.next_end() => return fallen,
                _ = rounds.tick() => self.round(parts).await,
            }
        }
    }
}

fn tell(before: &BTreeMap<&'static str, Condition>, now: &BTreeMap<&'static str, Condition>) {
    for (part, condition) in now.iter().filter(|(part, condition)| before.get(*part) != Some(condition)) {
        match condition {
            Condition::Works if before.is_empty() => {}
            Condition::Works => tracing::info!(part, "works again"),
            Condition::Impaired(why) => tracing::warn!(part, why, "is impaired"),
            Condition::Failed(why) => tracing::error!(part, why, "has failed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mailbox::{Message, Query};

    fn supervisor(mailbox: Mailbox, condition: Condition) -> Supervisor {
        let probe: Probe = Box::new(move || condition.clone());
        Supervisor::new(mailbox, vec![("store", probe)], || {})
    }

    #[tokio::test]
    async fn the_box_is_ready_when_all_parts_answered() {
        let (mailbox, mut inbox) = Mailbox::new();
        let driver = tokio::spawn(async move {
            while let Some(Message::Query(Query::Counts { reply })) = inbox.recv().await {
                reply.send(Default::default()).unwrap();
            }
        });
        let well = supervisor(mailbox.clone(), Condition::Works);
        assert!(!well.health().borrow().is_ready(), "nobody was asked yet");
        well.round(&Parts::default()).await;
        assert!(well.health().borrow().is_ready());
        assert_eq!(well.health().borrow().overall(), Overall::Normal);
        well.stopping();
        assert!(!well.health().borrow().is_ready());
        let ill = supervisor(mailbox, Condition::Impaired("low".to_owned()));
        ill.round(&Parts::default()).await;
        assert!(ill.health().borrow().is_ready(), "impaired is still ready");
        assert_eq!(ill.health().borrow().overall(), Overall::Degraded);
        driver.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_exchange_is_a_failure() {
        let (mailbox, inbox) = Mailbox::new();
        let supervisor = supervisor(mailbox, Condition::Failed("gone".to_owned()));
        supervisor.round(&Parts::default()).await;
        let health = supervisor.health().borrow().clone();
        assert!(!health.is_ready());
        assert_eq!(health.overall(), Overall::Critical);
        assert!(matches!(health.parts["calls"], Condition::Failed(_)));
        drop(inbox);
    }

    #[tokio::test]
    async fn a_part_that_ends_is_named() {
        let (mailbox, _inbox) = Mailbox::new();
        let mut parts = Parts::default();
        parts.spawn("steady", std::future::pending());
        parts.spawn("broken", async { panic!("on purpose") });
        let fallen = supervisor(mailbox, Condition::Works).watch(&mut parts).await;
        assert_eq!(fallen, Fallen { part: "broken", panicked: true });
        assert!(parts.drained(1, Duration::from_secs(1)).await);
        assert!(!parts.drained(0, Duration::from_millis(10)).await);
    }
}
