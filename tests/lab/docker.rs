//! Containers, where the machine has a Docker engine: an image of our own, since none can be pulled
//! everywhere, with just enough in it to run hostsync and to ask the C library for a name; and one
//! with systemd.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use crate::files::Scratch;
use crate::program::{Outcome, binary};
use crate::reaper;
use crate::tree::Tree;

/// Programs of this machine that an image has, besides hostsync.
const PROGRAMS: [&str; 4] = ["sh", "cat", "getent", "sleep"];

/// How long it may take to fetch and unpack a distribution's packages.
const FIRST_TIME: Duration = Duration::from_secs(900);

/// Runs a `docker` command.
///
/// # Panics
/// If it fails.
pub fn docker(words: &[&str]) -> Outcome {
    try_docker(words).expect_code(0)
}

pub(crate) fn try_docker(words: &[&str]) -> Outcome {
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

pub(crate) fn unique(purpose: &str) -> String {
    format!("{}{purpose}-{:08x}", reaper::PREFIX, fastrand::u32(..))
}

/// What is in an image with hostsync as just built, of the files of this machine.
pub(crate) fn root_with_hostsync() -> Scratch {
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
    root
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
        let root = root_with_hostsync();
        Self::import(&format!(
            "tar -C '{}' -c . | docker import -",
            root.path().display()
        ))
    }

    /// A small system of this machine's own distribution with systemd and a static busybox.
    ///
    /// # Panics
    /// If it cannot be made: that needs debootstrap and the distribution's archive.
    pub fn with_systemd() -> Self {
        Self::import(&format!("docker import '{}'", debian()))
    }

    /// A small system with ZooKeeper.
    ///
    /// # Panics
    /// If it cannot be made: that needs debootstrap and the distribution's archive.
    pub fn with_zookeeper() -> Self {
        let tar = base("zookeeper", &["default-jre-headless", "zookeeper"]);
        Self::import(&format!("docker import '{tar}'"))
    }

    /// A small system with an MQTT broker and its clients.
    ///
    /// # Panics
    /// If it cannot be made: that needs debootstrap and the distribution's archive.
    pub fn with_mosquitto() -> Self {
        let tar = base("mosquitto", &["mosquitto", "mosquitto-clients"]);
        Self::import(&format!("docker import '{tar}'"))
    }

    /// A static busybox, and no C library for it to find: what hostsync, as just built, needs of
    /// this machine lies aside, behind an entrypoint.
    ///
    /// # Panics
    /// If it cannot be made: that needs debootstrap and the distribution's archive.
    pub fn with_static_busybox() -> Self {
        let root = Scratch::new("image");
        let (path, hostsync) = (root.path().display(), binary("hostsync"));
        let script = format!(
            "cd '{path}'; mkdir -p bin etc tmp var/cache aside
            tar -xOf '{}' ./usr/bin/busybox >bin/busybox || tar -xOf '{0}' ./bin/busybox >bin/busybox
            chmod 755 bin/busybox; ln -s busybox bin/cat
            cp '{}' aside/hostsync
            for library in $(ldd aside/hostsync | grep -o '/[^ ]*'); do cp \"$library\" aside/; done
            mv aside/ld-linux*.so.* aside/loader",
            debian(),
            hostsync.display()
        );
        let _ = Outcome::of(shell(&script)).expect_code(0);
        let entrypoint =
            r#"ENTRYPOINT ["/aside/loader", "--library-path", "/aside", "/aside/hostsync"]"#;
        Self::import(&format!(
            "tar -C '{path}' -c . | docker import --change '{entrypoint}' -"
        ))
    }

    /// `command` wants the name of the image as its last word.
    fn import(command: &str) -> Self {
        let name = unique("image");
        let made = Made::soon(&["rmi", "-f"], &name);
        let _ = Outcome::within(FIRST_TIME, shell(&format!("{command} {name}"))).expect_code(0);
        Self { name, _made: made }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// The system that has systemd and a static busybox.
fn debian() -> String {
    base(
        "debian",
        &["systemd-sysv", "iputils-ping", "busybox-static"],
    )
}

/// A tar file of a small system of this machine's own distribution, made once and then kept with
/// what cargo builds.
fn base(name: &str, packages: &[&str]) -> String {
    let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docker/base"));
    command.arg(name).args(packages);
    let made = Outcome::within(FIRST_TIME, command).expect_code(0);
    made.stdout.lines().last().unwrap_or_default().to_owned()
}

pub(crate) fn shell(script: &str) -> Command {
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
    /// Unless somebody else removes it.
    _made: Option<Made>,
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
        let _made = Some(made);
        Self { name, _made }
    }

    /// One that is there already, and somebody else's to remove.
    pub fn joined(name: &str) -> Self {
        let name = name.to_owned();
        Self { name, _made: None }
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

    /// A tree as it is reached from the containers in this network; as long as the process runs.
    ///
    /// # Panics
    /// If this machine's address in the network cannot be listened on.
    pub fn reach(&self, tree: &Tree) -> String {
        let (server, _) = tree.address().split_once('/').expect("a chroot");
        tree.address_at(&self.relay(server))
    }

    /// Makes a server that listens on loopback reachable from the containers in this network; says
    /// as what. It is reachable until the process ends.
    ///
    /// # Panics
    /// If this machine's address in the network cannot be listened on.
    fn relay(&self, server: &str) -> String {
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
    /// Unless somebody else removes it.
    _made: Option<Made>,
}

impl Container {
    /// Starts a command in a new one.
    ///
    /// # Panics
    /// If the engine refuses.
    pub fn run(image: &Image, network: &Network, command: &[&str]) -> Self {
        Self::run_with(&[], image, network, command)
    }

    /// Starts a command in a new one, with more options of `docker run`.
    ///
    /// # Panics
    /// If the engine refuses.
    pub fn run_with(options: &[&str], image: &Image, network: &Network, command: &[&str]) -> Self {
        let name = unique("container");
        let made = Made::soon(&["rm", "-f"], &name);
        let start = ["run", "-d", "--name", &name, "--network", &network.name];
        let _ = docker(&[&start, options, &[&image.name], command].concat());
        let _made = Some(made);
        Self { name, _made }
    }

    /// Makes one that is to be started later.
    ///
    /// # Panics
    /// If the engine refuses.
    pub fn create(image: &Image, network: &Network, command: &[&str]) -> Self {
        let name = unique("container");
        let made = Made::soon(&["rm", "-f"], &name);
        let create = ["create", "--name", &name, "--network", &network.name];
        let _ = docker(&[&create[..], &[&image.name], command].concat());
        let _made = Some(made);
        Self { name, _made }
    }

    /// Where the engine keeps its hosts file, on this machine.
    ///
    /// # Panics
    /// If the engine does not tell.
    pub fn hosts_path(&self) -> PathBuf {
        let root = docker(&["info", "--format", "{{.DockerRootDir}}"]);
        let id = self.inspect("{{.Id}}");
        Path::new(root.stdout.trim())
            .join("containers")
            .join(id)
            .join("hosts")
    }

    /// One that is somebody else's to remove.
    pub(crate) fn named(name: &str) -> Self {
        let name = name.to_owned();
        Self { name, _made: None }
    }

    /// What the engine knows of it, as a template of `docker inspect` asks for it.
    ///
    /// # Panics
    /// If there is no such container.
    pub fn inspect(&self, template: &str) -> String {
        let outcome = docker(&["inspect", "--format", template, &self.name]);
        outcome.stdout.trim().to_owned()
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
