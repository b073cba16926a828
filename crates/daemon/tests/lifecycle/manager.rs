//! What a service manager hears.

use std::io::ErrorKind;
use std::os::unix::net::UnixDatagram;
use std::process::Child;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::process::{self, DEADLINE, Probe};

/// How long this manager's watchdog waits for a sign of life.
const PATIENCE: Duration = Duration::from_millis(200);

/// A daemon under a service manager.
struct Managed {
    socket: UnixDatagram,
    child: Child,
    _probe: Probe,
}

impl Managed {
    fn start(flags: &[&str], watchdog: Option<Duration>) -> Self {
        let probe = Probe::new();
        let socket = UnixDatagram::bind(probe.manager()).unwrap();
        let path = probe.manager().to_str().unwrap().to_owned();
        let micros = watchdog.map(|patience| patience.as_micros().to_string());
        let mut variables = vec![("NOTIFY_SOCKET", path.as_str())];
        variables.extend(micros.as_deref().map(|micros| ("WATCHDOG_USEC", micros)));
        let child = probe.spawn_with(flags, &variables);
        Managed {
            socket,
            child,
            _probe: probe,
        }
    }

    /// The next message; none when there is none for so long.
    fn hear_within(&self, limit: Duration) -> Option<String> {
        self.socket.set_read_timeout(Some(limit)).unwrap();
        let mut bytes = [0; 1000];
        match self.socket.recv(&mut bytes) {
            Ok(length) => Some(String::from_utf8(bytes[..length].to_vec()).unwrap()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            Err(error) => panic!("{error}"),
        }
    }

    fn hear(&self) -> String {
        self.hear_within(DEADLINE).expect("a message in time")
    }
}

impl Drop for Managed {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn a_service_manager_is_told_how_it_goes() {
    let mut managed = Managed::start(&[], None);
    assert_eq!(managed.hear(), "READY=1\n");
    assert_eq!(managed.hear(), "STATUS=well so far\n");
    // The status is the same after it, so nothing is told.
    process::send(managed.child.id(), Signal::SIGHUP);
    process::send(managed.child.id(), Signal::SIGTERM);
    assert_eq!(managed.hear(), "STOPPING=1\n");
    assert_eq!(process::wait(&mut managed.child), 0);
}

pub(crate) fn the_watchdog_notices_a_blocked_loop() {
    let managed = Managed::start(&["--hang"], Some(PATIENCE));
    let beats = std::iter::repeat_with(|| managed.hear()).take(6);
    let beats = beats.filter(|message| message == "WATCHDOG=1\n").count();
    assert_eq!(beats, 4, "besides READY and STATUS");
    process::send(managed.child.id(), Signal::SIGHUP);
    // One may have been on its way.
    let heard = || managed.hear_within(5 * PATIENCE);
    let silent = std::iter::repeat_with(heard)
        .take(3)
        .any(|heard| heard.is_none());
    assert!(silent, "a loop that is blocked is vouched for");
}
