//! The addresses of one name.

use std::fmt;
use std::ops::Deref;
use std::slice;
use std::sync::Arc;

use crate::Address;

/// The addresses of one name, in order. A clone costs the same however many there are, and shares them.
#[derive(Clone)]
pub struct Addresses(List);

/// Nearly every name has one address.
#[derive(Clone)]
enum List {
    One(Address),
    /// Any other number of them.
    Many(Arc<[Address]>),
}

impl Deref for Addresses {
    type Target = [Address];

    fn deref(&self) -> &[Address] {
        match &self.0 {
            List::One(address) => slice::from_ref(address),
            List::Many(addresses) => addresses,
        }
    }
}

impl Default for Addresses {
    /// None.
    fn default() -> Self {
        Self(List::Many(Arc::default()))
    }
}

impl From<&[Address]> for Addresses {
    fn from(addresses: &[Address]) -> Self {
        match addresses {
            [address] => Self(List::One(*address)),
            addresses => Self(List::Many(addresses.into())),
        }
    }
}

impl From<Vec<Address>> for Addresses {
    fn from(addresses: Vec<Address>) -> Self {
        Self::from(&addresses[..])
    }
}

impl FromIterator<Address> for Addresses {
    fn from_iter<T: IntoIterator<Item = Address>>(addresses: T) -> Self {
        Self::from(addresses.into_iter().collect::<Vec<_>>())
    }
}

impl<'a> IntoIterator for &'a Addresses {
    type Item = &'a Address;
    type IntoIter = slice::Iter<'a, Address>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl PartialEq for Addresses {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (List::Many(one), List::Many(other)) if Arc::ptr_eq(one, other) => true,
            _ => **self == **other,
        }
    }
}

impl Eq for Addresses {}

impl fmt::Debug for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_in_their_order() {
        for count in 0..4 {
            let list: Vec<Address> = (0..count)
                .map(|last| format!("10.0.0.{}", 9 - last).parse().unwrap())
                .collect();
            let addresses = Addresses::from(list.clone());
            assert_eq!(addresses[..], list[..]);
            assert_eq!(addresses, list.iter().copied().collect());
            assert_eq!(addresses.clone(), addresses);
            assert_eq!(format!("{addresses:?}"), format!("{list:?}"));
        }
        let (one, other) = (
            "10.0.0.1".parse::<Address>().unwrap(),
            "10.0.0.2".parse().unwrap(),
        );
        assert_ne!(Addresses::from(vec![one]), Addresses::from(vec![other]));
        assert_ne!(
            Addresses::from(vec![one, other]),
            Addresses::from(vec![other, one])
        );
    }

    #[test]
    fn one_address_needs_no_memory_of_its_own() {
        assert_eq!(size_of::<Addresses>(), 24);
    }
}
