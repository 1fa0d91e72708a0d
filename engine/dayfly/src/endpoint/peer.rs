//! Whose program is at the other end of a connection on loopback.
//!
//! Source: sock_diag(7), of which one socket can be asked for by its addresses; where that is not
//! to be had, proc(5), `/proc/net/tcp`, which the kernel writes anew in full for every reader:
//! addresses in hexadecimal, the IPv4 address in the byte order of the machine, and the user who
//! owns the socket.

use std::net::{SocketAddr, SocketAddrV4};

/// Whether the other end belongs to another user, as far as the system tells. Root, who can read
/// everything of this user anyway, counts as this user.
pub(crate) fn is_foreign(peer: SocketAddr, own: SocketAddr) -> bool {
    let (SocketAddr::V4(peer), SocketAddr::V4(own)) = (peer, own) else {
        return true;
    };
    let user = rustix::process::geteuid().as_raw();
    owner(peer, own).is_some_and(|owner| owner != user && owner != 0)
}

/// The owner of the socket at `peer` that is connected to `own`.
fn owner(peer: SocketAddrV4, own: SocketAddrV4) -> Option<u32> {
    #[cfg(target_os = "linux")]
    if let Some(owner) = diag::owner(peer, own) {
        return Some(owner);
    }
    let table = std::fs::read_to_string("/proc/net/tcp").ok()?;
    listed(&table, peer, own)
}

fn listed(table: &str, peer: SocketAddrV4, own: SocketAddrV4) -> Option<u32> {
    let shown = |address: SocketAddrV4| {
        let ip = u32::from_ne_bytes(address.ip().octets());
        format!("{ip:08X}:{:04X}", address.port())
    };
    let (peer, own) = (shown(peer), shown(own));
    table.lines().find_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        let ends = (words.next()?, words.next()?);
        if ends != (&*peer, &*own) {
            return None;
        }
        words.nth(4)?.parse().ok()
    })
}

/// Asks the kernel for one socket.
///
/// Source: `linux/netlink.h`, `linux/sock_diag.h`, `linux/inet_diag.h`.
#[cfg(target_os = "linux")]
mod diag {
    use std::net::SocketAddrV4;

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

    pub(super) fn owner(peer: SocketAddrV4, own: SocketAddrV4) -> Option<u32> {
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
        if kind != BY_FAMILY {
            return None;
        }
        word(USER)
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
            assert_eq!(listed(&table, peer, own), Some(user));
            assert_eq!(listed(&table, own, nobody), None);
        }
        #[cfg(target_os = "linux")]
        {
            assert_eq!(diag::owner(peer, own), Some(user));
            assert_eq!(diag::owner(nobody, own), None);
        }
    }
}
