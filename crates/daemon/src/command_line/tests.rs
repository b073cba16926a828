//! The four layers, over a command line like those of the daemons.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use clap::{CommandFactory, Parser};
use log::LevelFilter;
use tempfile::TempDir;

use super::{Refusal, absolute_path, command, resolve};
use crate::{DaemonArgs, GenerateArgs, Secret};

fn session_timeout(text: &str) -> Result<Duration, String> {
    let time = crate::duration(text)?;
    let is_short = time <= Duration::from_secs(300);
    is_short
        .then_some(time)
        .ok_or("choose a time up to 5m".into())
}

/// Flags of the kinds that a program of ours has beside ours.
#[derive(Debug, Clone, clap::Args)]
struct RemoteArgs {
    /// The servers
    #[arg(short, long, default_value = "127.0.0.1:2181")]
    zookeeper: String,
    /// Who we are
    #[arg(long, conflicts_with = "auth_file")]
    auth: Option<Secret>,
    /// The same in a file
    #[arg(long)]
    auth_file: Option<PathBuf>,
    /// How long a session lasts
    #[arg(long, default_value = "6s", value_parser = session_timeout)]
    session_timeout: Duration,
}

#[derive(Debug, Parser)]
#[command(version)]
enum Agent {
    /// Follow
    Run(Box<Run>),
    /// One name
    Lookup {
        name: String,
        #[arg(long)]
        json: bool,
        #[arg(long)]
        limit: Option<u16>,
    },
    Generate(GenerateArgs),
}

#[derive(Debug, clap::Args)]
struct Run {
    #[arg(long, required = true)]
    state: String,
    #[arg(long, default_value = "/etc/hosts", value_parser = absolute_path())]
    hosts_file: PathBuf,
    #[arg(long, default_value = "")]
    domain: String,
    #[arg(long)]
    select: Vec<String>,
    #[arg(long, value_name = "[WHERE=]GLOB")]
    exclude: Vec<String>,
    #[arg(long, default_value_t = 3)]
    retries: u8,
    #[command(flatten)]
    zookeeper: RemoteArgs,
    #[command(flatten)]
    daemon: DaemonArgs,
}

/// A settings file and variables to parse under.
struct Layers {
    folder: TempDir,
    variables: BTreeMap<&'static str, &'static str>,
}

impl Layers {
    fn new(file: &str, variables: &[(&'static str, &'static str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("agent.toml"), file).unwrap();
        Layers {
            folder,
            variables: variables.iter().copied().collect(),
        }
    }

    fn file(&self) -> String {
        self.folder.path().join("agent.toml").display().to_string()
    }

    fn parse(&self, line: &str) -> Result<Agent, Refusal> {
        let words = std::iter::once("agent").chain(line.split(' ').filter(|word| !word.is_empty()));
        resolve("agent", words, |name| match name {
            "AGENT_CONFIG" => Some(self.file().into()),
            _ => self.variables.get(name).map(OsString::from),
        })
    }

    fn run(&self, line: &str) -> Run {
        match self.parse(&format!("run {line}")) {
            Ok(Agent::Run(run)) => *run,
            other => panic!("{other:?}"),
        }
    }

    fn problems(&self, line: &str) -> Vec<String> {
        match self.parse(line) {
            Err(Refusal::Settings(problems)) => {
                let file = self.file();
                problems
                    .iter()
                    .map(|problem| problem.replace(&file, "FILE"))
                    .collect()
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn the_definition_is_sound() {
    command::<Agent>("agent").debug_assert();
    Agent::command().debug_assert();
}

#[test]
fn flag_over_variable_over_file_over_default() {
    let layers = Layers::new(
        "state = '/file'\nhosts-file = '/file'\ndomain = 'file'\nlog-level = 'debug'\n",
        &[
            ("AGENT_STATE", "/variable"),
            ("AGENT_HOSTS_FILE", "/variable"),
            ("AGENT_DOMAIN", ""),
        ],
    );
    let run = layers.run("--state /flag");
    assert_eq!(run.state, "/flag");
    assert_eq!(run.hosts_file, PathBuf::from("/variable"));
    assert_eq!(run.domain, "file", "an empty variable counts as not set");
    assert_eq!(run.daemon.log_level, LevelFilter::Debug);
    assert_eq!(run.zookeeper.session_timeout, Duration::from_secs(6));
    assert_eq!(run.retries, 3);
}

#[test]
fn the_file_is_named_by_flag_or_variable() {
    let layers = Layers::new("state = '/variable'", &[]);
    let other = layers.folder.path().join("other.toml");
    fs::write(&other, "state = '/flag'").unwrap();
    assert_eq!(layers.run("").state, "/variable");
    assert_eq!(
        layers.run(&format!("--config {}", other.display())).state,
        "/flag"
    );
    fs::remove_file(&other).unwrap();
    let missing = layers.problems(&format!("run --config {}", other.display()));
    assert_eq!(missing.len(), 1);
    assert!(
        missing[0].starts_with("cannot read the settings file "),
        "{missing:?}"
    );
    assert!(
        missing[0].contains("other.toml: No such file"),
        "{missing:?}"
    );
}

#[test]
fn values_are_converted() {
    let file = "state = ''\ndaemon = true\nretries = 7\nselect = ['a,b', 'c-{d,e}']\n";
    let run = Layers::new(file, &[]).run("");
    assert!(run.daemon.daemon);
    assert_eq!((run.state.as_str(), run.retries), ("", 7));
    assert_eq!(run.select, ["a,b", "c-{d,e}"]);

    let variables = [
        ("AGENT_STATE", "/s"),
        ("AGENT_DAEMON", "No"),
        ("AGENT_RETRIES", "9"),
        ("AGENT_SELECT", "*.db, c-{d,e}-[x,y],,z"),
    ];
    let run = Layers::new(file, &variables).run("");
    assert!(!run.daemon.daemon);
    assert_eq!((run.state.as_str(), run.retries), ("/s", 9));
    assert_eq!(
        run.select,
        ["*.db", "c-{d,e}-[x,y]", "z"],
        "not added to the file's"
    );
    assert_eq!(
        Layers::new(file, &variables).run("--select w").select,
        ["w"]
    );
    assert!(
        Layers::new("state = ''\ndaemon = false", &[])
            .run("--daemon")
            .daemon
            .daemon
    );
}

#[test]
fn keys_of_other_subcommands_are_fine() {
    let layers = Layers::new(
        "state = '/s'\njson = true\nlimit = 3",
        &[("AGENT_RETRIES", "x")],
    );
    match layers.parse("lookup db").unwrap() {
        Agent::Lookup { name, json, limit } => {
            assert_eq!((name.as_str(), json, limit), ("db", true, Some(3)));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn one_value_is_a_list_of_one() {
    let layers = Layers::new("state = '/s'\nselect = '*.{db,web}'", &[]);
    assert_eq!(layers.run("").select, ["*.{db,web}"]);
}

#[test]
fn a_table_stands_for_pairs_where_the_flag_takes_them() {
    let layers = Layers::new(
        "state = '/s'\n[exclude]\ndocker = ['*.a', 'b']\n'/srv/*/hosts' = 'c'\n",
        &[],
    );
    let expected = ["/srv/*/hosts=c", "docker=*.a", "docker=b"];
    assert_eq!(layers.run("").exclude, expected);
    let layers = Layers::new("state = '/s'\nexclude = {a = {b = 'c'}}", &[]);
    assert_eq!(
        layers.problems("run"),
        ["FILE: line 2: exclude: expects a string, not a table"]
    );
}

#[test]
fn all_problems_come_at_once() {
    let layers = Layers::new(
        "log_level = 'info'\nxyzzy = 1\nconfig = 'x'\nselect = {}\ndaemon = 'yes'\ndomain = 3\n\
         limit = 70000\nsession-timeout = '1h'\n",
        &[
            ("AGENT_LOG_LEVEL", "loud"),
            ("AGENT_DAEMON", "maybe"),
            ("AGENT_RETRIES", "-1"),
        ],
    );
    let problems = layers.problems("run");
    let expected = [
        "AGENT_RETRIES: -1 is not in 0..=255",
        "AGENT_DAEMON: 'maybe' is neither true nor false",
        "AGENT_LOG_LEVEL: 'loud' is none of error, warn, info, debug, trace",
        "FILE: line 3: unknown key 'config'",
        "FILE: line 5: daemon: expects true or false, not a string",
        "FILE: line 6: domain: expects a string, not an integer",
        "FILE: line 7: limit: 70000 is not in 0..=65535",
        "FILE: line 1: unknown key 'log_level'; nearest: log-level, log-file",
        "FILE: line 4: select: expects an array such as [\"…\"], not a table",
        "FILE: line 8: session-timeout: '1h': choose a time up to 5m",
    ];
    for line in expected {
        assert!(
            problems.iter().any(|problem| problem.starts_with(line)),
            "{line} is not in {problems:#?}"
        );
    }
    let keys = problems
        .iter()
        .find(|problem| problem.contains("xyzzy"))
        .unwrap();
    assert!(
        keys.contains("the keys are auth, auth-file, daemon, domain"),
        "{keys}"
    );
    assert_eq!(problems.len(), expected.len() + 1, "{problems:#?}");
}

#[test]
fn a_variable_under_a_flag_is_not_looked_at() {
    let layers = Layers::new("state = '/s'", &[("AGENT_LOG_LEVEL", "loud")]);
    assert_eq!(
        layers.run("--log-level warn").daemon.log_level,
        LevelFilter::Warn
    );
}

#[test]
fn a_higher_layer_silences_the_rival_flag() {
    let file = "state = '/s'\nauth-file = '/file'";
    let layers = Layers::new(file, &[("AGENT_AUTH", "ops:s3cret")]);
    let run = layers.run("");
    assert!(run.zookeeper.auth.is_some() && run.zookeeper.auth_file.is_none());
    let run = layers.run("--auth-file /flag");
    assert!(run.zookeeper.auth.is_none());
    assert_eq!(run.zookeeper.auth_file, Some(PathBuf::from("/flag")));

    let both = Layers::new("auth-file = '/file'\nauth = 'ops:s3cret'", &[]);
    let problems = both.problems("run");
    assert_eq!(
        problems,
        ["FILE: line 1: auth-file: cannot be used together with FILE: line 2: auth; keep one"]
    );
}

#[test]
fn secrets_are_never_shown() {
    let layers = Layers::new("state = '/s'\nauth = 's3cret", &[]);
    let problems = layers.problems("run");
    assert!(problems[0].starts_with("FILE: line 2: "), "{problems:?}");
    assert!(!problems[0].contains("s3cret"), "{problems:?}");

    let variables = [("AGENT_AUTH", "s3cret"), ("AGENT_STATE", "/s")];
    let layers = Layers::new("auth = 's3cret'", &variables);
    let refusals = [
        layers.parse("run --help"),
        layers.parse("run --auth s3cret --auth-file x"),
    ];
    for refusal in refusals {
        assert!(!refusal.unwrap_err().to_string().contains("s3cret"));
    }
    assert!(!format!("{:?}", layers.run("")).contains("s3cret"));
}

#[test]
fn wrong_usage_is_2_and_help_is_0() {
    let layers = Layers::new("", &[]);
    for (line, code) in [
        ("--help", 0),
        ("run --help", 0),
        ("--version", 0),
        ("help run", 0),
    ] {
        assert_eq!(layers.parse(line).unwrap_err().code(), code, "{line}");
    }
    for line in [
        "",
        "walk",
        "run",
        "run --xyzzy",
        "lookup",
        "run --state /s --retries x",
    ] {
        assert_eq!(layers.parse(line).unwrap_err().code(), 2, "{line}");
    }
    assert_eq!(
        Layers::new("x = 1", &[]).parse("run").unwrap_err().code(),
        2
    );
}

#[test]
fn help_names_the_variables() {
    let layers = Layers::new("state = '/s'", &[]);
    let help = layers.parse("run --help").unwrap_err().to_string();
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    for name in [
        "AGENT_STATE",
        "AGENT_LOG_LEVEL",
        "AGENT_AUTH",
        "AGENT_CONFIG",
        "AGENT_DAEMON",
    ] {
        assert!(
            help.contains(&format!("[env: {name}]")),
            "{name} is not in {help}"
        );
    }
    assert!(help.contains("/run/agent.pid"), "{help}");
    assert!(help.contains("[default: 127.0.0.1:2181]"), "{help}");
}

#[test]
fn nothing_is_read_for_generate() {
    let layers = Layers::new("", &[("AGENT_DIR", "/nowhere")]);
    assert_eq!(layers.parse("generate man").unwrap_err().code(), 2);
    let problems = Layers::new("dir = 'x'", &[]).problems("run --state /s");
    assert!(problems[0].contains("unknown key 'dir'"), "{problems:?}");
}

#[test]
fn variables_of_every_subcommand_are_known() {
    let warned = |name: &str| {
        let environment = [(OsString::from(name), OsString::from("s3cret"))];
        super::unknown_variables("agent", Agent::command(), &environment)
    };
    for known in [
        "AGENT_STATE",
        "AGENT_CONFIG",
        "AGENT_LIMIT",
        "AGENT_SESSION_TIMEOUT",
    ] {
        assert_eq!(warned(known), [""; 0]);
    }
    let expected = [
        ("AGENT_STAT", "AGENT_STATE"),
        ("AGENT_HOST_FILE", "AGENT_HOSTS_FILE"),
        ("AGENT_SESSION_TIME_OUT", "AGENT_SESSION_TIMEOUT"),
        ("AGENT_ZOKEEPER", "AGENT_ZOOKEEPER"),
        ("AGENT_CONF", "AGENT_CONFIG"),
    ];
    for (name, meant) in expected {
        let warnings = warned(name);
        assert_eq!(
            warnings,
            [format!(
                "the variable {name} is unknown and ignored; did you mean {meant}?"
            )]
        );
    }
}
