//! Waiting for names before the command starts.

use std::io;
use std::path::Path;
use std::time::Duration;

use anyhow::bail;
use hosts_file::{Error, addresses_of};
use log::{info, warn};
use nix::unistd::{AccessFlags, access};
use tokio::time::{Instant, timeout_at};

use crate::apply::remedy::Remedied;
use crate::commands::cli::ExecArgs;
use crate::commands::run::Controls;

/// How often the hosts file is looked at for names that others write there.
const LOOK: Duration = Duration::from_millis(500);
/// How long another container may take to write a file that it shares with this one, which may not.
const OTHERS: Duration = Duration::from_secs(2);

/// Waits until the names are there, and then until the awaited ones are. Ends at once where that cannot be.
pub(super) async fn for_names(
    args: &ExecArgs,
    hosts_file: &Path,
    controls: &mut Controls,
) -> anyhow::Result<()> {
    let limit = humantime::format_duration(args.wait_timeout);
    let begun = Instant::now();
    let deadline = begun + args.wait_timeout;
    let hopeless = || {
        let waited = begun.elapsed() >= OTHERS;
        waited.then(|| unwritable(hosts_file)).flatten()
    };
    let mut lost = None;
    while controls.applied.borrow().published.is_none() && Instant::now() < deadline {
        lost = hopeless();
        if lost.is_some() {
            break;
        }
        news(controls, deadline).await;
    }
    let mut missing = missing(&args.wait, hosts_file);
    if controls.applied.borrow().published.is_none() && missing.is_empty() {
        let why = lost.unwrap_or_else(|| format!("none within {limit}{}", reasons(controls)));
        warn!("no names: {why}; starting without them, see `hostsync status`, they will come");
    }
    register_for(args, &missing, controls);
    while !missing.is_empty() {
        if let Some(why) = hopeless() {
            bail!("{} cannot come: {why}", missing.join(", "));
        }
        if Instant::now() >= deadline {
            bail!(
                "still missing after {limit}: {}{}; `nameserver lookup` tells what the tree says, \
                 --wait-timeout gives more time",
                missing.join(", "),
                reasons(controls)
            );
        }
        news(controls, deadline).await;
        missing = self::missing(&args.wait, hosts_file);
    }
    Ok(())
}

/// Waits for something to happen, but not for long.
async fn news(controls: &mut Controls, deadline: Instant) {
    let news = async {
        tokio::select! {
            Ok(()) = controls.applied.changed() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    };
    // Out of time, the next round says so.
    let _ = timeout_at(deadline, news).await;
}

/// Why the agent is not in step, behind a semicolon.
fn reasons(controls: &Controls) -> String {
    let reasons = (controls.why)();
    reasons.iter().map(|reason| format!("; {reason}")).collect()
}

/// Why this process can write the file in no way, if so: neither the file, nor another one in its place.
fn unwritable(hosts_file: &Path) -> Option<String> {
    let path = hosts_file::target(hosts_file);
    let directory = path.parent()?;
    let errno = access(&path, AccessFlags::W_OK).err()?;
    access(directory, AccessFlags::W_OK | AccessFlags::X_OK).err()?;
    let error = Remedied::from(Error::Io {
        action: "write",
        path,
        source: io::Error::from(errno),
    });
    Some(format!("{:#}", anyhow::Error::new(error)))
}

/// Registers before the command where an awaited name comes from our own registration: else both
/// would wait for each other.
fn register_for(args: &ExecArgs, missing: &[String], controls: &Controls) {
    let applied = controls.applied.borrow();
    let published = applied.published.as_ref();
    let domain = published.and_then(|published| published.snapshot.domain.as_ref());
    let instance = (controls.registrars.id(), args.run.registering.sequential);
    let own = missing.iter().find_map(|awaited| {
        let mut registrations = args.run.registering.register.iter();
        let gives =
            registrations.find(|registration| registration.gives(awaited, domain, instance));
        gives.map(|registration| (awaited, registration))
    });
    let Some((awaited, registration)) = own else {
        return;
    };
    if args.run.registering.check.is_some() {
        warn!(
            "--wait {awaited} may wait for ever: --register {registration} gives that name, but \
             only once --check passes, and the command starts after that; leave one of the three out"
        );
        return;
    }
    info!("registering {registration} before the command, since --wait {awaited} needs it");
    controls.work(true);
}

/// The awaited names that the hosts file does not map yet.
fn missing(awaited: &[String], hosts_file: &Path) -> Vec<String> {
    let text = hosts_file::read(hosts_file).unwrap_or_default();
    let is_missing = |name: &&String| addresses_of(&text, name.trim_end_matches('.')).is_empty();
    awaited.iter().filter(is_missing).cloned().collect()
}
