//! Why there is nothing to run.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Write};

use plain::plain_lines;

/// Why a command line gave nothing to run: wrong usage, or a call for help or the version.
#[derive(Debug)]
pub enum Refusal {
    /// What clap has to say, help and version included.
    Clap(clap::Error),
    /// Everything that is wrong with the variables and the settings file, one line each.
    Settings(Vec<String>),
}

impl Refusal {
    /// 2 for wrong usage, 0 for help and the version.
    pub fn code(&self) -> i32 {
        match self {
            Refusal::Clap(error) => error.exit_code(),
            Refusal::Settings(_) => 2,
        }
    }

    /// Prints what there is to say, to the stream where it belongs, and exits.
    pub fn exit(self, program: &str) -> ! {
        match &self {
            Refusal::Clap(error) => {
                let text = error.to_string();
                match plain_lines(&text) {
                    Cow::Borrowed(_) => error.exit(),
                    // What was given cannot be shown as it is; nobody is there where stderr is closed.
                    Cow::Owned(text) => drop(write!(io::stderr(), "{text}")),
                }
            }
            Refusal::Settings(problems) => {
                for problem in problems {
                    crate::exit::say(program, "error", problem);
                }
            }
        }
        std::process::exit(self.code())
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Clap(error) => error.fmt(formatter),
            Refusal::Settings(problems) => formatter.write_str(&problems.join("\n")),
        }
    }
}

impl std::error::Error for Refusal {}

impl From<clap::Error> for Refusal {
    fn from(error: clap::Error) -> Self {
        Refusal::Clap(error)
    }
}
