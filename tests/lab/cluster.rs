//! Several servers that form one ensemble.

use crate::ports::free_port;
use crate::zookeeper::{Options, ZooKeeper};

/// An ensemble on loopback. Stop and start its members as single servers.
#[derive(Debug)]
pub struct Ensemble {
    /// The servers, in the order of their ids.
    pub members: Vec<ZooKeeper>,
}

impl Ensemble {
    /// Starts `size` servers and waits until all of them serve.
    pub fn start(size: usize) -> Self {
        let peers: Vec<String> = (1..=size)
            .map(|id| format!("server.{id}=127.0.0.1:{}:{}", free_port(), free_port()))
            .collect();
        let mut members: Vec<ZooKeeper> = (1..=size)
            .map(|id| {
                let options = peers
                    .iter()
                    .fold(Options::default(), |all, peer| all.line(peer));
                let mut server = ZooKeeper::prepare(free_port(), &options);
                server.write_id(id);
                server.launch();
                server
            })
            .collect();
        members.iter_mut().for_each(ZooKeeper::wait_ready);
        Self { members }
    }

    /// Every member as `HOST:PORT,HOST:PORT,…`.
    pub fn addresses(&self) -> String {
        let all: Vec<String> = self.members.iter().map(ZooKeeper::address).collect();
        all.join(",")
    }

    /// Which member leads.
    ///
    /// # Panics
    /// If none does.
    pub fn leader(&self) -> usize {
        let leads = |server: &ZooKeeper| server.ask("srvr").contains("Mode: leader");
        self.members
            .iter()
            .position(leads)
            .expect("the ensemble has a leader")
    }
}
