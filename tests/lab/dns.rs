//! Asking DNS servers the way people and programs do.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use crate::files::Scratch;
use crate::ports::free_port;
use crate::process::Process;
use crate::program::{Outcome, Running};
use crate::wait::{PATIENCE, wait_for};

/// The distribution's own, which has its packages; the first one on the path may be another.
const PYTHON: &str = "/usr/bin/python3";

/// Where Debian has it, which is not on everybody's PATH.
const NSD: &str = "/usr/sbin/nsd";

/// Before every script: where to ask, and how.
const PRELUDE: &str = "
import socket, struct, sys
import dns.flags, dns.message, dns.query, dns.rcode, dns.rdatatype, dns.zone
where, port = sys.argv[1], int(sys.argv[2])
def ask(name, kind, over=dns.query.udp, **more):
    return over(dns.message.make_query(name, kind, **more), where, port=port, timeout=60)
def data(section):
    return sorted(record.to_text() for records in section for record in records)
";

/// A DNS server, as its clients see it.
#[derive(Debug, Clone, Copy)]
pub struct Dns {
    address: SocketAddr,
}

impl Dns {
    /// The server at this address.
    pub fn at(address: SocketAddr) -> Self {
        Self { address }
    }

    /// The first address at which a daemon answers, once it has said so.
    ///
    /// # Panics
    /// If it does not say so soon.
    pub fn of(daemon: &Running) -> Self {
        let line = daemon.soon_says("answering DNS at ");
        let (_, rest) = line.split_once("answering DNS at ").expect("it was found");
        let address = rest.split(' ').next().and_then(|word| word.parse().ok());
        Self::at(address.unwrap_or_else(|| panic!("{line:?} has an address and a port")))
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What `dig` gets with these words, such as `db.example AAAA +tcp`.
    pub fn dig(&self, words: &str) -> Response {
        let mut dig = Command::new("dig");
        // No settings of the user's; and an answer that does not come is none.
        dig.args(["-r", "-p", &self.address.port().to_string()])
            .arg(format!("@{}", self.address.ip()))
            .args(["+tries=3", "+timeout=5"])
            .args(words.split(' '));
        Response(Outcome::of(dig).stdout)
    }

    /// Asks with `dig` again and again until the answer is as `done` wants it.
    pub fn soon(&self, words: &str, done: impl Fn(&Response) -> bool) -> Response {
        let what = format!("the awaited answer to `dig {words}`");
        wait_for(&what, PATIENCE, || self.dig(words), done)
    }

    /// Asks with `dig` until these are the data of the answer, in whatever order.
    pub fn soon_has(&self, words: &str, data: &[&str]) -> Response {
        self.soon(words, |response| response.data() == data)
    }

    /// What `host` says to these words.
    pub fn host(&self, words: &str) -> Outcome {
        let mut host = Command::new("host");
        host.args(["-W", "10", "-p", &self.address.port().to_string()])
            .args(words.split(' '))
            .arg(self.address.ip().to_string());
        Outcome::of(host)
    }

    /// What `nslookup` says to these words.
    pub fn nslookup(&self, words: &str) -> Outcome {
        let mut nslookup = Command::new("nslookup");
        nslookup
            .arg(format!("-port={}", self.address.port()))
            .args(words.split(' '))
            .arg(self.address.ip().to_string());
        Outcome::of(nslookup)
    }

    /// Runs a script that has dnspython at hand, `ask` and `data`, and this server at `where` and
    /// `port`.
    pub fn python(&self, script: &str) -> Outcome {
        Outcome::of(self.python_command(script))
    }

    /// Starts such a script and lets it run; what it prints goes to a file.
    pub fn start_python(&self, script: &str, log: &Path) -> Process {
        Process::spawn("python", self.python_command(script), log)
    }

    fn python_command(&self, script: &str) -> Command {
        let mut python = Command::new(PYTHON);
        python
            .args(["-c", &format!("{PRELUDE}{script}")])
            .args([self.address.ip().to_string()])
            .arg(self.address.port().to_string());
        python
    }
}

/// What `dig` printed.
#[derive(Clone)]
pub struct Response(String);

impl Response {
    /// All that it printed.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// The result, such as `NOERROR`; empty if there was no answer.
    pub fn status(&self) -> &str {
        self.after("status: ", ',')
    }

    /// Whether the header has a flag, such as `aa`.
    pub fn has_flag(&self, flag: &str) -> bool {
        let flags = self.after(";; flags: ", ';');
        flags.split(' ').any(|each| each == flag)
    }

    /// The size of the message in bytes; 0 if there was none.
    pub fn size(&self) -> usize {
        let size = self.after("MSG SIZE  rcvd: ", '\n');
        size.parse().unwrap_or(0)
    }

    /// The records of a section, such as `ANSWER`, in order.
    pub fn section(&self, name: &str) -> Vec<DigRecord<'_>> {
        let header = format!(";; {name} SECTION:\n");
        let section = self.0.split_once(&header).map_or("", |(_, rest)| rest);
        let lines = section.lines().take_while(|line| !line.is_empty());
        lines.filter_map(DigRecord::read).collect()
    }

    /// The data of the answer's records, sorted.
    pub fn data(&self) -> Vec<&str> {
        let mut data = self.data_in_order();
        data.sort_unstable();
        data
    }

    /// The data of the answer's records, as they came.
    pub fn data_in_order(&self) -> Vec<&str> {
        let answers = self.section("ANSWER");
        answers.iter().map(|record| record.data).collect()
    }

    /// The TTLs of the answer's records, each one once.
    pub fn ttls(&self) -> Vec<u32> {
        let answers = self.section("ANSWER");
        let mut ttls: Vec<u32> = answers.iter().map(|record| record.ttl).collect();
        ttls.sort_unstable();
        ttls.dedup();
        ttls
    }

    fn after(&self, label: &str, end: char) -> &str {
        let rest = self.0.split_once(label).map_or("", |(_, rest)| rest);
        rest.split(end).next().unwrap_or("")
    }
}

/// As it was printed, which is what a failed test is about.
impl fmt::Debug for Response {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A record as `dig` prints it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DigRecord<'a> {
    /// Whose record it is, with the dot at the end.
    pub name: &'a str,
    /// How long it may be kept, in seconds.
    pub ttl: u32,
    /// Its type, such as `A`.
    pub kind: &'a str,
    /// The rest.
    pub data: &'a str,
}

impl<'a> DigRecord<'a> {
    /// Reads `NAME TTL CLASS TYPE DATA`, with any blanks between but in the data.
    fn read(line: &'a str) -> Option<Self> {
        let (name, rest) = line.split_once(char::is_whitespace)?;
        let (ttl, rest) = rest.trim_start().split_once(char::is_whitespace)?;
        let (_class, rest) = rest.trim_start().split_once(char::is_whitespace)?;
        let (kind, data) = rest.trim_start().split_once(char::is_whitespace)?;
        let data = data.trim_start();
        let ttl = ttl.parse().ok()?;
        Some(Self {
            name,
            ttl,
            kind,
            data,
        })
    }
}

/// NSD, a DNS server of another make, on a loopback port; dropped, it is gone.
#[derive(Debug)]
pub struct Nsd {
    dns: Dns,
    _process: Process,
    // Dropped last: the process writes into it.
    _directory: Scratch,
}

impl Nsd {
    /// Starts one that gets these zones from `primary` by AXFR, and looks every second whether
    /// there are newer ones. It answers SERVFAIL until it has them.
    ///
    /// # Panics
    /// If it is not installed, or does not answer soon.
    pub fn secondary(primary: Dns, zones: &[&str]) -> Self {
        assert!(
            Path::new(NSD).exists(),
            "{NSD} is missing: `scripts/setup` installs what the tests need"
        );
        let (port, directory) = (free_port(), Scratch::new("nsd"));
        let primary = primary.address();
        let zones = zones.iter().map(|zone| {
            format!(
                "zone:\n name: {zone}\n request-xfr: AXFR {}@{} NOKEY\n max-refresh-time: 1\n",
                primary.ip(),
                primary.port()
            )
        });
        let place = directory.path().display();
        let config = format!(
            "server:\n ip-address: 127.0.0.1\n port: {port}\n username: \"\"\n database: \"\"\n \
             zonesdir: {place}\n zonelistfile: {place}/zones\n xfrdfile: {place}/xfrd\n \
             xfrdir: {place}\n pidfile: {place}/pid\n rrl-ratelimit: 0\n verbosity: 1\n\
             remote-control:\n control-enable: no\n{}",
            zones.collect::<String>()
        );
        let config = directory.write("nsd.conf", config);
        // It is several processes, which end with this one.
        let mut nsd = Command::new("unshare");
        nsd.args(["--pid", "--fork", "--kill-child", NSD, "-d", "-c"])
            .arg(config);
        let process = Process::spawn("nsd", nsd, &directory.join("log"));
        let dns = Dns::at(([127, 0, 0, 1], port).into());
        dns.soon("version.bind CH TXT", |response| {
            !response.status().is_empty()
        });
        Self {
            dns,
            _process: process,
            _directory: directory,
        }
    }

    /// How to ask it.
    pub fn dns(&self) -> Dns {
        self.dns
    }
}
