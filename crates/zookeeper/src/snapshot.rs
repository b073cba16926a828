//! Reading what the nameservers publish, in one znode or in pages.

use contract::{DecodeError, Head, Hosts, Index, Page, Snapshot, ZnodePath};
use futures::StreamExt;
use futures::stream;

use crate::{Connection, Error, Stat};

/// How many pages are read at once.
const IN_FLIGHT: usize = 8;
/// How often a reader starts over because the head was replaced while it read pages.
const ATTEMPTS: usize = 20;

/// Why there is no snapshot though there is a head.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// A page that the head names is not there: there is a newer head, or somebody deleted it.
    #[error("its page {0} does not exist")]
    NoPage(ZnodePath),
    /// The head, or a page, is not what it should be.
    #[error(transparent)]
    Invalid(#[from] DecodeError),
}

/// What stands at `STATE/hosts`, as far as it can be used.
pub type Published = (Stat, Result<Snapshot, SnapshotError>);

impl Connection {
    /// What the znode `hosts` and its pages hold now; none when there is no such znode.
    ///
    /// # Errors
    /// As [`Connection::read`].
    pub async fn read_snapshot(&self, hosts: &ZnodePath) -> Result<Option<Published>, Error> {
        for attempt in 1.. {
            let Some(znode) = self.read(hosts).await? else {
                break;
            };
            let snapshot = match Head::decode(&znode.data) {
                Ok(head) => self.complete(hosts, head, None).await?,
                Err(error) => Err(error.into()),
            };
            if let (Err(SnapshotError::NoPage(_)), 1..ATTEMPTS) = (&snapshot, attempt) {
                self.sync().await?;
                continue;
            }
            return Ok(Some((znode.stat, snapshot)));
        }
        Ok(None)
    }

    /// The snapshot of a head that was read at `hosts`: reads the pages that are missing for whoever
    /// has `held` already, an earlier generation of the same history.
    ///
    /// # Errors
    /// As [`Connection::read`].
    pub async fn complete(
        &self,
        hosts: &ZnodePath,
        head: Head,
        held: Option<&Snapshot>,
    ) -> Result<Result<Snapshot, SnapshotError>, Error> {
        let index = match head {
            Head::Whole(snapshot) => return Ok(Ok(snapshot)),
            Head::Paged(index) => index,
        };
        let mut pages = Vec::new();
        let reads = index.missing(held).into_iter();
        let index = &index;
        let reads = reads.map(|page| async move { (page, self.page(hosts, index, page).await) });
        let reads = stream::iter(reads.collect::<Vec<_>>());
        let mut reads = reads.buffer_unordered(IN_FLIGHT);
        while let Some((page, names)) = reads.next().await {
            match names? {
                Ok(names) => pages.push((page, names)),
                Err(error) => return Ok(Err(error)),
            }
        }
        drop(reads);
        Ok(index.snapshot(held, pages).map_err(SnapshotError::from))
    }

    /// The names of one page.
    async fn page(
        &self,
        hosts: &ZnodePath,
        index: &Index,
        page: usize,
    ) -> Result<Result<Hosts, SnapshotError>, Error> {
        let entry = &index.pages[page];
        let path = hosts.child(&entry.component()).expect("a plain component");
        Ok(match self.read(&path).await? {
            None => Err(SnapshotError::NoPage(path)),
            Some(znode) => {
                Page::decode(&znode.data, entry, index.end(page)).map_err(SnapshotError::from)
            }
        })
    }
}
