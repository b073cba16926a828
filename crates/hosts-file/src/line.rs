//! Lines of a hosts file: the form of an owner's, and what any line says to a resolver.

use std::net::IpAddr;
use std::ops::Range;

use crate::owner::Marker;
use crate::{Address, Name, Owner};

/// What some editors put before the first line.
pub(crate) const BOM: &[u8] = b"\xef\xbb\xbf";

/// The lines of a text, each with its line ending; the last may have none.
pub(crate) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split_inclusive(|&byte| byte == b'\n')
}

/// The name and address of a line of the form that we write: an address in the first column,
/// blanks, one name, and nothing but blanks behind it.
#[cfg(feature = "file")]
pub(crate) fn entry(line: &[u8]) -> Option<(Name, Address)> {
    let (address, name) = tokens(line)?;
    Some((name.parse().ok()?, address.parse().ok()?))
}

/// True when a line has the form that we write.
pub(crate) fn is_entry(line: &[u8]) -> bool {
    tokens(line).is_some_and(|(address, name)| {
        Name::check(name).is_ok() && address.parse::<Address>().is_ok()
    })
}

/// True for a line of ours that was made a comment by its first byte: nothing but blanks behind
/// that, or what an entry lacks its first character to be.
#[cfg(feature = "file")]
pub(crate) fn is_dead(line: &[u8]) -> bool {
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
                && name.is_some_and(|name| Name::check(name).is_ok())
        }
        _ => false,
    }
}

/// The two words of a line that begins with one in the first column.
pub(crate) fn tokens(line: &[u8]) -> Option<(&str, &str)> {
    let text = str::from_utf8(line.trim_ascii_end()).ok()?;
    let (address, name) = text.split_once([' ', '\t'])?;
    Some((address, name.trim_start_matches([' ', '\t'])))
}

/// The address of a line and the names that it maps to it, as glibc reads them; none for a line
/// that glibc skips.
pub(crate) fn mapping(line: &[u8]) -> Option<(IpAddr, impl Iterator<Item = &[u8]>)> {
    let (address, places) = placed_mapping(line)?;
    Some((address, places.map(|place| &line[place])))
}

/// The same, with the places of the names in the line.
pub(crate) fn placed_mapping(line: &[u8]) -> Option<(IpAddr, impl Iterator<Item = Range<usize>>)> {
    // A comment ends the line, and so does a NUL, which ends the C string that glibc has of it.
    let text = line
        .split(|byte| matches!(byte, b'#' | b'\n' | 0))
        .next()
        .unwrap_or_default();
    let mut at = 0;
    let mut places = text.split(is_space).filter_map(move |token| {
        let place = at..at + token.len();
        at = place.end + 1;
        (!token.is_empty()).then_some(place)
    });
    let address = str::from_utf8(&line[places.next()?]).ok()?.parse().ok()?;
    Some((address, places))
}

/// The name and address that a word and an address are, if these hosts have them together.
#[cfg(feature = "file")]
pub(crate) fn known(hosts: &crate::Hosts, word: &[u8], address: IpAddr) -> Option<(Name, Address)> {
    let word = str::from_utf8(word).ok()?;
    let (name, addresses) = hosts
        .get_key_value(word)
        .or_else(|| hosts.get_key_value(word.to_ascii_lowercase().as_str()))?;
    let address = address.to_canonical();
    let address = addresses.iter().find(|known| known.ip() == address)?;
    Some((name.clone(), *address))
}

/// C's `isspace`, which counts a vertical tab where Rust does not.
fn is_space(byte: &u8) -> bool {
    byte.is_ascii_whitespace() || *byte == 0x0b
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

/// The names that lines of others map, each with the number of the line and the address: what lies
/// in a whole block of `owner`'s and has the form of its lines is not looked at.
pub fn foreign<'a>(text: &'a [u8], owner: &Owner) -> Vec<(usize, &'a str, IpAddr)> {
    let all: Vec<&'a [u8]> = lines(text).collect();
    let mut ours = vec![false; all.len()];
    let mut begin = None;
    for (at, line) in all.iter().enumerate() {
        match (owner.marker(line), begin) {
            (Some(Marker::Begin), _) => begin = Some(at),
            (Some(Marker::End), Some(from)) => {
                ours[from..at].fill(true);
                begin = None;
            }
            _ => {}
        }
    }
    let others = all.into_iter().zip(ours).enumerate();
    let others = others.filter(|(_, (line, is_ours))| !(*is_ours && is_entry(line)));
    let mapped = others.filter_map(|(at, (line, _))| Some((at + 1, mapping(line)?)));
    mapped
        .flat_map(|(number, (address, names))| {
            let names = names.filter_map(|name| str::from_utf8(name).ok());
            names.map(move |name| (number, name, address))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "file")]
    #[test]
    fn entries() {
        for line in [
            "10.0.0.5 db\n",
            "10.0.0.5\tdb\r\n",
            "10.0.0.5  db   \n",
            "10.0.0.5 db",
        ] {
            let (name, address) = entry(line.as_bytes()).unwrap();
            assert_eq!(
                (name.as_str(), address.to_string().as_str()),
                ("db", "10.0.0.5")
            );
        }
        for line in [
            "10.0.0.5 db www\n",
            "10.0.0.5 db # mine\n",
            " 10.0.0.5 db\n",
            "10.0.0.5\n",
            "127.0.0.1 db\n",
            "10.0.0.5 localhost\n",
            "10.0.0.5 DB\n",
            "#0.0.0.5 db\n",
            "\n",
            "",
        ] {
            assert_eq!(entry(line.as_bytes()), None, "{line:?}");
        }
        assert_eq!(entry(b"10.0.0.5 d\xff\n"), None);
    }

    #[test]
    fn lines_of_others() {
        let text = b"127.0.0.1 localhost\n10.0.0.1 a B # c\n# BEGIN hostsync\n10.0.0.2 mine\n\
            10.0.0.3 x y\n# END hostsync\n# BEGIN hostsync\n10.0.0.4 unclosed\n";
        let found: Vec<_> = foreign(text, &Owner::new("hostsync").unwrap())
            .into_iter()
            .map(|(line, name, address)| format!("{line} {name} {address}"))
            .collect();
        assert_eq!(
            found,
            [
                "1 localhost 127.0.0.1",
                "2 a 10.0.0.1",
                "2 B 10.0.0.1",
                "5 x 10.0.0.3",
                "5 y 10.0.0.3",
                "8 unclosed 10.0.0.4",
            ]
        );
    }

    #[cfg(feature = "file")]
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
