//! By what the names are made.

use serde::{Deserialize, Serialize};

use crate::body::body;
use crate::{Name, ZnodePath};

/// The body of `STATE/settings`: what decides which names a tree gives, on which all replicas must
/// agree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Where names are looked for.
    pub root: ZnodePath,
    /// What is appended to every name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<Name>,
    /// What is left out, sorted; none where nobody has told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exclude: Option<Vec<String>>,
    /// Whether names of the public DNS are given without a domain.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_public: bool,
}

body!(Settings);
