//! Keeps one name in a hosts file: `cargo run --example keep -- /tmp/hosts db 10.0.0.5`.

use std::error::Error;
use std::net::IpAddr;

use hosts_file::{Hosts, HostsFile, Outcome, Owner};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [path, name, address] = &arguments[..] else {
        return Err("give a file, a name and an address".into());
    };
    println!("{:?}", keep(path, name, address)?);
    Ok(())
}

fn keep(path: &str, name: &str, address: &str) -> Result<Vec<IpAddr>, Box<dyn Error>> {
    // A name or an address that could do harm is refused here.
    let wanted = Hosts::unit(name.parse()?, vec![address.parse()?].into());
    let mut file = HostsFile::new(path.as_ref(), Owner::new("keep")?);
    file.remove_leftovers();
    // What an earlier run wrote stands between the markers, and need not be known.
    while let Outcome::Unsettled(wait) = file.reconcile(&wanted, &Hosts::new())? {
        std::thread::sleep(wait);
    }
    let text = hosts_file::read(file.path())?;
    Ok(hosts_file::addresses_of(&text, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_name_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("hosts");
        std::fs::write(&path, "127.0.0.1 localhost\n").unwrap();
        let path = path.to_str().unwrap();
        for address in ["10.0.0.5", "10.0.0.6"] {
            let found = keep(path, "db", address).unwrap();
            assert_eq!(found, [address.parse::<IpAddr>().unwrap()]);
            let text = std::fs::read_to_string(path).unwrap();
            let block = format!("# BEGIN keep\n{address} db\n# END keep\n");
            assert_eq!(text, format!("127.0.0.1 localhost\n{block}"));
        }
        assert!(keep(path, "localhost", "10.0.0.5").is_err());
    }
}
