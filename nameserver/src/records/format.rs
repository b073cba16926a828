//! The families of records by name.

use std::fmt;

use serde::Serialize;

/// The family that a record belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(into = "&str")]
pub enum Format {
    /// An address, or an address and a port, as text.
    Text,
    /// Curator's service discovery, also by Spring Cloud.
    Curator,
    /// A member of a ServerSet, by Aurora or Finagle.
    ServerSet,
    /// SmartStack's nerve, as JSON or in the name.
    Nerve,
    /// Joyent's Registrar, read by Binder.
    Joyent,
    /// registrator.
    Registrator,
    /// A Kafka broker.
    Kafka,
    /// An HBase region server, in the name.
    HBase,
    /// A live node of Solr, in the name.
    Solr,
    /// A Dubbo 2 provider, in the name.
    Dubbo,
    /// A Mesos master.
    Mesos,
    /// HiveServer2 or Kyuubi, in the name.
    HiveServer,
    /// A member of a kazoo Party.
    Party,
    /// A member of a kazoo ShallowParty, in the name.
    ShallowParty,
    /// SkyDNS.
    SkyDns,
    /// Old gRPC resolvers: host, and the port as text.
    Grpc,
    /// JSON with one of `ip`, `IP`, `address`, `addr` or `host`.
    Json,
}

impl Format {
    /// True where the znode's name holds the address, so that it can hardly be a label as well.
    pub fn is_in_name(self, component: &str) -> bool {
        match self {
            Self::HBase | Self::Solr | Self::Dubbo | Self::HiveServer => true,
            Self::ShallowParty | Self::Registrator => true,
            Self::Nerve => component.starts_with("base64_"),
            _ => false,
        }
    }
}

impl From<Format> for &'static str {
    fn from(format: Format) -> Self {
        match format {
            Format::Text => "plain text",
            Format::Curator => "Curator",
            Format::ServerSet => "ServerSet",
            Format::Nerve => "nerve",
            Format::Joyent => "Joyent",
            Format::Registrator => "registrator",
            Format::Kafka => "Kafka",
            Format::HBase => "HBase",
            Format::Solr => "Solr",
            Format::Dubbo => "Dubbo",
            Format::Mesos => "Mesos",
            Format::HiveServer => "HiveServer2",
            Format::Party => "Party",
            Format::ShallowParty => "ShallowParty",
            Format::SkyDns => "SkyDNS",
            Format::Grpc => "gRPC",
            Format::Json => "JSON",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str((*self).into())
    }
}
