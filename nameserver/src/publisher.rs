//! Standing for election, and writing `STATE/hosts` while leading.

use std::time::{Duration, Instant, SystemTime};

use log::{error, info, warn};
use session::{Connection, Error, Leadership};
use snapshot::{Counted, Snapshot, ZnodePath};
use tokio::task::JoinSet;

use crate::draft::{Draft, Edition, TooLarge};
use crate::incarnation::Incarnation;

/// How long a refused write or a lost election waits before the next try.
const RETRY: Duration = Duration::from_secs(5);

/// Publishes the draft at `STATE/hosts` while this process leads.
#[derive(Debug)]
pub struct Publisher {
    /// What is to be published.
    pub draft: Draft,
    hosts: ZnodePath,
    election: ZnodePath,
    /// Where agents tell what they have applied.
    agents: ZnodePath,
    incarnation: Incarnation,
    role: Role,
    /// The version of `STATE/hosts`, once known; inner none where there is no such znode.
    head: Option<Option<i32>>,
    /// Events of our own writes that the watch has still to yield.
    echoes: u32,
    retry_at: Option<Instant>,
    complaint: Option<String>,
    cost: Duration,
}

/// What this process is in the election.
#[derive(Debug)]
enum Role {
    Idle,
    /// At most one task, which ends when this process leads. Dropping it withdraws.
    Candidate(Connection, JoinSet<Result<Leadership, Error>>),
    Leader(Leadership),
}

impl Publisher {
    /// A publisher below `state` that stands for election as `id`.
    pub fn new(state: &ZnodePath, id: String, draft: Draft) -> Self {
        let child = |component| state.child(component).expect("a plain component");
        Self {
            draft,
            hosts: child("hosts"),
            election: child("election"),
            agents: child("agents"),
            incarnation: Incarnation::current(id),
            role: Role::Idle,
            head: None,
            echoes: 0,
            retry_at: None,
            complaint: None,
            cost: Duration::ZERO,
        }
    }

    /// Where the snapshot is published.
    pub fn hosts(&self) -> &ZnodePath {
        &self.hosts
    }

    /// How long the last publish took.
    pub fn cost(&self) -> Duration {
        self.cost
    }

    /// Begins with a new connection: whether earlier writes arrived is unknown, and a leadership or
    /// candidacy of an ended session is void.
    pub async fn begin(&mut self, connection: &Connection) -> Result<(), Error> {
        self.head = None;
        self.echoes = 0;
        self.retry_at = None;
        let goes_on = match &self.role {
            Role::Idle => false,
            Role::Candidate(of, _) => of.shares_client_with(connection),
            Role::Leader(leadership) => leadership.is_of(connection),
        };
        match goes_on {
            true => Ok(()),
            false => self.stand(connection).await,
        }
    }

    async fn stand(&mut self, connection: &Connection) -> Result<(), Error> {
        self.role = Role::Idle;
        let created = match connection.create_all(&self.election).await {
            Ok(()) => connection.create_open(&self.agents).await,
            refused => refused,
        };
        match created {
            Ok(()) => {}
            Err(error) if error.is_connection() => return Err(error),
            Err(error) => {
                self.complain(format!(
                    "cannot create {}: {}",
                    self.election,
                    remedy(&error)
                ));
                return Ok(());
            }
        }
        let (candidate, election) = (connection.clone(), self.election.clone());
        let data = self.incarnation.encode();
        let mut candidacy = JoinSet::new();
        candidacy.spawn(async move {
            candidate
                .lead(&election, &data, Incarnation::wrote_and_is_gone)
                .await
        });
        self.role = Role::Candidate(connection.clone(), candidacy);
        Ok(())
    }

    /// Waits until there is something to do that no event of a watch tells of: the election is won
    /// or lost, or it is time to try again.
    pub async fn wake(&mut self, connection: &Connection) -> Result<(), Error> {
        let retry = async {
            match self.retry_at {
                Some(at) => tokio::time::sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        let elected = async {
            match &mut self.role {
                Role::Candidate(_, candidacy) => candidacy.join_next().await,
                Role::Idle | Role::Leader(_) => std::future::pending().await,
            }
        };
        let elected = tokio::select! {
            elected = elected => elected,
            () = retry => {
                self.retry_at = None;
                return match self.role {
                    Role::Idle => self.stand(connection).await,
                    Role::Candidate(..) | Role::Leader(_) => Ok(()),
                };
            }
        };
        self.elected(elected)
    }

    fn elected(
        &mut self,
        elected: Option<Result<Result<Leadership, Error>, tokio::task::JoinError>>,
    ) -> Result<(), Error> {
        match elected {
            Some(Ok(Ok(leadership))) => {
                info!(
                    "leading as {:?}: this replica publishes {}",
                    self.incarnation.id, self.hosts
                );
                self.role = Role::Leader(leadership);
                self.head = None;
            }
            Some(Ok(Err(error))) => {
                self.role = Role::Idle;
                if error.is_connection() {
                    return Err(error);
                }
                self.complain(format!(
                    "cannot stand for election at {}: {}",
                    self.election,
                    remedy(&error)
                ));
            }
            Some(Err(_)) | None => self.role = Role::Idle,
        }
        Ok(())
    }

    /// Takes an event of `STATE/hosts` in: a foreign write is to be looked at.
    pub fn hosts_changed(&mut self) {
        match self.echoes.checked_sub(1) {
            Some(echoes) => self.echoes = echoes,
            None => self.head = None,
        }
    }

    /// Publishes the draft if this process leads and a publish is due.
    ///
    /// # Errors
    /// The connection broke.
    pub async fn publish(&mut self, connection: &Connection) -> Result<(), Error> {
        while matches!(self.role, Role::Leader(_)) && self.retry_at.is_none() {
            if self.head.is_none() {
                self.read_head(connection).await?;
                if self.head.is_none() {
                    return Ok(());
                }
            }
            let edition = match self.draft.edition(SystemTime::now()) {
                Ok(None) => return Ok(()),
                Ok(Some(edition)) => edition,
                Err(too_large) => {
                    self.too_large(&too_large);
                    return Ok(());
                }
            };
            let begun = Instant::now();
            let written = self.write(&edition).await;
            self.cost = begun.elapsed();
            self.written(&edition, written)?;
        }
        Ok(())
    }

    async fn read_head(&mut self, connection: &Connection) -> Result<(), Error> {
        let znode = match connection.read(&self.hosts).await {
            Err(error) if !error.is_connection() => {
                self.complain(format!("cannot read {}: {}", self.hosts, remedy(&error)));
                return Ok(());
            }
            znode => znode?,
        };
        self.head = Some(znode.as_ref().map(|znode| znode.stat.version));
        let decoded = znode.map(|znode| (znode.stat.version, Snapshot::decode(&znode.data)));
        if let Some((_, Err(error))) = &decoded {
            warn!(
                "{} holds no snapshot of ours and is replaced: {error}",
                self.hosts
            );
        }
        self.draft.compare(
            decoded
                .as_ref()
                .map(|(version, decoded)| (*version, decoded)),
        );
        Ok(())
    }

    async fn write(&mut self, edition: &Edition) -> Result<i32, Error> {
        let (Role::Leader(leadership), Some(head)) = (&self.role, self.head) else {
            return Err(Error::Deposed);
        };
        match head {
            None => leadership
                .create(&self.hosts, &edition.bytes)
                .await
                .map(|()| 0),
            Some(version) => {
                let stat = leadership.set(&self.hosts, &edition.bytes, version).await?;
                Ok(stat.version)
            }
        }
    }

    fn written(&mut self, edition: &Edition, written: Result<i32, Error>) -> Result<(), Error> {
        match written {
            Ok(version) => {
                self.head = Some(Some(version));
                self.echoes += 1;
                self.complaint = None;
                self.draft.published(edition);
                let Edition {
                    generation,
                    diff,
                    names,
                    ..
                } = edition;
                info!(
                    "generation {generation}: {diff}; {}",
                    Counted(*names, "name")
                );
            }
            Err(error) if error.is_connection() => return Err(error),
            Err(Error::BadVersion | Error::NodeExists | Error::NoNode) => self.head = None,
            Err(Error::Deposed) => {
                warn!(
                    "this replica no longer leads: its znode below {} is gone",
                    self.election
                );
                self.role = Role::Idle;
                self.retry_at = Some(Instant::now());
            }
            Err(error) => self.complain(format!("cannot write {}: {}", self.hosts, remedy(&error))),
        }
        Ok(())
    }

    fn too_large(&mut self, too_large: &TooLarge) {
        // Once a size, not once an event; and no retry: only another tree helps.
        let text = too_large.to_string();
        if self.complaint.as_ref() != Some(&text) {
            error!("cannot publish {}: {text}", self.hosts);
            self.complaint = Some(text);
        }
    }

    /// Says what is wrong, once, and tries again later.
    fn complain(&mut self, text: String) {
        self.retry_at = Some(Instant::now() + RETRY);
        if self.complaint.as_ref() != Some(&text) {
            error!("{text}; trying again every {RETRY:?}");
            self.complaint = Some(text);
        }
    }

    /// Gives up leadership or candidacy.
    pub fn resign(&mut self) {
        self.role = Role::Idle;
    }
}

fn remedy(error: &Error) -> String {
    match error {
        Error::NoNode => "the chroot of --zookeeper does not exist; create it first".to_owned(),
        other => other.to_string(),
    }
}
