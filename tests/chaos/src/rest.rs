//! Nothing is broken and nobody changes anything: all must come to agree with the model.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use lab::Client;

use crate::check::file::difference;
use crate::history;
use crate::journal::Journal;
use crate::model::{self, Created, Tree};
use crate::watched::Watched;

/// Later than this is never.
const DEADLINE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(5);

/// How long each file took, from the moment at which all servers served again.
pub(crate) type Times = Vec<Duration>;

/// Waits until every file agrees with the tree; none if one does not in time, which is noted.
pub(crate) fn rest<'a>(
    client: &Client,
    state: &str,
    names: u32,
    files: impl Iterator<Item = &'a Watched> + Clone,
    is_done: impl Fn() -> bool,
    journal: &Journal,
) -> Option<Times> {
    let begun = Instant::now();
    let mut times: Vec<Option<Duration>> = files.clone().map(|_| None).collect();
    while !journal.is_over() {
        // First: what is changed while the tree is read shows in the next pass.
        let is_last = is_done();
        let (tree, created) = tree(client, state, names);
        let hosts = model::hosts(&tree, &created);
        let mut wrong = None;
        for (watched, time) in files.clone().zip(&mut times) {
            let text = fs::read(&watched.path).unwrap_or_default();
            let standing = watched.state().lines.standing;
            let is_ordered = !watched.place.slots;
            match difference(&text, &hosts, &standing, is_ordered) {
                None => drop(time.get_or_insert_with(|| begun.elapsed())),
                Some(difference) => {
                    *time = None;
                    wrong = Some(format!("{}: {difference}", watched.place.name));
                }
            }
        }
        if !is_last {
            times.fill(None);
            wrong = Some("the changes of before are not all made".to_owned());
        }
        let Some(wrong) = wrong else {
            return times.into_iter().collect();
        };
        if begun.elapsed() > DEADLINE {
            journal.violation(&format!(
                "not in step {DEADLINE:?} after all was mended: {wrong}"
            ));
            return None;
        }
        sleep(PAUSE);
    }
    None
}

/// All znodes but the nameservers' own; those that nobody touches are not read.
fn tree(client: &Client, state: &str, names: u32) -> (Tree, Created) {
    let bulk = history::bulk(names);
    let mut tree: Tree = bulk
        .map(|(path, address)| (path, address.to_string().into_bytes()))
        .collect();
    let mut created = Created::new();
    let mut to_read = vec![String::new()];
    // Another server than the last one may lag behind.
    let _ = client.sync("/");
    while let Some(parent) = to_read.pop() {
        let shown = if parent.is_empty() { "/" } else { &parent };
        for child in client.children(shown) {
            let path = format!("{parent}/{child}");
            if path == state || path.starts_with(history::BULK) {
                continue;
            }
            let stat = client.stat(&path);
            created.extend(stat.map(|stat| (path.clone(), stat.czxid)));
            tree.extend(client.get(&path).map(|data| (path.clone(), data)));
            to_read.push(path);
        }
    }
    (tree, created)
}
