//! Which proxy a call goes through, as the environment says it.
//!
//! `https_proxy` and `HTTPS_PROXY` for TLS, `http_proxy` and `HTTP_PROXY` for the rest, `all_proxy`
//! and `ALL_PROXY` for both; the lower-case one counts where both are set, and an empty one means
//! none. `no_proxy` and `NO_PROXY` name hosts, with what is below them, that are asked directly; with
//! a port that port alone; `*` means all; addresses may be networks (`10.0.0.0/8`). This machine is
//! never looked for behind a proxy.
//!
//! Sources: Python's `urllib.request.getproxies_environment` and `proxy_bypass_environment`, which the
//! AWS CLI uses, but for `ALL_PROXY` and networks, which it does not know; botocore, `httpsession`.

use std::fmt;
use std::net::IpAddr;

use http::Uri;
use thiserror::Error;

use crate::address::is_loopback;

/// The proxies of an environment.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    https: Option<Proxy>,
    http: Option<Proxy>,
    not_for: Vec<String>,
}

/// One proxy.
#[derive(Clone, PartialEq, Eq)]
struct Proxy {
    /// With user and password, where it has them.
    address: String,
    /// Without.
    shown: String,
}

/// Why the environment names no proxy that can be used. The value is not told: it may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("Dayfly cannot use the proxy in {variable}: {problem}")]
pub struct ProxyError {
    /// The variable.
    pub variable: String,
    /// What is wrong.
    pub problem: String,
}

impl fmt::Debug for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |proxy: &Option<Proxy>| proxy.as_ref().map(|proxy| proxy.shown.clone());
        f.debug_struct("Proxies")
            .field("https", &shown(&self.https))
            .field("http", &shown(&self.http))
            .field("not_for", &self.not_for)
            .finish()
    }
}

impl Proxies {
    /// Those of this process's environment.
    ///
    /// # Errors
    /// A variable is set to what is no proxy that can be used.
    pub fn configured() -> Result<Self, ProxyError> {
        Self::of(|name| std::env::var(name).ok())
    }

    fn of(variable: impl Fn(&str) -> Option<String>) -> Result<Self, ProxyError> {
        let first = |name: &str| {
            let names = [name.to_ascii_lowercase(), name.to_owned()];
            let set = names.into_iter().find_map(|name| {
                let value = variable(&name)?;
                Some((name, value.trim().to_owned()))
            });
            set.filter(|(_, value)| !value.is_empty())
        };
        let proxy = |name: &str| {
            let set = first(name);
            set.map(|(name, value)| Proxy::parse(&name, &value))
                .transpose()
        };
        let all = proxy("ALL_PROXY")?;
        let not_for = first("NO_PROXY").map_or_else(String::new, |(_, value)| value);
        Ok(Self {
            https: proxy("HTTPS_PROXY")?.or_else(|| all.clone()),
            http: proxy("HTTP_PROXY")?.or(all),
            not_for: not_for
                .split(',')
                .map(|host| host.trim().to_ascii_lowercase())
                .filter(|host| !host.is_empty())
                .collect(),
        })
    }

    /// The proxy for an address, with user and password; none where it is asked directly.
    pub(crate) fn address(&self, uri: &Uri) -> Option<&str> {
        self.of_uri(uri).map(|proxy| proxy.address.as_str())
    }

    /// The proxy for an address as it may be shown; none where it is asked directly.
    #[must_use]
    pub fn shown(&self, address: &str) -> Option<&str> {
        let uri = address.parse().ok()?;
        self.of_uri(&uri).map(|proxy| proxy.shown.as_str())
    }

    fn of_uri(&self, uri: &Uri) -> Option<&Proxy> {
        let (proxy, usual) = match uri.scheme_str()? {
            "https" => (self.https.as_ref()?, 443),
            _ => (self.http.as_ref()?, 80),
        };
        let host = uri.host()?.trim_matches(['[', ']']).to_ascii_lowercase();
        let port = uri.port_u16().unwrap_or(usual);
        if is_loopback(&host) || self.not_for.iter().any(|rule| fits(rule, &host, port)) {
            return None;
        }
        Some(proxy)
    }
}

impl Proxy {
    fn parse(variable: &str, value: &str) -> Result<Self, ProxyError> {
        let refuse = |problem: &str| ProxyError {
            variable: variable.to_owned(),
            problem: problem.to_owned(),
        };
        let address = if value.contains("://") {
            value.to_owned()
        } else {
            format!("http://{}", value.trim_start_matches("//"))
        };
        let uri: Uri = address
            .parse()
            .map_err(|_| refuse("it is not a valid address"))?;
        let scheme = uri.scheme_str().unwrap_or_default();
        if !["http", "https"].contains(&scheme) {
            return Err(refuse(
                "Dayfly supports only proxies that begin with http:// or https://",
            ));
        }
        let host = uri.host().filter(|host| !host.is_empty());
        let host = host.ok_or_else(|| refuse("it has no host"))?;
        let port = uri.port().map(|port| format!(":{port}"));
        let shown = format!("{scheme}://{host}{}", port.unwrap_or_default());
        Ok(Self { address, shown })
    }
}

/// Whether a rule of `NO_PROXY` means this host.
fn fits(rule: &str, host: &str, port: u16) -> bool {
    if rule == "*" {
        return true;
    }
    if let Ok(ip) = host.parse::<IpAddr>()
        && let Some(inside) = network(rule, ip)
    {
        return inside;
    }
    let rule = match rule.rsplit_once(':') {
        Some((name, number)) if !name.contains(':') => {
            if number.parse() != Ok(port) {
                return false;
            }
            name
        }
        _ => rule,
    };
    let rule = rule.trim_start_matches("*.").trim_start_matches('.');
    let rule = rule.trim_matches(['[', ']']);
    host == rule
        || host
            .strip_suffix(rule)
            .is_some_and(|rest| rest.ends_with('.'))
}

/// Whether an address is in a network `ADDRESS/BITS`; none where the rule is no network.
fn network(rule: &str, ip: IpAddr) -> Option<bool> {
    let (network, bits) = rule.split_once('/')?;
    let (network, bits): (IpAddr, u32) = (network.parse().ok()?, bits.parse().ok()?);
    Some(match (network, ip) {
        (IpAddr::V4(network), IpAddr::V4(ip)) if bits <= 32 => {
            let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
            network.to_bits() & mask == ip.to_bits() & mask
        }
        (IpAddr::V6(network), IpAddr::V6(ip)) if bits <= 128 => {
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            network.to_bits() & mask == ip.to_bits() & mask
        }
        _ => false,
    })
}

#[cfg(test)]
#[path = "proxies_tests.rs"]
mod tests;
