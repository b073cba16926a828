//! Keeping a session alive in the background.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use futures::FutureExt;
use log::{info, warn};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use zookeeper_client as zk;

use crate::client_task::{self, Gone};
use crate::diagnosis::diagnose;
use crate::open::Agents;
use crate::peer::peer;
use crate::reconnect_jitter::paced;
use crate::{Backoff, Connection, Options, State};

/// The shortest and the longest wait between two rounds of trying every server.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));
/// How long a clean end waits for the server's goodbye.
const GOODBYE: Duration = Duration::from_millis(500);

/// A ZooKeeper session that is kept alive until [`Session::close`]. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Session {
    state: watch::Receiver<State>,
    connection: watch::Receiver<Option<Connection>>,
    /// How often a server answered.
    connects: Arc<AtomicU64>,
    /// Held open by every clone; the supervisor ends when it hears of `close` or all are gone.
    close: mpsc::Sender<()>,
}

/// The task behind a [`Session`].
struct Supervisor {
    options: Options,
    state: watch::Sender<State>,
    connection: watch::Sender<Option<Connection>>,
    connects: Arc<AtomicU64>,
    close: mpsc::Receiver<()>,
    /// How many clients there have been.
    clients: u64,
}

/// Why [`Supervisor::serve`] ended.
enum End {
    /// The client gave the session up; the servers may not have.
    Terminated(zk::SessionInfo),
    Closed,
}

impl Session {
    /// Starts connecting. Must be called within a tokio runtime.
    pub fn start(options: Options) -> Self {
        let since = SystemTime::now();
        let (state_sender, state) = watch::channel(State::Connecting {
            since,
            failure: None,
        });
        let (connection_sender, connection) = watch::channel(None);
        let (close, closed) = mpsc::channel(1);
        let connects = Arc::new(AtomicU64::new(0));
        let supervisor = Supervisor {
            options,
            state: state_sender,
            connection: connection_sender,
            connects: Arc::clone(&connects),
            close: closed,
            clients: 0,
        };
        if let Some(tls) = supervisor.options.tls.clone() {
            let state = state.clone();
            tokio::spawn(async move {
                while unbroken(tls.clone().follow(state.clone())).await.is_err() {
                    tokio::time::sleep(BACKOFF.1).await;
                }
            });
        }
        tokio::spawn(supervisor.run());
        Self {
            state,
            connection,
            connects,
            close,
        }
    }

    /// What the session is doing now and, through the receiver, from now on.
    pub fn states(&self) -> watch::Receiver<State> {
        self.state.clone()
    }

    /// How often a connection came after the first one, now and whenever it is asked.
    pub fn reconnects(&self) -> impl Fn() -> u64 + Clone + Send + Sync + 'static {
        let connects = Arc::clone(&self.connects);
        move || connects.load(Ordering::Relaxed).saturating_sub(1)
    }

    /// Waits for a live connection. Pends for ever once the session is closed.
    pub async fn connected(&self) -> Connection {
        let mut connection = self.connection.clone();
        loop {
            if let Some(connection) = connection.borrow_and_update().clone() {
                return connection;
            }
            if connection.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Ends the session, so that its ephemeral znodes vanish at once. Drop every [`Connection`]
    /// first: the client says goodbye when the last user is gone.
    pub async fn close(self) {
        // The channel is full or closed only when somebody else closes already.
        let _ = self.close.try_send(());
        let mut connection = self.connection;
        let ended = async { while connection.changed().await.is_ok() {} };
        let _ = timeout(GOODBYE, ended).await;
    }
}

impl Supervisor {
    /// Keeps the session alive, whatever becomes of a client.
    async fn run(mut self) {
        while let Err(why) = unbroken(self.keep()).await {
            self.connection.send_replace(None);
            self.show_failure(format!("what keeps the session is down: {why}"));
            tokio::time::sleep(BACKOFF.1).await;
        }
    }

    async fn keep(&mut self) {
        let mut backoff = Backoff::new(BACKOFF.0, BACKOFF.1);
        let mut resume = None;
        loop {
            let connected = tokio::select! {
                connected = connect(&self.options, &mut resume) => connected,
                _ = self.close.recv() => return,
            };
            match connected {
                Ok((client, gone)) => {
                    backoff.reset();
                    self.clients += 1;
                    match self.serve(client, gone).await {
                        End::Terminated(session) => resume = Some(session),
                        End::Closed => return,
                    }
                }
                Err(failure) => {
                    self.show_failure(failure);
                    tokio::select! {
                        () = tokio::time::sleep(backoff.delay()) => {}
                        _ = self.close.recv() => return,
                    }
                }
            }
        }
    }

    /// Hands out connections until the client gives up or the session is to be closed.
    async fn serve(&mut self, client: zk::Client, mut gone: Gone) -> End {
        let mut states = client.state_watcher();
        let mut now = client.state();
        loop {
            self.show(&client, &gone, now);
            if now.is_terminated() {
                self.connection.send_replace(None);
                return End::Terminated(client.into_session());
            }
            now = tokio::select! {
                state = states.changed() => state,
                () = client_task::gone(&mut gone) => zk::SessionState::Closed,
                _ = self.close.recv() => {
                    self.connection.send_replace(None);
                    drop(client);
                    let closed = async { while !states.changed().await.is_terminated() {} };
                    let _ = timeout(GOODBYE, closed).await;
                    return End::Closed;
                }
            };
        }
    }

    fn show(&self, client: &zk::Client, gone: &Gone, now: zk::SessionState) {
        let since = SystemTime::now();
        match now {
            zk::SessionState::SyncConnected | zk::SessionState::ConnectedReadOnly => {
                let session_id = client.session_id().0;
                self.connects.fetch_add(1, Ordering::Relaxed);
                let servers = &self.options.servers;
                let at = peer(servers).map(|peer| format!(" at {peer}"));
                let at = at.unwrap_or_default();
                info!("connected to ZooKeeper {servers}{at}, session {session_id:#x}");
                self.state
                    .send_replace(State::Connected { since, session_id });
                self.connection.send_replace(Some(Connection {
                    client: client.clone(),
                    gone: gone.clone(),
                    client_number: self.clients,
                    deadline: client.session_timeout(),
                    acls: self.options.acls().into(),
                    open: self.options.open_acls().into(),
                    agents: Arc::new(Agents::of(&self.options)),
                }));
            }
            zk::SessionState::Disconnected => {
                self.connection.send_replace(None);
                self.state.send_replace(State::Disconnected { since });
                warn!(
                    "lost the connection to ZooKeeper {}; trying to resume the session",
                    self.options.servers
                );
            }
            ended => {
                let failure = match ended {
                    zk::SessionState::AuthFailed => refusal(&self.options),
                    zk::SessionState::Expired => "the session timed out",
                    _ => "the session ended",
                };
                self.show_failure(failure.to_owned());
            }
        }
    }

    /// Keeps the reason at hand; logs it once for each time that the session is away.
    fn show_failure(&self, failure: String) {
        let since = match &*self.state.borrow() {
            State::Connecting {
                since,
                failure: Some(_),
            } => *since,
            _ => {
                warn!("{failure}; trying again until it works");
                SystemTime::now()
            }
        };
        self.state.send_replace(State::Connecting {
            since,
            failure: Some(failure),
        });
    }
}

/// Does something; a panic of it is an error, which says what the panic said.
async fn unbroken(work: impl Future<Output = ()>) -> Result<(), String> {
    let done = AssertUnwindSafe(work).catch_unwind().await;
    done.map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        text.unwrap_or("it panicked").to_owned()
    })
}

/// What it means that the servers fail the authentication.
fn refusal(options: &Options) -> &'static str {
    if options.auth.is_some() || options.sasl.is_some() {
        "ZooKeeper refuses the identity; see --auth and --sasl-user"
    } else {
        "ZooKeeper opens a session only to who says who it is; see --sasl-user and --auth"
    }
}

/// One round of trying every server once: resumes the session, where there is one to resume, so
/// that its ephemeral znodes survive, else opens a new one.
async fn connect(
    options: &Options,
    resume: &mut Option<zk::SessionInfo>,
) -> Result<(zk::Client, Gone), String> {
    // The client has deadlines of its own, but they were seen to fail without a network.
    let guard = options.session_timeout * 2;
    let servers = options.servers.client_text(options.tls.is_some());
    let mut connector = zk::Client::connector()
        .with_session_timeout(options.asked_timeout())
        .with_fail_eagerly();
    for auth in options.digests() {
        connector = connector.with_auth("digest", &auth.credentials());
    }
    if let Some(sasl) = &options.sasl {
        connector = connector.with_sasl(sasl.sasl());
    }
    if let Some(tls) = &options.tls {
        tls.refresh();
        connector = connector.with_tls(tls.options());
    }
    let open = async |connector: zk::Connector| match options.tls {
        Some(_) => connector.secure_connect(&servers).await,
        None => connector.connect(&servers).await,
    };
    let attempt = match resume.clone() {
        Some(session) => connector.clone().with_session(session),
        None => connector.clone(),
    };
    let limited = options.tls.is_some();
    let open = async |connector| {
        // The client panics about some things that no server should say.
        let opening = AssertUnwindSafe(paced(open(connector), limited)).catch_unwind();
        timeout(guard, opening).await
    };
    let mut connected = open(attempt).await;
    if resume.is_some() && matches!(connected, Ok(Ok(Err(zk::Error::SessionExpired)))) {
        *resume = None;
        connected = open(connector).await;
    }
    match connected {
        Ok(Ok(Ok(client))) => {
            *resume = None;
            Ok(client)
        }
        Ok(Ok(Err(zk::Error::AuthFailed))) => Err(refusal(options).to_owned()),
        _ => Err(format!(
            "ZooKeeper does not answer: {}",
            diagnose(&options.servers, options.tls.as_ref()).await
        )),
    }
}
