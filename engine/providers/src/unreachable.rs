//! How a service could not be asked.

use dayfly_net::Unusable;

/// How the service could not be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreachable {
    /// The name of its host is not known.
    #[error("has a host name that cannot be resolved")]
    Name,
    /// Nothing listens there.
    #[error("refused the connection")]
    ConnectionRefused,
    /// No connection for another reason, or it broke.
    #[error("could not be reached ({detail})")]
    Connection {
        /// The operating system's words, or the library's.
        detail: String,
    },
    /// The peer could not prove who it is, or speaks no TLS.
    #[error("could not be trusted ({detail})")]
    Tls {
        /// The TLS library's words.
        detail: String,
    },
    /// No answer in time.
    #[error("did not answer in time")]
    Timeout,
    /// A setting of this machine for all calls cannot be used.
    #[error("is not called: {0}")]
    Settings(Unusable),
    /// The request could not even be built.
    #[error("cannot be called with this configuration ({detail})")]
    Request {
        /// The SDK's words.
        detail: String,
    },
}

impl Unreachable {
    /// What a person can do next.
    pub(crate) fn hint(&self) -> String {
        let hint = match self {
            Self::Name => "check the network, and the session's region",
            Self::ConnectionRefused => {
                "check the network and the endpoint settings (AWS_ENDPOINT_URL and similar, \
                 dayfly.toml)"
            }
            Self::Connection { .. } | Self::Timeout => {
                "check the network and the proxy settings (HTTPS_PROXY, NO_PROXY)"
            }
            Self::Tls { .. } => {
                "name the file with your organisation's root certificates in AWS_CA_BUNDLE (or as \
                 ca_bundle in the AWS config file), and check this machine's clock"
            }
            Self::Settings(unusable) => return unusable.hint(),
            Self::Request { .. } => {
                "check the endpoint settings (AWS_ENDPOINT_URL and similar, AWS_USE_FIPS_ENDPOINT, \
                 AWS_USE_DUALSTACK_ENDPOINT, dayfly.toml)"
            }
        };
        hint.to_owned()
    }
}
