//! The leader keeps what stands below `STATE` as it should be for others to write there: nothing of it stays
//! deleted, in the hands of somebody else, or closed by its ACL. What it may not mend it tells of.
//!
//! ZooKeeper tells nobody that an ACL was changed, so it looks.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

use contract::{State, ZnodePath};
use log::{info, warn};
use tokio::sync::watch;
use tokio::time::sleep;
use zookeeper::{Connection, Error, Follower, Kept, Retry, Session};

/// The time between two looks, and after a failure.
const LOOK: Duration = Duration::from_secs(1);
/// Each so many looks it looks at what agents have created for each other, too,
const ALL: u32 = 10;
/// but at no more of it than this.
const MOST: usize = 1_000;

/// Looks after `STATE` while this replica leads.
#[derive(Debug, Clone)]
pub struct Mending {
    state: State,
    leads: watch::Receiver<bool>,
    /// What could not be mended, by path.
    faults: BTreeMap<ZnodePath, String>,
    complaint: watch::Sender<Option<String>>,
}

impl Mending {
    /// Looks after `state` while `leads` says so.
    pub fn new(state: State, leads: watch::Receiver<bool>) -> Self {
        Self {
            state,
            leads,
            faults: BTreeMap::new(),
            complaint: watch::Sender::default(),
        }
    }

    /// What cannot be mended, now and from now on.
    pub fn complaint(&self) -> watch::Receiver<Option<String>> {
        self.complaint.subscribe()
    }

    /// Looks after it for ever.
    pub async fn follow(mut self, session: Session) {
        match session.follow(&mut self, Retry::new(LOOK, LOOK)).await {}
    }

    async fn look(&mut self, connection: &Connection, at_all: bool) -> Result<(), Error> {
        let state = &self.state;
        let (path, election, aside) = (state.path().clone(), state.election(), state.aside());
        let open = state.open();
        // The state is created by whoever publishes.
        for ours in [path, election] {
            let kept = connection.keep_ours(&ours).await?;
            self.found(&ours, kept);
        }
        if connection.stat(&aside).await?.is_some() {
            let kept = connection.keep_ours(&aside).await?;
            self.found(&aside, kept);
        }
        for open in open {
            let kept = connection.keep_open(&open).await?;
            self.found(&open, kept);
        }
        if at_all {
            self.look_at_bindings(connection).await?;
        }
        self.tell();
        Ok(())
    }

    /// What agents create for each other below `STATE/bindings`.
    async fn look_at_bindings(&mut self, connection: &Connection) -> Result<(), Error> {
        let bindings = self.state.bindings();
        let services = below(connection, &bindings).await?;
        let mut folders = Vec::new();
        for service in services.into_iter().take(MOST) {
            let instances = below(connection, &service).await?;
            folders.push(service);
            folders.extend(instances);
            folders.truncate(MOST);
        }
        self.forget_all_but(&folders);
        for folder in folders {
            let kept = connection.keep_folder(&folder).await?;
            self.found(&folder, kept);
        }
        Ok(())
    }

    /// What agents created, and is there no longer, needs no mending.
    fn forget_all_but(&mut self, folders: &[ZnodePath]) {
        let bindings = self.state.bindings();
        let is_agents = |path: &ZnodePath| path.is_within(&bindings) && *path != bindings;
        self.faults
            .retain(|path, _| !is_agents(path) || folders.contains(path));
    }

    fn found(&mut self, path: &ZnodePath, kept: Kept) {
        match kept {
            Kept::Well => {
                if self.faults.remove(path).is_some() {
                    info!("{path} is open again");
                }
            }
            Kept::Mended(what) => {
                self.faults.remove(path);
                warn!("{path} {what}: it is as it should be again");
            }
            Kept::Cannot(why) => {
                if self.faults.get(path) != Some(&why) {
                    warn!("{why}");
                    self.faults.insert(path.clone(), why);
                }
            }
        }
    }

    fn tell(&self) {
        let complaint = self
            .faults
            .values()
            .next()
            .map(|first| match self.faults.len() - 1 {
                0 => first.clone(),
                more => format!("{first}; and {more} more"),
            });
        self.complaint.send_if_modified(|told| {
            let is_news = *told != complaint;
            *told = complaint;
            is_news
        });
    }
}

/// The paths of a znode's children; none where they may not be listed, which is told of the znode itself.
async fn below(connection: &Connection, path: &ZnodePath) -> Result<Vec<ZnodePath>, Error> {
    let children = match connection.children(path).await {
        Err(Error::NotAuthorized) => None,
        children => children?,
    };
    let children = children.unwrap_or_default().into_iter();
    Ok(children
        .filter_map(|child| path.child(&child).ok())
        .collect())
}

impl Follower for Mending {
    type End = Infallible;

    async fn attempt(
        &mut self,
        connection: &Connection,
        retry: &mut Retry,
    ) -> Result<Infallible, Error> {
        let mut looks = 0_u32;
        loop {
            if !*self.leads.borrow_and_update() {
                // Another one leads, and tells.
                self.faults.clear();
                self.tell();
                // Whoever told of it is gone with the process.
                if self.leads.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
                continue;
            }
            // Who takes over publishes first.
            sleep(LOOK).await;
            self.look(connection, looks.is_multiple_of(ALL)).await?;
            looks = looks.wrapping_add(1);
            retry.succeeded();
        }
    }

    fn complain(&mut self, error: &Error) {
        warn!("cannot look after {}: {error}", self.state.path());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nobody is told for ever of what cannot be mended, once it is not there any more, however deep it was.
    #[test]
    fn what_is_gone_is_not_complained_of() {
        let state = State::new("/nameserver".parse().unwrap());
        let mut mending = Mending::new(state.clone(), watch::channel(true).1);
        let bindings = state.bindings();
        let service = bindings.child("broker").unwrap();
        let instance = service.child("10.0.0.7").unwrap();
        let all = [&bindings, &service, &instance];
        for path in all {
            mending.found(path, Kept::Cannot(format!("{path} is closed")));
        }
        for (there, left) in [
            (vec![service.clone(), instance.clone()], 3),
            (vec![service], 2),
            (vec![], 1),
        ] {
            mending.forget_all_but(&there);
            assert_eq!(mending.faults.len(), left, "{there:?}");
        }
        assert!(mending.faults.contains_key(&bindings));
    }
}
