//! Whatever paths a tree has, its names are valid, and updates end where building anew would.

#![no_main]

use contract::{Name, ZnodePath};
use libfuzzer_sys::fuzz_target;
use nameserver::namespace::Namespace;
use nameserver::namespace::scope::Scope;
use nameserver::records::Znode;

// Lines of a path, a blank and the data; a line that begins with '-' deletes, one with '~' is of an
// ephemeral znode.
fuzz_target!(|input: &str| {
    let root: ZnodePath = "/".parse().expect("a path");
    let state = "/nameserver".parse().expect("a path");
    let scope = Scope::new(root, state, None, &[]).expect("they go together");
    let mut live = Namespace::new(scope.clone(), []);
    let mut znodes = std::collections::BTreeMap::new();
    for line in input.lines().take(64) {
        let (path, data) = line.split_once(' ').unwrap_or((line, ""));
        let is_gone = path.starts_with('-');
        let is_ephemeral = path.starts_with('~');
        let Ok(path) = path.trim_start_matches(['-', '~']).parse::<ZnodePath>() else {
            continue;
        };
        let znode = Znode {
            parent: path.parent_str().unwrap_or_default(),
            component: path.component(),
            data: data.as_bytes(),
            is_ephemeral,
        };
        let reading = (!is_gone).then(|| znode.read());
        match &reading {
            Some(reading) => znodes.insert(path.clone(), reading.clone()),
            None => znodes.remove(&path),
        };
        live.update([(path, reading)]);
    }
    let anew = Namespace::new(scope, znodes);
    assert_eq!(live.hosts(), anew.hosts());
    assert_eq!(live.findings(), anew.findings());
    for (name, addresses) in live.hosts() {
        assert!(Name::check(name.as_str()).is_ok());
        assert!(!addresses.is_empty());
    }
});
