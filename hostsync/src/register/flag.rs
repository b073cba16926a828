//! `--register`: what to register, and where that is in the tree.

use std::fmt;
use std::str::FromStr;

use contract::{Address, Name, NameError, PathError, ZnodePath};

/// What one `--register` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// The name of the service, or the exact name.
    pub name: Name,
    /// Where the service listens.
    pub port: Option<u16>,
    /// Which of the two.
    pub kind: Kind,
}

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One of the instances of the service of that name: `web`.
    Instance,
    /// The name itself: `primary.db=`.
    Exact,
}

/// Why a text asks for no registration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistrationError {
    /// The name is none.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The port is none.
    #[error("port {0:?} is not a number from 1 to 65535")]
    Port(String),
    /// Something follows the equals sign that is no port.
    #[error(
        "after '=' may only stand a port, as in primary.db=:5432; see --address for another address"
    )]
    AfterEquals,
}

impl Registration {
    /// The znode of the service, or of the exact name, below the root of the nameserver whose names
    /// end in `domain`. The name may be given with the domain or without.
    ///
    /// # Errors
    /// A label makes no component.
    pub fn place(&self, root: &ZnodePath, domain: Option<&Name>) -> Result<ZnodePath, PathError> {
        let mut labels = short(self.name.as_str(), domain).rsplit('.');
        labels.try_fold(root.clone(), |path, label| path.child(label))
    }

    /// Whether it gives the name `awaited` by itself: that of the exact znode or of the service, of
    /// the instance with this `id`, or of the leader where instances are `sequential`. Names may be
    /// given with the domain or without.
    pub fn gives(
        &self,
        awaited: &str,
        domain: Option<&Name>,
        (id, sequential): (&str, bool),
    ) -> bool {
        let own = short(self.name.as_str(), domain);
        let awaited = awaited.trim_end_matches('.').to_ascii_lowercase();
        let awaited = short(&awaited, domain);
        let Some(front) = awaited.strip_suffix(own) else {
            return false;
        };
        match (self.kind, front.strip_suffix('.')) {
            (_, None) => front.is_empty(),
            (Kind::Exact, Some(_)) => false,
            (Kind::Instance, Some(front)) if sequential => front == "leader",
            (Kind::Instance, Some(front)) => front == id.to_ascii_lowercase(),
        }
    }

    /// The data of the znode.
    pub fn data(&self, address: Address) -> Vec<u8> {
        let port = self.port;
        contract::Instance { address, port }.encode()
    }
}

/// A name without the domain.
fn short<'a>(name: &'a str, domain: Option<&Name>) -> &'a str {
    let local = domain.and_then(|domain| {
        let rest = name.strip_suffix(domain.as_str())?;
        rest.strip_suffix('.')
    });
    local.unwrap_or(name)
}

impl FromStr for Registration {
    type Err = RegistrationError;

    fn from_str(text: &str) -> Result<Self, RegistrationError> {
        let (name, port, kind) = match text.split_once('=') {
            Some((name, "")) => (name, None, Kind::Exact),
            Some((name, rest)) => {
                let port = rest.strip_prefix(':');
                let port = port.ok_or(RegistrationError::AfterEquals)?;
                (name, Some(port), Kind::Exact)
            }
            None => match text.split_once(':') {
                Some((name, port)) => (name, Some(port), Kind::Instance),
                None => (text, None, Kind::Instance),
            },
        };
        let port = port.map(|text| match text.parse() {
            Ok(port) if port > 0 => Ok(port),
            _ => Err(RegistrationError::Port(text.to_owned())),
        });
        Ok(Self {
            name: name.to_ascii_lowercase().parse()?,
            port: port.transpose()?,
            kind,
        })
    }
}

impl fmt::Display for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let equals = match self.kind {
            Kind::Instance => "",
            Kind::Exact => "=",
        };
        write!(f, "{}{equals}", self.name)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(flag: &str, root: &str, domain: &str) -> String {
        let registration: Registration = flag.parse().unwrap();
        let domain = (!domain.is_empty()).then(|| domain.parse().unwrap());
        let place = registration.place(&root.parse().unwrap(), domain.as_ref());
        place.unwrap().to_string()
    }

    #[test]
    fn flags() {
        for (text, name, port, kind) in [
            ("web", "web", None, Kind::Instance),
            ("Web.Prod:8080", "web.prod", Some(8080), Kind::Instance),
            ("primary.db=", "primary.db", None, Kind::Exact),
            ("primary.db=:5432", "primary.db", Some(5432), Kind::Exact),
        ] {
            let registration: Registration = text.parse().unwrap();
            let name = name.parse().unwrap();
            assert_eq!(registration, Registration { name, port, kind });
            assert_eq!(registration.to_string(), text.to_lowercase());
        }
        for text in [
            "",
            ":80",
            "web:",
            "web:0",
            "web:http",
            "web:80:90",
            "a/b",
            "localhost=",
        ] {
            assert!(text.parse::<Registration>().is_err(), "{text}");
        }
        let error = "primary.db=10.0.0.5".parse::<Registration>().unwrap_err();
        assert_eq!(error, RegistrationError::AfterEquals);
    }

    #[test]
    fn places_turn_names_back_into_paths() {
        assert_eq!(place("web", "/", ""), "/web");
        assert_eq!(place("web.prod", "/services", ""), "/services/prod/web");
        assert_eq!(place("primary.db=", "/s", "zk.internal"), "/s/db/primary");
        assert_eq!(
            place("primary.db.zk.internal=", "/s", "zk.internal"),
            "/s/db/primary"
        );
        assert_eq!(place("dbzk.internal", "/", "zk.internal"), "/internal/dbzk");
    }

    #[test]
    fn names_that_come_from_the_registration_itself() {
        let domain: Name = "zk.internal".parse().unwrap();
        let gives = |flag: &str, awaited: &str, sequential| {
            let registration: Registration = flag.parse().unwrap();
            registration.gives(awaited, Some(&domain), ("C1", sequential))
        };
        for (flag, awaited, sequential) in [
            ("master", "leader.master", true),
            ("master:80", "Leader.Master.zk.internal.", true),
            ("master", "master", true),
            ("master", "master", false),
            ("master.zk.internal", "c1.master", false),
            ("primary.db=", "primary.db.zk.internal", false),
        ] {
            assert!(gives(flag, awaited, sequential), "{flag} {awaited}");
        }
        for (flag, awaited, sequential) in [
            ("master", "leader.master", false),
            ("master", "webmaster", true),
            ("master", "leader.webmaster", true),
            ("master", "c1.master", true),
            ("master", "c2.master", false),
            ("primary.db=", "leader.primary.db", true),
            ("primary.db=", "db", false),
        ] {
            assert!(!gives(flag, awaited, sequential), "{flag} {awaited}");
        }
    }

    #[test]
    fn data_is_plain_json() {
        let address = "10.0.0.5".parse().unwrap();
        let data = |flag: &str| {
            let registration: Registration = flag.parse().unwrap();
            String::from_utf8(registration.data(address)).unwrap()
        };
        assert_eq!(data("web:8080"), r#"{"address":"10.0.0.5","port":8080}"#);
        assert_eq!(data("web"), r#"{"address":"10.0.0.5"}"#);
    }
}
