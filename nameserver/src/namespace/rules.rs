//! The two rules by which a znode gets its addresses. The hosts file and DNS both ask here.

use contract::Address;

use super::Member;

/// A znode stands for the `addresses` of its own record. A record that leads to none leaves it a
/// service, which stands for its instances.
pub(super) fn counts(addresses: &[Address]) -> bool {
    !addresses.is_empty()
}

/// The first member with a sequence number and an address leads its service. Junk leads nobody, and
/// so costs nobody a name.
pub(super) fn may_lead(member: &Member<'_>, addresses: &[Address]) -> bool {
    member.is_numbered && !addresses.is_empty()
}
