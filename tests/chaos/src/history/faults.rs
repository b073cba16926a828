//! What breaks, and when.

use std::fmt;

use fastrand::Rng;

use super::{Event, NAMESERVERS, PLACES, SERVERS, Step};

/// A hosts file, and what is peculiar to it.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) name: &'static str,
    pub(crate) is_mount_point: bool,
    /// It lies in a small file system of its own, which can be filled.
    pub(crate) is_small: bool,
    /// It is written in place.
    pub(crate) slots: bool,
}

/// One of the processes under test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Daemon {
    Nameserver(usize),
    Hostsync(usize),
}

/// What breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// kill -9; started again at the end.
    Kill(Daemon),
    /// SIGSTOP, then SIGCONT.
    Pause(Daemon, Length),
    /// It gets no more of something than it has.
    Shortage(Daemon, Shortage),
    /// kill -9; started again at the end.
    KillServer(usize),
    /// SIGTERM, then started again.
    RestartServer(usize),
    PauseServer(usize, Length),
    /// All servers are killed.
    Outage,
    /// The connections are cut, and may be made again at once.
    Cut(Daemon),
    /// Nothing passes, and nobody is told.
    HalfOpen(Daemon),
    /// The connections are cut, and none can be made.
    Refused(Daemon),
    /// Somebody else changes a hosts file.
    Foreign(usize, Foreign),
    /// Somebody else writes to the znode of the snapshot.
    Tamper(Tampering),
    /// There is no room in the file system of a hosts file.
    FullDisk(usize),
}

/// Whether a pause is longer than the session timeout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Length {
    Short,
    Long,
}

/// Of what there is no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shortage {
    Threads,
    Descriptors,
}

/// What somebody else does to a hosts file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Foreign {
    pub(crate) way: Way,
    /// Added if it does not stand there, else removed.
    pub(crate) line: Line,
}

/// How somebody else writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// One line at the end, in one write.
    Append,
    /// The file is truncated and written again.
    InPlace,
    /// The same, line by line with pauses between.
    Slow,
    /// Another file takes its name.
    Rename,
}

/// A line of somebody else: the number makes its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Line {
    number: u32,
    /// It maps a name of the tree.
    shadows: bool,
}

/// What is done to the znode of the snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tampering {
    Junk,
    Older,
    Delete,
}

impl Line {
    pub(crate) fn text(self) -> String {
        let (high, low) = (self.number / 250, self.number % 250 + 1);
        let name = if self.shadows {
            format!("t{}", self.number % 8)
        } else {
            format!("guest{}.lan", self.number)
        };
        format!("10.250.{high}.{low}\t{name} # by somebody else\n")
    }
}

impl Fault {
    #[cfg(test)]
    pub(crate) const KINDS: [&'static str; 27] = [
        "nameserver killed",
        "nameserver paused",
        "nameserver paused for long",
        "hostsync killed",
        "hostsync paused",
        "hostsync paused for long",
        "nameserver without threads",
        "nameserver without descriptors",
        "hostsync without threads",
        "hostsync without descriptors",
        "hosts file written slowly",
        "server killed",
        "server restarted",
        "server paused",
        "server paused for long",
        "ensemble down",
        "connections cut",
        "connections half-open",
        "connections refused",
        "foreign line appended",
        "hosts file written in place",
        "hosts file replaced",
        "disk full",
        "snapshot junk",
        "snapshot older",
        "snapshot deleted",
        "hosts file shadows a name",
    ];

    /// The kind, as it is counted.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Kill(Daemon::Nameserver(_)) => "nameserver killed",
            Self::Kill(Daemon::Hostsync(_)) => "hostsync killed",
            Self::Pause(Daemon::Nameserver(_), Length::Short) => "nameserver paused",
            Self::Pause(Daemon::Nameserver(_), Length::Long) => "nameserver paused for long",
            Self::Pause(Daemon::Hostsync(_), Length::Short) => "hostsync paused",
            Self::Pause(Daemon::Hostsync(_), Length::Long) => "hostsync paused for long",
            Self::Shortage(Daemon::Nameserver(_), Shortage::Threads) => {
                "nameserver without threads"
            }
            Self::Shortage(Daemon::Nameserver(_), Shortage::Descriptors) => {
                "nameserver without descriptors"
            }
            Self::Shortage(Daemon::Hostsync(_), Shortage::Threads) => "hostsync without threads",
            Self::Shortage(Daemon::Hostsync(_), Shortage::Descriptors) => {
                "hostsync without descriptors"
            }
            Self::KillServer(_) => "server killed",
            Self::RestartServer(_) => "server restarted",
            Self::PauseServer(_, Length::Short) => "server paused",
            Self::PauseServer(_, Length::Long) => "server paused for long",
            Self::Outage => "ensemble down",
            Self::Cut(_) => "connections cut",
            Self::HalfOpen(_) => "connections half-open",
            Self::Refused(_) => "connections refused",
            Self::Foreign(_, foreign) if foreign.line.shadows => "hosts file shadows a name",
            Self::Foreign(_, foreign) => match foreign.way {
                Way::Append => "foreign line appended",
                Way::InPlace => "hosts file written in place",
                Way::Slow => "hosts file written slowly",
                Way::Rename => "hosts file replaced",
            },
            Self::Tamper(Tampering::Junk) => "snapshot junk",
            Self::Tamper(Tampering::Older) => "snapshot older",
            Self::Tamper(Tampering::Delete) => "snapshot deleted",
            Self::FullDisk(_) => "disk full",
        }
    }

    /// False for what happens in a moment.
    pub(crate) fn lasts(&self) -> bool {
        !matches!(self, Self::Cut(_) | Self::Foreign(..) | Self::Tamper(_))
    }

    /// What is broken; two faults of one subject never meet.
    #[cfg(test)]
    pub(crate) fn subject(&self) -> String {
        match self {
            Self::Kill(daemon) | Self::Pause(daemon, _) | Self::Shortage(daemon, _) => {
                format!("{daemon}")
            }
            Self::Cut(daemon) | Self::HalfOpen(daemon) | Self::Refused(daemon) => {
                format!("link of {daemon}")
            }
            Self::KillServer(_) | Self::RestartServer(_) | Self::PauseServer(..) | Self::Outage => {
                "ensemble".to_owned()
            }
            Self::Foreign(place, _) | Self::FullDisk(place) => format!("file {place}"),
            Self::Tamper(_) => "snapshot".to_owned(),
        }
    }
}

/// The foreign lines that stand in each file.
#[derive(Debug, Default)]
pub(super) struct Planner {
    lines: [Vec<Line>; PLACES.len()],
    number: u32,
    /// In this history the snapshot is deleted, in others it is overwritten. Both together cannot be
    /// put right: the version of a new znode no longer tells how often it was published.
    deletes: Option<bool>,
}

/// Lines of others in one file at once.
const MOST_LINES: usize = 6;

impl Planner {
    /// Plans the faults from one time to another. Each subject has a lane of its own.
    pub(super) fn round(&mut self, rng: &mut Rng, from: u64, to: u64, steps: &mut Vec<Step>) {
        let deletes = *self.deletes.get_or_insert_with(|| rng.u32(0..4) == 0);
        let mut lane =
            |rng: &mut Rng, gap: (u64, u64), next: &mut dyn FnMut(&mut Rng) -> (Fault, u64)| {
                let mut rng = rng.fork();
                let mut at = from + rng.u64(0..gap.1);
                while at < to {
                    let (fault, length) = next(&mut rng);
                    steps.push(Step {
                        at,
                        event: Event::Begin(fault.clone()),
                    });
                    let end = at + length;
                    if fault.lasts() && end < to {
                        steps.push(Step {
                            at: end,
                            event: Event::End(fault),
                        });
                    }
                    at = end + rng.u64(gap.0..gap.1);
                }
            };
        lane(rng, (3000, 8000), &mut server);
        for number in 0..NAMESERVERS {
            let daemon = Daemon::Nameserver(number);
            lane(rng, (2000, 8000), &mut |rng| process(rng, daemon));
            lane(rng, (4000, 14_000), &mut |rng| link(rng, daemon));
        }
        for number in 0..PLACES.len() {
            let daemon = Daemon::Hostsync(number);
            lane(rng, (3000, 10_000), &mut |rng| process(rng, daemon));
            lane(rng, (4000, 14_000), &mut |rng| link(rng, daemon));
            lane(rng, (500, 4000), &mut |rng| self.file(rng, number));
        }
        lane(rng, (2000, 7000), &mut |rng| tampering(rng, deletes));
    }

    fn file(&mut self, rng: &mut Rng, number: usize) -> (Fault, u64) {
        let (place, lines) = (&PLACES[number], &mut self.lines[number]);
        if place.is_small && rng.u32(0..5) == 0 {
            return (Fault::FullDisk(number), rng.u64(500..4000));
        }
        let adds = lines.is_empty() || (lines.len() < MOST_LINES && rng.bool());
        let way = match rng.u32(0..3) {
            0 if adds => Way::Append,
            1 if !place.is_mount_point => Way::Rename,
            _ if rng.u32(0..8) == 0 => Way::Slow,
            _ => Way::InPlace,
        };
        let line = if adds {
            self.number += 1;
            let line = Line {
                number: self.number,
                shadows: rng.u32(0..6) == 0,
            };
            lines.push(line);
            line
        } else {
            lines.swap_remove(rng.usize(0..lines.len()))
        };
        // Somebody who writes a hosts file takes a moment for it.
        let takes = if way == Way::Slow { 800 } else { 100 };
        (Fault::Foreign(number, Foreign { way, line }), takes)
    }
}

fn process(rng: &mut Rng, daemon: Daemon) -> (Fault, u64) {
    match rng.u32(0..6) {
        4 => (
            Fault::Shortage(daemon, Shortage::Threads),
            rng.u64(500..6000),
        ),
        5 => (
            Fault::Shortage(daemon, Shortage::Descriptors),
            rng.u64(500..6000),
        ),
        0 => (Fault::Pause(daemon, Length::Short), rng.u64(100..2000)),
        1 => (Fault::Pause(daemon, Length::Long), rng.u64(4000..6500)),
        _ => (Fault::Kill(daemon), rng.u64(50..4000)),
    }
}

fn server(rng: &mut Rng) -> (Fault, u64) {
    let which = rng.usize(0..SERVERS);
    match rng.u32(0..8) {
        0 => (Fault::Outage, rng.u64(500..5000)),
        1 | 2 => (Fault::RestartServer(which), rng.u64(100..1500)),
        3 => (Fault::PauseServer(which, Length::Short), rng.u64(200..2500)),
        4 => (Fault::PauseServer(which, Length::Long), rng.u64(4000..7000)),
        _ => (Fault::KillServer(which), rng.u64(100..4000)),
    }
}

fn link(rng: &mut Rng, daemon: Daemon) -> (Fault, u64) {
    match rng.u32(0..4) {
        0 => (Fault::HalfOpen(daemon), rng.u64(500..7000)),
        1 => (Fault::Refused(daemon), rng.u64(300..6000)),
        _ => (Fault::Cut(daemon), 100),
    }
}

fn tampering(rng: &mut Rng, deletes: bool) -> (Fault, u64) {
    let junk = rng.bool();
    let what = if deletes {
        Tampering::Delete
    } else if junk {
        Tampering::Junk
    } else {
        Tampering::Older
    };
    (Fault::Tamper(what), 100)
}

impl fmt::Display for Daemon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nameserver(number) => write!(f, "nameserver-{number}"),
            Self::Hostsync(number) => write!(f, "hostsync-{number}"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.kind())?;
        match self {
            Self::Kill(daemon)
            | Self::Pause(daemon, _)
            | Self::Shortage(daemon, _)
            | Self::Cut(daemon)
            | Self::HalfOpen(daemon)
            | Self::Refused(daemon) => write!(f, "{daemon}"),
            Self::KillServer(server)
            | Self::RestartServer(server)
            | Self::PauseServer(server, _) => {
                write!(f, "server {server}")
            }
            Self::Outage => f.write_str("all servers"),
            Self::Foreign(place, foreign) => {
                let name = PLACES[*place].name;
                write!(f, "{name}, {:?} {:?}", foreign.way, foreign.line.text())
            }
            Self::Tamper(_) => f.write_str("STATE/hosts"),
            Self::FullDisk(place) => f.write_str(PLACES[*place].name),
        }
    }
}
