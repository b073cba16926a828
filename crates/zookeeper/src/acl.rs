//! Who may do what with the znodes that we create.

use std::fmt;
use std::str::FromStr;

use zookeeper_client as zk;

/// One entry of an ACL, as zkCli's `setAcl` writes it: `SCHEME:ID:PERMISSIONS`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acl {
    scheme: String,
    id: String,
    permissions: String,
}

/// Why a text is no entry of an ACL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "an entry is written SCHEME:ID:PERMISSIONS, the last some of the letters cdrwa, such as ip:10.0.0.0/8:cdrwa or world:anyone:r"
)]
pub struct AclError;

impl FromStr for Acl {
    type Err = AclError;

    fn from_str(text: &str) -> Result<Self, AclError> {
        // An id may hold colons, as an IPv6 address does.
        let (scheme, rest) = text.split_once(':').ok_or(AclError)?;
        let (id, permissions) = rest.rsplit_once(':').ok_or(AclError)?;
        let is_word = !scheme.is_empty() && scheme.chars().all(|c| c.is_ascii_alphanumeric());
        // `auth` alone has no id: it is whoever creates the znode.
        let has_id = (scheme == "auth") == id.is_empty();
        let are_letters =
            !permissions.is_empty() && permissions.chars().all(|c| permission(c).is_some());
        if !is_word || !has_id || !are_letters {
            return Err(AclError);
        }
        Ok(Self {
            scheme: scheme.to_owned(),
            id: id.to_owned(),
            permissions: permissions.to_owned(),
        })
    }
}

impl fmt::Display for Acl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.scheme, self.id, self.permissions)
    }
}

impl Acl {
    pub(crate) fn to_client(&self) -> zk::Acl {
        let letters = self.permissions.chars().filter_map(permission);
        let all = letters.fold(zk::Permission::NONE, |all, one| all | one);
        zk::Acl::new(all, zk::AuthId::new(&self.scheme, &self.id))
    }
}

fn permission(letter: char) -> Option<zk::Permission> {
    Some(match letter {
        'c' => zk::Permission::CREATE,
        'd' => zk::Permission::DELETE,
        'r' => zk::Permission::READ,
        'w' => zk::Permission::WRITE,
        'a' => zk::Permission::ADMIN,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_and_shown_as_zkcli_has_them() {
        for text in [
            "ip:10.0.0.0/8:cdrwa",
            "ip:fd00::5:cdrwa",
            "world:anyone:r",
            "x509:CN=ns,O=Example, Inc.:cdrwa",
            "auth::cdrwa",
        ] {
            assert_eq!(text.parse::<Acl>().unwrap().to_string(), text);
        }
        let acl = "ip:fd00::5:rw".parse::<Acl>().unwrap().to_client();
        assert_eq!(acl.auth_id().id(), "fd00::5");
        assert!(
            acl.permission().has(zk::Permission::WRITE)
                && !acl.permission().has(zk::Permission::ADMIN)
        );
    }

    #[test]
    fn what_is_none_is_refused() {
        for text in [
            "",
            "ip",
            "ip:10.0.0.1",
            "ip::r",
            "auth:me:r",
            ":x:r",
            "ip:10.0.0.1:",
            "ip:10.0.0.1:rx",
        ] {
            assert_eq!(text.parse::<Acl>(), Err(AclError), "{text}");
        }
    }
}
