//! What stands in the znode of a registered instance.

use serde::{Deserialize, Serialize};

use crate::Address;
use crate::body::body;

/// The body of a znode that an agent registers below the root: JSON that any reader of the tree
/// understands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// The address that others reach it by.
    pub address: Address,
    /// Where it listens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
}

body!(Instance);
