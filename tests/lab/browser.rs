//! A real browser without a screen: Chromium, driven over WebDriver by its chromedriver.

use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::files::Scratch;
use crate::http::http_ask;
use crate::ports::free_port;
use crate::process::Process;
use crate::wait::{PATIENCE, Text, wait_for};

/// One window; dropped, the browser ends.
#[derive(Debug)]
pub struct Browser {
    address: String,
    session: String,
    _process: Process,
    // Dropped last: the browser writes into it.
    _directory: Scratch,
}

impl Browser {
    /// Starts one.
    ///
    /// # Panics
    /// If it is not installed, with what it said.
    pub fn start() -> Self {
        let directory = Scratch::new("browser");
        let address = format!("127.0.0.1:{}", free_port());
        let (_, port) = address.split_once(':').expect("a port");
        let mut command = Command::new("chromedriver");
        command.arg(format!("--port={port}"));
        // What it keeps for itself goes with the test.
        command.env("HOME", directory.path());
        let mut process = Process::spawn("chromedriver", command, &directory.join("log"));
        wait_for(
            "chromedriver to be ready",
            PATIENCE,
            || {
                let status = http_ask(&address, "GET", "/status", &[], "");
                let ready = status.is_ok_and(|status| status.json()["value"]["ready"] == true);
                (process.ended(), Text(process.log()), ready)
            },
            |(ended, log, ready)| {
                assert!(ended.is_none(), "chromedriver has ended: {}", log.0);
                *ready
            },
        );
        let profile = format!("--user-data-dir={}", directory.join("profile").display());
        let args = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--disable-component-update",
            "--no-first-run",
            "--hide-scrollbars",
            "--window-size=1280,900",
            &profile,
        ];
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": {"args": args},
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }}});
        let mut browser = Self {
            address,
            session: String::new(),
            _process: process,
            _directory: directory,
        };
        let begun = browser.ask("POST", "/session", &wanted);
        let session = begun["sessionId"].as_str().expect("a session");
        session.clone_into(&mut browser.session);
        browser
    }

    /// Goes to a page.
    pub fn open(&self, url: &str) {
        self.post("/url", &json!({"url": url}));
    }

    /// What a script returns, that gets these arguments.
    pub fn script(&self, script: &str, args: &[Value]) -> Value {
        self.post("/execute/sync", &json!({"script": script, "args": args}))
    }

    /// What a person reads in the first element that a CSS selector finds; nothing where there is none.
    pub fn text(&self, selector: &str) -> String {
        let script = "return document.querySelector(arguments[0])?.innerText ?? ''";
        let text = self.script(script, &[selector.into()]);
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Waits until the text there is as `done` wants it.
    pub fn soon_reads(&self, selector: &str, done: impl Fn(&str) -> bool) -> String {
        let what = format!("the text of {selector}");
        wait_for(
            &what,
            PATIENCE,
            || Text(self.text(selector)),
            |text| done(&text.0),
        )
        .0
    }

    /// Clicks an element.
    pub fn click(&self, selector: &str) {
        let element = self.element(selector);
        self.post(&format!("/element/{element}/click"), &json!({}));
    }

    /// Types into an element, in place of what is in it.
    pub fn put(&self, selector: &str, text: &str) {
        let element = self.element(selector);
        self.post(&format!("/element/{element}/clear"), &json!({}));
        self.post(&format!("/element/{element}/value"), &json!({"text": text}));
    }

    fn element(&self, selector: &str) -> String {
        let wanted = json!({"using": "css selector", "value": selector});
        let found = self.post("/element", &wanted);
        let id = found.as_object().and_then(|found| found.values().next());
        let id = id.and_then(Value::as_str);
        id.unwrap_or_else(|| panic!("{selector}: {found}"))
            .to_owned()
    }

    /// What the console has said since it was asked last, and each address that was asked for.
    pub fn console_and_requests(&self) -> (Vec<Value>, Vec<String>) {
        let log = |kind: &str| {
            let said = self.post("/se/log", &json!({"type": kind}));
            said.as_array().cloned().unwrap_or_default()
        };
        let events = log("performance").into_iter().filter_map(|entry| {
            let event: Value = serde_json::from_str(entry["message"].as_str()?).ok()?;
            let event = &event["message"];
            let of = event["params"]["documentURL"].as_str()?;
            // The browser shows a page of its own before any other.
            let is_request =
                event["method"] == "Network.requestWillBeSent" && !of.starts_with("chrome:");
            let url = event["params"]["request"]["url"].as_str();
            url.filter(|_| is_request).map(str::to_owned)
        });
        (log("browser"), events.collect())
    }

    /// Has the browser do something of its own protocol.
    pub fn devtools(&self, command: &str, parameters: &Value) -> Value {
        let wanted = json!({"cmd": command, "params": parameters});
        self.post("/goog/cdp/execute", &wanted)
    }

    /// The page as PNG, from its top down to at most this height.
    pub fn screenshot(&self, tallest: u32) -> Vec<u8> {
        let size = "const of = document.documentElement; return [of.scrollWidth, of.scrollHeight]";
        let size = self.script(size, &[]);
        let height = size[1].as_f64().unwrap_or_default().min(tallest.into());
        let clip = json!({"x": 0, "y": 0, "width": size[0], "height": height, "scale": 1});
        let wanted = json!({"format": "png", "captureBeyondViewport": true, "clip": clip});
        let shot = self.devtools("Page.captureScreenshot", &wanted);
        let data = shot["data"].as_str().expect("a picture");
        STANDARD.decode(data).expect("base64")
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        self.ask("POST", &format!("/session/{}{path}", self.session), body)
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let kind = ["Content-Type: application/json"];
        let answer = http_ask(&self.address, method, path, &kind, &body.to_string());
        let answer = answer.unwrap_or_else(|error| panic!("chromedriver at {path}: {error}"));
        assert_eq!(answer.code, 200, "{path}: {}", answer.body);
        answer.json()["value"].take()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let session = format!("/session/{}", self.session);
        let _ = http_ask(&self.address, "DELETE", &session, &[], "");
    }
}
