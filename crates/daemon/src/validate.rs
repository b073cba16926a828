//! A settings file, looked at without being used.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};

use crate::command_line::{self, Refusal};
use crate::exit;

/// The arguments of a subcommand `validate`.
#[derive(Debug, Clone, clap::Args)]
pub struct ValidateArgs {
    /// The settings files
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

impl ValidateArgs {
    /// Looks at each file as `program run --config FILE` would read it, without any variable; what that makes of
    /// it is looked at by `check`. Says all that is wrong, a line each. 0 where nothing is, 1 where something is,
    /// and 2 where a file cannot be read.
    ///
    /// # Errors
    /// Stdout cannot be written.
    pub fn run<C: CommandFactory + FromArgMatches>(
        &self,
        program: &'static str,
        check: impl Fn(C) -> anyhow::Result<()>,
    ) -> anyhow::Result<ExitCode> {
        let mut code = 0;
        for file in &self.files {
            let name = file.display();
            // A named pipe gives its text once, and a directory none.
            match std::fs::metadata(file) {
                Ok(found) if found.is_file() => {}
                Ok(_) => {
                    exit::say(program, "error", &format!("{name} is no file"));
                    code = 2;
                    continue;
                }
                Err(error) => {
                    exit::say(program, "error", &format!("cannot read {name}: {error}"));
                    code = 2;
                    continue;
                }
            }
            let problems = problems(program, file, &check);
            for problem in &problems {
                exit::say(program, "error", problem);
            }
            if problems.is_empty() {
                writeln!(exit::stdout(), "{name}: no mistake")?;
            } else {
                code = code.max(1);
            }
        }
        Ok(ExitCode::from(code))
    }
}

fn problems<C: CommandFactory + FromArgMatches>(
    program: &'static str,
    file: &PathBuf,
    check: &impl Fn(C) -> anyhow::Result<()>,
) -> Vec<String> {
    let words = [program.into(), "run".into(), "--config".into(), file.into()];
    let words: [std::ffi::OsString; 4] = words;
    match command_line::resolve::<C>(program, words, |_| None) {
        Ok(cli) => match check(cli) {
            Ok(()) => Vec::new(),
            Err(error) => vec![format!("{}: {error:#}", file.display())],
        },
        Err(Refusal::Settings(problems)) => problems,
        Err(Refusal::Clap(error)) => {
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default();
            let first = first.strip_prefix("error: ").unwrap_or(first);
            vec![format!("{}: {first}", file.display())]
        }
    }
}
