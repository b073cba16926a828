//! hostsync's lines in a hosts file, as others recognise them.

use std::net::IpAddr;
use std::sync::LazyLock;

use hosts_file::Owner;

/// hostsync, whose lines stand between `# BEGIN hostsync` and `# END hostsync`.
pub static OWNER: LazyLock<Owner> =
    LazyLock::new(|| Owner::new("hostsync").expect("letters are a name"));

/// The names that lines of others map, each with the number of the line and the address: what lies
/// in a whole block of ours and has the form of our lines is not looked at.
pub fn foreign(text: &[u8]) -> Vec<(usize, &str, IpAddr)> {
    hosts_file::foreign(text, &OWNER)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files in the field hold these very bytes.
    #[test]
    fn the_markers_stay_as_they_are() {
        assert_eq!(OWNER.begin(), "# BEGIN hostsync");
        assert_eq!(OWNER.end(), "# END hostsync");
        assert_eq!(OWNER.name(), "hostsync");
    }

    #[test]
    fn what_lies_in_our_block_is_not_foreign() {
        let text = b"10.0.0.1 a\n# BEGIN hostsync\n10.0.0.2 b\n# END hostsync\n10.0.0.3 c\n";
        let address = |text: &str| text.parse().unwrap();
        assert_eq!(
            foreign(text),
            [(1, "a", address("10.0.0.1")), (5, "c", address("10.0.0.3"))]
        );
    }
}
