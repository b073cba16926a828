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
    /// JSON with an address under one of the usual names.
    Json,
    /// A JSON array of endpoints.
    Array,
    /// Lines of `host:` and `port:`, by ClickHouse.
    Lines,
    /// The name of an ephemeral znode.
    Named,
}

impl Format {
    /// True where the znode's name holds the address, so that it can hardly be a label as well.
    pub fn is_in_name(self, component: &str) -> bool {
        match self {
            Self::HBase | Self::Solr | Self::Dubbo | Self::HiveServer => true,
            Self::ShallowParty | Self::Registrator | Self::Named => true,
            Self::Nerve => component.starts_with("base64_"),
            _ => false,
        }
    }
}

impl Format {
    /// What tells the format, as docs/records.md has it.
    pub fn evidence(self) -> &'static str {
        match self {
            Self::Text => "text that is an address, a URL or HOST:PORT, or a list of them",
            Self::Curator => "JSON with id beside serviceType, registrationTimeUTC or uriSpec",
            Self::ServerSet => "JSON with serviceEndpoint",
            Self::Nerve => {
                "JSON with host, port and one of name, available, labels; or base64_N_… as the name"
            }
            Self::Joyent => "JSON with an object that is called like its type",
            Self::Registrator => "JSON with IP and one of PublicPort, PrivatePort, ContainerID",
            Self::Kafka => {
                "JSON with listener_security_protocol_map or jmx_port, or with host, version and endpoints"
            }
            Self::HBase => {
                "HOST,PORT,STARTCODE as the name, and no folder above it that keeps the dead"
            }
            Self::Solr => "HOST:PORT_CONTEXT as the whole name",
            Self::Dubbo => "SCHEME%3A%2F%2F… as the name",
            Self::Mesos => "JSON with an address that is an object, and pid or ip",
            Self::HiveServer => "serverUri=… or serviceUri=… as the name",
            Self::Party => "HEX__party__ as the name",
            Self::ShallowParty => "HEX-ADDRESS or HEX-HOST:PORT as the whole name",
            Self::SkyDns => "JSON with host and one of ttl, priority, weight",
            Self::Grpc => "JSON with host and port alone, the port as text",
            Self::Json => "JSON with a field for an address, or with URLs and the like of one host",
            Self::Array => "a JSON array of nothing but endpoints",
            Self::Lines => "lines of host: and port:",
            Self::Named => "an address or HOST:PORT as the name of an ephemeral znode",
        }
    }

    /// Whether a record of this format was certainly meant as one: what nobody writes by chance.
    pub fn is_certain(self) -> bool {
        !matches!(
            self,
            Self::Text
                | Self::Json
                | Self::Array
                | Self::Named
                | Self::Nerve
                | Self::SkyDns
                | Self::Grpc
        )
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
            Format::Array => "JSON array",
            Format::Lines => "host and port lines",
            Format::Named => "address as a name",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str((*self).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_docs_say_what_tells_each_format() {
        let docs = include_str!("../../../docs/records.md");
        for format in [
            Format::Text,
            Format::Curator,
            Format::ServerSet,
            Format::Nerve,
            Format::Joyent,
            Format::Registrator,
            Format::Kafka,
            Format::HBase,
            Format::Solr,
            Format::Dubbo,
            Format::Mesos,
            Format::HiveServer,
            Format::Party,
            Format::ShallowParty,
            Format::SkyDns,
            Format::Grpc,
            Format::Json,
            Format::Array,
            Format::Lines,
            Format::Named,
        ] {
            let row = format!("| {format} | {} |\n", format.evidence());
            assert!(docs.contains(&row), "{row}");
        }
    }
}
