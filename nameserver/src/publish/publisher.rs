//! Standing for election, and writing `STATE/hosts` while leading.

use std::time::{Duration, Instant, SystemTime};

use contract::{Candidate, Counted, Settings, Snapshot, State, ZnodePath};
use log::{error, info, warn};
use tokio::task::JoinSet;
use zookeeper::{Connection, Error, Leadership, Znode};

use crate::namespace::scope::Scope;
use crate::publish;
use crate::publish::draft::{Draft, HoldEnd, Publication, TooLarge};
use crate::publish::hold::{Held, Timestamp};
use crate::publish::hold_znode::HoldZnode;
use crate::publish::incarnation;
use crate::publish::notice::Notice;
use crate::publish::settings;

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
    /// Where agents tell which instances they are bound to.
    bindings: ZnodePath,
    /// Where it is told by which settings the names are made.
    settings_znode: ZnodePath,
    settings: Settings,
    /// Others may have published by other settings.
    takes_over: bool,
    /// What `STATE/settings` is to be made to hold: it has to be created, or set.
    settings_due: Option<Due>,
    hold: HoldZnode,
    candidate: Candidate,
    role: Role,
    /// What `STATE/hosts` holds is a predecessor's, not to be told from our own.
    inherits: bool,
    /// The version of `STATE/hosts`, once known; inner none where there is no such znode.
    head: Option<Option<i32>>,
    /// Events of our own writes that the watch has still to yield.
    echoes: u32,
    retry_at: Option<Instant>,
    complaint: Option<String>,
    /// The draft does not fit a znode, and this was said.
    too_large: Option<String>,
    cost: Duration,
    publishes: u64,
}

/// How a znode is to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    Create,
    Set,
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
    /// A publisher of the names of `scope`, below its state, that stands for election as `id`.
    pub fn new(scope: &Scope, id: String, draft: Draft) -> Self {
        let state = State::new(scope.state().clone());
        Self {
            draft,
            hosts: state.hosts(),
            election: state.election(),
            agents: state.agents(),
            bindings: state.bindings(),
            settings_znode: state.settings(),
            settings: settings::of(scope),
            takes_over: false,
            settings_due: None,
            hold: HoldZnode::new(&state),
            candidate: incarnation::current(id),
            role: Role::Idle,
            inherits: false,
            head: None,
            echoes: 0,
            retry_at: None,
            complaint: None,
            too_large: None,
            cost: Duration::ZERO,
            publishes: 0,
        }
    }

    /// Publishes also where others have published by other settings.
    pub fn take_over(&mut self, takes_over: bool) {
        self.takes_over = takes_over;
    }

    /// Where the snapshot is published.
    pub fn hosts(&self) -> &ZnodePath {
        &self.hosts
    }

    /// Where it is told what is held.
    pub fn hold(&self) -> &ZnodePath {
        self.hold.path()
    }

    /// How long the last publish took.
    pub fn cost(&self) -> Duration {
        self.cost
    }

    /// What tells the other replicas of this one.
    pub fn notice(&self) -> Notice {
        Notice::new(self.election.clone(), self.candidate.clone())
    }

    /// What this replica is in the election.
    pub fn role(&self) -> publish::Role {
        match self.role {
            Role::Idle => publish::Role::Idle,
            Role::Candidate(..) => publish::Role::StandingBy,
            Role::Leader(_) => publish::Role::Leading,
        }
    }

    /// What cannot be done, and why.
    pub fn complaint(&self) -> Option<String> {
        self.complaint.clone().or(self.too_large.clone())
    }

    /// How many snapshots were written.
    pub fn publishes(&self) -> u64 {
        self.publishes
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
        if goes_on {
            return Ok(());
        }
        if let Role::Leader(leadership) = &self.role {
            let reason = match leadership.session_id() == connection.session_id() {
                false => {
                    "its session ended, as after a pause or an outage longer than --session-timeout"
                }
                true => "its connection was away for about as long as --session-timeout",
            };
            self.step_down(reason);
        }
        self.stand(connection).await
    }

    /// Says why this replica no longer leads, and leaves what it held to its successor.
    fn step_down(&mut self, reason: &str) {
        warn!(
            "no longer leading as {:?}: {reason}; standing for election again",
            self.candidate.id
        );
        self.idle();
    }

    fn idle(&mut self) {
        self.role = Role::Idle;
        // Now it is the leader's to complain of it.
        self.too_large = None;
        self.draft.end_hold(HoldEnd::Deposed);
    }

    async fn stand(&mut self, connection: &Connection) -> Result<(), Error> {
        self.idle();
        if let Some(difference) = self.unlike_published(connection).await? {
            self.refuse(&difference);
            return Ok(());
        }
        let created = match connection.create_all(&self.election).await {
            Ok(()) => connection.create_open(&self.agents).await,
            refused => refused,
        };
        let created = match created {
            Ok(()) => connection.create_open(&self.bindings).await,
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
        let data = self.candidate.encode();
        let mut candidacy = JoinSet::new();
        candidacy.spawn(async move {
            candidate
                .lead(&election, &data, incarnation::wrote_and_is_gone)
                .await
        });
        self.role = Role::Candidate(connection.clone(), candidacy);
        self.complaint = None;
        Ok(())
    }

    /// In what this replica differs from what is published; none where it may stand.
    async fn unlike_published(&self, connection: &Connection) -> Result<Option<String>, Error> {
        if self.takes_over {
            return Ok(None);
        }
        let read = async {
            let settings = connection.read(&self.settings_znode).await?;
            Ok::<_, Error>((settings, connection.read(&self.hosts).await?))
        };
        let (settings, hosts) = match read.await {
            Err(error) if error.is_connection() => return Err(error),
            // Who may not read it finds that out on leading, and says so.
            Err(_) => return Ok(None),
            Ok(read) => read,
        };
        let snapshot = hosts.and_then(|znode| Snapshot::decode(&znode.data).ok());
        let told = settings.as_ref().map(|znode| &znode.data[..]);
        let published = settings::published(told, snapshot.as_ref());
        Ok(published.and_then(|published| settings::difference(&self.settings, &published)))
    }

    /// Does not stand, or no longer: at a failover this replica would rename everything.
    fn refuse(&mut self, difference: &str) {
        self.idle();
        self.complain(format!(
            "not standing for election: {difference}; give all replicas the same, or change what is \
             published with --take-over"
        ));
    }

    /// Waits until there is something to do that no event of a watch tells of: the election is won
    /// or lost, or it is time to try again.
    pub async fn wake(&mut self, connection: &Connection) -> Result<(), Error> {
        let (retry, hold_ends) = (at(self.retry_at), at(self.draft.hold_ends()));
        let elected = async {
            match &mut self.role {
                Role::Candidate(_, candidacy) => candidacy.join_next().await,
                Role::Idle | Role::Leader(_) => std::future::pending().await,
            }
        };
        let elected = tokio::select! {
            elected = elected => elected,
            () = hold_ends => return Ok(()),
            () = retry => {
                let due = self.retry_at;
                if matches!(self.role, Role::Idle) {
                    self.stand(connection).await?;
                }
                // Not before: this may be dropped while it stands, and has then still to be done.
                if self.retry_at == due {
                    self.retry_at = None;
                }
                return Ok(());
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
                    self.candidate.id, self.hosts
                );
                self.role = Role::Leader(leadership);
                self.head = None;
                self.inherits = true;
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
            Some(Err(_)) | None => {
                self.role = Role::Idle;
                self.retry_at = Some(Instant::now() + RETRY);
            }
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

    /// Takes an event of `STATE/hold` in: an operator may have released what is held.
    pub fn hold_changed(&mut self) {
        self.hold.changed();
    }

    /// Publishes the draft if this process leads and a publish is due.
    ///
    /// # Errors
    /// The connection broke.
    pub async fn publish(&mut self, connection: &Connection) -> Result<(), Error> {
        self.publish_what_is_due(connection).await?;
        self.tell_what_is_held().await
    }

    async fn publish_what_is_due(&mut self, connection: &Connection) -> Result<(), Error> {
        while matches!(self.role, Role::Leader(_)) && self.retry_at.is_none() {
            if self.head.is_none() {
                self.read_head(connection).await?;
                if self.head.is_none() {
                    return Ok(());
                }
            }
            if self.settings_due.is_some() {
                self.tell_settings().await?;
                continue;
            }
            if self.hold.is_released(connection).await? {
                self.end_hold(HoldEnd::Released);
            }
            self.doubt();
            let edition = match self.draft.edition(SystemTime::now()) {
                Ok(None) => {
                    (self.complaint, self.too_large) = (None, None);
                    return Ok(());
                }
                Ok(Some(edition)) => edition,
                Err(too_large) => {
                    self.too_large(&too_large);
                    return Ok(());
                }
            };
            self.too_large = None;
            let begun = Instant::now();
            let written = self.write(&edition).await;
            self.cost = begun.elapsed();
            self.written(&edition, written)?;
        }
        Ok(())
    }

    /// Holds what is in doubt, and says so.
    fn doubt(&mut self) {
        let (was_held, now) = (self.draft.held(), Timestamp::now());
        if let Some(why) = self.draft.doubt(now) {
            self.report_end(why, was_held.as_ref());
        } else if let (None, Some(held)) = (was_held, self.draft.held()) {
            let (lost, left) = (Counted(held.names, "name"), self.draft.names());
            warn!(
                "{lost} would be gone at once ({}), {left} left: held until {}; publish it sooner \
                 with `nameserver release`, see --drop-hold",
                held.list(),
                held.until()
            );
        }
    }

    fn end_hold(&mut self, why: HoldEnd) {
        let held = self.draft.held();
        self.draft.end_hold(why);
        self.report_end(why, held.as_ref());
    }

    fn report_end(&self, why: HoldEnd, held: Option<&Held>) {
        let names = Counted(held.map_or(0, |held| held.names), "name");
        match why {
            HoldEnd::Time => warn!("{names} held until now are still gone, so they go"),
            HoldEnd::Released => warn!("{names} held until now go: an operator released them"),
            HoldEnd::Back => info!("all names that were held are back"),
            HoldEnd::Deposed => {}
        }
    }

    async fn tell_what_is_held(&mut self) -> Result<(), Error> {
        let Role::Leader(leadership) = &self.role else {
            return Ok(());
        };
        match self.hold.tell(leadership, self.draft.held()).await {
            Err(Error::Deposed) => self.deposed(),
            told => return told,
        }
        Ok(())
    }

    async fn read_head(&mut self, connection: &Connection) -> Result<(), Error> {
        if self.inherits
            && let Some(held) = self.hold.inherit(connection).await?
        {
            self.draft.inherit_hold(&held, Timestamp::now());
        }
        let settings = match self.inherits {
            true => self.read(connection, &self.settings_znode.clone()).await?,
            false => Some(None),
        };
        let Some(settings) = settings else {
            return Ok(());
        };
        let Some(znode) = self.read(connection, &self.hosts.clone()).await? else {
            return Ok(());
        };
        let head = znode.as_ref().map(|znode| znode.stat.version);
        let decoded = znode.map(|znode| (znode.stat.version, Snapshot::decode(&znode.data)));
        if self.inherits {
            let head = decoded.as_ref().and_then(|(_, head)| head.as_ref().ok());
            let told = settings.as_ref().map(|znode| &znode.data[..]);
            let published = settings::published(told, head);
            let difference =
                published.and_then(|published| settings::difference(&self.settings, &published));
            if let Some(difference) = difference {
                // While this replica waited, another one published by other settings.
                if !self.takes_over {
                    self.refuse(&difference);
                    return Ok(());
                }
                warn!("taking over: {difference}");
            }
            self.settings_due = match told {
                None => Some(Due::Create),
                Some(told) => (told != self.settings.encode()).then_some(Due::Set),
            };
        }
        self.head = Some(head);
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
            std::mem::take(&mut self.inherits),
            Instant::now(),
        );
        Ok(())
    }

    /// Reads a znode that leading needs; the outer none where it may not be read, which is said.
    async fn read(
        &mut self,
        connection: &Connection,
        path: &ZnodePath,
    ) -> Result<Option<Option<Znode>>, Error> {
        match connection.read(path).await {
            Err(error) if !error.is_connection() => {
                self.complain(format!("cannot read {path}: {}", remedy(&error)));
                Ok(None)
            }
            znode => znode.map(Some),
        }
    }

    /// Tells all replicas by which settings the names are made, before the names themselves.
    async fn tell_settings(&mut self) -> Result<(), Error> {
        let (Role::Leader(leadership), Some(due)) = (&self.role, self.settings_due) else {
            return Ok(());
        };
        let (path, data) = (&self.settings_znode, self.settings.encode());
        let written = match due {
            Due::Create => leadership.create(path, &data).await,
            Due::Set => leadership.set(path, &data, None).await.map(drop),
        };
        match written {
            Ok(()) => self.settings_due = None,
            // Put there, or deleted, by somebody else meanwhile.
            Err(Error::NodeExists) => self.settings_due = Some(Due::Set),
            Err(Error::NoNode) => self.settings_due = Some(Due::Create),
            Err(Error::Deposed) => self.deposed(),
            Err(error) if error.is_connection() => return Err(error),
            Err(error) => {
                warn!(
                    "cannot write {path}, by which replicas agree: {}",
                    remedy(&error)
                );
                self.settings_due = None;
            }
        }
        Ok(())
    }

    async fn write(&mut self, edition: &Publication) -> Result<i32, Error> {
        let (Role::Leader(leadership), Some(head)) = (&self.role, self.head) else {
            return Err(Error::Deposed);
        };
        match head {
            None => leadership
                .create(&self.hosts, &edition.bytes)
                .await
                .map(|()| 0),
            Some(version) => {
                let stat = leadership
                    .set(&self.hosts, &edition.bytes, Some(version))
                    .await?;
                Ok(stat.version)
            }
        }
    }

    fn written(&mut self, edition: &Publication, written: Result<i32, Error>) -> Result<(), Error> {
        match written {
            Ok(version) => {
                self.head = Some(Some(version));
                self.echoes += 1;
                self.publishes += 1;
                self.complaint = None;
                self.draft.published(edition);
                let Publication {
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
            Err(Error::Deposed) => self.deposed(),
            Err(error) => self.complain(format!("cannot write {}: {}", self.hosts, remedy(&error))),
        }
        Ok(())
    }

    fn deposed(&mut self) {
        self.step_down(&format!(
            "its znode below {} is gone, though its session goes on: somebody deleted it",
            self.election
        ));
        self.retry_at = Some(Instant::now());
    }

    fn too_large(&mut self, too_large: &TooLarge) {
        // Once, not once a size; and no retry: only another tree helps.
        if self.too_large.is_none() {
            let text = format!("cannot publish {}: {too_large}", self.hosts);
            error!("{text}");
            self.too_large = Some(text);
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

/// Waits until then; for ever where no time is given.
pub(crate) async fn at(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time.into()).await,
        None => std::future::pending().await,
    }
}

fn remedy(error: &Error) -> String {
    match error {
        Error::NoNode => "the chroot of --zookeeper does not exist; create it first".to_owned(),
        other => other.to_string(),
    }
}
