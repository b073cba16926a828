//! `nameserver check --explain`: one znode, from its bytes to its names.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::io::{self, Write};
use std::process::ExitCode;

use contract::{Address, Name, Quoted, ZnodePath};
use serde::{Serialize, Serializer};

use crate::namespace::scope::Scope;
use crate::namespace::{Finding, Namespace};
use crate::records::{Endpoint, Format, Instance, Membership, Reading, Service, masked, shown};

/// What one znode gives, and why.
#[derive(Debug, Serialize)]
pub struct Explanation {
    /// The znode; shown without the secrets in its name.
    #[serde(serialize_with = "without_secrets")]
    pub path: ZnodePath,
    /// How many bytes it holds.
    pub bytes: usize,
    /// The beginning of what it holds.
    pub data: String,
    /// The format that was recognised.
    pub format: Option<Format>,
    /// The rule that decided.
    pub rule: String,
    /// What it says.
    pub says: String,
    /// Where its host names lead.
    pub hosts: BTreeMap<Name, Vec<Address>>,
    /// The names that it gives.
    pub names: BTreeMap<Name, Vec<Address>>,
    /// Whether it counts for the service above it, or why not.
    pub counts: String,
    /// Why it gives no name, or fewer addresses than it could, where that is fine.
    pub nameless: Vec<String>,
    /// What should be mended.
    pub problems: Vec<String>,
}

fn without_secrets<S: Serializer>(path: &ZnodePath, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&shown(path))
}

impl Explanation {
    /// Explains the znode at `path`, which holds `data`.
    pub fn new(scope: &Scope, namespace: &Namespace, path: &ZnodePath, data: &[u8]) -> Self {
        let mut explanation = Self {
            path: path.clone(),
            bytes: data.len(),
            data: Quoted(&masked(&String::from_utf8_lossy(data))).to_string(),
            format: None,
            rule: String::new(),
            says: String::new(),
            hosts: BTreeMap::new(),
            names: BTreeMap::new(),
            counts: String::new(),
            nameless: Vec::new(),
            problems: Vec::new(),
        };
        let why = scope.leaves_out(path);
        let why =
            why.or_else(|| (path == scope.root()).then(|| "--root itself has no name".into()));
        match (why, namespace.reading(path)) {
            (Some(why), _) => {
                explanation.says = "it was not looked at".into();
                explanation.nameless.push(why);
            }
            (None, None) => explanation.says = "it has come or gone meanwhile; try again".into(),
            (None, Some(reading)) => explanation.read(namespace, reading),
        }
        explanation
    }

    fn read(&mut self, namespace: &Namespace, reading: &Reading) {
        let path = &self.path;
        self.format = reading.format();
        self.says = Says(reading).to_string();
        self.counts = counts(namespace, path, reading);
        for host in reading
            .instance()
            .into_iter()
            .flat_map(Instance::host_names)
        {
            let addresses = namespace.follow(host, path).unwrap_or_default();
            self.hosts.insert(host.clone(), addresses.to_vec());
        }
        for name in namespace.names_of(path) {
            if namespace.giver(&name) == Some(path)
                && let Some(addresses) = namespace.addresses(&name)
            {
                self.names.insert(name, addresses.to_vec());
            }
        }
        let findings = namespace.weigh(path, namespace.findings_of(path), &mut None);
        self.rule = rule(reading, &findings);
        let (problems, nameless): (Vec<_>, Vec<_>) =
            findings.into_iter().partition(Finding::is_problem);
        let said = |findings: Vec<Finding>| findings.iter().map(Finding::to_string).collect();
        (self.problems, self.nameless) = (said(problems), said(nameless));
    }

    /// 1 when something should be mended.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(u8::from(!self.problems.is_empty()))
    }

    /// As text: the path, then a line for each thing to say.
    ///
    /// # Errors
    /// `to` cannot be written.
    pub fn write_text(&self, mut to: impl Write) -> io::Result<()> {
        let mut line = |label: &str, text: &dyn Display| writeln!(to, "{label:<9}{text}");
        line("znode", &shown(&self.path))?;
        line("holds", &self.data)?;
        if let Some(format) = self.format {
            line("format", &format)?;
        }
        if !self.rule.is_empty() {
            line("rule", &self.rule)?;
        }
        line("says", &self.says)?;
        for (host, addresses) in &self.hosts {
            line("host", &format_args!("{host} → {}", List(addresses)))?;
        }
        for (name, addresses) in &self.names {
            line("gives", &format_args!("{name} → {}", List(addresses)))?;
        }
        if !self.counts.is_empty() {
            line("counts", &self.counts)?;
        }
        for reason in &self.nameless {
            line("no name", reason)?;
        }
        for reason in &self.problems {
            line("problem", reason)?;
        }
        Ok(())
    }

    /// As one JSON object.
    ///
    /// # Errors
    /// `to` cannot be written.
    pub fn write_json(&self, mut to: impl Write) -> io::Result<()> {
        writeln!(to, "{}", serde_json::to_string_pretty(self)?)
    }
}

/// What decided: a rule about the znode's place in the tree, else what tells its format.
fn rule(reading: &Reading, findings: &[Finding]) -> String {
    let of_place = findings.iter().find_map(Finding::rule);
    let of_format = || match reading {
        Reading::Nothing(_) if findings.is_empty() => {
            Some("a znode without an address of its own stands for its children")
        }
        reading => reading.format().map(Format::evidence),
    };
    of_place.or_else(of_format).unwrap_or_default().to_owned()
}

/// Whether a znode counts as an instance of its parent.
fn counts(namespace: &Namespace, path: &ZnodePath, reading: &Reading) -> String {
    let (Some(instance), Some(parent)) = (reading.instance(), path.parent()) else {
        return String::new();
    };
    let Some(above) = namespace
        .reading(&parent)
        .filter(|_| namespace.names_of(&parent).next().is_some())
    else {
        return "for no service: nothing above it has a name".into();
    };
    let own = namespace.own_addresses(&parent);
    match above {
        _ if namespace.not_its_own(path).is_some() => {
            "for no service: the address is not its own".into()
        }
        _ if !namespace.members(&parent).any(|member| member.path == path)
            && instance.format == Format::Text
            && instance.is_in_service() =>
        {
            "for no service: records of a format stand beside it".into()
        }
        _ if !instance.is_in_service() => "for no service while it is out of service".into(),
        _ if instance.membership == Membership::Apart => {
            "for no service: hosts of this type stand alone".into()
        }
        Reading::Service(service) if !service.takes(instance) => {
            format!("for no service: the service record of {parent} takes other types only")
        }
        Reading::Instance(_) if !own.is_empty() => {
            format!(
                "for no service: {parent} has an address of its own, {}",
                List(&own)
            )
        }
        _ => format!("for {parent}"),
    }
}

/// What a reading says, for people.
struct Says<'a>(&'a Reading);

impl Display for Says<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Reading::Nothing(why) => write!(f, "nothing: it {why}"),
            Reading::Problem(_) => f.write_str("nothing that can be used"),
            Reading::Instance(instance) => {
                let endpoints = instance.endpoints.iter().map(Endpoint::to_string);
                let endpoints: Vec<_> = endpoints.collect();
                write!(f, "an instance at {}", endpoints.join(", "))?;
                match instance.ttl {
                    Some(ttl) => write!(f, ", TTL {ttl} s"),
                    None => Ok(()),
                }
            }
            Reading::Service(service) => {
                let Service { srv, ttl } = &**service;
                f.write_str("a service of the children whose type counts for one")?;
                if let Some(srv) = srv {
                    write!(f, ", {}.{}", srv.service, srv.proto)?;
                    if let Some(port) = srv.port {
                        write!(f, " port {port}")?;
                    }
                }
                write!(f, ", TTL {ttl} s")
            }
        }
    }
}

/// Addresses, a comma between them.
struct List<'a>(&'a [Address]);

impl Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => f.write_str("no address"),
            addresses => {
                let texts: Vec<_> = addresses.iter().map(Address::to_string).collect();
                f.write_str(&texts.join(", "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::check::report::tests::namespace;

    fn explain(path: &str, znodes: &[(&str, &str)], exclude: &[&str]) -> String {
        let exclude: Vec<_> = exclude.iter().map(|&glob| glob.to_owned()).collect();
        let root = "/".parse().unwrap();
        let scope = Scope::new(root, "/nameserver".parse().unwrap(), None, &exclude).unwrap();
        let data = znodes.iter().find(|(at, _)| *at == path);
        let data = data.map_or("", |(_, data)| data);
        let explanation = Explanation::new(
            &scope,
            &namespace(znodes),
            &path.parse().unwrap(),
            data.as_bytes(),
        );
        let mut text = Vec::new();
        explanation.write_text(&mut text).unwrap();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn an_instance_from_its_bytes_to_its_names() {
        let broker = r#"{"jmx_port":-1,"host":"broker1","port":9092}"#;
        let znodes = [
            ("/ids", ""),
            ("/ids/1", broker),
            ("/ids/2", "nowhere:1"),
            ("/broker1", "10.0.0.7"),
        ];
        assert_eq!(
            explain("/ids/1", &znodes, &[]),
            "znode    /ids/1\n\
             holds    \"{\\\"jmx_port\\\":-1,\\\"host\\\":\\\"broker1\\\",\\\"port\\\":9092}\"\n\
             format   Kafka\n\
             rule     JSON with listener_security_protocol_map or jmx_port, or with host, version and endpoints\n\
             says     an instance at broker1:9092\n\
             host     broker1 → 10.0.0.7\n\
             gives    1.ids → 10.0.0.7\n\
             counts   for /ids\n"
        );
        let unknown = explain("/ids/2", &znodes, &[]);
        assert!(
            unknown.contains("host     nowhere → no address\n"),
            "{unknown}"
        );
        assert!(
            unknown.contains("no name  \"nowhere\" may be a host name"),
            "{unknown}"
        );
        let service = explain("/ids", &znodes, &[]);
        assert!(
            service.contains("says     nothing: it holds no data\ngives    ids → 10.0.0.7\n"),
            "{service}"
        );
    }

    #[test]
    fn why_an_instance_does_not_count() {
        let host = |kind: &str| format!(r#"{{"type":"{kind}","{kind}":{{"address":"10.0.0.1"}}}}"#);
        let (plain, apart) = (host("other"), host("host"));
        let service = r#"{"type":"service","service":{"srvce":"_a","proto":"_tcp","port":1}}"#;
        let znodes = [
            ("/s", service),
            ("/s/1", plain.as_str()),
            ("/s/2", apart.as_str()),
            ("/own", "10.0.0.2:80"),
            ("/own/1", plain.as_str()),
            ("/top", plain.as_str()),
            ("/f", ""),
            ("/f/1", r#"{"host":"10.0.0.3","port":1,"available":false}"#),
        ];
        for (path, reason) in [
            ("/s/1", "the service record of /s takes other types only"),
            ("/s/2", "hosts of this type stand alone"),
            ("/own/1", "/own has an address of its own, 10.0.0.2"),
            ("/top", "nothing above it has a name"),
            ("/f/1", "while it is out of service"),
        ] {
            let text = explain(path, &znodes, &[]);
            assert!(text.contains(&format!("{reason}\n")), "{text}");
        }
        let text = explain("/s", &znodes, &[]);
        assert!(
            text.contains("for one, _a._tcp port 1, TTL 30 s\nno name  holds a service"),
            "{text}"
        );
    }

    #[test]
    fn why_a_znode_is_not_looked_at() {
        for (path, reason) in [
            ("/zookeeper/quota", "ZooKeeper's own"),
            ("/nameserver/hosts", "--state /nameserver"),
            ("/a/locks/1", "--exclude matches it"),
            ("/", "--root itself"),
        ] {
            let text = explain(path, &[], &["locks"]);
            assert!(text.contains(reason), "{text}");
        }
    }
}
