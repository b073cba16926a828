//! The servers, the daemons, the proxies between them, and the hosts files; and how they break.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use lab::{Cut, Ensemble, Mount, Program, Proxy, Running, Scratch, Tree};

use crate::foreign;
use crate::history::{Daemon, Fault, NAMESERVERS, PLACES, SERVERS, Shortage};
use crate::journal::Journal;
use crate::watched::{BASE, Watched};

/// The session timeout of the daemons: the long pauses are longer.
const SESSION_TIMEOUT: &str = "3s";
/// How long a sudden large drop is held; the crowds of a history make such drops.
const DROP_HOLD: &str = "3s";
/// The size of the small file systems in KiB, and what each name adds to it: room for two copies of a file in
/// slots that others shift often.
const SMALL: u32 = 4096;
const SMALL_EACH: f64 = 0.5;

/// The users of the daemons, one each.
const FIRST_USER: usize = 54_400;
/// What they may do.
const RIGHTS: &str = "+dac_override,+fowner,+chown,+fsetid,+lease";

/// How often somebody else had to write a hosts file once more.
pub(crate) const AGAIN: &str = "foreign writes that had to be repeated";

/// Everything that can break. What ends first stands first.
#[derive(Debug)]
pub(crate) struct World {
    daemons: Vec<Host>,
    pub(crate) ensemble: Ensemble,
    pub(crate) tree: Tree,
    broken: Vec<Fault>,
    pub(crate) files: Vec<Arc<Watched>>,
    _mounts: Vec<Mount>,
    pub(crate) scratch: Scratch,
}

/// A daemon behind its proxies.
#[derive(Debug)]
struct Host {
    daemon: Daemon,
    program: Program,
    running: Option<Running>,
    /// One in front of each server.
    links: Vec<Proxy>,
    /// Each start of a nameserver has an id of its own.
    starts: u32,
    /// As `setpriv` takes it.
    user: String,
}

impl World {
    /// Starts the ensemble and makes the files, for so many names that nobody touches; no daemon runs yet.
    pub(crate) fn new(names: u32) -> anyhow::Result<Self> {
        let small = SMALL + (f64::from(names) * SMALL_EACH) as u32;
        let scratch = Scratch::new("chaos");
        fs::create_dir(scratch.join("logs"))?;
        let mut mounts = Vec::new();
        let mut files = Vec::new();
        for place in &PLACES {
            let directory = scratch.join(place.name);
            fs::create_dir(&directory)?;
            if place.is_small {
                let mount = Mount::in_memory(&directory, small);
                mounts.push(mount.context("cannot mount a small tmpfs; run this as root")?);
            }
            let path = directory.join("hosts");
            fs::write(&path, BASE.concat())?;
            if place.is_mount_point {
                let source = directory.join("source");
                fs::write(&source, BASE.concat())?;
                mounts.push(Mount::of_file(&source, &path).context("cannot bind a file")?);
            }
            files.push(Arc::new(Watched::new(place, path)));
        }
        let ensemble = Ensemble::start(SERVERS);
        let tree = Tree::new(&ensemble.addresses(), "chaos");
        let mut world = Self {
            daemons: Vec::new(),
            ensemble,
            tree,
            broken: Vec::new(),
            files,
            _mounts: mounts,
            scratch,
        };
        for number in 0..NAMESERVERS {
            let program = Program::new("nameserver").flag("drop-hold", DROP_HOLD);
            world.add(Daemon::Nameserver(number), program);
        }
        for number in 0..PLACES.len() {
            let file = &world.files[number];
            let mut program = Program::new("hostsync")
                .flag("hosts-file", &file.path)
                .flag(
                    "cache",
                    world.scratch.join(&format!("{}.cache", file.place.name)),
                )
                .flag("id", file.place.name);
            // Over a mount point, that is chosen without being asked for.
            if file.place.slots && !file.place.is_mount_point {
                program = program.flag("write", "slots");
            }
            world.add(Daemon::Hostsync(number), program);
        }
        Ok(world)
    }

    fn add(&mut self, daemon: Daemon, program: Program) {
        let members = self.ensemble.members.iter();
        let links: Vec<_> = members
            .map(|member| Proxy::before(&member.address()))
            .collect();
        let addresses: Vec<_> = links.iter().map(Proxy::address).collect();
        // The system counts no processes of root's. This user may do to files what root may.
        let number = self.daemons.len();
        let user = format!("--reuid={}", FIRST_USER + number);
        let (inherited, ambient) = (
            format!("--inh-caps={RIGHTS}"),
            format!("--ambient-caps={RIGHTS}"),
        );
        let around = [
            "env",
            "-u",
            "XDG_RUNTIME_DIR",
            "-u",
            "XDG_CACHE_HOME",
            "-u",
            "HOME",
        ];
        let becoming = [
            "setpriv",
            &user,
            "--regid=0",
            "--clear-groups",
            &inherited,
            &ambient,
        ];
        let program = program
            .inside(&[&around[..], &becoming].concat())
            .flag("zookeeper", self.tree.address_at(&addresses.join(",")))
            .flag("session-timeout", SESSION_TIMEOUT)
            .log_to(self.scratch.join(&format!("logs/{daemon}.log")));
        self.daemons.push(Host {
            daemon,
            program,
            running: None,
            links,
            starts: 0,
            user,
        });
    }

    /// Starts all daemons.
    pub(crate) fn start(&mut self) {
        self.daemons.iter_mut().for_each(Host::start);
    }

    /// Breaks something.
    pub(crate) fn begin(&mut self, fault: &Fault, journal: &Journal) -> anyhow::Result<()> {
        match fault {
            Fault::Kill(daemon) => {
                if let Some(mut running) = self.host(*daemon).running.take() {
                    running.kill9();
                }
                self.is_able(*daemon, false);
            }
            Fault::Pause(daemon, _) => {
                self.is_able(*daemon, false);
                self.host(*daemon).running().pause();
            }
            Fault::Shortage(daemon, what) => {
                if *what == Shortage::Descriptors {
                    self.is_able(*daemon, false);
                }
                self.host(*daemon).limit(*what, true)?;
            }
            Fault::KillServer(number) => self.ensemble.members[*number].kill(),
            Fault::RestartServer(number) => self.ensemble.members[*number].stop(),
            Fault::PauseServer(number, _) => self.ensemble.members[*number].pause(),
            Fault::Outage => self
                .ensemble
                .members
                .iter_mut()
                .for_each(lab::ZooKeeper::kill),
            Fault::Cut(daemon) => self.host(*daemon).cut(),
            Fault::HalfOpen(daemon) => self.host(*daemon).links.iter().for_each(Proxy::stall),
            Fault::Refused(daemon) => {
                let host = self.host(*daemon);
                host.links.iter().for_each(Proxy::refuse);
                host.cut();
            }
            Fault::Foreign(number, what) => {
                let again = foreign::change(&self.files[*number], what);
                let again = again.with_context(|| fault.to_string())?;
                journal.count(AGAIN, again);
            }
            Fault::FullDisk(number) => {
                self.files[*number].agent_is_able(false);
                let mut filler = File::create(self.filler(*number))?;
                // Until there is no room for a single byte.
                for size in [64 * 1024, 1] {
                    while filler.write_all(&vec![b'x'; size]).is_ok() {}
                }
            }
            // A session does it.
            Fault::Tamper(_) => {}
        }
        if fault.lasts() {
            self.broken.push(fault.clone());
        }
        Ok(())
    }

    /// Mends it.
    pub(crate) fn end(&mut self, fault: &Fault) -> anyhow::Result<()> {
        match fault {
            Fault::Kill(daemon) => {
                self.host(*daemon).start();
                self.is_able(*daemon, true);
            }
            Fault::Pause(daemon, _) => {
                self.host(*daemon).running().resume();
                self.is_able(*daemon, true);
            }
            Fault::Shortage(daemon, what) => {
                self.host(*daemon).limit(*what, false)?;
                self.is_able(*daemon, true);
            }
            Fault::KillServer(number) | Fault::RestartServer(number) => {
                self.ensemble.members[*number].launch();
            }
            Fault::PauseServer(number, _) => self.ensemble.members[*number].resume(),
            Fault::Outage => self
                .ensemble
                .members
                .iter_mut()
                .for_each(lab::ZooKeeper::launch),
            Fault::HalfOpen(daemon) | Fault::Refused(daemon) => {
                self.host(*daemon).links.iter().for_each(Proxy::resume);
            }
            Fault::FullDisk(number) => {
                fs::remove_file(self.filler(*number))?;
                self.files[*number].agent_is_able(true);
            }
            Fault::Cut(_) | Fault::Foreign(..) | Fault::Tamper(_) => {}
        }
        self.broken.retain(|other| other != fault);
        Ok(())
    }

    /// Mends everything, and waits until all servers serve. Returns what was still broken.
    pub(crate) fn mend(&mut self) -> anyhow::Result<Vec<Fault>> {
        let broken = self.broken.clone();
        for fault in &broken {
            self.end(fault)?;
        }
        self.ensemble
            .members
            .iter_mut()
            .for_each(lab::ZooKeeper::wait_ready);
        Ok(broken)
    }

    /// A daemon that has ended though nobody ended it.
    pub(crate) fn ended(&mut self) -> Option<String> {
        self.daemons.iter_mut().find_map(|host| {
            let status = host.running.as_mut()?.ended()?;
            Some(format!("{} ended by itself with {status}", host.daemon))
        })
    }

    /// Whether the agent of a file runs and may write it.
    fn is_able(&self, daemon: Daemon, able: bool) {
        let Daemon::Hostsync(number) = daemon else {
            return;
        };
        let is_full = self.broken.contains(&Fault::FullDisk(number));
        self.files[number].agent_is_able(able && !is_full);
    }

    fn filler(&self, number: usize) -> PathBuf {
        self.files[number].path.with_extension("filler")
    }

    fn host(&mut self, daemon: Daemon) -> &mut Host {
        let host = self.daemons.iter_mut().find(|host| host.daemon == daemon);
        host.expect("all daemons were added")
    }
}

impl Host {
    fn start(&mut self) {
        self.starts += 1;
        let program = match self.daemon {
            Daemon::Nameserver(_) => {
                let id = format!("{}.{}", self.daemon, self.starts);
                self.program.clone().flag("id", id)
            }
            Daemon::Hostsync(_) => self.program.clone(),
        };
        self.running = Some(program.run());
    }

    /// Gives it no more than it has, or enough again.
    fn limit(&mut self, what: Shortage, is_short: bool) -> anyhow::Result<()> {
        let (name, enough) = match what {
            Shortage::Threads => ("nproc", 10_000),
            Shortage::Descriptors => ("nofile", 1024),
        };
        let most = if is_short { 1 } else { enough };
        let pid = self.running().pid().to_string();
        // As its own user: not every root may set the limits of others.
        let mut command = Command::new("setpriv");
        command.args([&self.user, "--regid=0", "--clear-groups", "prlimit"]);
        command.args(["--pid", &pid, &format!("--{name}={most}:")]);
        let status = command.status().context("prlimit (package util-linux)")?;
        ensure!(
            status.success(),
            "{} has no limit {name}={most}",
            self.daemon
        );
        Ok(())
    }

    fn running(&mut self) -> &mut Running {
        self.running.as_mut().expect("it was not killed")
    }

    fn cut(&self) {
        self.links.iter().for_each(|link| link.cut(Cut::Reset));
    }
}
