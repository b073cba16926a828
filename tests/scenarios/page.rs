//! The page of each daemon, in a real browser.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use lab::{
    Browser, HostsFile, Need, PATIENCE, Running, Stopwatch, hostsync, http_get, nameserver, needs,
    tree, wait_until,
};
use serde_json::Value;

use crate::http::{ANY_PORT, address};

const LOCALHOST: &str = "127.0.0.1 localhost\n";

/// A browser with the page of a daemon open.
struct Open {
    browser: Browser,
    address: String,
}

impl Open {
    fn page(daemon: &Running) -> Self {
        let (browser, address) = (Browser::start(), address(daemon));
        browser.open(&format!("http://{address}/"));
        Self { browser, address }
    }

    /// Nothing went wrong in it, and nobody else was asked for anything.
    fn is_well(&self) {
        let (console, requests) = self.browser.console_and_requests();
        assert_eq!(console, Vec::<Value>::new());
        let foreign = self.foreign(&requests);
        assert!(foreign.is_empty() && !requests.is_empty(), "{requests:?}");
    }

    /// Those of these addresses that are not the daemon's.
    fn foreign<'a>(&self, requests: &'a [String]) -> Vec<&'a String> {
        let own = format!("http://{}/", self.address);
        let others = requests.iter().filter(|url| !url.starts_with(&own));
        others.filter(|url| !url.starts_with("data:")).collect()
    }
}

#[test]
fn it_follows_what_happens_without_being_loaded_again() {
    if !needs(Need::Browser) {
        return;
    }
    let (tree, hosts) = (tree("page"), HostsFile::with(LOCALHOST));
    tree.create("/db", "");
    tree.create("/db/primary", "10.0.0.5");
    let server = nameserver(&tree)
        .flag("http", ANY_PORT)
        .flag("id", "ns1")
        .run();
    let _agent = hostsync(&tree, &hosts).flag("id", "a1").run();
    hosts.soon_maps("primary.db", &["10.0.0.5"]);
    let page = Open::page(&server);
    let browser = &page.browser;
    browser.soon_reads("#health", |text| text == "healthy");
    browser.soon_reads("#numbers", |text| text.contains("1 of 1"));
    browser.soon_reads("#replicas", |text| {
        text.contains("ns1") && text.contains("leads")
    });
    browser.script("window.kept = 'yes'", &[]);

    tree.set("/db/primary", "10.0.0.7");
    let told = browser.soon_reads("#generations", |text| {
        text.contains("10.0.0.5 → 10.0.0.7") && text.contains("1 of 1 after")
    });
    assert!(told.contains("primary.db"), "{told}");
    assert_eq!(
        browser.script("return window.kept", &[]),
        "yes",
        "it was not loaded again"
    );

    browser.put("#search", "PRIM");
    browser.soon_reads("#found", |text| text.contains("primary.db"));
    browser.soon_reads("#found", |text| {
        text.contains("/db/primary") && text.contains("10.0.0.7")
    });
    browser.click("#found button.plain");
    browser.soon_reads("#explanation", |text| {
        text.contains("an instance at 10.0.0.7") && text.contains("for /db")
    });
    browser.put("#path", "/nowhere");
    browser.click("#why button");
    browser.soon_reads("#explanation", |text| {
        text.contains("there is no znode /nowhere")
    });
    browser.put("#search", "no such name");
    browser.soon_reads("#found", |text| text.contains("none of 2 names"));
    let (console, requests) = browser.console_and_requests();
    // That a znode is not there is an answer with 404, which the browser notes.
    let errors: Vec<_> = console
        .iter()
        .filter(|entry| {
            !entry["message"]
                .as_str()
                .unwrap_or_default()
                .contains("nowhere")
        })
        .collect();
    assert!(errors.is_empty(), "{errors:?}");
    assert!(page.foreign(&requests).is_empty(), "{requests:?}");
}

/// What stands in a znode, or is its name, is text.
#[test]
fn what_others_write_is_shown_as_text() {
    if !needs(Need::Browser) {
        return;
    }
    let (tree, hosts) = (tree("page-text"), HostsFile::with(LOCALHOST));
    let script = "<script>window.harmed=1<script>";
    let image = "<img src=x onerror=window.harmed=1>";
    tree.create(
        &format!("/{}", script.replace('/', "")),
        r#"{"host":"10.0.0.300","port":1}"#,
    );
    tree.create("/list", "");
    tree.create(
        &format!("/list/{image}"),
        r#"{"host":"<b>bold</b>","port":1}"#,
    );
    tree.create("/good", "10.0.0.1");
    tree.put("/nameserver", "");
    tree.put("/nameserver/agents", "");
    let word = serde_json::json!({"applied": 0, "complaint": image, "hosts_file": script});
    tree.create(&format!("/nameserver/agents/{image}"), word.to_string());
    let server = nameserver(&tree)
        .flag("http", ANY_PORT)
        .flag("id", image.replace('/', ""))
        .run();
    tree.soon_maps("good", &["10.0.0.1"]);
    let page = Open::page(&server);
    let browser = &page.browser;
    browser.soon_reads("#agents", |text| text.contains(image));
    browser.soon_reads("#state", |text| text.contains(image));
    browser.click("#list");
    browser.soon_reads("#listed", |text| {
        text.contains(script) || text.contains(image)
    });
    browser.put("#path", &format!("/{}", script.replace('/', "")));
    browser.click("#why button");
    browser.soon_reads("#explanation", |text| text.contains(script));
    browser.put("#search", image);
    browser.soon_reads("#found", |text| text.contains("none of"));
    let found = "return [window.harmed ?? null, document.images.length, document.scripts.length, document.querySelectorAll('td b b').length]";
    assert_eq!(
        browser.script(found, &[]),
        serde_json::json!([null, 0, 1, 0])
    );
    page.is_well();
    drop(hosts);
}

#[test]
fn what_is_amiss_is_shown_and_that_nobody_answers_any_more() {
    if !needs(Need::Browser) {
        return;
    }
    let mut zookeeper = lab::ZooKeeper::start();
    let (tree, hosts) = (zookeeper.tree("page-amiss"), HostsFile::with(LOCALHOST));
    for number in 0..12 {
        tree.create(&format!("/s{number:02}"), "10.0.0.1");
    }
    let mut server = nameserver(&tree).flag("http", ANY_PORT).run();
    let agent = hostsync(&tree, &hosts).flag("http", ANY_PORT).run();
    hosts.soon_maps("s11", &["10.0.0.1"]);
    let (page, small) = (Open::page(&server), Open::page(&agent));
    small
        .browser
        .soon_reads("#health", |text| text == "in step");
    small
        .browser
        .soon_reads("#numbers", |text| text.contains("12"));
    small.is_well();
    for number in 0..12 {
        tree.delete(&format!("/s{number:02}"));
    }
    let browser = &page.browser;
    browser.soon_reads("#held", |text| {
        text.contains("12 names that the tree lost are still published")
    });
    browser.soon_reads("#health", |text| text == "healthy, but");
    zookeeper.kill();
    browser.soon_reads("#health", |text| text == "not healthy");
    small.browser.soon_reads("#state", |text| {
        text.contains("ZooKeeper is not connected since")
    });
    // The names that it knows can be looked for all the same.
    browser.put("#search", "s07");
    browser.soon_reads("#found", |text| text.contains("s07"));
    server.kill9();
    browser.soon_reads("#connection", |text| text.contains("not connected"));
}

/// Whoever follows and does not read costs no memory and keeps nobody out; nor do many who follow.
#[test]
fn who_does_not_read_and_many_who_follow_hold_nothing_up() {
    let (tree, hosts) = (tree("page-slow"), HostsFile::with(LOCALHOST));
    tree.create("/db", "10.0.0.1");
    let server = nameserver(&tree).flag("http", ANY_PORT).run();
    let _agent = hostsync(&tree, &hosts).run();
    hosts.soon_maps("db", &["10.0.0.1"]);
    let address = address(&server);
    let resident = || {
        let text = http_get(&address, "/metrics", &[]).body;
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("process_resident_memory_bytes "));
        line.expect("it is told").parse::<f64>().expect("a number")
    };
    let follow = || {
        let mut stream = TcpStream::connect(&address).expect("it listens");
        write!(stream, "GET /events HTTP/1.1\r\nHost: x\r\n\r\n").expect("it reads");
        stream
    };
    let mut streams: Vec<_> = (0..40).map(|_| follow()).collect();
    let before = resident();
    let begun = Instant::now();
    let mut last = 1;
    let mut slowest = Duration::ZERO;
    while begun.elapsed() < Duration::from_secs(4) {
        last = last % 250 + 1;
        let to = format!("10.0.1.{last}");
        let watch = Stopwatch::start();
        tree.set("/db", &to);
        hosts.soon_maps("db", &[&to]);
        slowest = slowest.max(watch.elapsed());
    }
    let grown = resident() - before;
    println!(
        "measured: {grown} bytes more with {} who follow and do not read; the slowest change took {slowest:?}",
        streams.len()
    );
    assert!(grown < 8e6, "{grown}");
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    // The last one is told; of those before it, all but a bounded number were ended.
    let mut newest = streams.pop().expect("the last one");
    newest.set_read_timeout(Some(PATIENCE)).expect("set");
    let mut told = [0; 4096];
    let count = newest.read(&mut told).expect("it is told");
    assert!(String::from_utf8_lossy(&told[..count]).contains("text/event-stream"));
    let mut ended = 0;
    for mut stream in streams {
        stream
            .set_read_timeout(Some(Duration::from_millis(500)))
            .expect("set");
        let mut rest = [0; 65536];
        let over = loop {
            match stream.read(&mut rest) {
                Ok(0) => break true,
                Ok(_) => {}
                Err(error) => break error.kind() == ErrorKind::ConnectionReset,
            }
        };
        ended += usize::from(over);
    }
    assert!(ended >= 40 - 16, "{ended} ended");
    assert_eq!(http_get(&address, "/healthz", &[]).code, 200);
}

/// `PAGE_NAMES` sets how many; 100,000 want a release build.
#[test]
fn with_many_names_it_loads_and_finds_within_a_second() {
    if !needs(Need::Browser) {
        return;
    }
    let count = std::env::var("PAGE_NAMES").map_or(20_000, |text| text.parse().expect("a number"));
    let tree = tree("page-many");
    let paths: Vec<_> = (0..count).map(|number| format!("/n{number:06}")).collect();
    tree.create_many(paths.iter().map(|path| (path.as_str(), "10.1.2.3")));
    let server = nameserver(&tree).flag("http", ANY_PORT).run();
    wait_until("all names", PATIENCE * 12, || {
        crate::http::status(&server)["progress"]["names"] == count
    });
    let browser = Browser::start();
    browser.open("about:blank");
    let begun = Stopwatch::start();
    browser.open(&format!("http://{}/", address(&server)));
    browser.soon_reads("#found", |text| text.contains("n000049"));
    browser.soon_reads("#numbers", |text| text.contains("names"));
    let loaded = begun.elapsed();
    let begun = Stopwatch::start();
    let last = format!("n{:06}", count - 1);
    browser.put("#search", &last);
    browser.soon_reads("#found", |text| text.contains(&format!("/{last}")));
    let searched = begun.elapsed();
    println!(
        "measured: {count} names: the page is there after {loaded:?}, and the last name found after {searched:?}"
    );
    assert!(
        loaded < Duration::from_secs(1) && searched < Duration::from_secs(1),
        "{loaded:?}, {searched:?}"
    );
    browser.click("#found button.plain");
    browser.soon_reads("#explanation", |text| text.contains("10.1.2.3"));
    browser.put("#search", "");
    browser.soon_reads("#found", |text| text.contains("n000049"));
    browser.click("#more");
    browser.soon_reads("#found", |text| text.contains("n000099"));
}
