//! `hostsync status`: what the running agent says of itself.

use std::io::Write;
use std::process::ExitCode;

use daemon::Health;

use crate::commands::cli::StatusArgs;
use crate::observe::control_socket;
use crate::observe::status::{Registered, Status};
use crate::store::paths::User;

pub(super) fn status(args: &StatusArgs) -> anyhow::Result<ExitCode> {
    let path = &args.hosts_file.key(&args.containers);
    let status = control_socket::ask(&User::current(), path).ok_or_else(|| {
        let file = path.display();
        format!("no agent for {file} answers; start hostsync run")
    });
    let mut stdout = daemon::stdout();
    let is_good = if args.registered {
        write_registered(&mut stdout, status, args.json)?
    } else if args.health {
        write_health(&mut stdout, status, args.json)?
    } else {
        write_status(&mut stdout, status, args.json)?
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

fn write_registered(
    out: &mut impl Write,
    status: Result<Status, String>,
    json: bool,
) -> anyhow::Result<bool> {
    let (registrations, reason) = match status {
        Ok(status) => (status.registrations, None),
        Err(reason) => (Vec::new(), Some(reason)),
    };
    let missing = registrations.iter().find(|one| one.znode.is_none());
    let reason = reason.or_else(|| missing.map(not_registered));
    if json {
        let json = serde_json::json!({
            "registered": reason.is_none(),
            "reason": reason,
            "registrations": registrations,
        });
        writeln!(out, "{json}")?;
    } else if let Some(reason) = &reason {
        writeln!(out, "not registered: {reason}")?;
    } else {
        writeln!(out, "registered")?;
        for one in &registrations {
            let znode = one.znode.as_deref().unwrap_or_default();
            writeln!(out, "{} at {znode}", one.register)?;
        }
    }
    Ok(reason.is_none())
}

fn not_registered(one: &Registered) -> String {
    let why = one.failure.clone();
    why.unwrap_or_else(|| format!("{} is not there now, see `hostsync status`", one.register))
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
