//! Real ZooKeeper servers, one Java process each.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use crate::files::Scratch;
use crate::ports::free_port;
use crate::process::Process;
use crate::tree::Tree;
use crate::wait::wait_for;

const JAR: &str = "/usr/share/java/zookeeper.jar";
/// Debian's jar names what it needs, but for this, which only connections with Netty need.
const NETTY: &str = "/usr/share/java/netty-codec.jar:/usr/share/java/netty-resolver.jar:\
                     /usr/share/java/netty-transport-native-unix-common.jar";

/// How a server differs from the usual one.
#[derive(Debug, Clone, Default)]
pub struct Options {
    properties: Vec<String>,
    lines: Vec<String>,
    secure_port: u16,
}

impl Options {
    /// Sets a Java system property, such as `jute.maxbuffer`.
    #[must_use]
    pub fn property(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        self.properties.push(format!("-D{name}={value}"));
        self
    }

    /// Adds a line to the server's configuration file.
    #[must_use]
    pub fn line(mut self, line: &str) -> Self {
        self.lines.push(line.to_owned());
        self
    }

    /// Serves TLS too, at [`ZooKeeper::secure_port`], with a certificate whose private key stands in the same
    /// file. Who connects there is believed by the authorities in `trust`; `client_auth` is `need`, `want` or
    /// `none`.
    #[must_use]
    pub fn secure(mut self, both: &Path, trust: &Path, client_auth: &str) -> Self {
        let port = free_port();
        self.secure_port = port;
        let (both, trust) = (both.display(), trust.display());
        let netty = "org.apache.zookeeper.server.NettyServerCnxnFactory";
        let x509 = "org.apache.zookeeper.server.auth.X509AuthenticationProvider";
        self.line(&format!(
            "secureClientPort={port}\nsecureClientPortAddress=127.0.0.1\nserverCnxnFactory={netty}\n\
             ssl.keyStore.location={both}\nssl.keyStore.type=PEM\n\
             ssl.trustStore.location={trust}\nssl.trustStore.type=PEM\n\
             ssl.clientAuth={client_auth}\nauthProvider.x509={x509}"
        ))
    }

    /// Knows users by SASL, DIGEST-MD5. The file lies beside whatever the caller has in `directory`.
    #[must_use]
    pub fn sasl(self, directory: &Scratch, users: &[(&str, &str)]) -> Self {
        let users: Vec<_> = users
            .iter()
            .map(|(user, password)| format!("user_{user}=\"{password}\""))
            .collect();
        let module = "org.apache.zookeeper.server.auth.DigestLoginModule";
        let jaas = format!("Server {{ {module} required {}; }};\n", users.join(" "));
        let jaas = directory.write("jaas", jaas);
        self.property("java.security.auth.login.config", jaas.display())
            .line("authProvider.sasl=org.apache.zookeeper.server.auth.SASLAuthenticationProvider")
    }

    /// Starts the server and waits until it serves.
    pub fn start(self) -> ZooKeeper {
        let mut server = ZooKeeper::prepare(free_port(), &self);
        server.launch();
        server.wait_ready();
        server
    }
}

/// One server with its own port and data; dropped, it is gone.
#[derive(Debug)]
pub struct ZooKeeper {
    port: u16,
    secure_port: u16,
    directory: Scratch,
    properties: Vec<String>,
    process: Option<Process>,
}

impl ZooKeeper {
    /// Starts a server and waits until it serves: about half a second.
    pub fn start() -> Self {
        Options::default().start()
    }

    /// The one server that all tests of this process share, each in a tree of its own. Nobody can
    /// stop it.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<ZooKeeper> = OnceLock::new();
        SHARED.get_or_init(ZooKeeper::start)
    }

    /// Writes the configuration of a server without starting it.
    pub(crate) fn prepare(port: u16, options: &Options) -> Self {
        assert!(
            Path::new(JAR).exists(),
            "{JAR} is missing: `scripts/setup` installs ZooKeeper and what else the tests need"
        );
        let directory = Scratch::new("zookeeper");
        let mut config = format!(
            "tickTime=500\ninitLimit=20\nsyncLimit=10\nminSessionTimeout=500\n\
             maxSessionTimeout=60000\nmaxClientCnxns=0\nadmin.enableServer=false\n\
             4lw.commands.whitelist=*\nclientPortAddress=127.0.0.1\nclientPort={port}\ndataDir={}\n",
            directory.path().display()
        );
        for line in &options.lines {
            writeln!(config, "{line}").expect("a string takes everything");
        }
        directory.write("zoo.cfg", &config);
        Self {
            port,
            secure_port: options.secure_port,
            directory,
            properties: options.properties.clone(),
            process: None,
        }
    }

    /// Tells the server which member of its ensemble it is.
    pub(crate) fn write_id(&self, id: usize) {
        self.directory.write("myid", id.to_string());
    }

    /// Starts the process on the port and the data of before, without waiting until it serves.
    pub fn launch(&mut self) {
        assert!(self.process.is_none(), "the server runs already");
        let mut java = Command::new("java");
        java.args([
            "-Xms32m",
            "-Xmx320m",
            "-XX:+UseSerialGC",
            "-XX:-UsePerfData",
            "-XX:TieredStopAtLevel=1",
        ])
        .args([
            "-Djava.net.preferIPv4Stack=true",
            "-Djava.awt.headless=true",
        ])
        // The data need not survive a power cut, only the server's own end.
        .args(["-Dzookeeper.forceSync=no", "-Dzookeeper.preAllocSize=1024"])
        .args(&self.properties)
        .args([
            "-cp",
            &format!("{JAR}:{NETTY}"),
            "org.apache.zookeeper.server.quorum.QuorumPeerMain",
        ])
        .arg(self.directory.path().join("zoo.cfg"));
        let log = self.directory.path().join("output");
        self.process = Some(Process::spawn(
            &format!("zookeeper:{}", self.port),
            java,
            &log,
        ));
    }

    /// Waits until the server serves.
    pub fn wait_ready(&mut self) {
        let port = self.port;
        let process = self.process.as_mut().expect("the server was launched");
        wait_for(
            &format!("ZooKeeper on port {port} to serve"),
            Duration::from_secs(60),
            || (process.ended(), four_letters(port, "srvr")),
            |(ended, answer)| {
                assert!(
                    ended.is_none(),
                    "ZooKeeper ended with {ended:?}: {}",
                    process_log(self.directory.path())
                );
                answer.contains("Mode: ")
            },
        );
    }

    /// `HOST:PORT`, as the daemons and `zkCli.sh -server` take it.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The port at which it speaks TLS; 0 where it does not.
    pub fn secure_port(&self) -> u16 {
        self.secure_port
    }

    /// Where its data lie, and below `output` its log.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The id of the server's process.
    ///
    /// # Panics
    /// If the server is stopped.
    pub fn pid(&self) -> u32 {
        self.process.as_ref().expect("the server is stopped").pid()
    }

    /// What the server answers to a four-letter word, such as `srvr` or `wchs`; empty if nothing.
    pub fn ask(&self, word: &str) -> String {
        four_letters(self.port, word)
    }

    /// A tree of one's own below a new znode of this server.
    pub fn tree(&self, name: &str) -> Tree {
        Tree::new(&self.address(), name)
    }

    /// Ends the server as `systemctl stop` does; the data stay.
    pub fn stop(&mut self) {
        self.running().terminate();
        self.process = None;
    }

    /// Ends the server as a power cut does; the data stay.
    pub fn kill(&mut self) {
        self.running().kill9();
        self.process = None;
    }

    /// Starts a stopped server again, on the same port and with the same data.
    pub fn restart(&mut self) {
        self.launch();
        self.wait_ready();
    }

    /// Makes the server hang: connections stay open and nothing answers.
    pub fn pause(&mut self) {
        self.running().pause();
    }

    /// Ends the hanging.
    pub fn resume(&mut self) {
        self.running().resume();
    }

    fn running(&mut self) -> &mut Process {
        self.process.as_mut().expect("the server is stopped")
    }
}

fn process_log(directory: &Path) -> String {
    fs::read_to_string(directory.join("output")).unwrap_or_default()
}

/// Asks the server on `port`; empty if it does not answer within a second.
fn four_letters(port: u16, word: &str) -> String {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(word.as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().unwrap_or_default()
}
