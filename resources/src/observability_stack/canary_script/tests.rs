//! The scripts, run by node as the Synthetics runtime would: its library, and the SDK that Lambda brings along, are stubs
//! of a few lines; the server that is asked is a real one on the loopback.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use super::*;

const NEW: &str = "syn-nodejs-puppeteer-15.0";
const OLD: &str = "syn-nodejs-puppeteer-10.0";

/// A server that gives one answer, or none at all, and tells what it was asked.
struct Server {
    url: String,
    requests: Receiver<String>,
}

impl Server {
    fn answering(status: Option<u16>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/health?deep=1", listener.local_addr().unwrap());
        let (sender, requests) = channel();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let mut request = String::new();
                while reader.read_line(&mut request).unwrap_or(0) > 2 {}
                let length = request.lines().find_map(|line| {
                    let line = line.to_ascii_lowercase();
                    line.strip_prefix("content-length: ")?.trim().parse::<usize>().ok()
                });
                let mut body = vec![0; length.unwrap_or(0)];
                reader.read_exact(&mut body).unwrap();
                request.push_str(&String::from_utf8_lossy(&body));
                if sender.send(request).is_err() {
                    return;
                }
                match status {
                    Some(status) => {
                        let answer =
                            format!("HTTP/1.1 {status} Whatever\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                        let _ = stream.write_all(answer.as_bytes());
                        let _ = stream.shutdown(Shutdown::Write);
                    }
                    None => thread::sleep(Duration::from_secs(30)),
                }
            }
        });
        Self { url, requests }
    }

    fn request(&self) -> String {
        self.requests.recv_timeout(Duration::from_secs(20)).unwrap()
    }
}

fn check(url: &str) -> Check {
    Check {
        url: url.to_owned(),
        method: "GET".to_owned(),
        body: None,
        headers: BTreeMap::new(),
        headers_parameter: None,
        status_min: 200,
        status_max: 299,
        timeout: 5_000,
    }
}

/// The part of the library that scripts use. What goes wrong in a step makes the step, and so the run, fail.
const SYNTHETICS: &str = r"
const http = require('http');
const page = {
  headers: {},
  async setExtraHTTPHeaders(headers) { this.headers = headers; },
  async goto(url, options) {
    console.log('goto ' + JSON.stringify(options));
    return new Promise((resolve, reject) => {
      const request = http.get(url, { headers: this.headers, timeout: options.timeout }, (response) => {
        response.resume();
        resolve({ status: () => response.statusCode });
      });
      request.on('timeout', () => request.destroy(new Error('Navigation timeout of ' + options.timeout + ' ms exceeded')));
      request.on('error', reject);
    });
  },
};
exports.getPage = async () => page;
exports.executeStep = async (name, work) => { console.log('step ' + name); return work(); };
exports.executeHttpStep = (name, options, callback) => new Promise((resolve, reject) => {
  console.log('step ' + name);
  const { body, ...rest } = options;
  if (body) rest.headers = { ...rest.headers, 'Content-Length': Buffer.byteLength(body) };
  const request = http.request(rest, (response) => callback(response).then(resolve, reject));
  request.on('error', reject);
  request.end(body);
});
";
const LOGGER: &str = "exports.info = (text) => console.log(text);";
const SSM: &str = r"
exports.GetParameterCommand = class { constructor(input) { this.input = input; } };
exports.SSMClient = class {
  async send({ input }) {
    if (!input.WithDecryption) throw new Error('still encrypted');
    return { Parameter: { Value: process.env['PARAMETER ' + input.Name] } };
  }
};
";
const RUNNER: &str = "require('./index.js').handler().then(() => process.exit(0), (error) => { console.error(error.message); process.exit(1); });";

/// A folder that goes away with it.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn module(root: &Path, name: &str, text: &str) {
    let folder = root.join("node_modules").join(name);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("index.js"), text).unwrap();
}

/// Runs a script with the library of its runtime, and no other.
fn run(check: &Check, mode: Mode, version: &str, parameters: &[(&str, &str)]) -> Output {
    let runtime = supported(version).unwrap();
    let folder = Folder(std::env::temp_dir().join(format!("tap-canary-{}", uuid::Uuid::new_v4())));
    let [synthetics, logger] = if version == OLD {
        ["Synthetics", "SyntheticsLogger"]
    } else {
        ["@aws/synthetics-puppeteer", "@aws/synthetics-logger"]
    };
    module(&folder.0, synthetics, SYNTHETICS);
    module(&folder.0, logger, LOGGER);
    module(&folder.0, "@aws-sdk/client-ssm", SSM);
    std::fs::write(folder.0.join("index.js"), script(check, mode, runtime)).unwrap();
    let mut node = Command::new("node");
    node.args(["-e", RUNNER]).current_dir(&folder.0);
    node.envs(
        parameters
            .iter()
            .map(|(name, value)| (format!("PARAMETER {name}"), value)),
    );
    node.output()
        .expect("node runs the scripts: install Node.js 20 or newer")
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_healthy_endpoint_passes_in_both_modes_and_with_both_names_of_the_library() {
    for mode in [Mode::Http, Mode::Browser] {
        for version in [NEW, OLD] {
            let server = Server::answering(Some(204));
            let output = run(&check(&server.url), mode, version, &[]);
            assert!(output.status.success(), "{mode:?} {version}: {}", stderr(&output));
            let said = stdout(&output);
            assert!(
                said.contains("Status Code: 204") && said.contains("Health check passed"),
                "{said}"
            );
            assert!(server.request().starts_with("GET /health?deep=1 HTTP/1.1"));
        }
    }
}

#[test]
fn a_status_out_of_the_expected_range_fails() {
    for mode in [Mode::Http, Mode::Browser] {
        for status in [500, 301, 404] {
            let server = Server::answering(Some(status));
            let output = run(&check(&server.url), mode, NEW, &[]);
            assert!(!output.status.success(), "{mode:?} {status}");
            assert_eq!(
                stderr(&output).trim(),
                format!("Health check failed with status {status}")
            );
        }
    }
}

#[test]
fn the_expected_range_is_the_configured_one() {
    let server = Server::answering(Some(401));
    let mut wanted = check(&server.url);
    (wanted.status_min, wanted.status_max) = (401, 401);
    assert!(
        run(&wanted, Mode::Http, NEW, &[]).status.success(),
        "a locked door is a healthy one"
    );
}

#[test]
fn no_answer_within_the_time_fails() {
    for mode in [Mode::Http, Mode::Browser] {
        let server = Server::answering(None);
        let mut wanted = check(&server.url);
        wanted.timeout = 300;
        let output = run(&wanted, mode, NEW, &[]);
        assert!(
            !output.status.success() && stderr(&output).contains("300 ms"),
            "{}",
            stderr(&output)
        );
    }
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let output = run(&check(&format!("http://{nobody}/")), Mode::Http, NEW, &[]);
    assert!(stderr(&output).contains("ECONNREFUSED"), "{}", stderr(&output));
}

#[test]
fn method_body_and_headers_are_sent_and_the_browser_waits_for_the_dom() {
    let server = Server::answering(Some(200));
    let mut wanted = check(&server.url);
    wanted.method = "POST".to_owned();
    wanted.body = Some("{\"ping\": \"\u{2028}`${x}`\"}".to_owned());
    wanted.headers = BTreeMap::from([("X-Probe".to_owned(), "it's \"quoted\"".to_owned())]);
    let output = run(&wanted, Mode::Http, NEW, &[]);
    assert!(output.status.success(), "{}", stderr(&output));
    let request = server.request();
    assert!(
        request.starts_with("POST ") && request.contains("X-Probe: it's \"quoted\""),
        "{request}"
    );
    assert!(request.ends_with("{\"ping\": \"\u{2028}`${x}`\"}"), "{request}");

    wanted.method = "GET".to_owned();
    wanted.body = None;
    let output = run(&wanted, Mode::Browser, NEW, &[]);
    assert!(stdout(&output).contains(r#"goto {"waitUntil":"domcontentloaded","timeout":5000}"#));
    assert!(server.request().contains("X-Probe: it's \"quoted\""));
}

#[test]
fn secret_headers_come_from_the_parameter_and_show_nowhere() {
    let server = Server::answering(Some(200));
    let mut wanted = check(&server.url);
    wanted.headers_parameter = Some("/canary/headers".to_owned());
    let secret = r#"{"Authorization": "Bearer topsecret"}"#;
    let output = run(&wanted, Mode::Http, NEW, &[("/canary/headers", secret)]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(server.request().contains("Authorization: Bearer topsecret"));
    let text = script(&wanted, Mode::Http, supported(NEW).unwrap());
    assert!(!text.contains("topsecret") && !stdout(&output).contains("topsecret"));

    for broken in [
        "topsecret",
        "[\"topsecret\"]",
        "{\"a\": {\"b\": \"topsecret\"}}",
        "null",
    ] {
        let output = run(&wanted, Mode::Http, NEW, &[("/canary/headers", broken)]);
        assert!(
            !output.status.success() && !stderr(&output).contains("topsecret"),
            "{}",
            stderr(&output)
        );
        assert!(
            stderr(&output).contains("must hold a JSON object"),
            "{}",
            stderr(&output)
        );
    }
}

#[test]
fn the_library_has_the_name_that_the_runtime_knows() {
    for refused in [
        "syn-nodejs-puppeteer-7.0",
        "syn-nodejs-puppeteer-3.9",
        "syn-python-selenium-6.0",
        "15.0",
    ] {
        assert_eq!(supported(refused), None, "{refused}");
    }
    let text = |version: &str| script(&check("https://pay.test/"), Mode::Http, supported(version).unwrap());
    assert!(text("syn-nodejs-puppeteer-13.0").contains("require(\"Synthetics\")"));
    assert!(text("syn-nodejs-puppeteer-13.1").contains("require(\"@aws/synthetics-puppeteer\")"));
}
