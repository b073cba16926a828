//! From a command at a terminal to a process of its own.

use std::io::{PipeReader, PipeWriter, Read, Write};
use std::path::{self, PathBuf};

use anyhow::Context;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use daemonize::{Daemonize, Outcome, Stdio};
use log::LevelFilter;

use crate::command_line;
use crate::logging::{self, LogFile, LogFormat};
use crate::pid_file::PidFile;

/// The flags of a program that can go to the background, for `#[command(flatten)]`.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Daemon")]
pub struct DaemonArgs {
    /// Go to the background
    #[arg(long)]
    pub daemon: bool,

    /// Lock this file and write the process id there [default with --daemon: /run/PROGRAM.pid]
    #[arg(long, value_name = "FILE")]
    pub pid_file: Option<PathBuf>,

    /// Log to this file, reopened on SIGHUP [default: stderr; with --daemon: /var/log/PROGRAM.log]
    #[arg(long, value_name = "FILE")]
    pub log_file: Option<PathBuf>,

    /// Log messages of this level and above; from debug on also those of libraries
    #[arg(long, value_name = "LEVEL", default_value = "info", value_parser = level())]
    pub log_level: LevelFilter,

    /// What a line of the log looks like; journald has the levels as the journal reads them, such as <4>
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    pub log_format: LogFormat,
}

/// Keep it until the end: dropping it removes the pid file and its lock.
#[derive(Debug)]
#[must_use = "dropping it removes the pid file"]
pub struct Guard {
    _pid_file: Option<PidFile>,
}

impl DaemonArgs {
    /// Locks the pid file, starts the log, and with `--daemon` goes to the background: the caller
    /// goes on in another process, whose working directory is `/`. The process at the terminal
    /// ends once the pid file is written.
    ///
    /// To be called before there is any thread or runtime: of several threads, only the one that
    /// forks goes on.
    ///
    /// # Errors
    /// Another process holds the lock, a file cannot be opened, or the fork fails. Up to the fork,
    /// errors are seen at the terminal.
    pub fn start(&self, program: &str) -> anyhow::Result<Guard> {
        let pid_file = self.pid_path(program)?;
        let pid_file = pid_file
            .map(|path| PidFile::lock(&path, program))
            .transpose()?;
        let log_file = self.log_path(program)?;
        let log_file = log_file
            .map(|path| LogFile::open(path, self.daemon))
            .transpose()?;
        let ready = if self.daemon {
            Some(fork(log_file.as_ref())?)
        } else {
            None
        };
        match log_file {
            Some(file) => {
                logging::to_file(file, self.log_format, self.log_level);
                crate::exit::log_warnings();
            }
            None => logging::to_stderr_as(self.log_format, self.log_level),
        }
        if let Some(effective) = command_line::effective() {
            log::info!("{program} {effective}");
        }
        pid_file.as_ref().map_or(Ok(()), PidFile::write)?;
        if let Some(mut ready) = ready {
            // Nobody waits any more where the terminal's process was killed.
            let _ = ready.write_all(b"\n");
        }
        Ok(Guard {
            _pid_file: pid_file,
        })
    }

    fn pid_path(&self, program: &str) -> anyhow::Result<Option<PathBuf>> {
        let default = self
            .daemon
            .then(|| PathBuf::from(format!("/run/{program}.pid")));
        absolute(self.pid_file.clone().or(default))
    }

    fn log_path(&self, program: &str) -> anyhow::Result<Option<PathBuf>> {
        let default = self
            .daemon
            .then(|| PathBuf::from(format!("/var/log/{program}.log")));
        absolute(self.log_file.clone().or(default))
    }
}

fn absolute(path: Option<PathBuf>) -> anyhow::Result<Option<PathBuf>> {
    let absolute = path.map(path::absolute).transpose();
    absolute.context("cannot tell the working directory; use absolute paths")
}

/// Goes on in the background. The writer tells the process at the terminal that all is well.
fn fork(log_file: Option<&LogFile>) -> anyhow::Result<PipeWriter> {
    debug_assert_eq!(
        threads(),
        1,
        "a process may only fork while it has one thread"
    );
    let stderr = match log_file {
        Some(file) => Stdio::from(
            file.handle()
                .context("cannot use the log file for stderr")?,
        ),
        None => Stdio::devnull(),
    };
    let (reader, writer) = std::io::pipe().context("cannot create a pipe")?;
    let daemonize = Daemonize::new()
        .working_directory("/")
        .umask(0o022)
        .stderr(stderr);
    match daemonize.execute() {
        Outcome::Parent(result) => {
            drop(writer);
            if is_ready(reader) {
                // Without destructors: dropping the pid file here would unlock it for the child.
                std::process::exit(0);
            }
            result.context("cannot go to the background")?;
            std::process::exit(1)
        }
        Outcome::Child(result) => {
            result.context("cannot go to the background")?;
            Ok(writer)
        }
    }
}

/// Waits in the process at the terminal. The pipe ends without a byte where the child gave up,
/// which it has explained in the log or at the terminal.
fn is_ready(mut reader: PipeReader) -> bool {
    reader.read_exact(&mut [0]).is_ok()
}

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").map_or(1, Iterator::count)
}

fn level() -> impl TypedValueParser<Value = LevelFilter> {
    let levels = PossibleValuesParser::new(["error", "warn", "info", "debug", "trace"]);
    levels.try_map(|text| text.parse::<LevelFilter>())
}
