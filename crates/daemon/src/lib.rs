//! Bootstrap of a daemon: command line, log, pid file, signals, status over HTTP and to a service
//! manager. It knows nothing of what the daemon does.
//!
//! The order in a `main` matters, because a process may only fork while it has one thread:
//!
//! 1. [`command_line::parse`] turns flags, variables and the settings file into the program's own
//!    type.
//! 2. [`DaemonArgs::start`] locks the pid file, opens the log, forks, and hands back a [`Guard`].
//! 3. [`runtime`] starts the threads; inside of it [`Signals`] says when to stop.
//! 4. [`systemd`] tells a service manager such as systemd, where there is one, how it goes.
//! 5. [`exit`] turns the outcome into one line and an exit code.

pub mod command_line;
pub mod logging;
pub mod own_file;
pub mod systemd;

mod exit;
mod generate;
mod health;
mod histogram;
mod http;
mod limits;
mod manual;
mod metrics;
mod pid_file;
mod process;
mod runtime;
mod secret;
mod signals;
mod start;
mod table;
mod tasks;
mod text;
mod validate;

pub use exit::{No, Stdout, Unanswered, WrongUsage, exit, notice, stdout, stdout_closed, warning};
pub use generate::GenerateArgs;
pub use health::Health;
pub use histogram::Histogram;
pub use http::{Answer, Http, HttpArgs, Observed, Page};
pub use limits::{Limit, Limits, is_near};
pub use manual::Manual;
pub use metrics::Metrics;
pub use runtime::{main_task, runtime};
pub use secret::{Secret, line_of_descriptor, line_of_file, readable_by_others};
pub use signals::{HeldSignals, Signal, Signals};
pub use start::{DaemonArgs, Guard};
pub use table::{Table, age};
pub use tasks::Tasks;
pub use text::{duration, host_name, time};
pub use validate::ValidateArgs;
