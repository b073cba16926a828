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
        Self::start_with(size, &Options::default())
    }

    /// Starts `size` servers that differ so from the usual ones.
    pub fn start_with(size: usize, options: &Options) -> Self {
        let peers: Vec<String> = (1..=size)
            .map(|id| format!("server.{id}=127.0.0.1:{}:{}", free_port(), free_port()))
            .collect();
        let mut members: Vec<ZooKeeper> = (1..=size)
            .map(|id| {
                let options = peers
                    .iter()
                    .fold(options.clone(), |all, peer| all.line(peer));
                let mut server = ZooKeeper::prepare(free_port(), &options);
                server.write_id(id);
                server.launch();
                server
            })
            .collect();
        members.iter_mut().for_each(ZooKeeper::wait_ready);
        Self { members }
    }

    /// Stops and starts the members one after another, so that a majority serves all the time, as an
    /// upgrade does. `between` is called whenever all of them serve.
    pub fn restart_in_turn(&mut self, mut between: impl FnMut()) {
        for member in &mut self.members {
            member.stop();
            member.restart();
            between();
        }
    }

    /// Stops all members; the data stay.
    pub fn stop(&mut self) {
        self.members.iter_mut().for_each(ZooKeeper::stop);
    }

    /// Starts all members again and waits until all of them serve.
    pub fn restart(&mut self) {
        self.members.iter_mut().for_each(ZooKeeper::launch);
        self.members.iter_mut().for_each(ZooKeeper::wait_ready);
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
