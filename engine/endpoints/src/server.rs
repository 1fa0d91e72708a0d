//! Listens on loopback, bounds what connections may take, and hands requests to who answers them.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use dayfly_dialog::CliError;
use dayfly_net::peer;
use dayfly_supervisor::Sockets;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::answer::Answer;
use crate::authorization;
use crate::refusals::{Refusals, Told};
use crate::source::BoxFuture;

/// Connections at once that have said nothing yet. Where there is one more, those that have been
/// silent for the longest give way: whoever holds connections open keeps nobody out.
const CONNECTIONS: usize = 256;
/// Requests at once. Whoever waits for a cloud that hangs keeps nobody from being answered who has
/// not to wait; beyond this the answer is at once that it is too much.
const REQUESTS: usize = 640;
/// How many give way at once.
const ROOM: usize = 32;
/// Connections that the system holds until they are taken; who finds no room tries again after a
/// second.
const WAITING: u32 = 4_096;
/// How long a client may take to say what it wants.
const HEAD: Duration = Duration::from_secs(5);

/// What answers the requests that were let in.
pub(crate) trait EndpointHandler: Send + Sync + 'static {
    /// Names it in what is recorded.
    fn name(&self) -> &'static str;

    /// The answer.
    fn answer<'a>(&'a self, request: &'a Request<Incoming>) -> BoxFuture<'a, Answer>;

    /// How many hosts an answer may pass; none: as the system has it.
    fn hops(&self) -> Option<u32> {
        None
    }
}

/// A port of 127.0.0.1 that is listened on; closed when dropped.
#[derive(Debug)]
pub(crate) struct Listening {
    pub address: SocketAddr,
    task: JoinHandle<()>,
    /// Ends with the last conversation.
    talking: tokio::sync::Mutex<mpsc::Receiver<()>>,
    sockets: Arc<Sockets>,
    name: &'static str,
    left_open: AtomicBool,
}

impl Listening {
    /// Listens on this port where it is free, else, where it need not be that one, on another. A socket that the process
    /// before handed over is used where it has the wanted port.
    pub(crate) async fn start(
        port: Port,
        handler: impl EndpointHandler,
        told: impl Told,
        sockets: Arc<Sockets>,
    ) -> Result<Self, CliError> {
        let failed = |e: io::Error| CliError::failed(format!("cannot listen on loopback: {e}"));
        let name = handler.name();
        let came = sockets.tcp(name).filter(|socket| port.is_of(socket));
        let came = came.map(TcpListener::from_std).transpose();
        let listener = match came.map_err(failed)? {
            Some(listener) => listener,
            None => open(port)?,
        };
        let address = listener.local_addr().map_err(failed)?;
        sockets.keep(name, &listener);
        let refusals = Refusals::new(name, told);
        let shared = Arc::new((handler, refusals));
        let (talk, talking) = mpsc::channel(1);
        let task = tokio::spawn(serve(listener, shared, address, talk));
        Ok(Self {
            address,
            task,
            talking: tokio::sync::Mutex::new(talking),
            sockets,
            name,
            left_open: AtomicBool::new(false),
        })
    }

    /// Takes no more connections, which then wait for the process after this one, and gives those that talk this long
    /// to end.
    pub(crate) async fn hand_over(&self, patience: Duration) {
        self.left_open.store(true, Ordering::SeqCst);
        self.task.abort();
        let _ = timeout(patience, self.talking.lock().await.recv()).await;
    }
}

fn open(port: Port) -> Result<TcpListener, CliError> {
    let failed = |e: io::Error| CliError::failed(format!("cannot listen on loopback: {e}"));
    match port {
        Port::Any => listen(0).map_err(failed),
        Port::Rather(port) => listen(port).or_else(|_| listen(0)).map_err(failed),
        Port::Only(port) => listen(port).map_err(|e| {
            CliError::failed(format!("cannot listen on port {port} of 127.0.0.1: {e}"))
        }),
    }
}

fn listen(port: u16) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    #[cfg(not(windows))]
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    socket.listen(WAITING)
}

/// Which port to listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    /// One that is free.
    Any,
    /// This one, or where it is taken another.
    Rather(u16),
    /// This one or none.
    Only(u16),
}

impl Port {
    /// Whether this socket on loopback has the port.
    fn is_of(self, socket: &std::net::TcpListener) -> bool {
        let address = socket.local_addr();
        address.is_ok_and(|address| {
            let fits = match self {
                Self::Any => true,
                Self::Rather(port) | Self::Only(port) => address.port() == port,
            };
            fits && address.ip() == Ipv4Addr::LOCALHOST
        })
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
        if !self.left_open.load(Ordering::SeqCst) {
            self.sockets.forget(self.name);
        }
    }
}

async fn serve<D: EndpointHandler, T: Told>(
    listener: TcpListener,
    shared: Arc<(D, Refusals<T>)>,
    own: SocketAddr,
    talk: mpsc::Sender<()>,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let requests = Arc::new(Semaphore::new(REQUESTS));
    let mut guests = Connections::default();
    loop {
        let (stream, from) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(_) => {
                // Too many open files, say; later there may be room again.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        if places.available_permits() == 0 {
            guests.make_room();
        }
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let (shared, guest) = (Arc::clone(&shared), guests.accept(place));
        let requests = Arc::clone(&requests);
        let talks = talk.clone();
        tokio::spawn(async move {
            let _talks = talks;
            let talk = converse(stream, from, shared, own, &guest, &requests);
            tokio::pin!(talk);
            // A client that goes away is no matter.
            tokio::select! {
                biased;
                _ = &mut talk => {}
                () = guest.cut.notified() => {
                    if guest.heard.load(Ordering::SeqCst) {
                        let _ = talk.await;
                    }
                }
            }
        });
    }
}

/// Who is connected.
#[derive(Debug, Default)]
struct Guest {
    /// A whole request has come.
    heard: AtomicBool,
    /// Kept until then.
    place: Mutex<Option<OwnedSemaphorePermit>>,
    /// Another has the place.
    cut: Notify,
}

/// Those who are connected, the longest first.
#[derive(Debug, Default)]
struct Connections(VecDeque<Weak<Guest>>);

impl Connections {
    fn accept(&mut self, place: OwnedSemaphorePermit) -> Arc<Guest> {
        if self.0.len() >= CONNECTIONS * 2 {
            self.0.retain(|guest| guest.strong_count() > 0);
        }
        let guest = Arc::new(Guest {
            place: Mutex::new(Some(place)),
            ..Guest::default()
        });
        self.0.push_back(Arc::downgrade(&guest));
        guest
    }

    fn make_room(&mut self) {
        let mut room = 0;
        while room < ROOM {
            let Some(oldest) = self.0.pop_front() else {
                return;
            };
            if let Some(guest) = oldest.upgrade()
                && !guest.heard.load(Ordering::SeqCst)
            {
                guest.cut.notify_one();
                room += 1;
            }
        }
    }
}

async fn converse<D: EndpointHandler, T: Told>(
    stream: TcpStream,
    from: SocketAddr,
    shared: Arc<(D, Refusals<T>)>,
    own: SocketAddr,
    guest: &Guest,
    requests: &Arc<Semaphore>,
) -> Result<(), hyper::Error> {
    // Small answers, each waited for.
    let _ = stream.set_nodelay(true);
    if let Some(hops) = shared.0.hops() {
        let _ = stream.set_ttl(hops);
    }
    // Looked at with the first request, as many connections come to none.
    let foreign = std::sync::OnceLock::new();
    let foreign = Arc::new(foreign);
    let service = service_fn(move |request: Request<Incoming>| {
        let (shared, foreign) = (Arc::clone(&shared), Arc::clone(&foreign));
        guest.heard.store(true, Ordering::SeqCst);
        let place = guest
            .place
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let waiting = Arc::clone(requests).try_acquire_owned();
        drop(place);
        async move {
            let (handler, refusals) = &*shared;
            let foreign = *foreign.get_or_init(|| peer::is_foreign(from, own));
            let answer = match authorization::enters(request.headers(), own.port(), foreign) {
                Ok(()) if waiting.is_err() => {
                    let why = "too many requests are waiting for an answer; try again later";
                    Answer::none(StatusCode::SERVICE_UNAVAILABLE, why)
                }
                Ok(()) => handler.answer(&request).await,
                Err((status, why)) => Answer::refusal(status, why),
            };
            let (response, why) = answer.into_parts();
            if let Some(why) = why {
                refusals.note(why);
            }
            Ok::<_, std::convert::Infallible>(response)
        }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        // One request each: who waits for nothing holds no place.
        .keep_alive(false)
        .max_buf_size(16 << 10)
        .serve_connection(TokioIo::new(stream), service)
        .await
}
