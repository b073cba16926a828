//! Where container engines keep the hosts files of their containers. Pure.

use std::path::{Component, Path, PathBuf};

use clap::ValueEnum;

/// Whose containers' hosts files are kept, from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Engine {
    /// Docker's, below its data-root
    Docker,
    /// Podman's
    Podman,
    /// The pods' of a Kubernetes node
    Kubelet,
    /// All of these, as far as they are there
    Auto,
}

/// What decides where engines keep them.
#[derive(Debug, Clone, Default)]
pub struct Machine {
    /// The agent runs as root, and so for the engines of root.
    pub is_root: bool,
    /// `$HOME`.
    pub home: Option<PathBuf>,
    /// `$XDG_RUNTIME_DIR`.
    pub runtime: Option<PathBuf>,
    /// The `data-root` that Docker's `daemon.json` names.
    pub data_root: Option<PathBuf>,
}

impl Machine {
    /// The one that this process is on.
    pub fn current() -> Self {
        let variable = |name| {
            let path = std::env::var_os(name).map(PathBuf::from);
            path.filter(|path| path.is_absolute())
        };
        let mut machine = Self {
            is_root: nix::unistd::geteuid().is_root(),
            home: variable("HOME"),
            runtime: variable("XDG_RUNTIME_DIR"),
            data_root: None,
        };
        let settings = match (machine.is_root, &machine.home) {
            (true, _) => Some("/etc/docker/daemon.json".into()),
            (false, home) => home
                .as_ref()
                .map(|home| home.join(".config/docker/daemon.json")),
        };
        let text = settings.and_then(|path| std::fs::read(path).ok());
        machine.data_root = text.and_then(|text| data_root(&text));
        machine
    }
}

impl Engine {
    /// The word for it on the command line.
    pub fn word(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// The globs of its files, each with the words for it.
    pub fn globs(self, machine: &Machine) -> Vec<(PathBuf, Vec<String>)> {
        let each = match self {
            Self::Auto => vec![Self::Docker, Self::Podman, Self::Kubelet],
            one => vec![one],
        };
        let places = each.into_iter().flat_map(|engine| {
            let words = vec![engine.word(), self.word()];
            let places = engine.places(machine).into_iter();
            places.map(move |place| (place, words.clone()))
        });
        places.collect()
    }

    fn places(self, machine: &Machine) -> Vec<PathBuf> {
        let home = machine.home.as_deref();
        let below = |directory: Option<&Path>, rest: &str| directory.map(|path| path.join(rest));
        let places = match (self, machine.is_root) {
            (Self::Docker, is_root) => {
                let default = match is_root {
                    true => Some("/var/lib/docker".into()),
                    false => below(home, ".local/share/docker"),
                };
                let root = machine.data_root.clone().or(default);
                let root = root.as_deref();
                let of_users = "/home/*/.local/share/docker/containers/*/hosts";
                // With userns-remap it is in a folder of the users' numbers.
                vec![
                    below(root, "containers/*/hosts"),
                    below(root, "[0-9]*.[0-9]*/containers/*/hosts"),
                    is_root.then(|| of_users.into()),
                ]
            }
            (Self::Podman, true) => vec![
                Some("/run/containers/storage/*-containers/*/userdata/hosts".into()),
                Some("/var/lib/containers/storage/*-containers/*/userdata/hosts".into()),
                Some("/run/user/*/containers/*-containers/*/userdata/hosts".into()),
            ],
            (Self::Podman, false) => vec![
                below(
                    machine.runtime.as_deref(),
                    "containers/*-containers/*/userdata/hosts",
                ),
                below(
                    home,
                    ".local/share/containers/storage/*-containers/*/userdata/hosts",
                ),
            ],
            (Self::Kubelet, _) => vec![Some("/var/lib/kubelet/pods/*/etc-hosts".into())],
            (Self::Auto, _) => Vec::new(),
        };
        places.into_iter().flatten().collect()
    }
}

/// What `daemon.json` says.
fn data_root(text: &[u8]) -> Option<PathBuf> {
    let settings: serde_json::Value = serde_json::from_slice(text).ok()?;
    let path = PathBuf::from(settings.get("data-root")?.as_str()?);
    path.is_absolute().then_some(path)
}

/// True for a path at which an engine keeps a container's hosts file: it is mounted into the container,
/// although that shows only there.
pub fn is_of_a_container(path: &Path) -> bool {
    let names: Vec<&str> = path
        .components()
        .rev()
        .map_while(|component| match component {
            Component::Normal(name) => name.to_str(),
            _ => None,
        })
        .take(4)
        .collect();
    let is_hexadecimal = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_container = |text: &str| text.len() == 64 && is_hexadecimal(text);
    let is_pod = |text: &str| text.len() >= 32 && is_hexadecimal(&text.replace('-', ""));
    match names[..] {
        ["hosts", container, "containers", ..] => is_container(container),
        ["hosts", "userdata", container, place] => {
            is_container(container) && place.ends_with("-containers")
        }
        ["etc-hosts", pod, "pods", ..] => is_pod(pod),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn engines_have_their_places_also_moved_ones_and_those_of_users() {
        let root = Machine {
            is_root: true,
            home: Some("/root".into()),
            ..Machine::default()
        };
        let moved = Machine {
            data_root: data_root(br#"{"data-root": "/srv/docker", "mtu": 1400}"#),
            ..root.clone()
        };
        let user = Machine {
            home: Some("/home/u".into()),
            runtime: Some("/run/user/1000".into()),
            ..Machine::default()
        };
        for (engine, machine, expected) in [
            (Engine::Docker, &root, "/var/lib/docker/containers/*/hosts"),
            (Engine::Docker, &moved, "/srv/docker/containers/*/hosts"),
            (
                Engine::Docker,
                &user,
                "/home/u/.local/share/docker/containers/*/hosts",
            ),
            (
                Engine::Podman,
                &root,
                "/run/containers/storage/*-containers/*/userdata/hosts",
            ),
            (
                Engine::Podman,
                &user,
                "/run/user/1000/containers/*-containers/*/userdata/hosts",
            ),
            (
                Engine::Podman,
                &root,
                "/run/user/*/containers/*-containers/*/userdata/hosts",
            ),
            (
                Engine::Docker,
                &moved,
                "/home/*/.local/share/docker/containers/*/hosts",
            ),
            (Engine::Kubelet, &root, "/var/lib/kubelet/pods/*/etc-hosts"),
            (Engine::Auto, &root, "/var/lib/kubelet/pods/*/etc-hosts"),
            (Engine::Auto, &moved, "/srv/docker/containers/*/hosts"),
        ] {
            let globs = engine.globs(machine);
            let mut places = globs.iter().map(|(place, _)| place);
            let is_there = places.any(|place| place == Path::new(expected));
            assert!(is_there, "{engine:?}: {globs:?}");
        }
        assert_eq!(data_root(b"{"), None);
        assert_eq!(data_root(br#"{"data-root": "relative"}"#), None);
    }

    #[test]
    fn a_containers_file_is_known_by_its_place() {
        let id = "5f".repeat(32);
        let pod = "0b1c9a52-5d3e-4c8a-9f3b-0123456789ab";
        for (path, expected) in [
            (format!("/var/lib/docker/containers/{id}/hosts"), true),
            (format!("/srv/moved/containers/{id}/hosts"), true),
            (
                format!("/run/containers/storage/overlay-containers/{id}/userdata/hosts"),
                true,
            ),
            (format!("/var/lib/kubelet/pods/{pod}/etc-hosts"), true),
            ("/etc/hosts".into(), false),
            ("/srv/containers/web/hosts".into(), false),
            (format!("/var/lib/docker/containers/{id}/hostname"), false),
            (format!("/srv/{id}/hosts"), false),
        ] {
            assert_eq!(is_of_a_container(Path::new(&path)), expected, "{path}");
        }
    }
}
