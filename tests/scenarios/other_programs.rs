//! Other programs write the hosts file in their own way: what is ours stays ours, what is theirs theirs.

use std::fs;
use std::process::Command;
use std::time::Duration;

use lab::{HostsFile, Tree, hostsync, tree};
use serde_json::json;

const LOCALHOST: &str = "127.0.0.1 localhost\n";

/// What another program makes of a file.
type Rewrite = fn(&str) -> String;

/// Each address once, with all its names; what else is written depends on the program.
fn joined(text: &str, is_kept: impl Fn(&str) -> bool) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let first = words.next().unwrap_or_default();
        if line.starts_with('#') || first.is_empty() {
            lines.extend(is_kept(line).then(|| line.to_owned()));
            continue;
        }
        let names: Vec<&str> = words.collect();
        let begin = format!("{first}\t");
        match lines.iter_mut().find(|line| line.starts_with(&begin)) {
            Some(line) => *line += &format!(" {}", names.join(" ")),
            None => lines.push(begin + &names.join(" ")),
        }
    }
    lines.join("\n") + "\n"
}

/// What programs of the field do to a file, each seen in one of them.
const REWRITES: [(&str, Rewrite); 6] = [
    ("drops comments", |text| {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines
            .map(|line| line.trim_end().to_owned() + "\n")
            .collect()
    }),
    ("joins names", |text| joined(text, |_| false)),
    ("joins names and keeps comments", |text| {
        joined(text, |_| true)
    }),
    ("adds a byte order mark", |text| format!("\u{feff}{text}")),
    ("adds one and joins names", |text| {
        "\u{feff}#\n".to_owned() + &joined(text, |_| false)
    }),
    ("writes tabs, capitals and line ends of its own", |text| {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let words = lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join("\t"));
        words
            .map(|line| format!("{}\r\n", line.to_uppercase()))
            .collect()
    }),
];

fn published(name: &str) -> Tree {
    let tree = tree(name);
    tree.publish(
        1,
        &json!({"db": ["10.0.0.5"], "web": ["10.0.0.5"], "log": ["10.0.0.7"]}),
    );
    tree
}

/// Another program has rewritten the file; what is published next is what the file says all the same,
/// and at last nothing of ours is in it.
fn stays_ours(write: &str, is_running: bool) {
    for (number, (what, rewrite)) in REWRITES.into_iter().enumerate() {
        println!("{write}, running: {is_running}: a program that {what}");
        let tree = published(&format!("rewritten-{write}-{is_running}-{number}"));
        // One of theirs has an address of ours.
        let foreign = LOCALHOST.to_owned() + "10.0.0.5 mine\n10.9.9.9 theirs\n";
        let hosts = HostsFile::with(&foreign);
        let program = hostsync(&tree, &hosts).flag("write", write);
        let mut agent = program.run();
        for name in ["db", "web"] {
            hosts.soon_maps(name, &["10.0.0.5"]);
        }
        let _ = program.soon_well();
        if is_running {
            // What is written while a file is truncated is another matter.
            agent.pause();
            hosts.put(rewrite(&hosts.text()));
            agent.resume();
        } else {
            agent.stop();
            hosts.put(rewrite(&hosts.text()));
        }
        tree.publish(2, &json!({"db": ["10.0.0.6"], "web": ["10.0.0.5"]}));
        if !is_running {
            agent = program.run();
        }
        hosts.soon_maps("db", &["10.0.0.6"]);
        hosts.soon_lacks("log");
        hosts.soon_maps("web", &["10.0.0.5"]);
        let status = program.soon_well();
        assert!(!status.stdout.contains("shadowed"), "{status:#?}");
        for (name, address) in [("mine", "10.0.0.5"), ("theirs", "10.9.9.9")] {
            let said = if what.contains("capitals") {
                name.to_uppercase()
            } else {
                name.to_owned()
            };
            assert_eq!(hosts.addresses(&said), [address], "{}", hosts.text());
        }
        // What is still on its way out would be anybody's without our markers.
        hosts.soon("the old lines to be dead", || {
            let text = hosts.text().to_lowercase();
            let mut lines = text.lines();
            !lines.any(|line| line.starts_with("10.0.0.5") && line.contains("db"))
        });
        agent.stop();
        hosts.put(rewrite(&hosts.text()));
        let _ = program.call(&["clean"]).expect_code(0);
        let said = hosts.text().to_lowercase();
        let said: Vec<_> = said.lines().filter(|line| !line.starts_with('#')).collect();
        let is_ours = |word: &str| ["db", "web", "log"].contains(&word);
        let is_any_ours = said.iter().any(|line| line.split_whitespace().any(is_ours));
        assert!(!is_any_ours, "a program that {what}: {said:#?}");
    }
}

#[test]
fn what_another_program_makes_of_our_lines_is_put_right_by_replacing() {
    stays_ours("replace", true);
}

#[test]
fn what_another_program_makes_of_our_lines_is_put_right_in_slots() {
    stays_ours("slots", true);
}

#[test]
fn what_became_of_our_lines_while_we_were_away_is_put_right_by_replacing() {
    stays_ours("replace", false);
}

#[test]
fn what_became_of_our_lines_while_we_were_away_is_put_right_in_slots() {
    stays_ours("slots", false);
}

/// A line of the operator's that says what is published, or was not asked for, is no line of ours: also not
/// after a restart, and not for `clean`.
#[test]
fn what_was_never_ours_is_not_taken_for_it() {
    for write in ["replace", "slots"] {
        let tree = published(&format!("never-ours-{write}"));
        let foreign = LOCALHOST.to_owned() + "10.0.0.5 db\n10.0.0.7 log\n";
        let hosts = HostsFile::with(&foreign);
        let program = hostsync(&tree, &hosts)
            .flag("write", write)
            .flag("select", "[dw]*");
        let theirs = |hosts: &HostsFile| {
            let text = hosts.text();
            assert!(text.starts_with(&foreign), "{write}: {text}");
        };
        for generation in 2..5 {
            let mut agent = program.run();
            tree.publish(
                generation,
                &json!({"db": ["10.0.0.5"], "web": [format!("10.0.1.{generation}")], "log": ["10.0.0.7"]}),
            );
            hosts.soon_maps("web", &[&format!("10.0.1.{generation}")]);
            let _ = program.soon_well();
            theirs(&hosts);
            if generation == 3 {
                agent.kill9();
            } else {
                agent.stop();
            }
        }
        let _ = program.call(&["once"]).expect_code(0);
        theirs(&hosts);
        let _ = program.call(&["clean"]).expect_code(0);
        theirs(&hosts);
    }
}

/// A program writes back what it read before the last change: that line may be anybody's, but the name is
/// not in step.
#[test]
fn a_name_that_others_hold_at_an_address_of_before_is_not_in_step() {
    let (tree, hosts) = (published("stale"), HostsFile::with(LOCALHOST));
    let program = hostsync(&tree, &hosts);
    let _agent = program.run();
    hosts.soon_maps("db", &["10.0.0.5"]);
    tree.publish(2, &json!({"db": ["10.0.0.6"], "web": ["10.0.0.5"]}));
    hosts.soon_maps("db", &["10.0.0.6"]);
    let other = hosts
        .directory()
        .write("other", LOCALHOST.to_owned() + "10.0.0.5 web db\n");
    fs::rename(other, hosts.path()).expect("rename");
    hosts.soon_maps("web", &["10.0.0.5"]);
    let status = lab::wait_for(
        "the name not to be in step",
        lab::PATIENCE,
        || program.call(&["status"]),
        |status| status.stdout.contains("db stands at 10.0.0.5"),
    );
    status
        .expect_code(1)
        .expect_words(&["not in step", "take that line out"]);
    // An address that was never published may be meant.
    hosts.put(hosts.text().replace("10.0.0.5 db", "10.9.9.9 db"));
    let status = program.soon_well();
    status.expect_words(&["shadowed", "db"]);
}

/// What a shell does while hostsync runs; what it writes to `$H`, line by line, is in the file at last.
fn keeps_what_is_written(name: &str, script: &str, theirs: &[&str]) {
    let (tree, hosts) = (
        published(name),
        HostsFile::with(LOCALHOST.to_owned() + "10.9.9.9 mine\n"),
    );
    let program = hostsync(&tree, &hosts);
    let _agent = program.run();
    hosts.soon_maps("db", &["10.0.0.5"]);
    let mut shell = Command::new("bash");
    shell.args(["-ec", script]).env("H", hosts.path());
    let mut shell = shell.spawn().expect("a shell");
    // Names change meanwhile, more than once.
    for generation in 2..12 {
        let address = format!("10.0.1.{generation}");
        tree.publish(generation, &json!({"db": [address]}));
        if shell.try_wait().expect("a child").is_none() {
            std::thread::sleep(Duration::from_millis(150));
        }
    }
    assert!(shell.wait().expect("a child").success());
    hosts.soon_maps("db", &["10.0.1.11"]);
    let _ = program.soon_well();
    let text = hosts.text();
    let foreign: Vec<_> = text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.contains("db"))
        .collect();
    assert_eq!(foreign, theirs, "{text}");
    println!("{name}: {}", program.call(&["status"]).stdout);
}

#[test]
fn what_others_write_slowly_is_kept() {
    keeps_what_is_written(
        "slow-rewrite",
        "{ for name in localhost a b c; do echo 10.8.8.8 $name; sleep .3; done; } >$H",
        &[
            "10.8.8.8 localhost",
            "10.8.8.8 a",
            "10.8.8.8 b",
            "10.8.8.8 c",
        ],
    );
}

#[test]
fn what_others_append_to_a_file_that_they_have_open_is_kept() {
    keeps_what_is_written(
        "slow-tee",
        "for name in a b c d; do sleep .3; echo 10.8.8.8 $name; done | tee -a $H >/dev/null",
        &[
            "127.0.0.1 localhost",
            "10.9.9.9 mine",
            "10.8.8.8 a",
            "10.8.8.8 b",
            "10.8.8.8 c",
            "10.8.8.8 d",
        ],
    );
}

/// A file that was renamed is made anew by whoever did that, who may insist that there is none.
#[test]
fn an_editor_that_renames_the_file_finds_its_name_free() {
    keeps_what_is_written(
        "editor",
        "for name in a b c; do mv $H $H~; sleep .1; set -C; { cat $H~; echo 10.8.8.8 $name; } >$H; rm $H~; sleep .2; done",
        &[
            "127.0.0.1 localhost",
            "10.9.9.9 mine",
            "10.8.8.8 a",
            "10.8.8.8 b",
            "10.8.8.8 c",
        ],
    );
}
