//! All registrations of a container together.

use std::time::Duration;

use daemon::Tasks;
use log::warn;
use tokio::sync::watch;
use tokio::task::JoinSet;
use zookeeper::Session;

use super::driver::Driver;
use super::{Desired, Instance, Outcome, Registration};
use crate::follow::subscription::View;

/// How long an end waits for the znodes to be gone.
const GOODBYE: Duration = Duration::from_secs(1);

/// All registrations of a container.
#[derive(Debug)]
pub struct Registrars {
    desired: watch::Sender<Desired>,
    outcomes: Vec<(Registration, watch::Receiver<Outcome>)>,
    tasks: JoinSet<()>,
    id: String,
}

impl Registrars {
    /// Starts to work on all registrations; none is wished for yet.
    pub fn start(
        registrations: &[Registration],
        instance: &Instance,
        session: &Session,
        view: &watch::Receiver<View>,
        supervised: &Tasks,
    ) -> Self {
        let desired = watch::Sender::new(Desired::Absent);
        let (mut outcomes, mut tasks) = (Vec::new(), JoinSet::new());
        for registration in registrations {
            let outcome = watch::Sender::default();
            outcomes.push((registration.clone(), outcome.subscribe()));
            let name = format!("registration of {registration}");
            let (registration, mut instance) = (registration.clone(), instance.clone());
            // Of one service at several ports each has a znode of its own.
            let is_another = |other: &&Registration| {
                other.name == registration.name && other.port != registration.port
            };
            if let (Some(_), Some(id)) = (
                registrations.iter().find(is_another),
                instance.id_with_port(&registration),
            ) {
                instance.id = id;
                instance.is_chosen = true;
            }
            let (view, session) = (view.clone(), session.clone());
            let desired = desired.subscribe();
            let make = move || {
                let (registration, instance) = (registration.clone(), instance.clone());
                let driver = Driver::new(registration, instance, view.clone(), outcome.clone());
                driver.run(desired.clone(), session.clone())
            };
            tasks.spawn(supervised.clone().keep(name, make));
        }
        Self {
            desired,
            outcomes,
            tasks,
            id: instance.id.clone(),
        }
    }

    /// What this container is called among the instances of a service.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What is desired, to be changed.
    pub fn desired(&self) -> watch::Sender<Desired> {
        self.desired.clone()
    }

    /// What became of each.
    pub fn outcomes(&self) -> Vec<(Registration, watch::Receiver<Outcome>)> {
        self.outcomes.clone()
    }

    /// Whether there is anything to take back.
    pub fn is_active(&self) -> bool {
        !self.outcomes.is_empty() && *self.desired.borrow() != Desired::End
    }

    /// Waits until none stands there, but not for long.
    pub async fn soon_absent(&self) {
        let absent = async {
            for (_, outcome) in &self.outcomes {
                let is_absent = |outcome: &Outcome| !matches!(outcome, Outcome::Present(_));
                // One whose task has ended is absent.
                let _ = outcome.clone().wait_for(is_absent).await;
            }
        };
        let _ = tokio::time::timeout(GOODBYE, absent).await;
    }

    /// Takes all of them back, and waits until they are gone, but not for long.
    pub async fn withdraw(&mut self) {
        self.desired.send_replace(Desired::End);
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(GOODBYE, ended).await.is_err() {
            warn!("ZooKeeper does not answer: what is registered goes when the session times out");
            self.tasks.shutdown().await;
        }
    }
}
