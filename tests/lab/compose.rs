//! Our compose file, with the programs as just built and with names that nobody else has.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::docker::{Container, Image, docker, unique};
use crate::files::Scratch;
use crate::program::{Outcome, binary};
use crate::reaper;

/// How long the engine may take for all containers.
const LIMIT: Duration = Duration::from_secs(120);
/// The command of either generation.
const COMMANDS: [&[&str]; 2] = [&["docker-compose"], &["docker", "compose"]];

/// What the compose file starts; dropped, or when the process is killed, it is gone.
#[derive(Debug)]
pub struct Compose {
    project: String,
    files: [PathBuf; 2],
    // After the containers.
    _scratch: Scratch,
    _images: [Image; 2],
}

impl Compose {
    /// Starts it all, with this many instances of `web`.
    ///
    /// # Panics
    /// If the engine refuses.
    pub fn up(webs: usize) -> Self {
        let images = [Image::with_zookeeper(), Image::with_systemd()];
        let scratch = Scratch::new("compose");
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docker");
        let here = here.canonicalize().expect("the directory of the images");
        let ours = scratch.write("override.yml", overriding(&here, &images));
        let project = unique("compose");
        let mine = format!("$(docker ps -aq --filter label=com.docker.compose.project={project})");
        reaper::owes(&format!(
            "docker rm -f {mine}; docker network rm {project}_default"
        ));
        let compose = Self {
            project,
            files: [here.join("docker-compose.yml"), ours],
            _scratch: scratch,
            _images: images,
        };
        let scale = format!("web={webs}");
        let _ = compose
            .call(&["up", "-d", "--scale", &scale])
            .expect_code(0);
        compose
    }

    /// The network that all its containers are in.
    pub fn network(&self) -> String {
        format!("{}_default", self.project)
    }

    /// The containers of a service.
    pub fn containers(&self, service: &str) -> Vec<Container> {
        let of_project = format!("label=com.docker.compose.project={}", self.project);
        let of_service = format!("label=com.docker.compose.service={service}");
        let filters = ["--filter", &of_project, "--filter", &of_service];
        let listing = docker(&[&["ps", "-aq"], &filters[..]].concat());
        listing.stdout.lines().map(Container::named).collect()
    }

    fn call(&self, words: &[&str]) -> Outcome {
        let program = program().expect("a compose command");
        let mut command = Command::new(program[0]);
        command.args(&program[1..]).arg("-p").arg(&self.project);
        for file in &self.files {
            command.arg("-f").arg(file);
        }
        command.args(words);
        Outcome::within(LIMIT, command)
    }
}

impl Drop for Compose {
    fn drop(&mut self) {
        let _ = self.call(&["down", "-t", "0"]);
    }
}

/// The compose command of this machine.
pub(crate) fn program() -> Option<&'static [&'static str]> {
    let works = |words: &&&[&str]| {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).arg("version");
        command.output().is_ok_and(|output| output.status.success())
    };
    COMMANDS.iter().find(works).copied()
}

/// What takes the place of images that `docker/build` makes: systems with the programs mounted.
fn overriding(here: &Path, [zookeeper, system]: &[Image; 2]) -> String {
    let (zookeeper, system) = (zookeeper.name(), system.name());
    let mut text = "services:\n".to_owned();
    let mut service = |name: &str, image: &str, rest: &str, program: &Path, to: &str| {
        let program = program.display();
        let _ = writeln!(
            text,
            "  {name}: {{ image: {image}, {rest}, volumes: [\"{program}:{to}:ro\"] }}"
        );
    };
    for name in ["zk1", "zk2", "zk3"] {
        let start = here.join("zookeeper/start");
        let rest = "command: [\"start-zookeeper\"]";
        let to = "/usr/local/bin/start-zookeeper";
        service(name, zookeeper, rest, &start, to);
    }
    for name in ["ns1", "ns2"] {
        let rest = "entrypoint: [\"/nameserver\"], command: [\"run\"]";
        service(name, system, rest, &binary("nameserver"), "/nameserver");
    }
    for name in ["db", "web", "client"] {
        let rest = "entrypoint: [\"hostsync\", \"exec\"]";
        let to = "/usr/local/bin/hostsync";
        service(name, system, rest, &binary("hostsync"), to);
    }
    text
}
