//! Which znodes are looked at, and what they are called.

use std::borrow::Cow;

use contract::{Name, NameError, ZnodePath};
use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};

use super::taken::{is_public, is_reserved};

/// ZooKeeper's own znodes.
const ZOOKEEPER: &str = "/zookeeper";

/// What stands before a glob that leaves out data alone.
const DATA: &str = "data:";

/// Which znodes are looked at, and what they are called. Pure: paths in, names out.
#[derive(Debug, Clone)]
pub struct Scope {
    root: ZnodePath,
    state: ZnodePath,
    domain: Option<Name>,
    /// Whether names of the public DNS are given as others are.
    allow_public: bool,
    /// The globs as they were given, sorted.
    patterns: Vec<String>,
    exclude: GlobSet,
    exclude_data: GlobSet,
}

/// Why root, state and globs do not go together.
#[derive(Debug, thiserror::Error)]
pub enum ScopeError {
    /// Every znode below the root belongs to nameserver itself.
    #[error(
        "--root {root} lies within --state {state}, whose znodes are never named; choose another --state"
    )]
    RootWithinState {
        /// The root that was asked for.
        root: ZnodePath,
        /// The state that was asked for.
        state: ZnodePath,
    },
    /// A pattern is no glob.
    #[error("--exclude: {0}")]
    Glob(#[from] globset::Error),
}

/// Why a path makes no name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoName {
    /// It is none.
    #[error(transparent)]
    Invalid(#[from] NameError),
    /// It means the same to everybody already.
    #[error("{:?} has a meaning of its own to clients, engines or clouds, and is never taken", .0.as_str())]
    Reserved(Name),
    /// Somebody in the Internet may own it.
    #[error("{:?} may be a name of the public DNS: append a --domain, or see --allow-public", .0.as_str())]
    Public(Name),
}

impl Scope {
    /// The znodes below `root` but for `state` and what `exclude` matches, named with `domain`
    /// appended.
    ///
    /// A glob with a leading slash matches a whole path, another one the end of a path; `*` stays
    /// within a component, `**` does not. What lies below an excluded znode is left out with it; a glob
    /// after `data:` leaves out what the znode itself holds, and nothing below.
    ///
    /// # Errors
    /// The root lies within the state, or a pattern is no glob.
    pub fn new(
        root: ZnodePath,
        state: ZnodePath,
        domain: Option<Name>,
        exclude: &[String],
    ) -> Result<Self, ScopeError> {
        if root.is_within(&state) {
            return Err(ScopeError::RootWithinState { root, state });
        }
        let (mut globs, mut data) = (GlobSetBuilder::new(), GlobSetBuilder::new());
        for pattern in exclude {
            match pattern.strip_prefix(DATA) {
                Some(pattern) => data.add(glob(pattern)?),
                None => globs.add(glob(pattern)?),
            };
        }
        let mut patterns = exclude.to_vec();
        patterns.sort_unstable();
        patterns.dedup();
        Ok(Self {
            root,
            state,
            domain,
            allow_public: false,
            patterns,
            exclude: globs.build()?,
            exclude_data: data.build()?,
        })
    }

    /// The same, giving names of the public DNS as well, if that is `allowed`.
    #[must_use]
    pub fn allowing_public(mut self, allowed: bool) -> Self {
        self.allow_public = allowed;
        self
    }

    /// Whether names of the public DNS are given as well.
    pub fn allows_public(&self) -> bool {
        self.allow_public
    }

    /// The znode below which names are looked for.
    pub fn root(&self) -> &ZnodePath {
        &self.root
    }

    /// The znode below which nameserver keeps its own.
    pub fn state(&self) -> &ZnodePath {
        &self.state
    }

    /// What is appended to every name.
    pub fn domain(&self) -> Option<&Name> {
        self.domain.as_ref()
    }

    /// The globs of what is left out, sorted, each once.
    pub fn patterns(&self) -> &[String] {
        &self.patterns
    }

    /// True for the root and what is looked at below it.
    pub fn covers(&self, path: &ZnodePath) -> bool {
        path.is_within(&self.root)
            && !path.is_within(&self.state)
            && !is_zookeeper_s(path)
            && !self.excludes(path)
    }

    /// Why a znode is not looked at; none for one that is.
    pub fn leaves_out(&self, path: &ZnodePath) -> Option<String> {
        let Self { root, state, .. } = self;
        if !path.is_within(root) {
            Some(format!("it does not lie below --root {root}"))
        } else if path.is_within(state) {
            Some(format!("it lies below --state {state}, nameserver's own"))
        } else if is_zookeeper_s(path) {
            Some("it is ZooKeeper's own".to_owned())
        } else if self.excludes(path) {
            Some("--exclude matches it, or a znode above it".to_owned())
        } else {
            None
        }
    }

    /// Whether what a znode holds is left out, though not the znodes below.
    pub fn leaves_out_data(&self, path: &ZnodePath) -> bool {
        !self.exclude_data.is_empty() && self.exclude_data.is_match(path.as_str())
    }

    fn excludes(&self, path: &ZnodePath) -> bool {
        if self.exclude.is_empty() {
            return false;
        }
        let mut at = Some(path.clone());
        while let Some(path) = at {
            if path == self.root {
                return false;
            }
            if self.exclude.is_match(path.as_str()) {
                return true;
            }
            at = path.parent();
        }
        false
    }

    /// The name of a znode below the root; none for the root itself and for paths elsewhere.
    pub fn name(&self, path: &ZnodePath) -> Option<Result<Name, NoName>> {
        match path.below(&self.root)? {
            "" => None,
            relative => Some(self.named(self.absolute(dotted(relative)))),
        }
    }

    fn named(&self, text: String) -> Result<Name, NoName> {
        let name = Name::try_from(text)?;
        if is_reserved(&name) {
            return Err(NoName::Reserved(name));
        }
        if self.domain.is_none() && !self.allow_public && is_public(&name) {
            return Err(NoName::Public(name));
        }
        Ok(name)
    }

    /// The name of the znode above one, as text: the domain, which may be empty, for the root. None
    /// where the path makes no name.
    pub fn name_above(&self, path: &ZnodePath) -> Option<String> {
        match self.name(&path.parent()?) {
            Some(name) => Some(name.ok()?.to_string()),
            None => Some(
                self.domain
                    .as_ref()
                    .map(Name::to_string)
                    .unwrap_or_default(),
            ),
        }
    }

    /// The name of the first instance of the service that has `name`.
    pub fn leader_name(name: &Name) -> Result<Name, NameError> {
        format!("leader.{name}").try_into()
    }

    /// What a record may mean by `host`: that name, or the one that the tree gives to it by adding
    /// the domain.
    pub fn meant_by<'a>(&self, host: &'a Name) -> impl Iterator<Item = Cow<'a, Name>> {
        let absolute = self
            .domain
            .is_some()
            .then(|| self.absolute(host.to_string()));
        let absolute = absolute.and_then(|text| text.try_into().ok());
        std::iter::once(Cow::Borrowed(host)).chain(absolute.map(Cow::Owned))
    }

    /// Whether looking `name` up needs the znode at `path`: because it has the name, or is on the
    /// way to it, or is an instance of it.
    pub fn concerns(&self, path: &ZnodePath, name: &Name) -> bool {
        let (Some(relative), Some(name)) = (path.below(&self.root), self.local(name)) else {
            return false;
        };
        let own = dotted(relative);
        let service = relative.rsplit_once('/').map(|(parent, _)| dotted(parent));
        [Some(name), name.strip_prefix("leader.")]
            .into_iter()
            .flatten()
            .any(|name| {
                let beyond = name.strip_suffix(&*own);
                service.as_deref() == Some(name)
                    || beyond.is_some_and(|rest| {
                        rest.is_empty() || own.is_empty() || rest.ends_with('.')
                    })
            })
    }

    /// The part of a name before the domain; none for a name outside of it.
    fn local<'a>(&self, name: &'a Name) -> Option<&'a str> {
        match &self.domain {
            None => Some(name.as_str()),
            Some(domain) => name
                .as_str()
                .strip_suffix(domain.as_str())?
                .strip_suffix('.'),
        }
    }

    fn absolute(&self, name: String) -> String {
        match &self.domain {
            None => name,
            Some(domain) => format!("{name}.{domain}"),
        }
    }
}

/// The components in reverse order, lower-cased, joined with dots. Only ASCII letters are
/// lower-cased: no other letter may turn into one of a name.
fn dotted(relative: &str) -> String {
    let components: Vec<_> = relative.rsplit('/').collect();
    components.join(".").to_ascii_lowercase()
}

fn is_zookeeper_s(path: &ZnodePath) -> bool {
    let below = path.as_str().strip_prefix(ZOOKEEPER);
    below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn glob(pattern: &str) -> Result<Glob, globset::Error> {
    let anchored = match pattern.starts_with('/') {
        true => pattern.to_owned(),
        false => format!("**/{pattern}"),
    };
    GlobBuilder::new(&anchored).literal_separator(true).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> ZnodePath {
        text.parse().unwrap()
    }

    fn scope(root: &str, domain: &str, exclude: &[&str]) -> Scope {
        let exclude: Vec<_> = exclude.iter().map(|&glob| glob.to_owned()).collect();
        Scope::new(
            path(root),
            path("/nameserver"),
            domain.parse().ok(),
            &exclude,
        )
        .unwrap()
    }

    fn name(scope: &Scope, of: &str) -> Option<String> {
        let name = scope.name(&path(of))?;
        Some(name.map_or_else(|error| format!("error: {error}"), String::from))
    }

    #[test]
    fn names_are_paths_reversed() {
        let all = scope("/", "", &[]);
        assert_eq!(name(&all, "/db/primary").unwrap(), "primary.db");
        assert_eq!(name(&all, "/DB/Primary").unwrap(), "primary.db");
        assert_eq!(name(&all, "/db/foo.bar").unwrap(), "foo.bar.db");
        assert_eq!(name(&all, "/"), None);
        let services = scope("/services", "zk.internal", &[]);
        assert_eq!(
            name(&services, "/services/db/primary").unwrap(),
            "primary.db.zk.internal"
        );
        assert_eq!(name(&services, "/services"), None);
        assert_eq!(name(&services, "/servicesx"), None);
    }

    /// A znode anywhere in the tree may be meant to take a name that somebody uses.
    #[test]
    fn names_that_others_own_are_given_only_where_that_is_asked_for() {
        let public = [
            "/org/debian/deb",
            "/deb.debian.org",
            "/ORG/debian.deb",
            "/us/joyent/emy-10",
        ];
        let reserved = [
            "/wpad",
            "/internal/docker/host",
            "/internal/google/metadata",
            "/local/cluster/svc/default/kubernetes",
        ];
        let shown = |scope: &Scope, of: &str| name(scope, of).unwrap();
        for domain in ["", "zk.internal"] {
            let scope = scope("/", domain, &[]);
            for of in public {
                let refused = shown(&scope, of).contains("--allow-public");
                assert_eq!(refused, domain.is_empty(), "{of} with domain {domain:?}");
                assert!(
                    !shown(&scope.clone().allowing_public(true), of).starts_with("error"),
                    "{of}"
                );
            }
        }
        for scope in [
            scope("/", "", &[]),
            scope("/", "", &[]).allowing_public(true),
        ] {
            for of in reserved {
                assert!(shown(&scope, of).contains("never taken"), "{of}");
            }
        }
        // In every domain, since clients look for it there.
        assert!(shown(&scope("/", "zk.internal", &[]), "/wpad").contains("never taken"));
    }

    #[test]
    fn components_that_do_not_fit() {
        let all = scope("/", "", &[]);
        let long = format!("/{}", "x".repeat(300));
        for bad in [
            "/a b",
            "/-x",
            "/x/a_/..x",
            "/x/.",
            "/\u{212a}afka",
            &long,
            "/localhost",
            "/LOCALHOST",
        ] {
            let Ok(bad) = bad.parse() else { continue };
            assert!(all.name(&bad).unwrap().is_err(), "{bad}");
        }
        let deep = path(&"/a".repeat(200));
        assert!(
            all.name(&deep)
                .unwrap()
                .unwrap_err()
                .to_string()
                .contains("399 bytes")
        );
    }

    #[test]
    fn what_is_covered() {
        let all = scope("/", "", &["/kafka/config/**", "locks", "*.tmp"]);
        for covered in [
            "/",
            "/db",
            "/zookeeperx",
            "/kafka/config",
            "/kafka/brokers",
            "/nameserver2",
        ] {
            assert!(all.covers(&path(covered)), "{covered}");
            assert_eq!(all.leaves_out(&path(covered)), None);
        }
        for left_out in [
            "/zookeeper",
            "/zookeeper/quota",
            "/nameserver",
            "/nameserver/hosts",
            "/kafka/config/topics/a",
            "/a/locks",
            "/locks/b/c",
            "/a/b.tmp/c",
        ] {
            assert!(!all.covers(&path(left_out)), "{left_out}");
            assert!(all.leaves_out(&path(left_out)).is_some(), "{left_out}");
        }
        let services = scope("/services", "", &[]);
        assert!(!services.covers(&path("/db")));
        let why = services.leaves_out(&path("/db")).unwrap();
        assert!(why.contains("--root /services"));
    }

    #[test]
    fn a_root_within_the_state_is_refused() {
        let refused = Scope::new(path("/a/b"), path("/a"), None, &[]).unwrap_err();
        assert!(
            refused
                .to_string()
                .contains("--root /a/b lies within --state /a")
        );
        let bad = Scope::new(path("/"), path("/a"), None, &["[".into()]).unwrap_err();
        assert!(bad.to_string().contains("--exclude"));
    }

    #[test]
    fn what_a_lookup_needs() {
        let zk = scope("/services", "zk", &[]);
        let needed = |of: &str, at: &str| zk.concerns(&path(at), &of.parse().unwrap());
        for at in [
            "/services",
            "/services/db",
            "/services/DB/Primary",
            "/services/db/primary/a",
        ] {
            assert!(needed("primary.db.zk", at), "{at}");
        }
        for at in [
            "/",
            "/other",
            "/services/b",
            "/services/db/other",
            "/services/db/primary/a/b",
        ] {
            assert!(!needed("primary.db.zk", at), "{at}");
        }
        assert!(needed("leader.db.zk", "/services/db/n-0000000001"));
        assert!(needed("a.b.db.zk", "/services/db/a.b"));
        assert!(!needed("primary.db", "/services/db"));
    }
}
