//! The ways in which programs read the hosts file.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::net::ToSocketAddrs as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use nix::sched::{CloneFlags, setns, unshare};

use crate::check::{Read, Tally};
use crate::load::{Load, Verdict};
use crate::place::PATH;

/// A reader that takes longer may see a slot that was reused; it says nothing about the protocol.
const LONGEST: Duration = Duration::from_millis(1500);
/// No file of a soak is larger.
const LARGEST: usize = 16 << 20;

/// A way to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reader {
    /// Everything in one system call.
    Whole,
    /// Blocks of 4,096 bytes, lines of any length.
    Glibc,
    /// Blocks of 1,024 bytes, lines of at most 511.
    Musl,
    /// The C library itself; one name a read.
    GetAddrInfo,
}

impl Reader {
    pub(crate) const ALL: [Self; 4] = [Self::Whole, Self::Glibc, Self::Musl, Self::GetAddrInfo];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Whole => "one read()",
            Self::Glibc => "glibc-like",
            Self::Musl => "musl-like",
            Self::GetAddrInfo => "getaddrinfo",
        }
    }
}

/// Has this thread, and no other, see the files that a container sees.
pub(crate) fn enter(mounts: &File) -> anyhow::Result<()> {
    unshare(CloneFlags::CLONE_FS).context("cannot have a working directory of its own")?;
    setns(mounts, CloneFlags::CLONE_NEWNS).context("cannot enter a container's mounts")?;
    Ok(())
}

/// Reads until it is told to stop.
pub(crate) fn read(reader: Reader, load: &Load, stop: &AtomicBool) -> anyhow::Result<Tally> {
    let stable = load.stable();
    let mut tally = Tally::default();
    let mut names = stable.iter().cycle();
    let mut buffer = match reader {
        Reader::Whole => vec![0; LARGEST],
        _ => Vec::with_capacity(512),
    };
    while !stop.load(Ordering::Relaxed) {
        let begun = Instant::now();
        let read = match reader {
            Reader::GetAddrInfo => match names.next() {
                Some(name) => look_up(load, name, begun, &mut tally),
                None => break,
            },
            _ => {
                let mut read = Read::begin(load, &stable);
                let took = lines(reader, &mut buffer, begun, &mut |line| read.line(line))?;
                if took <= LONGEST {
                    tally.add(read);
                }
                took
            }
        };
        if read > LONGEST {
            tally.discarded += 1;
        }
    }
    Ok(tally)
}

/// Reads the file once and shows each line; how long the reading took.
fn lines(
    reader: Reader,
    buffer: &mut Vec<u8>,
    begun: Instant,
    show: &mut dyn FnMut(&[u8]),
) -> io::Result<Duration> {
    let mut file = File::open(PATH)?;
    let (block, longest) = match reader {
        Reader::Glibc => (4096, u64::MAX),
        Reader::Musl => (1024, 511),
        Reader::Whole | Reader::GetAddrInfo => {
            let length = file.read(buffer)?;
            let took = begun.elapsed();
            buffer[..length]
                .split_inclusive(|&byte| byte == b'\n')
                .for_each(show);
            return Ok(took);
        }
    };
    let mut file = BufReader::with_capacity(block, file);
    loop {
        buffer.clear();
        if (&mut file).take(longest).read_until(b'\n', buffer)? == 0 {
            return Ok(begun.elapsed());
        }
        show(buffer);
    }
}

/// Asks the C library for one name; how long that took.
fn look_up(load: &Load, name: &str, begun: Instant, tally: &mut Tally) -> Duration {
    let stale = load.stale();
    let found = (name, 0).to_socket_addrs();
    let took = begun.elapsed();
    if took > LONGEST {
        return took;
    }
    tally.reads += 1;
    let mut fault = None;
    match (found, load.kind(name)) {
        (Ok(addresses), Some(kind)) => {
            for address in addresses {
                let (count, what) = match load.judge(kind, address.ip(), stale) {
                    Verdict::Right => continue,
                    Verdict::Stale => (&mut tally.stale, "stale"),
                    Verdict::Never => (&mut tally.torn, "torn"),
                };
                *count += 1;
                fault = Some(format!("{what}: {} for {name}", address.ip()));
            }
        }
        (Err(error), _) => {
            tally.missing += 1;
            fault = Some(format!("missing: {name}: {error}"));
        }
        (Ok(_), None) => {}
    }
    tally.examples.extend(fault);
    tally.examples.truncate(3);
    took
}
