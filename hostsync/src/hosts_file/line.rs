//! One line of a hosts file: what it is to us, and what it says to a resolver.

use std::net::IpAddr;

use contract::Name;

pub(super) use contract::hosts_line::{
    BEGIN, END, Marker, entry, is_entry, lines, mapping, marker,
};

/// True for a line of ours that was made a comment by its first byte: nothing but blanks behind
/// that, or what an entry lacks its first character to be.
pub(super) fn is_dead(line: &[u8]) -> bool {
    let Some(rest) = line.strip_prefix(b"#") else {
        return false;
    };
    let rest = rest.trim_ascii_end();
    let mut tokens = rest
        .split(u8::is_ascii_whitespace)
        .filter(|token| !token.is_empty());
    match (tokens.next(), tokens.next(), tokens.next()) {
        (None, ..) => true,
        (Some(address), Some(name), None) => {
            let is_address = |byte: &u8| byte.is_ascii_hexdigit() || matches!(byte, b'.' | b':');
            let name = str::from_utf8(name).ok();
            rest.starts_with(address)
                && address.iter().all(is_address)
                && name.is_some_and(|name| name.parse::<Name>().is_ok())
        }
        _ => false,
    }
}

/// The addresses that glibc finds for a name, in the order of the file.
pub fn addresses_of(text: &[u8], name: &str) -> Vec<IpAddr> {
    lines(text)
        .filter_map(mapping)
        .filter_map(|(address, mut names)| {
            names
                .any(|token| token.eq_ignore_ascii_case(name.as_bytes()))
                .then_some(address)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dead_lines() {
        for line in [
            "#0.0.0.5 db\n",
            "#0.0.0.5 db   \r\n",
            "#    \n",
            "#\n",
            "#d00::5 db\n",
            "#",
        ] {
            assert!(is_dead(line.as_bytes()), "{line:?}");
        }
        for line in [
            "# 10.0.0.5 db\n",
            "#see db\n",
            "#0.0.0.5 db www\n",
            "#0.0.0.5 DB\n",
            "10.0.0.5 db\n",
            "",
        ] {
            assert!(!is_dead(line.as_bytes()), "{line:?}");
        }
    }

    #[test]
    fn what_glibc_finds() {
        let text = b"127.0.0.1 localhost\n\
            10.0.0.1 db www.db # 10.0.0.9 db\n\
            \t10.0.0.2\tDb\r\n\
            #10.0.0.3 db\n\
            10.0.0.300 db\n\
            fd00::1 x\x0bdb\n\
            10.0.0.4 x\0 db\n\
            10.0.0.5 dbx\n\
            10.0.0.6 db";
        let found = addresses_of(text, "dB");
        let expected = ["10.0.0.1", "10.0.0.2", "fd00::1", "10.0.0.6"];
        assert_eq!(found, expected.map(|text| text.parse::<IpAddr>().unwrap()));
        assert_eq!(addresses_of(text, "nobody"), Vec::<IpAddr>::new());
    }
}
