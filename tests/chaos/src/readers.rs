//! Those who look at the hosts files, and at the znode of the snapshot, all the time.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use lab::Client;
use serde_json::Value;

use crate::check::file::judge;
use crate::check::past::Past;
use crate::check::snapshots::{Version, Watcher, genuine};
use crate::journal::Journal;
use crate::watched::{Watched, Worth};

/// The pause between two reads: there are other things to do on the machine.
const PAUSE: Duration = Duration::from_millis(2);
/// No file of a run is larger. One in slots grows whenever somebody shifts it, which a run does often.
const LARGEST: usize = 16 << 20;
/// A reader of a file in slots that takes longer may see one that was used again.
const LONGEST: Duration = Duration::from_millis(1500);

/// How often each thing was read.
pub(crate) const FILE_READS: &str = "reads of hosts files";
pub(crate) const SNAPSHOT_READS: &str = "reads of the snapshot";
pub(crate) const GENERATIONS: &str = "generations seen";
pub(crate) const DISTURBED: &str = "reads beside a write in place";

/// Reads a hosts file in two ways by turns, until the run is over.
pub(crate) fn read_file(
    watched: &Watched,
    pinned: &BTreeSet<String>,
    past: &Past,
    journal: &Journal,
) {
    let mut whole = false;
    let (mut reads, mut disturbed) = (0, 0);
    while !journal.is_over() {
        sleep(PAUSE);
        whole = !whole;
        let (before, begun) = (watched.state(), Instant::now());
        let read = if whole {
            in_one_piece(&watched.path)
        } else {
            in_blocks(&watched.path)
        };
        let took = begun.elapsed();
        let after = watched.state();
        let lines = match read {
            Ok(lines) => lines,
            Err(error) => {
                journal.violation(&format!("{} cannot be read: {error}", watched.place.name));
                break;
            }
        };
        let worth = before.worth(&after);
        if took > LONGEST || worth == Worth::Nothing {
            disturbed += 1;
            continue;
        }
        let borrowed: Vec<&[u8]> = lines.iter().map(Vec::as_slice).collect();
        let standing = before.lines.standing.intersection(&after.lines.standing);
        let faults = judge(
            &borrowed,
            &standing.cloned().collect(),
            &after.lines.known,
            pinned,
            past,
        );
        reads += 1;
        match (worth, faults.first()) {
            (Worth::Recovery(_), None) => watched.is_whole(&before),
            (_, None) => {}
            (Worth::Recovery(able), Some(_)) if !Watched::is_late(able) => disturbed += 1,
            (_, Some(fault)) => {
                let name = watched.place.name;
                let way = if whole {
                    "one read()"
                } else {
                    "blocks of 4,096"
                };
                let count = faults.len();
                journal.violation(&format!(
                    "{name}: {fault} ({count} such, {worth:?}, read in {way})"
                ));
                let text = String::from_utf8_lossy(&lines.concat()).into_owned();
                journal.note(&format!("the reader of {name} got:\n{text}"));
                break;
            }
        }
    }
    journal.count(FILE_READS, reads);
    journal.count(DISTURBED, disturbed);
}

fn in_one_piece(path: &Path) -> io::Result<Vec<Vec<u8>>> {
    let mut buffer = vec![0; LARGEST];
    let length = File::open(path)?.read(&mut buffer)?;
    if length == LARGEST {
        return Err(io::Error::other("the file is larger than any should be"));
    }
    let lines = buffer[..length].split_inclusive(|&byte| byte == b'\n');
    Ok(lines.map(<[u8]>::to_vec).collect())
}

/// As the C library reads.
fn in_blocks(path: &Path) -> io::Result<Vec<Vec<u8>>> {
    let mut file = BufReader::with_capacity(4096, File::open(path)?);
    let mut lines = Vec::new();
    loop {
        let mut line = Vec::new();
        if file.read_until(b'\n', &mut line)? == 0 {
            return Ok(lines);
        }
        lines.push(line);
    }
}

/// The snapshots that were read last, for whoever puts an older one back.
#[derive(Debug, Default)]
pub(crate) struct Older(Mutex<Vec<Vec<u8>>>);

impl Older {
    const MOST: usize = 50;

    fn keep(&self, data: Vec<u8>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() == Self::MOST {
            all.remove(0);
        }
        all.push(data);
    }

    /// The oldest that is kept.
    pub(crate) fn oldest(&self) -> Option<Vec<u8>> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.first().cloned()
    }
}

/// Pages that were read; they never change.
#[derive(Debug, Default)]
struct Pages(HashMap<String, Value>);

impl Pages {
    /// How many are kept.
    const MOST: usize = 2_000;

    /// An index with all its names, as if it stood in one znode; none where a page is not there.
    fn complete(&mut self, client: &Client, hosts: &str, mut index: Value) -> Option<Vec<u8>> {
        if self.0.len() > Self::MOST {
            self.0.clear();
        }
        let (mut names, mut as_of) = (serde_json::Map::new(), Vec::new());
        for page in index["pages"].as_array()? {
            let (generation, digest) = (page[1].as_u64()?, page[2].as_str()?);
            as_of.push((page[0].as_str()?, generation));
            let component = format!("{generation}-{digest}");
            if !self.0.contains_key(&component) {
                let (data, _) = client.read(&format!("{hosts}/{component}")).ok()??;
                let page = serde_json::from_slice(&data).ok()?;
                self.0.insert(component.clone(), page);
            }
            names.extend(self.0[&component]["hosts"].as_object()?.clone());
        }
        for change in index["changes"].as_array()? {
            let name = change[1].as_str()?;
            let page = as_of.iter().rfind(|(first, _)| *first <= name)?;
            match &change[2] {
                _ if change[0].as_u64()? <= page.1 => {}
                Value::Null => drop(names.remove(name)),
                addresses => drop(names.insert(name.to_owned(), addresses.clone())),
            }
        }
        index["hosts"] = Value::Object(names);
        serde_json::to_vec(&index).ok()
    }
}

/// Reads the znode at `path` until the run is over.
pub(crate) fn read_snapshot(
    client: &Client,
    path: &str,
    pinned: &BTreeSet<String>,
    past: &Past,
    older: &Older,
    journal: &Journal,
) {
    let (mut watcher, mut reads, mut last) = (Watcher::default(), 0, 0);
    let (mut pages, mut gone) = (Pages::default(), None);
    while !journal.is_over() {
        sleep(PAUSE);
        let Ok(znode) = client.read(path) else {
            // The ensemble is away for long; the rest will tell.
            continue;
        };
        reads += 1;
        let Some((data, stat)) = znode.filter(|(_, stat)| stat.mzxid != last) else {
            continue;
        };
        let mut data = data;
        if let Some(Ok(head)) = genuine(&data) {
            older.keep(data.clone());
            if head["format"] == 2 {
                match pages.complete(client, path, head) {
                    Some(whole) => data = whole,
                    // A newer index names others, or soon will where an old one was put back.
                    None if gone.is_none_or(|(of, since): (i64, Instant)| {
                        of != stat.mzxid || since.elapsed() < LONGEST
                    }) =>
                    {
                        if gone.is_none_or(|(of, _)| of != stat.mzxid) {
                            gone = Some((stat.mzxid, Instant::now()));
                        }
                        continue;
                    }
                    None => {
                        let text = format!(
                            "transaction {:#x}: a page of the index is not there",
                            stat.mzxid
                        );
                        journal.violation(&text);
                        break;
                    }
                }
            }
        }
        last = stat.mzxid;
        let version = Version {
            czxid: stat.czxid,
            mzxid: stat.mzxid,
            data,
        };
        if let Err(fault) = watcher.see(&version, pinned, past) {
            journal.violation(&format!("transaction {:#x}: {fault}", version.mzxid));
            let text = String::from_utf8_lossy(&version.data).into_owned();
            journal.note(&format!("the snapshot was:\n{text}"));
            break;
        }
    }
    journal.count(SNAPSHOT_READS, reads);
    journal.count(GENERATIONS, watcher.generations);
}
