//! The HTTP connections that all providers for AWS share.
//!
//! `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` are honoured, and `SSL_CERT_FILE`
//! and `SSL_CERT_DIR` name root certificates where the platform's are not to be used. An
//! endpoint on this machine is never looked for behind a proxy.

use std::net::IpAddr;
use std::sync::OnceLock;

use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{
    HttpConnectorSettings, SharedHttpClient, SharedHttpConnector, http_client_fn,
};

use crate::registry::Timeouts;

/// An HTTP client whose connections are kept for the next call.
///
/// It is made when the first call is: reading the root certificates takes a while.
pub(crate) fn client(timeouts: &Timeouts, through_proxy: bool) -> SharedHttpClient {
    let timeouts = *timeouts;
    let made = OnceLock::new();
    http_client_fn(move |_, _| {
        made.get_or_init(|| connector(&timeouts, through_proxy))
            .clone()
    })
}

/// Connections for one call.
pub(crate) fn connector(timeouts: &Timeouts, through_proxy: bool) -> SharedHttpConnector {
    let settings = HttpConnectorSettings::builder()
        .connect_timeout(timeouts.connect)
        .read_timeout(timeouts.attempt)
        .build();
    let proxy = if through_proxy {
        ProxyConfig::from_env()
    } else {
        ProxyConfig::disabled()
    };
    SharedHttpConnector::new(
        Connector::builder()
            .connector_settings(settings)
            .proxy_config(proxy)
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build(),
    )
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
