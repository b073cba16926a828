//! The two programs under test, as anyone would start them.

use std::ffi::{OsStr, OsString};
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use crate::files::{HostsFile, Scratch};
use crate::process::Process;
use crate::tree::Tree;
use crate::wait::{PATIENCE, Text, wait_for, wait_until};

/// How a program is to be started: its flags, and what surrounds it.
#[derive(Debug, Clone)]
pub struct Program {
    name: &'static str,
    flags: Vec<(String, OsString)>,
    switches: Vec<&'static str>,
    around: Vec<OsString>,
    log: Option<PathBuf>,
}

/// The nameserver on this tree, with its usual root `/`.
pub fn nameserver(tree: &Tree) -> Program {
    Program::new("nameserver").flag("zookeeper", tree.address())
}

/// A hostsync that follows this tree's snapshot and keeps this hosts file. Its own copy of the
/// snapshot lies beside the hosts file.
pub fn hostsync(tree: &Tree, hosts: &HostsFile) -> Program {
    let mut cache = hosts.path().as_os_str().to_owned();
    cache.push(".cache");
    Program::new("hostsync")
        .flag("zookeeper", tree.address())
        .flag("hosts-file", hosts.path())
        .flag("cache", cache)
}

impl Program {
    /// One of our programs, without any flag.
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            flags: Vec::new(),
            switches: Vec::new(),
            around: Vec::new(),
            log: None,
        }
    }

    /// Adds `--flag value`, in place of an earlier one.
    #[must_use]
    pub fn flag(mut self, flag: &str, value: impl AsRef<OsStr>) -> Self {
        self.flags.retain(|(given, _)| given != flag);
        self.flags
            .push((flag.to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Adds `--flag`, which has no value.
    #[must_use]
    pub fn switch(mut self, flag: &'static str) -> Self {
        self.switches.push(flag);
        self
    }

    /// Runs it as an argument of this command, such as `setpriv …` or `unshare …`.
    #[must_use]
    pub fn inside(mut self, command: &[impl AsRef<OsStr>]) -> Self {
        self.around = command
            .iter()
            .map(|word| word.as_ref().to_owned())
            .collect();
        self
    }

    /// Runs it in a mount namespace of its own, after these shell commands in there.
    #[must_use]
    pub fn after_mounting(self, commands: &str) -> Self {
        let script = format!("set -e; {commands}; exec \"$@\"");
        self.inside(&[
            "unshare",
            "--mount",
            "--propagation=private",
            "sh",
            "-c",
            &script,
            "sh",
        ])
    }

    /// Appends what its daemon prints to this file, which stays when the daemon has ended.
    #[must_use]
    pub fn log_to(mut self, path: PathBuf) -> Self {
        self.log = Some(path);
        self
    }

    /// Starts its daemon, `run`, in the foreground.
    pub fn run(&self) -> Running {
        self.run_with(&[])
    }

    /// Starts its daemon with more arguments.
    pub fn run_with(&self, args: &[&str]) -> Running {
        self.start("run", args)
    }

    /// Starts one of its commands that goes on, such as `exec`, with arguments behind the flags.
    pub fn start(&self, name: &str, args: &[&str]) -> Running {
        let scratch = Scratch::new(self.name);
        let mut command = self.command();
        command.arg(name);
        for (flag, value) in &self.flags {
            command.arg(format!("--{flag}")).arg(value);
        }
        command.args(self.switches.iter().map(|flag| format!("--{flag}")));
        command.args(args);
        let log = self.log.clone();
        let log = log.unwrap_or_else(|| scratch.join("log"));
        Running {
            process: Process::spawn(self.name, command, &log),
            program: self.clone(),
            _log: scratch,
        }
    }

    /// Runs one of its commands to the end. The flags go in as environment variables, so that a
    /// command only reads the ones that it has.
    ///
    /// # Panics
    /// If it takes longer than half a minute.
    pub fn call(&self, args: &[&str]) -> Outcome {
        let mut command = self.command();
        command.args(args);
        let on = OsString::from("true");
        let switches = self.switches.iter().map(|flag| (*flag, &on));
        let flags = self
            .flags
            .iter()
            .map(|(flag, value)| (flag.as_str(), value));
        for (flag, value) in flags.chain(switches) {
            let variable = format!("{}-{flag}", self.name)
                .replace('-', "_")
                .to_uppercase();
            command.env(variable, value);
        }
        Outcome::of(command)
    }

    /// Waits until its command `status` says that all is well; returns what it says.
    pub fn soon_well(&self) -> Outcome {
        let look = || self.call(&["status"]);
        wait_for("status to be well", PATIENCE, look, |status| {
            status.code() == 0
        })
    }

    /// The program, in its surroundings and with a clean environment.
    fn command(&self) -> Command {
        let mut words: Vec<OsString> = self.around.clone();
        words.push(binary(self.name).into_os_string());
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]);
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("NAMESERVER_") || text.starts_with("HOSTSYNC_") {
                command.env_remove(&name);
            }
        }
        command
    }
}

/// A daemon that runs; dropped, it is killed.
#[derive(Debug)]
pub struct Running {
    process: Process,
    program: Program,
    // Dropped last: the process writes into it.
    _log: Scratch,
}

impl Running {
    /// Ends it as a power cut does and starts it again the same way.
    pub fn crash_and_run(&mut self) {
        self.process.kill9();
        *self = self.program.run();
    }

    /// Waits until its log holds `text`; returns the first such line.
    pub fn soon_says(&self, text: &str) -> String {
        let what = format!("a log line with {text:?}");
        let look = || Text(self.process.log());
        let log = wait_for(&what, PATIENCE, look, |log| log.0.contains(text)).0;
        log.lines()
            .find(|line| line.contains(text))
            .unwrap_or_default()
            .to_owned()
    }

    /// How many lines it has logged.
    pub fn lines(&self) -> usize {
        self.process.log().lines().count()
    }
}

impl Deref for Running {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.process
    }
}

impl DerefMut for Running {
    fn deref_mut(&mut self) -> &mut Process {
        &mut self.process
    }
}

/// What came of a command.
#[derive(Debug)]
pub struct Outcome {
    /// Its exit status.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Outcome {
    /// Runs any command to the end.
    ///
    /// # Panics
    /// If it cannot be started, or takes longer than half a minute.
    pub fn of(command: Command) -> Self {
        Self::within(Duration::from_secs(30), command)
    }

    pub(crate) fn within(limit: Duration, mut command: Command) -> Self {
        let scratch = Scratch::new("call");
        let file = |name: &str| std::fs::File::create(scratch.join(name)).expect("a scratch file");
        command
            .stdin(Stdio::null())
            .stdout(file("out"))
            .stderr(file("err"));
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let mut ended = None;
        let what = format!("{command:?} to end");
        wait_until(&what, limit, || {
            ended = child.try_wait().expect("a child can be waited for");
            ended.is_some()
        });
        Self {
            status: ended.expect("it has just ended"),
            stdout: scratch.read("out"),
            stderr: scratch.read("err"),
        }
    }

    /// Its exit code; -1 after a signal.
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or(-1)
    }

    /// Checks the exit code; returns itself, so that a test can go on reading.
    ///
    /// # Panics
    /// If it is another.
    #[must_use]
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code(), code, "{self:#?}");
        self
    }

    /// Checks that both outputs together hold each of these texts.
    ///
    /// # Panics
    /// If one is missing.
    pub fn expect_words(&self, words: &[&str]) {
        let all = format!("{}{}", self.stdout, self.stderr);
        for word in words {
            assert!(all.contains(word), "{word:?} is not in {self:#?}");
        }
    }

    /// Its standard output as JSON.
    ///
    /// # Panics
    /// If it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in {self:#?}"))
    }
}

/// One of our programs as just built, in the profile of the tests.
pub fn binary(name: &str) -> PathBuf {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let directory = BUILT.get_or_init(|| {
        // target/PROFILE/deps/scenarios-HASH, or target/PROFILE/soak
        let test = std::env::current_exe().expect("the path of this test");
        let mut directories = test.ancestors().skip(1);
        let directory = directories.find(|directory| !directory.ends_with("deps"));
        let directory = directory.expect("tests lie in target/PROFILE/deps");
        // `cargo test` alone does not build the programs. Without cargo, they must be there.
        std::env::var_os("CARGO").map_or(Ok(()), |cargo| build(&cargo, directory))?;
        Ok(directory.to_owned())
    });
    let directory = directory.as_ref().unwrap_or_else(|error| panic!("{error}"));
    let path = directory.join(name);
    assert!(
        path.exists(),
        "{} is missing: run `cargo build --workspace`",
        path.display()
    );
    path
}

fn build(cargo: &OsStr, directory: &Path) -> Result<(), String> {
    let target = directory.parent().expect("target/PROFILE lies in target");
    let mut command = Command::new(cargo);
    command
        .args(["build", "--workspace", "--quiet", "--target-dir"])
        .arg(target);
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    if directory.ends_with("release") {
        command.arg("--release");
    }
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => {
            Err("the programs under test do not build: run `cargo build --workspace`".to_owned())
        }
        Err(error) => Err(format!("{}: {error}", cargo.display())),
    }
}
