//! docs/dns.md is true.

use lab::{Dns, Outcome, Running, tree};

use super::answering;
use crate::formats::{of_line, plant};

/// The flags that are the test's own business, with a value each.
const OURS: [&str; 2] = ["-z", "--dns"];

/// Starts what the page starts.
fn start(tree: &lab::Tree, command: &str) -> Running {
    let words: Vec<&str> = command.split(' ').skip(2).collect();
    let flags: Vec<&str> = words
        .chunks(2)
        .filter(|flag| !OURS.contains(&flag[0]))
        .flatten()
        .copied()
        .collect();
    answering(tree).run_with(&flags)
}

/// What the command prints now.
fn printed(dns: Dns, command: &str) -> String {
    let at = format!("-p {} @{}", dns.address().port(), dns.address().ip());
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", &command.replace("@ns1", &at)]);
    Outcome::of(shell).expect_code(0).stdout
}

/// The lines in order: the addresses of services take turns.
fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines
}

#[test]
fn the_page_on_dns_is_true() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/dns.md");
    let page = std::fs::read_to_string(page).expect("docs/dns.md");
    let (mut znodes, mut server) = (None, None);
    let mut commands = 0;
    for part in page.split("```") {
        if let Some(lines) = part.strip_prefix("tree\n") {
            let tree = tree("page");
            plant(&tree, lines.lines().map(of_line));
            znodes = Some(tree);
            continue;
        }
        let part = part.strip_prefix("console\n").unwrap_or("");
        for command in part.split("$ ").skip(1) {
            let (command, expected) = command.split_once('\n').expect("a line");
            let tree = znodes.as_ref().expect("a tree before the first command");
            if command.starts_with("nameserver run ") {
                let running = start(tree, command);
                let dns = Dns::of(&running);
                dns.soon("_status.zk.internal TXT", |response| {
                    !response.text().contains("starting")
                });
                server = Some((running, dns));
                continue;
            }
            let (_, dns) = server.as_ref().expect("a server before the first question");
            let now = printed(*dns, command);
            assert_eq!(sorted(&now), sorted(expected), "{command}:\n{now}");
            commands += 1;
        }
    }
    assert!(commands > 10, "{commands} commands");
}
