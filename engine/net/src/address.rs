//! Which addresses are the public network's, and which are this machine's or somebody's inside.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use aws_smithy_runtime_api::client::dns::{DnsFuture, ResolveDns, ResolveDnsError};
use thiserror::Error;

/// Whether a host is this machine, by its name or address.
pub(crate) fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host
            .trim_matches(['[', ']'])
            .parse::<IpAddr>()
            .is_ok_and(|ip| ip.is_loopback())
}

/// Whether an address is one that anybody on the Internet may have: not this machine's, not of a
/// private network, not link-local (where clouds serve their metadata), not a special one.
///
/// Source: IANA IPv4 and IPv6 Special-Purpose Address Registries.
#[must_use]
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let shared = a == 100 && (64..128).contains(&b);
    let protocol = a == 192 && b == 0 && c == 0;
    let benchmark = a == 198 && (b == 18 || b == 19);
    !(a == 0
        || a >= 224
        || ip.is_loopback()
        || ip.is_private()
        || ip.is_link_local()
        || ip.is_documentation()
        || shared
        || protocol
        || benchmark)
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    // What stands for an address of the older kind is judged as that.
    let words = ip.segments();
    let [.., high, low] = words;
    let inner = Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    if ip.to_ipv4_mapped().is_some() || words[..6] == [0x64, 0xff9b, 0, 0, 0, 0] {
        return is_public_v4(inner);
    }
    if words[0] == 0x2002 {
        return is_public_v4(Ipv4Addr::from(
            (u32::from(words[1]) << 16) | u32::from(words[2]),
        ));
    }
    // All that is given out is in 2000::/3.
    words[0] & 0xe000 == 0x2000 && !(words[0] == 0x2001 && (words[1] == 0xdb8 || words[1] < 0x200))
}

/// Where an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// Anybody's.
    Public,
    /// In a private network, or special.
    Private,
    /// On this link, where clouds serve their metadata.
    Link,
    /// This machine.
    Machine,
}

impl Place {
    fn of(ip: IpAddr) -> Self {
        let ip = ip.to_canonical();
        if is_public(ip) {
            return Self::Public;
        }
        let (machine, link) = match ip {
            IpAddr::V4(ip) => (ip.is_loopback() || ip.octets()[0] == 0, ip.is_link_local()),
            // The metadata of EC2 has an address of its own there.
            IpAddr::V6(ip) => (
                ip.is_loopback() || ip.is_unspecified(),
                ip.is_unicast_link_local() || ip.segments()[..2] == [0xfd00, 0xec2],
            ),
        };
        match (machine, link) {
            (true, _) => Self::Machine,
            (_, true) => Self::Link,
            _ => Self::Private,
        }
    }
}

/// Which addresses may be called: the public ones, and those of the kind that a first host has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach(BTreeSet<Place>);

/// Somebody named a host that is out of reach.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{host} is an address of this machine or of a private network")]
pub struct OutOfReach {
    /// The host.
    pub host: String,
}

impl OutOfReach {
    /// Whether it is what an error comes from.
    #[must_use]
    pub fn of<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(found) = error.downcast_ref::<Self>() {
                return Some(found);
            }
            next = error.source();
        }
        None
    }
}

impl Reach {
    /// What may be called in the name of a host: a host that is found nowhere has the public alone.
    pub async fn of(host: &str) -> Self {
        let found = lookup(host).await.unwrap_or_default();
        let own = found.into_iter().map(Place::of);
        Self(own.chain([Place::Public]).collect())
    }

    /// Whether all that a host is found at may be called. One that is not found may be a proxy's to
    /// find.
    pub(crate) async fn holds(&self, host: &str) -> Result<(), OutOfReach> {
        let found = lookup(host).await.unwrap_or_default();
        self.check(host, &found)
    }

    fn check(&self, host: &str, found: &[IpAddr]) -> Result<(), OutOfReach> {
        if found.iter().all(|ip| self.0.contains(&Place::of(*ip))) {
            return Ok(());
        }
        Err(OutOfReach {
            host: host.to_owned(),
        })
    }
}

async fn lookup(host: &str) -> std::io::Result<Vec<IpAddr>> {
    let host = host.trim_matches(['[', ']']);
    if let Ok(ip) = host.parse() {
        return Ok(vec![ip]);
    }
    let found = tokio::net::lookup_host((host, 0)).await?;
    Ok(found.map(|address| address.ip()).collect())
}

/// Finds what is within reach: a name that has any other address is not found.
#[derive(Clone, Debug)]
pub(crate) struct Within(pub(crate) Reach);

impl ResolveDns for Within {
    fn resolve_dns<'a>(&'a self, name: &'a str) -> DnsFuture<'a> {
        DnsFuture::new(async move {
            let found = lookup(name).await.map_err(ResolveDnsError::new)?;
            self.0.check(name, &found).map_err(ResolveDnsError::new)?;
            Ok(found)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_inside_are_not_public() {
        for ip in [
            "127.0.0.1",
            "0.0.0.0",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.0.1",
            "169.254.169.254",
            "169.254.170.2",
            "100.100.100.200",
            "192.0.0.192",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "fe80::1",
            "fd00:ec2::254",
            "ff02::1",
            "::ffff:169.254.169.254",
            "::ffff:10.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "2002:7f00:1::",
            "2001:db8::1",
            "2001::1",
        ] {
            assert!(!is_public(ip.parse().unwrap()), "{ip}");
        }
        for ip in [
            "8.8.8.8",
            "172.32.0.1",
            "100.128.0.1",
            "2606:4700::1111",
            "::ffff:8.8.8.8",
        ] {
            assert!(is_public(ip.parse().unwrap()), "{ip}");
        }
    }

    #[tokio::test]
    async fn one_is_led_to_no_address_inside_but_from_one_of_the_same_kind() {
        let allowed = async |from: &str, to: &str| Reach::of(from).await.holds(to).await.is_ok();
        for (from, to, wanted) in [
            ("8.8.8.8", "1.1.1.1", true),
            ("8.8.8.8", "127.0.0.1", false),
            ("8.8.8.8", "localhost", false),
            ("8.8.8.8", "0.0.0.0", false),
            ("8.8.8.8", "10.0.0.1", false),
            ("8.8.8.8", "169.254.169.254", false),
            ("8.8.8.8", "[::ffff:169.254.169.254]", false),
            ("8.8.8.8", "[fd00:ec2::254]", false),
            ("10.0.0.1", "10.9.9.9", true),
            ("10.0.0.1", "8.8.8.8", true),
            ("10.0.0.1", "127.0.0.1", false),
            ("10.0.0.1", "169.254.169.254", false),
            ("fd12::1", "[fd00:ec2::254]", false),
            ("127.0.0.1", "localhost", true),
            ("127.0.0.1", "169.254.169.254", false),
        ] {
            assert_eq!(allowed(from, to).await, wanted, "{from} {to}");
        }
        let within = Within(Reach::of("8.8.8.8").await);
        let refused = within.resolve_dns("localhost").await.unwrap_err();
        assert_eq!(OutOfReach::of(&refused).unwrap().host, "localhost");
    }
}
