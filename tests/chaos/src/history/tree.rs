//! What happens to the tree, and when.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use fastrand::Rng;

use super::{Event, Step};

/// So many sessions change the tree. The first has no ephemeral znodes.
pub(crate) const SESSIONS: usize = 4;
/// So many names are set before the start and never again.
const PINNED: usize = 40;

/// The time from change to change, on average; and how many come at once in a burst.
const GAP: u64 = 45;
const BURST: usize = 25;
/// Znodes of each group.
const HOSTS: u32 = 24;
const SERVICES: u32 = 3;
const INSTANCES: u32 = 5;
const MOST_SEQUENTIAL: i32 = 8;
/// So many come, and soon go, together: more than all others, so that a drop is in doubt and held.
const CROWD: u32 = 150;
/// Paths that are peculiar: two of one name, a name that a leader would have, no name at all.
const ODD: [&str; 9] = [
    "/T0",
    "/T1",
    "/c0.s0",
    "/n0/leader",
    "/leader.n1",
    "/-bad",
    "/localhost",
    "/deep/below/here",
    "/with_underscore",
];

/// One change of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    /// Who makes it. Changes of one session keep their order.
    pub(crate) session: usize,
    pub(crate) kind: Kind,
}

/// What is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Creates a znode, or sets it if it is there.
    Put {
        path: String,
        data: Data,
        ephemeral: bool,
    },
    Delete {
        path: String,
    },
    /// Creates a znode whose number the server chooses.
    Append {
        prefix: String,
        data: Data,
        ephemeral: bool,
    },
    /// Deletes the `nth` of what is there below `parent`, counted around.
    DeleteNth {
        parent: String,
        nth: usize,
    },
    /// The session ends, and all its ephemeral znodes go at once.
    End,
}

/// What a znode holds, and the address in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Data {
    pub(crate) text: String,
    pub(crate) address: Option<IpAddr>,
}

impl Data {
    fn nothing() -> Self {
        Self {
            text: String::new(),
            address: None,
        }
    }

    /// An address that nobody had before, in one of the usual forms.
    fn address(rng: &mut Rng, number: u32) -> Self {
        let [_, a, b, c] = number.to_be_bytes();
        let v4 = Ipv4Addr::new(10, a, b, c);
        let address = match rng.u32(0..10) {
            0 => IpAddr::V6(Ipv6Addr::new(
                0xfd00,
                0,
                0,
                0,
                0,
                0,
                u16::from(a),
                (number & 0xffff) as u16,
            )),
            _ => IpAddr::V4(v4),
        };
        let text = match (rng.u32(0..6), address) {
            (0, _) => format!(r#"{{"ip":"{address}","port":80}}"#),
            (1, IpAddr::V4(_)) => format!("{address}:8080"),
            (1, IpAddr::V6(_)) => format!("[{address}]:8080"),
            (2, _) => format!("{address}\n"),
            _ => address.to_string(),
        };
        Self {
            text,
            address: Some(address),
        }
    }

    fn junk(rng: &mut Rng) -> Self {
        const JUNK: [&str; 6] = [
            "no address",
            "10.0.0",
            "{\"ip\":7}",
            "{\"ip\":\"10.0.0.5\"",
            "127.0.0.1",
            "10.0.0.1\n10.0.0.2 evil",
        ];
        Self {
            text: JUNK[rng.usize(0..JUNK.len())].to_owned(),
            address: None,
        }
    }
}

/// How the paths of [`bulk`] begin.
pub(crate) const BULK: &str = "/bulk";

/// What the tree holds before anything happens: the pinned names, and the parents of the rest.
pub(crate) fn setup() -> Vec<Change> {
    let put = |path: String, data: Data| Change {
        session: 0,
        kind: Kind::Put {
            path,
            data,
            ephemeral: false,
        },
    };
    let mut changes: Vec<_> = [
        "/pins",
        "/crowd",
        "/e0",
        "/e1",
        "/n0",
        "/n1",
        "/deep",
        "/deep/below",
    ]
    .into_iter()
    .map(str::to_owned)
    .chain((0..SERVICES).map(|service| format!("/s{service}")))
    .map(|path| put(path, Data::nothing()))
    .collect();
    for number in 0..PINNED {
        let address = IpAddr::V4(Ipv4Addr::new(10, 255, 0, number as u8 + 1));
        let data = Data {
            text: address.to_string(),
            address: Some(address),
        };
        // A few of them as instances of a service.
        let path = match number % 8 {
            0 => format!("/pins/i{number}"),
            _ => format!("/pin{number}"),
        };
        changes.push(put(path, data));
    }
    changes
}

/// Many names more, which nobody touches either, as paths and addresses.
pub(crate) fn bulk(names: u32) -> impl Iterator<Item = (String, IpAddr)> {
    (0..names).map(|number| {
        let [_, high, middle, low] = (0x000a_0000 + number).to_be_bytes();
        let address = Ipv4Addr::new(10, high, middle, low);
        (format!("{BULK}{number:06}"), address.into())
    })
}

/// The names that [`setup`] makes and that nobody touches.
pub(crate) fn pinned() -> impl Iterator<Item = String> {
    (0..PINNED)
        .map(|number| match number % 8 {
            0 => format!("i{number}.pins"),
            _ => format!("pin{number}"),
        })
        .chain(["pins".to_owned()])
}

/// Counts what must be new each time.
#[derive(Debug, Default)]
pub(super) struct Planner {
    number: u32,
    sequential: [i32; 2],
}

impl Planner {
    /// Plans the changes from one time to another.
    pub(super) fn round(&mut self, rng: &mut Rng, from: u64, to: u64, steps: &mut Vec<Step>) {
        let mut rng = rng.fork();
        if rng.bool() {
            self.crowd(&mut rng, from, to, steps);
        }
        let mut at = from + rng.u64(0..2 * GAP);
        while at < to {
            let count = match rng.u32(0..100) {
                0 => BURST,
                _ => 1,
            };
            for _ in 0..count {
                let change = self.change(&mut rng);
                steps.push(Step {
                    at,
                    event: Event::Change(change),
                });
            }
            at += rng.u64(0..2 * GAP);
        }
    }

    /// Many znodes come at once, and all of them go at once.
    fn crowd(&mut self, rng: &mut Rng, from: u64, to: u64, steps: &mut Vec<Step>) {
        let comes = rng.u64(from..to);
        let goes = comes + rng.u64(1000..4000);
        for member in 0..CROWD {
            self.number += 1;
            let path = format!("/crowd/m{member}");
            let put = Kind::Put {
                path: path.clone(),
                data: Data::address(rng, self.number),
                ephemeral: false,
            };
            for (at, kind) in [(comes, put), (goes.min(to), Kind::Delete { path })] {
                steps.push(Step {
                    at,
                    event: Event::Change(Change { session: 0, kind }),
                });
            }
        }
    }

    fn change(&mut self, rng: &mut Rng) -> Change {
        self.number += 1;
        let number = self.number;
        let address = |rng: &mut Rng| Data::address(rng, number);
        let host = |rng: &mut Rng| format!("/t{}", rng.u32(0..HOSTS));
        let instance = |rng: &mut Rng| {
            let (service, instance) = (rng.u32(0..SERVICES), rng.u32(0..INSTANCES));
            format!("/s{service}/c{instance}")
        };
        let odd = |rng: &mut Rng| ODD[rng.usize(0..ODD.len())].to_owned();
        let session = rng.usize(1..SESSIONS);
        let ephemeral = |rng: &mut Rng| {
            let (service, instance) = (rng.u32(0..2), rng.u32(0..INSTANCES));
            format!("/e{service}/by{session}-{instance}")
        };
        let put = |path, data| Change {
            session: 0,
            kind: Kind::Put {
                path,
                data,
                ephemeral: false,
            },
        };
        let delete = |session, path| Change {
            session,
            kind: Kind::Delete { path },
        };
        match rng.u32(0..100) {
            0..32 => put(host(rng), address(rng)),
            32..40 => delete(0, host(rng)),
            40..45 => put(host(rng), Data::junk(rng)),
            45..53 => put(instance(rng), address(rng)),
            53..56 => delete(0, instance(rng)),
            56..58 => put(format!("/s{}", rng.u32(0..SERVICES)), address(rng)),
            58..61 => put(format!("/s{}", rng.u32(0..SERVICES)), Data::nothing()),
            61..74 => Change {
                session,
                kind: Kind::Put {
                    path: ephemeral(rng),
                    data: address(rng),
                    ephemeral: true,
                },
            },
            74..77 => delete(session, ephemeral(rng)),
            77..88 => self.sequential(rng, session),
            88..90 => Change {
                session,
                kind: Kind::End,
            },
            90..96 => put(odd(rng), address(rng)),
            _ => delete(0, odd(rng)),
        }
    }

    fn sequential(&mut self, rng: &mut Rng, session: usize) -> Change {
        let service = rng.usize(0..2);
        let count = &mut self.sequential[service];
        if rng.i32(0..MOST_SEQUENTIAL) < *count {
            *count -= 1;
            return Change {
                session: 0,
                kind: Kind::DeleteNth {
                    parent: format!("/n{service}"),
                    nth: rng.usize(0..100),
                },
            };
        }
        *count += 1;
        let ephemeral = rng.bool();
        Change {
            session: if ephemeral { session } else { 0 },
            kind: Kind::Append {
                prefix: format!("/n{service}/q-"),
                data: Data::address(rng, self.number),
                ephemeral,
            },
        }
    }
}

impl Change {
    #[cfg(test)]
    pub(crate) const KINDS: [&'static str; 8] = [
        "put",
        "put ephemeral",
        "put junk",
        "delete",
        "append",
        "append ephemeral",
        "delete one",
        "end session",
    ];

    /// The kind, as it is counted.
    pub(crate) fn kind_name(&self) -> &'static str {
        match &self.kind {
            Kind::Put {
                ephemeral: true, ..
            } => "put ephemeral",
            Kind::Put { data, .. } if data.address.is_none() => "put junk",
            Kind::Put { .. } => "put",
            Kind::Delete { .. } => "delete",
            Kind::Append {
                ephemeral: true, ..
            } => "append ephemeral",
            Kind::Append { .. } => "append",
            Kind::DeleteNth { .. } => "delete one",
            Kind::End => "end session",
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "session {}: {}", self.session, self.kind_name())?;
        match &self.kind {
            Kind::Put { path, data, .. } => write!(f, " {path} {:?}", data.text),
            Kind::Delete { path } => write!(f, " {path}"),
            Kind::Append { prefix, data, .. } => write!(f, " {prefix}… {:?}", data.text),
            Kind::DeleteNth { parent, nth } => write!(f, " {parent} {nth}"),
            Kind::End => Ok(()),
        }
    }
}
