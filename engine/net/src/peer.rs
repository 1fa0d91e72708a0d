//! Whose program is at the other end of a connection on loopback.
//!
//! Source: sock_diag(7), of which one socket can be asked for by its addresses; where that is not
//! to be had, proc(5), `/proc/net/tcp`, which the kernel writes anew in full for every reader:
//! addresses in hexadecimal, the IPv4 address in the byte order of the machine, and the user who
//! owns the socket.

use std::net::{SocketAddr, SocketAddrV4};

/// Whether the other end belongs to another user, as far as the system tells. Root, who can read
/// everything of this user anyway, counts as this user.
///
/// An end that is closed already has no owner any more: the kernel then names root. Nobody is there
/// who could be told anything, and whoever it was may have asked something, so it counts as another's.
pub fn is_foreign(peer: SocketAddr, own: SocketAddr) -> bool {
    let (SocketAddr::V4(peer), SocketAddr::V4(own)) = (peer, own) else {
        return true;
    };
    let user = rustix::process::geteuid().as_raw();
    match owner(peer, own) {
        Owner::User(owner) => owner != user && owner != 0,
        Owner::Gone => true,
        Owner::Untold => false,
    }
}

/// Who has the socket at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    /// This user.
    User(u32),
    /// Nobody any more.
    Gone,
    /// The system does not tell.
    Untold,
}

impl Owner {
    /// What a system says of a socket. One whose owner closed it is said to be root's.
    const fn of(user: u32, state: u8) -> Self {
        match (user, state) {
            (0, state) if state != ESTABLISHED => Self::Gone,
            (user, _) => Self::User(user),
        }
    }
}

/// `TCP_ESTABLISHED`
const ESTABLISHED: u8 = 1;

/// The owner of the socket at `peer` that is connected to `own`.
fn owner(peer: SocketAddrV4, own: SocketAddrV4) -> Owner {
    #[cfg(target_os = "linux")]
    if let Some(owner) = diag::owner(peer, own) {
        return owner;
    }
    match std::fs::read_to_string("/proc/net/tcp") {
        Ok(table) => listed(&table, peer, own),
        Err(_) => Owner::Untold,
    }
}

fn listed(table: &str, peer: SocketAddrV4, own: SocketAddrV4) -> Owner {
    let shown = |address: SocketAddrV4| {
        let ip = u32::from_ne_bytes(address.ip().octets());
        format!("{ip:08X}:{:04X}", address.port())
    };
    let (peer, own) = (shown(peer), shown(own));
    let found = table.lines().find_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        let ends = (words.next()?, words.next()?);
        if ends != (&*peer, &*own) {
            return None;
        }
        let state = u8::from_str_radix(words.next()?, 16).ok()?;
        Some(Owner::of(words.nth(3)?.parse().ok()?, state))
    });
    found.unwrap_or(Owner::Gone)
}

/// Asks the kernel for one socket.
///
/// Source: `linux/netlink.h`, `linux/sock_diag.h`, `linux/inet_diag.h`.
#[cfg(target_os = "linux")]
mod diag {
    use std::net::SocketAddrV4;

    use super::Owner;
    use rustix::net::netlink::{SOCK_DIAG, SocketAddrNetlink};
    use rustix::net::{
        AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with,
    };

    const HEADER: usize = 16;
    const REQUEST: usize = HEADER + 56;
    /// `SOCK_DIAG_BY_FAMILY`, of the question and of its answer.
    const BY_FAMILY: u16 = 20;
    /// `NLM_F_REQUEST`
    const IS_REQUEST: u16 = 1;
    const IPV4: u8 = 2;
    const TCP: u8 = 6;
    /// Where `idiag_uid` is in an answer.
    const USER: usize = HEADER + 64;

    /// `NLMSG_ERROR`
    const ERROR: u16 = 2;
    /// `-ENOENT`: there is no such socket.
    const NO_SUCH: i32 = -2;
    /// Where `idiag_state` is in an answer.
    const STATE: usize = HEADER + 1;

    /// None where the kernel does not answer such questions.
    pub(super) fn owner(peer: SocketAddrV4, own: SocketAddrV4) -> Option<Owner> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let kind = (AddressFamily::NETLINK, SocketType::DGRAM);
        let socket = socket_with(kind.0, kind.1, flags, Some(SOCK_DIAG)).ok()?;
        let question = question(peer, own)?;
        let kernel = SocketAddrNetlink::new(0, 0);
        sendto(&socket, &question, SendFlags::empty(), &kernel).ok()?;
        // The kernel answers before the question's call returns.
        let mut answer = [0; 512];
        let (_, length) = recv(&socket, &mut answer[..], RecvFlags::empty()).ok()?;
        let answer = answer.get(..length)?;
        let word = |at: usize| Some(u32::from_ne_bytes(answer.get(at..at + 4)?.try_into().ok()?));
        let kind = u16::from_ne_bytes(answer.get(4..6)?.try_into().ok()?);
        match kind {
            BY_FAMILY => Some(Owner::of(word(USER)?, *answer.get(STATE)?)),
            ERROR if word(HEADER)?.cast_signed() == NO_SUCH => Some(Owner::Gone),
            _ => None,
        }
    }

    fn question(peer: SocketAddrV4, own: SocketAddrV4) -> Option<Vec<u8>> {
        let mut text = Vec::with_capacity(REQUEST);
        text.extend(u32::try_from(REQUEST).ok()?.to_ne_bytes());
        text.extend(BY_FAMILY.to_ne_bytes());
        text.extend(IS_REQUEST.to_ne_bytes());
        // Sequence number and sender: there is one question on this socket.
        text.extend([0; 8]);
        text.extend([IPV4, TCP, 0, 0]);
        // In whatever state it is.
        text.extend(u32::MAX.to_ne_bytes());
        text.extend(peer.port().to_be_bytes());
        text.extend(own.port().to_be_bytes());
        for address in [peer, own] {
            text.extend(address.ip().octets());
            text.extend([0; 12]);
        }
        // Through whatever interface, whichever socket of that address.
        text.extend([0; 4]);
        text.extend([0xff; 8]);
        (text.len() == REQUEST).then_some(text)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn the_owner_of_a_connection_is_told() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let own = listener.local_addr().unwrap();
        let _client = TcpStream::connect(own).unwrap();
        let (_stream, peer) = listener.accept().unwrap();
        assert!(!is_foreign(peer, own));
        let (SocketAddr::V4(peer), SocketAddr::V4(own)) = (peer, own) else {
            panic!("loopback is IPv4 here")
        };
        let nobody = SocketAddrV4::new([127, 0, 0, 1].into(), 1);
        let user = rustix::process::geteuid().as_raw();
        if let Ok(table) = std::fs::read_to_string("/proc/net/tcp") {
            assert_eq!(listed(&table, peer, own), Owner::User(user));
            assert_eq!(listed(&table, own, nobody), Owner::Gone);
        }
        #[cfg(target_os = "linux")]
        {
            assert_eq!(diag::owner(peer, own), Some(Owner::User(user)));
            assert_eq!(diag::owner(nobody, own), Some(Owner::Gone));
        }
    }

    #[test]
    fn who_asks_and_is_gone_is_nobody_of_ours() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let own = listener.local_addr().unwrap();
        let client = TcpStream::connect(own).unwrap();
        let (_stream, peer) = listener.accept().unwrap();
        // One that only has said all is still there.
        client.shutdown(std::net::Shutdown::Write).unwrap();
        let is_root = rustix::process::geteuid().is_root();
        assert_eq!(is_foreign(peer, own), is_root);
        drop(client);
        assert!(is_foreign(peer, own));
    }
}
