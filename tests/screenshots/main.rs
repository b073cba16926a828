//! Takes pictures of the pages for docs/: busy, held and broken, each light, dark and on a telephone.
//!
//! What they show is real: a ZooKeeper, two nameservers and some agents.

use std::path::{Path, PathBuf};
use std::time::Duration;

use lab::{
    Browser, Dns, HostsFile, PATIENCE, Running, Tree, ZooKeeper, hostsync, http_get, nameserver,
    wait_until,
};
use serde_json::json;

const LOCALHOST: &str = "127.0.0.1 localhost\n";
const ANY_PORT: &str = "127.0.0.1:0";
/// How much of a page is shown.
const TALLEST: u32 = 1500;
/// What a page is looked at with: its name, whether it is dark, and how wide it is.
const LOOKS: [(&str, bool, u32); 3] = [
    ("light", false, 1200),
    ("dark", true, 1200),
    ("narrow", false, 390),
];

fn main() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let mut zookeeper = ZooKeeper::start();
    let tree = zookeeper.tree("production");
    plant(&tree);
    let server = |id: &str| {
        nameserver(&tree)
            .flag("root", "/services")
            .flag("domain", "zk.internal")
            .flag("id", id)
            .flag("http", ANY_PORT)
            .flag("dns", ANY_PORT)
            .run()
    };
    let first = server("ns1");
    first.soon_says("leading");
    let _second = server("ns2");
    let agents: Vec<_> = (1..=6).map(|number| agent(&tree, number)).collect();
    for (_, hosts) in &agents {
        hosts.soon_maps("primary.db.zk.internal", &["10.0.0.5"]);
    }
    let at = address(&first);
    wait_until("all agents", PATIENCE, || {
        http_get(&at, "/status", &[]).json()["overview"]["agents"] == 6
    });
    let browser = Browser::start();
    work(&tree, &first, &agents);
    wait_until("the agent that is stuck", PATIENCE, || {
        http_get(&at, "/status", &[]).json()["overview"]["behind"][0]["complaint"].is_string()
    });
    browser.open(&format!("http://{at}/"));
    browser.soon_reads("#agents", |text| text.contains("host6"));
    browser.put("#search", "db");
    browser.soon_reads("#found", |text| text.contains("replica"));
    browser.put("#path", "/services/cache/c-3");
    browser.click("#why button");
    browser.soon_reads("#explanation", |text| text.contains("cache-7"));
    browser.click("#list");
    browser.soon_reads("#listed", |text| text.contains("cache"));
    shoot(&browser, &docs, "page-busy");

    let small = Browser::start();
    small.open(&format!("http://{}/", address(&agents[0].0)));
    small.soon_reads("#health", |text| text.starts_with("in step"));
    shoot(&small, &docs, "page-agent");

    for number in 0..30 {
        tree.delete(&format!("/services/web/w-{number:02}"));
    }
    browser.open(&format!("http://{at}/"));
    browser.soon_reads("#held", |text| text.contains("still published"));
    browser.put("#search", "w-0");
    browser.soon_reads("#found", |text| {
        text.contains("w-09") && !text.contains("db")
    });
    shoot(&browser, &docs, "page-held");
    zookeeper.kill();
    browser.soon_reads("#health", |text| text == "not healthy");
    shoot(&browser, &docs, "page-broken");
}

/// What stands in the tree.
fn plant(tree: &Tree) {
    for folder in ["", "/db", "/web", "/cache", "/queue"] {
        tree.create(&format!("/services{folder}"), "");
    }
    tree.create("/services/db/primary", "10.0.0.5:5432");
    for number in 1..4 {
        tree.create(
            &format!("/services/db/replica-{number}"),
            format!("10.0.0.{}:5432", 5 + number),
        );
    }
    for number in 0..30 {
        tree.create(
            &format!("/services/web/w-{number:02}"),
            format!("10.0.1.{}:8080", 1 + number),
        );
    }
    for number in 1..4 {
        let word = if number == 3 {
            "cache-7".to_owned()
        } else {
            format!("10.0.2.{number}:6379")
        };
        let record = json!({"host": word, "port": 6379});
        tree.create(&format!("/services/cache/c-{number}"), record.to_string());
    }
    tree.create(
        "/services/queue/-q-",
        r#"{"host":"10.0.3.300","port":5672}"#,
    );
}

fn agent(tree: &Tree, number: usize) -> (Running, HostsFile) {
    let hosts = HostsFile::with(LOCALHOST);
    let agent = hostsync(tree, &hosts).flag("id", format!("host{number}"));
    (agent.flag("http", ANY_PORT).run(), hosts)
}

/// Some changes, some questions, and an agent that can write no more.
fn work(tree: &Tree, server: &Running, agents: &[(Running, HostsFile)]) {
    let dns = Dns::of(server);
    let (stuck, well) = agents.split_last().expect("agents");
    let set =
        |path: &str, data: &str, name: &str, address: &str, agents: &[(Running, HostsFile)]| {
            tree.set(path, data);
            for (_, hosts) in agents {
                hosts.soon_maps(name, &[address]);
            }
            // So that each is a generation of its own, of which all agents have told.
            std::thread::sleep(Duration::from_millis(1_200));
        };
    for (number, last) in [(1, 41), (2, 42)] {
        let name = format!("replica-{number}.db.zk.internal");
        let address = format!("10.0.4.{last}");
        set(
            &format!("/services/db/replica-{number}"),
            &format!("{address}:5432"),
            &name,
            &address,
            agents,
        );
    }
    let file = stuck.1.path();
    std::fs::remove_file(file).expect("it is there");
    std::fs::create_dir(file).expect("a directory in its place");
    set(
        "/services/db/primary",
        "10.0.0.7:5432",
        "primary.db.zk.internal",
        "10.0.0.7",
        well,
    );
    for question in [
        "primary.db.zk.internal",
        "AAAA primary.db.zk.internal",
        "nothing.zk.internal",
        "example.org",
        "SRV web.zk.internal",
    ] {
        for _ in 0..7 {
            let _ = dns.dig(question);
        }
    }
}

fn address(daemon: &Running) -> String {
    let line = daemon.soon_says("health at http://");
    let (_, address) = line.split_once("http://").expect("an address");
    address.to_owned()
}

fn shoot(browser: &Browser, docs: &Path, name: &str) {
    for (look, dark, width) in LOOKS {
        let scheme = if dark { "dark" } else { "light" };
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        browser.devtools("Emulation.setEmulatedMedia", &media);
        let size =
            json!({"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600});
        browser.devtools("Emulation.setDeviceMetricsOverride", &size);
        browser.script("window.scrollTo(0, 0)", &[]);
        let wide = browser.script(
            "return document.documentElement.scrollWidth <= window.innerWidth",
            &[],
        );
        assert_eq!(wide, true, "{name} {look}: it is wider than the window");
        let file: PathBuf = docs.join(format!("{name}-{look}.png"));
        std::fs::write(&file, browser.screenshot(TALLEST)).expect("written");
        println!("{}", file.display());
    }
}
