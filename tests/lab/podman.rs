//! Podman, the engine without a daemon: root's, or that of a user without any right.

use std::path::PathBuf;
use std::process::Command;

use crate::docker::{root_with_hostsync, unique};
use crate::files::Scratch;
use crate::program::Outcome;
use crate::reaper;

/// Where cgroups are a mixture of both versions only runc works, and not all limits can be raised.
const ENGINE: [&str; 3] = ["podman", "--cgroup-manager=cgroupfs", "--runtime=runc"];
const LIMITS: [&str; 2] = ["--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024"];

/// An engine with an image of ours, which is gone once it is dropped.
#[derive(Debug)]
pub struct Podman {
    around: Vec<String>,
    image: String,
    /// Where its user has everything.
    home: Option<Scratch>,
}

impl Podman {
    /// Root's own.
    ///
    /// # Panics
    /// If it cannot make an image.
    pub fn of_root() -> Self {
        Self::new(Vec::new(), None)
    }

    /// That of a user without any right, nor a range of user numbers.
    ///
    /// # Panics
    /// If it cannot make an image.
    pub fn of_a_user() -> Self {
        let home = Scratch::new("podman");
        std::fs::create_dir(home.join("run")).expect("ours");
        for path in [home.path().to_owned(), home.join("run")] {
            std::os::unix::fs::chown(&path, Some(65534), Some(65534)).expect("ours");
        }
        Self::new(as_user(home.path()), Some(home))
    }

    fn new(around: Vec<String>, home: Option<Scratch>) -> Self {
        let image = unique("podman");
        let engine = Self {
            around,
            image,
            home,
        };
        let removal = engine.words(&["rmi", "-f", &engine.image]);
        reaper::owes(&removal.join(" "));
        let root = root_with_hostsync();
        let tar = root.path().with_extension("tar");
        let made = format!(
            "tar -C '{}' -cf '{}' .",
            root.path().display(),
            tar.display()
        );
        let mut command = Command::new("sh");
        command.args(["-c", &made]);
        let _ = Outcome::of(command).expect_code(0);
        let path = tar.display().to_string();
        let _ = engine
            .call(&["import", &path, &engine.image])
            .expect_code(0);
        std::fs::remove_file(tar).expect("ours");
        engine
    }

    fn words(&self, words: &[&str]) -> Vec<String> {
        let engine = ENGINE.iter().chain(words).map(|&word| word.to_owned());
        self.around.iter().cloned().chain(engine).collect()
    }

    /// What runs a program as the engine's user, who has his own places.
    pub fn user(&self) -> &[String] {
        &self.around
    }

    /// Its user's home, of which `run` is the directory for what runs.
    pub fn home(&self) -> Option<PathBuf> {
        self.home.as_ref().map(|home| home.path().to_owned())
    }

    /// Runs a `podman` command.
    pub fn call(&self, words: &[&str]) -> Outcome {
        let words = self.words(words);
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).current_dir("/");
        Outcome::of(command)
    }

    /// Starts a container that sleeps; says how it is called.
    ///
    /// # Panics
    /// If the engine refuses.
    pub fn start(&self) -> String {
        let name = unique("container");
        let removal = self.words(&["rm", "-f", "-t", "0", &name]);
        reaper::owes(&removal.join(" "));
        let run = ["run", "--detach", "--network=none", "--name", &name];
        let sleep = ["sleep", "1000"];
        let words = [&run[..], &LIMITS, &[&self.image], &sleep].concat();
        let _ = self.call(&words).expect_code(0);
        name
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        let ours = format!("ancestor={}", self.image);
        let all = self.call(&["ps", "--all", "--quiet", "--filter", &ours]);
        for container in all.stdout.split_whitespace() {
            let _ = self.call(&["rm", "-f", "-t", "0", container]);
        }
        let _ = self.call(&["rmi", "-f", &self.image]);
    }
}

fn as_user(home: &std::path::Path) -> Vec<String> {
    let home = home.display();
    let words = [
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        "env",
    ];
    let variables = [
        format!("HOME={home}"),
        format!("XDG_RUNTIME_DIR={home}/run"),
    ];
    let words = words.iter().map(|&word| word.to_owned());
    words.chain(variables).collect()
}
