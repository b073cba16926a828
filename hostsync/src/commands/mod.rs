//! The subcommands, each from its arguments to an exit code.

mod exec;
mod once;
mod run;

use std::io::Write;
use std::process::ExitCode;

use anyhow::bail;
use daemon::Health;

use crate::cache::Cache;
use crate::cli::{CleanArgs, Cli, Command, LookupArgs, PROGRAM, StatusArgs};
use crate::hosts_file::{Choice, HostsFile, addresses_of};
use crate::places::User;
use crate::socket;
use crate::status::Status;

/// Does what the command line asks for.
///
/// # Errors
/// What failed, and what to do.
pub fn execute(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Run(args) => run::run(&args),
        Command::Exec(args) => exec::exec(&args),
        Command::Once(args) => once::once(&args),
        Command::Lookup(args) => lookup(&args),
        Command::Status(args) => status(&args),
        Command::Clean(args) => clean(&args),
        Command::Generate(args) => args.run::<Cli>(PROGRAM).map(|()| ExitCode::SUCCESS),
    }
}

fn lookup(args: &LookupArgs) -> anyhow::Result<ExitCode> {
    let path = &args.hosts_file.hosts_file;
    let text = HostsFile::new(path, Choice::Auto).read()?;
    let addresses = addresses_of(&text, args.name.trim_end_matches('.'));
    if addresses.is_empty() {
        let (file, name) = (path.display(), &args.name);
        bail!(
            "{file} has no line for {name:?}; `hostsync status` says whether it is in step, \
             `nameserver lookup` what the tree says"
        );
    }
    let mut stdout = daemon::stdout();
    for address in addresses {
        writeln!(stdout, "{address}")?;
    }
    stdout.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn status(args: &StatusArgs) -> anyhow::Result<ExitCode> {
    let path = &args.hosts_file.hosts_file;
    let status = socket::ask(&User::current(), path).ok_or_else(|| {
        let file = path.display();
        format!("no agent for {file} answers; start hostsync run")
    });
    let mut stdout = daemon::stdout();
    let is_good = match args.health {
        true => write_health(&mut stdout, status, args.json)?,
        false => write_status(&mut stdout, status, args.json)?,
    };
    stdout.flush()?;
    Ok(ExitCode::from(u8::from(!is_good)))
}

fn write_status(
    out: &mut impl Write,
    status: Result<Status, String>,
    json: bool,
) -> anyhow::Result<bool> {
    match (&status, json) {
        (Ok(status), true) => writeln!(out, "{}", serde_json::to_string(status)?)?,
        (Ok(status), false) => write!(out, "{status}")?,
        (Err(reason), true) => {
            let json = serde_json::json!({"in_step": false, "reasons": [reason]});
            writeln!(out, "{json}")?;
        }
        (Err(reason), false) => writeln!(out, "not in step: {reason}")?,
    }
    Ok(status.is_ok_and(|status| status.in_step))
}

fn write_health(
    out: &mut impl Write,
    status: Result<Status, String>,
    json: bool,
) -> anyhow::Result<bool> {
    let health = match status {
        Ok(status) => status.health(),
        Err(reason) => Health {
            reasons: vec![reason],
            remarks: Vec::new(),
        },
    };
    if json {
        let Health { reasons, remarks } = &health;
        let word = health.word();
        let json = serde_json::json!({"health": word, "reasons": reasons, "remarks": remarks});
        writeln!(out, "{json}")?;
    } else {
        writeln!(out, "{health}")?;
    }
    Ok(health.is_healthy())
}

fn clean(args: &CleanArgs) -> anyhow::Result<ExitCode> {
    let user = User::current();
    let path = &args.hosts_file.hosts_file;
    if let Some(agent) = socket::ask(&user, path) {
        let (file, pid) = (path.display(), agent.pid);
        bail!("the agent with pid {pid} keeps {file} and would put its lines back; stop it first");
    }
    let cache = args.cache.path(&user, &args.hosts_file);
    let last = cache
        .and_then(|path| Cache::names(&path))
        .unwrap_or_default();
    let cleaned = HostsFile::new(path, args.write.write).clean(&last)?;
    let mut stdout = daemon::stdout();
    let file = cleaned.target.display();
    for note in &cleaned.notes {
        writeln!(stdout, "{file}, {note}")?;
    }
    match cleaned.wrote {
        true => writeln!(
            stdout,
            "took our block with {} lines out of {file}",
            cleaned.lines
        )?,
        false => writeln!(stdout, "nothing of ours is in {file}")?,
    }
    stdout.flush()?;
    Ok(ExitCode::SUCCESS)
}
