//! A real dnsmasq: the resolver next door.

use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;

use crate::files::Scratch;
use crate::ports::free_port;
use crate::process::Process;
use crate::wait::{PATIENCE, Text, wait_for};

/// Where Debian has it, which is not on everybody's PATH.
const PROGRAM: &str = "/usr/sbin/dnsmasq";

/// A dnsmasq on a loopback port; dropped, it ends.
#[derive(Debug)]
pub struct Dnsmasq {
    port: u16,
    process: Process,
    // Dropped last: the process writes into it.
    _directory: Scratch,
}

impl Dnsmasq {
    /// Starts one that knows what these flags say and asks nobody else; waits until it listens.
    ///
    /// # Panics
    /// If it is not installed or ends at once, with what it said.
    pub fn start(flags: &[&str]) -> Self {
        assert!(
            Path::new(PROGRAM).exists(),
            "{PROGRAM} is missing: `scripts/setup` installs what the tests need"
        );
        let (port, directory) = (free_port(), Scratch::new("dnsmasq"));
        let mut command = Command::new(PROGRAM);
        command
            .args(["--keep-in-foreground", "--log-facility=-", "--user="])
            .args(["--conf-file=/dev/null", "--pid-file="])
            .args(["--no-resolv", "--no-hosts"])
            .args(["--listen-address=127.0.0.1", "--bind-interfaces"])
            .arg(format!("--port={port}"))
            .args(flags);
        let process = Process::spawn("dnsmasq", command, &directory.join("log"));
        let mut dnsmasq = Self {
            port,
            process,
            _directory: directory,
        };
        dnsmasq.wait_ready();
        dnsmasq
    }

    fn wait_ready(&mut self) {
        let (address, process) = (self.address(), &mut self.process);
        wait_for(
            &format!("dnsmasq to listen at {address}"),
            PATIENCE,
            || {
                let (ended, log) = (process.ended(), Text(process.log()));
                (ended, log, TcpStream::connect(address).is_ok())
            },
            |(ended, log, listens)| {
                assert!(ended.is_none(), "dnsmasq ended with {ended:?}: {log:?}");
                *listens
            },
        );
    }

    /// Where it answers, over UDP and TCP.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// The id of its process.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }
}
