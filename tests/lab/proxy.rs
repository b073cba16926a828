//! A TCP proxy in front of a server: the network between a daemon and ZooKeeper, with its faults.
//!
//! It also counts the requests that pass it, so that a test can tell how much was asked.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::socket::{setsockopt, sockopt::Linger};

use crate::ports::free_port;
use crate::requests::{Parser, Requests};

/// How a connection is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// At once, with an error at both ends (RST), as of a machine that restarted.
    Reset,
    /// As if each end had hung up (FIN).
    Close,
}

/// How what a server says is altered, as by one that was taken over, or on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    /// One bit in some hundred bytes is another.
    Bits,
    /// What follows the head of a reply is random, and as long as before.
    Bodies,
    /// A number that begins what follows the head of a reply, such as a length, is negative.
    Counts,
    /// A reply ends too early.
    Short,
}

/// A proxy in front of one server; dropped, it is gone with all its connections.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    server: String,
    state: Mutex<State>,
    /// Notified when held bytes may move on, or never will.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    is_refusing: bool,
    is_stalled: bool,
    is_gone: bool,
    delay: Duration,
    lie: Option<Lie>,
    links: Vec<Arc<Link>>,
    attempts: Vec<Instant>,
    requests: Requests,
}

/// One connection through the proxy, made of two.
#[derive(Debug)]
struct Link {
    client: TcpStream,
    server: TcpStream,
    is_cut: AtomicBool,
}

impl Proxy {
    /// A proxy in front of the server at `HOST:PORT`, on a port of its own.
    ///
    /// # Panics
    /// If the port cannot be had.
    pub fn before(server: &str) -> Self {
        let port = free_port();
        let listener = TcpListener::bind(("127.0.0.1", port));
        let listener = listener.unwrap_or_else(|error| panic!("port {port}: {error}"));
        let shared = Arc::new(Shared {
            server: server.to_owned(),
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || accepting.accept(&listener));
        Self { port, shared }
    }

    /// `HOST:PORT`, as the daemons take it.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Cuts all connections that there are. New ones may be made at once.
    pub fn cut(&self, how: Cut) {
        let links = std::mem::take(&mut self.shared.lock().links);
        links.iter().for_each(|link| link.cut(how));
        self.shared.changed.notify_all();
    }

    /// Resets new connections as soon as they are made. Those that there are stay.
    pub fn refuse(&self) {
        self.shared.lock().is_refusing = true;
    }

    /// Holds all bytes, both ways; all connections stay open, and new ones can be made: a half-open
    /// connection, or a partition of whoever goes through this proxy. An end that hangs up
    /// meanwhile is not noticed by the other one before [`Proxy::resume`].
    pub fn stall(&self) {
        self.shared.lock().is_stalled = true;
    }

    /// Holds what a server says for so long each time, as a slow network does.
    pub fn delay(&self, delay: Duration) {
        self.shared.lock().delay = delay;
    }

    /// Alters what the server says, from now on.
    pub fn lie(&self, lie: Lie) {
        self.shared.lock().lie = Some(lie);
    }

    /// Lets everything pass again; what was held goes out now.
    pub fn resume(&self) {
        let mut state = self.shared.lock();
        (state.is_refusing, state.is_stalled) = (false, false);
        state.delay = Duration::ZERO;
        state.lie = None;
        self.shared.changed.notify_all();
    }

    /// The number of open connections.
    pub fn connections(&self) -> usize {
        self.shared.lock().links.len()
    }

    /// When somebody tried to connect, refused ones too, in order.
    pub fn attempts(&self) -> Vec<Instant> {
        self.shared.lock().attempts.clone()
    }

    /// The requests that have passed so far.
    pub fn requests(&self) -> Requests {
        self.shared.lock().requests.clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.lock().is_gone = true;
        self.cut(Cut::Reset);
        // Wakes the thread that accepts, which looks and ends.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn accept(self: Arc<Self>, listener: &TcpListener) {
        for client in listener.incoming().flatten() {
            let mut state = self.lock();
            if state.is_gone {
                return;
            }
            state.attempts.push(Instant::now());
            let refused = state.is_refusing;
            drop(state);
            match TcpStream::connect(&self.server) {
                Ok(server) if !refused => self.link(client, server),
                // The server is away, or seems to be.
                _ => reset_when_dropped(&client),
            }
        }
    }

    fn link(self: &Arc<Self>, client: TcpStream, server: TcpStream) {
        for stream in [&client, &server] {
            stream.set_nodelay(true).expect("a TCP option");
        }
        let link = Arc::new(Link {
            client,
            server,
            is_cut: AtomicBool::new(false),
        });
        self.lock().links.push(Arc::clone(&link));
        for is_request in [true, false] {
            let (shared, link) = (Arc::clone(self), Arc::clone(&link));
            thread::spawn(move || {
                shared.pump(&link, is_request);
                link.cut(Cut::Close);
                shared
                    .lock()
                    .links
                    .retain(|other| !Arc::ptr_eq(other, &link));
            });
        }
    }

    /// Passes bytes on, one way, until an end hangs up or the connection is cut.
    fn pump(&self, link: &Link, is_request: bool) {
        let (mut from, mut to) = if is_request {
            (&link.client, &link.server)
        } else {
            (&link.server, &link.client)
        };
        let mut parser = Parser::default();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let length = from.read(&mut buffer).unwrap_or(0);
            let delay = if is_request {
                Duration::ZERO
            } else {
                self.lock().delay
            };
            thread::sleep(delay);
            let mut state = self.lock();
            while state.is_stalled && !link.is_cut.load(Ordering::Relaxed) {
                let waited = self.changed.wait(state);
                state = waited.unwrap_or_else(PoisonError::into_inner);
            }
            if length == 0 || link.is_cut.load(Ordering::Relaxed) {
                return;
            }
            if is_request {
                parser.feed(&buffer[..length], &mut state.requests);
            }
            let lie = state.lie.filter(|_| !is_request);
            drop(state);
            if let Some(lie) = lie {
                lie.tell(&mut buffer[..length]);
            }
            if to.write_all(&buffer[..length]).is_err() {
                return;
            }
        }
    }
}

impl Lie {
    /// Alters what one read has brought, which nearly always begins with a reply.
    fn tell(self, bytes: &mut [u8]) {
        /// Transaction, time and error of a reply, after its length.
        const HEAD: usize = 4 + 16;
        if self == Self::Bits {
            for byte in bytes {
                if fastrand::u32(..300) == 0 {
                    *byte ^= 1 << fastrand::u32(..8);
                }
            }
            return;
        }
        let mut rest = bytes;
        while rest.len() > HEAD {
            let length = u32::from_be_bytes([rest[0], rest[1], rest[2], rest[3]]);
            let end = (length as usize).saturating_add(4).clamp(HEAD, rest.len());
            let (reply, others) = rest.split_at_mut(end);
            // The error stays none, and what answers to the opening of a session too.
            let body = &mut reply[HEAD..];
            match self {
                Self::Bodies => body.fill_with(|| fastrand::u8(..)),
                Self::Counts if body.len() >= 4 => body[..4].copy_from_slice(&[0xff, 0xff, 0, 7]),
                Self::Short if fastrand::bool() => reply[..4].copy_from_slice(&[0, 0, 0, 17]),
                _ => {}
            }
            rest = others;
        }
    }
}

impl Link {
    /// Ends both halves. Whoever comes first says how.
    fn cut(&self, how: Cut) {
        if self.is_cut.swap(true, Ordering::Relaxed) {
            return;
        }
        for stream in [&self.client, &self.server] {
            // An end that is gone already cannot be ended.
            let _ = match how {
                Cut::Close => stream.shutdown(Shutdown::Both),
                // Sends nothing, but wakes the threads that read; when they are gone, so is the
                // socket, and then the reset goes out.
                Cut::Reset => {
                    reset_when_dropped(stream);
                    stream.shutdown(Shutdown::Read)
                }
            };
        }
    }
}

fn reset_when_dropped(stream: &TcpStream) {
    let at_once = nix::libc::linger {
        l_onoff: 1,
        l_linger: 0,
    };
    setsockopt(stream, Linger, &at_once).expect("a socket option");
}
