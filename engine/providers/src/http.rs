//! The HTTP connections that all providers share, over [`dayfly_net`]: proxies and root certificates
//! as the AWS CLI takes them, and no answer without a bound.

use std::net::IpAddr;

use aws_smithy_runtime_api::client::http::{SharedHttpClient, SharedHttpConnector, http_client_fn};
use dayfly_net::{Connector, Limits};

use crate::settings::Timeouts;

/// The longest answer of a cloud, in bytes.
pub(crate) const ANSWER: usize = 4 << 20;

/// An HTTP client whose connections are kept for the next call.
pub(crate) fn client(timeouts: &Timeouts) -> SharedHttpClient {
    let connector = SharedHttpConnector::new(connector(timeouts, ANSWER));
    http_client_fn(move |_, _| connector.clone())
}

/// The same for services of this machine's own network, without a proxy.
pub(crate) fn client_without_proxy(timeouts: &Timeouts) -> SharedHttpClient {
    let connector = SharedHttpConnector::new(Connector::without_proxy(limits(timeouts, ANSWER)));
    http_client_fn(move |_, _| connector.clone())
}

/// Connections for calls whose answers have so many bytes at most.
pub(crate) fn connector(timeouts: &Timeouts, bytes: usize) -> Connector {
    Connector::new(limits(timeouts, bytes))
}

const fn limits(timeouts: &Timeouts, bytes: usize) -> Limits {
    Limits {
        connect: timeouts.connect,
        answer: timeouts.attempt,
        bytes,
    }
}

/// Where an endpoint is: `scheme://host[:port]` without what a person may have put into the
/// rest, and whether it is on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// For messages.
    pub(crate) shown: String,
    /// Whether its host is a loopback address.
    pub(crate) loopback: bool,
    /// Whether what is sent there can be read on the way.
    pub(crate) plain: bool,
}

impl Place {
    /// The place that an endpoint URL names; none where it is no URL.
    pub(crate) fn of(url: &str) -> Option<Self> {
        let uri: ::http::Uri = url.parse().ok()?;
        let scheme = uri.scheme_str()?;
        let host = uri.host()?;
        let loopback = host == "localhost"
            || host
                .trim_matches(['[', ']'])
                .parse::<IpAddr>()
                .is_ok_and(|ip| ip.is_loopback());
        let port = uri.port().map(|p| format!(":{p}")).unwrap_or_default();
        Some(Self {
            shown: format!("{scheme}://{host}{port}"),
            loopback,
            plain: scheme == "http",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Place;

    #[test]
    fn shows_no_password_of_an_endpoint() {
        let place = Place::of("http://user:canary@127.0.0.1:4566/path?token=canary").unwrap();
        assert_eq!(place.shown, "http://127.0.0.1:4566");
        assert!(place.loopback && place.plain);
    }

    #[test]
    fn knows_this_machine() {
        for (url, loopback) in [
            ("https://[::1]:1", true),
            ("http://localhost", true),
            ("http://127.9.9.9", true),
            ("https://sts.us-east-1.amazonaws.com", false),
            ("http://localhost.example.com", false),
            ("http://10.0.0.1", false),
        ] {
            assert_eq!(Place::of(url).unwrap().loopback, loopback, "{url}");
        }
        assert_eq!(Place::of("not a url"), None);
        assert_eq!(Place::of("/path"), None);
    }
}
