//! The flag: which name, which service, which instance of it.

use std::fmt;
use std::str::FromStr;

use contract::{Name, NameError};

/// What one `--bind` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The name in the hosts file of this container alone.
    pub local: Name,
    /// The service, as it is published.
    pub service: Name,
    /// Which of its instances.
    pub preference: Preference,
}

/// Which instance of a service is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preference {
    /// One with the fewest agents bound to it.
    Least,
    /// The leader, as `leader.SERVICE` says; else the first.
    Leader,
    /// Any.
    Random,
}

/// Why a text asks for no binding.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BindingError {
    /// There is no equals sign.
    #[error("a binding is LOCAL=SERVICE, such as mqtt=broker or mqtt=broker:leader")]
    Syntax,
    /// One of the names is none.
    #[error(transparent)]
    Name(#[from] NameError),
    /// What follows the colon is unknown.
    #[error("{0:?} is no way to choose an instance; write least, leader or random")]
    Preference(String),
}

impl FromStr for Binding {
    type Err = BindingError;

    fn from_str(text: &str) -> Result<Self, BindingError> {
        let (local, service) = text.split_once('=').ok_or(BindingError::Syntax)?;
        let (service, preference) = service.split_once(':').unwrap_or((service, "least"));
        let preference = match preference {
            "least" => Preference::Least,
            "leader" => Preference::Leader,
            "random" => Preference::Random,
            other => return Err(BindingError::Preference(other.to_owned())),
        };
        Ok(Self {
            local: local.to_ascii_lowercase().parse()?,
            service: service.to_ascii_lowercase().parse()?,
            preference,
        })
    }
}

impl fmt::Display for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let preference = match self.preference {
            Preference::Least => "",
            Preference::Leader => ":leader",
            Preference::Random => ":random",
        };
        write!(f, "{}={}{preference}", self.local, self.service)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags() {
        for (text, local, service, preference) in [
            ("mqtt=broker", "mqtt", "broker", Preference::Least),
            (
                "MQTT=broker.prod:leader",
                "mqtt",
                "broker.prod",
                Preference::Leader,
            ),
            ("mqtt=broker:random", "mqtt", "broker", Preference::Random),
        ] {
            let binding: Binding = text.parse().unwrap();
            assert_eq!(binding.local.as_str(), local);
            assert_eq!(binding.service.as_str(), service);
            assert_eq!(binding.preference, preference);
            assert_eq!(binding.to_string(), text.to_lowercase());
        }
        assert_eq!(
            "mqtt=b:least".parse::<Binding>().unwrap().to_string(),
            "mqtt=b"
        );
        for text in [
            "mqtt",
            "=broker",
            "mqtt=",
            "localhost=broker",
            "mqtt=broker:best",
        ] {
            assert!(text.parse::<Binding>().is_err(), "{text}");
        }
    }
}
