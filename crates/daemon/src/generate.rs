//! Man pages and shell completions, from the definition of the command line.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;

use crate::{command_line, exit};

/// Daemons are documented in section 8.
const SECTION: &str = "8";

/// The arguments of a subcommand `generate`, for packagers.
#[derive(Debug, Clone, clap::Args)]
pub struct GenerateArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Clone, clap::Subcommand)]
enum What {
    /// Write a man page for each command
    Man {
        /// The directory to write to
        #[arg(long)]
        dir: PathBuf,
    },
    /// Print a shell's completions
    Completions {
        /// The shell
        shell: SupportedShell,
    },
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum SupportedShell {
    Bash,
    Zsh,
    Fish,
}

impl GenerateArgs {
    /// Writes what was asked for, for the command line `C` of `program`. The output depends on
    /// nothing but the definition.
    ///
    /// # Errors
    /// A file or stdout cannot be written.
    pub fn run<C: CommandFactory>(&self, program: &'static str) -> anyhow::Result<()> {
        let command = command_line::command::<C>(program);
        match &self.what {
            What::Man { dir } => man_pages(command, dir),
            What::Completions { shell } => completions(command, program, *shell),
        }
    }
}

fn completions(mut command: Command, program: &str, shell: SupportedShell) -> anyhow::Result<()> {
    let shell = match shell {
        SupportedShell::Bash => Shell::Bash,
        SupportedShell::Zsh => Shell::Zsh,
        SupportedShell::Fish => Shell::Fish,
    };
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut command, program, &mut text);
    // A shell reads it, as it is.
    let written = std::io::stdout().write_all(&text);
    written
        .map_err(exit::mark)
        .context("cannot write to stdout")
}

fn man_pages(command: Command, folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let mut command = command.disable_help_subcommand(true);
    command.build();
    man_page(&command, folder)
}

fn man_page(command: &Command, folder: &Path) -> anyhow::Result<()> {
    let man = Man::new(command.clone())
        .section(SECTION)
        .manual("Hostsync");
    let path = folder.join(man.get_filename());
    let mut page = Vec::new();
    man.render(&mut page)?;
    fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))?;
    let below = command.get_subcommands().filter(|each| !each.is_hide_set());
    below
        .into_iter()
        .try_for_each(|each| man_page(each, folder))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use clap::{Args, FromArgMatches};

    use super::*;
    use crate::DaemonArgs;

    fn definition() -> Command {
        let timeout = clap::Arg::new("session_timeout").long("session-timeout");
        let run = DaemonArgs::augment_args(Command::new("run").arg(timeout));
        Command::new("agent")
            .version("1.2.3")
            .about("Does it")
            .subcommand(run.about("Follow"))
    }

    fn pages() -> BTreeMap<String, String> {
        let folder = tempfile::tempdir().unwrap();
        man_pages(definition(), &folder.path().join("man")).unwrap();
        let entries = fs::read_dir(folder.path().join("man")).unwrap();
        let page = |entry: fs::DirEntry| {
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read_to_string(entry.path()).unwrap())
        };
        entries.map(|entry| page(entry.unwrap())).collect()
    }

    #[test]
    fn a_page_for_each_command() {
        let pages = pages();
        let names: Vec<&str> = pages.keys().map(String::as_str).collect();
        assert_eq!(names, ["agent-run.8", "agent.8"]);
        assert!(pages["agent.8"].contains(".TH agent 8  \"agent 1.2.3\" Hostsync\n"));
        assert!(
            pages["agent-run.8"].contains("session\\-timeout"),
            "{}",
            pages["agent-run.8"]
        );
        assert_eq!(pages, self::pages(), "equal definitions give equal pages");
    }

    #[test]
    fn three_shells() {
        let command = GenerateArgs::augment_args(Command::new("generate"));
        for shell in ["bash", "zsh", "fish"] {
            let line = ["generate", "completions", shell];
            let matches = command.clone().try_get_matches_from(line).unwrap();
            GenerateArgs::from_arg_matches(&matches).unwrap();
        }
        assert!(
            command
                .try_get_matches_from(["generate", "completions", "tcsh"])
                .is_err()
        );
    }
}
