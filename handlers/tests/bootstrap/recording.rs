//! Stands between a handler and ministack, and notes which IAM action each call needs, on what.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::wire::{Connection, Request};

/// An action and the resource it was called on.
pub(crate) type Call = (String, String);

#[derive(Default)]
struct State {
    calls: BTreeSet<Call>,
    throttled: Option<&'static str>,
}

/// The proxy.
pub(crate) struct Recording {
    pub(crate) url: String,
    state: Arc<Mutex<State>>,
}

impl Recording {
    /// Forwards to the server at this URL. Calls of the throttled operation are refused instead.
    pub(crate) async fn before(server: &'static str, throttled: Option<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State {
            throttled,
            ..State::default()
        }));
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(Connection::new(stream), server, Arc::clone(&shared)));
            }
        });
        Self { url, state }
    }

    /// What has been called so far.
    pub(crate) fn calls(&self) -> BTreeSet<Call> {
        self.state.lock().unwrap().calls.clone()
    }
}

async fn serve(mut connection: Connection, server: &'static str, state: Arc<Mutex<State>>) {
    while let Ok(Some(request)) = connection.request().await {
        let calls = calls_of(&request);
        let throttled = {
            let mut state = state.lock().unwrap();
            state.calls.extend(calls);
            let target = request
                .headers
                .get("x-amz-target")
                .map(String::as_str)
                .unwrap_or_default();
            state.throttled.is_some_and(|operation| target.ends_with(operation))
        };
        let (status, headers, body) = if throttled {
            let body = br#"{"__type":"ThrottlingException","message":"slow down"}"#.to_vec();
            (400, Vec::new(), body)
        } else {
            forward(server, &request).await
        };
        let headers: Vec<_> = headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        if connection.respond(status, &headers, &body).await.is_err() {
            return;
        }
    }
}

type Answer = (u16, Vec<(String, String)>, Vec<u8>);

async fn forward(server: &str, request: &Request) -> Answer {
    let address = server.strip_prefix("http://").unwrap();
    let mut stream = BufReader::new(TcpStream::connect(address).await.unwrap());
    let mut head = format!("{} {} HTTP/1.1\r\n", request.method, request.path);
    let kept = request
        .headers
        .iter()
        .filter(|(name, _)| !["connection", "transfer-encoding", "content-length", "expect"].contains(&name.as_str()));
    for (name, value) in kept {
        head.push_str(&[name, ": ", value, "\r\n"].concat());
    }
    head.push_str(
        &[
            "Connection: close\r\nContent-Length: ",
            &request.body.len().to_string(),
            "\r\n\r\n",
        ]
        .concat(),
    );
    stream.get_mut().write_all(head.as_bytes()).await.unwrap();
    stream.get_mut().write_all(&request.body).await.unwrap();

    let mut line = String::new();
    stream.read_line(&mut line).await.unwrap();
    let status = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers
        .iter()
        .find(|(n, _)| n == "content-length")
        .map(|(_, v)| v.parse::<usize>().unwrap());
    let mut body = Vec::new();
    if request.method != "HEAD" {
        assert!(
            headers.iter().all(|(n, _)| n != "transfer-encoding"),
            "ministack answers with a length"
        );
        match length {
            Some(length) => {
                body.resize(length, 0);
                stream.read_exact(&mut body).await.unwrap();
            }
            None => drop(stream.read_to_end(&mut body).await.unwrap()),
        }
    }
    headers.retain(|(name, _)| name != "connection" && (request.method == "HEAD" || name != "content-length"));
    (status, headers, body)
}

/// The IAM actions of a request. A transaction needs the action of each of its parts.
fn calls_of(request: &Request) -> Vec<Call> {
    let call = |action: &str, resource: &str| (action.to_owned(), resource.to_owned());
    if let Some(target) = request.headers.get("x-amz-target") {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        return json_calls(target, &body);
    }
    let path = request.path.split('?').next().unwrap().to_owned();
    let parts: Vec<&str> = path.trim_start_matches('/').splitn(2, '/').collect();
    if let Some(name) = path.strip_prefix("/2015-03-31/functions/") {
        return vec![call("lambda:InvokeFunction", name.trim_end_matches("/invocations"))];
    }
    if path.ends_with("/operation/PutMetricData") {
        return vec![call("cloudwatch:PutMetricData", "*")];
    }
    let form = String::from_utf8_lossy(&request.body);
    let field = |name: &str| {
        let value = form.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")));
        value.unwrap_or_default().replace("%3A", ":")
    };
    match (request.method.as_str(), field("Action").as_str(), parts.as_slice()) {
        (_, "Publish", _) => vec![call("sns:Publish", &field("TopicArn"))],
        (_, "PutMetricData", _) => vec![call("cloudwatch:PutMetricData", "*")],
        ("PUT", _, [bucket, key]) => vec![call("s3:PutObject", &[bucket, "/", key].concat())],
        ("GET" | "HEAD", _, [bucket, key]) => vec![call("s3:GetObject", &[bucket, "/", key].concat())],
        // No need covers it, so the test fails with these words.
        (method, _, _) => vec![call("unknown call", &[method, " ", &request.path].concat())],
    }
}

fn json_calls(target: &str, body: &Value) -> Vec<Call> {
    let (service, operation) = target.split_once('.').unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let prefix = match service {
        "DynamoDB_20120810" => "dynamodb",
        "AmazonSQS" => "sqs",
        "AmazonSSM" => "ssm",
        "AWSEvents" => "events",
        "AWSStepFunctions" => "states",
        "GraniteServiceVersion20100801" => return vec![(format!("cloudwatch:{operation}"), "*".to_owned())],
        _ => return vec![("unknown call".to_owned(), target.to_owned())],
    };
    let one = |resource: String| vec![(format!("{prefix}:{operation}"), resource)];
    match (operation, body.get("IndexName")) {
        ("TransactWriteItems", _) => {
            let parts = body["TransactItems"].as_array().unwrap().iter();
            let put = |part: &Value| ("dynamodb:PutItem".to_owned(), text(&part["Put"]["TableName"]));
            parts.map(put).collect()
        }
        ("BatchGetItem", _) => one(body["RequestItems"].as_object().unwrap().keys().next().unwrap().clone()),
        (_, Some(index)) => one(format!("{}/index/{}", text(&body["TableName"]), text(index))),
        _ if prefix == "dynamodb" => one(text(&body["TableName"])),
        _ if prefix == "sqs" => one(text(&body["QueueUrl"])),
        _ if prefix == "ssm" => one(text(&body["Name"])),
        _ if prefix == "events" => one(text(&body["Entries"][0]["EventBusName"])),
        _ => one(text(&body["stateMachineArn"])),
    }
}
