//! A model of ZooKeeper for property tests: znodes with owners and versions, and transactions.
//!
//! Unlike ZooKeeper's, the version of a new znode is one that no znode had before, so that a write
//! with a version never meets another znode than the one that was read.

use std::collections::BTreeMap;

use contract::ZnodePath;
use zookeeper::{Create, Error, Write};

/// What stands in a tree.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Model {
    pub(crate) znodes: BTreeMap<ZnodePath, Znode>,
    versions: i32,
    numbers: u32,
}

/// A znode; 0 owns those that no session does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Znode {
    pub(crate) owner: i64,
    pub(crate) version: i32,
    pub(crate) data: Vec<u8>,
}

impl Model {
    pub(crate) fn get(&self, path: &ZnodePath) -> Option<&Znode> {
        self.znodes.get(path)
    }

    /// The names of the children.
    pub(crate) fn children(&self, parent: &ZnodePath) -> Vec<String> {
        let children = self.znodes.keys();
        let children = children.filter(|path| path.parent().as_ref() == Some(parent));
        children.map(|path| path.component().to_owned()).collect()
    }

    /// The znodes that one of the sessions owns.
    pub(crate) fn owned_by(&self, sessions: &[i64]) -> Vec<&ZnodePath> {
        let owned = self.znodes.iter();
        let owned = owned.filter(|(_, znode)| sessions.contains(&znode.owner));
        owned.map(|(path, _)| path).collect()
    }

    pub(crate) fn create_all(&mut self, path: &ZnodePath) {
        if let Some(parent) = path.parent() {
            self.create_all(&parent);
            // That it is there already is no error.
            let _ = self.commit(0, &[Write::Create(path, b"", Create::Persistent)]);
        }
    }

    /// All of it or nothing; the paths that were written.
    pub(crate) fn commit(
        &mut self,
        session: i64,
        writes: &[Write<'_>],
    ) -> Result<Vec<ZnodePath>, Error> {
        let mut next = self.clone();
        let written: Result<_, _> = writes
            .iter()
            .map(|write| next.write(session, write))
            .collect();
        let written = written?;
        *self = next;
        Ok(written)
    }

    /// Ends sessions; the paths of what went with them.
    pub(crate) fn end(&mut self, sessions: &[i64]) -> Vec<ZnodePath> {
        let gone: Vec<_> = self.owned_by(sessions).into_iter().cloned().collect();
        self.znodes.retain(|path, _| !gone.contains(path));
        gone
    }

    fn write(&mut self, session: i64, write: &Write<'_>) -> Result<ZnodePath, Error> {
        self.versions += 1000;
        match *write {
            Write::Create(path, data, create) => {
                let parent = path.parent().ok_or(Error::NodeExists)?;
                if !parent.is_root() && self.get(&parent).is_none_or(|above| above.owner != 0) {
                    return Err(Error::NoNode);
                }
                let mut path = path.clone();
                if create == Create::EphemeralSequential {
                    self.numbers += 1;
                    let numbered = format!("{}{:010}", path.component(), self.numbers);
                    path = parent.child(&numbered).expect("a component");
                }
                if self.znodes.contains_key(&path) {
                    return Err(Error::NodeExists);
                }
                let znode = Znode {
                    owner: match create {
                        Create::Persistent => 0,
                        Create::Ephemeral | Create::EphemeralSequential => session,
                    },
                    version: self.versions,
                    data: data.to_vec(),
                };
                self.znodes.insert(path.clone(), znode);
                Ok(path)
            }
            Write::Set(path, data, version) => {
                let znode = self.at(path, version)?;
                znode.data = data.to_vec();
                znode.version += 1;
                Ok(path.clone())
            }
            Write::Delete(path, version) => {
                self.at(path, version)?;
                if !self.children(path).is_empty() {
                    return Err(Error::NotEmpty);
                }
                self.znodes.remove(path);
                Ok(path.clone())
            }
        }
    }

    fn at(&mut self, path: &ZnodePath, version: Option<i32>) -> Result<&mut Znode, Error> {
        let znode = self.znodes.get_mut(path).ok_or(Error::NoNode)?;
        match version {
            Some(version) if version != znode.version => Err(Error::BadVersion),
            _ => Ok(znode),
        }
    }
}
