//! Where one registration belongs in the tree.

use contract::{Name, PathError, ZnodePath};

use super::{Kind, Registration};

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
    /// The place of a registration below the root of the nameserver. Instances are called `id`, with
    /// a number behind it where they are `sequential`.
    pub(super) fn new(
        registration: &Registration,
        (id, sequential): (&str, bool),
        root: &ZnodePath,
        domain: Option<&Name>,
    ) -> Result<Self, String> {
        let refused = |error: PathError| error.to_string();
        let named = registration.place(root, domain).map_err(refused)?;
        let (parent, component) = match registration.kind {
            Kind::Instance => (named, id.to_owned()),
            Kind::Exact => match named.parent() {
                Some(parent) => (parent, named.component().to_owned()),
                None => return Err(format!("{registration} is the root of all names itself")),
            },
        };
        parent.child(&component).map_err(refused)?;
        let sequential = sequential && registration.kind == Kind::Instance;
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

    /// The path of a child of the parent that is this one with a number.
    pub(super) fn numbered(&self, child: &str) -> Option<ZnodePath> {
        let rest = child.strip_prefix(&self.component)?.strip_prefix('-')?;
        let is_number = rest.len() == DIGITS && rest.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| self.parent.child(child).ok()).flatten()
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
        let seven = place.numbered("c1-0000000007").unwrap();
        assert_eq!(seven.as_str(), "/c1-0000000007");
        for other in [
            "c1",
            "c1-7",
            "c10000000007",
            "c2-0000000007",
            "c1-x-0000000007",
        ] {
            assert_eq!(place.numbered(other), None, "{other}");
        }
    }
}
