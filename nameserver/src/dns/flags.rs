//! The flags of `--dns`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use contract::Name;
use daemon::{Metrics, Tasks, WrongUsage};
use ipnet::IpNet;

use super::access::{Networks, parse_network};
use super::forward::{Forwarder, parse_resolver};
use super::server::Listening;
use super::server::rate::ResponseRate;
use super::server::service::{Recursion, Service};
use super::statistics::Statistics;
use super::{Settings, SharedZones};

/// A secondary would ask for a zone all the time, or a cache keep what is gone for more than a day.
const LONGEST_TTL: Duration = Duration::from_secs(24 * 60 * 60);

/// How DNS is answered.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "DNS")]
pub struct DnsArgs {
    /// Answer DNS here, over UDP and TCP, from the live tree (repeatable): 127.0.0.1:53 for this
    /// machine only, 0.0.0.0:53 and [::]:53 for everyone
    ///
    /// Each replica answers, whether it leads or not, and goes on answering from the last tree while
    /// ZooKeeper is away. Its zone is --domain; without one, the top labels of the tree's names are
    /// zones, and all else is refused. A port below 1024 needs root or CAP_NET_BIND_SERVICE.
    #[arg(long, value_name = "ADDR:PORT", value_parser = address)]
    pub dns: Vec<SocketAddr>,

    /// How long others may keep an answer, where the record does not say [default: 30s, and 5s for
    /// services whose instances are ephemeral]
    ///
    /// Shorter follows changes sooner, longer asks less often. A plain number is seconds.
    #[arg(long, value_name = "DURATION", value_parser = ttl)]
    pub ttl: Option<Duration>,

    /// Give whole zones (AXFR) to secondaries at this address or in this network (repeatable);
    /// nobody else gets one
    #[arg(long, value_name = "ADDR[/LEN]", value_parser = parse_network)]
    pub allow_transfer: Vec<IpNet>,

    /// Ask this resolver for names outside of our zones (repeatable; port 53 if none is given), so
    /// that this replica can be a machine's only resolver
    ///
    /// Without it such questions are refused. See --allow-recursion for whose are passed on.
    #[arg(long, value_name = "ADDR[:PORT]", value_parser = parse_resolver)]
    pub forward: Vec<SocketAddr>,

    /// With --forward, pass on questions from this address or network (repeatable) [default:
    /// loopback and private networks]
    ///
    /// A resolver that is open to the Internet is soon abused to flood others; name networks of
    /// yours only.
    #[arg(long, value_name = "ADDR[/LEN]", value_parser = parse_network)]
    pub allow_recursion: Vec<IpNet>,

    /// With --forward, leave private and loopback addresses out of what the resolver says, so that nobody's web page
    /// reaches machines of yours by a name of its own (DNS rebinding)
    ///
    /// Not for a resolver that knows private names, as that of a container engine does.
    #[arg(long)]
    pub stop_rebinding: bool,

    /// Send each network of strangers (/24, or /56 of IPv6) at most so many responses a second over UDP, where anybody can
    /// forge who asks; 0 for as many as they ask for
    ///
    /// Of what is too much every second response says to come over TCP, and the rest is not sent. Loopback and private
    /// networks, and those of --allow-recursion and --allow-transfer, are no strangers.
    #[arg(long, value_name = "NUMBER", default_value_t = 200)]
    pub response_rate: u32,
}

/// DNS as it is asked for, with its sockets, before there are threads.
#[derive(Debug)]
pub struct Dns {
    listening: Listening,
    settings: Settings,
    forward: Vec<SocketAddr>,
    recursive: Networks,
    stops_rebinding: bool,
    rate: Option<u32>,
    secondaries: Networks,
}

/// What is told about the DNS of this replica.
#[derive(Debug, Clone)]
pub struct Told {
    /// Where it answers.
    pub addresses: Vec<SocketAddr>,
    /// What it has done.
    pub statistics: Arc<Statistics>,
    /// What it answers from.
    pub zones: SharedZones,
}

impl DnsArgs {
    /// Takes the addresses, if DNS is asked for. To be called while there is a terminal to complain
    /// at.
    ///
    /// # Errors
    /// The flags do not go together; an address is taken, not allowed, or none of this machine.
    pub fn listen(&self, domain: Option<Name>) -> anyhow::Result<Option<Dns>> {
        self.together().map_err(WrongUsage::new)?;
        if self.dns.is_empty() {
            return Ok(None);
        }
        let listening = Listening::bind(&self.dns)?;
        let addresses = listening.addresses();
        let ips = addresses.iter().map(SocketAddr::ip);
        let settings = Settings {
            domain,
            ttl: self.ttl.map(seconds),
            addresses: ips.filter(|ip| !ip.is_unspecified()).collect(),
        };
        Ok(Some(Dns {
            listening,
            settings,
            forward: self.forward.clone(),
            recursive: match self.allow_recursion.as_slice() {
                [] => Networks::private(),
                networks => networks.to_vec().into(),
            },
            stops_rebinding: self.stop_rebinding,
            rate: Some(self.response_rate).filter(|rate| *rate > 0),
            secondaries: self.allow_transfer.clone().into(),
        }))
    }

    /// Whether each flag has the one that it is about, wherever that was set.
    fn together(&self) -> anyhow::Result<()> {
        let (answers, forwards) = (!self.dns.is_empty(), !self.forward.is_empty());
        let given = [
            ("--ttl", self.ttl.is_some()),
            ("--allow-transfer", !self.allow_transfer.is_empty()),
            ("--forward", forwards),
        ];
        if let Some((flag, _)) = given.iter().find(|(_, given)| *given && !answers) {
            bail!("{flag} is about DNS, which is not answered; say where with --dns ADDR:PORT");
        }
        if !forwards && !self.allow_recursion.is_empty() {
            bail!("--allow-recursion says whose questions --forward passes on; add that");
        }
        if !forwards && self.stop_rebinding {
            bail!("--stop-rebinding is about what --forward brings; add that");
        }
        let is_ours = |resolver: &&SocketAddr| self.dns.iter().any(|dns| reaches(resolver, dns));
        if let Some(resolver) = self.forward.iter().find(is_ours) {
            bail!(
                "--forward {resolver} is where --dns answers: questions would go round in circles; \
                 name another resolver"
            );
        }
        Ok(())
    }
}

/// The resolver of a container engine. What is sent there goes elsewhere before it comes to any socket
/// of the container.
const ENGINE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 11));

/// Whether what is sent to `target` comes to a socket at `bound`, as far as the two tell.
fn reaches(target: &SocketAddr, bound: &SocketAddr) -> bool {
    let is_any = bound.ip().is_unspecified() && bound.is_ipv4() == target.is_ipv4();
    let is_here = target.ip().is_loopback() && target.ip() != ENGINE;
    let ip = bound.ip() == target.ip() || is_any && is_here;
    ip && bound.port() == target.port()
}

impl Dns {
    /// Starts answering from a zones, whether ZooKeeper is there or not. Must be called within a
    /// tokio runtime.
    ///
    /// # Errors
    /// There is no way to ask other resolvers, or there are no threads to answer in.
    pub fn start(self, tasks: &Tasks) -> anyhow::Result<(SharedZones, Told)> {
        let zones = SharedZones::new(self.settings);
        let told = Told {
            addresses: self.listening.addresses(),
            statistics: Arc::default(),
            zones: zones.clone(),
        };
        let known = vec![
            Networks::private(),
            self.recursive.clone(),
            self.secondaries.clone(),
        ];
        let rate = self.rate.map(|most| ResponseRate::new(most, known));
        let recursion = match self.forward.as_slice() {
            [] => None,
            resolvers => Some(Recursion {
                forwarder: Forwarder::new(resolvers).context("cannot use --forward")?,
                allowed: self.recursive,
                stops_rebinding: self.stops_rebinding,
            }),
        };
        let (shared, statistics) = (zones.clone(), Arc::clone(&told.statistics));
        let service = Service::new(shared, recursion, self.secondaries, statistics).limited(rate);
        self.listening.serve(&Arc::new(service), tasks)?;
        Ok((zones, told))
    }
}

impl Told {
    /// All of it, for the status.
    pub fn status(&self) -> serde_json::Value {
        let mut status = self.statistics.status();
        status["addresses"] = serde_json::json!(self.addresses);
        status["state"] = self.zones.read().state().into();
        status
    }

    /// The same in numbers.
    #[must_use]
    pub fn metrics(&self, metrics: Metrics) -> Metrics {
        let labelled = self.statistics.queries();
        let labelled = labelled
            .map(|(of_type, result, count)| ([("type", of_type), ("result", result)], count));
        metrics
            .counters(
                "dns_queries",
                "DNS queries that were answered, by type and result",
                labelled,
            )
            .histogram(
                "dns_response_seconds",
                "From when a DNS query was taken until there was a response",
                self.statistics.answered(),
            )
            .counter(
                "dns_forwarded",
                "DNS queries that went to another resolver",
                self.statistics.forwarded(),
            )
            .counter(
                "dns_limited",
                "DNS responses that strangers did not get in full, since their network had too many",
                self.statistics.limited(),
            )
            .flag(
                "dns_live",
                "1 while DNS is answered from a tree that is followed",
                self.zones.read().state() == "live",
            )
            .gauge(
                "dns_connections",
                "DNS clients that are connected over TCP",
                self.statistics.connections() as f64,
            )
    }
}

/// Reads where to answer.
fn address(text: &str) -> Result<SocketAddr, &'static str> {
    let parsed = text.parse();
    parsed.map_err(|_| "not an address and a port, such as 127.0.0.1:53 or [::]:53")
}

/// Reads a duration; a plain number is seconds.
fn ttl(text: &str) -> Result<Duration, String> {
    let ttl = match text.parse() {
        Ok(seconds) => Ok(Duration::from_secs(seconds)),
        Err(_) => daemon::duration(text),
    };
    match ttl? {
        ttl if ttl > LONGEST_TTL => Err("choose a time up to 24h".to_owned()),
        ttl if ttl.subsec_nanos() > 0 => Err("choose whole seconds".to_owned()),
        ttl => Ok(ttl),
    }
}

fn seconds(ttl: Duration) -> u32 {
    u32::try_from(ttl.as_secs()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        dns: DnsArgs,
    }

    fn refusal(flags: &str) -> String {
        let flags = Flags::parse_from(format!("x {flags}").split_whitespace());
        flags
            .dns
            .together()
            .map_or_else(|error| error.to_string(), |()| String::new())
    }

    #[test]
    fn each_flag_has_the_one_that_it_is_about() {
        for flags in [
            "--ttl 5",
            "--forward 10.0.0.1",
            "--allow-transfer 10.0.0.0/8",
        ] {
            let flag = flags.split(' ').next().unwrap();
            let refusal = refusal(flags);
            assert!(
                refusal.starts_with(flag) && refusal.contains("--dns"),
                "{refusal}"
            );
        }
        let refusal = self::refusal("--dns [::1]:53 --allow-recursion ::1");
        assert!(refusal.contains("--forward"), "{refusal}");
        let all = "--dns 127.0.0.1:0 --dns [::]:0 --ttl 5 --forward 10.0.0.1 --allow-recursion ::1";
        assert_eq!(self::refusal(all), "");
    }

    #[test]
    fn questions_do_not_go_round_in_circles() {
        for flags in [
            "--dns 127.0.0.1:53 --forward 127.0.0.1",
            "--dns 10.0.0.1:53 --dns 0.0.0.0:53 --forward 127.0.0.53",
            "--dns [::]:5353 --forward [::1]:5353",
        ] {
            let refusal = refusal(flags);
            assert!(refusal.contains("round in circles"), "{flags}: {refusal}");
        }
        assert_eq!(refusal("--dns 0.0.0.0:5353 --forward 127.0.0.1"), "");
        assert_eq!(refusal("--dns 0.0.0.0:53 --forward 10.0.0.1"), "");
        assert_eq!(refusal("--dns 0.0.0.0:53 --forward 127.0.0.11"), "");
    }

    #[test]
    fn a_ttl_is_in_whole_seconds() {
        assert_eq!(ttl("90"), Ok(Duration::from_secs(90)));
        assert_eq!(ttl("5m"), Ok(Duration::from_secs(300)));
        assert_eq!(ttl("0"), Ok(Duration::ZERO));
        assert_eq!(ttl("24h"), Ok(LONGEST_TTL));
        for text in ["", "-1", "1500ms", "25h", "soon", "18446744073709551615"] {
            assert!(ttl(text).is_err(), "{text}");
        }
    }
}
