//! The end: an outcome becomes one line and an exit code.

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::process::{ExitCode, Termination};
use std::sync::{Mutex, PoisonError};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use plain::{plain, plain_lines};

use crate::logging;

/// Ends a program: the outcome's own exit code, or 1 (2 for [`WrongUsage`] and [`Unanswered`]) with `PROGRAM: error: what: cause: cause` on
/// stderr (and in the log file, if there is one). A reader of stdout that has gone away is no
/// error, as in `hostsync lookup db | head -1`.
pub fn exit<T: Termination>(program: &str, outcome: anyhow::Result<T>) -> ExitCode {
    match outcome {
        Ok(value) => value.report(),
        Err(error) if error.chain().any(is_closed_stdout) => ExitCode::SUCCESS,
        Err(error) => {
            let text = chain(&error);
            if logging::is_file() {
                log::error!("{text}");
            }
            if !logging::holds_stderr() {
                say(program, "error", &text);
            }
            if error.is::<WrongUsage>() || error.is::<Unanswered>() {
                ExitCode::from(2)
            } else {
                ExitCode::FAILURE
            }
        }
    }
}

/// Flags ask for something that cannot be, and only the program itself can tell: [`exit`] ends it
/// with 2, as clap does.
#[derive(Debug)]
pub struct WrongUsage(String);

impl WrongUsage {
    /// What is wrong, with its causes.
    pub fn new(error: impl Into<anyhow::Error>) -> Self {
        Self(chain(&error.into()))
    }
}

impl std::fmt::Display for WrongUsage {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for WrongUsage {}

/// The answer to a question is no, and why: [`exit`] ends the program with 1.
#[derive(Debug)]
pub struct No(pub String);

impl std::fmt::Display for No {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for No {}

/// A question could not be answered, which is neither yes (0) nor no (1): [`exit`] ends the program with 2, as
/// grep does where it cannot read a file.
#[derive(Debug)]
pub struct Unanswered(String);

impl Unanswered {
    /// Why not, with the causes. Nobody reading stdout any more is none.
    pub fn because(error: anyhow::Error) -> anyhow::Error {
        match error.chain().any(is_closed_stdout) || error.is::<WrongUsage>() || error.is::<No>() {
            true => error,
            false => Self(chain(&error)).into(),
        }
    }
}

impl std::fmt::Display for Unanswered {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Unanswered {}

/// What was warned of before there was a log.
static WARNED: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// A warning before there is a log: on stderr at once, and kept for the log file, if there will be
/// one.
pub(crate) fn warn(program: &str, text: String) {
    say(program, "warning", &text);
    WARNED
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(text);
}

/// Tells the log file, which has just been opened, what was warned of before.
pub(crate) fn log_warnings() {
    let mut warned = WARNED.lock().unwrap_or_else(PoisonError::into_inner);
    for text in warned.drain(..) {
        log::warn!("{text}");
    }
}

/// One line on stderr, of a command that has no log.
pub fn warning(program: &str, text: &str) {
    say(program, "warning", text);
}

/// One line on stderr that is no warning: what a command is waiting for.
pub fn notice(program: &str, text: &str) {
    say(program, "note", text);
}

/// One line on stderr; `what` is `error` or `warning`.
pub(crate) fn say(program: &str, what: &str, text: &str) {
    let text = plain(text);
    // What already begins with the program's name is a whole sentence: "hostsync: already running".
    let prefix = if text.starts_with(&format!("{program}: ")) {
        String::new()
    } else {
        format!("{program}: {what}: ")
    };
    // There is nobody to tell where stderr is closed; eprintln! would panic.
    let _ = writeln!(io::stderr(), "{prefix}{text}");
}

/// The error and its causes. A cause that the text before it already ends with is not repeated.
fn chain(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if text.is_empty() {
            text = cause;
        } else if !text.ends_with(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// Stdout for results: for lines of text, in which nothing but their ends drives a terminal, see
/// [`plain`]. Unlike `println!`, it does not panic where nobody reads any more; [`exit`]
/// knows the error that it returns then, and no other broken pipe, as one that does not matter.
#[derive(Debug)]
pub struct Stdout<W = io::Stdout> {
    to: W,
    /// The beginning of a character whose end has not come yet.
    begun: Vec<u8>,
}

/// Stdout for results.
pub fn stdout() -> Stdout {
    Stdout::new(io::stdout())
}

impl<W> Stdout<W> {
    fn new(to: W) -> Self {
        let begun = Vec::new();
        Self { to, begun }
    }
}

impl<W: Write> Write for Stdout<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.begun.extend_from_slice(bytes);
        let all = std::mem::take(&mut self.begun);
        let whole = match std::str::from_utf8(&all) {
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            _ => all.len(),
        };
        let (whole, begun) = all.split_at(whole);
        self.begun.extend_from_slice(begun);
        let text = String::from_utf8_lossy(whole);
        self.to
            .write_all(plain_lines(&text).as_bytes())
            .map_err(mark)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush().map_err(mark)
    }
}

/// Waits until nobody can read stdout any more, as when the other end of a pipe has gone; for ever where it is
/// a file. A command that goes on would otherwise learn of it no sooner than it has something to say.
pub async fn stdout_closed() {
    let closed = tokio::task::spawn_blocking(|| {
        let stdout = io::stdout();
        let mut stdout = [PollFd::new(stdout.as_fd(), PollFlags::empty())];
        // A signal interrupts it.
        while poll(&mut stdout, PollTimeout::NONE) == Err(Errno::EINTR) {}
    });
    let _ = closed.await;
}

#[derive(Debug)]
struct ClosedStdout;

impl std::fmt::Display for ClosedStdout {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("nobody reads stdout any more")
    }
}

impl std::error::Error for ClosedStdout {}

/// As an error of stdout.
pub(crate) fn mark(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::BrokenPipe => io::Error::new(error.kind(), ClosedStdout),
        _ => error,
    }
}

fn is_closed_stdout(error: &(dyn std::error::Error + 'static)) -> bool {
    let inner = error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref);
    inner.is_some_and(|inner| inner.is::<ClosedStdout>())
}

#[cfg(test)]
mod tests {
    use anyhow::{Context, anyhow};

    use super::*;

    #[test]
    fn causes_are_not_repeated() {
        let error = anyhow!("no such host");
        assert_eq!(chain(&error), "no such host");
        let error = error
            .context("cannot resolve db: no such host")
            .context("cannot connect");
        assert_eq!(
            chain(&error),
            "cannot connect: cannot resolve db: no such host"
        );
    }

    #[test]
    fn nothing_but_the_ends_of_lines_drives_a_terminal() {
        let mut stdout = Stdout::new(Vec::new());
        for byte in "\u{9b}é\u{1b}[2J\u{202e}\n".bytes() {
            stdout.write_all(&[byte]).unwrap();
        }
        stdout.write_all(b"\xff\t\n").unwrap();
        let text = String::from_utf8(stdout.to).unwrap();
        assert_eq!(text, "\\u009bé\\u001b[2J\\u202e\n\u{fffd}\\t\n");
    }

    #[test]
    fn only_a_closed_stdout_is_no_error() {
        let pipe = || io::Error::from(io::ErrorKind::BrokenPipe);
        let closed: anyhow::Result<()> = Err(mark(pipe())).context("cannot print");
        assert_eq!(exit("x", closed), ExitCode::SUCCESS);
        let other: anyhow::Result<()> = Err(pipe()).context("cannot write to ZooKeeper");
        assert_eq!(exit("x", other), ExitCode::FAILURE);
        assert_eq!(exit("x", Ok(ExitCode::from(7))), ExitCode::from(7));
        assert_eq!(exit("x", Ok(())), ExitCode::SUCCESS);
        let wrong: anyhow::Result<()> = Err(WrongUsage::new(anyhow::anyhow!("no port")).into());
        assert_eq!(exit("x", wrong), ExitCode::from(2));
        let unanswered = |error| exit("x", Err::<(), _>(Unanswered::because(error)));
        assert_eq!(unanswered(anyhow!("no route")), ExitCode::from(2));
        assert_eq!(unanswered(mark(pipe()).into()), ExitCode::SUCCESS);
        assert_eq!(unanswered(No("none".into()).into()), ExitCode::FAILURE);
    }
}
