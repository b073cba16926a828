//! `nameserver agents`: which agents run, how far each of them is, and which of them went lately.
//!
//! `STATE` has those that run alone. Which of them went is asked of a replica that tells of itself over HTTP, since it
//! followed them.

use std::io::{BufWriter, Write};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use contract::{Candidate, State};
use daemon::{Table, age, notice, warning};
use futures::{StreamExt, stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::commands::cli::{AskArgs, PROGRAM};
use crate::commands::status::find;
use crate::commands::with_connection;
use crate::observe::lost::Lately;
use crate::observe::overview::Findings;
use crate::observe::roster::Roster;

/// How long a replica may take to answer.
const PATIENCE: Duration = Duration::from_secs(1);
/// How much of an answer is read.
const MOST_BYTES: u64 = 8 << 20;
/// How many replicas are asked, all at once: whoever may stand for election may write anything there.
const MOST_REPLICAS: usize = 8;

pub(super) fn agents(args: &AskArgs) -> anyhow::Result<ExitCode> {
    let state = &State::new(args.state.state.clone());
    let (found, lost) = with_connection(&args.zookeeper, async |connection| {
        let found = find(&connection, state).await;
        let found = found.with_context(|| format!("cannot read {}", state.path()))?;
        let lost = lost(&found).await;
        Ok((found, lost))
    })?;
    let now = SystemTime::now();
    let mut roster = Roster::new(state, found, now);
    let mut stdout = BufWriter::new(daemon::stdout());
    match lost {
        Ok(lost) => roster.lost = Some(lost),
        Err(why) => roster.lost_unknown = Some(why),
    }
    if args.json {
        writeln!(stdout, "{}", serde_json::to_string_pretty(&roster)?)?;
    } else {
        if roster.agents.is_empty() {
            let agents = state.agents();
            warning(
                PROGRAM,
                &format!("no agent runs: there is none at {agents}"),
            );
        } else {
            write!(stdout, "{}", roster.table(now))?;
        }
        if let Some(lost) = roster.lost.as_ref().filter(|lost| !lost.agents.is_empty()) {
            let between = if roster.agents.is_empty() { "" } else { "\n" };
            write!(stdout, "{between}{}", lost_table(lost, now))?;
        }
        if let Some(why) = &roster.lost_unknown {
            notice(
                PROGRAM,
                &format!("which agents went lately is not known: {why}"),
            );
        }
    }
    stdout.flush()?;
    let is_good = !roster.agents.is_empty() && roster.behind == 0;
    Ok(ExitCode::from(u8::from(!is_good)))
}

fn lost_table(lost: &Lately, now: SystemTime) -> Table<3> {
    let mut table = Table::new(["LOST", "HOST", "AGO"]);
    for gone in &lost.agents {
        let ago = now.duration_since(gone.at).unwrap_or_default();
        let host = gone.host.clone().unwrap_or_default();
        table.row([gone.id.clone(), host, age(ago)]);
    }
    table
}

/// The agents that went lately, as the first replica tells that answers, or why nobody tells.
async fn lost(found: &Findings) -> Result<Lately, String> {
    let replicas = found.candidates.iter().chain(&found.aside);
    let replicas = replicas.filter_map(|(_, data)| Candidate::decode(data).ok());
    let told = replicas.filter_map(|replica| Some((replica.id, replica.http?)));
    let told: Vec<_> = told.take(MOST_REPLICAS).collect();
    let asked: Vec<_> = told.iter().map(|(_, http)| http.as_str()).collect();
    if asked.is_empty() {
        return Err("it takes a nameserver with --http, and none runs".to_owned());
    }
    let answers = told.iter().map(|(_, http)| async move {
        let answer = tokio::time::timeout(PATIENCE, ask(http)).await;
        answer.ok().flatten()
    });
    let mut answers = stream::iter(answers).buffered(MOST_REPLICAS);
    while let Some(answer) = answers.next().await {
        if let Some(lost) = answer {
            return Ok(lost);
        }
    }
    Err(format!(
        "no nameserver tells at {}, as --http has it; ask on the machine of one",
        asked.join(", ")
    ))
}

/// What a replica tells of them at `/status`.
async fn ask(http: &str) -> Option<Lately> {
    let mut stream = TcpStream::connect(http).await.ok()?;
    let request = format!("GET /status HTTP/1.1\r\nHost: {http}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = Vec::new();
    let mut bounded = stream.take(MOST_BYTES);
    bounded.read_to_end(&mut answer).await.ok()?;
    let answer = String::from_utf8(answer).ok()?;
    let (_, body) = answer.split_once("\r\n\r\n")?;
    let mut status: serde_json::Value = serde_json::from_str(body).ok()?;
    Lately::decode(status["overview"]["lost"].take())
}
