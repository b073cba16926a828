//! Manners that both daemons share: command line, log, pid file, signals.
