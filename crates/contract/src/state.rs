//! The znodes below `STATE`, and who may write them.

use crate::{Address, Name, PageEntry, PathError, ZnodePath};

/// The znode below which nameservers and agents keep what they agree on (`--state`), and where each
/// thing is below it.
///
/// | znode | kind | body | written by |
/// |---|---|---|---|
/// | `hosts` | persistent | [`Head`](crate::Head) | the leader |
/// | `hosts/GENERATION-DIGEST` | persistent | [`Page`](crate::Page) | the leader |
/// | `settings` | persistent | [`Settings`](crate::Settings) | the leader |
/// | `hold` | persistent | [`Held`](crate::Held) | the leader; who may, deletes it |
/// | `election/…` | ephemeral, sequential | [`Candidate`](crate::Candidate) | each nameserver, its own |
/// | `aside/ID` | ephemeral | [`Candidate`](crate::Candidate) | each nameserver that does not stand |
/// | `agents/ID` | ephemeral | [`Agent`](crate::Agent) | each agent, its own |
/// | `bindings/SERVICE/ADDRESS/ID` | ephemeral | nothing | each agent that binds, its own |
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    path: ZnodePath,
}

impl State {
    /// The state at `path`.
    pub fn new(path: ZnodePath) -> Self {
        Self { path }
    }

    /// `STATE` itself.
    pub fn path(&self) -> &ZnodePath {
        &self.path
    }

    /// The snapshot of all names.
    pub fn hosts(&self) -> ZnodePath {
        self.child("hosts")
    }

    /// A page of the names, where they are many.
    pub fn page(&self, entry: &PageEntry) -> ZnodePath {
        let page = self.hosts().child(&entry.component());
        page.expect("a plain component")
    }

    /// By which settings the names are made.
    pub fn settings(&self) -> ZnodePath {
        self.child("settings")
    }

    /// What is held; not there where nothing is.
    pub fn hold(&self) -> ZnodePath {
        self.child("hold")
    }

    /// The candidates; the one with the lowest number leads.
    pub fn election(&self) -> ZnodePath {
        self.child("election")
    }

    /// The nameservers that run and do not stand for election, each with its reason.
    pub fn aside(&self) -> ZnodePath {
        self.child("aside")
    }

    /// The agents that run.
    pub fn agents(&self) -> ZnodePath {
        self.child("agents")
    }

    /// The znode of one agent.
    ///
    /// # Errors
    /// The id is no component of a path.
    pub fn agent(&self, id: &str) -> Result<ZnodePath, PathError> {
        self.agents().child(id)
    }

    /// The instances that agents are bound to.
    pub fn bindings(&self) -> ZnodePath {
        self.child("bindings")
    }

    /// The bindings to the instances of one service.
    pub fn bindings_to(&self, service: &Name) -> ZnodePath {
        let service = self.bindings().child(service.as_str());
        service.expect("a name is a component")
    }

    /// The znode of the binding of the agent `id` to one instance.
    ///
    /// # Errors
    /// The id is no component of a path.
    pub fn binding(
        &self,
        service: &Name,
        instance: &Address,
        id: &str,
    ) -> Result<ZnodePath, PathError> {
        let instance = self.bindings_to(service).child(&instance.to_string())?;
        instance.child(id)
    }

    /// The znodes below which everybody may create, unless agents have an identity. All others are
    /// the nameservers' alone.
    pub fn open(&self) -> [ZnodePath; 2] {
        [self.agents(), self.bindings()]
    }

    /// All that stands directly below `STATE`, whether it is there or not.
    pub fn all(&self) -> [ZnodePath; 7] {
        [
            self.hosts(),
            self.settings(),
            self.hold(),
            self.election(),
            self.aside(),
            self.agents(),
            self.bindings(),
        ]
    }

    fn child(&self, component: &str) -> ZnodePath {
        self.path.child(component).expect("a plain component")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        let state = State::new("/nameserver".parse().unwrap());
        let (service, instance) = ("broker".parse().unwrap(), "fd00::1".parse().unwrap());
        for (path, place) in [
            (state.hosts(), "hosts"),
            (state.settings(), "settings"),
            (state.hold(), "hold"),
            (state.election(), "election"),
            (state.aside(), "aside"),
            (state.agent("a1").unwrap(), "agents/a1"),
            (
                state.binding(&service, &instance, "a1").unwrap(),
                "bindings/broker/fd00::1/a1",
            ),
        ] {
            assert_eq!(path.to_string(), format!("/nameserver/{place}"));
        }
        assert!(state.agent("a/1").is_err() && state.agent("").is_err());
    }
}
