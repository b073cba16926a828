//! Which address others reach this host by.
//!
//! One that was chosen is kept while an interface has it: whoever was told of it goes on reaching us there,
//! whatever becomes of routes and of other interfaces.

mod interfaces;

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use contract::{Address, AddressError};
use ipnet::IpNet;
use zookeeper::Servers;

use interfaces::{Own, State};

/// Documentation addresses stand for any host that is far away; nothing is ever sent to them.
const FAR_AWAY: [&str; 2] = ["192.0.2.1:9", "[2001:db8::1]:9"];
/// Where networks have names.
const NETWORKS: &str = "/etc/networks";

/// The address of this host. All clones are one, so that all that is registered stands at one address.
#[derive(Debug, Clone)]
pub struct OwnAddress {
    choice: AddressChoice,
    /// The one that was chosen last.
    kept: Arc<Mutex<Option<Address>>>,
}

/// Where the address of this host comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
enum AddressChoice {
    /// The one that the system uses towards ZooKeeper.
    Towards(Servers),
    /// One that is named.
    Named(AddressArg),
}

/// `--address`: an address, the subnet that it is in, or a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddressArg {
    /// This one.
    Address(Address),
    /// The first one in this subnet.
    Subnet(IpNet),
    /// The first one of the interface of this name, IPv4 before IPv6; or the one of this host to which the
    /// name leads; or the first one in the network of this name.
    Name(String),
}

impl FromStr for AddressArg {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if let Ok(subnet) = text.parse::<IpNet>() {
            return Ok(Self::Subnet(subnet.trunc()));
        }
        match text.parse() {
            Ok(address) => Ok(Self::Address(address)),
            Err(AddressError::Syntax(_)) if is_name(text) => Ok(Self::Name(text.to_owned())),
            Err(error) => Err(error),
        }
    }
}

/// Of an interface, a host or a network: not what was to be an address.
fn is_name(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_graphic() && c != '/' && c != ':';
    let is_number = text.chars().all(|c| c.is_ascii_digit() || c == '.');
    (1..=253).contains(&text.len()) && text.chars().all(allowed) && !is_number
}

impl OwnAddress {
    /// What the flag asks for, or else the way to these servers.
    pub fn new(arg: Option<&AddressArg>, servers: Servers) -> Self {
        Self::chosen(match arg {
            None => AddressChoice::Towards(servers),
            Some(arg) => AddressChoice::Named(arg.clone()),
        })
    }

    /// This one.
    pub fn fixed(address: Address) -> Self {
        Self::chosen(AddressChoice::Named(AddressArg::Address(address)))
    }

    fn chosen(choice: AddressChoice) -> Self {
        let kept = Arc::default();
        Self { choice, kept }
    }

    /// The address now. Looks host names up, so it may take a while.
    ///
    /// # Errors
    /// There is none, and what to do.
    pub fn find(&self) -> Result<Address, String> {
        if let AddressChoice::Named(AddressArg::Address(address)) = &self.choice {
            return Ok(*address);
        }
        let all = interfaces::list();
        let all = all.map_err(|error| format!("cannot list the interfaces: {error}"))?;
        let kept = || self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = kept().filter(|last| has(&all, last.ip())) {
            return Ok(last);
        }
        let found = match &self.choice {
            AddressChoice::Towards(servers) => towards(servers, &all),
            AddressChoice::Named(AddressArg::Address(address)) => Ok(*address),
            AddressChoice::Named(AddressArg::Subnet(subnet)) => within(*subnet, &all),
            AddressChoice::Named(AddressArg::Name(name)) => named(name, &all),
        }?;
        *kept() = Some(found);
        Ok(found)
    }
}

/// Whether an interface has this address, and it works.
fn has(all: &[Own], ip: IpAddr) -> bool {
    all.iter()
        .any(|own| own.ip == ip && own.state != State::Unusable)
}

/// The best of those that last: IPv4 before IPv6, and none that is only valid on one link.
fn best<'a>(all: impl Iterator<Item = &'a Own>) -> Option<Address> {
    let usable = |ip: &IpAddr| match ip {
        IpAddr::V4(ip) => !ip.is_link_local(),
        IpAddr::V6(ip) => !ip.is_unicast_link_local(),
    };
    let all = all
        .filter(|own| own.state == State::Lasting)
        .map(|own| own.ip);
    let mut addresses: Vec<Address> = all
        .filter(usable)
        .filter_map(|ip| ip.try_into().ok())
        .collect();
    addresses.sort_by_key(|address| address.ip().is_ipv6());
    addresses.first().copied()
}

/// The one in a subnet, which may be of one link.
fn within(subnet: IpNet, all: &[Own]) -> Result<Address, String> {
    let inside = all.iter().filter(|own| subnet.contains(&own.ip));
    let mut lasting = inside.filter(|own| own.state == State::Lasting);
    lasting
        .find_map(|own| own.ip.try_into().ok())
        .ok_or_else(|| format!("no interface has an address in {subnet} that lasts; see --address"))
}

fn named(name: &str, all: &[Own]) -> Result<Address, String> {
    let mut of_interface = all.iter().filter(|own| own.interface == name).peekable();
    if of_interface.peek().is_some() {
        return best(of_interface).ok_or_else(|| {
            format!("interface {name:?} has no address yet that others could use; see --address")
        });
    }
    if let Some(subnet) = fs::read_to_string(NETWORKS)
        .ok()
        .and_then(|text| network(&text, name))
    {
        return within(subnet, all);
    }
    let found = (name, 0).to_socket_addrs().into_iter().flatten();
    let found: Vec<_> = found.map(|address| address.ip()).collect();
    let ours = all.iter().filter(|own| found.contains(&own.ip));
    best(ours).ok_or_else(|| {
        format!(
            "{name:?} is no interface that is up and has an address, no network of {NETWORKS}, and no name \
             of an address of this host; see --address"
        )
    })
}

/// The network of this name. The file has no masks: as many bytes count as it gives.
fn network(text: &str, name: &str) -> Option<IpNet> {
    let lines = text
        .lines()
        .map(|line| line.split('#').next().unwrap_or(""));
    let mut found = lines.filter_map(|line| {
        let mut words = line.split_ascii_whitespace();
        let (first, number) = (words.next()?, words.next()?);
        let mut names = std::iter::once(first).chain(words);
        names
            .any(|one| one.eq_ignore_ascii_case(name))
            .then(|| number.to_owned())
    });
    let number = found.next()?;
    let number = number.strip_suffix('.').unwrap_or(&number);
    let bytes: Vec<u8> = number
        .split('.')
        .map(|byte| byte.parse().ok())
        .collect::<Option<_>>()?;
    let given = bytes.iter().rposition(|byte| *byte != 0)? + 1;
    let mut whole = [0; 4];
    whole.get_mut(..bytes.len())?.copy_from_slice(&bytes);
    let length = u8::try_from(given * 8).ok()?;
    IpNet::new(Ipv4Addr::from(whole).into(), length).ok()
}

/// The address towards the first server that is not on this very host; else the one towards the
/// rest of the world.
fn towards(servers: &Servers, all: &[Own]) -> Result<Address, String> {
    // Else each way would look as if it led nowhere.
    UdpSocket::bind("0.0.0.0:0")
        .or_else(|_| UdpSocket::bind("[::]:0"))
        .map_err(|error| error.to_string())?;
    let mut sources = servers.endpoints().filter_map(|server| {
        let targets = server.to_socket_addrs().ok()?;
        targets
            .filter_map(|target| source(target).ok())
            .find_map(|ip| lasting(ip, all))
    });
    let far_away = || {
        let targets = FAR_AWAY.iter().filter_map(|target| target.parse().ok());
        let mut sources = targets.filter_map(|target| source(target).ok());
        sources.find_map(|ip| lasting(ip, all))
    };
    sources.next().or_else(far_away).ok_or_else(|| {
        format!("no address of this host leads to ZooKeeper at {servers} and to others; name one with --address")
    })
}

/// The address that the system would send from, or one beside it that lasts.
fn lasting(ip: IpAddr, all: &[Own]) -> Option<Address> {
    let Some(own) = all.iter().find(|own| own.ip == ip) else {
        return ip.try_into().ok();
    };
    if own.state == State::Lasting {
        return ip.try_into().ok();
    }
    let beside =
        |other: &&Own| other.interface == own.interface && other.ip.is_ipv6() == ip.is_ipv6();
    best(all.iter().filter(beside))
}

/// The address that the system would send from. Connecting a datagram socket sends nothing.
fn source(target: SocketAddr) -> io::Result<IpAddr> {
    let any: SocketAddr = match target {
        SocketAddr::V4(_) => ([0, 0, 0, 0], 0).into(),
        SocketAddr::V6(_) => ([0; 16], 0).into(),
    };
    let socket = UdpSocket::bind(any)?;
    socket.connect(target)?;
    Ok(socket.local_addr()?.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(interface: &str, ip: &str, state: State) -> Own {
        Own {
            interface: interface.to_owned(),
            ip: ip.parse().unwrap(),
            state,
        }
    }

    fn all(texts: &[&str]) -> Vec<Own> {
        let all = texts.iter().map(|ip| own("eth0", ip, State::Lasting));
        all.collect()
    }

    fn shown(found: impl Into<Option<Address>>) -> Option<String> {
        found.into().map(|address| address.to_string())
    }

    #[test]
    fn flags() {
        let address = |text: &str| text.parse::<AddressArg>();
        assert_eq!(
            address("10.0.0.5").unwrap(),
            AddressArg::Address("10.0.0.5".parse().unwrap())
        );
        assert!(matches!(address("fd00::5"), Ok(AddressArg::Address(_))));
        for (text, subnet) in [
            ("172.30.1.0/24", "172.30.1.0/24"),
            ("172.30.1.7/24", "172.30.1.0/24"),
            ("fd00:1::/64", "fd00:1::/64"),
        ] {
            let subnet = AddressArg::Subnet(subnet.parse().unwrap());
            assert_eq!(address(text).unwrap(), subnet, "{text}");
        }
        for text in ["eth0", "web.backend", "a-network-of-a-long-name"] {
            assert_eq!(address(text).unwrap(), AddressArg::Name(text.into()));
        }
        for text in [
            "127.0.0.1",
            "::1",
            "",
            "an interface",
            "a/b",
            "10.0.0.300",
            "10.0.0.0/33",
            "fd00::x",
        ] {
            assert!(address(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_best_address_is_one_that_others_reach_and_that_lasts() {
        let best = |texts: &[&str]| shown(best(all(texts).iter()));
        assert_eq!(
            best(&["fe80::1", "fd00::5", "169.254.0.1", "10.0.0.5"]).as_deref(),
            Some("10.0.0.5")
        );
        assert_eq!(best(&["fe80::1", "fd00::5"]).as_deref(), Some("fd00::5"));
        assert_eq!(best(&["127.0.0.1", "fe80::1"]), None);
        let mixed = [
            own("eth0", "fd00::1", State::Unusable),
            own("eth0", "fd00::2", State::Passing),
            own("eth0", "fd00::3", State::Lasting),
        ];
        assert_eq!(shown(super::best(mixed.iter())).as_deref(), Some("fd00::3"));
        assert_eq!(shown(super::best(mixed[..2].iter())), None);
        // The system sends from a passing one.
        let beside = lasting("fd00::2".parse().unwrap(), &mixed);
        assert_eq!(shown(beside).as_deref(), Some("fd00::3"));
        assert_eq!(
            shown(lasting("fd00::2".parse().unwrap(), &mixed[..2])),
            None
        );
    }

    #[test]
    fn a_subnet_has_one_wherever_it_is() {
        let all = [
            own("eth0", "172.30.0.5", State::Lasting),
            own("eth1", "172.30.1.5", State::Lasting),
            own("eth1", "fd00:1::9", State::Passing),
            own("eth1", "fd00:1::5", State::Lasting),
        ];
        let within = |subnet: &str| shown(within(subnet.parse().unwrap(), &all).ok());
        assert_eq!(within("172.30.1.0/24").as_deref(), Some("172.30.1.5"));
        assert_eq!(within("172.30.0.0/16").as_deref(), Some("172.30.0.5"));
        assert_eq!(within("fd00:1::/64").as_deref(), Some("fd00:1::5"));
        assert_eq!(within("10.0.0.0/8"), None);
        assert_eq!(
            shown(named("eth1", &all).ok()).as_deref(),
            Some("172.30.1.5")
        );
    }

    #[test]
    fn networks_have_names() {
        let text = "# comment\nloopback 127.0.0.0\nbackend 172.30.1.0 back # ours\nten 10\n";
        let network = |name: &str| network(text, name).map(|subnet| subnet.to_string());
        assert_eq!(network("Backend").as_deref(), Some("172.30.1.0/24"));
        assert_eq!(network("back").as_deref(), Some("172.30.1.0/24"));
        assert_eq!(network("ten").as_deref(), Some("10.0.0.0/8"));
        assert_eq!(network("ours"), None);
    }

    #[test]
    fn what_was_chosen_is_kept_while_an_interface_has_it() {
        let all = all(&["127.0.0.1", "fd00::5"]);
        assert!(has(&all, "fd00::5".parse().unwrap()));
        assert!(!has(&all, "10.0.0.5".parse().unwrap()));
        let gone = [own("eth0", "fd00::5", State::Unusable)];
        assert!(!has(&gone, "fd00::5".parse().unwrap()));
        let passing = [own("eth0", "fd00::5", State::Passing)];
        assert!(has(&passing, "fd00::5".parse().unwrap()));
    }

    #[test]
    fn what_is_not_there_is_named() {
        let find = |text: &str| {
            let servers = "127.0.0.1:1".parse().unwrap();
            let error = OwnAddress::new(Some(&text.parse().unwrap()), servers).find();
            error.unwrap_err()
        };
        let error = find("nowhere0.invalid");
        assert!(
            error.contains("\"nowhere0.invalid\" is no interface"),
            "{error}"
        );
        let error = find("lo");
        assert!(error.contains("no address yet"), "{error}");
        let error = find("203.0.113.0/24");
        assert!(error.contains("in 203.0.113.0/24"), "{error}");
    }
}
