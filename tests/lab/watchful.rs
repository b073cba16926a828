//! A reader of a hosts file that never looks away.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::files::HostsFile;

/// Ends the reading also when the test fails.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Does `act` while another thread reads the file again and again; returns what `act` does.
///
/// # Panics
/// If one of `names` is ever missing, or if the first address of `counter` ever goes back: to be
/// counted up by whoever changes it.
pub fn while_reading<T>(
    hosts: &HostsFile,
    names: &[&str],
    counter: &str,
    act: impl FnOnce() -> T,
) -> T {
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut newest = None;
            while !ended.load(Ordering::Relaxed) {
                let text = hosts.text();
                for name in names.iter().chain([&counter]) {
                    let addresses = HostsFile::addresses_in(&text, name);
                    assert!(!addresses.is_empty(), "{name} is missing in {text}");
                }
                let now: Option<std::net::Ipv4Addr> = HostsFile::addresses_in(&text, counter)
                    .first()
                    .and_then(|address| address.parse().ok());
                assert!(now >= newest, "{counter} went from {newest:?} to {now:?}");
                newest = now;
            }
        });
        let _end = End(&ended);
        act()
    })
}
