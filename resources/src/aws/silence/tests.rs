//! The real clients on a network that fails as told, in virtual time.

use std::fmt;

use aws_config::{BehaviorVersion, Region as Name, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use futures::future::join_all;

use super::*;
use crate::aws::connect::{Connection, retries, timeouts};
use crate::aws::{Aws, AwsOptions};

const DOWN: &str = "eu-west-1";
const UP: &str = "us-east-1";

/// What a request meets.
#[derive(Debug, Clone, Copy)]
enum Line {
    Refused,
    /// The connection's packets are lost; the client stops waiting after its five seconds.
    Lost,
    /// The connection is there, the answer never comes.
    Mute,
    Answers(u16, &'static str),
}

const FINE: Line = Line::Answers(200, "{}");
const BROKEN: Line = Line::Answers(503, "{}");
const THROTTLED: Line = Line::Answers(400, r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#);

/// Host, number of the request among those to this host (from 0), time since the start.
type Script = dyn Fn(&str, usize, Duration) -> Line + Send + Sync;

#[derive(Clone)]
struct Network(Arc<Inner>);

struct Inner {
    script: Box<Script>,
    start: Instant,
    hosts: Mutex<Vec<String>>,
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Network")
    }
}

impl Network {
    fn new(script: impl Fn(&str, usize, Duration) -> Line + Send + Sync + 'static) -> Self {
        Self(Arc::new(Inner {
            script: Box::new(script),
            start: Instant::now(),
            hosts: Mutex::default(),
        }))
    }

    /// The same for every request to the region that is down; the others are fine.
    fn down(line: Line) -> Self {
        Self::new(move |host, _, _| if host.contains(DOWN) { line } else { FINE })
    }

    fn now(&self) -> Duration {
        self.0.start.elapsed()
    }

    /// Requests to hosts with this in their name.
    fn requests(&self, part: &str) -> usize {
        let hosts = self.0.hosts.lock().unwrap();
        hosts.iter().filter(|host| host.contains(part)).count()
    }

    fn aws(&self) -> Aws {
        self.aws_with(&Connection::default())
    }

    fn aws_with(&self, connection: &Connection) -> Aws {
        let connector = SharedHttpConnector::new(self.clone());
        let credentials = Credentials::new("AKIDEXAMPLE", "secret", None, None, "test");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Name::new(UP))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(http_client_fn(move |_, _| connector.clone()))
            .retry_config(retries(connection))
            .timeout_config(timeouts())
            .build();
        Aws::new(config, AwsOptions::default(), "111122223333".into(), "aws".into())
    }
}

impl HttpConnector for Network {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let host = request.uri().split('/').nth(2).unwrap().to_owned();
        let number = self.requests(&host);
        self.0.hosts.lock().unwrap().push(host.clone());
        let line = (self.0.script)(&host, number, self.now());
        HttpConnectorFuture::new(async move {
            match line {
                Line::Refused => Err(ConnectorError::io("connection refused".into())),
                Line::Lost => {
                    tokio::time::sleep(Duration::from_secs(5)).await;
                    Err(ConnectorError::timeout("no connection".into()))
                }
                Line::Mute => std::future::pending().await,
                Line::Answers(status, body) => Ok(HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body))),
            }
        })
    }
}

async fn queues(aws: &Aws, region: &str) -> bool {
    aws.sqs(region).list_queues().send().await.is_ok()
}

async fn keys(aws: &Aws, region: &str) -> bool {
    aws.kms(region).list_keys().send().await.is_ok()
}

#[tokio::test(start_paused = true)]
async fn a_region_without_an_answer_is_given_up_soon_and_asked_once_from_then_on() {
    for (line, limit) in [(Line::Refused, 13), (Line::Lost, 20), (Line::Mute, 190)] {
        let network = Network::down(line);
        let aws = network.aws();
        assert!(!queues(&aws, DOWN).await);
        let taken = network.now();
        assert!(
            (PATIENCE..Duration::from_secs(limit)).contains(&taken),
            "{line:?}: {taken:?}"
        );
        let asked = network.requests(DOWN);
        assert!(asked >= 3, "{line:?}: {asked}");

        assert!(!queues(&aws, DOWN).await);
        assert_eq!(network.requests(DOWN), asked + 1, "{line:?}: the same service");
        assert!(!keys(&aws, DOWN).await);
        assert_eq!(network.requests(DOWN), asked + 2, "{line:?}: another service");
        assert!(
            queues(&aws, UP).await && keys(&aws, UP).await,
            "{line:?}: another region"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_said_of_it_is_the_reason_and_not_the_clients_insides() {
    let aws = Network::down(Line::Refused).aws();
    let error = aws.sqs(DOWN).list_queues().send().await.unwrap_err();
    assert_eq!(
        crate::aws::call::reasons(&error),
        "dispatch failure: io error: connection refused"
    );
}

#[tokio::test(start_paused = true)]
async fn many_calls_side_by_side_give_a_region_up_together() {
    let network = Network::down(Line::Refused);
    let aws = network.aws();
    let calls = (0..40).map(|_| queues(&aws, DOWN));
    assert!(join_all(calls).await.iter().all(|fine| !fine));
    assert!(network.now() < Duration::from_secs(13), "{:?}", network.now());
}

#[tokio::test(start_paused = true)]
async fn a_hiccup_fails_no_call() {
    let twice = Network::new(|_, number, _| if number < 2 { Line::Refused } else { FINE });
    assert!(queues(&twice.aws(), DOWN).await);
    assert_eq!(twice.requests(DOWN), 3);

    let seconds = Network::new(|_, _, now| if now.as_secs() < 8 { Line::Refused } else { FINE });
    let aws = seconds.aws();
    let calls = (0..40).map(|_| queues(&aws, DOWN));
    assert!(join_all(calls).await.iter().all(|fine| *fine));
}

#[tokio::test(start_paused = true)]
async fn a_region_that_has_answered_before_is_waited_for_longer_and_given_up_service_by_service() {
    let until = |end: u64| {
        Network::new(move |_, number, now| {
            if number > 0 && now.as_secs() < end {
                Line::Refused
            } else {
                FINE
            }
        })
    };
    let network = until(40);
    let aws = network.aws();
    assert!(queues(&aws, DOWN).await && queues(&aws, DOWN).await);
    assert!(network.now().as_secs() >= 40);

    let network = until(1_000);
    let aws = network.aws();
    assert!(queues(&aws, DOWN).await && keys(&aws, DOWN).await);
    assert!(!queues(&aws, DOWN).await);
    assert!((45..60).contains(&network.now().as_secs()), "{:?}", network.now());
    assert!(!keys(&aws, DOWN).await);
    assert!(
        network.now().as_secs() >= 90,
        "one broken service is no region that is down: {:?}",
        network.now()
    );
}

#[tokio::test(start_paused = true)]
async fn a_region_that_is_back_has_its_retries_back() {
    let network = Network::new(|_, _, now| match now.as_secs() {
        100..200 | 202.. => FINE,
        _ => Line::Refused,
    });
    let aws = network.aws();
    assert!(!queues(&aws, DOWN).await);
    tokio::time::sleep_until(network.0.start + Duration::from_secs(150)).await;
    assert!(queues(&aws, DOWN).await);
    tokio::time::sleep_until(network.0.start + Duration::from_secs(200)).await;
    assert!(queues(&aws, DOWN).await, "refused at first, repeated");
}

#[tokio::test(start_paused = true)]
async fn throttles_and_5xx_of_a_living_service_have_the_whole_budget() {
    for (line, heard) in [(THROTTLED, false), (THROTTLED, true), (BROKEN, true)] {
        // Three calls of 25 attempts each: more than the SDK's own quota would allow.
        let network = Network::new(move |host, number, _| {
            let is_last = number % 25 == 24;
            if host.starts_with("kms") && !is_last {
                line
            } else {
                FINE
            }
        });
        let aws = network.aws();
        assert!(!heard || queues(&aws, DOWN).await);
        for call in 1..=3 {
            assert!(keys(&aws, DOWN).await, "{line:?}, call {call}");
            assert_eq!(network.requests("kms"), call * 25);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_region_that_answers_only_5xx_is_given_up_after_a_minute() {
    let network = Network::down(BROKEN);
    let aws = network.aws();
    assert!(!queues(&aws, DOWN).await);
    assert!((60..75).contains(&network.now().as_secs()), "{:?}", network.now());
    let asked = network.requests(DOWN);
    assert!(!keys(&aws, DOWN).await);
    assert_eq!(network.requests(DOWN), asked + 1);
}

#[tokio::test(start_paused = true)]
async fn global_services_and_regions_are_given_up_apart() {
    let network = Network::new(|_, _, _| Line::Refused);
    let aws = network.aws();
    assert!(!queues(&aws, DOWN).await);
    for (part, least) in [("iam", 3), ("iam", 1)] {
        let before = network.requests(part);
        assert!(aws.iam(DOWN).list_roles().send().await.is_err());
        assert!(network.requests(part) - before >= least);
    }
    let asked = network.requests("iam");
    assert!(aws.iam(UP).list_roles().send().await.is_err());
    assert_eq!(network.requests("iam"), asked + 1, "one endpoint, whatever the region");
    assert!(!queues(&aws, UP).await);
    assert!(network.requests(UP) >= 3);
}

#[tokio::test(start_paused = true)]
async fn the_users_own_settings_hold() {
    let few = Connection {
        max_retries: Some(2),
        ..Connection::default()
    };
    let network = Network::down(Line::Refused);
    let aws = network.aws_with(&few);
    assert!(!queues(&aws, DOWN).await);
    assert_eq!(network.requests(DOWN), 2);
    assert!(!queues(&aws, DOWN).await);
    assert_eq!(
        network.requests(DOWN),
        4,
        "two attempts are no proof that a region is down"
    );

    let adaptive = Connection {
        adaptive: true,
        ..Connection::default()
    };
    let network = Network::down(Line::Refused);
    assert!(!queues(&network.aws_with(&adaptive), DOWN).await);
    assert!(network.now() < Duration::from_secs(13), "{:?}", network.now());
}
