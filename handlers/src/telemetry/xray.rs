//! X-Ray subsegments over the daemon's UDP protocol (W-51).
//!
//! Format: <https://docs.aws.amazon.com/xray/latest/devguide/xray-api-segmentdocuments.html>.
//! Lambda itself sends the function's segment; its id is the parent of ours. Without a daemon
//! address, a trace header, or a sampling decision, everything here is silent. Annotations
//! carry ids and types only.

use std::collections::hash_map::RandomState;
use std::future::Future;
use std::hash::BuildHasher;
use std::net::UdpSocket;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

/// Line that precedes each document on the wire.
const DAEMON_HEADER: &str = "{\"format\": \"json\", \"version\": 1}\n";

/// The sender to the daemon; one per process.
#[derive(Debug, Clone, Default)]
pub struct Daemon {
    socket: Option<Arc<UdpSocket>>,
}

impl Daemon {
    /// From `AWS_XRAY_DAEMON_ADDRESS` (`host:port`, or `tcp:host:port udp:host:port`); silent when it is unusable.
    pub fn new(address: Option<&str>) -> Self {
        let socket = address.and_then(udp_address).and_then(|address| {
            let socket = UdpSocket::bind(("0.0.0.0", 0)).ok()?;
            socket.set_nonblocking(true).ok()?;
            socket.connect(address).ok()?;
            Some(Arc::new(socket))
        });
        Self { socket }
    }

    fn send(&self, document: &Value) {
        if let Some(socket) = &self.socket {
            // Best effort; a full buffer or an absent daemon loses the trace only.
            let _ = socket.send(format!("{DAEMON_HEADER}{document}").as_bytes());
        }
    }
}

fn udp_address(text: &str) -> Option<&str> {
    let mut parts = text.split_whitespace();
    match (parts.clone().count(), parts.next()) {
        (1, Some(single)) if !single.starts_with("tcp:") => Some(single.strip_prefix("udp:").unwrap_or(single)),
        _ => text.split_whitespace().find_map(|part| part.strip_prefix("udp:")),
    }
}

/// The trace of one invocation.
#[derive(Debug, Clone)]
pub struct Trace {
    daemon: Daemon,
    ids: Option<Arc<(String, String)>>,
}

impl Trace {
    /// From a trace header, `Root=1-...;Parent=...;Sampled=1`.
    pub fn new(daemon: Daemon, header: Option<&str>) -> Self {
        Self {
            daemon,
            ids: header.and_then(sampled_ids).map(Arc::new),
        }
    }

    /// A trace that sends nothing.
    pub fn disabled() -> Self {
        Self {
            daemon: Daemon::default(),
            ids: None,
        }
    }

    /// Runs the future as a subsegment with this name.
    pub async fn subsegment<T, E>(
        &self,
        name: &str,
        annotations: Value,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let start = epoch_seconds();
        let result = work.await;
        if let Some((trace_id, parent_id)) = self.ids.as_deref() {
            self.daemon.send(&json!({
                "name": name, "type": "subsegment", "id": random_id(), "trace_id": trace_id, "parent_id": parent_id,
                "start_time": start, "end_time": epoch_seconds(), "fault": result.is_err(), "annotations": annotations,
            }));
        }
        result
    }
}

fn sampled_ids(header: &str) -> Option<(String, String)> {
    let field = |name: &str| {
        header
            .split(';')
            .filter_map(|p| p.trim().split_once('='))
            .find(|(k, _)| *k == name)
    };
    let (root, parent, sampled) = (field("Root")?.1, field("Parent")?.1, field("Sampled")?.1);
    (sampled == "1").then(|| (root.to_owned(), parent.to_owned()))
}

fn epoch_seconds() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |d| d.as_secs_f64())
}

/// 16 hex digits. The standard library's hasher keys are random; ids need no more.
fn random_id() -> String {
    format!("{:016x}", RandomState::new().hash_one(epoch_seconds().to_bits()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1;Lineage=a:0";

    #[tokio::test]
    async fn a_sampled_trace_sends_one_datagram_per_subsegment() {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        receiver
            .set_read_timeout(Some(std::time::Duration::from_secs(5)))
            .unwrap();
        let daemon = Daemon::new(Some(&receiver.local_addr().unwrap().to_string()));
        let trace = Trace::new(daemon, Some(HEADER));
        let failed: Result<(), &str> = trace
            .subsegment("store_transaction", json!({"transaction_id": "t1"}), async {
                Err("no")
            })
            .await;
        assert_eq!(failed, Err("no"));
        let mut buffer = [0_u8; 2048];
        let length = receiver.recv(&mut buffer).unwrap();
        let (header, document) = std::str::from_utf8(&buffer[..length])
            .unwrap()
            .split_once('\n')
            .unwrap();
        assert_eq!(
            serde_json::from_str::<Value>(header).unwrap(),
            json!({"format": "json", "version": 1})
        );
        let document: Value = serde_json::from_str(document).unwrap();
        assert_eq!(document["name"], "store_transaction");
        assert_eq!(document["trace_id"], "1-5759e988-bd862e3fe1be46a994272793");
        assert_eq!(document["parent_id"], "53995c3f42cd8ad8");
        assert_eq!(document["fault"], true);
        assert_eq!(document["id"].as_str().map(str::len), Some(16));
        assert!(document["start_time"].as_f64() <= document["end_time"].as_f64());
    }

    #[test]
    fn unsampled_or_absent_traces_are_silent() {
        assert_eq!(sampled_ids(&HEADER.replace("Sampled=1", "Sampled=0")), None);
        assert_eq!(sampled_ids("Root=1-2"), None);
        assert!(Daemon::new(None).socket.is_none());
        assert!(Daemon::new(Some("nonsense")).socket.is_none());
    }

    #[test]
    fn both_address_forms_are_read() {
        assert_eq!(udp_address("127.0.0.1:2000"), Some("127.0.0.1:2000"));
        assert_eq!(udp_address("tcp:127.0.0.1:1 udp:127.0.0.2:2"), Some("127.0.0.2:2"));
        assert_eq!(udp_address("tcp:127.0.0.1:1"), None);
    }
}
