//! `nameserver agents`: which agents run, and how far each of them is.

use std::io::{BufWriter, Write};
use std::process::ExitCode;
use std::time::SystemTime;

use anyhow::Context;
use contract::State;
use daemon::warning;

use crate::commands::cli::{AskArgs, PROGRAM};
use crate::commands::status::find;
use crate::commands::with_connection;
use crate::observe::roster::Roster;

pub(super) fn agents(args: &AskArgs) -> anyhow::Result<ExitCode> {
    let state = &State::new(args.state.state.clone());
    let found = with_connection(&args.zookeeper, async |connection| {
        let found = find(&connection, state).await;
        found.with_context(|| format!("cannot read {}", state.path()))
    })?;
    let now = SystemTime::now();
    let roster = Roster::new(state, found, now);
    let mut stdout = BufWriter::new(daemon::stdout());
    if args.json {
        writeln!(stdout, "{}", serde_json::to_string_pretty(&roster)?)?;
    } else if roster.agents.is_empty() {
        let agents = state.agents();
        warning(
            PROGRAM,
            &format!("no agent runs: there is none at {agents}"),
        );
    } else {
        write!(stdout, "{}", roster.table(now))?;
    }
    stdout.flush()?;
    let is_good = !roster.agents.is_empty() && roster.behind == 0;
    Ok(ExitCode::from(u8::from(!is_good)))
}
