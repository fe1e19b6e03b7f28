//! An AWS endpoint that answers what the test says, and remembers what it was asked.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::net::TcpListener;

use super::wire::Connection;

/// One answer: status and JSON body.
pub(crate) type Answer = (u16, Value);

#[derive(Default)]
struct State {
    answers: VecDeque<(String, Answer)>,
    calls: Vec<(String, Value)>,
}

/// The endpoint.
pub(crate) struct ScriptedAws {
    pub(crate) url: String,
    state: Arc<Mutex<State>>,
}

impl ScriptedAws {
    /// Answers the calls in order; each entry names the operation that must come.
    pub(crate) async fn start(answers: Vec<(&str, Answer)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let answers = answers
            .into_iter()
            .map(|(operation, answer)| (operation.to_owned(), answer))
            .collect();
        let state = Arc::new(Mutex::new(State {
            answers,
            calls: Vec::new(),
        }));
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(Connection::new(stream), Arc::clone(&shared)));
            }
        });
        Self { url, state }
    }

    /// The calls so far: operation and request.
    pub(crate) fn calls(&self) -> Vec<(String, Value)> {
        self.state.lock().unwrap().calls.clone()
    }

    /// Whether all answers have been given.
    pub(crate) fn is_used_up(&self) -> bool {
        self.state.lock().unwrap().answers.is_empty()
    }
}

async fn serve(mut connection: Connection, state: Arc<Mutex<State>>) {
    while let Ok(Some(request)) = connection.request().await {
        // JSON services name the operation in a header, REST services in the path.
        let target = request.headers.get("x-amz-target").cloned();
        let operation = target.map_or(request.path, |t| t.rsplit('.').next().unwrap_or_default().to_owned());
        let body = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
        let (status, answer) = {
            let mut state = state.lock().unwrap();
            state.calls.push((operation.clone(), body));
            match state.answers.front() {
                Some((expected, _)) if *expected == operation => state.answers.pop_front().unwrap().1,
                _ => (
                    400,
                    serde_json::json!({"__type": "UnexpectedCall", "message": operation}),
                ),
            }
        };
        let headers = [("Content-Type", "application/x-amz-json-1.0")];
        if connection
            .respond(status, &headers, answer.to_string().as_bytes())
            .await
            .is_err()
        {
            return;
        }
    }
}
