//! A file that is bind mounted over `/etc/hosts`, where only this process and its children see it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use lab::Scratch;
use nix::mount::{MntFlags, MsFlags, mount, umount2};

/// Where programs look for names.
pub(crate) const PATH: &str = "/etc/hosts";
/// A file system in memory in which this process and its children have whatever runs to themselves:
/// the agent's socket, and no name service cache of the machine.
const RUN: &str = "/run";
/// The socket of the Docker engine, which is needed all the same.
const ENGINE: &str = "/run/docker.sock";

/// A file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// That of the directory for temporary files.
    Disk,
    /// A tmpfs.
    Memory,
}

/// A file over `/etc/hosts`; dropped, that is as before.
#[derive(Debug)]
pub(crate) struct Place {
    directory: Scratch,
}

/// Gives this process, which has but one thread so far, mounts of its own, and a resolver that looks
/// in the file and nowhere else.
pub(crate) fn leave_the_mounts_of_others() -> anyhow::Result<()> {
    lab::leave_the_mounts_of_others().context(
        "cannot have a mount namespace, in which a scratch file lies over /etc/hosts; run this as root",
    )?;
    let nothing = None::<&str>;
    let kept = Scratch::new("engine");
    let engine = keep(ENGINE, &kept.write("socket", ""))?;
    mount(Some("soak"), RUN, Some("tmpfs"), MsFlags::empty(), nothing)
        .context("cannot mount a tmpfs on /run")?;
    if let Some(engine) = engine {
        File::create(ENGINE).context(ENGINE)?;
        bind(&engine, ENGINE)?;
        umount2(&engine, MntFlags::MNT_DETACH).context("cannot unmount a socket")?;
    }
    for (path, text) in [
        ("/etc/nsswitch.conf", "hosts: files\n"),
        ("/etc/host.conf", "multi on\n"),
    ] {
        if Path::new(path).exists() {
            let source = Path::new(RUN).join(path.replace('/', "-"));
            fs::write(&source, text).with_context(|| source.display().to_string())?;
            bind(&source, path)?;
        }
    }
    Ok(())
}

/// Makes a socket known under another path too, if it is there.
fn keep(socket: &str, elsewhere: &Path) -> anyhow::Result<Option<PathBuf>> {
    if !Path::new(socket).exists() {
        return Ok(None);
    }
    bind(Path::new(socket), &elsewhere.display().to_string())?;
    Ok(Some(elsewhere.to_owned()))
}

fn bind(source: &Path, target: &str) -> anyhow::Result<()> {
    let nothing = None::<&str>;
    mount(Some(source), target, nothing, MsFlags::MS_BIND, nothing)
        .with_context(|| format!("cannot bind {} over {target}", source.display()))
}

impl Place {
    /// A file with this text.
    pub(crate) fn new(kind: Kind, text: &str) -> anyhow::Result<Self> {
        let directory = Scratch::new("soak");
        let source: PathBuf = match kind {
            Kind::Disk => directory.join("hosts"),
            Kind::Memory => Path::new(RUN).join("hosts"),
        };
        fs::write(&source, text).with_context(|| source.display().to_string())?;
        bind(&source, PATH)?;
        Ok(Self { directory })
    }

    /// An existing file, such as that of a container.
    pub(crate) fn of(file: &Path) -> anyhow::Result<Self> {
        bind(file, PATH)?;
        Ok(Self {
            directory: Scratch::new("soak"),
        })
    }

    /// A directory for what else there is to write.
    pub(crate) fn directory(&self) -> &Scratch {
        &self.directory
    }

    /// The type of the file system in which the file lies.
    pub(crate) fn file_system(&self) -> anyhow::Result<String> {
        let mounts = fs::read_to_string("/proc/self/mountinfo").context("/proc/self/mountinfo")?;
        let mut of_file = mounts
            .lines()
            .filter(|line| line.split(' ').nth(4) == Some(PATH));
        let line = of_file.next_back().context("the file is no mount point")?;
        let kind = line
            .split_once(" - ")
            .and_then(|(_, rest)| rest.split(' ').next());
        Ok(kind.unwrap_or("unknown").to_owned())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // The mount goes with the process in any case.
        let _ = umount2(PATH, MntFlags::MNT_DETACH);
    }
}
