//! One probe at what this container registers.

use std::io::{self, Read};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::net::TcpStream;
use tokio::net::unix::pipe;

use super::{Check, http};
use crate::address::OwnAddress;
use crate::children::{Children, Group};

/// How much of a command's output is kept; the end says what went wrong.
const OUTPUT: usize = 512;

/// Checks one thing.
#[derive(Debug, Clone)]
pub struct Prober {
    check: Check,
    /// Where the registered ports are.
    address: OwnAddress,
    ports: Vec<u16>,
    children: Children,
    checks: Checks,
}

/// How often it was checked, with each outcome. All clones are one.
#[derive(Debug, Clone, Default)]
pub struct Checks(Arc<[AtomicU64; 2]>);

impl Checks {
    fn count(&self, outcome: &Result<(), String>) {
        self.0[usize::from(outcome.is_err())].fetch_add(1, Relaxed);
    }

    /// How often it passed.
    pub fn passed(&self) -> u64 {
        self.0[0].load(Relaxed)
    }

    /// How often it failed.
    pub fn failed(&self) -> u64 {
        self.0[1].load(Relaxed)
    }
}

impl Prober {
    /// Checks as `check` says, at the registered ports where it needs any.
    pub fn new(check: Check, address: OwnAddress, ports: Vec<u16>, children: Children) -> Self {
        Self {
            check,
            address,
            ports,
            children,
            checks: Checks::default(),
        }
    }

    /// Counts what comes of it there.
    #[must_use]
    pub fn counting(mut self, checks: Checks) -> Self {
        self.checks = checks;
        self
    }

    /// What is outcome at.
    pub fn check(&self) -> &Check {
        &self.check
    }

    /// Checks once.
    ///
    /// # Errors
    /// Why it is not healthy, with the end of the output of a command.
    pub async fn probe(&self, limit: Duration) -> Result<(), String> {
        let outcome = self.look(limit).await;
        self.checks.count(&outcome);
        outcome
    }

    async fn look(&self, limit: Duration) -> Result<(), String> {
        match &self.check {
            Check::Command(command) => self.run(command, limit).await,
            Check::Tcp | Check::Http(_) => {
                for port in &self.ports {
                    match tokio::time::timeout(limit, self.connect(*port)).await {
                        Ok(answer) => answer.map_err(|error| format!("port {port}: {error}"))?,
                        Err(_) => return Err(format!("port {port}: no answer within {limit:?}")),
                    }
                }
                Ok(())
            }
        }
    }

    async fn connect(&self, port: u16) -> Result<(), String> {
        let choice = self.address.clone();
        let address = tokio::task::spawn_blocking(move || choice.find()).await;
        let address = address.map_err(|error| error.to_string())??;
        let target = SocketAddr::new(address.ip(), port);
        let stream = TcpStream::connect(target).await;
        let stream = stream.map_err(|error| format!("{target}: {error}"))?;
        match &self.check {
            Check::Http(path) => http::get(stream, target, path).await,
            Check::Tcp | Check::Command(_) => Ok(()),
        }
    }

    /// Runs a command in a process group of its own, which is killed whole when it takes too long.
    async fn run(&self, script: &str, limit: Duration) -> Result<(), String> {
        let failed = |error: io::Error| format!("it cannot be run: {error}");
        let (reader, writer) = io::pipe().map_err(failed)?;
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdin(Stdio::null());
        command
            .stdout(writer.try_clone().map_err(failed)?)
            .stderr(writer);
        let mut child =
            self.children
                .spawn(&mut command, Group::Own)
                .map_err(|error| match error.kind() {
                    io::ErrorKind::NotFound => "it cannot be run: there is no `sh` in this image; \
                     use --check tcp or http:/PATH"
                        .to_owned(),
                    _ => failed(error),
                })?;
        // The command's own ends of the pipe are its alone from now on.
        drop(command);
        let mut rest = reader.try_clone().map_err(failed)?;
        let mut output = pipe::Receiver::from_owned_fd(OwnedFd::from(reader)).map_err(failed)?;
        let mut said = Vec::new();
        let ended = async {
            loop {
                tokio::select! {
                    biased;
                    code = child.ended() => return code,
                    () = read_some(&mut output, &mut said) => {}
                }
            }
        };
        let code = tokio::time::timeout(limit, ended).await;
        // What it started and left behind goes too, also after it ended by itself.
        child.signal(Signal::SIGKILL.into());
        drain(&mut rest, &mut said);
        let said = end_of(&said);
        match code {
            Ok(0) => Ok(()),
            Ok(code) if said.is_empty() => Err(format!("exit code {code}")),
            Ok(code) => Err(format!("exit code {code}: {said}")),
            Err(_) if said.is_empty() => Err(format!("killed after {limit:?}")),
            Err(_) => Err(format!("killed after {limit:?}: {said}")),
        }
    }
}

/// Waits for output; for ever once there is no more to come.
async fn read_some(output: &mut pipe::Receiver, said: &mut Vec<u8>) {
    loop {
        if output.readable().await.is_err() {
            return std::future::pending().await;
        }
        let mut bytes = [0; 1024];
        match output.try_read(&mut bytes) {
            Ok(0) => return std::future::pending().await,
            Ok(count) => return keep(said, &bytes[..count]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return std::future::pending().await,
        }
    }
}

/// Reads what is there already; the other handle of the pipe made reading not wait.
fn drain(output: &mut io::PipeReader, said: &mut Vec<u8>) {
    let mut bytes = [0; 1024];
    while let Ok(count @ 1..) = output.read(&mut bytes) {
        keep(said, &bytes[..count]);
    }
}

fn keep(said: &mut Vec<u8>, bytes: &[u8]) {
    said.extend_from_slice(bytes);
    let surplus = said.len().saturating_sub(OUTPUT);
    said.drain(..surplus);
}

/// The output as one line.
fn end_of(said: &[u8]) -> String {
    let text = String::from_utf8_lossy(said);
    let lines: Vec<_> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    lines.join("; ").replace(char::is_control, " ")
}
