//! The numbers of sequential znodes.

/// ZooKeeper counts sequential znodes with a signed number of 32 bits.
const LAST_SEQUENCE: u64 = i32::MAX as u64;

/// The number that ZooKeeper appended to a sequential znode's name: its last ten digits.
///
/// A longer run of digits counts only where four zeros lead the ten: `web10000000007` was made
/// with the prefix `web1`, but `1630123025659` is a time.
pub fn sequence(component: &str) -> Option<u64> {
    let split = component.len().checked_sub(10)?;
    let (prefix, number) = (component.get(..split)?, component.get(split..)?);
    let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
    let longer = prefix.ends_with(|c: char| c.is_ascii_digit());
    if is_number && (!longer || number.starts_with("0000")) {
        number
            .parse()
            .ok()
            .filter(|&number| number <= LAST_SEQUENCE)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequence_numbers() {
        for (component, number) in [
            ("member_0000000007", Some(7)),
            ("0000000007", Some(7)),
            ("web10000000007", Some(7)),
            ("n-2147483647", Some(2_147_483_647)),
            ("host,16020,1630123025659", None),
            ("a-2147483648", None),
            ("000000007", None),
            ("member_000000000x", None),
            ("", None),
            ("ééééé", None),
        ] {
            assert_eq!(sequence(component), number, "{component}");
        }
    }
}
