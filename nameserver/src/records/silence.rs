//! Why a znode says nothing, where that is fine.

use std::fmt;

use serde::Serialize;

/// Why a znode says nothing, where that is fine: nothing in it was meant as an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(into = "&str")]
pub enum Silence {
    /// No data, or blanks.
    NoData,
    /// A JSON object without an address.
    Json,
    /// A JSON object with several hosts, so that none of them is its own.
    SeveralHosts,
    /// A JSON array that is no list of endpoints.
    Array,
    /// A number, true or false.
    Number,
    /// A uuid, or a long number in hexadecimal digits.
    Identifier,
    /// A version, such as `1.2.3`.
    Version,
    /// A date or a time.
    Time,
    /// A single word or another text without blanks.
    Word,
    /// Several lines.
    Lines,
    /// Neither text nor JSON.
    Binary,
    /// The binary data of HBase.
    HBase,
    /// What stands beside Dubbo's providers.
    Dubbo,
    /// One that waits for a lock or an election.
    Lock,
    /// A name that holds an address, of a znode that outlives whoever made it.
    Persistent,
    /// Data that the operator leaves out.
    LeftOut,
}

impl Silence {
    /// True for what only a program writes that keeps records in folders, so that its data tell of
    /// the folders too.
    pub(crate) fn is_of_a_format(self) -> bool {
        matches!(self, Self::Dubbo | Self::Lock)
    }
}

impl From<Silence> for &'static str {
    fn from(silence: Silence) -> Self {
        match silence {
            Silence::NoData => "holds no data",
            Silence::Json => "holds JSON without an address",
            Silence::SeveralHosts => "holds JSON that tells of several hosts",
            Silence::Array => "holds an array that is no list of addresses",
            Silence::Number => "holds a number, true or false",
            Silence::Identifier => "holds an identifier",
            Silence::Version => "holds a version",
            Silence::Time => "holds a date or time",
            Silence::Word => "holds a word or other text",
            Silence::Lines => "holds several lines of text",
            Silence::Binary => "holds binary data",
            Silence::HBase => "holds binary data of HBase",
            Silence::Dubbo => "is no provider but a consumer or a rule of Dubbo's",
            Silence::Lock => "waits for a lock or an election",
            Silence::LeftOut => "holds data that --exclude leaves out",
            Silence::Persistent => {
                "has an address as its name, but is not ephemeral and may outlive it"
            }
        }
    }
}

impl fmt::Display for Silence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str((*self).into())
    }
}
