//! Free ports on loopback.

use std::net::TcpListener;
use std::sync::{Mutex, PoisonError};

/// A port that nobody listens on and that was not given out before by this process.
///
/// It lies below the range from which the kernel takes ports for outgoing connections: otherwise a
/// client that knocks at a stopped server may be given that very port, connect to itself, and keep
/// the server from starting again.
///
/// # Panics
/// If there is none.
pub fn free_port() -> u16 {
    static GIVEN: Mutex<Vec<u16>> = Mutex::new(Vec::new());
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    for _ in 0..10_000 {
        let port = fastrand::u16(12_000..32_000);
        if !given.contains(&port) && TcpListener::bind(("127.0.0.1", port)).is_ok() {
            given.push(port);
            return port;
        }
    }
    panic!("no free port on 127.0.0.1 between 12000 and 32000")
}
