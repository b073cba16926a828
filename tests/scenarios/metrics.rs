//! The metrics of both daemons, as Prometheus reads them, and what is shipped for it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use lab::{
    HostsFile, Prometheus, Running, Tree, hostsync, http_get, nameserver, promtool, tree, wait_for,
    wait_until,
};
use serde_json::Value;

use crate::http::{ANY_PORT, address};

const LOCALHOST: &str = "127.0.0.1 localhost\n";

/// Both daemons with all that they have metrics of, at work.
struct Both {
    server: Running,
    agent: Running,
    tree: Tree,
    hosts: HostsFile,
}

impl Both {
    fn start(name: &str) -> Self {
        let (tree, hosts) = (tree(name), HostsFile::with(LOCALHOST));
        tree.create("/db", "10.0.0.1");
        let server = nameserver(&tree)
            .flag("http", ANY_PORT)
            .flag("dns", ANY_PORT)
            .flag("domain", "zk.internal")
            .run();
        let agent = hostsync(&tree, &hosts).flag("http", ANY_PORT).run();
        hosts.soon_maps("db.zk.internal", &["10.0.0.1"]);
        let both = Self {
            server,
            agent,
            tree,
            hosts,
        };
        wait_until("the agent to be known", lab::PATIENCE, || {
            both.texts()[0].contains("nameserver_agents{state=\"in step\"} 1.0")
        });
        lab::Dns::of(&both.server).soon_has("db.zk.internal", &["10.0.0.1"]);
        both.change(2);
        wait_until(
            "the change to have come to the agent",
            lab::PATIENCE,
            || both.texts()[0].contains("nameserver_convergence_seconds_count{agents=\"last\"} 1"),
        );
        both
    }

    fn change(&self, last: u8) {
        let to = format!("10.0.0.{last}");
        self.tree.set("/db", &to);
        self.hosts.soon_maps("db.zk.internal", &[&to]);
    }

    fn texts(&self) -> [String; 2] {
        [&self.server, &self.agent].map(|daemon| http_get(&address(daemon), "/metrics", &[]).body)
    }
}

/// The names of all metrics, with the type of each.
fn names(text: &str) -> BTreeSet<(String, String)> {
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let pairs = types.filter_map(|of| of.split_once(' '));
    pairs.map(|(name, of)| (name.into(), of.into())).collect()
}

fn shipped(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file)
}

fn read(file: &str) -> String {
    std::fs::read_to_string(shipped(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

#[test]
fn promtool_finds_no_fault_with_the_metrics_of_either_daemon() {
    let both = Both::start("metrics");
    for text in both.texts() {
        promtool(&["check", "metrics"], &text).unwrap_or_else(|said| panic!("{said}\n{text}"));
    }
    let asked = http_get(
        &address(&both.server),
        "/metrics",
        &["Accept: application/openmetrics-text;version=1.0.0"],
    );
    assert!(asked.body.ends_with("# EOF\n"), "{}", asked.body);
}

#[test]
fn every_metric_is_documented_and_nothing_else_is() {
    let both = Both::start("metrics-docs");
    let text = read("docs/operating.md");
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `"));
    let documented: BTreeSet<_> = rows
        .filter_map(|row| {
            let mut cells = row.split('|').map(str::trim);
            let name = cells.next()?.trim_end_matches('`');
            let name = name.split('{').next()?.to_owned();
            let of = cells.next()?.to_owned();
            let is_metric = ["gauge", "counter", "histogram"].contains(&of.as_str());
            is_metric.then_some((name, of))
        })
        .collect();
    let told = both.texts().iter().flat_map(|text| names(text)).collect();
    let missing: Vec<_> = BTreeSet::difference(&told, &documented).collect();
    assert!(missing.is_empty(), "not documented: {missing:?}");
    // Only with TLS are there certificates, which the scenarios of secured ensembles look at.
    let told: BTreeSet<_> = told;
    let stale: Vec<_> = documented
        .difference(&told)
        .filter(|(name, _)| !name.ends_with("_certificate_end_timestamp_seconds"))
        .collect();
    assert!(stale.is_empty(), "told by neither daemon: {stale:?}");
}

#[test]
fn a_real_prometheus_reads_both_and_knows_the_rules_and_each_panel() {
    let both = Both::start("prometheus");
    let rules = shipped("monitoring/alerts.yml");
    promtool(&["check", "rules", &rules.display().to_string()], "")
        .unwrap_or_else(|said| panic!("{said}"));
    let (server, agent) = (address(&both.server), address(&both.agent));
    let prometheus = Prometheus::start(&[&server, &agent], &rules);
    let value = |expression: &str| {
        let result = prometheus.query(expression);
        result
            .first()
            .map(|one| one["value"][1].clone())
            .unwrap_or_default()
    };
    for (expression, expected) in [
        ("count(up == 1)", "2"),
        ("nameserver_leader", "1"),
        ("nameserver_agents{state=\"in step\"}", "1"),
        ("hostsync_in_step", "1"),
        (
            "count(nameserver_build_info) + count(hostsync_build_info)",
            "2",
        ),
        (
            "nameserver_published_generation - on() hostsync_applied_generation",
            "0",
        ),
        ("count(process_start_time_seconds > 0)", "2"),
        (
            "nameserver_convergence_seconds_count{agents=\"last\"} > bool 0",
            "1",
        ),
    ] {
        wait_for(
            expression,
            lab::PATIENCE,
            || value(expression),
            |value| value == expected,
        );
    }
    let dashboard: Value = serde_json::from_str(&read("monitoring/dashboard.json")).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let targets = panels
        .iter()
        .flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    let mut count = 0;
    for target in targets {
        let expression = target["expr"].as_str().expect("an expression");
        let expression = expression.replace("$__rate_interval", "1m");
        // That it can be read is one thing, that something comes of it another.
        wait_for(
            &expression,
            lab::PATIENCE,
            || prometheus.query(&expression),
            |result| !result.is_empty(),
        );
        count += 1;
    }
    assert!(count >= 10, "{count}");
    let known = prometheus.get("/api/v1/rules").json();
    let rules = known["data"]["groups"][0]["rules"]
        .as_array()
        .expect("rules")
        .clone();
    let unhealthy: Vec<_> = rules
        .iter()
        .filter(|rule| rule["health"] == "err")
        .collect();
    assert!(rules.len() >= 8 && unhealthy.is_empty(), "{unhealthy:?}");
    let firing = prometheus.query("ALERTS{alertstate=\"firing\"}");
    assert_eq!(firing, Vec::<Value>::new(), "all is well");
}

/// Each alert fires on what it is for, and on nothing else that is played to it.
#[test]
fn the_alerts_fire_on_what_they_are_for() {
    let file = shipped("monitoring/alerts_test.yml").display().to_string();
    promtool(&["test", "rules", &file], "").unwrap_or_else(|said| panic!("{said}"));
    let (rules, tests) = (
        read("monitoring/alerts.yml"),
        read("monitoring/alerts_test.yml"),
    );
    for line in rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "))
    {
        assert!(
            tests.contains(&format!("alertname=\"{line}\"")),
            "{line} is not tried"
        );
    }
}

#[test]
fn without_zookeeper_a_daemon_lives_and_is_ready_and_leads_no_more() {
    let mut zookeeper = lab::ZooKeeper::start();
    let (tree, hosts) = (zookeeper.tree("livez"), HostsFile::with(LOCALHOST));
    tree.create("/db", "10.0.0.1");
    let server = nameserver(&tree).flag("http", ANY_PORT).run();
    let agent = hostsync(&tree, &hosts).flag("http", ANY_PORT).run();
    hosts.soon_maps("db", &["10.0.0.1"]);
    let metric = |name: &str| {
        let text = http_get(&address(&server), "/metrics", &[]).body;
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name).map(str::to_owned));
        line.unwrap_or_default()
    };
    wait_until("it to lead", lab::PATIENCE, || {
        metric("nameserver_leader ") == "1.0"
    });
    zookeeper.kill();
    wait_until("the outage", lab::PATIENCE, || {
        http_get(&address(&server), "/healthz", &[]).code == 503
    });
    wait_until("it to lead no more", lab::PATIENCE, || {
        metric("nameserver_leader ") == "0.0"
    });
    for daemon in [&server, &agent] {
        for path in ["/livez", "/readyz"] {
            assert_eq!(http_get(&address(daemon), path, &[]).code, 200, "{path}");
        }
    }
    let unread = nameserver(&tree).flag("http", ANY_PORT).run();
    let answer = http_get(&address(&unread), "/readyz", &[]);
    assert_eq!(
        (answer.code, answer.body.as_str()),
        (503, "not ready\nthe tree was not read yet\n")
    );
    assert_eq!(http_get(&address(&unread), "/livez", &[]).code, 200);
    let before = metric("nameserver_zookeeper_reconnects_total ");
    assert_eq!(before, "0");
    zookeeper.restart();
    wait_until("it to be back", lab::PATIENCE, || {
        metric("nameserver_zookeeper_reconnects_total ") == "1"
            && metric("nameserver_leader ") == "1.0"
    });
}

/// The settings files in docs/operating.md have each key that there is, and no other.
#[test]
fn every_setting_is_in_the_files_that_are_shown() {
    let text = read("docs/operating.md");
    let tree = tree("settings-docs");
    for (name, program) in [
        ("nameserver", nameserver(&tree)),
        ("hostsync", hostsync(&tree, &HostsFile::with(LOCALHOST))),
    ] {
        let begin = format!("```toml\n# {name} ");
        let file = text.split_once(&begin).expect("a file").1;
        let file = file.split_once("```").expect("its end").0;
        let shown: BTreeSet<_> = file
            .lines()
            .filter_map(|line| line.trim_start_matches("# ").split_once(" = "))
            .map(|(key, _)| key.to_owned())
            .collect();
        let help = program.call(&["run", "--help"]).expect_code(0).stdout;
        let flags = help.lines().filter_map(|line| line.split_once("--"));
        let flags =
            flags.filter(|(before, _)| before.trim().len() <= 3 && before.starts_with("  "));
        let flags: BTreeSet<_> = flags
            .map(|(_, flag)| flag.split([' ', ',']).next().expect("a word").to_owned())
            .filter(|flag| !["help", "config"].contains(&flag.as_str()))
            .collect();
        assert_eq!(shown, flags, "{name}");
        // Each is one that a settings file may have, and its value one that it may have.
        let scratch = lab::Scratch::new("settings-docs");
        let file = scratch.write("settings.toml", format!("# {file}"));
        let config = file.to_str().expect("a path");
        let outcome = program.call(&["lookup", "nowhere", "--config", config]);
        let _ = outcome.expect_code(1);
    }
}

/// A change is no repair; what somebody else takes out of the file, and hostsync puts back, is one.
#[test]
fn writes_are_counted_and_repairs_by_themselves() {
    let both = Both::start("metrics-writes");
    let counts = || {
        let text = both.texts()[1].clone();
        let of = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|count| count.trim().parse::<u64>().ok())
                .expect("a count")
        };
        (of("hostsync_writes_total"), of("hostsync_mended_total"))
    };
    let (writes, mended) = counts();
    assert!(writes >= 2, "{writes}");
    assert_eq!(mended, 0);
    both.hosts.put(LOCALHOST);
    both.hosts.soon_maps("db.zk.internal", &["10.0.0.2"]);
    wait_until("the repair to be counted", lab::PATIENCE, || {
        counts() == (writes + 1, 1)
    });
}
