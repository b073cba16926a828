//! What one znode says: an instance, a service record, nothing for us, or a problem.
//!
//! Pure. Each family of records has a file of its own that recognises its own shape: by the bytes,
//! or by the znode's name where that holds the address. A record of a shape that is known but
//! broken is a problem with the reason; no other family gets to guess at it.

mod array;
mod curator;
mod dubbo;
mod excerpt;
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
mod lock;
mod mesos;
mod named;
mod nerve;
mod party;
mod problem;
mod registrator;
mod secret;
mod sequence;
mod serverset;
mod service;
mod silence;
mod skydns;
mod solr;
mod text;

pub use excerpt::Excerpt;
pub use format::Format;
pub use host::{Endpoint, Endpoints, Host};
pub use instance::{Instance, Membership, Outage};
pub use problem::Problem;
pub use secret::{masked, shown};
pub use sequence::sequence;
pub use service::{Service, Srv};
pub use silence::Silence;

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
    /// Nothing that names could be made of, which is fine.
    Nothing(Silence),
    /// Something that should have been an instance or a service, or perhaps should, and is not.
    Problem(Box<Problem>),
}

/// What a family makes of a znode: none when the shape is not its own.
type Found = Option<Result<Reading, Problem>>;

/// How a family reads the name of a znode.
type ByName = fn(&str) -> Found;
/// How a family reads the JSON of a znode of some name.
type ByJson = fn(&Object<'_>, &str) -> Found;

/// The families that are told by the znode's name alone, whatever its data.
const BY_NAME: [(Format, ByName); 2] = [
    (Format::HiveServer, hiveserver::read_name),
    (Format::Nerve, nerve::read_name),
];

/// The families whose znodes hold an address in their name as long as the data say nothing more.
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

/// What is known of one znode.
#[derive(Debug, Clone, Copy)]
pub struct Znode<'a> {
    /// The path of the znode above it.
    pub parent: &'a str,
    /// Its name.
    pub component: &'a str,
    /// What it holds.
    pub data: &'a [u8],
    /// Whether it goes with a session.
    pub is_ephemeral: bool,
}

/// What a persistent znode called `component` says with `data`. Never panics, whatever the bytes.
pub fn read(component: &str, data: &[u8]) -> Reading {
    let znode = Znode {
        parent: "",
        component,
        data,
        is_ephemeral: false,
    };
    znode.read()
}

impl Znode<'_> {
    /// What the znode says. Never panics, whatever the bytes.
    ///
    /// A name that tells by itself comes first, then the data, then a name that tells where the data
    /// do not: an address alone may be what Curator put there, and a word may be anything.
    pub fn read(&self) -> Reading {
        self.by_name_or_data().of_ephemeral(self.is_ephemeral)
    }

    fn by_name_or_data(&self) -> Reading {
        let component = self.component;
        if let Some(reading) = settle(Format::HBase, hbase::read_name(self.parent, component))
            .or_else(|| settle(Format::Text, lock::read_name(component)))
            .or_else(|| settle(Format::Dubbo, dubbo::read_name(self.parent, component)))
            .or_else(|| by_name(&BY_NAME, component))
        {
            return reading;
        }
        let reading = read_data(component, self.data);
        let says_nothing = match &reading {
            Reading::Nothing(_) => true,
            Reading::Problem(problem) => !problem.is_meant(),
            Reading::Instance(instance) => instance.is_bare() || instance.word().is_some(),
            Reading::Service(_) => false,
        };
        if !says_nothing {
            return self.named_as_well(reading);
        }
        by_name(&BY_NAME_WITHOUT_DATA, component)
            .or_else(|| self.announced(&reading))
            .unwrap_or(reading)
    }

    /// The same, told by the name of an ephemeral znode where plain text only repeats that.
    fn named_as_well(&self, reading: Reading) -> Reading {
        let Reading::Instance(text) = &reading else {
            return reading;
        };
        if text.format != Format::Text || !self.is_ephemeral {
            return reading;
        }
        let Some(Reading::Instance(mut named)) = self.announced(&reading) else {
            return reading;
        };
        let is_same = |(one, other): (&Endpoint, &Endpoint)| one.host == other.host;
        let are_same = text.endpoints.len() == named.endpoints.len()
            && text
                .endpoints
                .iter()
                .zip(named.endpoints.iter())
                .all(is_same);
        if !are_same {
            return reading;
        }
        if named
            .endpoints
            .iter()
            .all(|endpoint| endpoint.port.is_none())
        {
            named.endpoints = text.endpoints.clone();
        }
        Reading::Instance(named)
    }

    /// The instance that an ephemeral znode of such a name announces.
    fn announced(&self, reading: &Reading) -> Option<Reading> {
        if !self.is_ephemeral {
            let is_list = matches!(reading, Reading::Nothing(_)) && named::is_own(self.component);
            return is_list.then_some(Reading::Nothing(Silence::Persistent));
        }
        let data = str::from_utf8(self.data).unwrap_or_default();
        settle(Format::Named, named::read_name(self.component, data))
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
    let Some(text) = str::from_utf8(data).ok().filter(|text| is_text(text)) else {
        return Reading::Nothing(Silence::Binary);
    };
    let text = text.trim_matches([' ', '\t', '\r', '\n']);
    match text.as_bytes().first() {
        None => Reading::Nothing(Silence::NoData),
        Some(b'{') => read_json(component, text),
        Some(_) => settle(Format::Party, party::read(component, text))
            .unwrap_or_else(|| text::read(text).unwrap_or_else(Reading::from)),
    }
}

/// Whether nothing is in a text that only binary data have.
fn is_text(text: &str) -> bool {
    let is_control = |byte: u8| byte.is_ascii_control() && !matches!(byte, b'\t' | b'\r' | b'\n');
    !text.bytes().any(is_control)
}

fn read_json(component: &str, text: &str) -> Reading {
    let object = match Json::object(text) {
        Ok(object) => object,
        Err(problem) => return Reading::from(problem),
    };
    let reading = JSON
        .iter()
        .find_map(|(format, family)| settle(*format, family(&object, component)));
    let mut reading =
        reading.unwrap_or_else(|| generic::read(&object).unwrap_or_else(Reading::from));
    // What is said of any instance in the same words, whatever its format.
    if let Reading::Instance(instance) = &mut reading {
        instance.outage = instance.outage.or_else(|| generic::outage(&object));
    }
    reading
}

/// What a family found, a problem with the family's name.
fn settle(format: Format, found: Found) -> Option<Reading> {
    let in_format = |problem| Reading::from(Problem::In(format, Box::new(problem)));
    Some(found?.unwrap_or_else(in_format))
}

#[cfg(test)]
mod tests;
