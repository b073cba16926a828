//! Lines of a hosts file: the markers around hostsync's own, the form of those, and what any line
//! says to a resolver.

use std::net::IpAddr;

use crate::{Address, Name};

/// The line before our first one.
pub const BEGIN: &str = "# BEGIN hostsync";
/// The line after our last one.
pub const END: &str = "# END hostsync";

/// Which end of our block a line marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marker {
    /// The beginning.
    Begin,
    /// The end.
    End,
}

/// The lines of a text, each with its line ending; the last may have none.
pub fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split_inclusive(|&byte| byte == b'\n')
}

/// The marker that a line is; editors leave blanks and carriage returns behind one.
pub fn marker(line: &[u8]) -> Option<Marker> {
    if line.first() != Some(&b'#') {
        return None;
    }
    match line.trim_ascii_end() {
        text if text == BEGIN.as_bytes() => Some(Marker::Begin),
        text if text == END.as_bytes() => Some(Marker::End),
        _ => None,
    }
}

/// The name and address of a line of the form that we write: an address in the first column,
/// blanks, one name, and nothing but blanks behind it.
pub fn entry(line: &[u8]) -> Option<(Name, Address)> {
    let (address, name) = tokens(line)?;
    Some((name.parse().ok()?, address.parse().ok()?))
}

/// True when a line has the form that we write.
pub fn is_entry(line: &[u8]) -> bool {
    tokens(line).is_some_and(|(address, name)| {
        Name::check(name).is_ok() && address.parse::<Address>().is_ok()
    })
}

/// The two words of a line that begins with one in the first column.
fn tokens(line: &[u8]) -> Option<(&str, &str)> {
    let text = str::from_utf8(line.trim_ascii_end()).ok()?;
    let (address, name) = text.split_once([' ', '\t'])?;
    Some((address, name.trim_start_matches([' ', '\t'])))
}

/// The address of a line and the names that it maps to it, as glibc reads them; none for a line
/// that glibc skips.
pub fn mapping(line: &[u8]) -> Option<(IpAddr, impl Iterator<Item = &[u8]>)> {
    // A comment ends the line, and so does a NUL, which ends the C string that glibc has of it.
    let text = line
        .split(|byte| matches!(byte, b'#' | b'\n' | 0))
        .next()
        .unwrap_or_default();
    let mut tokens = text.split(is_space).filter(|token| !token.is_empty());
    let address = str::from_utf8(tokens.next()?).ok()?.parse().ok()?;
    Some((address, tokens))
}

/// C's `isspace`, which counts a vertical tab where Rust does not.
fn is_space(byte: &u8) -> bool {
    byte.is_ascii_whitespace() || *byte == 0x0b
}

/// The names that lines of others map, each with the number of the line and the address: what lies
/// in a whole block of ours and has the form that we write is not looked at.
pub fn foreign(text: &[u8]) -> Vec<(usize, &str, IpAddr)> {
    let all: Vec<&[u8]> = lines(text).collect();
    let mut ours = vec![false; all.len()];
    let mut begin = None;
    for (at, line) in all.iter().enumerate() {
        match (marker(line), begin) {
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

    #[test]
    fn markers() {
        for (line, expected) in [
            ("# BEGIN hostsync\n", Some(Marker::Begin)),
            ("# BEGIN hostsync \t\r\n", Some(Marker::Begin)),
            ("# END hostsync", Some(Marker::End)),
            (" # BEGIN hostsync\n", None),
            ("# BEGIN hostsync 2\n", None),
            ("# begin hostsync\n", None),
            ("", None),
        ] {
            assert_eq!(marker(line.as_bytes()), expected, "{line:?}");
        }
    }

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
        let found: Vec<_> = foreign(text)
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
}
