//! What the benches share: figures as tables, and looking at what the daemons did.

mod look;
mod table;

pub use look::{Reader, Wire, wire};
pub use table::{Times, millis, print, ratio};
