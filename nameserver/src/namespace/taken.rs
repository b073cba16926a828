//! Names that have an owner already, so that a znode must not take them: whoever may create a znode would
//! else decide where others fetch their packages, their credentials or their proxy from.

use contract::Name;

/// What clouds, engines and clusters call their own services.
const SERVICES: [&str; 5] = [
    "metadata.google.internal",
    "metadata.goog",
    "instance-data.ec2.internal",
    "kubernetes.default",
    "kubernetes.default.svc",
];

/// Zones of engines and clusters.
const ZONES: [&str; 4] = [
    "docker.internal",
    "containers.internal",
    "lima.internal",
    "kubernetes.default.svc.cluster.local",
];

/// What clients look for in every domain that is searched, to be told of a proxy or a router.
const CLIENTS: [&str; 2] = ["wpad", "isatap"];

/// Top-level domains below which software and its services are at home. No word of another kind is here that
/// is as likely the name of a folder, such as `services`.
const TOP_LEVEL: [&str; 16] = [
    "ai", "arpa", "biz", "cloud", "co", "com", "dev", "edu", "gov", "info", "int", "io", "me",
    "mil", "net", "org",
];

/// Those of countries, which are as short as the names of regions: with two labels, as in `db.eu`, they are
/// taken for these.
const COUNTRIES: &str = "ac ad ae af ag al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bm bn bo \
     br bs bt bv bw by bz ca cc cd cf cg ch ci ck cl cm cn cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg er es et eu \
     fi fj fk fm fo fr ga gb gd ge gf gg gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm hn hr ht hu id ie il im in iq ir \
     is it je jm jo jp ke kg kh ki km kn kp kr kw ky kz la lb lc li lk lr ls lt lu lv ly ma mc md mg mh mk ml mm mn mo \
     mp mq mr ms mt mu mv mw mx my mz na nc ne nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl pm pn pr ps pt pw py \
     qa re ro rs ru rw sa sb sc sd se sg sh si sj sk sl sm sn so sr ss st su sv sx sy sz tc td tf tg th tj tk tl tm tn \
     to tr tt tv tw tz ua ug uk us uy uz va vc ve vg vi vn vu wf ws ye yt za zm zw";

/// True for a name that means the same everywhere, or to every client.
pub(super) fn is_reserved(name: &Name) -> bool {
    let name = name.as_str();
    let first = name.split('.').next().unwrap_or_default();
    let is_in = |zone: &str| {
        let before = name.strip_suffix(zone);
        before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
    };
    SERVICES.contains(&name) || CLIENTS.contains(&first) || ZONES.iter().any(|zone| is_in(zone))
}

/// True for a name that somebody in the Internet may own.
pub(super) fn is_public(name: &Name) -> bool {
    let mut labels = name.as_str().rsplit('.');
    let last = labels.next().unwrap_or_default();
    match labels.count() {
        0 => false,
        1 => TOP_LEVEL.contains(&last),
        _ if last.len() == 2 => {
            let mut countries = COUNTRIES.split_ascii_whitespace();
            TOP_LEVEL.contains(&last) || countries.any(|country| country == last)
        }
        _ => TOP_LEVEL.contains(&last),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_engines_clouds_and_clients_are_reserved() {
        for name in [
            "metadata.google.internal",
            "host.docker.internal",
            "gateway.docker.internal",
            "docker.internal",
            "kubernetes.default.svc.cluster.local",
            "kubernetes.default.svc",
            "wpad",
            "wpad.zk.internal",
            "isatap",
        ] {
            assert!(is_reserved(&name.parse().unwrap()), "{name}");
        }
        for name in [
            "primary.db",
            "metadata",
            "kubernetes",
            "web.wpad",
            "mydocker.internal",
            "default.kubernetes",
        ] {
            assert!(!is_reserved(&name.parse().unwrap()), "{name}");
        }
    }

    #[test]
    fn names_of_the_public_dns_are_public_and_those_of_folders_are_not() {
        for name in [
            "deb.debian.org",
            "example.com",
            "a.b.co.uk",
            "github.io",
            "registry.k8s.io",
            "bank.com.de",
        ] {
            assert!(is_public(&name.parse().unwrap()), "{name}");
        }
        for name in [
            "primary.db",
            "leader.primary.db",
            "com",
            "c.id",
            "db.eu",
            "app.services",
            "providers.dubbo",
            "node1.kafka",
            "db.zk.internal",
            "x.local",
            "a.lan",
            "b.test",
            "app.prod",
        ] {
            assert!(!is_public(&name.parse().unwrap()), "{name}");
        }
    }
}
