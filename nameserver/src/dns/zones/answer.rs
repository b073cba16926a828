//! From a question to the records that answer it.

use std::collections::HashSet;
use std::net::IpAddr;

use contract::Address;
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::rdata::{A, AAAA, HINFO, NS, PTR, SOA, SRV, TXT};
use hickory_proto::rr::{Name, RData, Record, RecordType};

use crate::dns::zones::entry::{Entry, Kind, Target};
use crate::dns::zones::names::{dns_name, host_of, instance, instance_label, key};
use crate::dns::zones::reverse;
use crate::dns::zones::{Node, Zones};

/// The first label of the name that tells how fresh the tree is.
const STATUS: &str = "_status";
/// The first label of this replica's own name in each zone.
const NAMESERVER: &str = "nameserver";
/// The first label of the mailbox that an SOA names.
const HOSTMASTER: &str = "hostmaster";
/// The protocols of SRV records.
const PROTOCOLS: [&str; 2] = ["_tcp", "_udp"];
/// How many records an answer has at most: more than any message has room for.
const MAX_RECORDS: usize = 4096;
/// What a secondary waits before it looks for news, in seconds.
const REFRESH: i32 = 60;
/// What it waits after it could not, in seconds.
const RETRY: i32 = 10;
/// For how long it goes on answering without us, in seconds.
const EXPIRE: i32 = 86_400;

/// What is asked, in class IN.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The name as it was spelled.
    pub name: &'a Name,
    /// The type of record.
    pub record_type: RecordType,
}

/// What a question gets.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// An authoritative answer from one of our zones.
    Answer {
        /// `NoError`, or `NXDomain` for a name that does not exist.
        code: ResponseCode,
        /// The answer; empty where the name has no record of that type (NODATA).
        answers: Vec<Record>,
        /// The zone's SOA where there is no answer.
        authorities: Vec<Record>,
        /// Addresses of the names in the answer.
        additionals: Vec<Record>,
    },
    /// The name lies outside of our zones.
    Outside,
    /// The tree was never read, so that nobody knows.
    Unknown,
}

/// The records of an answer.
#[derive(Debug, Default)]
pub(super) struct Records {
    pub(super) answers: Vec<Record>,
    /// Addresses of the names in the answer.
    pub(super) additionals: Vec<Record>,
}

impl Records {
    fn join(&mut self, mut other: Self) {
        self.answers.append(&mut other.answers);
        self.additionals.append(&mut other.additionals);
    }
}

impl From<Vec<Record>> for Records {
    fn from(answers: Vec<Record>) -> Self {
        Self {
            answers,
            additionals: Vec::new(),
        }
    }
}

impl From<Record> for Records {
    fn from(answer: Record) -> Self {
        vec![answer].into()
    }
}

/// What is at a name.
enum Found<'a> {
    /// Nothing.
    Nothing,
    /// The name exists, and that is all.
    Bare,
    /// A name of the tree.
    Node(&'a Node),
    /// The SRV records of a name.
    Service(&'a Entry),
    /// An instance without a name of its own.
    Instance(IpAddr, &'a Entry),
    /// This replica.
    Nameserver,
    /// How fresh the tree is.
    Status,
}

impl Zones {
    /// Answers a question. `turn` goes up by one with each, so that the addresses of a service take
    /// turns at the first place.
    pub fn answer(&self, question: Question<'_>, turn: usize) -> Reply {
        let name = key(question.name);
        if let Some(address) = reverse::address(&name) {
            return self.reverse(question, &name, address);
        }
        let is_status = name == STATUS && self.settings.domain.is_none();
        let apex = match self.apex(&name) {
            Some(apex) => apex,
            None if is_status => STATUS,
            None if !self.is_complete && self.settings.domain.is_none() => return Reply::Unknown,
            None => return Reply::Outside,
        };
        let found = self.find(&name, apex);
        if !self.is_complete && !matches!(found, Found::Status) {
            return Reply::Unknown;
        }
        if matches!(found, Found::Nothing) {
            return self.negative(apex, ResponseCode::NXDomain);
        }
        let mut records = self.records(question, &name, &found, turn);
        if name == apex {
            records.join(self.apex_records(question, apex));
        }
        if records.answers.is_empty() {
            return self.negative(apex, ResponseCode::NoError);
        }
        Reply::Answer {
            code: ResponseCode::NoError,
            answers: records.answers,
            authorities: Vec::new(),
            additionals: records.additionals,
        }
    }

    fn find(&self, name: &str, apex: &str) -> Found<'_> {
        let (first, rest) = name.split_once('.').unwrap_or((name, ""));
        let is_below_apex = rest == apex || name == STATUS;
        if first == STATUS && is_below_apex {
            return Found::Status;
        }
        if let Some(node) = self.node(name) {
            return Found::Node(node);
        }
        if name == apex {
            return Found::Bare;
        }
        if first == NAMESERVER && is_below_apex {
            return Found::Nameserver;
        }
        if PROTOCOLS.contains(&first) {
            let entry = self.entry(rest);
            let has_any = entry.is_some_and(|entry| serves(entry, None, first));
            return if has_any { Found::Bare } else { Found::Nothing };
        }
        if first.starts_with('_')
            && let Some((proto, host)) = rest.split_once('.')
            && let Some(entry) = self.entry(host)
            && serves(entry, Some(first), proto)
        {
            return Found::Service(entry);
        }
        if let Some(address) = instance(first)
            && let Some(entry) = self.entry(rest)
            && entry.addresses.iter().any(|other| other.ip() == address)
        {
            return Found::Instance(address, entry);
        }
        Found::Nothing
    }

    /// The records of what was found that are asked for.
    fn records(
        &self,
        question: Question<'_>,
        name: &str,
        found: &Found<'_>,
        turn: usize,
    ) -> Records {
        let Question {
            name: owner,
            record_type,
        } = question;
        if record_type == RecordType::ANY {
            // RFC 8482: something, but never all, which is what floods are made with.
            let data = HINFO::new("RFC8482".to_owned(), String::new());
            return record(owner, self.negative_ttl(), RData::HINFO(data)).into();
        }
        match found {
            Found::Node(node) => self.node_records(question, node, turn).into(),
            Found::Service(entry) if record_type == RecordType::SRV => {
                let targets = in_turn(entry.targets.iter(), turn).take(MAX_RECORDS);
                self.services(owner, host_of(name), self.ttl(entry), targets)
            }
            Found::Instance(address, entry) => {
                let data = of_type(record_type, *address).into_iter();
                let records = data.map(|data| record(owner, self.ttl(entry), data));
                records.collect::<Vec<_>>().into()
            }
            Found::Nameserver => {
                let addresses = self.nameserver_addresses(owner);
                let wanted = addresses.filter(|address| address.record_type() == record_type);
                wanted.collect::<Vec<_>>().into()
            }
            Found::Status if record_type == RecordType::TXT => {
                record(owner, 0, RData::TXT(TXT::new(self.status()))).into()
            }
            Found::Nothing | Found::Bare | Found::Service(_) | Found::Status => Records::default(),
        }
    }

    /// The records that only the apex of a zone has.
    fn apex_records(&self, question: Question<'_>, apex: &str) -> Records {
        let owner = question.name.clone();
        match question.record_type {
            RecordType::SOA => self.soa_of(owner, apex).into(),
            RecordType::NS => {
                let nameserver = dns_name(&self.nameserver(apex));
                Records {
                    answers: vec![self.ns(owner, apex)],
                    additionals: self.nameserver_addresses(&nameserver).collect(),
                }
            }
            _ => Records::default(),
        }
    }

    fn node_records(&self, question: Question<'_>, node: &Node, turn: usize) -> Vec<Record> {
        let Question { name, record_type } = question;
        match (&node.entry, record_type) {
            (Some(entry), RecordType::A | RecordType::AAAA) => {
                let ttl = self.ttl(entry);
                let turn = if entry.kind == Kind::Service { turn } else { 0 };
                let addresses = entry.addresses.iter();
                let data = addresses.filter_map(|address| of_type(record_type, address.ip()));
                let data = in_turn(data, turn).take(MAX_RECORDS);
                data.map(|data| record(name, ttl, data)).collect()
            }
            (Some(entry), RecordType::TXT) => {
                vec![record(name, self.ttl(entry), RData::TXT(described(entry)))]
            }
            (None, RecordType::TXT) => {
                let ttl = self.negative_ttl();
                let texts = node.znodes.iter().map(|path| {
                    let text = vec![text("znode", path.as_str()), "no address".to_owned()];
                    record(name, ttl, RData::TXT(TXT::new(text)))
                });
                texts.collect()
            }
            _ => Vec::new(),
        }
    }

    /// SRV records of the name `host` for some of its targets, and the addresses of those.
    pub(super) fn services<'a>(
        &self,
        owner: &Name,
        host: &str,
        ttl: u32,
        targets: impl Iterator<Item = &'a Target>,
    ) -> Records {
        let mut records = Records::default();
        // One host may have several ports, and instances without names may share one.
        let (mut hosts, mut services) = (HashSet::new(), HashSet::new());
        for target in targets {
            let Target {
                priority,
                weight,
                port,
                ..
            } = *target;
            for (text, addresses) in self.hosts_of(target, host) {
                let name = dns_name(&text);
                let ttl_of_host = self.entry(&text).map_or(ttl, |host| self.ttl(host));
                for address in addresses {
                    if hosts.insert((text.clone(), *address)) {
                        let new = record(&name, ttl_of_host, of_any_type(address.ip()));
                        records.additionals.push(new);
                    }
                }
                if services.insert((text, priority, weight, port)) {
                    let data = SRV::new(priority, weight, port, name);
                    records.answers.push(record(owner, ttl, RData::SRV(data)));
                }
            }
        }
        records
    }

    /// The names under which a target's addresses are found: the instance's own, unless it has none
    /// or another znode has it; else one for each address.
    pub(super) fn hosts_of<'a>(
        &self,
        target: &'a Target,
        host: &str,
    ) -> Vec<(String, &'a [Address])> {
        let own = target.name.as_ref().filter(|name| {
            let entry = self.entry(name.as_str());
            let has = |address| entry.is_some_and(|entry| entry.addresses.contains(address));
            target.addresses.iter().all(has)
        });
        match own {
            Some(own) => vec![(own.to_string(), &target.addresses[..])],
            None => {
                let each = target.addresses.iter();
                let named = each.map(|address| {
                    let name = format!("{}.{host}", instance_label(address.ip()));
                    (name, std::slice::from_ref(address))
                });
                named.collect()
            }
        }
    }

    fn reverse(&self, question: Question<'_>, name: &str, address: IpAddr) -> Reply {
        let mut names = self.names_of(address).take(MAX_RECORDS).peekable();
        if names.peek().is_none() {
            return if self.is_complete {
                Reply::Outside
            } else {
                Reply::Unknown
            };
        }
        if question.record_type != RecordType::PTR && question.record_type != RecordType::ANY {
            return self.negative(name, ResponseCode::NoError);
        }
        let pointers = names.map(|of| {
            let ttl = self.entry(of).map_or(0, |entry| self.ttl(entry));
            record(question.name, ttl, RData::PTR(PTR(dns_name(of))))
        });
        Reply::Answer {
            code: ResponseCode::NoError,
            answers: pointers.collect(),
            authorities: Vec::new(),
            additionals: Vec::new(),
        }
    }

    /// There is no such name, or no such record.
    fn negative(&self, apex: &str, code: ResponseCode) -> Reply {
        Reply::Answer {
            code,
            answers: Vec::new(),
            authorities: vec![self.soa_of(dns_name(apex), apex)],
            additionals: Vec::new(),
        }
    }

    /// The SOA record of the zone with this apex.
    pub(super) fn soa_of(&self, owner: Name, apex: &str) -> Record {
        let ttl = self.negative_ttl();
        let data = SOA::new(
            dns_name(&self.nameserver(apex)),
            dns_name(&format!("{HOSTMASTER}.{}", self.zone_above(apex))),
            self.serial,
            REFRESH,
            RETRY,
            EXPIRE,
            ttl,
        );
        Record::from_rdata(owner, ttl, RData::SOA(data))
    }

    /// The NS record of the zone with this apex.
    pub(super) fn ns(&self, owner: Name, apex: &str) -> Record {
        let target = dns_name(&self.nameserver(apex));
        Record::from_rdata(owner, self.negative_ttl(), RData::NS(NS(target)))
    }

    /// This replica's own name in a zone.
    pub(super) fn nameserver(&self, apex: &str) -> String {
        format!("{NAMESERVER}.{}", self.zone_above(apex))
    }

    /// The zone that names of ours can lie in; a reverse zone has none of them.
    fn zone_above<'a>(&'a self, apex: &'a str) -> &'a str {
        match (&self.settings.domain, reverse::address(apex)) {
            (Some(domain), _) => domain.as_str(),
            (None, None) => apex,
            (None, Some(address)) => {
                let first = self.names_of(address).next();
                let top = first.and_then(|name| name.rsplit('.').next());
                top.unwrap_or(apex)
            }
        }
    }

    /// The addresses of this replica.
    pub(super) fn nameserver_addresses(&self, owner: &Name) -> impl Iterator<Item = Record> {
        let ttl = self.negative_ttl();
        let addresses = self.settings.addresses.iter();
        addresses.map(move |&address| record(owner, ttl, of_any_type(address)))
    }

    /// How fresh the tree is, as `KEY=VALUE`.
    fn status(&self) -> Vec<String> {
        let state = text("state", self.state());
        let Some(fresh) = &self.freshness else {
            return vec![state];
        };
        vec![
            state,
            format!("since={}", daemon::time(fresh.since)),
            format!("zxid={}", fresh.zxid),
            format!("generation={}", fresh.generation),
        ]
    }
}

/// What TXT says of an entry.
pub(super) fn described(entry: &Entry) -> TXT {
    let mut texts = vec![text("znode", entry.znode.as_str())];
    texts.extend(entry.format.map(|format| text("format", format.into())));
    if entry.kind == Kind::Service {
        texts.push(text("addresses", &entry.addresses.len().to_string()));
    }
    TXT::new(texts)
}

/// A string of a TXT record, cut at its 255 bytes.
fn text(key: &str, value: &str) -> String {
    let mut text = format!("{key}={value}");
    let is_end = |&end: &usize| text.is_char_boundary(end);
    let end = (0..=text.len().min(255)).rev().find(is_end);
    text.truncate(end.unwrap_or(0));
    text
}

/// Whether a name has SRV records for a service, or for any, of a protocol.
fn serves(entry: &Entry, service: Option<&str>, proto: &str) -> bool {
    let has_labels = match &entry.labels {
        None => PROTOCOLS.contains(&proto),
        Some(labels) => {
            *labels.proto == *proto && service.is_none_or(|service| *labels.service == *service)
        }
    };
    has_labels && !entry.targets.is_empty()
}

/// An address as a record of the type that is asked for; none if it is of the other kind.
fn of_type(record_type: RecordType, address: IpAddr) -> Option<RData> {
    let data = of_any_type(address);
    (data.record_type() == record_type).then_some(data)
}

/// An address as a record of the type that it has.
pub(super) fn of_any_type(address: IpAddr) -> RData {
    match address {
        IpAddr::V4(v4) => RData::A(A(v4)),
        IpAddr::V6(v6) => RData::AAAA(AAAA(v6)),
    }
}

fn record(owner: &Name, ttl: u32, data: RData) -> Record {
    Record::from_rdata(owner.clone(), ttl, data)
}

/// All of them in order, beginning with another one at each turn.
fn in_turn<I: Iterator + Clone>(all: I, turn: usize) -> impl Iterator<Item = I::Item> {
    let first = turn.checked_rem(all.clone().count()).unwrap_or(0);
    all.clone().skip(first).chain(all.take(first))
}
