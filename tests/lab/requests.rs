//! ZooKeeper's requests, as they go over the wire: which operation, of which znode.

use std::collections::BTreeMap;

/// How often each operation was asked for, of each znode.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Requests {
    counts: BTreeMap<(&'static str, String), usize>,
}

impl Requests {
    /// How often `operation` was asked for, of the znode at exactly this path, which begins with the
    /// chroot. Operations are called as in ZooKeeper's own source: `getData`, `create2`, `multi`.
    pub fn of(&self, operation: &str, path: &str) -> usize {
        self.matching(|other, of| other == operation && of == path)
    }

    /// How often `operation` was asked for, of any znode.
    pub fn all(&self, operation: &str) -> usize {
        self.matching(|other, _| other == operation)
    }

    /// How many there were, but for the pings that keep a session alive.
    pub fn total(&self) -> usize {
        self.matching(|operation, _| operation != "ping")
    }

    /// Those that have come since `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let before = |key| earlier.counts.get(key).copied().unwrap_or(0);
        let counts = self.counts.iter();
        let counts = counts.map(|(key, count)| (key.clone(), count - before(key)));
        Self {
            counts: counts.filter(|(_, count)| *count > 0).collect(),
        }
    }

    fn matching(&self, counts: impl Fn(&str, &str) -> bool) -> usize {
        let all = self.counts.iter();
        let matching = all.filter(|((operation, path), _)| counts(operation, path));
        matching.map(|(_, count)| count).sum()
    }
}

/// Takes one connection's bytes in and counts the requests in them.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    pending: Vec<u8>,
    is_connected: bool,
    /// These are no requests: a four-letter word, or TLS.
    is_foreign: bool,
}

/// No frame of a client is as long, since no server takes it.
const MAX_FRAME: usize = 16 << 20;

impl Parser {
    pub(crate) fn feed(&mut self, bytes: &[u8], requests: &mut Requests) {
        if self.is_foreign {
            return;
        }
        self.pending.extend_from_slice(bytes);
        let mut rest = self.pending.as_slice();
        while let Some((length, after)) = number(rest) {
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            if length > MAX_FRAME {
                self.is_foreign = true;
                break;
            }
            let Some((frame, after)) = after.split_at_checked(length) else {
                break;
            };
            // The first frame opens the session and has no operation.
            let key = if std::mem::replace(&mut self.is_connected, true) {
                request(frame)
            } else {
                Some(("connect", String::new()))
            };
            *requests.counts.entry(key.unwrap_or_default()).or_default() += 1;
            rest = after;
        }
        self.pending = rest.to_vec();
    }
}

/// What a frame asks for: its number, the operation, then most often a path.
fn request(frame: &[u8]) -> Option<(&'static str, String)> {
    let (_, rest) = number(frame)?;
    let (code, rest) = number(rest)?;
    let (operation, has_path) = operation(code);
    if !has_path {
        return Some((operation, String::new()));
    }
    let (length, rest) = number(rest)?;
    let path = rest.get(..usize::try_from(length).ok()?)?;
    Some((operation, String::from_utf8_lossy(path).into_owned()))
}

fn number(bytes: &[u8]) -> Option<(i32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((i32::from_be_bytes(*number), rest))
}

/// An operation's name in ZooKeeper's `ZooDefs.OpCode`, and whether a path follows.
fn operation(code: i32) -> (&'static str, bool) {
    match code {
        1 => ("create", true),
        2 => ("delete", true),
        3 => ("exists", true),
        4 => ("getData", true),
        5 => ("setData", true),
        6 => ("getACL", true),
        7 => ("setACL", true),
        8 => ("getChildren", true),
        9 => ("sync", true),
        11 => ("ping", false),
        12 => ("getChildren2", true),
        13 => ("check", true),
        14 => ("multi", false),
        15 => ("create2", true),
        18 => ("removeWatches", true),
        19 => ("createContainer", true),
        21 => ("createTTL", true),
        22 => ("multiRead", false),
        100 => ("auth", false),
        101 => ("setWatches", false),
        105 => ("setWatches2", false),
        106 => ("addWatch", true),
        -11 => ("closeSession", false),
        _ => ("other", false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(numbers: &[i32], path: &str) -> Vec<u8> {
        let mut body: Vec<u8> = numbers.iter().flat_map(|n| n.to_be_bytes()).collect();
        body.extend((path.len() as i32).to_be_bytes());
        body.extend(path.bytes());
        [&(body.len() as i32).to_be_bytes(), body.as_slice()].concat()
    }

    #[test]
    fn requests_are_counted_however_the_bytes_arrive() {
        let all = [
            frame(&[0, 0, 0], ""),
            frame(&[1, 4], "/a"),
            frame(&[2, 4], "/a"),
            frame(&[3, 4], "/b"),
            frame(&[-2, 11], ""),
            frame(&[4, 106], "/a"),
        ];
        let all = all.concat();
        for size in [1, 7, all.len()] {
            let (mut parser, mut requests) = (Parser::default(), Requests::default());
            for bytes in all.chunks(size) {
                parser.feed(bytes, &mut requests);
            }
            assert_eq!(requests.of("getData", "/a"), 2, "{requests:?}");
            assert_eq!(requests.all("getData"), 3);
            assert_eq!(requests.of("addWatch", "/a"), 1);
            assert_eq!(requests.total(), 5, "the session, and four requests");
            assert_eq!(requests.since(&requests).total(), 0);
        }
    }

    #[test]
    fn what_is_no_request_is_not_counted() {
        let (mut parser, mut requests) = (Parser::default(), Requests::default());
        parser.feed(b"srvr", &mut requests);
        parser.feed(&frame(&[0], ""), &mut requests);
        assert_eq!(requests, Requests::default());
    }
}
