//! A nameserver that answers DNS, and the programs that people ask it with.

mod answers;
mod containers;
mod floods;
mod following;
mod forwarding;
mod page;
mod programs;
mod secondary;

use lab::{Dns, Program, Running, Tree, nameserver};

/// A port of its own, which the log tells.
const ANY_PORT: &str = "127.0.0.1:0";

/// A nameserver on this tree that answers DNS.
fn answering(tree: &Tree) -> Program {
    nameserver(tree).flag("dns", ANY_PORT)
}

/// Starts it; returns it with its DNS once that has read the tree, in which `name` has addresses.
fn run(program: &Program, name: &str) -> (Running, Dns) {
    let running = program.run();
    let dns = Dns::of(&running);
    dns.soon(name, |response| !response.data().is_empty());
    (running, dns)
}
