//! Why a registry was of no use.

use dayfly_net::{OutOfReach, Unusable};
use thiserror::Error;

/// Why something could not be pulled or pushed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RegistryError {
    /// No connection, or no answer in time.
    #[error("Dayfly cannot reach {host}: {problem}")]
    Unreachable {
        /// The registry.
        host: String,
        /// What happened.
        problem: String,
    },
    /// Whoever answers does not show by TLS that it is this registry.
    #[error("{host} could not prove its identity: {problem}")]
    Untrusted {
        /// The registry.
        host: String,
        /// What was wrong.
        problem: String,
    },
    /// It is not there.
    #[error("{host} has no {what}")]
    NotFound {
        /// The registry.
        host: String,
        /// What was asked for.
        what: String,
    },
    /// The registry wants other credentials, or none help.
    #[error("{host}: access denied")]
    Denied {
        /// The registry.
        host: String,
    },
    /// What was served is not what was asked for.
    #[error("{host} served different content for {what}: {found}")]
    OtherContent {
        /// The registry.
        host: String,
        /// A digest.
        what: String,
        /// What it was.
        found: String,
    },
    /// It ended too soon, or said other sizes than it had.
    #[error("{host} stopped sending: {got} of {wanted} bytes of {what} arrived")]
    Truncated {
        /// The registry.
        host: String,
        /// A digest.
        what: String,
        /// Bytes that came.
        got: u64,
        /// Bytes that should have.
        wanted: u64,
    },
    /// It is larger than allowed.
    #[error("{what} has {}; {limit} are allowed", bytes_of(*.bytes))]
    TooLarge {
        /// What.
        what: String,
        /// Its size as the registry says; none where it was not read to its end.
        bytes: Option<u64>,
        /// The bound.
        limit: u64,
    },
    /// It is nothing that Dayfly knows.
    #[error("{what} is neither a component, a bundle nor a Workspace: {problem}")]
    Unknown {
        /// What.
        what: String,
        /// Why not.
        problem: String,
    },
    /// The credentials of Docker cannot be used.
    #[error("Dayfly cannot use Docker's credentials for {host}: {problem}")]
    Credentials {
        /// The registry.
        host: String,
        /// Why.
        problem: String,
    },
    /// A file of this machine.
    #[error("Dayfly cannot write {path}: {problem}")]
    Local {
        /// The file.
        path: String,
        /// What the operating system said.
        problem: String,
    },
    /// A setting of this machine lets no registry be called.
    #[error(transparent)]
    Settings(Unusable),
    /// Anything else.
    #[error("{host}: {problem}")]
    Other {
        /// The registry.
        host: String,
        /// What it said, or what was made of it.
        problem: String,
    },
}

impl RegistryError {
    /// What a connection that failed means.
    pub(crate) fn of(host: &str, error: &(dyn std::error::Error + 'static)) -> Self {
        let host = host.to_owned();
        if let Some(unusable) = Unusable::of(error) {
            return Self::Settings(unusable.clone());
        }
        if let Some(out) = OutOfReach::of(error) {
            let problem = format!("it redirects to another address, but {out}");
            return Self::Other { host, problem };
        }
        match tls(error) {
            Some(problem) => Self::Untrusted { host, problem },
            None => Self::Unreachable {
                host,
                problem: chain(error),
            },
        }
    }
}

fn bytes_of(bytes: Option<u64>) -> String {
    match bytes {
        Some(bytes) => format!("{bytes} bytes"),
        None => "more bytes than that".to_owned(),
    }
}

/// What TLS had to say, if that is what an error is about.
fn tls(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    match error.downcast_ref::<rustls::Error>() {
        Some(rustls::Error::InvalidMessage(_)) => return Some("it does not speak TLS".to_owned()),
        Some(told) => return Some(told.to_string()),
        None => {}
    }
    // What an I/O error was made of is not among its sources.
    let io = error.downcast_ref::<std::io::Error>();
    match io.and_then(std::io::Error::get_ref) {
        Some(inner) => tls(inner),
        None => tls(error.source()?),
    }
}

/// An error and what caused it.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}
