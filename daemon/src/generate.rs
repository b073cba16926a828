//! Man pages and shell completions, from the definition of the command line.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;

use crate::command_line;

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
    crate::stdout()
        .write_all(&text)
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
