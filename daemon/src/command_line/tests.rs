//! The four layers, over a command line like those of the daemons.
