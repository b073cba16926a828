//! Reading the whole tree, with many requests in flight.

use contract::ZnodePath;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use indicatif::{ProgressBar, ProgressStyle};
use zookeeper::{Connection, Error};

use crate::records::{self, Problem, Reading};

/// How many requests are on their way at once. More gained nothing over loopback or a LAN.
const IN_FLIGHT: usize = 512;

/// What a complete walk found.
#[derive(Debug, Default)]
pub struct Tree {
    /// Every znode that was visited, the root among them.
    pub znodes: Vec<(ZnodePath, Reading)>,
    /// The newest transaction that the znodes reflect; 0 without any.
    pub zxid: i64,
    /// Whether there is a root at all.
    pub has_root: bool,
}

/// One znode as read.
pub struct Visit {
    /// Where it is.
    pub path: ZnodePath,
    /// What it says; none when it is gone.
    pub reading: Option<Reading>,
    /// The newest transaction that its stat tells of; 0 when it could not be read.
    pub zxid: i64,
    /// Whether it has children.
    pub is_parent: bool,
}

/// Reads the znode at `root` and all below it for which `covers` holds.
///
/// A znode that is deleted meanwhile is left out; one that may not be read is a problem of its
/// own. Watch the root before walking: then nothing is missed.
///
/// # Errors
/// The connection broke, or the root may not be read. There is no partial result.
pub async fn walk(
    connection: &Connection,
    root: &ZnodePath,
    covers: impl Fn(&ZnodePath) -> bool,
    progress: &ProgressBar,
) -> Result<Tree, Error> {
    let mut tree = Tree::default();
    // Told apart from an empty tree: names must not vanish because an ACL or an identity is wrong.
    connection.read(root).await?;
    let mut waiting = vec![root.clone()];
    let mut visits = FuturesUnordered::new();
    loop {
        while visits.len() < IN_FLIGHT
            && let Some(path) = waiting.pop()
        {
            visits.push(visit_with_children(connection, path));
        }
        let Some(visited) = visits.next().await else {
            return Ok(tree);
        };
        let (visit, children) = visited?;
        let children = children
            .iter()
            .filter_map(|child| visit.path.child(child).ok());
        let before = waiting.len();
        waiting.extend(children.filter(|child| covers(child)));
        progress.inc_length((waiting.len() - before) as u64);
        progress.inc(1);
        if let Some(reading) = visit.reading {
            tree.has_root |= visit.path == *root;
            tree.zxid = tree.zxid.max(visit.zxid);
            tree.znodes.push((visit.path, reading));
        }
    }
}

/// Reads one znode.
///
/// # Errors
/// The connection broke.
pub async fn visit(connection: &Connection, path: ZnodePath) -> Result<Visit, Error> {
    let (reading, zxid, is_parent) = match connection.read(&path).await {
        Ok(None) => (None, 0, false),
        Ok(Some(znode)) => {
            let reading = records::read(path.component(), &znode.data)
                .of_ephemeral(znode.stat.ephemeral_owner != 0);
            (
                Some(reading),
                znode.stat.zxid(),
                znode.stat.num_children > 0,
            )
        }
        Err(error) if error.is_connection() => return Err(error),
        Err(error) => {
            let problem = Problem::Unreadable(error.to_string());
            (Some(Reading::Problem(problem)), 0, false)
        }
    };
    Ok(Visit {
        path,
        reading,
        zxid,
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
