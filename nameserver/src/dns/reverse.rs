//! Names of the reverse zones, such as `5.0.0.10.in-addr.arpa`.
