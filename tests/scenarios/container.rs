//! hostsync in a container, with the engine's usual capabilities: `/etc/hosts` is a bind mount there,
//! and the engine itself rewrites it whenever networks come and go.

use std::time::Duration;

use lab::{Container, Image, Need, Network, PATIENCE, docker, needs, tree, wait_for};
use serde_json::json;

/// Alone it takes a moment; the engine, a command in the container and other tests add to it.
const AT_ONCE: Duration = Duration::from_secs(5);

/// The addresses of a name, as a program that reads the whole file finds them.
pub(crate) fn addresses(text: &str, name: &str) -> Vec<String> {
    let entries = text.lines().filter(|line| !line.starts_with('#'));
    let words = entries.map(|line| line.split_ascii_whitespace().collect::<Vec<_>>());
    // The engine leaves empty lines, too.
    let of_name = words.filter(|words| words.iter().skip(1).any(|word| *word == name));
    of_name.map(|words| words[0].to_owned()).collect()
}

fn soon(container: &Container, what: &str, limit: Duration, done: impl Fn(&str) -> bool) -> String {
    let text = wait_for(what, limit, || container.hosts(), |text| done(text));
    for line in ["127.0.0.1\tlocalhost", "ff02::1\tip6-allnodes"] {
        assert!(text.contains(line), "the engine's {line:?}: {text}");
    }
    text
}

/// How many lines the engine has written about the container itself.
fn own_lines(container: &Container, text: &str) -> usize {
    let id = docker(&[
        "inspect",
        "--format",
        "{{.Config.Hostname}}",
        container.name(),
    ]);
    addresses(text, id.stdout.trim()).len()
}

#[test]
fn names_follow_and_survive_what_the_engine_does() {
    if !needs(Need::Docker) {
        return;
    }
    let tree = tree("container");
    tree.publish(
        1,
        &json!({"db": ["10.0.0.5"], "web": ["10.0.0.7", "10.0.0.8"]}),
    );
    let (image, network, other) = (Image::with_hostsync(), Network::new(), Network::new());
    let servers = network.reach(&tree);
    let start = ["hostsync", "run", "-z", &servers];
    let container = Container::run(&image, &network, &start);
    // What the engine makes of a file that nobody else writes.
    let control = [&start[..], &["--hosts-file", "/tmp/hosts"]].concat();
    let control = Container::run(&image, &network, &control);

    soon(&container, "db", PATIENCE, |text| {
        addresses(text, "db") == ["10.0.0.5"]
    });
    let found = container
        .call(&["getent", "ahostsv4", "web"])
        .expect_code(0);
    found.expect_words(&["10.0.0.7", "10.0.0.8"]);
    let status = container.call(&["hostsync", "status"]).expect_code(0);
    status.expect_words(&["in step", "written by: slots (the file is a mount point)"]);

    tree.publish(2, &json!({"db": ["10.0.0.6"], "new": ["10.0.0.9"]}));
    let text = soon(&container, "a change", PATIENCE, |text| {
        addresses(text, "db") == ["10.0.0.6"] && addresses(text, "web").is_empty()
    });
    assert_eq!(addresses(&text, "new"), ["10.0.0.9"]);
    let _ = container.call(&["getent", "hosts", "web"]).expect_code(2);
    assert_eq!(own_lines(&container, &text), 1);

    // Each makes the engine rewrite the file under us, the last one from scratch. Names are there
    // at once, twice for a while where their lines were shifted.
    let is_there = |text: &str| {
        let is_at = |name: &str, address: &str| {
            let found = addresses(text, name);
            !found.is_empty() && found.iter().all(|one| one == address)
        };
        is_at("db", "10.0.0.6") && is_at("new", "10.0.0.9")
    };
    let is_exact = |text: &str| {
        addresses(text, "db") == ["10.0.0.6"] && addresses(text, "new") == ["10.0.0.9"]
    };
    for (event, limit) in [
        (&["network", "connect", other.name()][..], AT_ONCE),
        (&["network", "disconnect", other.name()], AT_ONCE),
        (&["restart", "--time", "5"], PATIENCE),
    ] {
        for container in [&control, &container] {
            let _ = docker(&[event, &[container.name()]].concat());
        }
        let text = soon(
            &container,
            &format!("names after {event:?}"),
            limit,
            is_there,
        );
        let expected = own_lines(&control, &control.hosts());
        assert_eq!(own_lines(&container, &text), expected, "{text}");
        let text = soon(
            &container,
            &format!("no name twice after {event:?}"),
            PATIENCE,
            is_exact,
        );
        assert_eq!(own_lines(&container, &text), expected, "{text}");
    }

    // As process 1, to which signals do nothing by default.
    let _ = docker(&["stop", "--time", "5", container.name()]);
    let code = docker(&[
        "inspect",
        "--format",
        "{{.State.ExitCode}}",
        container.name(),
    ]);
    assert_eq!(code.stdout.trim(), "0", "{}", container.log());
}

/// Two containers of one pod have one hosts file: one of them writes it, and the other is as well off.
#[test]
fn two_containers_share_one_file_and_the_second_takes_over() {
    if !needs(Need::Docker) {
        return;
    }
    let tree = tree("pod");
    tree.publish(1, &json!({"db": ["10.0.0.5"]}));
    let (image, network) = (Image::with_hostsync(), Network::new());
    let servers = network.reach(&tree);
    let exec = |id: &'static str, port: &'static str| {
        [
            "hostsync",
            "exec",
            "-z",
            &servers,
            "--id",
            id,
            "--wait",
            "db",
            "--register",
            port,
            "--",
            "sleep",
            "1000",
        ]
        .map(str::to_owned)
    };
    let run = |words: [String; 13], network: &Network| {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        Container::run(&image, network, &words)
    };
    let in_step = |container: &Container, generation: &str| {
        let well = |limit, what: &str| {
            let look = || container.call(&["hostsync", "status"]);
            wait_for(what, limit, look, |status| {
                status.code() == 0 && status.stdout.contains(generation)
            })
        };
        let status = well(AT_ONCE, "the container to be in step");
        let _ = container
            .call(&["hostsync", "status", "--health"])
            .expect_code(0);
        status
    };
    // As in a pod, the network is that of a container that does nothing else.
    let sandbox = Container::run(&image, &network, &["sleep", "1000"]);
    let pod = Network::joined(&format!("container:{}", sandbox.name()));
    let first = run(exec("first", "one:80"), &pod);
    in_step(&first, "generation 1 applied");
    let second = run(exec("second", "two:81"), &pod);
    let status = in_step(&second, "generation 1 applied");
    status.expect_words(&[
        "written by: others",
        "is kept by another process",
        "/two/second",
    ]);
    let _ = second.call(&["getent", "ahostsv4", "db"]).expect_code(0);

    tree.publish(2, &json!({"db": ["10.0.0.6"], "web": ["10.0.0.7"]}));
    for container in [&first, &second] {
        in_step(container, "generation 2 applied");
    }
    let text = second.hosts();
    assert_eq!(addresses(&text, "web"), ["10.0.0.7"], "{text}");
    // Whoever wrote it is gone.
    let _ = docker(&["kill", first.name()]);
    tree.publish(3, &json!({"db": ["10.0.0.8"], "web": ["10.0.0.7"]}));
    let status = in_step(&second, "generation 3 applied");
    status.expect_words(&["written by: slots"]);
    soon(&second, "what is published next", PATIENCE, |text| {
        addresses(text, "db") == ["10.0.0.8"]
    });
    assert!(
        second
            .log()
            .contains("is written by this process from now on")
    );
}
