//! A proxy in front of the sandbox that misbehaves on request: it refuses, delays or loses calls, and it can stop the
//! whole cloud at the n-th writing call, so that a test can kill the provider at exactly that point.
//!
//! ```no_run
//! # async fn example(endpoint: &str) -> tap_acceptance_tests::Result<()> {
//! use tap_acceptance_tests::proxy::{Fault, Proxy};
//!
//! let proxy = Proxy::start(endpoint).await?;
//! proxy.inject("states:CreateStateMachine", Fault::denied());
//! // … an apply with AWS_ENDPOINT_URL = proxy.endpoint() fails at the state machine …
//! proxy.heal();
//! # Ok(()) }
//! ```

mod answer;
mod call;
mod wire;

use crate::{Error, Result};
use answer::refusal;
pub use call::Call;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use wire::{Connection, Message};

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The service answers this error; the call has no effect.
    Refuse {
        /// The HTTP status.
        status: u16,
        /// The error code, such as `AccessDeniedException`.
        code: &'static str,
    },
    /// The call takes effect and its answer never arrives: the connection is closed.
    LoseAnswer,
    /// The call never reaches the service: the connection is closed.
    LoseRequest,
    /// The call is passed on this much later.
    Delay(Duration),
}

impl Fault {
    /// What no retry can heal.
    pub fn denied() -> Self {
        Self::Refuse {
            status: 403,
            code: "AccessDeniedException",
        }
    }
}

/// Whether the call at which the cloud stops still takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// The call does not reach the service.
    Before,
    /// The call takes effect, its answer does not arrive.
    After,
}

#[derive(Debug)]
struct Rule {
    operation: String,
    /// `None`: in every region.
    region: Option<String>,
    fault: Fault,
    /// `None`: for ever.
    left: Option<usize>,
}

#[derive(Debug, Default)]
struct Plans {
    rules: Vec<Rule>,
    calls: Vec<Call>,
    writes: usize,
    stop: Option<(usize, Stop)>,
}

#[derive(Debug)]
struct Shared {
    upstream: String,
    plans: Mutex<Plans>,
    /// True while the cloud stands still: nothing is passed on and nothing is answered.
    frozen: watch::Sender<bool>,
}

/// A running proxy; dropping it ends it.
#[derive(Debug)]
pub struct Proxy {
    endpoint: String,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

/// What is to be done with one call.
struct Verdict {
    fault: Option<Fault>,
    stop: Option<Stop>,
}

impl Proxy {
    /// Listens on a free port of 127.0.0.1 and passes everything on to `endpoint`.
    ///
    /// # Errors
    /// [`Error::Program`] when no port can be had.
    pub async fn start(endpoint: &str) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.map_err(Error::program("proxy"))?;
        let port = listener.local_addr().map_err(Error::program("proxy"))?.port();
        let shared = Arc::new(Shared {
            upstream: endpoint.trim_start_matches("http://").to_owned(),
            plans: Mutex::default(),
            frozen: watch::Sender::new(false),
        });
        let accepting = tokio::spawn(accept(listener, shared.clone()));
        Ok(Self {
            endpoint: format!("http://{}:{port}", Ipv4Addr::LOCALHOST),
            shared,
            accepting,
        })
    }

    /// What `AWS_ENDPOINT_URL` is to be.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Every call whose operation begins with `operation` goes wrong from now on; the empty text means every call.
    pub fn inject(&self, operation: &str, fault: Fault) {
        self.add(operation, None, fault, None);
    }

    /// Every call to this region goes wrong from now on; IAM and Route 53 are in `us-east-1` ([`Call::region`]).
    pub fn inject_in(&self, region: &str, fault: Fault) {
        self.add("", Some(region), fault, None);
    }

    /// The next `times` such calls go wrong.
    pub fn inject_times(&self, operation: &str, fault: Fault, times: usize) {
        self.add(operation, None, fault, Some(times));
    }

    fn add(&self, operation: &str, region: Option<&str>, fault: Fault, left: Option<usize>) {
        self.shared.plans().rules.push(Rule {
            operation: operation.to_owned(),
            region: region.map(str::to_owned),
            fault,
            left,
        });
    }

    /// Nothing goes wrong any more.
    pub fn heal(&self) {
        self.shared.plans().rules.clear();
    }

    /// What has been called since the last [`Self::forget`].
    pub fn calls(&self) -> Vec<Call> {
        self.shared.plans().calls.clone()
    }

    /// How many of them could change something.
    pub fn writes(&self) -> usize {
        self.shared.plans().writes
    }

    /// Begins to count anew.
    pub fn forget(&self) {
        let mut plans = self.shared.plans();
        plans.calls.clear();
        plans.writes = 0;
    }

    /// The cloud stands still from the `number`-th writing call on, counted from now.
    pub fn stop_at(&self, number: usize, stop: Stop) {
        self.forget();
        self.shared.plans().stop = Some((number, stop));
    }

    /// Waits until the cloud stands still.
    pub async fn stopped(&self) {
        // The sender lives as long as `self`.
        let _ = self.shared.frozen.subscribe().wait_for(|frozen| *frozen).await;
    }

    /// Whether the cloud stands still.
    pub fn is_stopped(&self) -> bool {
        *self.shared.frozen.borrow()
    }

    /// The cloud answers again; calls that waited are closed, their callers being dead.
    pub fn resume(&self) {
        self.shared.plans().stop = None;
        self.shared.frozen.send_replace(false);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Shared {
    fn plans(&self) -> MutexGuard<'_, Plans> {
        self.plans.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn judge(&self, call: &Call) -> Verdict {
        let mut plans = self.plans();
        plans.writes += usize::from(call.writes);
        plans.calls.push(call.clone());
        let writes = plans.writes;
        let stop = plans
            .stop
            .filter(|(number, _)| call.writes && writes == *number)
            .map(|(_, stop)| stop);
        if stop == Some(Stop::Before) {
            self.frozen.send_replace(true);
        }
        let rule = plans.rules.iter_mut().find(|rule| {
            let is_there = rule.region.as_ref().is_none_or(|region| *region == call.region);
            rule.left != Some(0) && is_there && call.operation.starts_with(&rule.operation)
        });
        let fault = rule.map(|rule| {
            rule.left = rule.left.map(|left| left - 1);
            rule.fault
        });
        Verdict { fault, stop }
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        let shared = shared.clone();
        // A client that goes away in the middle of a call is what some tests are about.
        tokio::spawn(async move { serve(client, &shared).await.ok() });
    }
}

/// Serves one connection; ending it closes it.
async fn serve(client: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut client = Connection::new(client);
    let mut frozen = shared.frozen.subscribe();
    while let Some(request) = client.request().await? {
        // Who comes to a cloud that stands still waits until it moves again, and is then turned away.
        if *frozen.borrow() {
            moving(&mut frozen).await;
            return Ok(());
        }
        let call = Call::of(&request);
        let verdict = shared.judge(&call);
        if verdict.stop == Some(Stop::Before) {
            moving(&mut frozen).await;
            return Ok(());
        }
        let answer = match verdict.fault {
            Some(Fault::LoseRequest) => return Ok(()),
            Some(Fault::Refuse { status, code }) => refusal(&request, &call, status, code),
            Some(Fault::Delay(time)) => {
                tokio::time::sleep(time).await;
                pass_on(&request, shared).await?
            }
            Some(Fault::LoseAnswer) | None => pass_on(&request, shared).await?,
        };
        if verdict.stop == Some(Stop::After) {
            shared.frozen.send_replace(true);
        }
        if *frozen.borrow() {
            moving(&mut frozen).await;
            return Ok(());
        }
        if verdict.fault == Some(Fault::LoseAnswer) {
            return Ok(());
        }
        client.answer(&answer).await?;
    }
    Ok(())
}

/// Waits until the cloud moves again.
async fn moving(frozen: &mut watch::Receiver<bool>) {
    // The sender lives as long as what is borrowed here.
    let _ = frozen.wait_for(|frozen| !*frozen).await;
}

/// A connection of its own for each call: simple, and cheap on one machine.
async fn pass_on(request: &Message, shared: &Shared) -> std::io::Result<Message> {
    let mut upstream = Connection::new(TcpStream::connect(&shared.upstream).await?);
    upstream.pass_on(request, &shared.upstream).await
}
