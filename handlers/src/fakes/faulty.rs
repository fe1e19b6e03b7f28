//! Ports that break at one call: the tests stop a handler at each of its calls, run it again, and look at what is there.

use std::future::Future;
use std::sync::Mutex;

use tokio::sync::Notify;

use super::*;

/// How a call breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// An error comes back, and nothing has happened.
    Refused,
    /// A time-out: an error comes back, and it has happened all the same.
    TimedOut,
    /// The process dies on its way to the call.
    DiesBefore,
    /// The process dies after the call has had its effect.
    DiesAfter,
}

/// All kinds.
pub(crate) const FAULTS: [Fault; 4] = [Fault::Refused, Fault::TimedOut, Fault::DiesBefore, Fault::DiesAfter];

/// What shall happen, and what has: shared by all ports of a handler.
#[derive(Default)]
pub(crate) struct Plan {
    state: Mutex<PlanState>,
    died: Notify,
}

#[derive(Default)]
struct PlanState {
    fault: Option<(usize, Fault)>,
    calls: Vec<&'static str>,
    broke: bool,
    dead: bool,
}

impl Plan {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// From here on the call with this number (from 0) breaks; `None` for a life without trouble.
    pub(crate) fn set(&self, fault: Option<(usize, Fault)>) {
        *self.state.lock().unwrap() = PlanState {
            fault,
            ..PlanState::default()
        };
    }

    /// Names of the calls since `set`.
    pub(crate) fn calls(&self) -> Vec<&'static str> {
        self.state.lock().unwrap().calls.clone()
    }

    /// Whether the fault has happened.
    pub(crate) fn broke(&self) -> bool {
        self.state.lock().unwrap().broke
    }

    /// Runs a handler to its end, or to its death: then there is no answer.
    pub(crate) async fn live<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.death() => None,
            result = work => Some(result),
        }
    }

    fn begin(&self, call: &'static str) -> Option<Fault> {
        let mut state = self.state.lock().unwrap();
        let number = state.calls.len();
        state.calls.push(call);
        let fault = state.fault.filter(|(at, _)| *at == number).map(|(_, fault)| fault);
        state.broke |= fault.is_some();
        fault
    }

    /// A notice of an earlier life does not count.
    async fn death(&self) {
        while !self.state.lock().unwrap().dead {
            self.died.notified().await;
        }
    }

    async fn die<T>(&self) -> T {
        self.state.lock().unwrap().dead = true;
        self.died.notify_one();
        std::future::pending().await
    }

    async fn around<T>(
        &self,
        call: &'static str,
        effect: impl Future<Output = Result<T, PortError>>,
    ) -> Result<T, PortError> {
        match self.begin(call) {
            None => effect.await,
            Some(Fault::Refused) => Err(PortError::transient(call, "ThrottlingException")),
            Some(Fault::TimedOut) => {
                effect.await?;
                Err(PortError::transient(call, "Timeout"))
            }
            Some(Fault::DiesBefore) => self.die().await,
            Some(Fault::DiesAfter) => {
                effect.await?;
                self.die().await
            }
        }
    }
}

/// A port with a plan.
pub(crate) struct Faulty<P: ?Sized> {
    port: Arc<P>,
    plan: Arc<Plan>,
}

impl<P: ?Sized> Faulty<P> {
    pub(crate) fn new(port: Arc<P>, plan: &Arc<Plan>) -> Arc<Self> {
        Arc::new(Self {
            port,
            plan: Arc::clone(plan),
        })
    }
}

/// Each method as a call of the plan. Types are in brackets so that `async_trait` sees their lifetimes.
macro_rules! faulty {
    ($($trait:ident { $($method:ident($($arg:ident: [$($type:tt)+]),*) -> [$($ok:tt)+];)+ })+) => {$(
        #[async_trait]
        impl<P: $trait + ?Sized> $trait for Faulty<P> {
            $(async fn $method(&self, $($arg: $($type)+),*) -> Result<$($ok)+, PortError> {
                self.plan.around(stringify!($method), self.port.$method($($arg),*)).await
            })+
        }
    )+};
}

faulty! {
    TransactionLedger {
        record(item: [&Item], guards: [&[Guard]]) -> [RecordOutcome];
        guard(id: [&str]) -> [Option<Guard>];
        put_guard(guard: [&Guard]) -> [RecordOutcome];
        put_item(item: [&Item]) -> [ItemOutcome];
    }
    PaymentStore {
        payment(key: [&Item]) -> [Option<Item>];
        mark_accounted(key: [&Item], now: [UtcMillis]) -> [UpdateOutcome];
        mark_reconciled(key: [&Item], now: [UtcMillis]) -> [UpdateOutcome];
    }
    StatusIndex { stuck(query: [&StuckQuery], start: [Option<&Item>]) -> [KeyPage]; }
    MessageQueue { send(body: [&str]) -> [()]; }
    EventBus { put(events: [&[BusEvent]]) -> [Vec<Option<String>>]; }
    WorkflowStarter { start(name: [&str], input: [&Value]) -> [()]; }
    ObjectStore { put_new(object: [&NewObject]) -> [PutOutcome]; }
    AnalysisStore {
        save_analysis(key: [&ItemKey], analysis: [&Value], now: [UtcMillis]) -> [UpdateOutcome];
        claim_alert(key: [&ItemKey], now: [UtcMillis], lease_until: [UtcMillis]) -> [AlertClaim];
        confirm_alert(key: [&ItemKey], now: [UtcMillis]) -> [()];
        release_alert(key: [&ItemKey]) -> [()];
    }
    AlertTopic { publish(alert: [&Alert]) -> [()]; }
    FunctionInvoker {
        invoke(payload: [&Value]) -> [Value];
        invoke_async(payload: [&Value]) -> [()];
    }
    ArchiveSource {
        page(status: [&str], before: [UtcMillis], limit: [u32], start: [Option<&Map<String, Value>>]) -> [Page];
        dispose(item: [&Item], disposal: [Disposal], now: [UtcMillis]) -> [bool];
    }
    SecretSource { fetch() -> [String]; }
}
