//! Signals by their numbers, since the real-time ones have no names of their own.

use std::fmt;
use std::str::FromStr;

use nix::sys::signal::Signal;

/// The real-time signals, as programs and container engines count them.
const REAL_TIME: (i32, i32) = (34, 64);

/// A signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignalNumber(i32);

/// Why a text is no signal that can be passed on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignalError {
    /// It can be sent, but never caught.
    #[error("no program can catch {0}")]
    Uncaught(String),
    /// There is none of that name or number.
    #[error("no signal that can be passed on; name one, such as WINCH or RTMIN+3")]
    Unknown,
}

impl SignalNumber {
    /// Any number that a signal may have.
    pub fn new(number: i32) -> Option<Self> {
        let is_real_time = (REAL_TIME.0..=REAL_TIME.1).contains(&number);
        (is_real_time || Signal::try_from(number).is_ok()).then_some(Self(number))
    }

    /// The number.
    pub fn get(self) -> i32 {
        self.0
    }

    /// The signal, where it has a name of its own.
    pub fn named(self) -> Option<Signal> {
        Signal::try_from(self.0).ok()
    }
}

impl From<Signal> for SignalNumber {
    fn from(signal: Signal) -> Self {
        Self(signal as i32)
    }
}

impl PartialEq<Signal> for SignalNumber {
    fn eq(&self, signal: &Signal) -> bool {
        self.0 == *signal as i32
    }
}

/// By name or number: `WINCH`, `SIGWINCH`, `28`, `RTMIN+3`.
impl FromStr for SignalNumber {
    type Err = SignalError;

    fn from_str(text: &str) -> Result<Self, SignalError> {
        let upper = text.trim().to_uppercase();
        let name = upper.strip_prefix("SIG").unwrap_or(&upper);
        let offset = |rest: &str, sign: char| match rest {
            "" => Some(0),
            rest => rest.strip_prefix(sign)?.parse::<u8>().ok().map(i32::from),
        };
        let number = if let Ok(number) = name.parse() {
            Some(number)
        } else if let Some(rest) = name.strip_prefix("RTMIN") {
            offset(rest, '+').map(|offset| REAL_TIME.0 + offset)
        } else if let Some(rest) = name.strip_prefix("RTMAX") {
            offset(rest, '-').map(|offset| REAL_TIME.1 - offset)
        } else {
            let named = format!("SIG{name}").parse::<Signal>();
            named.ok().map(|signal| signal as i32)
        };
        let signal = number.and_then(Self::new).ok_or(SignalError::Unknown)?;
        match signal.named() {
            Some(Signal::SIGKILL | Signal::SIGSTOP) => Err(SignalError::Uncaught(upper)),
            _ => Ok(signal),
        }
    }
}

impl fmt::Display for SignalNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.named() {
            Some(signal) => f.write_str(signal.as_str()),
            None if self.0 == REAL_TIME.0 => f.write_str("SIGRTMIN"),
            None => write!(f, "SIGRTMIN+{}", self.0 - REAL_TIME.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_name_or_number() {
        for (text, number, shown) in [
            ("winch", 28, "SIGWINCH"),
            ("SIGTERM", 15, "SIGTERM"),
            ("10", 10, "SIGUSR1"),
            ("RTMIN", 34, "SIGRTMIN"),
            ("SIGRTMIN+3", 37, "SIGRTMIN+3"),
            ("37", 37, "SIGRTMIN+3"),
            ("rtmax-1", 63, "SIGRTMIN+29"),
        ] {
            let signal: SignalNumber = text.parse().unwrap();
            assert_eq!((signal.get(), signal.to_string().as_str()), (number, shown));
        }
        for text in [
            "",
            "0",
            "33",
            "65",
            "RTMIN+31",
            "RTMIN3",
            "RTMAX+1",
            "TERMINATE",
            "-1",
        ] {
            assert_eq!(
                text.parse::<SignalNumber>(),
                Err(SignalError::Unknown),
                "{text}"
            );
        }
        for text in ["KILL", "sigstop", "9"] {
            let error = text.parse::<SignalNumber>().unwrap_err();
            assert_eq!(error, SignalError::Uncaught(text.to_uppercase()));
        }
    }
}
