//! A checksum of all names that follows a change at the cost of the change.

use std::fmt::{self, Write};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use super::digest;
use crate::{Address, Hosts, Name};

/// The sum, modulo 2⁶⁴, of the first eight bytes of the SHA-256 of each name's line: the name and its
/// addresses, with a blank before each address. It finds what was applied wrongly, or not at all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sum(u64);

impl Sum {
    /// That of all names.
    pub fn of(hosts: &Hosts) -> Self {
        let mut sum = Self::default();
        for (name, addresses) in hosts {
            sum.add(name, addresses);
        }
        sum
    }

    /// A name has come.
    pub fn add(&mut self, name: &Name, addresses: &[Address]) {
        self.0 = self.0.wrapping_add(line(name, addresses));
    }

    /// A name with these addresses is gone.
    pub fn remove(&mut self, name: &Name, addresses: &[Address]) {
        self.0 = self.0.wrapping_sub(line(name, addresses));
    }

    /// Follows from one mapping, whose sum this is, to another.
    #[must_use]
    pub fn follow(mut self, old: &Hosts, new: &Hosts) -> Self {
        use imbl::ordmap::DiffItem;
        for item in old.diff(new) {
            match item {
                DiffItem::Add(name, addresses) => self.add(name, addresses),
                DiffItem::Remove(name, addresses) => self.remove(name, addresses),
                DiffItem::Update { old, new } => {
                    self.remove(old.0, old.1);
                    self.add(new.0, new.1);
                }
            }
        }
        self
    }
}

fn line(name: &Name, addresses: &[Address]) -> u64 {
    let mut text = String::with_capacity(64);
    text.push_str(name.as_str());
    for address in addresses {
        let _ = write!(text, " {address}");
    }
    digest::first_bytes(text.as_bytes())
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        digest::write(self.0, f)
    }
}

impl Serialize for Sum {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Sum {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let number = digest::read(&text)
            .ok_or_else(|| D::Error::custom(format_args!("{text:?} is not 16 hexadecimal digits")));
        number.map(Self)
    }
}
