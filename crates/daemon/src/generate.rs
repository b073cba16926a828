//! Man pages and shell completions, from the definition of the command line.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::builder::Resettable;
use clap::{Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;

use crate::manual::{Manual, ascii};
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
    /// nothing but the definition. The page of each command, named as on the command line, has what `manual`
    /// adds as well.
    ///
    /// # Errors
    /// A file or stdout cannot be written.
    pub fn run<C: CommandFactory>(
        &self,
        program: &'static str,
        manual: fn(&str) -> Manual,
    ) -> anyhow::Result<()> {
        let command = command_line::command::<C>(program);
        match &self.what {
            What::Man { dir } => man_pages(command, dir, manual),
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

fn man_pages(command: Command, folder: &Path, manual: fn(&str) -> Manual) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let mut command = command.disable_help_subcommand(true);
    command.build();
    let mut names = Vec::new();
    all_names(&command, &mut names);
    man_page(&command, folder, manual, &names)
}

/// The names of all pages.
fn all_names(command: &Command, names: &mut Vec<String>) {
    names.push(page_name(command));
    let below = command.get_subcommands().filter(|each| !each.is_hide_set());
    below.for_each(|each| all_names(each, names));
}

fn page_name(command: &Command) -> String {
    let name = command.get_display_name().unwrap_or(command.get_name());
    name.to_owned()
}

fn man_page(
    command: &Command,
    folder: &Path,
    manual: fn(&str) -> Manual,
    names: &[String],
) -> anyhow::Result<()> {
    let examples = command.get_after_help().map(ToString::to_string);
    let name = page_name(command);
    let man = Man::new(command.clone().after_help(Resettable::Reset))
        .section(SECTION)
        .manual("Hostsync");
    let path = folder.join(man.get_filename());
    let mut page = Vec::new();
    man.render(&mut page)?;
    let program = names.first().map_or("", String::as_str);
    let mut more = manual(
        name.strip_prefix(&format!("{program}-"))
            .unwrap_or_default(),
    );
    if let Some(examples) = examples {
        let lines = examples.strip_prefix("Examples:\n").unwrap_or(&examples);
        more = more.verbatim("EXAMPLES", lines);
    }
    let others = names.iter().filter(|other| **other != name);
    let others = others.map(|other| format!("{other}({SECTION})"));
    more = more.text("SEE ALSO", &others.collect::<Vec<_>>().join(", "));
    let page = format!("{}{}", String::from_utf8_lossy(&page), more.roff());
    fs::write(&path, ascii(&page)).with_context(|| format!("cannot write {}", path.display()))?;
    let below = command.get_subcommands().filter(|each| !each.is_hide_set());
    below
        .into_iter()
        .try_for_each(|each| man_page(each, folder, manual, names))
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
        let manual = |name: &str| match name {
            "run" => Manual::default().terms("EXIT STATUS", &[("0", "done")]),
            _ => Manual::default(),
        };
        man_pages(definition(), &folder.path().join("man"), manual).unwrap();
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
        assert!(pages["agent-run.8"].contains(".SH \"EXIT STATUS\"\n"));
        assert!(pages["agent-run.8"].ends_with(".SH \"SEE ALSO\"\nagent(8)\n"));
        assert!(pages.values().all(|page| page.is_ascii()));
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
