//! Somebody else who changes a hosts file, as editors, scripts and container engines do.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::history::{Foreign, Way};
use crate::watched::Watched;

/// Whoever takes longer from truncating the file to writing it is taken for one who wants it so.
const IN_PLACE: Duration = Duration::from_millis(50);
/// After this time, what an agent rescues of a file that it took the name of is there again.
const RESCUE: Duration = Duration::from_millis(300);
const ATTEMPTS: usize = 10;
/// How many lines a slow writer writes one by one, and the time after each.
const PARTS: usize = 3;
const PART: Duration = Duration::from_millis(150);

/// Adds or removes a line, and makes sure of it: a writer whose file was replaced in that very moment
/// writes again. Returns how often that was so.
///
/// # Errors
/// The system refuses it, or somebody undoes it again and again.
pub(crate) fn change(watched: &Watched, foreign: &Foreign) -> io::Result<u64> {
    let text = foreign.line.text();
    let mut target = watched.state().lines.standing;
    let adds = target.insert(text.clone());
    if adds {
        watched.line_comes(&text);
    } else {
        target.remove(&text);
        watched.line_goes(&text);
    }
    for attempt in 0..ATTEMPTS {
        let is_sure = match foreign.way {
            Way::Append => append(watched, &text)?,
            Way::InPlace => in_place(watched, &target)?,
            Way::Slow => slowly(watched, &target)?,
            Way::Rename => rename(watched, &target)?,
        };
        if is_sure || soon_holds(watched, &target)? {
            if adds {
                watched.line_stands(&text);
            }
            return Ok(attempt as u64);
        }
    }
    Err(io::Error::other("others cannot change the file any more"))
}

/// One write at the end. True when the file was still the one at the path afterwards.
fn append(watched: &Watched, line: &str) -> io::Result<bool> {
    let mut file = OpenOptions::new().append(true).open(&watched.path)?;
    file.write_all(line.as_bytes())?;
    is_at_path(watched, &file)
}

fn in_place(watched: &Watched, target: &BTreeSet<String>) -> io::Result<bool> {
    let text = edited(watched, target)?;
    watched.write_begins();
    let begun = Instant::now();
    let written = File::create(&watched.path).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        Ok(file)
    });
    let took = begun.elapsed();
    watched.write_ends();
    Ok(is_at_path(watched, &written?)? && took < IN_PLACE)
}

/// As a script of several commands does: the file is there, and lacks what is still to come. All of it stands
/// there in the end, whoever else writes.
fn slowly(watched: &Watched, target: &BTreeSet<String>) -> io::Result<bool> {
    let text = edited(watched, target)?;
    watched.write_begins();
    let written = File::create(&watched.path).and_then(|mut file| {
        let mut rest = text.as_str();
        for _ in 0..PARTS {
            let (part, later) = rest.split_at(rest.find('\n').map_or(rest.len(), |end| end + 1));
            file.write_all(part.as_bytes())?;
            sleep(PART);
            rest = later;
        }
        file.write_all(rest.as_bytes())?;
        Ok(file)
    });
    watched.write_ends();
    written?;
    Ok(false)
}

fn rename(watched: &Watched, target: &BTreeSet<String>) -> io::Result<bool> {
    let text = edited(watched, target)?;
    let temporary = watched.path.with_extension("foreign");
    let mut file = File::create(&temporary)?;
    file.write_all(text.as_bytes())?;
    fs::rename(&temporary, &watched.path)?;
    is_at_path(watched, &file)
}

/// The text of the file with exactly these lines of others: new ones come first, which shifts all the
/// rest.
fn edited(watched: &Watched, target: &BTreeSet<String>) -> io::Result<String> {
    let bytes = fs::read(&watched.path)?;
    let (text, known) = (String::from_utf8_lossy(&bytes), watched.state().lines.known);
    let mut missing = target.clone();
    let mut kept = String::new();
    for line in text.split_inclusive('\n') {
        if !known.contains(line) || missing.remove(line) {
            kept.push_str(line);
        }
    }
    Ok(missing.into_iter().collect::<String>() + &kept)
}

fn is_at_path(watched: &Watched, file: &File) -> io::Result<bool> {
    let (ours, there) = (file.metadata()?, fs::metadata(&watched.path)?);
    Ok((ours.dev(), ours.ino()) == (there.dev(), there.ino()))
}

/// Whether the file has exactly these lines of others, at the latest when an agent has rescued them.
fn soon_holds(watched: &Watched, target: &BTreeSet<String>) -> io::Result<bool> {
    let begun = Instant::now();
    while begun.elapsed() < RESCUE {
        sleep(Duration::from_millis(10));
        let bytes = fs::read(&watched.path)?;
        let (text, known) = (String::from_utf8_lossy(&bytes), watched.state().lines.known);
        let mut lines: Vec<_> = text
            .split_inclusive('\n')
            .filter(|line| known.contains(*line))
            .collect();
        lines.sort_unstable();
        if lines.iter().eq(target.iter()) {
            return Ok(true);
        }
    }
    Ok(false)
}
