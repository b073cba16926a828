//! Questions about what is not ours, put to another resolver.
//!
//! hickory-resolver's own `Resolver` is made for programs that want addresses: it answers some names
//! by itself and loses the records of a chain that ends nowhere. A forwarder hands on what it was
//! told, so this takes the parts below: the pool of servers, which falls back to TCP, and the cache.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hickory_proto::op::{DnsRequestOptions, Message, Query, ResponseCode};
use hickory_proto::rr::{Name, Record, RecordType};
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::xfer::{DnsHandle, FirstAnswer, RetryDnsHandle};
use hickory_resolver::net::{DnsError, NetError, NoRecords};
use hickory_resolver::{NameServerPool, PoolContext, ResponseCache, TlsConfig, TtlConfig};
use log::debug;

/// One attempt with all resolvers takes at most this long.
const ATTEMPT: Duration = Duration::from_secs(2);
/// Attempts after the first one. It may reach resolvers that the first had no time for.
const RETRIES: usize = 1;
/// A lookup takes at most this long. Programs ask again after 5 s; until then they should know.
const LONGEST: Duration = Duration::from_millis(4_500);
/// How many responses are kept.
const CACHED: u64 = 4_096;
/// A response of more bytes is not kept: so all that are kept have 8 MiB at most, as they are sent.
const MOST_BYTES: usize = 2_048;
/// How many questions wait for one resolver on one TCP connection.
const IN_FLIGHT: usize = 256;
/// The port of DNS.
const PORT: u16 = 53;

/// Asks other resolvers. Clones share the connections and the cache.
#[derive(Clone)]
pub struct Forwarder {
    pool: RetryDnsHandle<NameServerPool<TokioRuntimeProvider>>,
    cache: ResponseCache,
    options: DnsRequestOptions,
}

/// What the other resolver said.
#[derive(Debug, Clone, PartialEq)]
pub struct Forwarded {
    /// Its response code; `ServFail` where none of the resolvers gave an answer.
    pub code: ResponseCode,
    /// Its answer, with the aliases on the way there. TTLs count down while it is cached.
    pub answers: Vec<Record>,
    /// Its authorities: the SOA where there is no answer.
    pub authorities: Vec<Record>,
}

/// Why a text is no resolver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ResolverError {
    /// It is no address.
    #[error("not an address such as 10.0.0.53, 10.0.0.53:5353 or [fd00::53]:5353")]
    Syntax,
    /// Nobody can be there.
    #[error("no resolver can be at an address or a port of zero")]
    Zero,
}

impl fmt::Debug for Forwarder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Forwarder").finish_non_exhaustive()
    }
}

impl Forwarder {
    /// A forwarder to these resolvers, of which it prefers the faster ones. It must be used within
    /// a tokio runtime, but may be made before.
    ///
    /// # Errors
    /// There is no resolver.
    pub fn new(resolvers: &[SocketAddr]) -> Result<Self, NetError> {
        if resolvers.is_empty() {
            return Err(NetError::NoConnections);
        }
        let mut options = ResolverOpts::default();
        options.timeout = ATTEMPT;
        options.max_active_requests = IN_FLIGHT;
        let cache = ResponseCache::new(CACHED, TtlConfig::from_opts(&options));
        let mut request = DnsRequestOptions::default();
        request.use_edns = options.edns0;
        request.edns_payload_len = options.edns_payload_len;
        let context = PoolContext::new(options, TlsConfig::new()?);
        let pool = NameServerPool::from_config(
            resolvers.iter().map(server),
            Arc::new(context),
            TokioRuntimeProvider::default(),
        );
        Ok(Self {
            pool: RetryDnsHandle::new(pool, RETRIES),
            cache,
            options: request,
        })
    }

    /// What the resolvers say of a name. Takes at most 4.5 s.
    pub async fn lookup(&self, name: &Name, record_type: RecordType) -> Forwarded {
        let mut name = name.clone();
        name.set_fqdn(true);
        let query = Query::query(name, record_type);
        let result = match self.cache.get(&query, Instant::now()) {
            Some(cached) => cached,
            None => self.ask(&query).await,
        };
        Forwarded::new(&query, result)
    }

    async fn ask(&self, query: &Query) -> Result<Message, NetError> {
        let response = self.pool.lookup(query.clone(), self.options).first_answer();
        let response = tokio::time::timeout(LONGEST, response).await;
        let result = response.unwrap_or(Err(NetError::Timeout));
        let result = result.map(|response| response.into_message());
        if result.as_ref().map_or(true, is_kept) {
            self.cache
                .insert(query.clone(), result.clone(), Instant::now());
        }
        result
    }
}

/// Whether a response may be kept, whoever chose how large it is.
fn is_kept(response: &Message) -> bool {
    response
        .to_vec()
        .is_ok_and(|bytes| bytes.len() <= MOST_BYTES)
}

impl Forwarded {
    fn new(query: &Query, result: Result<Message, NetError>) -> Self {
        match result {
            Ok(message) => Self {
                code: message.metadata.response_code,
                answers: spelled_as(&query.name, message.answers),
                authorities: message.authorities,
            },
            Err(NetError::Dns(DnsError::NoRecordsFound(none))) => Self::none(none),
            Err(NetError::Dns(DnsError::ResponseCode(code))) => Self::empty(code),
            Err(error) => {
                debug!("no resolver answers {query}: {error}");
                Self::empty(ResponseCode::ServFail)
            }
        }
    }

    /// There is no such name, or it has no such record.
    fn none(none: NoRecords) -> Self {
        let soa = none.soa.map(|soa| soa.into_record_of_rdata());
        Self {
            authorities: soa.into_iter().collect(),
            ..Self::empty(none.response_code)
        }
    }

    fn empty(code: ResponseCode) -> Self {
        Self {
            code,
            answers: Vec::new(),
            authorities: Vec::new(),
        }
    }
}

/// Gives the name its spelling in the question back: what is cached may have been asked for in
/// another one.
fn spelled_as(name: &Name, mut records: Vec<Record>) -> Vec<Record> {
    for record in &mut records {
        if record.name == *name {
            record.name = name.clone();
        }
    }
    records
}

fn server(address: &SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()];
    let connections = connections.map(|mut connection| {
        connection.port = address.port();
        connection
    });
    NameServerConfig::new(address.ip(), true, connections.into())
}

/// Reads `ADDR`, `ADDR:PORT` or, for IPv6, `[ADDR]:PORT`, for the command line.
///
/// # Errors
/// It is none of these, or its address or port is zero.
pub fn parse_resolver(text: &str) -> Result<SocketAddr, ResolverError> {
    let inside = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    let alone = match inside {
        Some(ip) => ip.parse().map(IpAddr::V6).ok(),
        None => text.parse().ok(),
    };
    let address = alone
        .map(|ip| SocketAddr::new(ip, PORT))
        .or_else(|| text.parse().ok());
    let address = address.ok_or(ResolverError::Syntax)?;
    if address.ip().is_unspecified() || address.port() == 0 {
        return Err(ResolverError::Zero);
    }
    Ok(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolvers() {
        let parsed = |text| parse_resolver(text).map(|address| address.to_string());
        for (text, address) in [
            ("10.0.0.53", "10.0.0.53:53"),
            ("10.0.0.53:5353", "10.0.0.53:5353"),
            ("fd00::53", "[fd00::53]:53"),
            ("[fd00::53]", "[fd00::53]:53"),
            ("[fd00::53]:5353", "[fd00::53]:5353"),
        ] {
            assert_eq!(parsed(text), Ok(address.to_owned()), "{text}");
        }
        for text in [
            "",
            "ns1",
            "ns1:53",
            "10.0.0",
            "10.0.0.53:",
            "10.0.0.53:65536",
            "[10.0.0.53]",
            "[fd00::53",
            "[fd00::53]:",
            "10.0.0.53/32",
        ] {
            assert_eq!(parsed(text), Err(ResolverError::Syntax), "{text}");
        }
        for text in ["0.0.0.0", "::", "[::]:53", "10.0.0.53:0"] {
            assert_eq!(parsed(text), Err(ResolverError::Zero), "{text}");
        }
    }

    /// What a stranger's resolver says takes up no more than so much, in number and in bytes.
    #[test]
    fn a_large_response_is_not_kept() {
        use hickory_proto::rr::RData;
        use hickory_proto::rr::rdata::{A, TXT};

        let name = Name::from_ascii("www.example.").unwrap();
        let response = |data: RData| {
            let mut message = Message::query();
            message.add_answer(Record::from_rdata(name.clone(), 60, data));
            message
        };
        assert!(is_kept(&response(RData::A(A::new(192, 0, 2, 7)))));
        let long = vec!["x".repeat(250); 10];
        assert!(!is_kept(&response(RData::TXT(TXT::new(long)))));
    }

    #[test]
    fn somebody_must_be_asked() {
        assert!(Forwarder::new(&[]).is_err());
    }
}
