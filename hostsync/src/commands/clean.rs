//! `hostsync clean`: takes our lines out of the hosts file.

use std::io::Write;
use std::process::ExitCode;

use anyhow::bail;

use crate::apply::remedy::Remedied;
use crate::commands::cli::CleanArgs;
use crate::observe::control_socket;
use crate::store::cache::Cache;
use crate::store::paths::User;

pub(super) fn clean(args: &CleanArgs) -> anyhow::Result<ExitCode> {
    let user = User::current();
    let path = &args.hosts_file.hosts_file;
    if let Some(agent) = control_socket::ask(&user, path) {
        let (file, pid) = (path.display(), agent.pid);
        bail!("the agent with pid {pid} keeps {file} and would put its lines back; stop it first");
    }
    let cache = args.cache.path(&user, &args.hosts_file);
    let last = cache
        .and_then(|path| Cache::names(&path))
        .unwrap_or_default();
    let mut hosts_file = args.hosts_file.open(&args.write);
    hosts_file.remove_leftovers();
    let cleaned = hosts_file.clean(&last).map_err(Remedied::from)?;
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
    Ok(ExitCode::SUCCESS)
}
