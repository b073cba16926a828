//! The log: one line per message, to stderr or to a file that SIGHUP opens again.
//!
//! Messages of other crates show only from `debug` on: while ZooKeeper is away they would be a
//! flood, and what matters of them is said by the session.

mod file;
mod format;

use std::io::{self, IsTerminal};
use std::sync::OnceLock;

use log::{LevelFilter, Log, Metadata, Record};
use plain::plain;
use simplelog::{
    ColorChoice, Config, ConfigBuilder, FormatItem, TermLogger, TerminalMode, WriteLogger,
    format_description,
};

pub(crate) use file::LogFile;
pub use format::LogFormat;

use format::Lines;

const TIME: &[FormatItem<'static>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

static FILE: OnceLock<LogFile> = OnceLock::new();
/// The crates whose messages are always shown.
static SHOWN: OnceLock<&'static [&'static str]> = OnceLock::new();

/// Says whose messages are always shown: the program's own crates. To be called before the log is
/// opened; without it those of all crates are.
pub fn show_only(crates: &'static [&'static str]) {
    // Only the first call counts, as with the log itself.
    let _ = SHOWN.set(crates);
}

/// Logs to stderr. For subcommands that are no daemons; [`crate::DaemonArgs::start`] does it by
/// itself. Does nothing where there is a log already.
pub fn to_stderr(level: LevelFilter) {
    let terminal = io::stderr().is_terminal();
    let color = if terminal {
        ColorChoice::Auto
    } else {
        ColorChoice::Never
    };
    install(
        TermLogger::new(level, config(), TerminalMode::Stderr, color),
        level,
    );
}

/// The same, of a daemon, as `format` says. Where the journal has stderr, text has no time of its own.
pub(crate) fn to_stderr_as(format: LogFormat, level: LevelFilter) {
    match format {
        LogFormat::Text if is_journal() => {
            let mut config = base();
            config.set_time_level(LevelFilter::Off);
            install(WriteLogger::new(level, config.build(), io::stderr()), level);
        }
        LogFormat::Text => to_stderr(level),
        format => install(Lines::new(format, level, io::stderr()), level),
    }
}

/// Whether what is written to stderr goes to the journal: whoever starts us says which file that is.
fn is_journal() -> bool {
    let Some(stream) = std::env::var_os("JOURNAL_STREAM") else {
        return false;
    };
    let of = nix::sys::stat::fstat(io::stderr());
    of.is_ok_and(|stat| stream.to_str() == Some(&format!("{}:{}", stat.st_dev, stat.st_ino)))
}

/// Logs to a file.
pub(crate) fn to_file(file: LogFile, format: LogFormat, level: LevelFilter) {
    let file = FILE.get_or_init(|| file);
    match format {
        LogFormat::Text => install(WriteLogger::new(level, config(), file), level),
        format => install(Lines::new(format, level, file), level),
    }
}

/// Whether there is a log file, so that what is said on stderr should also be said in the log.
pub(crate) fn is_file() -> bool {
    FILE.get().is_some()
}

/// Whether stderr ends in the log file.
pub(crate) fn holds_stderr() -> bool {
    FILE.get().is_some_and(LogFile::holds_stderr)
}

/// Opens the log file again by its name, after it was renamed or removed. [`crate::Signals`] does
/// it on SIGHUP.
///
/// # Errors
/// The file cannot be opened; the log goes on in the old one.
pub fn reopen() -> anyhow::Result<()> {
    FILE.get().map_or(Ok(()), LogFile::reopen)
}

fn install(logger: Box<impl Log + 'static>, level: LevelFilter) {
    let shown = SHOWN.get().copied().filter(|_| level < LevelFilter::Debug);
    if log::set_boxed_logger(Box::new(OneLine { logger, shown })).is_ok() {
        log::set_max_level(level);
    }
}

fn config() -> Config {
    base().build()
}

fn base() -> ConfigBuilder {
    let mut config = ConfigBuilder::new();
    config.set_time_format_custom(TIME);
    config
        .set_thread_level(LevelFilter::Off)
        .set_location_level(LevelFilter::Off);
    config.set_target_level(LevelFilter::Debug);
    config
}

/// Escapes what could end a line or drive a terminal: messages hold texts from outside.
struct OneLine<L> {
    logger: L,
    /// The crates whose messages pass; none where all do.
    shown: Option<&'static [&'static str]>,
}

impl<L: Log> Log for OneLine<L> {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let name = metadata.target().split("::").next().unwrap_or_default();
        let is_shown = self.shown.is_none_or(|shown| shown.contains(&name));
        is_shown && self.logger.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let message = record.args().to_string();
            let message = plain(&message);
            let mut copy = Record::builder();
            copy.metadata(record.metadata().clone());
            self.logger
                .log(&copy.args(format_args!("{message}")).build());
        }
    }

    fn flush(&self) {
        self.logger.flush();
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn lines_carry_time_level_and_message() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let file: &'static LogFile =
            Box::leak(Box::new(LogFile::open(path.clone(), false).unwrap()));
        let level = LevelFilter::Info;
        let logger = OneLine {
            logger: WriteLogger::new(level, config(), file),
            shown: Some(&["hostsync", "zookeeper"]),
        };
        let say = |target: &str, level, text: &str| {
            let mut record = Record::builder();
            let record = record.target(target).level(level);
            logger.log(&record.args(format_args!("{text}")).build());
        };
        say(
            "zookeeper::state",
            log::Level::Info,
            "connected\nforged\u{202e}\u{9b}",
        );
        say("zookeeper_client::session", log::Level::Error, "a flood");
        say("zookeeper", log::Level::Debug, "too fine");
        let old = folder.path().join("log.1");
        fs::rename(&path, &old).unwrap();
        file.reopen().unwrap();
        say("hostsync", log::Level::Warn, "after");

        let (date, rest) = fs::read_to_string(&old).map(split_date).unwrap();
        assert_eq!(date.len(), "2026-11-20T10:00:00.123Z".len());
        assert_eq!(rest, "[INFO] connected\\nforged\\u202e\\u009b\n");
        assert_eq!(
            fs::read_to_string(&path).map(split_date).unwrap().1,
            "[WARN] after\n"
        );
    }

    fn split_date(text: String) -> (String, String) {
        let (date, rest) = text.split_once(' ').unwrap();
        (date.to_owned(), rest.to_owned())
    }
}
