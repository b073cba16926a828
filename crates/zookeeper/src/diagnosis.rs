//! Saying which server does not answer, and why: the client only says that none does.

use std::net::{SocketAddr, TcpStream as BlockingStream};
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::tls::{Refusal, shake_hands, speaks_tls};
use crate::{Servers, Tls};

/// How long it may take to reach one server.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long it may take to talk to one that was reached.
const TALK: Duration = Duration::from_secs(5);

const NO_SESSION: &str = "accepts connections but opens no session (no quorum, or no ZooKeeper)";

/// One phrase for each server: `zk1:2181: Connection refused, zk2:2181: does not resolve`.
pub(crate) async fn diagnose(servers: &Servers, tls: Option<&Tls>) -> String {
    let findings = servers.endpoints().map(|(host, port)| async move {
        let finding = examine(&host, port, tls.cloned()).await;
        format!("{host}:{port}: {finding}")
    });
    futures::future::join_all(findings).await.join(", ")
}

async fn examine(host: &str, port: u16, tls: Option<Tls>) -> String {
    let (stream, address) = match timeout(PATIENCE, reach(host, port)).await {
        Ok(Ok(reached)) => reached,
        Ok(Err(finding)) => return finding,
        Err(_) => return format!("no answer within {PATIENCE:?}"),
    };
    let host = host.to_owned();
    let talk = spawn_blocking(move || match tls {
        Some(tls) => talk_tls(&tls, &host, stream, address),
        None => talk_plainly(&host, address),
    });
    match timeout(TALK, talk).await {
        Ok(Ok(finding)) => finding,
        Ok(Err(_)) | Err(_) => NO_SESSION.to_owned(),
    }
}

async fn reach(host: &str, port: u16) -> Result<(BlockingStream, SocketAddr), String> {
    let addresses: Vec<_> = match lookup_host((host, port)).await {
        Ok(addresses) => addresses.collect(),
        Err(_) => return Err("the host name does not resolve".to_owned()),
    };
    let reached = async {
        let stream = TcpStream::connect(addresses.as_slice()).await?;
        let address = stream.peer_addr()?;
        let stream = stream.into_std()?;
        stream.set_nonblocking(false)?;
        Ok((stream, address))
    };
    reached
        .await
        .map_err(|error: std::io::Error| error.to_string())
}

fn connect(address: SocketAddr) -> std::io::Result<BlockingStream> {
    BlockingStream::connect_timeout(&address, PATIENCE)
}

fn talk_tls(tls: &Tls, host: &str, stream: BlockingStream, address: SocketAddr) -> String {
    match shake_hands(tls, host, stream) {
        Ok(()) => NO_SESSION.to_owned(),
        Err(Refusal::Tls(why)) => format!("no TLS: {why}"),
        Err(Refusal::Silent) => match connect(address) {
            Ok(_) => {
                "does not speak TLS on this port: name its secureClientPort, or leave out --tls"
                    .to_owned()
            }
            Err(error) => error.to_string(),
        },
    }
}

fn talk_plainly(host: &str, address: SocketAddr) -> String {
    if speaks_tls(host, || connect(address)) {
        "speaks TLS on this port; see --tls".to_owned()
    } else {
        NO_SESSION.to_owned()
    }
}
