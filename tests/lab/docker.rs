//! Containers, where the machine has a Docker engine: an image of our own, since none can be pulled
//! everywhere, with just enough in it to run hostsync and to ask the C library for a name.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::thread;

use crate::files::Scratch;
use crate::program::{Outcome, binary};
use crate::reaper;

/// Programs of this machine that an image has, besides hostsync.
const PROGRAMS: [&str; 3] = ["sh", "cat", "getent"];

/// Runs a `docker` command.
///
/// # Panics
/// If it fails.
pub fn docker(words: &[&str]) -> Outcome {
    try_docker(words).expect_code(0)
}

fn try_docker(words: &[&str]) -> Outcome {
    let mut command = Command::new("docker");
    command.args(words);
    Outcome::of(command)
}

/// What this process has had the engine make; dropped, or when the process is killed, it is gone.
#[derive(Debug)]
struct Made {
    removal: Vec<String>,
}

impl Made {
    /// To be called before it is made.
    fn soon(removal: &[&str], name: &str) -> Self {
        let removal: Vec<String> = removal
            .iter()
            .chain([&name])
            .map(|&word| word.to_owned())
            .collect();
        reaper::owes(&format!("docker {}", removal.join(" ")));
        Self { removal }
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        // What is still in use is removed at the end of the process.
        let words: Vec<&str> = self.removal.iter().map(String::as_str).collect();
        let _ = try_docker(&words);
    }
}

fn unique(purpose: &str) -> String {
    format!("{}{purpose}-{:08x}", reaper::PREFIX, fastrand::u32(..))
}

/// An image with hostsync as just built.
#[derive(Debug)]
pub struct Image {
    name: String,
    _made: Made,
}

impl Image {
    /// Builds it from the files of this machine.
    ///
    /// # Panics
    /// If the engine refuses.
    pub fn with_hostsync() -> Self {
        let root = Scratch::new("image");
        for directory in ["bin", "tmp", "etc", "var/cache"] {
            let directory = root.join(directory);
            fs::create_dir_all(directory).expect("a directory of the image");
        }
        root.write("etc/nsswitch.conf", "hosts: files\n");
        // As in the images of Debian: the C library answers with all addresses of a name.
        root.write("etc/host.conf", "multi on\n");
        for program in PROGRAMS {
            let found = Outcome::of(shell(&format!("command -v {program}"))).expect_code(0);
            install(found.stdout.trim(), program, &root);
        }
        let hostsync = binary("hostsync");
        install(&hostsync.display().to_string(), "hostsync", &root);
        let name = unique("image");
        let made = Made::soon(&["rmi", "-f"], &name);
        let import = format!(
            "tar -C '{}' -c . | docker import - {name}",
            root.path().display()
        );
        let _ = Outcome::of(shell(&import)).expect_code(0);
        Self { name, _made: made }
    }
}

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-ec", script]);
    command
}

/// Copies a program and the libraries that it needs, each to where it is here.
fn install(program: &str, name: &str, root: &Scratch) {
    let copy = |from: &str, to: &str| {
        let to = root.join(to.trim_start_matches('/'));
        let parent = to.parent().unwrap_or(Path::new("/"));
        fs::create_dir_all(parent)
            .and_then(|()| fs::copy(from, &to))
            .unwrap_or_else(|error| panic!("{from} to {}: {error}", to.display()));
    };
    copy(program, &format!("/bin/{name}"));
    let mut command = Command::new("ldd");
    command.arg(program);
    // `libc.so.6 => /lib/…/libc.so.6 (0x…)`, `/lib64/ld-linux-x86-64.so.2 (0x…)`
    let libraries = Outcome::of(command).stdout;
    for library in libraries
        .split_ascii_whitespace()
        .filter(|word| word.starts_with('/'))
    {
        copy(library, library);
    }
}

/// A bridge network.
#[derive(Debug)]
pub struct Network {
    name: String,
    _made: Made,
}

impl Network {
    /// Makes one.
    ///
    /// # Panics
    /// If the engine refuses.
    pub fn new() -> Self {
        let name = unique("network");
        let made = Made::soon(&["network", "rm"], &name);
        let _ = docker(&["network", "create", &name]);
        Self { name, _made: made }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// This machine's own address in it.
    pub fn gateway(&self) -> String {
        let format = "{{(index .IPAM.Config 0).Gateway}}";
        let outcome = docker(&["network", "inspect", "--format", format, &self.name]);
        outcome.stdout.trim().to_owned()
    }

    /// Makes a server that listens on loopback reachable from the containers in this network; says
    /// as what. It is reachable until the process ends.
    ///
    /// # Panics
    /// If this machine's address in the network cannot be listened on.
    pub fn relay(&self, server: &str) -> String {
        let listener = TcpListener::bind((self.gateway(), 0)).expect("the gateway is ours");
        let address = listener.local_addr().expect("it is bound").to_string();
        let server = server.to_owned();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(&server) else {
                    continue;
                };
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let ends = (from.try_clone(), to.try_clone());
                    if let (Ok(from), Ok(to)) = ends {
                        thread::spawn(move || pump(from, to));
                    }
                }
            }
        });
        address
    }
}

impl Default for Network {
    fn default() -> Self {
        Self::new()
    }
}

/// Copies bytes as they come, until either side ends.
fn pump(mut from: TcpStream, mut to: TcpStream) {
    let mut buffer = [0; 16 << 10];
    while let Ok(length) = from.read(&mut buffer)
        && length > 0
        && to.write_all(&buffer[..length]).is_ok()
    {}
    // The other direction ends with it.
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

/// A container with the engine's usual set of capabilities.
#[derive(Debug)]
pub struct Container {
    name: String,
    _made: Made,
}

impl Container {
    /// Starts a command in a new one.
    ///
    /// # Panics
    /// If the engine refuses.
    pub fn run(image: &Image, network: &Network, command: &[&str]) -> Self {
        let name = unique("container");
        let made = Made::soon(&["rm", "-f"], &name);
        let start = [
            "run",
            "-d",
            "--name",
            &name,
            "--network",
            &network.name,
            &image.name,
        ];
        let _ = docker(&[&start, command].concat());
        Self { name, _made: made }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs a command in it, to the end.
    pub fn call(&self, command: &[&str]) -> Outcome {
        try_docker(&[&["exec", self.name.as_str()], command].concat())
    }

    /// Its `/etc/hosts`, as a program in it reads the file.
    pub fn hosts(&self) -> String {
        self.call(&["cat", "/etc/hosts"]).stdout
    }

    /// What its command has printed.
    pub fn log(&self) -> String {
        let outcome = try_docker(&["logs", &self.name]);
        outcome.stdout + &outcome.stderr
    }
}
