//! Somebody changes the hosts file as fast as it is put right: that costs a repair a second, no core and no log, and it
//! is told who it is.

use std::process::Command;
use std::time::Duration;

use lab::{
    HostsFile, Need, Outcome, PATIENCE, Process, Program, Running, Stopwatch, Tree, hostsync,
    needs, tree, wait_for, wait_until,
};
use serde_json::json;

/// With who it is.
fn fought(agent: &Program, by: &str) -> Outcome {
    let told = format!("is changed as fast as it is put right, by {by} (pid ");
    wait_for(
        &told,
        PATIENCE,
        || agent.call(&["status"]),
        |status| status.stdout.contains(&told),
    )
}

/// Over three seconds: hardly any line, hardly any time.
fn is_cheap(running: &Running) {
    let (lines, used, begun) = (running.lines(), running.cpu_time(), Stopwatch::start());
    wait_until("three seconds", PATIENCE, || {
        begun.elapsed() > Duration::from_secs(3)
    });
    let (lines, used) = (running.lines() - lines, running.cpu_time() - used);
    println!("measured: three seconds of a fight over the hosts file: {used:?} of processor time");
    assert!(lines <= 3, "{lines} lines");
    assert!(used < Duration::from_millis(600), "{used:?}");
}

#[test]
fn two_agents_of_different_trees_do_not_wear_the_machine_out() {
    if !needs(Need::Root) {
        return;
    }
    let hosts = HostsFile::with("127.0.0.1 localhost\n");
    let publish = |name: &str, address: &str| -> Tree {
        let tree = tree(name);
        tree.publish(1, &json!({"db": [address]}));
        tree
    };
    let (one, other) = (
        publish("fight-one", "10.0.0.1"),
        publish("fight-other", "10.0.0.2"),
    );
    // As in two containers that mount one file: neither finds the other's socket.
    let first = hostsync(&one, &hosts).flag("cache", hosts.path().with_extension("one"));
    let second = hostsync(&other, &hosts)
        .flag("cache", hosts.path().with_extension("other"))
        .after_mounting("mount -t tmpfs none /run");
    let (running, rival) = (first.run(), second.run());
    let status = fought(&first, "hostsync").expect_code(1);
    status.expect_words(&["not in step: "]);
    running.soon_says("is written by hostsync (pid ");
    is_cheap(&running);
    is_cheap(&rival);
    drop(rival);
    running.soon_says("stays right again");
    hosts.soon_maps("db", &["10.0.0.1"]);
    let _ = first.soon_well();
}

#[test]
fn a_program_that_rewrites_the_file_all_the_time_is_named() {
    if !needs(Need::Root) {
        return;
    }
    let (tree, hosts) = (
        tree("fight-script"),
        HostsFile::with("127.0.0.1 localhost\n"),
    );
    tree.publish(1, &json!({"db": ["10.0.0.1"]}));
    let agent = hostsync(&tree, &hosts);
    let running = agent.run();
    hosts.soon_maps("db", &["10.0.0.1"]);
    let path = hosts.path().display().to_string();
    let script = "while :; do echo '127.0.0.1 localhost' >\"$0\"; sleep 0.006; done";
    let mut shell = Command::new("sh");
    shell.args(["-c", script, &path]);
    let log = hosts.path().with_extension("log");
    let mut rewriting = Process::spawn("sh", shell, &log);
    let _ = fought(&agent, "sh").expect_code(1);
    is_cheap(&running);
    // What is published goes out all the same.
    tree.publish(2, &json!({"db": ["10.0.0.2"]}));
    running.soon_says("generation 2: ");
    rewriting.kill9();
    running.soon_says("stays right again");
    hosts.soon_maps("db", &["10.0.0.2"]);
    let _ = agent.soon_well();
}
