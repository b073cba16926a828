//! How a line of the log looks to whoever collects it.

use std::io::Write;
use std::sync::Mutex;
use std::time::SystemTime;

use clap::ValueEnum;
use log::{Level, LevelFilter, Log, Metadata, Record};

/// What a line looks like.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// The time, the level and the message; without the time where the journal has stderr, which has its own
    #[default]
    Text,
    /// An object with time, level, target and message
    Json,
    /// The level as the journal reads it, such as <4>, and the message
    Journald,
}

/// The priority of a level, as syslog and the journal have it.
fn priority(level: Level) -> u8 {
    match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    }
}

/// One line, without its end.
pub(super) fn line(format: LogFormat, record: &Record<'_>, now: SystemTime) -> String {
    let (level, message) = (record.level(), record.args());
    match format {
        LogFormat::Json => serde_json::json!({
            "time": humantime::format_rfc3339_millis(now).to_string(),
            "level": level.as_str().to_ascii_lowercase(),
            "target": record.target(),
            "message": message.to_string(),
        })
        .to_string(),
        LogFormat::Journald | LogFormat::Text => format!("<{}>{message}", priority(level)),
    }
}

/// Writes lines of one of the formats that are no text for people.
pub(super) struct Lines<W> {
    format: LogFormat,
    level: LevelFilter,
    to: Mutex<W>,
}

impl<W: Write + Send + 'static> Lines<W> {
    pub(super) fn new(format: LogFormat, level: LevelFilter, to: W) -> Box<Self> {
        let to = Mutex::new(to);
        Box::new(Self { format, level, to })
    }
}

impl<W: Write + Send> Log for Lines<W> {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= self.level
    }

    fn log(&self, record: &Record<'_>) {
        let mut line = line(self.format, record, SystemTime::now());
        line.push('\n');
        if let Ok(mut to) = self.to.lock() {
            // There is nobody to tell.
            let _ = to.write_all(line.as_bytes());
        }
    }

    fn flush(&self) {
        if let Ok(mut to) = self.to.lock() {
            let _ = to.flush();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_collects_it_knows_the_level_and_the_time_stands_there_once() {
        let now = SystemTime::UNIX_EPOCH;
        let said = |format, level| {
            let mut record = Record::builder();
            let record = record.target("zookeeper::state").level(level);
            line(
                format,
                &record.args(format_args!("lost \"it\"")).build(),
                now,
            )
        };
        assert_eq!(said(LogFormat::Journald, Level::Error), "<3>lost \"it\"");
        assert_eq!(said(LogFormat::Journald, Level::Warn), "<4>lost \"it\"");
        assert_eq!(said(LogFormat::Journald, Level::Info), "<6>lost \"it\"");
        assert_eq!(
            said(LogFormat::Json, Level::Warn),
            r#"{"level":"warn","message":"lost \"it\"","target":"zookeeper::state","time":"1970-01-01T00:00:00.000Z"}"#
        );
    }
}
