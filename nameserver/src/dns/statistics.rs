//! How many queries of which type were answered how: counts that any thread may raise.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use daemon::Histogram;
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use serde_json::{Map, Value, json};

/// The types that are told apart; the last stands for all others, and for what is no query.
const TYPES: [&str; 10] = [
    "A", "AAAA", "SRV", "PTR", "TXT", "SOA", "NS", "ANY", "AXFR", "other",
];
/// The results that are told apart; the last stands for all others.
const RESULTS: [&str; 8] = [
    "NOERROR", "NODATA", "NXDOMAIN", "REFUSED", "FORMERR", "SERVFAIL", "NOTIMP", "other",
];

/// What came of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A response with this code and, if it is `NoError`, with answers.
    Code(ResponseCode),
    /// A name that has no record of the type.
    NoData,
}

/// The counts since the start.
#[derive(Debug)]
pub struct Statistics {
    queries: [[AtomicU64; RESULTS.len()]; TYPES.len()],
    forwarded: AtomicU64,
    limited: AtomicU64,
    connections: AtomicU64,
    answered: Histogram,
}

/// A TCP connection counts for as long as this lives.
#[derive(Debug)]
pub(super) struct Counted<'a>(&'a Statistics);

impl Default for Statistics {
    fn default() -> Self {
        Self {
            queries: Default::default(),
            forwarded: AtomicU64::new(0),
            limited: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            answered: Histogram::new(Histogram::MICROS),
        }
    }
}

impl Statistics {
    /// How long it took from when queries were taken until there was a response.
    pub fn answered(&self) -> &Histogram {
        &self.answered
    }

    /// Counts a query; no type for what could not be read as one.
    pub fn count(&self, record_type: Option<RecordType>, outcome: Outcome) {
        self.queries[type_of(record_type)][result_of(outcome)].fetch_add(1, Relaxed);
    }

    /// Counts a question that goes to another resolver. Its result counts too, once it is known.
    pub fn count_forwarded(&self) {
        self.forwarded.fetch_add(1, Relaxed);
    }

    /// Counts a response that a stranger did not get, since there were too many. Its result counts too.
    pub fn count_limited(&self) {
        self.limited.fetch_add(1, Relaxed);
    }

    /// How many responses strangers did not get.
    pub fn limited(&self) -> u64 {
        self.limited.load(Relaxed)
    }

    /// Counts a TCP connection as long as it lasts.
    pub(super) fn connected(&self) -> Counted<'_> {
        self.connections.fetch_add(1, Relaxed);
        Counted(self)
    }

    /// How many questions went to another resolver.
    pub fn forwarded(&self) -> u64 {
        self.forwarded.load(Relaxed)
    }

    /// How many TCP connections there are now.
    pub fn connections(&self) -> u64 {
        self.connections.load(Relaxed)
    }

    /// The queries by type and result, without what never came.
    pub fn queries(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
        let rows = self.queries.iter().zip(TYPES);
        rows.flat_map(|(row, of_type)| {
            let counts = row.iter().zip(RESULTS);
            counts.map(move |(count, result)| (of_type, result, count.load(Relaxed)))
        })
        .filter(|(.., count)| *count > 0)
    }

    /// All of it, for the status: `{"queries": {"A": {"NOERROR": 3}}, "forwarded": 0,
    /// "connections": 0}`.
    pub fn status(&self) -> Value {
        let mut queries = Map::new();
        for (of_type, result, count) in self.queries() {
            let results = queries.entry(of_type).or_insert_with(|| json!({}));
            results[result] = count.into();
        }
        json!({
            "queries": queries,
            "forwarded": self.forwarded(),
            "connections": self.connections(),
        })
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Relaxed);
    }
}

/// The index in [`TYPES`]. IXFR counts as AXFR, which it is answered like.
fn type_of(record_type: Option<RecordType>) -> usize {
    match record_type {
        Some(RecordType::A) => 0,
        Some(RecordType::AAAA) => 1,
        Some(RecordType::SRV) => 2,
        Some(RecordType::PTR) => 3,
        Some(RecordType::TXT) => 4,
        Some(RecordType::SOA) => 5,
        Some(RecordType::NS) => 6,
        Some(RecordType::ANY) => 7,
        Some(RecordType::AXFR | RecordType::IXFR) => 8,
        _ => 9,
    }
}

/// The index in [`RESULTS`].
fn result_of(outcome: Outcome) -> usize {
    match outcome {
        Outcome::Code(ResponseCode::NoError) => 0,
        Outcome::NoData => 1,
        Outcome::Code(ResponseCode::NXDomain) => 2,
        Outcome::Code(ResponseCode::Refused) => 3,
        Outcome::Code(ResponseCode::FormErr) => 4,
        Outcome::Code(ResponseCode::ServFail) => 5,
        Outcome::Code(ResponseCode::NotImp) => 6,
        Outcome::Code(_) => 7,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_and_result_has_its_place() {
        let statistics = Statistics::default();
        let code = Outcome::Code;
        statistics.count(Some(RecordType::A), code(ResponseCode::NoError));
        statistics.count(Some(RecordType::A), code(ResponseCode::NoError));
        statistics.count(Some(RecordType::NS), Outcome::NoData);
        statistics.count(Some(RecordType::ANY), code(ResponseCode::NotImp));
        statistics.count(Some(RecordType::IXFR), code(ResponseCode::NotAuth));
        statistics.count(Some(RecordType::MX), code(ResponseCode::NXDomain));
        statistics.count(None, code(ResponseCode::FormErr));
        let counted: Vec<_> = statistics.queries().collect();
        assert_eq!(
            counted,
            [
                ("A", "NOERROR", 2),
                ("NS", "NODATA", 1),
                ("ANY", "NOTIMP", 1),
                ("AXFR", "other", 1),
                ("other", "NXDOMAIN", 1),
                ("other", "FORMERR", 1),
            ]
        );
    }

    #[test]
    fn the_status_has_it_all() {
        let statistics = Statistics::default();
        statistics.count(Some(RecordType::TXT), Outcome::Code(ResponseCode::Refused));
        statistics.count_forwarded();
        let connection = statistics.connected();
        let expected =
            json!({"queries": {"TXT": {"REFUSED": 1}}, "forwarded": 1, "connections": 1});
        assert_eq!(statistics.status(), expected);
        drop(connection);
        assert_eq!(statistics.connections(), 0);
    }
}
