//! The flags that say which hosts files are kept, how they are written, and where the snapshot is kept.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use daemon::WrongUsage;
use daemon::command_line::absolute_path;
use hosts_file::{HostsFile, MethodChoice};

use crate::apply::fleet::Files;
use crate::apply::pattern::Pattern;
use crate::apply::places::{Engine, Machine};
use crate::store::paths::User;

/// Which file.
#[derive(Debug, Clone, Args)]
pub struct HostsFileArg {
    /// The hosts file; it need not exist [default: /etc/hosts]
    ///
    /// 'run' keeps several, each for itself: repeat it, or write a glob, such as
    /// '/srv/*/etc/hosts', whose files are followed as they come and go.
    #[arg(long, value_name = "FILE", value_parser = absolute_path())]
    pub hosts_file: Vec<PathBuf>,
}

/// Whose containers' files.
#[derive(Debug, Clone, Default, Args)]
pub struct ContainersArg {
    /// Keep the hosts files of all containers of this engine, from outside: one agent a machine, and
    /// no changed image (repeatable)
    ///
    /// They are where the engine keeps them, and are followed as containers come and go. The host's
    /// own file is kept too with '--hosts-file /etc/hosts' beside it.
    #[arg(
        long,
        value_name = "ENGINE",
        value_enum,
        value_delimiter = ',',
        help_heading = "Files"
    )]
    pub containers: Vec<Engine>,
}

/// How the file is written.
#[derive(Debug, Clone, Args)]
pub struct WriteArg {
    /// How the hosts file is written; readers never see half of a change either way
    ///
    /// A file that is a mount point, as in every container, that has other names (hard links), or whose
    /// directory cannot be written, is written in slots: each of our lines has a place of its own, padded with blanks.
    #[arg(long, value_name = "WAY", value_enum, default_value_t)]
    pub write: WriteMethod,
}

/// What `--write` takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum WriteMethod {
    /// Replace the file where that is possible, else write in slots
    #[default]
    Auto,
    /// Only ever replace the file
    Replace,
    /// Write in slots
    Slots,
}

/// Where the snapshot is kept.
#[derive(Debug, Args)]
pub struct CacheArg {
    /// Keep the last good snapshot here, to start without ZooKeeper [default: for /etc/hosts,
    /// /var/cache/hostsync/etc-hosts.json; without root, below ~/.cache/hostsync]
    #[arg(long, value_name = "FILE", value_parser = absolute_path())]
    pub cache: Option<PathBuf>,
}

/// The file that is meant where none is named.
const HOSTS: &str = "/etc/hosts";

impl HostsFileArg {
    /// The one file that is asked for.
    ///
    /// # Errors
    /// There are several, or a glob.
    pub fn one(&self) -> Result<PathBuf, WrongUsage> {
        match &self.hosts_file[..] {
            [] => Ok(HOSTS.into()),
            [path] if !is_glob(path) => Ok(path.clone()),
            _ => {
                let error =
                    anyhow::anyhow!("this is about one file; name it with one --hosts-file");
                Err(WrongUsage::new(error))
            }
        }
    }

    /// What tells an agent from others of the machine: its hosts file, or what stands for all of them.
    pub fn key(&self, containers: &ContainersArg) -> PathBuf {
        match (&self.hosts_file[..], &containers.containers[..]) {
            ([first, ..], _) => first.clone(),
            ([], []) => HOSTS.into(),
            ([], engines) => {
                let names: Vec<_> = engines.iter().map(|engine| engine.word()).collect();
                Path::new("/containers").join(names.join("-"))
            }
        }
    }

    /// The files that are meant, where it is not just one.
    ///
    /// # Errors
    /// A glob is malformed.
    pub fn patterns(&self, containers: &ContainersArg) -> Result<Option<Vec<Pattern>>, WrongUsage> {
        if containers.containers.is_empty() && self.one().is_ok() {
            return Ok(None);
        }
        let machine = Machine::current();
        let engines = containers.containers.iter();
        let places = engines.flat_map(|engine| engine.globs(&machine));
        let named = self
            .hosts_file
            .iter()
            .map(|path| (path.clone(), Vec::new()));
        let patterns = named.chain(places).map(|(path, words)| {
            let wrong = |why: String| {
                let error = anyhow::anyhow!("cannot use --hosts-file {}: {why}", path.display());
                WrongUsage::new(error)
            };
            Pattern::new(&path, &words).map_err(wrong)
        });
        patterns.collect::<Result<_, _>>().map(Some)
    }
}

fn is_glob(path: &Path) -> bool {
    Pattern::new(path, &[]).map_or(true, |pattern| pattern.is_glob())
}

impl WriteArg {
    /// The same, in the words of what writes.
    pub fn choice(&self) -> MethodChoice {
        match self.write {
            WriteMethod::Auto => MethodChoice::Auto,
            WriteMethod::Replace => MethodChoice::Replace,
            WriteMethod::Slots => MethodChoice::Slots,
        }
    }

    /// One file, to be written as asked for.
    pub fn open(&self, path: &Path) -> HostsFile {
        Files::new(Vec::new(), self.choice()).open(path, None)
    }
}

impl CacheArg {
    /// The file; none for a user without a home who names none.
    pub fn path(&self, user: &User, key: &Path) -> Option<PathBuf> {
        let default = || user.cache_file(key);
        self.cache.clone().or_else(default)
    }
}
