//! What a policy says instead of an answer.

/// Why a policy could not answer, in the words of the contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PolicyError {
    InvalidConfig(String),
    Transient(String),
    Permanent(String),
}
