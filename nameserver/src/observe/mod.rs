//! All that is told outside.
//!
//! * [`status`]: what one replica tells of itself: over HTTP, in metrics, to a service manager.
//! * [`listing`]: which names there are, and what gives each of them.
//! * `metrics`: what one replica tells, in numbers.
//! * [`ask`]: what people ask of the tree over HTTP.
//! * [`overview`]: what an operator sees of all replicas and agents.
//! * [`convergence`]: how soon the agents have what is published.
//! * [`feed`]: what was published lately.
//! * [`live`]: both of them and the overview, followed live.
//! * [`lost`]: which agents went lately.
//! * [`monitor`]: a line for each name that moves.
//! * [`roster`]: which agents run, and how far each of them is.
//! * [`problems`]: what is wrong with the tree, in the log, once each.

pub mod ask;
pub mod convergence;
pub mod feed;
pub mod listing;
pub mod live;
pub mod lost;
mod metrics;
pub mod monitor;
pub mod overview;
pub mod problems;
pub mod roster;
pub mod status;
