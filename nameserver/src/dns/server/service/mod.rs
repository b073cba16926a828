//! What becomes of a message: who may ask for what, and who answers it.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

use hickory_proto::ProtoError;
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::{Name, RData, Record, RecordType};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::dns::access::Networks;
use crate::dns::forward::Forwarder;
use crate::dns::server::rate::{ResponseRate, Verdict};
use crate::dns::statistics::{Outcome, Statistics};
use crate::dns::wire::{self, Content, NoQuery, Query, Transport};
use crate::dns::{Question, Reply, SharedZones};

/// How many questions are with other resolvers at once; more fail.
const LOOKUPS: usize = 256;
/// How many zone transfers there are at once; a secondary that is told of a failure comes again.
const TRANSFERS: usize = 2;

/// Who asks what of whom else.
#[derive(Debug)]
pub struct Recursion {
    /// Whom questions outside of our zones go to.
    pub forwarder: Forwarder,
    /// Whose questions go there.
    pub allowed: Networks,
    /// No answer leads to a private address.
    pub stops_rebinding: bool,
}

/// Answers messages, whichever socket they come from.
#[derive(Debug)]
pub struct Service {
    zones: SharedZones,
    recursion: Option<Recursion>,
    /// Who may have whole zones.
    secondaries: Networks,
    statistics: Arc<Statistics>,
    /// How many responses strangers get over UDP; none for as many as they ask for.
    rate: Option<ResponseRate>,
    turn: AtomicUsize,
    lookups: Arc<Semaphore>,
    transfers: Arc<Semaphore>,
}

/// What is left to do about a message.
#[derive(Debug)]
pub enum Step {
    /// Nothing, and there is no response.
    Ignore,
    /// The response is to be sent.
    Respond,
    /// Another resolver is to be asked.
    Forward(Box<Lookup>),
    /// A zone is to be sent.
    Transfer(Box<Transfer>),
}

/// A question on its way to another resolver.
#[derive(Debug)]
pub struct Lookup {
    query: Query,
    forwarder: Forwarder,
    stops_rebinding: bool,
    begun: Instant,
    _permit: OwnedSemaphorePermit,
}

/// A zone that a secondary may have.
#[derive(Debug)]
pub struct Transfer {
    query: Query,
    zones: SharedZones,
    permit: OwnedSemaphorePermit,
}

/// A zone on its way to a secondary, message by message. It is a copy, so that the zones goes on
/// changing however slowly the secondary reads.
#[derive(Debug)]
pub struct Messages {
    query: Query,
    records: Vec<Record>,
    sent: usize,
    _permit: OwnedSemaphorePermit,
}

impl Service {
    /// Answers from `zones`; zones go to `secondaries` only.
    pub fn new(
        zones: SharedZones,
        recursion: Option<Recursion>,
        secondaries: Networks,
        statistics: Arc<Statistics>,
    ) -> Self {
        Self {
            zones,
            recursion,
            secondaries,
            statistics,
            rate: None,
            turn: AtomicUsize::new(0),
            lookups: Arc::new(Semaphore::new(LOOKUPS)),
            transfers: Arc::new(Semaphore::new(TRANSFERS)),
        }
    }

    /// Sends strangers no more responses over UDP than this.
    #[must_use]
    pub fn limited(mut self, rate: Option<ResponseRate>) -> Self {
        self.rate = rate;
        self
    }

    /// The counts of what it does.
    pub fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// Takes a message. The response, if it is known at once, comes in place of what `out` holds.
    pub fn take(
        &self,
        bytes: &[u8],
        source: IpAddr,
        transport: Transport,
        out: &mut Vec<u8>,
    ) -> Step {
        let begun = Instant::now();
        let mut step = self.step(bytes, source, transport, out);
        let rate = self.rate.as_ref().filter(|_| transport == Transport::Udp);
        if let (Step::Respond, Some(rate)) = (&step, rate) {
            match rate.judge(source, begun) {
                Verdict::Send => {}
                Verdict::Cut => {
                    self.statistics.count_limited();
                    wire::cut(out);
                }
                Verdict::Drop => {
                    self.statistics.count_limited();
                    step = Step::Ignore;
                }
            }
        }
        match &mut step {
            Step::Respond => self.statistics.answered().observe(begun.elapsed()),
            Step::Forward(lookup) => lookup.begun = begun,
            Step::Ignore | Step::Transfer(_) => {}
        }
        step
    }

    fn step(&self, bytes: &[u8], source: IpAddr, transport: Transport, out: &mut Vec<u8>) -> Step {
        let recursion = self.recursion.as_ref();
        let recursion = recursion.filter(|recursion| recursion.allowed.contains(source));
        let query = match Query::parse(bytes, transport) {
            Ok(query) => query.offering_recursion(recursion.is_some()),
            Err(NoQuery::Ignored) => return Step::Ignore,
            Err(NoQuery::Refused(metadata)) => {
                let outcome = Outcome::Code(metadata.response_code);
                self.statistics.count(None, outcome);
                wire::refuse(metadata, out);
                return Step::Respond;
            }
        };
        if let Some(code) = query.refusal() {
            return self.refuse(&query, code, out);
        }
        match query.question().record_type {
            RecordType::AXFR | RecordType::IXFR => self.transfer(query, source, out),
            _ => self.answer(query, recursion, out),
        }
    }

    fn answer(&self, query: Query, recursion: Option<&Recursion>, out: &mut Vec<u8>) -> Step {
        let turn = self.turn.fetch_add(1, Relaxed);
        let reply = self.zones.read().answer(query.question(), turn);
        match (reply, recursion) {
            (Reply::Outside, Some(recursion)) if query.wants_recursion() => {
                self.forward(query, recursion, out)
            }
            (Reply::Outside, _) => self.refuse(&query, ResponseCode::Refused, out),
            (Reply::Unknown, _) => self.refuse(&query, ResponseCode::ServFail, out),
            (
                Reply::Answer {
                    code,
                    answers,
                    authorities,
                    additionals,
                },
                _,
            ) => {
                let content = Content {
                    code,
                    authoritative: true,
                    answers,
                    authorities,
                    additionals,
                };
                self.respond(&query, &content, out)
            }
        }
    }

    fn forward(&self, query: Query, recursion: &Recursion, out: &mut Vec<u8>) -> Step {
        self.statistics.count_forwarded();
        let Ok(permit) = Arc::clone(&self.lookups).try_acquire_owned() else {
            return self.refuse(&query, ResponseCode::ServFail, out);
        };
        Step::Forward(Box::new(Lookup {
            query,
            forwarder: recursion.forwarder.clone(),
            stops_rebinding: recursion.stops_rebinding,
            begun: Instant::now(),
            _permit: permit,
        }))
    }

    /// Waits for what the other resolver says and puts the response in place of what `out` holds.
    pub async fn look_up(&self, lookup: Lookup, out: &mut Vec<u8>) {
        let question = lookup.query.question();
        let forwarder = &lookup.forwarder;
        let mut forwarded = forwarder.lookup(question.name, question.record_type).await;
        let answers = &mut forwarded.answers;
        answers.retain(|record| !self.is_ours(record, question.name));
        if lookup.stops_rebinding {
            answers.retain(|record| !leads_inside(record));
        }
        let content = Content {
            code: forwarded.code,
            authoritative: false,
            answers: forwarded.answers,
            authorities: forwarded.authorities,
            additionals: Vec::new(),
        };
        self.respond(&lookup.query, &content, out);
        self.statistics.answered().observe(lookup.begun.elapsed());
    }

    /// Whether another resolver tells of a name that only we may tell of, as a chain of aliases can lead to.
    fn is_ours(&self, record: &Record, asked: &Name) -> bool {
        let question = Question {
            name: &record.name,
            record_type: record.record_type(),
        };
        record.name != *asked && self.zones.read().answer(question, 0) != Reply::Outside
    }

    /// AXFR over UDP is malformed, as BIND has it, since nothing says what it would be. IXFR over
    /// UDP gets the SOA alone, by which a secondary sees whether to come over TCP.
    fn transfer(&self, query: Query, source: IpAddr, out: &mut Vec<u8>) -> Step {
        let (transport, asked) = (query.transport(), query.question());
        if (transport, asked.record_type) == (Transport::Udp, RecordType::AXFR) {
            return self.refuse(&query, ResponseCode::FormErr, out);
        }
        if !self.secondaries.contains(source) {
            return self.refuse(&query, ResponseCode::Refused, out);
        }
        let soa = self.zones.read().soa(asked.name);
        let Some(soa) = soa else {
            return self.refuse(&query, self.no_apex(&query), out);
        };
        let is_current = query.held().is_some() && query.held() == wire::serial(&soa);
        if transport == Transport::Udp || is_current {
            let content = Content {
                authoritative: true,
                answers: vec![soa],
                ..Content::empty(ResponseCode::NoError)
            };
            return self.respond(&query, &content, out);
        }
        let Ok(permit) = Arc::clone(&self.transfers).try_acquire_owned() else {
            return self.refuse(&query, ResponseCode::ServFail, out);
        };
        let outcome = Outcome::Code(ResponseCode::NoError);
        self.statistics.count(Some(asked.record_type), outcome);
        Step::Transfer(Box::new(Transfer {
            query,
            zones: self.zones.clone(),
            permit,
        }))
    }

    /// The code for the transfer of a name that is no apex of ours.
    fn no_apex(&self, query: &Query) -> ResponseCode {
        match self.zones.read().answer(query.question(), 0) {
            Reply::Unknown => ResponseCode::ServFail,
            _ => ResponseCode::NotAuth,
        }
    }

    fn refuse(&self, query: &Query, code: ResponseCode, out: &mut Vec<u8>) -> Step {
        self.respond(query, &Content::empty(code), out)
    }

    fn respond(&self, query: &Query, content: &Content, out: &mut Vec<u8>) -> Step {
        let outcome = match content.code {
            ResponseCode::NoError if content.answers.is_empty() => Outcome::NoData,
            code => Outcome::Code(code),
        };
        let record_type = query.question().record_type;
        self.statistics.count(Some(record_type), outcome);
        query.respond(content, out);
        Step::Respond
    }
}

/// Whether a record gives an address that means something else to each who asks.
fn leads_inside(record: &Record) -> bool {
    let ip: IpAddr = match &record.data {
        RData::A(ip) => ip.0.into(),
        RData::AAAA(ip) => ip.0.into(),
        _ => return false,
    };
    Networks::private().contains(ip) || ip.to_canonical().is_unspecified()
}

impl Transfer {
    /// Copies the zone, which takes a moment for a large one. None if it is gone by now.
    pub fn load(self) -> Option<Messages> {
        let records = self.zones.read().transfer(self.query.question().name)?;
        Some(Messages {
            query: self.query,
            records,
            sent: 0,
            _permit: self.permit,
        })
    }
}

impl Messages {
    /// Puts the next message in place of what `out` holds; false when there is none.
    ///
    /// # Errors
    /// A record is longer than any message.
    pub fn next(&mut self, out: &mut Vec<u8>) -> Result<bool, ProtoError> {
        let left = &self.records[self.sent..];
        if left.is_empty() {
            return Ok(false);
        }
        self.sent += self.query.transfer(left, self.sent == 0, out)?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests;
