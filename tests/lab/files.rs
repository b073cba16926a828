//! Scratch directories and hosts files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::reaper;
use crate::stopwatch::Stopwatch;
use crate::wait::{PATIENCE, Text, wait_for};

/// A directory that goes with the value.
#[derive(Debug)]
pub struct Scratch {
    directory: tempfile::TempDir,
}

impl Scratch {
    /// Makes a directory. Other users may enter it, since some tests become one.
    pub fn new(purpose: &str) -> Self {
        let prefix = format!("{}{purpose}-", reaper::PREFIX);
        let directory = tempfile::Builder::new().prefix(&prefix).tempdir();
        let directory = directory.expect("a temporary directory");
        reaper::made(directory.path());
        let scratch = Self { directory };
        scratch.allow("", 0o755);
        scratch
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The path of something in it, whether it is there or not.
    pub fn join(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Writes a file in it; returns its path.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.join(name);
        fs::write(&path, bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        path
    }

    /// Reads a file in it; empty if there is none.
    pub fn read(&self, name: &str) -> String {
        String::from_utf8_lossy(&fs::read(self.join(name)).unwrap_or_default()).into_owned()
    }

    /// Sets the permissions of something in it, or of the directory itself for an empty name.
    pub fn allow(&self, name: &str, mode: u32) {
        use std::os::unix::fs::PermissionsExt as _;
        let path = if name.is_empty() {
            self.path().to_owned()
        } else {
            self.join(name)
        };
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }

    /// What lies in it, sorted: a test that wants no temporary files left looks here.
    pub fn listing(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path()).expect("the directory is there");
        let mut names: Vec<String> = entries
            .map(|entry| {
                entry
                    .expect("an entry")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        names.sort_unstable();
        names
    }
}

/// A killed hostsync leaves its socket behind, which is named after the path of the hosts file. Its
/// successor would remove it; here there is none.
impl Drop for Scratch {
    fn drop(&mut self) {
        let directory = self.path().file_name().unwrap_or_default();
        let directory = directory.to_string_lossy();
        for socket in fs::read_dir("/run/hostsync")
            .into_iter()
            .flatten()
            .flatten()
        {
            if socket.file_name().to_string_lossy().contains(&*directory) {
                // Tidiness only.
                let _ = fs::remove_file(socket.path());
            }
        }
    }
}

/// Names and their addresses as a hosts file has them: sorted names, addresses in file order.
pub type Names = BTreeMap<String, Vec<String>>;

/// A hosts file in a scratch directory of its own.
#[derive(Debug)]
pub struct HostsFile {
    directory: Scratch,
    path: PathBuf,
}

impl HostsFile {
    /// A hosts file with these bytes.
    pub fn with(bytes: impl AsRef<[u8]>) -> Self {
        let file = Self::missing();
        file.put(bytes);
        file
    }

    /// The path of a hosts file that is not there.
    pub fn missing() -> Self {
        let directory = Scratch::new("hosts");
        let path = directory.join("hosts");
        Self { directory, path }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its directory, where nothing else lies but what the test and hostsync put there.
    pub fn directory(&self) -> &Scratch {
        &self.directory
    }

    /// Replaces its bytes, as an editor that writes in place does.
    pub fn put(&self, bytes: impl AsRef<[u8]>) {
        self.directory.write("hosts", bytes);
    }

    /// All of it; empty if it is not there.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }

    /// All of it; empty if it is not there.
    pub fn bytes(&self) -> Vec<u8> {
        fs::read(&self.path).unwrap_or_default()
    }

    /// The names between our markers.
    pub fn names(&self) -> Names {
        names(&self.split().0)
    }

    /// The lines outside our markers, byte for byte.
    pub fn foreign(&self) -> String {
        self.split().1
    }

    /// The addresses that a reader of the whole file finds for a name.
    pub fn addresses(&self, name: &str) -> Vec<String> {
        names(&self.text()).remove(name).unwrap_or_default()
    }

    /// The same in a text that was read before.
    pub(crate) fn addresses_in(text: &str, name: &str) -> Vec<String> {
        names(text).remove(name).unwrap_or_default()
    }

    /// Waits until a reader of the whole file finds exactly these addresses, in this order.
    pub fn soon_maps(&self, name: &str, addresses: &[&str]) -> Duration {
        self.soon(&format!("{name} to be {addresses:?}"), || {
            self.addresses(name) == addresses
        })
    }

    /// Waits until a reader of the whole file finds no such name.
    pub fn soon_lacks(&self, name: &str) -> Duration {
        self.soon(&format!("{name} to be gone"), || {
            self.addresses(name).is_empty()
        })
    }

    /// Waits until `done` holds; a failure shows the file.
    pub fn soon(&self, what: &str, done: impl Fn() -> bool) -> Duration {
        let started = Stopwatch::start();
        let what = format!("{what}, in {}", self.path.display());
        let (_, text) = wait_for(
            &what,
            PATIENCE,
            || (done(), Text(self.text())),
            |(done, _)| *done,
        );
        drop(text);
        started.elapsed()
    }

    /// What is between our markers, and the rest.
    fn split(&self) -> (String, String) {
        let (mut ours, mut foreign, mut inside) = (String::new(), String::new(), false);
        for line in self.text().split_inclusive('\n') {
            match line.trim() {
                "# BEGIN hostsync" => inside = true,
                "# END hostsync" => inside = false,
                _ if inside => ours.push_str(line),
                _ => foreign.push_str(line),
            }
        }
        (ours, foreign)
    }
}

/// Reads hosts lines as resolvers do: an address, then names, up to a comment.
fn names(text: &str) -> Names {
    let mut all = Names::new();
    for line in text.lines() {
        let mut words = line
            .split('#')
            .next()
            .unwrap_or("")
            .split_ascii_whitespace();
        let Some(address) = words.next() else {
            continue;
        };
        for name in words {
            all.entry(name.to_owned())
                .or_default()
                .push(address.to_owned());
        }
    }
    all
}
