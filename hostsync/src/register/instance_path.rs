//! Where one registration belongs in the tree.

use contract::{Name, PathError, ZnodePath};
use zookeeper::{Connection, Error, Stat};

use super::{Instance, Kind, Registration};

/// The digits that ZooKeeper adds to the name of a sequential znode.
const DIGITS: usize = 10;

/// Where one registration belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct InstancePath {
    /// The service, or the parent of an exact name.
    pub(super) parent: ZnodePath,
    component: String,
    /// Whether ZooKeeper adds a number to the name.
    pub(super) sequential: bool,
}

impl InstancePath {
    /// The place of a registration below the root of the nameserver.
    pub(super) fn new(
        registration: &Registration,
        instance: &Instance,
        root: &ZnodePath,
        domain: Option<&Name>,
    ) -> Result<Self, String> {
        let refused = |error: PathError| error.to_string();
        let named = registration.place(root, domain).map_err(refused)?;
        let (parent, component) = match registration.kind {
            Kind::Instance => (named, instance.id.clone()),
            Kind::Exact => match named.parent() {
                Some(parent) => (parent, named.component().to_owned()),
                None => return Err(format!("{registration} is the root of all names itself")),
            },
        };
        parent.child(&component).map_err(refused)?;
        let sequential = instance.sequential && registration.kind == Kind::Instance;
        Ok(Self {
            parent,
            component,
            sequential,
        })
    }

    /// The path without a number.
    pub(super) fn path(&self) -> ZnodePath {
        self.parent
            .child(&self.component)
            .expect("checked when made")
    }

    /// The path that ZooKeeper adds a number to.
    pub(super) fn prefix(&self) -> ZnodePath {
        let component = format!("{}-", self.component);
        self.parent.child(&component).expect("checked when made")
    }

    fn is_numbered(&self, component: &str) -> bool {
        let rest = component.strip_prefix(&self.component);
        let digits = rest.and_then(|rest| rest.strip_prefix('-'));
        digits.is_some_and(|digits| {
            digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit())
        })
    }

    /// The znodes of that name with a number, the lowest number first.
    pub(super) async fn numbered(
        &self,
        connection: &Connection,
    ) -> Result<Vec<(ZnodePath, Stat)>, Error> {
        let mut children = connection.children(&self.parent).await?.unwrap_or_default();
        children.retain(|child| self.is_numbered(child));
        children.sort_unstable();
        let mut found = Vec::new();
        for child in children {
            let Ok(path) = self.parent.child(&child) else {
                continue;
            };
            if let Some(stat) = connection.stat(&path).await? {
                found.push((path, stat));
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ten_digits_behind_the_id_are_a_number() {
        let place = InstancePath {
            parent: ZnodePath::root(),
            component: "c1".into(),
            sequential: true,
        };
        assert!(place.is_numbered("c1-0000000007"));
        for other in [
            "c1",
            "c1-7",
            "c10000000007",
            "c2-0000000007",
            "c1-x-0000000007",
        ] {
            assert!(!place.is_numbered(other), "{other}");
        }
    }
}
