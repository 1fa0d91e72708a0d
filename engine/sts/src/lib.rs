//! An AWS STS of our own on loopback, for `dayfly demo`.
//!
//! It speaks the Query protocol that the AWS SDKs and the AWS CLI speak, checks signatures,
//! session tokens and expiry, and issues credentials that live as briefly as the demo wants.
//! It can be told to fail, so that the demo can show how the engine recovers. It is no AWS:
//! there are users, roles and what they are told here, and no policies.

mod accounts;
mod options;
mod signature;
mod wire;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::{AbortHandle, JoinSet};

pub use crate::options::{EmulatedRole, EmulatorOptions};

use crate::accounts::Accounts;
use crate::wire::{Action, Answer, Refusal};

/// The most bytes of a request's body; a session policy has 2,048 characters at most.
const BODY_MAX: usize = 64 * 1024;
/// The most connections at once; more wait.
const CONNECTIONS_MAX: usize = 128;
/// How long a client may take to send the head of a request, and its body.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How the emulator fails when it is told to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Status 503, code `ServiceUnavailable`.
    Unavailable,
    /// Status 400, code `Throttling`, with `Retry-After` in seconds.
    Throttling {
        /// The seconds.
        retry_after: u32,
    },
    /// Connections are closed without an answer.
    HangUp,
}

/// How often each thing was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// Successful `GetSessionToken`.
    pub get_session_token: u64,
    /// Successful `AssumeRole`.
    pub assume_role: u64,
    /// Successful `GetCallerIdentity`.
    pub get_caller_identity: u64,
    /// Requests that were refused for a reason of their own.
    pub refused: u64,
    /// Requests that failed because the emulator was told to fail.
    pub faulted: u64,
}

/// The emulator, for as long as this lives.
#[derive(Debug)]
pub struct StsEmulator {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: AbortHandle,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    accounts: Accounts,
    calls: Calls,
    fault: Option<(Fault, Option<Instant>)>,
}

impl StsEmulator {
    /// Starts the emulator on a free port of 127.0.0.1. Needs a Tokio runtime.
    ///
    /// # Errors
    /// No port could be had.
    pub async fn start(options: EmulatorOptions) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                accounts: Accounts::new(options),
                calls: Calls::default(),
                fault: None,
            }),
        });
        let server = tokio::spawn(serve(listener, Arc::clone(&shared))).abort_handle();
        Ok(Self {
            address,
            shared,
            server,
        })
    }

    /// What clients take as the endpoint of STS.
    pub fn endpoint_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Answers 503 from now on, or works again.
    pub fn set_outage(&self, outage: bool) {
        self.set_fault(outage.then_some(Fault::Unavailable));
    }

    /// Fails in this way from now on, or works again.
    pub fn set_fault(&self, fault: Option<Fault>) {
        self.shared.lock().fault = fault.map(|fault| (fault, None));
    }

    /// Fails in this way for a while, then works again by itself.
    pub fn fail_for(&self, fault: Fault, span: Duration) {
        self.shared.lock().fault = Some((fault, Instant::now().checked_add(span)));
    }

    /// What happened so far.
    pub fn calls(&self) -> Calls {
        self.shared.lock().calls
    }
}

impl Drop for StsEmulator {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The fault that is in force, counted.
    fn fault(&self) -> Option<Fault> {
        let mut state = self.lock();
        let (fault, until) = state.fault?;
        if until.is_some_and(|until| until <= Instant::now()) {
            state.fault = None;
            return None;
        }
        state.calls.faulted += 1;
        Some(fault)
    }

    /// Does what a complete request asks for.
    fn act(&self, request: &wire::Incoming, now: SystemTime) -> Result<Answer, Refusal> {
        let mut state = self.lock();
        let answer = wire::action(request).and_then(|action| {
            state
                .accounts
                .act(request, &action, now)
                .map(|a| (action, a))
        });
        let calls = &mut state.calls;
        match answer {
            Ok((action, answer)) => {
                match action {
                    Action::GetSessionToken { .. } => calls.get_session_token += 1,
                    Action::AssumeRole(_) => calls.assume_role += 1,
                    Action::GetCallerIdentity => calls.get_caller_identity += 1,
                }
                Ok(answer)
            }
            Err(refusal) => {
                calls.refused += 1;
                Err(refusal)
            }
        }
    }
}

/// Accepts connections until it is aborted, and with it every connection.
async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let shared = Arc::clone(&shared);
                connections.spawn(async move {
                    connection(stream, shared).await;
                    drop(permit);
                });
            }
            // Out of descriptors, most likely: others will close.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>) {
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { respond(request, &shared).await }
    });
    // A client that goes away is no event here.
    let _ = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(TIMEOUT)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// Answers one request; an error closes the connection.
async fn respond(
    request: Request<Incoming>,
    shared: &Shared,
) -> Result<Response<Full<Bytes>>, io::Error> {
    let id = uuid::Uuid::new_v4().to_string();
    match shared.fault() {
        Some(Fault::HangUp) => return Err(io::ErrorKind::ConnectionAborted.into()),
        Some(Fault::Unavailable) => return Ok(wire::refuse(&Refusal::unavailable(), &id)),
        Some(Fault::Throttling { retry_after }) => {
            return Ok(wire::refuse(&Refusal::throttled(retry_after), &id));
        }
        None => {}
    }
    let (head, body) = request.into_parts();
    let body = tokio::time::timeout(TIMEOUT, Limited::new(body, BODY_MAX).collect())
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
        .map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?
        .to_bytes();
    let request = wire::Incoming { head, body };
    let answer = shared.act(&request, SystemTime::now());
    Ok(match answer {
        Ok(answer) => wire::answer(&answer, &id),
        Err(refusal) => wire::refuse(&refusal, &id),
    })
}
