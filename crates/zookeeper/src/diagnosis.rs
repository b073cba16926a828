//! Saying which server does not answer, and why: the client only says that none does.

use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use crate::Servers;

/// How long one server may take to be diagnosed.
const PATIENCE: Duration = Duration::from_secs(1);

/// One phrase for each server: `zk1:2181: Connection refused, zk2:2181: does not resolve`.
pub(crate) async fn diagnose(servers: &Servers) -> String {
    let findings = servers.endpoints().map(|(host, port)| async move {
        let finding = match timeout(PATIENCE, examine(&host, port)).await {
            Ok(finding) => finding,
            Err(_) => format!("no answer within {PATIENCE:?}"),
        };
        format!("{host}:{port}: {finding}")
    });
    futures::future::join_all(findings).await.join(", ")
}

async fn examine(host: &str, port: u16) -> String {
    let addresses: Vec<_> = match lookup_host((host, port)).await {
        Ok(addresses) => addresses.collect(),
        Err(_) => return "the host name does not resolve".to_owned(),
    };
    match TcpStream::connect(addresses.as_slice()).await {
        Ok(_) => "accepts connections but opens no session (no quorum, or no ZooKeeper)".to_owned(),
        Err(error) => error.to_string(),
    }
}
