//! Namespace transfer: all records of a zone in order.

use hickory_proto::rr::{Name, RData, Record};

use crate::dns::zones::Zones;
use crate::dns::zones::answer::{described, of_any_type};
use crate::dns::zones::entry::Entry;
use crate::dns::zones::names::{dns_name, key};

impl Zones {
    /// All records of the zone with this apex, as AXFR sends them: the SOA first and last. None for
    /// a name that is no apex of ours, or while the tree was never read.
    ///
    /// Where any service label will do, an SRV record has a wildcard in its place.
    pub fn transfer(&self, apex: &Name) -> Option<Vec<Record>> {
        let soa = self.soa(apex)?;
        let zone = key(apex);
        let mut records = vec![soa.clone(), self.ns(dns_name(&zone), &zone)];
        let nameserver = self.nameserver(&zone);
        if self.node(&nameserver).is_none() {
            records.extend(self.nameserver_addresses(&dns_name(&nameserver)));
        }
        let mut entries: Vec<_> = self.entries(&zone).collect();
        entries.sort_unstable_by_key(|&(name, _)| name);
        for (name, entry) in entries {
            self.list(name, entry, &mut records);
        }
        records.push(soa);
        Some(records)
    }

    /// The SOA record of the zone with this apex; none for a name that is no apex of ours, or while
    /// the tree was never read.
    pub fn soa(&self, apex: &Name) -> Option<Record> {
        let zone = key(apex);
        let is_apex = self.is_complete && self.apex(&zone) == Some(&zone);
        is_apex.then(|| self.soa_of(dns_name(&zone), &zone))
    }

    fn list(&self, name: &str, entry: &Entry, records: &mut Vec<Record>) {
        let (owner, ttl) = (dns_name(name), self.ttl(entry));
        let addresses = entry.addresses.iter();
        let data = addresses.map(|address| of_any_type(address.ip()));
        let data = data.chain([RData::TXT(described(entry))]);
        records.extend(data.map(|data| Record::from_rdata(owner.clone(), ttl, data)));
        if entry.targets.is_empty() {
            return;
        }
        let owners = match &entry.labels {
            Some(labels) => vec![format!("{}.{}.{name}", labels.service, labels.proto)],
            None => ["_tcp", "_udp"]
                .map(|proto| format!("*.{proto}.{name}"))
                .to_vec(),
        };
        let mut hosts = Vec::new();
        for owner in owners {
            let mut services = self.services(&dns_name(&owner), name, ttl, entry.targets.iter());
            records.append(&mut services.answers);
            hosts = services.additionals;
        }
        // Those that have names of their own are listed there.
        let is_nameless = |host: &Record| self.node(&key(&host.name)).is_none();
        records.extend(hosts.into_iter().filter(is_nameless));
    }
}
