//! What a policy says instead of an answer.

/// Why a policy could not answer, in the words of the contract, or why its answer could not be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PolicyError {
    InvalidConfig(String),
    Transient(String),
    Permanent(String),
    /// Not of the contract: it subscribes to what this engine has no word for.
    NoSuchSubscription(String),
}
