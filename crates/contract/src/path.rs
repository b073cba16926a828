//! Absolute znode paths.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::Quoted;

/// An absolute znode path: `/`, or components each with a `/` before it and none after the last.
///
/// Ordered by bytes, as *the first path wins* asks for. A clone shares the text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ZnodePath(Arc<str>);

/// Why a text is no [`ZnodePath`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// The path does not begin with a slash.
    #[error("znode path {} does not begin with '/'", Quoted(.0))]
    Relative(String),
    /// A component is empty, or is `.` or `..`.
    #[error("znode path {} has an empty, '.' or '..' component", Quoted(.0))]
    Component(String),
    /// A single component holds a slash.
    #[error("{} holds '/', and a component of a znode path may not", Quoted(.0))]
    Slash(String),
    /// ZooKeeper takes no NUL in a path.
    #[error("znode path {} holds a NUL", Quoted(.0))]
    Nul(String),
}

impl ZnodePath {
    /// The path `/`.
    pub fn root() -> Self {
        Self("/".into())
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True for `/`.
    pub fn is_root(&self) -> bool {
        &*self.0 == "/"
    }

    /// The child of this path with the given component.
    ///
    /// # Errors
    /// The component is empty, `.`, `..`, or holds a slash or a NUL.
    pub fn child(&self, component: &str) -> Result<Self, PathError> {
        let separator = if self.is_root() { "" } else { "/" };
        if component.contains('/') {
            return Err(PathError::Slash(component.to_owned()));
        }
        format!("{}{separator}{component}", self.0).try_into()
    }

    /// The path of the parent; none for `/`.
    pub fn parent(&self) -> Option<Self> {
        Some(Self(self.parent_str()?.into()))
    }

    /// The path of the parent as text; none for `/`.
    pub fn parent_str(&self) -> Option<&str> {
        match self.0.rsplit_once('/')? {
            _ if self.is_root() => None,
            ("", _) => Some("/"),
            (parent, _) => Some(parent),
        }
    }

    /// The last component; empty for `/`.
    pub fn component(&self) -> &str {
        self.0.rsplit_once('/').map_or("", |(_, last)| last)
    }

    /// What follows `ancestor` in this path, without a slash before it: empty for the ancestor
    /// itself, none for a path that is not below it.
    pub fn below(&self, ancestor: &Self) -> Option<&str> {
        if ancestor.is_root() {
            return Some(&self.0[1..]);
        }
        let rest = self.0.strip_prefix(&*ancestor.0)?;
        if rest.is_empty() {
            Some(rest)
        } else {
            rest.strip_prefix('/')
        }
    }

    /// True when this path is `ancestor` or below it.
    pub fn is_within(&self, ancestor: &Self) -> bool {
        self.below(ancestor).is_some()
    }
}

impl FromStr for ZnodePath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        text.to_owned().try_into()
    }
}

impl TryFrom<String> for ZnodePath {
    type Error = PathError;

    fn try_from(text: String) -> Result<Self, PathError> {
        if text == "/" {
            return Ok(Self::root());
        }
        if text.contains('\0') {
            return Err(PathError::Nul(text));
        }
        match text.strip_prefix('/') {
            None => Err(PathError::Relative(text)),
            Some(rest) if rest.split('/').any(|part| matches!(part, "" | "." | "..")) => {
                Err(PathError::Component(text))
            }
            Some(_) => Ok(Self(text.into())),
        }
    }
}

impl From<ZnodePath> for String {
    fn from(path: ZnodePath) -> Self {
        path.0.as_ref().to_owned()
    }
}

impl AsRef<str> for ZnodePath {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ZnodePath {
    /// The path as people may see it: what does not show itself is escaped, so that it cannot forge a
    /// line of a log. [`ZnodePath::as_str`] is for ZooKeeper.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::plain(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> ZnodePath {
        text.parse().unwrap()
    }

    #[test]
    fn a_path_is_its_text() {
        let path = path("/db/a b");
        assert_eq!((path.as_str(), path.as_ref()), ("/db/a b", "/db/a b"));
        assert_eq!(String::from(path), "/db/a b");
    }

    #[test]
    fn relations() {
        assert_eq!(path("/").child("db").unwrap(), path("/db"));
        assert_eq!(path("/db").child("a b").unwrap(), path("/db/a b"));
        assert_eq!(path("/db/x").parent(), Some(path("/db")));
        assert_eq!(path("/db").parent(), Some(path("/")));
        assert_eq!(path("/").parent(), None);
        assert_eq!(path("/db/x").component(), "x");
        assert_eq!(path("/").component(), "");
        assert_eq!(path("/db/x").below(&path("/db")), Some("x"));
        assert_eq!(path("/db/x").below(&path("/")), Some("db/x"));
        assert_eq!(path("/db").below(&path("/db")), Some(""));
        assert_eq!(path("/dbx").below(&path("/db")), None);
        assert!(path("/").is_within(&path("/")));
        assert!(!path("/").is_within(&path("/db")));
    }

    #[test]
    fn refusals() {
        for text in ["", "db", "//", "/db/", "/a//b", "/a/../b", "/.", "/a\0b"] {
            assert!(text.parse::<ZnodePath>().is_err(), "{text:?}");
        }
        assert!(path("/a").child("b/c").is_err());
        assert!(path("/a").child("..").is_err());
    }

    #[test]
    fn control_characters_are_shown_escaped() {
        assert_eq!(path("/a\nb").to_string(), "/a\\nb");
    }
}
