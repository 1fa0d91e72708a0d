//! Listening sockets that outlive a process, so that programs which connect while an engine is replaced wait instead of
//! being refused.
//!
//! They come from the service manager, which opened them itself (socket activation) or kept them for a process that
//! broke (`FDSTORE`), or from the process that this one replaced ([`crate::replace`]).

use std::collections::BTreeMap;
use std::io;
use std::net::TcpListener;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};
use std::os::unix::net::UnixListener;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::io::FdFlags;
use rustix::net::AddressFamily;
use sd_notify::NotifyState;

/// Names the sockets that the process before hands over: `PID NAME=DESCRIPTOR …`, with [`OF_MANAGER`] before the name of
/// those that the service manager opened.
const HANDED: &str = "DAYFLY_SOCKETS";
const OF_MANAGER: &str = "manager:";
/// What the service manager told the process before of its descriptors, which are others after that.
///
/// Source: sd_listen_fds(3).
pub(crate) const OUTDATED: [&str; 3] = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"];

/// Sockets by name: those that came with this process, and those that a later one is to have.
#[derive(Debug, Default)]
pub struct Sockets {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Nobody listens at them in this process yet.
    inherited: BTreeMap<String, Inherited>,
    /// Duplicates of those that this process listens at.
    kept: BTreeMap<String, OwnedFd>,
    /// The service manager opened them, and they stay when this process ends.
    of_manager: Vec<String>,
    /// Whether the service manager keeps descriptors for the time after this process.
    stored: bool,
}

#[derive(Debug)]
struct Inherited {
    socket: OwnedFd,
    of_manager: bool,
}

impl Sockets {
    /// None came, and none is kept for later.
    #[must_use]
    pub fn none() -> Arc<Self> {
        Arc::default()
    }

    /// Those that came with this process. To be called once: each descriptor has one owner.
    #[must_use]
    pub fn of_this_process() -> Arc<Self> {
        let mut inner = Inner {
            stored: std::env::var_os("NOTIFY_SOCKET").is_some(),
            ..Inner::default()
        };
        let of_manager = sd_notify::listen_fds_with_names()
            .map(Iterator::collect::<Vec<_>>)
            .unwrap_or_default();
        let of_manager = of_manager.into_iter().map(|(fd, name)| (fd, name, true));
        let handed = std::env::var(HANDED).unwrap_or_default();
        let handed = handed_over(&handed, std::process::id());
        let handed = handed
            .into_iter()
            .map(|(fd, name)| match name.strip_prefix(OF_MANAGER) {
                Some(name) => (fd, name.to_owned(), true),
                None => (fd, name, false),
            });
        for (fd, name, of_manager) in handed.chain(of_manager) {
            if let Some(socket) = owned(fd) {
                inner
                    .inherited
                    .entry(name)
                    .or_insert(Inherited { socket, of_manager });
            }
        }
        Arc::new(Self {
            inner: Mutex::new(inner),
        })
    }

    /// Whether a socket of this name came and nobody listens at it yet.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.lock().inherited.contains_key(&plain(name))
    }

    /// The Unix socket of this name that came with the process, to be listened at; none where there is none, or where it
    /// is of another kind.
    #[must_use]
    pub fn unix(&self, name: &str) -> Option<UnixListener> {
        let socket = self.take(name, AddressFamily::UNIX)?;
        Some(UnixListener::from(socket))
    }

    /// The TCP socket of this name, in the same way.
    #[must_use]
    pub fn tcp(&self, name: &str) -> Option<TcpListener> {
        let socket = self.take(name, AddressFamily::INET)?;
        Some(TcpListener::from(socket))
    }

    fn take(&self, name: &str, family: AddressFamily) -> Option<OwnedFd> {
        let name = plain(name);
        let mut inner = self.lock();
        let Inherited { socket, of_manager } = inner.inherited.remove(&name)?;
        let listens = rustix::net::sockopt::socket_acceptconn(&socket).unwrap_or(false);
        let fits = rustix::net::getsockname(&socket)
            .is_ok_and(|address| address.address_family() == family);
        if !listens || !fits {
            return None;
        }
        rustix::io::ioctl_fionbio(&socket, true).ok()?;
        if of_manager {
            inner.of_manager.push(name);
        }
        Some(socket)
    }

    /// Whether the service manager opened this socket, so that it outlives this process and its path is not removed.
    #[must_use]
    pub fn is_of_manager(&self, name: &str) -> bool {
        let name = plain(name);
        self.lock().of_manager.contains(&name)
    }

    /// From now on the next process gets this socket too.
    pub fn keep(&self, name: &str, socket: impl AsFd) {
        let Ok(duplicate) = rustix::io::fcntl_dupfd_cloexec(socket, 3) else {
            // The next process opens one of its own.
            return;
        };
        let name = plain(name);
        let mut inner = self.lock();
        if inner.stored && !inner.of_manager.contains(&name) {
            // One of this name that is there already is another.
            inner.remove_stored(&name);
            let state = [NotifyState::FdStore, NotifyState::FdName(&name)];
            // Where it is not kept, a process that breaks takes its socket with it.
            let _: io::Result<()> = sd_notify::notify_with_fds(&state, &[duplicate.as_fd()]);
        }
        inner.kept.insert(name, duplicate);
    }

    /// Nobody listens at this socket any more, and the next process does not get it.
    pub fn forget(&self, name: &str) {
        let name = plain(name);
        let mut inner = self.lock();
        if inner.kept.remove(&name).is_some() {
            inner.remove_stored(&name);
        }
    }

    /// Closes the sockets that came with this process and that nobody took: who connects there would wait for ever.
    pub fn close_unclaimed(&self) {
        let mut inner = self.lock();
        for (name, unclaimed) in std::mem::take(&mut inner.inherited) {
            drop(unclaimed);
            inner.remove_stored(&name);
        }
    }

    /// Leaves the sockets that are kept open for the program that replaces this one, and the variable that tells it so.
    pub(crate) fn hand_over(&self) -> io::Result<(&'static str, String)> {
        let inner = self.lock();
        let mut value = std::process::id().to_string();
        for (name, socket) in &inner.kept {
            rustix::io::fcntl_setfd(socket, FdFlags::empty())?;
            let of_manager = inner.of_manager.contains(name);
            let mark = if of_manager { OF_MANAGER } else { "" };
            value.push_str(&format!(" {mark}{name}={}", socket.as_raw_fd()));
        }
        Ok((HANDED, value))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Has the service manager keep no socket of this name.
    fn remove_stored(&self, name: &str) {
        if self.stored {
            let state = [NotifyState::FdStoreRemove, NotifyState::FdName(name)];
            // It is closed then with the service at the latest.
            let _: io::Result<()> = sd_notify::notify(&state);
        }
    }
}

/// The name as it can stand in a variable, and as a service manager takes it.
///
/// Source: sd_pid_notify_with_fds(3), `FDNAME`.
fn plain(name: &str) -> String {
    name.replace(|c: char| !c.is_ascii_alphanumeric(), "-")
}

/// The descriptors in the variable, where it is meant for the process with this id: a program that an engine runs has
/// the variable too.
fn handed_over(value: &str, process: u32) -> Vec<(RawFd, String)> {
    let mut words = value.split(' ');
    if words.next() != Some(process.to_string().as_str()) {
        return Vec::new();
    }
    let socket = |word: &str| {
        let (name, fd) = word.split_once('=')?;
        let fd = fd.parse().ok().filter(|fd| *fd > 2)?;
        Some((fd, name.to_owned()))
    };
    words.filter_map(socket).collect()
}

/// The descriptor, as the one owner that it has from now on; none where there is none of this number.
#[expect(
    unsafe_code,
    reason = "descriptors come into a process as numbers; nothing else makes owners of them"
)]
fn owned(fd: RawFd) -> Option<OwnedFd> {
    // SAFETY: borrowed for this call alone. A number that names no descriptor fails in it.
    let borrowed = unsafe { BorrowedFd::borrow_raw(fd) };
    rustix::io::fcntl_setfd(borrowed, FdFlags::CLOEXEC).ok()?;
    // SAFETY: it is open, and it came with the process under this number, as sd_listen_fds(3) and the process before
    // promise; the numbers are read once, so nothing else here owns it.
    Some(unsafe { OwnedFd::from_raw_fd(fd) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_are_meant_for_one_process() {
        let value = "7 control=9 endpoint=12 odd x=y low=2";
        assert_eq!(
            handed_over(value, 7),
            [(9, "control".to_owned()), (12, "endpoint".to_owned())]
        );
        assert_eq!(handed_over(value, 8), []);
        assert_eq!(handed_over("", 8), []);
    }

    #[test]
    fn what_is_kept_is_handed_over_open() {
        let sockets = Sockets::none();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        sockets.keep("an endpoint", &listener);
        let address = listener.local_addr().expect("an address");
        drop(listener);
        // The duplicate listens still.
        drop(std::net::TcpStream::connect(address).expect("it is taken"));
        let (_, value) = sockets.hand_over().expect("it is handed over");
        let [(fd, name)] = &*handed_over(&value, std::process::id()) else {
            panic!("{value}");
        };
        assert_eq!(name, "an-endpoint");
        let inner = sockets.lock();
        let kept = inner.kept.get("an-endpoint").expect("it is kept");
        assert_eq!(kept.as_raw_fd(), *fd);
        let flags = rustix::io::fcntl_getfd(kept).expect("it is open");
        assert_eq!(flags, FdFlags::empty());
        drop(inner);
        sockets.forget("an endpoint");
        std::net::TcpStream::connect(address).expect_err("nobody listens");
    }
}
