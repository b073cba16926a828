//! Many names: an index at `STATE/hosts`, and pages below it. An agent in step reads the index only; one
//! that is not reads pages, and whatever it holds is one generation, never a mixture.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use contract::{
    Addresses, Change, Hosts, Index, Name, PRESENCE, Page, PageEntry, Snapshot, Sum, ZnodePath,
};
use lab::{HostsFile, PATIENCE, Proxy, Running, Tree, ZooKeeper, hostsync, tree, wait_until};

const LOCALHOST: &str = "127.0.0.1 localhost\n";
const HEAD: &str = "/nameserver/hosts";
/// Where pages begin.
const FIRSTS: [&str; 3] = ["", "n03", "n06"];

/// A nameserver by hand, which folds and sweeps when a test likes it.
struct Publisher<'a> {
    tree: &'a Tree,
    generation: u64,
    hosts: Hosts,
    since: u64,
    changes: Vec<Change>,
    pages: Vec<PageEntry>,
}

fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

fn address(last: u64) -> Addresses {
    let text = format!("10.0.{}.{}", last / 256, last % 256);
    [text.parse().expect("an address")].into_iter().collect()
}

impl<'a> Publisher<'a> {
    /// Ten names, all with the address of the first generation, which is published in pages.
    fn start(tree: &'a Tree) -> Self {
        let mut publisher = Self {
            tree,
            generation: 1,
            hosts: (0..10)
                .map(|number| (name(&format!("n{number:02}")), address(1)))
                .collect(),
            since: 1,
            changes: Vec::new(),
            pages: Vec::new(),
        };
        tree.put("/nameserver", "");
        publisher.fold();
        tree.create(HEAD, publisher.index().encode());
        publisher.write_pages();
        publisher
    }

    /// The next generation, in which these names have this address.
    fn change(&mut self, names: &[&str], last: u64) {
        self.generation += 1;
        for text in names {
            let (name, addresses) = (name(text), address(last));
            self.hosts.insert(name.clone(), addresses.clone());
            self.changes.retain(|change| change.name != name);
            self.changes.push(Change {
                generation: self.generation,
                name,
                addresses: Some(addresses),
            });
        }
    }

    /// Everything goes into pages of this generation, which are returned by their bytes.
    fn fold(&mut self) -> Vec<Page> {
        self.changes.clear();
        self.since = self.generation;
        let pages = self.folded();
        self.pages = pages.iter().map(|page| page.entry.clone()).collect();
        pages
    }

    fn folded(&self) -> Vec<Page> {
        let ends = FIRSTS.iter().skip(1).map(|first| Some(*first));
        let ranges = FIRSTS.iter().zip(ends.chain([None]));
        let pages = ranges.map(|(first, end)| {
            let is_within =
                |name: &Name| name.as_str() >= *first && end.is_none_or(|end| name.as_str() < end);
            let names = self.hosts.iter().filter(|(name, _)| is_within(name));
            Page::encode(first, self.generation, names)
        });
        pages.collect()
    }

    fn write_pages(&self) {
        for page in self.folded() {
            self.tree.create(&znode(&page.entry), &page.bytes);
        }
    }

    fn index(&self) -> Index {
        Index {
            changes: self.changes.clone(),
            domain: None,
            generation: self.generation,
            leader: "lab".into(),
            names: self.hosts.len(),
            pages: self.pages.clone(),
            presence: PRESENCE,
            published: SystemTime::UNIX_EPOCH,
            root: ZnodePath::root(),
            since: self.since,
            sum: Some(Sum::of(&self.hosts)),
            zxid: 1,
        }
    }

    fn publish(&self) {
        self.tree.set(HEAD, self.index().encode());
    }

    /// The same generation in one znode.
    fn publish_whole(&self) {
        let Index {
            domain,
            generation,
            leader,
            presence,
            published,
            root,
            zxid,
            ..
        } = self.index();
        let snapshot = Snapshot {
            domain,
            generation,
            hosts: self.hosts.clone(),
            leader,
            presence,
            published,
            root,
            sum: None,
            zxid,
        };
        self.tree.set(HEAD, snapshot.encode());
    }

    /// Waits until the file has all names of this generation.
    fn soon_in(&self, hosts: &HostsFile) {
        for (name, addresses) in &self.hosts {
            let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
            let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
            hosts.soon_maps(name.as_str(), &addresses);
        }
    }
}

fn znode(entry: &PageEntry) -> String {
    format!("{HEAD}/{}", entry.component())
}

/// How often a line with this text was logged.
fn times(agent: &Running, text: &str) -> usize {
    let log = agent.log();
    log.lines().filter(|line| line.contains(text)).count()
}

/// Waits until it was logged as often.
fn soon_said(agent: &Running, text: &str, how_often: usize) {
    let what = format!("{text:?} to be said {how_often} times");
    wait_until(&what, PATIENCE, || times(agent, text) >= how_often);
}

fn refused(page: &PageEntry) -> String {
    format!("page {} is not what the index says", page.digest)
}

#[test]
fn a_new_agent_reads_the_pages_and_one_in_step_the_head_only() {
    let (tree, hosts) = (tree("in-step"), HostsFile::with(LOCALHOST));
    let proxy = Proxy::before(&ZooKeeper::shared().address());
    let mut publisher = Publisher::start(&tree);
    publisher.change(&["n01"], 2);
    publisher.publish();
    let mut program = hostsync(&tree, &hosts);
    program = program.flag("zookeeper", tree.address_at(&proxy.address()));
    let mut agent = program.run();
    publisher.soon_in(&hosts);
    agent.soon_says("generation 2:");
    let path = |entry: &PageEntry| format!("{}{}", tree.chroot(), znode(entry));
    let read = proxy.requests();
    for entry in &publisher.pages {
        assert_eq!(read.of("getData", &path(entry)), 1, "{read:?}");
    }
    let reads = |before: &lab::Requests| proxy.requests().since(before).all("getData");
    for generation in 3..6 {
        let before = proxy.requests();
        publisher.change(&["n01", "n07"], generation);
        publisher.publish();
        publisher.soon_in(&hosts);
        assert_eq!(reads(&before), 1, "the head, once");
    }
    // A fold makes no difference to it, and the pages below the head wake nobody.
    let before = proxy.requests();
    publisher.change(&["n02"], 7);
    publisher.fold();
    publisher.since -= 1;
    publisher.changes.push(Change {
        generation: publisher.generation,
        name: name("n02"),
        addresses: Some(address(7)),
    });
    publisher.write_pages();
    assert_eq!(proxy.requests().since(&before).all("getData"), 0);
    publisher.publish();
    publisher.soon_in(&hosts);
    assert_eq!(reads(&before), 1, "the head, once");

    // After a while without it, it reads what is newer than what it has kept, and nothing else.
    agent.stop();
    publisher.change(&["n07"], 8);
    publisher.fold();
    let last = publisher.pages[2].clone();
    let kept: Vec<PageEntry> = publisher.pages[..2]
        .iter()
        .zip(FIRSTS)
        .map(|(_, first)| {
            // As they were one generation before: no name of theirs has changed since.
            let end = FIRSTS[FIRSTS.iter().position(|other| *other == first).unwrap_or(0) + 1];
            let names = publisher.hosts.iter();
            let names = names.filter(|(name, _)| name.as_str() >= first && name.as_str() < end);
            let page = Page::encode(first, publisher.generation - 1, names);
            tree.put(&znode(&page.entry), &page.bytes);
            page.entry
        })
        .collect();
    publisher.write_pages();
    publisher.pages = [kept, vec![last.clone()]].concat();
    publisher.publish();
    let before = proxy.requests();
    let _agent = program.run();
    publisher.soon_in(&hosts);
    let read = proxy.requests().since(&before);
    assert_eq!(read.of("getData", &path(&last)), 1, "{read:?}");
    assert_eq!(read.all("getData"), 2, "the head and a page: {read:?}");
}

#[test]
fn once_reads_pages_too() {
    let (tree, hosts) = (tree("once-pages"), HostsFile::with(LOCALHOST));
    let mut publisher = Publisher::start(&tree);
    publisher.change(&["n01"], 2);
    publisher.publish();
    let done = hostsync(&tree, &hosts).call(&["once"]).expect_code(0);
    done.expect_words(&["generation 2:", "10 names"]);
    publisher.soon_in(&hosts);
    tree.delete(&znode(&publisher.pages[1]));
    let failed = hostsync(&tree, &hosts).call(&["once"]).expect_code(1);
    failed.expect_words(&[HEAD, "does not exist"]);
    publisher.soon_in(&hosts);
}

#[test]
fn between_the_formats_and_back_from_the_cache_too() {
    let (tree, hosts) = (tree("formats"), HostsFile::with(LOCALHOST));
    let mut publisher = Publisher::start(&tree);
    publisher.publish_whole();
    let mut agent = hostsync(&tree, &hosts).run();
    publisher.soon_in(&hosts);
    for generation in 2..8 {
        if generation % 3 == 0 {
            agent.stop();
        }
        publisher.change(&["n01"], generation);
        if generation % 2 == 0 {
            publisher.publish();
        } else {
            publisher.publish_whole();
        }
        if generation % 3 == 0 {
            agent = hostsync(&tree, &hosts).run();
        }
        publisher.soon_in(&hosts);
        assert_eq!(times(&agent, "anew"), 0, "{}", agent.log());
    }
}

#[test]
fn a_missing_page_is_said_once_and_waited_for() {
    let (tree, hosts) = (tree("missing-page"), HostsFile::with(LOCALHOST));
    let publisher = Publisher::start(&tree);
    let pages = publisher.folded();
    let gone = znode(&pages[1].entry);
    tree.delete(&gone);
    let agent = hostsync(&tree, &hosts).run();
    agent.soon_says("does not exist");
    assert_eq!(hosts.text(), LOCALHOST, "no part of it is applied");
    // Nobody publishes anything.
    tree.create(&gone, &pages[1].bytes);
    publisher.soon_in(&hosts);
    assert_eq!(times(&agent, "does not exist"), 1);
}

#[test]
fn what_is_no_page_of_this_head_is_refused_and_the_names_stay() {
    let (tree, hosts) = (tree("wrong-page"), HostsFile::with(LOCALHOST));
    let mut publisher = Publisher::start(&tree);
    let agent = hostsync(&tree, &hosts).run();
    publisher.soon_in(&hosts);
    let before = hosts.bytes();
    publisher.change(&["n01", "n04", "n08"], 66);
    let pages = publisher.fold();
    publisher.write_pages();

    // Never does a right index stand beside right pages: that would be generation 2.
    // An index that names pages which are pages, but not its own.
    let good = publisher.index();
    let mut foreign = good.clone();
    foreign.pages[2].first = "n07".into();
    tree.set(HEAD, foreign.encode());
    agent.soon_says(&refused(&pages[2].entry));
    let mut short = good.clone();
    short.pages.pop();
    short.sum = None;
    tree.set(HEAD, short.encode());
    agent.soon_says("it says 10 names and holds 6");
    let mut wrong_sum = good.clone();
    wrong_sum.sum = Some(Sum::default());
    tree.set(HEAD, wrong_sum.encode());
    agent.soon_says("their checksum differs");
    let text = String::from_utf8(good.encode()).expect("text");
    let evil = text.replace(
        "\"changes\":[]",
        "\"changes\":[[2,\"db\\n10.6.6.6 x\",null]]",
    );
    assert_ne!(evil, text);
    tree.set(HEAD, evil);
    agent.soon_says("not a valid snapshot");
    assert_eq!(hosts.bytes(), before);

    // Other bytes in the place of a page: another page's, a changed address, junk, nothing.
    let right = &pages[1].bytes;
    let text = String::from_utf8_lossy(right).replace("10.0.0.66", "10.6.6.6");
    let wrong = [
        pages[2].bytes.clone(),
        text.into_bytes(),
        b"junk".to_vec(),
        Vec::new(),
    ];
    for (number, bytes) in wrong.into_iter().enumerate() {
        tree.set(&znode(&pages[1].entry), bytes);
        publisher.publish();
        soon_said(&agent, &refused(&pages[1].entry), number + 1);
        assert_eq!(hosts.bytes(), before);
        // Something else is wrong in between, so that the next one is said anew.
        tree.set(HEAD, "junk");
        soon_said(&agent, "not a valid snapshot", number + 2);
    }
    tree.set(&znode(&pages[1].entry), right);
    publisher.publish();
    publisher.soon_in(&hosts);
}

#[test]
fn the_same_generation_with_other_names_is_refused() {
    let (tree, hosts) = (tree("rewritten"), HostsFile::with(LOCALHOST));
    let mut publisher = Publisher::start(&tree);
    let agent = hostsync(&tree, &hosts).run();
    publisher.soon_in(&hosts);
    let before = hosts.bytes();
    publisher.change(&["n01"], 66);
    publisher.generation -= 1;
    publisher.changes[0].generation -= 1;
    publisher.since -= 1;
    publisher.publish();
    agent.soon_says("and other content");
    assert_eq!(hosts.bytes(), before);
}

#[test]
fn changes_that_leave_one_out_are_noticed_and_made_good() {
    let (tree, hosts) = (tree("left-out"), HostsFile::with(LOCALHOST));
    let mut publisher = Publisher::start(&tree);
    let agent = hostsync(&tree, &hosts).run();
    publisher.soon_in(&hosts);
    publisher.change(&["n04"], 2);
    publisher.publish();
    publisher.soon_in(&hosts);
    // The page has it, and the changes should.
    publisher.change(&["n01"], 3);
    publisher.fold();
    publisher.write_pages();
    publisher.since = 1;
    publisher.change(&["n08"], 4);
    publisher.publish();
    publisher.soon_in(&hosts);
    agent.soon_says("reading all of it anew");
    let status = hostsync(&tree, &hosts).call(&["status", "--json"]);
    assert_eq!(status.json()["snapshot"]["repairs"], 1, "{status:#?}");
    assert_eq!(times(&agent, "anew"), 1);
}

/// All pages are new in each generation, and those of the last one go at once, without any grace: the
/// agent finds that pages of a head are gone, again and again.
#[test]
fn pages_that_go_while_they_are_read_never_make_a_mixture() {
    const GENERATIONS: u64 = 300;
    let (tree, hosts) = (tree("sweep"), HostsFile::with(LOCALHOST));
    let mut publisher = Publisher::start(&tree);
    let agent = hostsync(&tree, &hosts).flag("write", "replace").run();
    publisher.soon_in(&hosts);
    let names: Vec<String> = publisher.hosts.keys().map(ToString::to_string).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let ends = AtomicBool::new(false);
    let seen = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut seen = std::collections::BTreeSet::new();
            while !ends.load(Ordering::Relaxed) {
                let text = hosts.text();
                let mut lines = text.lines().filter(|line| line.contains(" n0"));
                let first = lines.next().and_then(|line| line.split_whitespace().next());
                let first = first.unwrap_or_default().to_owned();
                let is_one = lines.all(|line| line.starts_with(&format!("{first} ")));
                assert!(is_one, "a mixture: {text}");
                seen.insert(first);
            }
            seen
        });
        for generation in 2..=GENERATIONS {
            let old = publisher.pages.clone();
            publisher.change(&names, generation);
            publisher.fold();
            publisher.write_pages();
            publisher.publish();
            for entry in old {
                tree.delete(&znode(&entry));
            }
        }
        wait_until("the last generation", PATIENCE, || {
            names.iter().all(|name| {
                hosts.addresses(name)
                    == [format!("10.0.{}.{}", GENERATIONS / 256, GENERATIONS % 256)]
            })
        });
        ends.store(true, Ordering::Relaxed);
        reader.join().expect("no mixture")
    });
    println!(
        "measured: {} of {GENERATIONS} generations seen, {} lines of pages that were gone",
        seen.len(),
        times(&agent, "does not exist")
    );
    assert_eq!(times(&agent, "checksum"), 0, "{}", agent.log());
}
