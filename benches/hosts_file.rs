//! What one changed name costs in a hosts file that is written in slots, by the number of all names: the
//! crate `hosts-file` alone, and the memory that a process with the names and the file takes.
//!
//! `BENCH_NAMES` (numbers with commas between) sets the numbers of names. The first is what the others
//! are compared with.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use benches::{millis, print, ratio};
use nix::time::{ClockId, clock_gettime};

use hosts_file::{Address, Addresses, Hosts, HostsFile, MethodChoice, Name, Outcome, Owner};

/// Changes one right after the other,
const FAST: usize = 2_000;
/// and alone, with all that comes later of one.
const ALONE: usize = 3;
/// For one process of its own for each number of names.
const CHILD: &str = "BENCH_HOSTS_FILE_NAMES";

/// What one process measured, in nanoseconds and KiB.
const FIGURES: usize = 7;
type Figures = [u64; FIGURES];

fn main() {
    if let Ok(count) = std::env::var(CHILD) {
        let figures = measure(count.parse().expect("a number"));
        println!("{}", figures.map(|figure| figure.to_string()).join(" "));
        return;
    }
    let names = std::env::var("BENCH_NAMES").unwrap_or("1000,10000,100000".to_owned());
    let mut rows = Vec::new();
    let mut base = None;
    for count in names.split(',') {
        let figures = in_a_child(count);
        let [first, again, fast, alone, names, resident, most] = figures;
        let [_, _, first_fast, first_alone, ..] = *base.get_or_insert(figures);
        let time = |nanos| millis(Duration::from_nanos(nanos));
        let times = |one, other| ratio(Duration::from_nanos(one), Duration::from_nanos(other));
        rows.push(vec![
            count.to_owned(),
            time(first),
            time(again),
            time(fast),
            times(fast, first_fast),
            time(alone),
            times(alone, first_alone),
            mebibytes(names),
            mebibytes(resident),
            mebibytes(most),
        ]);
    }
    println!(
        "\nA hosts file in slots: processor time of the first pass, of one that takes the file over,"
    );
    println!(
        "of one change of {FAST} in a row, and of one of {ALONE} alone with all that comes later of it;"
    );
    println!("memory with the names alone, at last, and at most\n");
    let heading = [
        "names",
        "first",
        "taken over",
        "in a row",
        "ratio",
        "alone",
        "ratio",
        "names",
        "resident",
        "most",
    ];
    print(&heading, &rows);
}

fn in_a_child(count: &str) -> Figures {
    let binary = std::env::current_exe().expect("it runs");
    let output = Command::new(binary).env(CHILD, count).output();
    let output = output.expect("it can be started");
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("numbers");
    let figures: Vec<u64> = text
        .split_whitespace()
        .map(|word| word.parse().expect("a number"))
        .collect();
    figures.try_into().expect("all figures")
}

fn measure(count: usize) -> Figures {
    let directory = Directory::new();
    let path = directory.0.join("hosts");
    fs::write(&path, "127.0.0.1\tlocalhost\n").expect("a temporary file");
    let name = |at: usize| -> Name { format!("n{at:06}.svc.example").parse().expect("a name") };
    let address = |number: usize| -> Address {
        let number = u32::try_from(number).expect("a small number");
        let ip = Ipv4Addr::from_bits(0x0a00_0001 + number);
        Address::try_from(std::net::IpAddr::from(ip)).expect("an address")
    };
    let mut wanted: Hosts = (0..count)
        .map(|at| (name(at), Addresses::from(vec![address(at)])))
        .collect();
    let names = kibibytes("VmRSS");
    let mut file = open(&path);
    let begun = processor_time();
    settle(&mut file, &wanted, &Hosts::new());
    let first = processor_time() - begun;
    drop(file);
    let mut file = open(&path);
    let begun = processor_time();
    pass(&mut file, &wanted, &wanted);
    let again = processor_time() - begun;
    let mut number = 0;
    let mut change = |file: &mut HostsFile| {
        let before = wanted.clone();
        let changed = name((number * 7_919) % count);
        wanted.insert(changed, vec![address(0x10_0000 + number)].into());
        number += 1;
        let begun = processor_time();
        pass(file, &wanted, &before);
        let passed = processor_time() - begun;
        (wanted.clone(), passed)
    };
    let fast: u64 = (0..FAST).map(|_| change(&mut file).1).sum();
    let mut alone = 0;
    for round in 0..=ALONE {
        let (wanted, changed) = change(&mut file);
        let later = settle(&mut file, &wanted, &wanted);
        // The first one clears up after those before.
        if round > 0 {
            alone += changed + later;
        }
    }
    let [resident, most] = ["VmRSS", "VmHWM"].map(kibibytes);
    [
        first,
        again,
        fast / FAST as u64,
        alone / ALONE as u64,
        names,
        resident,
        most,
    ]
}

fn open(path: &Path) -> HostsFile {
    let owner = Owner::new("bench").expect("a name");
    HostsFile::new(path, owner).with_method(MethodChoice::Slots)
}

/// One pass; says when there is more to do.
fn pass(file: &mut HostsFile, wanted: &Hosts, last: &Hosts) -> Option<Duration> {
    match file.reconcile(wanted, last).expect("a file of our own") {
        Outcome::Done(pass) => pass.wake,
        Outcome::Unsettled(wait) => Some(wait),
    }
}

/// Goes on until there is nothing more to do; says what processor time that took.
fn settle(file: &mut HostsFile, wanted: &Hosts, last: &Hosts) -> u64 {
    let mut total = 0;
    loop {
        let begun = processor_time();
        let wake = pass(file, wanted, last);
        total += processor_time() - begun;
        match wake {
            Some(wake) => thread::sleep(wake),
            None => return total,
        }
    }
}

/// The processor time of this process, in nanoseconds.
fn processor_time() -> u64 {
    let time = clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).expect("Linux");
    u64::try_from(Duration::from(time).as_nanos()).expect("less than centuries")
}

fn kibibytes(of: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with(of));
    let number = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
    number.expect("a number of kB")
}

#[expect(clippy::cast_precision_loss, reason = "for one digit")]
fn mebibytes(kibibytes: u64) -> String {
    format!("{:.1} MiB", kibibytes as f64 / 1024.0)
}

/// A directory in memory where there is one, which goes when it is dropped.
struct Directory(std::path::PathBuf);

impl Directory {
    fn new() -> Self {
        let shared = Path::new("/dev/shm");
        let parent = if shared.is_dir() {
            shared.to_owned()
        } else {
            std::env::temp_dir()
        };
        let path = parent.join(format!("hosts-file-bench-{}", std::process::id()));
        fs::create_dir(&path).expect("a temporary directory");
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
