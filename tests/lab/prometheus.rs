//! A real Prometheus, and the tool that comes with it.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::files::Scratch;
use crate::http::{HttpAnswer, http_ask};
use crate::ports::free_port;
use crate::process::Process;
use crate::wait::{PATIENCE, Text, wait_for};

/// A Prometheus on a loopback port; dropped, it ends.
#[derive(Debug)]
pub struct Prometheus {
    address: String,
    _process: Process,
    // Dropped last: the process writes into it.
    _directory: Scratch,
}

impl Prometheus {
    /// Starts one that asks these addresses each second and knows these rules; waits until it answers.
    ///
    /// # Panics
    /// If it is not installed or ends at once, with what it said.
    pub fn start(targets: &[&str], rules: &Path) -> Self {
        let directory = Scratch::new("prometheus");
        let settings = format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n\
             rule_files: [{:?}]\n\
             scrape_configs:\n- job_name: hostsync\n  static_configs: [{{targets: {targets:?}}}]\n",
            rules.display().to_string()
        );
        let file = directory.write("prometheus.yml", settings);
        let address = format!("127.0.0.1:{}", free_port());
        let mut command = Command::new("prometheus");
        command
            .arg(format!("--config.file={}", file.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                directory.join("data").display()
            ))
            .arg(format!("--web.listen-address={address}"));
        let mut process = Process::spawn("prometheus", command, &directory.join("log"));
        wait_for(
            "Prometheus to be ready",
            PATIENCE,
            || {
                let ready = http_ask(&address, "GET", "/-/ready", &[], "");
                let code = ready.map_or(0, |answer| answer.code);
                (process.ended(), Text(process.log()), code)
            },
            |(ended, log, code)| {
                assert!(ended.is_none(), "Prometheus has ended: {}", log.0);
                *code == 200
            },
        );
        Self {
            address,
            _process: process,
            _directory: directory,
        }
    }

    /// What an expression comes to now.
    ///
    /// # Panics
    /// If it cannot be read.
    pub fn query(&self, expression: &str) -> Vec<Value> {
        let form = format!("query={}", encoded(expression));
        let kind = "Content-Type: application/x-www-form-urlencoded";
        let answer = self.ask("POST", "/api/v1/query", &[kind], &form).json();
        assert_eq!(answer["status"], "success", "{expression}: {answer}");
        let result = answer["data"]["result"].as_array();
        result.cloned().unwrap_or_default()
    }

    /// What its API answers.
    ///
    /// # Panics
    /// If it does not.
    pub fn get(&self, path: &str) -> HttpAnswer {
        self.ask("GET", path, &[], "")
    }

    fn ask(&self, method: &str, path: &str, headers: &[&str], body: &str) -> HttpAnswer {
        let answer = http_ask(&self.address, method, path, headers, body);
        answer.unwrap_or_else(|error| panic!("Prometheus at {path}: {error}"))
    }
}

fn encoded(text: &str) -> String {
    let bytes = text.bytes().map(|byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    });
    bytes.collect()
}

/// Has `promtool` look at something; what it finds fault with, or nothing.
///
/// # Panics
/// If it is not installed.
pub fn promtool(args: &[&str], input: &str) -> Result<(), String> {
    let mut command = Command::new("promtool");
    command.args(args).stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command
        .spawn()
        .expect("promtool: `scripts/setup test` installs what the tests need");
    let mut to = child.stdin.take().expect("a pipe");
    to.write_all(input.as_bytes()).expect("it reads");
    drop(to);
    let output = child.wait_with_output().expect("it ends");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    let is_well = output.status.success() && !said.contains("warning");
    if is_well { Ok(()) } else { Err(said) }
}
