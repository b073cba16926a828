//! Variables that look like ours and are none. A misspelt one would change nothing, in silence.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};

use super::alike;

/// One warning for each variable that begins like those of `program`, says something, and is none
/// of `known`. Their values are left out: they may be secrets.
///
/// Kubernetes and links of Docker describe a service to every container, in variables that begin
/// with the service's name. Where a service is called like the program, those are left aside.
pub(super) fn warnings(
    program: &str,
    known: &BTreeSet<String>,
    environment: &[(OsString, OsString)],
) -> Vec<String> {
    let prefix = format!("{}_", as_variable(program));
    let names: Vec<&str> = known
        .iter()
        .filter_map(|name| name.strip_prefix(&prefix))
        .collect();
    let mut warnings: Vec<String> = environment
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .filter_map(|(name, value)| {
            let shown = name.display().to_string();
            let spelt = as_variable(&shown);
            let rest = spelt.strip_prefix(&prefix)?;
            let aside = known.contains(&shown) || describes_a_service(&shown, value, environment);
            (!aside).then(|| warning(program, &prefix, &shown, rest, &names))
        })
        .collect();
    warnings.sort_unstable();
    warnings
}

/// Capitals and underscores, as [`super::flags::variable_name`] writes them.
fn as_variable(name: &str) -> String {
    name.replace(['-', '.'], "_").to_uppercase()
}

/// Only what comes behind the program's name is compared: the name itself is alike in all.
fn warning(program: &str, prefix: &str, shown: &str, rest: &str, names: &[&str]) -> String {
    let meant = match alike::to(rest, names.iter().copied()).first() {
        Some(nearest) => format!("did you mean {prefix}{nearest}?"),
        None => format!("{program} --help, and that of each subcommand, names those that count"),
    };
    format!("the variable {shown} is unknown and ignored; {meant}")
}

/// Whether Kubernetes or a link of Docker set this variable: for a service `web`, it is `WEB_PORT`,
/// `WEB_PORT_8080_TCP…`, `WEB_SERVICE_HOST`, `WEB_SERVICE_PORT…`, `WEB_NAME` and `WEB_ENV_…`.
fn describes_a_service(name: &str, value: &OsStr, environment: &[(OsString, OsString)]) -> bool {
    let value = value.to_str().unwrap_or_default();
    let is_url = ["tcp://", "udp://", "sctp://"]
        .iter()
        .any(|scheme| value.starts_with(scheme));
    name.ends_with("_SERVICE_HOST")
        || name.ends_with("_SERVICE_PORT")
        || name.contains("_SERVICE_PORT_")
        || name.ends_with("_PORT") && is_url
        || name
            .match_indices("_PORT_")
            .any(|(at, found)| is_port(&name[at + found.len()..]))
        || name.ends_with("_NAME") && is_link(value)
        || name
            .match_indices("_ENV_")
            .any(|(at, _)| has_link(&name[..at], environment))
}

/// `8080_TCP`, and what may come behind it: `8080_TCP_ADDR`, `8080_UDP_PORT_START`.
fn is_port(rest: &str) -> bool {
    let mut parts = rest.split('_');
    let number = parts.next().is_some_and(|part| part.parse::<u16>().is_ok());
    number
        && parts
            .next()
            .is_some_and(|part| matches!(part, "TCP" | "UDP" | "SCTP"))
}

/// Docker's name of a link, `/container/alias`.
fn is_link(value: &str) -> bool {
    value
        .strip_prefix('/')
        .is_some_and(|rest| rest.contains('/'))
}

/// The variables of a link's other end come only with the link's name.
fn has_link(alias: &str, environment: &[(OsString, OsString)]) -> bool {
    environment.iter().any(|(name, value)| {
        name.to_str().and_then(|name| name.strip_suffix("_NAME")) == Some(alias)
            && value.to_str().is_some_and(is_link)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warned(environment: &[(&str, &str)]) -> Vec<String> {
        let known = [
            "ROOT",
            "STATE",
            "AUTH",
            "AUTH_FILE",
            "LOG_LEVEL",
            "CHECK_INTERVAL",
        ];
        let known = known.iter().map(|name| format!("AGENT_{name}")).collect();
        let environment: Vec<_> = environment
            .iter()
            .map(|(name, value)| (OsString::from(name), OsString::from(value)))
            .collect();
        warnings("agent", &known, &environment)
    }

    #[test]
    fn a_misspelt_variable_names_the_nearest() {
        for (name, nearest) in [
            ("AGENT_ROT", "ROOT"),
            ("AGENT_STAET", "STATE"),
            ("AGENT_AUTHFILE", "AUTH_FILE"),
            ("AGENT_LOGLEVEL", "LOG_LEVEL"),
            ("AGENT_LOG-LEVEL", "LOG_LEVEL"),
            ("AGENT_CHECK_INTERVALL", "CHECK_INTERVAL"),
            ("agent_root", "ROOT"),
        ] {
            let expected = format!(
                "the variable {name} is unknown and ignored; did you mean AGENT_{nearest}?"
            );
            assert_eq!(warned(&[(name, "s3cret")]), [expected]);
        }
    }

    #[test]
    fn one_like_none_says_where_to_look() {
        let warnings = warned(&[("AGENT_XYZZY", "s3cret")]);
        assert_eq!(
            warnings,
            [
                "the variable AGENT_XYZZY is unknown and ignored; agent --help, and that of each \
              subcommand, names those that count"
            ]
        );
    }

    #[test]
    fn each_is_told_once_and_in_order() {
        let warnings = warned(&[("AGENT_STAT", "x"), ("AGENT_ROT", "x"), ("AGENT_ROOT", "x")]);
        assert_eq!(warnings.len(), 2, "{warnings:?}");
        assert!(warnings[0].contains("AGENT_ROT "), "{warnings:?}");
    }

    #[test]
    fn known_empty_and_foreign_ones_are_fine() {
        let fine = [
            ("AGENT_ROOT", "/s"),
            ("AGENT_ROT", ""),
            ("AGENT", "x"),
            ("AGENTS_ROT", "x"),
            ("MY_AGENT_ROT", "x"),
            ("PATH", "/bin"),
        ];
        assert_eq!(warned(&fine), [""; 0]);
    }

    #[test]
    fn what_kubernetes_and_docker_tell_of_a_service_is_left_aside() {
        let of_services = [
            ("AGENT_SERVICE_HOST", "10.96.0.7"),
            ("AGENT_SERVICE_PORT", "8080"),
            ("AGENT_SERVICE_PORT_HTTP", "8080"),
            ("AGENT_PORT", "tcp://10.96.0.7:8080"),
            ("AGENT_PORT_8080_TCP", "tcp://10.96.0.7:8080"),
            ("AGENT_PORT_8080_TCP_PROTO", "tcp"),
            ("AGENT_PORT_8080_TCP_PORT", "8080"),
            ("AGENT_PORT_8080_TCP_ADDR", "10.96.0.7"),
            ("AGENT_PORT_53_UDP", "udp://10.96.0.7:53"),
            ("AGENT_PORT_36412_SCTP_ADDR", "10.96.0.7"),
            ("AGENT_WEB_SERVICE_HOST", "10.96.0.8"),
            ("AGENT_WEB_SERVICE_PORT_METRICS", "9117"),
            ("AGENT_WEB_PORT", "tcp://10.96.0.8:80"),
            ("AGENT_WEB_PORT_80_TCP_ADDR", "10.96.0.8"),
            ("AGENT_NAME", "/app/agent"),
            ("AGENT_ENV_TZ", "UTC"),
            ("AGENT_WEB_NAME", "/app/agent-web"),
            ("AGENT_WEB_ENV_PATH", "/bin"),
            ("AGENT_WEB_PORT_8000_TCP_PORT_START", "8000"),
        ];
        assert_eq!(warned(&of_services), [""; 0]);
    }

    #[test]
    fn what_only_looks_like_a_service_is_not() {
        for (name, value) in [
            ("AGENT_PORT", "8080"),
            ("AGENT_PORT_HTTP", "8080"),
            ("AGENT_PORT_8080", "tcp://10.96.0.7:8080"),
            ("AGENT_NAME", "web"),
            ("AGENT_ENV_TZ", "UTC"),
            ("AGENT_SERVICE", "web"),
        ] {
            assert_eq!(warned(&[(name, value)]).len(), 1, "{name}");
        }
    }
}
