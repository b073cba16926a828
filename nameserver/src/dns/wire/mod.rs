//! From the bytes of a query to a question, and from what answers it to the bytes of a response.
//! Pure; the wire format itself is hickory's.
//!
//! hickory's own `Server` is not used: it bounds neither TCP connections nor the files they take,
//! spins when `accept` fails, and starts a task for each packet. Nor is its `Request`, which makes
//! room for as many questions as a header claims, up to some 10 MB for 12 bytes.

use hickory_proto::ProtoError;
use hickory_proto::op::{
    Edns, Header, HeaderCounts, Message, MessageType, Metadata, OpCode, Query as Asked,
    ResponseCode, emit_message_parts,
};
use hickory_proto::rr::{DNSClass, RData, Record};
use hickory_proto::serialize::binary::{
    BinDecodable, BinDecoder, BinEncodable, BinEncoder, DecodeError,
};

use crate::dns::Question;

/// The length of a message's header, in bytes.
const HEADER: usize = 12;
/// The longest query that is read, in bytes; nobody needs more.
pub const LONGEST_QUERY: usize = 4096;
/// The longest response over UDP to whoever does not ask for more, in bytes.
const PLAIN: u16 = 512;
/// The longest response over UDP, in bytes: it passes every usual network in one piece.
const PAYLOAD: u16 = 1232;
/// The length of our OPT record, in bytes; it has no options.
const OPT: u16 = 11;
/// How long one message of a zone transfer gets, in bytes: names further behind could not be
/// pointed to.
const PART: u16 = 16 * 1024;

/// How a message comes and goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// In one datagram.
    Udp,
    /// In a stream, after its length.
    Tcp,
}

/// A well-formed query with one question, of any class.
#[derive(Debug)]
pub struct Query {
    metadata: Metadata,
    asked: Asked,
    /// The SOA that a secondary holds, in IXFR.
    authorities: Vec<Record>,
    edns: Option<Edns>,
    transport: Transport,
    /// Whether whoever asks may have questions forwarded.
    recursion_available: bool,
}

/// Why a message is no [`Query`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoQuery {
    /// It gets no response: it is too short to have a header, or a response itself, and two servers
    /// must not go on answering each other.
    Ignored,
    /// It gets a response without a question.
    Refused(Metadata),
}

impl NoQuery {
    fn refused(header: &Header, code: ResponseCode) -> Self {
        Self::Refused(response(&header.metadata, code))
    }
}

/// What a response says.
#[derive(Debug, Clone, PartialEq)]
pub struct Content {
    /// How it went.
    pub code: ResponseCode,
    /// Whether it is an answer from a zone of ours.
    pub authoritative: bool,
    /// The answer section.
    pub answers: Vec<Record>,
    /// The authority section.
    pub authorities: Vec<Record>,
    /// The additional section, without OPT.
    pub additionals: Vec<Record>,
}

impl Content {
    /// No records, only a code.
    pub fn empty(code: ResponseCode) -> Self {
        Self {
            code,
            authoritative: false,
            answers: Vec::new(),
            authorities: Vec::new(),
            additionals: Vec::new(),
        }
    }
}

impl Query {
    /// Reads a message.
    ///
    /// # Errors
    /// It is no query, or none that can be answered.
    pub fn parse(bytes: &[u8], transport: Transport) -> Result<Self, NoQuery> {
        let mut decoder = BinDecoder::new(bytes);
        let header = Header::read(&mut decoder).map_err(|_| NoQuery::Ignored)?;
        if header.message_type == MessageType::Response {
            return Err(NoQuery::Ignored);
        }
        if header.op_code != OpCode::Query {
            return Err(NoQuery::refused(&header, ResponseCode::NotImp));
        }
        let malformed = NoQuery::refused(&header, ResponseCode::FormErr);
        if header.counts.queries != 1 || is_compressed(&bytes[HEADER..]) {
            return Err(malformed);
        }
        Self::read(header, &mut decoder, transport).map_err(|_| malformed)
    }

    fn read(
        Header { metadata, counts }: Header,
        decoder: &mut BinDecoder<'_>,
        transport: Transport,
    ) -> Result<Self, DecodeError> {
        let asked = Asked::read(decoder)?;
        let mut section = |count: u16, is_additional| {
            Message::read_records(decoder, count.into(), is_additional, metadata.op_code)
        };
        section(counts.answers, false)?;
        let (authorities, ..) = section(counts.authorities, false)?;
        let (_, edns, _) = section(counts.additionals, true)?;
        Ok(Self {
            metadata,
            asked,
            authorities,
            edns,
            transport,
            recursion_available: false,
        })
    }

    /// Says in the response whether whoever asks may have questions forwarded.
    #[must_use]
    pub fn offering_recursion(mut self, available: bool) -> Self {
        self.recursion_available = available;
        self
    }

    /// The code for a question that is none of the Internet's, or in an EDNS yet to come.
    pub fn refusal(&self) -> Option<ResponseCode> {
        let version = self.edns.as_ref().map_or(0, Edns::version);
        if version > 0 {
            return Some(ResponseCode::BADVERS);
        }
        (self.asked.query_class() != DNSClass::IN).then_some(ResponseCode::Refused)
    }

    /// What is asked.
    pub fn question(&self) -> Question<'_> {
        Question {
            name: self.asked.name(),
            record_type: self.asked.query_type(),
        }
    }

    /// Whether it may be passed on to a resolver.
    pub fn wants_recursion(&self) -> bool {
        self.metadata.recursion_desired
    }

    /// How it came.
    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// The serial of the zone as whoever asks has it, in IXFR.
    pub fn held(&self) -> Option<u32> {
        self.authorities.iter().find_map(serial)
    }

    /// Puts the response in place of what `out` holds. It is cut where it would be too long, and
    /// says so, except that additional records just go.
    pub fn respond(&self, content: &Content, out: &mut Vec<u8>) {
        let emitted = match self.emit(content, &content.additionals, out) {
            Ok(header) if header.truncation => self.emit(content, &[], out),
            emitted => emitted,
        };
        if let Err(error) = emitted {
            log::debug!("cannot encode the answer to {}: {error}", self.asked);
            refuse(response(&self.metadata, ResponseCode::ServFail), out);
        }
    }

    fn emit(
        &self,
        content: &Content,
        additionals: &[Record],
        out: &mut Vec<u8>,
    ) -> Result<Header, ProtoError> {
        let mut metadata = response(&self.metadata, content.code);
        metadata.authoritative = content.authoritative;
        metadata.recursion_available = self.recursion_available;
        let sections = Sections {
            question: Some(&self.asked),
            answers: &content.answers,
            authorities: &content.authorities,
            additionals,
        };
        self.encode(metadata, &sections, self.limit(), out)
    }

    /// Puts one message of a zone transfer in place of what `out` holds; returns how many of the
    /// records it has, at least one.
    ///
    /// # Errors
    /// A record does not fit any message.
    pub fn transfer(
        &self,
        records: &[Record],
        is_first: bool,
        out: &mut Vec<u8>,
    ) -> Result<usize, ProtoError> {
        let mut metadata = response(&self.metadata, ResponseCode::NoError);
        metadata.authoritative = true;
        let sections = Sections {
            question: is_first.then_some(&self.asked),
            answers: records,
            ..Sections::default()
        };
        let mut header = self.encode(metadata, &sections, PART, out)?;
        if header.counts.answers == 0 {
            let one = Sections {
                answers: &records[..1],
                ..sections
            };
            header = self.encode(metadata, &one, u16::MAX, out)?;
        }
        if header.counts.answers == 0 {
            return Err(ProtoError::Message("a record does not fit any message"));
        }
        // What does not fit comes in the next message, so nothing is cut.
        out[2] &= !TRUNCATION;
        Ok(header.counts.answers.into())
    }

    /// Encodes with room kept for the OPT record, which a cut response must have as well: it comes
    /// last, and hickory would leave it out first.
    fn encode(
        &self,
        mut metadata: Metadata,
        sections: &Sections<'_>,
        limit: u16,
        out: &mut Vec<u8>,
    ) -> Result<Header, ProtoError> {
        let code = metadata.response_code;
        metadata.response_code = ResponseCode::from_low(code.low());
        out.clear();
        let mut encoder = BinEncoder::new(out);
        encoder.set_max_size(if self.edns.is_some() {
            limit - OPT
        } else {
            limit
        });
        let mut header = emit_message_parts(
            &metadata,
            &mut sections.question.into_iter(),
            &mut sections.answers.iter(),
            &mut sections.authorities.iter(),
            &mut sections.additionals.iter(),
            None,
            None,
            &mut encoder,
        )?;
        // A record that did not fit leaves its first half in the buffer.
        encoder.trim();
        if self.edns.is_some() {
            encoder.set_max_size(limit);
            opt(code).emit(&mut encoder)?;
            header.counts.additionals += 1;
            out[10..HEADER].copy_from_slice(&header.counts.additionals.to_be_bytes());
        }
        Ok(header)
    }

    /// The longest response, in bytes.
    fn limit(&self) -> u16 {
        match (self.transport, &self.edns) {
            (Transport::Tcp, _) => u16::MAX,
            (Transport::Udp, None) => PLAIN,
            (Transport::Udp, Some(edns)) => edns.max_payload().clamp(PLAIN, PAYLOAD),
        }
    }
}

/// The bit of the header's third byte that tells of a cut message.
const TRUNCATION: u8 = 0b10;

/// The sections of a message.
#[derive(Clone, Copy, Default)]
struct Sections<'a> {
    question: Option<&'a Asked>,
    answers: &'a [Record],
    authorities: &'a [Record],
    additionals: &'a [Record],
}

/// Puts a response without any section in place of what `out` holds.
pub fn refuse(metadata: Metadata, out: &mut Vec<u8>) {
    let counts = HeaderCounts::default();
    out.clear();
    let emitted = Header { metadata, counts }.emit(&mut BinEncoder::new(out));
    emitted.expect("a header always fits");
}

/// Leaves of a response its question alone, marked as cut, so that whoever really asked comes over TCP.
pub fn cut(response: &mut Vec<u8>) {
    const HEADER: usize = 12;
    const TRUNCATED: u8 = 2;
    if response.len() < HEADER {
        return response.clear();
    }
    let has_question = response[4..6] == [0, 1];
    let mut end = HEADER;
    if has_question {
        // The first name of a message has nothing to point back to.
        while let Some(&length) = response.get(end).filter(|length| **length > 0) {
            end += 1 + usize::from(length);
        }
        end += 1 + 4;
    }
    response.truncate(end);
    response[2] |= TRUNCATED;
    response[6..HEADER].fill(0);
}

/// The serial in a SOA record.
pub fn serial(record: &Record) -> Option<u32> {
    match &record.data {
        RData::SOA(soa) => Some(soa.serial),
        _ => None,
    }
}

fn response(query: &Metadata, code: ResponseCode) -> Metadata {
    let mut metadata = Metadata::response_from_request(query);
    metadata.response_code = code;
    metadata
}

fn opt(code: ResponseCode) -> Edns {
    let mut edns = Edns::new();
    edns.set_max_payload(PAYLOAD).set_rcode_high(code.high());
    edns
}

/// Whether the name at the begin of the question section has a pointer: it could only point into
/// the header, or to itself, and would point elsewhere in the response.
fn is_compressed(mut question: &[u8]) -> bool {
    while let Some((&length, rest)) = question.split_first() {
        match length {
            0 => return false,
            0xC0.. => return true,
            _ => question = rest.get(length.into()..).unwrap_or_default(),
        }
    }
    false
}

#[cfg(test)]
mod tests;
