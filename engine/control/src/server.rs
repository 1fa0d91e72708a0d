//! Answers commands for a running engine.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use std::{fs, io};

use dayfly_core::input::UserInput;
use dayfly_core::session::SessionId;
use dayfly_dialog::{CliError, Code};
use dayfly_runtime::{Handle, Home};
use dayfly_supervisor::Sockets;
use dayfly_vault::private_file;
use serde::Serialize;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::unix::WriteHalf;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::credentials::Given;
use crate::protocol::{self, Access, Answer, By, OK, REQUEST, Request};
use crate::request_slots::{Class, RequestSlots, Silent};
use crate::{azure_token, client, respond};

/// How long a peer may take to ask, and to take the answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Where programs ask for credentials of the running engine.
pub trait Endpoints: Send + Sync + 'static {
    /// Where a program finds those of a session, and with which token; the tokens of the session are made
    /// new first where `renew` says so.
    fn access(&self, session: &str, by: By, renew: bool) -> Result<Access, CliError>;
}

/// The name of this socket among those that outlive a process.
pub const SOCKET: &str = "control";

/// A listening socket; gone when dropped, where Dayfly opened it itself.
#[derive(Debug)]
pub struct Server {
    path: PathBuf,
    task: JoinHandle<()>,
    /// Ends with the last conversation.
    talking: mpsc::Receiver<()>,
    sockets: Arc<Sockets>,
    left_open: bool,
}

impl Server {
    /// Listens. The caller has to be the one engine of this home: a socket that is there already
    /// is taken for one that a killed engine left. One that came with this process is used, if it is the
    /// socket of this home.
    pub fn start(
        home: &Home,
        handle: Handle,
        doors: Arc<dyn Endpoints>,
        sockets: Arc<Sockets>,
    ) -> Result<Self, CliError> {
        let path = home.socket();
        let came = sockets.unix(SOCKET).filter(|socket| is_at(socket, &path));
        let listener = match came {
            Some(socket) => UnixListener::from_std(socket),
            None => bind(&path),
        };
        let listener = listener.map_err(|e| {
            let message = format!("cannot listen at {}: {e}", path.display());
            CliError::failed(message)
        })?;
        sockets.keep(SOCKET, &listener);
        let (talk, talking) = mpsc::channel(1);
        let task = tokio::spawn(serve(listener, handle, doors, talk));
        Ok(Self {
            path,
            task,
            talking,
            left_open: sockets.is_of_manager(SOCKET),
            sockets,
        })
    }

    /// Takes no more connections, which then wait for the process after this one, and gives those that talk this long
    /// to end.
    pub async fn hand_over(mut self, patience: Duration) {
        self.left_open = true;
        self.task.abort();
        let _ = timeout(patience, self.talking.recv()).await;
    }
}

/// Whether the socket is the one at this path.
fn is_at(socket: &std::os::unix::net::UnixListener, path: &Path) -> bool {
    let address = socket.local_addr();
    let at = address.is_ok_and(|address| address.as_pathname() == Some(path));
    at && fs::symlink_metadata(path).is_ok_and(|meta| {
        use std::os::unix::fs::FileTypeExt as _;
        meta.file_type().is_socket() && meta.mode() & 0o077 == 0
    })
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
        if self.left_open {
            return;
        }
        self.sockets.forget(SOCKET);
        // Where it cannot be removed, the next engine does it.
        let _ = fs::remove_file(&self.path);
    }
}

fn bind(path: &Path) -> io::Result<UnixListener> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    private_file::create_folder(folder).map_err(io::Error::other)?;
    let meta = fs::symlink_metadata(folder)?;
    let private = meta.is_dir()
        && meta.uid() == rustix::process::geteuid().as_raw()
        && meta.mode() & 0o077 == 0;
    if !private {
        let message = format!(
            "other users have access to {}; run: chmod 700",
            folder.display()
        );
        return Err(io::Error::other(message));
    }
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

async fn serve(
    listener: UnixListener,
    handle: Handle,
    doors: Arc<dyn Endpoints>,
    talk: mpsc::Sender<()>,
) {
    let places = Arc::new(RequestSlots::new());
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(_) => {
                // Too many open files, say; later there may be room again.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (handle, doors) = (handle.clone(), Arc::clone(&doors));
        let (places, silent) = (Arc::clone(&places), places.accept().await);
        let talk = talk.clone();
        tokio::spawn(async move {
            let _talk = talk;
            // A peer that goes away is no matter.
            let _ = converse(stream, &handle, &*doors, &places, silent).await;
        });
    }
}

async fn converse(
    mut stream: UnixStream,
    handle: &Handle,
    doors: &dyn Endpoints,
    places: &RequestSlots,
    silent: Arc<Silent>,
) -> io::Result<()> {
    let peer = stream.peer_cred()?;
    let own = rustix::process::geteuid().as_raw();
    let (read, mut write) = stream.split();
    if peer.uid() != own {
        let answer = Answer::Error(client::of_another(own));
        return send(&mut write, &answer).await;
    }
    let bound = u64::try_from(REQUEST).unwrap_or(u64::MAX);
    // A request may hold a secret.
    let mut line = Zeroizing::new(Vec::with_capacity(4_096));
    let mut read = BufReader::new(read.take(bound));
    tokio::select! {
        read = timeout(TIMEOUT, read.read_until(b'\n', &mut line)) => read??,
        () = silent.cut() => return Ok(()),
    };
    drop(silent);
    if line.is_empty() {
        return Ok(());
    }
    let request = serde_json::from_slice(&line);
    let place = match &request {
        Ok(request) => places.take(Class::of(request)).map(Some),
        Err(_) => Ok(None),
    };
    let _place = match place {
        Ok(place) => place,
        Err(trouble) => return send(&mut write, &Answer::Error(trouble)).await,
    };
    let answer = match request {
        Ok(request) => match secret(&request, handle).await {
            Some(Ok(line)) => {
                timeout(TIMEOUT, write.write_all(&line)).await??;
                return Ok(());
            }
            Some(Err(trouble)) => Answer::Error(trouble),
            None => answer(request, handle, doors).await,
        },
        Err(error) => Answer::Error(
            CliError::usage(format!(
                "the engine does not understand the request: {error}"
            ))
            .hint("the program and the running engine may be of different versions"),
        ),
    };
    send(&mut write, &answer).await
}

async fn send(write: &mut WriteHalf<'_>, answer: &Answer) -> io::Result<()> {
    let mut text = serde_json::to_vec(answer)?;
    text.push(b'\n');
    timeout(TIMEOUT, write.write_all(&text)).await??;
    Ok(())
}

/// The whole line of an answer that holds a secret, in memory that is wiped; none where none is asked for.
async fn secret(
    request: &Request,
    handle: &Handle,
) -> Option<Result<Zeroizing<Vec<u8>>, CliError>> {
    let printed = match request {
        Request::Credentials { session } => match handle.credentials(session).await {
            Ok(issued) => Given::of(&issued.credentials).and_then(|given| given.process()),
            Err(why) => Err(protocol::unobtained(session, why)),
        },
        Request::Token { session, resource } => {
            let given = azure_token::of_engine(handle, session, resource).await;
            given.and_then(|given| azure_token::Printed::from(&given).json())
        }
        _ => return None,
    };
    Some(printed.map(|printed| {
        // Room for all of it at once: a text that grows leaves copies behind.
        let mut line = Zeroizing::new(Vec::with_capacity(OK.len() + printed.len() + 2));
        line.extend_from_slice(OK);
        line.extend_from_slice(&printed);
        line.extend_from_slice(b"}\n");
        line
    }))
}

async fn answer(request: Request, handle: &Handle, doors: &dyn Endpoints) -> Answer {
    let result = match request {
        Request::Report {} => handle
            .report()
            .await
            .map_err(protocol::stopped)
            .map(|r| json(&r)),
        Request::Session { session } => handle
            .session(&session)
            .await
            .map_err(protocol::order_trouble)
            .map(|report| json(&report)),
        Request::Order(order) => {
            let result = handle.order(&order.session, order.to_order()).await;
            protocol::outcome(&order, result).map(|done| json(&done))
        }
        Request::Endpoint { session, by, renew } => doors
            .access(&session, by, renew)
            .map(|access| json(&access)),
        // Answered before.
        Request::Credentials { .. } | Request::Token { .. } => Err(CliError::usage("not here")),
        Request::Standing { session } => handle
            .standing(&session)
            .await
            .map_err(protocol::stopped)
            .map(|standing| json(&standing)),
        Request::Enable { entry } => match handle.enable(&entry).await {
            Ok(true) => Ok(serde_json::Value::Null),
            Ok(false) => {
                let message = format!("there is no policy entry \"{entry}\" in force");
                let trouble = CliError::new(Code::NotFound, message);
                Err(trouble.hint("`dayfly policy list` lists all"))
            }
            Err(error) => Err(protocol::stopped(error)),
        },
        Request::SignedIn { id } => handle
            .attended(UserInput::SignIn(id))
            .await
            .map_err(protocol::stopped)
            .map(|()| serde_json::Value::Null),
        Request::Attended { session } => handle
            .attended(UserInput::Session(SessionId::new(&session)))
            .await
            .map_err(protocol::stopped)
            .map(|()| serde_json::Value::Null),
        Request::Respond(response) => respond::respond(handle, response)
            .await
            .map(|done| json(&done)),
        Request::Emit { name, data } => handle
            .emit(&name, &data.to_string())
            .await
            .map_err(protocol::stopped)
            .map(|()| serde_json::Value::Null),
    };
    match result {
        Ok(value) => Answer::Ok(value),
        Err(trouble) => Answer::Error(trouble),
    }
}

fn json(value: &impl Serialize) -> serde_json::Value {
    // Reports have nothing that JSON cannot say.
    serde_json::to_value(value).unwrap_or_default()
}
