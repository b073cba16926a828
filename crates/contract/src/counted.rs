//! Numbers of things in messages.

use std::fmt;

/// Displays a number with its noun: `1 name`, `2 names`, `2 addresses`.
#[derive(Debug, Clone, Copy)]
pub struct Counted(pub usize, pub &'static str);

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(count, noun) = self;
        let ending = match (count, noun.ends_with('s')) {
            (1, _) => "",
            (_, true) => "es",
            (_, false) => "s",
        };
        write!(f, "{count} {noun}{ending}")
    }
}

#[cfg(test)]
mod tests {
    use super::Counted;

    #[test]
    fn plurals() {
        let texts = [
            Counted(0, "name"),
            Counted(1, "address"),
            Counted(2, "address"),
        ];
        assert_eq!(
            texts.map(|text| text.to_string()),
            ["0 names", "1 address", "2 addresses"]
        );
    }
}
