//! `hostsync clean`: takes our lines out of the hosts file.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::bail;
use contract::Hosts;
use hosts_file::HostsFile;

use crate::apply::fleet::Files;
use crate::apply::remedy::Remedied;
use crate::apply::selection::{Selection, Selections};
use crate::bind::with_bound;
use crate::commands::cli::CleanArgs;
use crate::observe::control_socket;
use crate::store::cache::Cache;
use crate::store::paths::{self, User};
use crate::store::{Bindings, UnwrittenFile};

/// What the file was last made to say, as far as it is known.
fn written(cache: &Path, words: &[String]) -> Hosts {
    let unwritten = UnwrittenFile::new(paths::unwritten_file(cache)).load();
    let unwritten = Selections::unwritten(&unwritten, words);
    let kept = Cache::names(cache).unwrap_or_default();
    let bound = Bindings::new(paths::bindings_file(cache)).load();
    with_bound(Selection::written(&kept, &unwritten), &bound)
}

pub(super) fn clean(args: &CleanArgs) -> anyhow::Result<ExitCode> {
    let user = User::current();
    let key = args.hosts_file.key(&args.containers);
    if let Some(agent) = control_socket::ask(&user, &key) {
        let (file, pid) = (key.display(), agent.pid);
        bail!("the agent with pid {pid} keeps {file} and would put its lines back; stop it first");
    }
    let cache = args.cache.path(&user, &key);
    let last_of = |words: &[String]| {
        let cache = cache.as_ref();
        cache.map(|path| written(path, words)).unwrap_or_default()
    };
    let Some(patterns) = args.hosts_file.patterns(&args.containers)? else {
        clean_one(args.write.open(&key), &last_of(&[]))?;
        return Ok(ExitCode::SUCCESS);
    };
    let files = Files::new(patterns, args.write.choice());
    let mut is_good = true;
    let mut by_words = BTreeMap::new();
    for (path, place) in files.find().files {
        let last = by_words.entry(place.words);
        let last = last.or_insert_with_key(|words| last_of(words));
        // What is amiss with one costs no other.
        if let Err(error) = clean_one(files.open(&path, place.base.as_deref()), last) {
            is_good = false;
            writeln!(std::io::stderr(), "{error:#}")?;
        }
    }
    Ok(ExitCode::from(u8::from(!is_good)))
}

fn clean_one(mut hosts_file: HostsFile, last: &Hosts) -> anyhow::Result<()> {
    hosts_file.remove_leftovers();
    let cleaned = hosts_file.clean(last).map_err(Remedied::from)?;
    let mut stdout = daemon::stdout();
    let file = cleaned.target.display();
    for note in &cleaned.notes {
        writeln!(stdout, "{file}, {note}")?;
    }
    if cleaned.wrote {
        let lines = cleaned.lines;
        writeln!(stdout, "took our block with {lines} lines out of {file}")?;
    } else {
        writeln!(stdout, "nothing of ours is in {file}")?;
    }
    stdout.flush()?;
    Ok(())
}
