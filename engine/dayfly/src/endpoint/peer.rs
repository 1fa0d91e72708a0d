//! Whose program is at the other end of a connection on loopback.
//!
//! Source: proc(5), `/proc/net/tcp`: addresses in hexadecimal, the IPv4 address in the byte order
//! of the machine, and the user who owns the socket.

use std::net::{SocketAddr, SocketAddrV4};

/// Whether the other end belongs to another user, as far as the system tells.
pub(crate) fn is_foreign(peer: SocketAddr, own: SocketAddr) -> bool {
    let (SocketAddr::V4(peer), SocketAddr::V4(own)) = (peer, own) else {
        return true;
    };
    let Ok(table) = std::fs::read_to_string("/proc/net/tcp") else {
        return false;
    };
    let user = rustix::process::geteuid().as_raw();
    owner(&table, peer, own).is_some_and(|owner| owner != user)
}

/// The owner of the socket at `peer` that is connected to `own`.
fn owner(table: &str, peer: SocketAddrV4, own: SocketAddrV4) -> Option<u32> {
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
        if let Ok(table) = std::fs::read_to_string("/proc/net/tcp") {
            let user = rustix::process::geteuid().as_raw();
            assert_eq!(owner(&table, peer, own), Some(user));
            assert_eq!(
                owner(&table, own, SocketAddrV4::new([127, 0, 0, 1].into(), 1)),
                None
            );
        }
    }
}
