//! One ministack for all tests of this binary. It ends with us: it watches a pipe that only we hold.

use std::collections::HashMap;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType,
};
use serde_json::{Map, Value};
use tap_handlers::aws::attribute::{from_attributes, to_attributes};

/// Starts the server; ends it when standard input closes, however this process ended.
const LAUNCHER: &str = "
import os, sys, threading
def watch():
    while os.read(0, 1024): pass
    os._exit(0)
threading.Thread(target=watch, daemon=True).start()
sys.argv = ['ministack']
from ministack.app import main
main()
";

fn python() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let target = std::env::var_os("CARGO_TARGET_DIR").map(|dir| workspace.join(dir));
    let candidates = target
        .into_iter()
        .chain([workspace.join("target")])
        .map(|dir| dir.join("venv/bin/python"));
    let tried: Vec<PathBuf> = candidates.collect();
    let found = tried.iter().find(|path| path.exists()).cloned();
    found.unwrap_or_else(|| panic!("ministack is not installed (looked for {tried:?}): run `make setup`"))
}

fn server() -> &'static str {
    static SERVER: OnceLock<(String, Child)> = OnceLock::new();
    &SERVER.get_or_init(start_server).0
}

fn start_server() -> (String, Child) {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let child = Command::new(python())
        .args(["-c", LAUNCHER])
        .env("GATEWAY_PORT", port.to_string())
        .env("BIND_HOST", "127.0.0.1")
        .env("MINISTACK_HOST", "127.0.0.1")
        .env("LOG_LEVEL", "WARNING")
        .stdin(Stdio::piped()) // stays open in `child` as long as this process lives
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("python starts");
    let deadline = Instant::now() + Duration::from_mins(1);
    while std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        assert!(Instant::now() < deadline, "ministack did not start within a minute");
        std::thread::sleep(Duration::from_millis(50));
    }
    (format!("http://127.0.0.1:{port}"), child)
}

/// An empty account of its own, and clients for it.
pub(crate) struct Sandbox {
    pub(crate) endpoint: &'static str,
    pub(crate) account: String,
    pub(crate) config: SdkConfig,
    pub(crate) dynamodb: aws_sdk_dynamodb::Client,
    pub s3: aws_sdk_s3::Client,
}

impl Sandbox {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let endpoint = server();
        let account = format!("{:012}", 300_000_000_000 + NEXT.fetch_add(1, Ordering::Relaxed));
        let credentials = Credentials::new(&account, "test", None, None, "test");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .endpoint_url(endpoint)
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .build();
        let s3 = aws_sdk_s3::config::Builder::from(&config)
            .force_path_style(true)
            .build();
        let dynamodb = aws_sdk_dynamodb::Client::new(&config);
        Self {
            endpoint,
            account,
            dynamodb,
            s3: aws_sdk_s3::Client::from_conf(s3),
            config,
        }
    }

    /// The variables that lead a handler here, and more.
    pub(crate) fn variables<'a>(&'a self, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        let mut variables = vec![
            ("AWS_ENDPOINT_URL", self.endpoint),
            ("AWS_ACCESS_KEY_ID", &self.account),
        ];
        variables.extend_from_slice(more);
        variables
    }

    /// The transactions table `transactions` with its index, and the guard table `guards`.
    pub(crate) async fn create_tables(&self) {
        let index = GlobalSecondaryIndex::builder()
            .index_name("status-timestamp")
            .set_key_schema(Some(schema("status", "timestamp")))
            .projection(Projection::builder().projection_type(ProjectionType::KeysOnly).build());
        let transactions = self.dynamodb.create_table().table_name("transactions");
        transactions
            .billing_mode(BillingMode::PayPerRequest)
            .set_attribute_definitions(Some(vec![text("transaction_id"), text("timestamp"), text("status")]))
            .set_key_schema(Some(schema("transaction_id", "timestamp")))
            .global_secondary_indexes(index.build().unwrap())
            .send()
            .await
            .unwrap();
        let id = KeySchemaElement::builder()
            .attribute_name("id")
            .key_type(KeyType::Hash)
            .build()
            .unwrap();
        let guards = self
            .dynamodb
            .create_table()
            .table_name("guards")
            .billing_mode(BillingMode::PayPerRequest);
        guards
            .attribute_definitions(text("id"))
            .key_schema(id)
            .send()
            .await
            .unwrap();
    }

    pub(crate) async fn put_item(&self, item: &Value) {
        let attributes = to_attributes(item.as_object().unwrap());
        self.dynamodb
            .put_item()
            .table_name("transactions")
            .set_item(Some(attributes))
            .send()
            .await
            .unwrap();
    }

    /// All transactions, as DynamoDB holds them.
    pub(crate) async fn attributes(&self) -> Vec<HashMap<String, AttributeValue>> {
        let output = self
            .dynamodb
            .scan()
            .table_name("transactions")
            .consistent_read(true)
            .send()
            .await;
        output.unwrap().items.unwrap_or_default()
    }

    /// All transactions, by id.
    pub(crate) async fn items(&self) -> Vec<Map<String, Value>> {
        let mut items: Vec<_> = self.attributes().await.iter().map(from_attributes).collect();
        items.sort_by_key(|item| item["transaction_id"].to_string());
        items
    }

    /// Creates a bucket whose name is unique on the server.
    pub(crate) async fn create_bucket(&self) -> String {
        let name = format!("audit-{}", self.account);
        self.s3.create_bucket().bucket(&name).send().await.unwrap();
        name
    }

    /// All objects of a bucket: key and content, decompressed where it is gzip.
    pub(crate) async fn objects(&self, bucket: &str) -> Vec<(String, String)> {
        let listed = self.s3.list_objects_v2().bucket(bucket).send().await.unwrap();
        let mut objects = Vec::new();
        for key in listed.contents().iter().filter_map(|o| o.key()) {
            let object = self.s3.get_object().bucket(bucket).key(key).send().await.unwrap();
            let gzip = object.content_encoding() == Some("gzip");
            let bytes = object.body.collect().await.unwrap().to_vec();
            let text = if gzip {
                std::io::read_to_string(flate2::read::GzDecoder::new(bytes.as_slice())).unwrap()
            } else {
                String::from_utf8(bytes).unwrap()
            };
            objects.push((key.to_owned(), text));
        }
        objects
    }

    /// A queue and its ARN.
    pub(crate) async fn create_queue(&self, name: &str) -> (String, String) {
        let client = aws_sdk_sqs::Client::new(&self.config);
        let url = client
            .create_queue()
            .queue_name(name)
            .send()
            .await
            .unwrap()
            .queue_url
            .unwrap();
        (url, format!("arn:aws:sqs:us-east-1:{}:{name}", self.account))
    }

    /// The bodies of the messages that arrive until `expected` are there, and any that come shortly after.
    pub(crate) async fn receive(&self, url: &str, expected: usize) -> Vec<Value> {
        let client = aws_sdk_sqs::Client::new(&self.config);
        let mut bodies = Vec::new();
        let deadline = Instant::now() + Duration::from_secs(20);
        let mut quiet_rounds = 0;
        while Instant::now() < deadline && quiet_rounds < 3 {
            let request = client.receive_message().queue_url(url).max_number_of_messages(10);
            let messages = request.send().await.unwrap().messages.unwrap_or_default();
            for message in &messages {
                let receipt = message.receipt_handle().unwrap();
                client
                    .delete_message()
                    .queue_url(url)
                    .receipt_handle(receipt)
                    .send()
                    .await
                    .unwrap();
                bodies.push(serde_json::from_str(message.body().unwrap()).unwrap());
            }
            quiet_rounds = if bodies.len() >= expected && messages.is_empty() {
                quiet_rounds + 1
            } else {
                0
            };
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        bodies
    }
}

/// An attribute that is text.
pub(crate) fn text(name: &str) -> AttributeDefinition {
    let attribute = AttributeDefinition::builder().attribute_name(name);
    attribute.attribute_type(ScalarAttributeType::S).build().unwrap()
}

/// The keys of a table or an index.
pub(crate) fn schema(hash: &str, range: &str) -> Vec<KeySchemaElement> {
    let element = |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build();
    vec![
        element(hash, KeyType::Hash).unwrap(),
        element(range, KeyType::Range).unwrap(),
    ]
}
