//! Reading the whole tree, with many requests in flight.

use std::mem;
use std::time::SystemTime;

use contract::ZnodePath;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use zookeeper::{Connection, Error};

use crate::namespace::{Dated, UNKNOWN};
use crate::records::{self, Problem, Reading};

/// How many requests are on their way at once. More gained nothing over loopback or a LAN.
const IN_FLIGHT: usize = 512;
/// How many znodes are handed on at once,
const BATCH: usize = 256;
/// and how many times that may wait for being taken.
const WAITING: usize = 4;

/// A walk under way, on a task of its own. Dropped, it ends.
#[derive(Debug)]
pub struct Walk {
    task: JoinSet<Result<Walked, Error>>,
    batches: mpsc::Receiver<Vec<Visit>>,
    progress: ProgressBar,
}

/// What a walk yields.
#[derive(Debug)]
pub enum Step {
    /// Znodes that are there, a parent before its children.
    Visits(Vec<Visit>),
    /// It was the last one.
    End(Walked),
}

/// What a complete walk found, besides the znodes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Walked {
    /// The newest transaction that the znodes reflect; 0 without any.
    pub zxid: i64,
    /// Whether there is a root at all.
    pub has_root: bool,
}

/// One znode as read.
#[derive(Debug)]
pub struct Visit {
    /// Where it is.
    pub path: ZnodePath,
    /// What it says; none when it is gone.
    pub reading: Option<Reading>,
    /// The transaction that created it; [`UNKNOWN`] when it could not be read.
    pub czxid: i64,
    /// The newest transaction that its stat tells of; 0 when it could not be read.
    pub zxid: i64,
    /// When it was written last, by the clock of the servers; none when it could not be read.
    pub mtime: Option<SystemTime>,
    /// Whether it has children.
    pub is_parent: bool,
}

impl Visit {
    /// What there is, and since when; none when it is gone.
    pub fn dated(self) -> Option<Dated> {
        let czxid = self.czxid;
        self.reading.map(|reading| Dated { reading, czxid })
    }
}

impl Walk {
    /// Reads the znode at `root` and all below it for which `covers` holds.
    ///
    /// A znode that is deleted meanwhile is left out; one that may not be read is a problem of its
    /// own. Watch the root before walking: then nothing is missed.
    pub fn start(
        connection: Connection,
        root: ZnodePath,
        covers: impl Fn(&ZnodePath) -> bool + Send + 'static,
        progress: ProgressBar,
    ) -> Self {
        let (batches, taken) = mpsc::channel(WAITING);
        let mut task = JoinSet::new();
        let bar = progress.clone();
        task.spawn(async move { walk(&connection, root, covers, &bar, &batches).await });
        Self {
            task,
            batches: taken,
            progress,
        }
    }

    /// What comes next; never called again after the end. Nothing is lost when the future is
    /// dropped.
    ///
    /// # Errors
    /// The connection broke, or the root may not be read: what was found is not the whole tree.
    pub async fn next(&mut self) -> Result<Step, Error> {
        if let Some(visits) = self.batches.recv().await {
            return Ok(Step::Visits(visits));
        }
        match self.task.join_next().await {
            Some(Ok(walked)) => walked.map(Step::End),
            // It neither panics nor is it aborted, unless the whole program is.
            Some(Err(_)) | None => Err(Error::Lost),
        }
    }
}

impl Drop for Walk {
    fn drop(&mut self) {
        self.progress.finish_and_clear();
    }
}

async fn walk(
    connection: &Connection,
    root: ZnodePath,
    covers: impl Fn(&ZnodePath) -> bool,
    progress: &ProgressBar,
    batches: &mpsc::Sender<Vec<Visit>>,
) -> Result<Walked, Error> {
    let mut walked = Walked::default();
    // Told apart from an empty tree: names must not vanish because an ACL or an identity is wrong.
    connection.read(&root).await?;
    let mut waiting = vec![root.clone()];
    let mut visits = FuturesUnordered::new();
    let mut batch = Vec::new();
    loop {
        while visits.len() < IN_FLIGHT
            && let Some(path) = waiting.pop()
        {
            visits.push(visit_with_children(connection, path));
        }
        let visited = visits.next().await;
        let is_last = visited.is_none();
        if let Some(visited) = visited {
            let (visit, children) = visited?;
            let children = children
                .iter()
                .filter_map(|child| visit.path.child(child).ok());
            let before = waiting.len();
            waiting.extend(children.filter(|child| covers(child)));
            progress.inc_length((waiting.len() - before) as u64);
            progress.inc(1);
            if visit.reading.is_some() {
                walked.has_root |= visit.path == root;
                walked.zxid = walked.zxid.max(visit.zxid);
                batch.push(visit);
            }
        }
        if is_last || batch.len() >= BATCH {
            // Nobody listens any more when the walk is given up.
            let _ = batches.send(mem::take(&mut batch)).await;
        }
        if is_last {
            return Ok(walked);
        }
    }
}

/// Reads one znode.
///
/// # Errors
/// The connection broke.
pub async fn visit(connection: &Connection, path: ZnodePath) -> Result<Visit, Error> {
    let mut mtime = None;
    let (reading, czxid, zxid, is_parent) = match connection.read(&path).await {
        Ok(None) => (None, UNKNOWN, 0, false),
        Ok(Some(znode)) => {
            let found = records::Znode {
                parent: path.parent_str().unwrap_or_default(),
                component: path.component(),
                data: &znode.data,
                is_ephemeral: znode.stat.ephemeral_owner != 0,
            };
            let reading = found.read();
            mtime = Some(znode.stat.mtime);
            (
                Some(reading),
                znode.stat.czxid,
                znode.stat.zxid(),
                znode.stat.num_children > 0,
            )
        }
        Err(error) if error.is_connection() => return Err(error),
        Err(error) => {
            let problem = Problem::Unreadable(error.to_string());
            (Some(Reading::from(problem)), UNKNOWN, 0, false)
        }
    };
    Ok(Visit {
        path,
        reading,
        czxid,
        zxid,
        mtime,
        is_parent,
    })
}

/// Most znodes of most trees are leaves: asking only parents for children halves the requests.
async fn visit_with_children(
    connection: &Connection,
    path: ZnodePath,
) -> Result<(Visit, Vec<String>), Error> {
    let visit = visit(connection, path).await?;
    let children = if visit.is_parent {
        connection.children(&visit.path).await?.unwrap_or_default()
    } else {
        Vec::new()
    };
    Ok((visit, children))
}

/// A bar on standard error while a walk takes long; nothing where that is no terminal.
pub fn progress_bar() -> ProgressBar {
    let template =
        "{spinner} reading the tree: {human_pos} of {human_len} znodes {wide_bar} {elapsed}";
    let style = ProgressStyle::with_template(template).expect("a template that a test parses");
    ProgressBar::new(1).with_style(style)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_bar_s_template_is_valid() {
        assert_eq!(super::progress_bar().length(), Some(1));
    }
}
