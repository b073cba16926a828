//! Where hostsync keeps what is its own, derived from the hosts file that it keeps.

use std::path::{Path, PathBuf};

/// The longest part of a path that is used as it is.
const LONGEST: usize = 48;
/// Where root's agents keep the snapshot.
const ROOTS_CACHE: &str = "/var/cache/hostsync";
/// Where the sockets of root's agents lie, which everybody may ask.
const ROOTS_SOCKETS: &str = "/run/hostsync";

/// Where our own sessions are remembered, beside the file of the snapshot.
pub fn sessions_file(cache: &Path) -> PathBuf {
    beside(cache, "sessions")
}

/// Where the choices of `--bind` are kept, beside the file of the snapshot.
pub fn bindings_file(cache: &Path) -> PathBuf {
    beside(cache, "bindings")
}

/// Where it is kept what of the snapshot is not in the hosts file, beside the file of the snapshot.
pub fn unwritten_file(cache: &Path) -> PathBuf {
    beside(cache, "unwritten")
}

fn beside(cache: &Path, kind: &str) -> PathBuf {
    let mut path = cache.as_os_str().to_owned();
    path.push(".");
    path.push(kind);
    path.into()
}

/// Who runs this process.
#[derive(Debug, Clone, Default)]
pub struct User {
    /// The user is root.
    pub is_root: bool,
    /// The user's number.
    pub number: u32,
    /// `$XDG_RUNTIME_DIR`.
    pub runtime: Option<PathBuf>,
    /// `$XDG_CACHE_HOME`, else `$HOME/.cache`.
    pub cache: Option<PathBuf>,
}

impl User {
    /// The user of this process.
    pub fn current() -> Self {
        let variable = |name| {
            let path = std::env::var_os(name).map(PathBuf::from);
            path.filter(|path| path.is_absolute())
        };
        let home_cache = || variable("HOME").map(|home| home.join(".cache"));
        Self {
            is_root: nix::unistd::geteuid().is_root(),
            number: nix::unistd::geteuid().as_raw(),
            runtime: variable("XDG_RUNTIME_DIR"),
            cache: variable("XDG_CACHE_HOME").or_else(home_cache),
        }
    }

    /// The default of `--cache`. For a user without a home it is where root could have made a directory for this
    /// user, and nobody else could.
    pub fn cache_file(&self, hosts_file: &Path) -> Option<PathBuf> {
        let directory = match &self.cache {
            _ if self.is_root => PathBuf::from(ROOTS_CACHE),
            Some(cache) => cache.join("hostsync"),
            None => format!("{ROOTS_CACHE}-{}", self.number).into(),
        };
        Some(directory.join(format!("{}.json", slug(hosts_file))))
    }

    /// Where this user's agents put their sockets; none for a user without a home.
    pub fn socket_directory(&self) -> Option<PathBuf> {
        if self.is_root {
            return Some(ROOTS_SOCKETS.into());
        }
        let directory = self.runtime.as_ref().or(self.cache.as_ref());
        Some(directory?.join("hostsync"))
    }

    /// Where to look for the agent of a hosts file: this user's, else root's.
    pub fn socket_directories(&self) -> Vec<PathBuf> {
        let mut directories: Vec<_> = self.socket_directory().into_iter().collect();
        if !self.is_root {
            directories.push(ROOTS_SOCKETS.into());
        }
        directories
    }
}

/// A path as one component: `/etc/hosts` is `etc-hosts`. A long one is cut, and a number that
/// depends on the whole path put before it, since the path of a socket has at most 107 bytes.
pub fn slug(path: &Path) -> String {
    let text = path.to_string_lossy();
    let flat = text.trim_start_matches('/').replace(['/', '\0'], "-");
    if flat.len() <= LONGEST {
        return flat;
    }
    let cut = flat.len() - LONGEST;
    let start = (cut..flat.len()).find(|&at| flat.is_char_boundary(at));
    format!(
        "{:016x}-{}",
        fnv(text.as_bytes()),
        &flat[start.unwrap_or(0)..]
    )
}

/// FNV-1a, the same in every release.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs() {
        assert_eq!(slug(Path::new("/etc/hosts")), "etc-hosts");
        let long = |end: &str| PathBuf::from(format!("/{}/{end}", "dé/".repeat(40)));
        let (one, two) = (slug(&long("x/hosts")), slug(&long("y/hosts")));
        assert!(
            one.len() <= LONGEST + 17 && one.ends_with("-x-hosts"),
            "{one}"
        );
        assert_ne!(one[..16], two[..16]);
    }

    #[test]
    fn places() {
        let hosts = Path::new("/etc/hosts");
        let root = User {
            is_root: true,
            ..User::default()
        };
        let user = User {
            cache: Some("/home/u/.cache".into()),
            ..User::default()
        };
        let nobody = User::default();
        let cache = |user: &User| {
            user.cache_file(hosts)
                .map(|path| path.display().to_string())
        };
        assert_eq!(
            cache(&root).as_deref(),
            Some("/var/cache/hostsync/etc-hosts.json")
        );
        assert_eq!(
            cache(&user).as_deref(),
            Some("/home/u/.cache/hostsync/etc-hosts.json")
        );
        assert_eq!(
            cache(&nobody).as_deref(),
            Some("/var/cache/hostsync-0/etc-hosts.json")
        );
        assert_eq!(nobody.socket_directory(), None);
        assert_eq!(root.socket_directories(), [PathBuf::from("/run/hostsync")]);
        assert_eq!(
            user.socket_directories(),
            [
                PathBuf::from("/home/u/.cache/hostsync"),
                "/run/hostsync".into()
            ]
        );
    }
}
