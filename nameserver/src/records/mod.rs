//! What one znode says: an instance, a service record, nothing for us, or a problem.
//!
//! Pure. Each family of records has a file of its own that recognises its own shape: by the bytes,
//! or by the znode's name where that holds the address. A record of a shape that is known but
//! broken is a problem with the reason; no other family gets to guess at it.

mod curator;
mod dubbo;
mod format;
mod generic;
mod grpc;
mod hbase;
mod hiveserver;
mod host;
mod instance;
mod joyent;
mod json;
mod kafka;
mod mesos;
mod nerve;
mod party;
mod problem;
mod registrator;
mod serverset;
mod service;
mod skydns;
mod solr;
mod text;

pub use format::Format;
pub use host::{Endpoint, Endpoints, Host};
pub use instance::{Instance, Membership, Outage};
pub use problem::Problem;
pub use service::{Service, Srv};

use json::{Json, Object};

/// More data than any record has; beyond it nothing is parsed.
pub const MAX_RECORD_BYTES: usize = 64 * 1024;

/// What a znode says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// One instance of something.
    Instance(Box<Instance>),
    /// The record of a service whose instances are the children.
    Service(Box<Service>),
    /// Nothing that names could be made of, which is fine; holds why.
    Nothing(&'static str),
    /// Something that should have been an instance or a service and is not.
    Problem(Box<Problem>),
}

/// What a family makes of a znode: none when the shape is not its own.
type Found = Option<Result<Reading, Problem>>;

/// How a family reads the name of a znode.
type ByName = fn(&str) -> Found;
/// How a family reads the JSON of a znode of some name.
type ByJson = fn(&Object<'_>, &str) -> Found;

/// The families that are told by the znode's name alone, whatever its data.
const BY_NAME: [(Format, ByName); 4] = [
    (Format::HBase, hbase::read_name),
    (Format::Dubbo, dubbo::read_name),
    (Format::HiveServer, hiveserver::read_name),
    (Format::Nerve, nerve::read_name),
];

/// The families whose znodes hold an address in their name as long as the data say nothing.
const BY_NAME_WITHOUT_DATA: [(Format, ByName); 2] = [
    (Format::Solr, solr::read_name),
    (Format::ShallowParty, party::read_name),
];

/// The families of JSON, each with a shape that no other has; [`generic`] takes what is left.
const JSON: [(Format, ByJson); 9] = [
    (Format::Joyent, joyent::read),
    (Format::ServerSet, serverset::read),
    (Format::Curator, curator::read),
    (Format::Kafka, kafka::read),
    (Format::Registrator, registrator::read),
    (Format::Mesos, mesos::read),
    (Format::Nerve, nerve::read),
    (Format::SkyDns, skydns::read),
    (Format::Grpc, grpc::read),
];

impl Reading {
    /// The format that the znode has; none for one that says nothing or cannot be read.
    pub fn format(&self) -> Option<Format> {
        match self {
            Self::Instance(instance) => Some(instance.format),
            Self::Service(_) => Some(Format::Joyent),
            Self::Nothing(_) => None,
            Self::Problem(problem) => problem.format(),
        }
    }

    /// The same, of a znode that is ephemeral or not.
    #[must_use]
    pub fn of_ephemeral(mut self, ephemeral: bool) -> Self {
        if let Self::Instance(instance) = &mut self {
            instance.ephemeral = ephemeral;
        }
        self
    }

    /// The instance, whether in service or not.
    pub fn instance(&self) -> Option<&Instance> {
        match self {
            Self::Instance(instance) => Some(instance),
            _ => None,
        }
    }
}

impl From<Instance> for Reading {
    fn from(instance: Instance) -> Self {
        Self::Instance(Box::new(instance))
    }
}

impl From<Problem> for Reading {
    fn from(problem: Problem) -> Self {
        Self::Problem(Box::new(problem))
    }
}

/// What the znode called `component` says with `data`. Never panics, whatever the bytes.
pub fn read(component: &str, data: &[u8]) -> Reading {
    if let Some(reading) = by_name(&BY_NAME, component) {
        return reading;
    }
    match read_data(component, data) {
        Reading::Nothing(why) => {
            by_name(&BY_NAME_WITHOUT_DATA, component).unwrap_or(Reading::Nothing(why))
        }
        reading => reading,
    }
}

fn by_name(families: &[(Format, ByName)], component: &str) -> Option<Reading> {
    families
        .iter()
        .find_map(|(format, family)| settle(*format, family(component)))
}

fn read_data(component: &str, data: &[u8]) -> Reading {
    if data.len() > MAX_RECORD_BYTES {
        return Reading::from(Problem::TooLong(data.len()));
    }
    if let Some(reading) = hbase::read_data(data).or_else(|| serverset::read_thrift(data)) {
        return reading;
    }
    let text = match std::str::from_utf8(data) {
        Ok(text) => text.trim_matches([' ', '\t', '\r', '\n']),
        Err(error) => return Reading::from(Problem::NotText(error.valid_up_to())),
    };
    match text.as_bytes().first() {
        None => Reading::Nothing("holds no data"),
        Some(b'{') => read_json(component, text),
        Some(_) => settle(Format::Party, party::read(component, text))
            .unwrap_or_else(|| text::read(text).unwrap_or_else(Reading::from)),
    }
}

fn read_json(component: &str, text: &str) -> Reading {
    let object = match Json::object(text) {
        Ok(object) => object,
        Err(problem) => return Reading::from(problem),
    };
    JSON.iter()
        .find_map(|(format, family)| settle(*format, family(&object, component)))
        .unwrap_or_else(|| generic::read(&object).unwrap_or_else(Reading::from))
}

/// What a family found, a problem with the family's name.
fn settle(format: Format, found: Found) -> Option<Reading> {
    let in_format = |problem| Reading::from(Problem::In(format, Box::new(problem)));
    Some(found?.unwrap_or_else(in_format))
}

#[cfg(test)]
mod tests;
