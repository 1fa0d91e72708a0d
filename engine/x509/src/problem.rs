//! Why bytes are no certificate or no key that can be used.

/// Why bytes are no certificate or no key that can be used. Quotes nothing of them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// There is no certificate in them.
    #[error("it has no certificate")]
    NoCertificate,
    /// There is no private key in them.
    #[error("it has no private key")]
    NoKey,
    /// They are cut, or no such thing.
    #[error("its {0} cannot be read")]
    Damaged(&'static str),
    /// They are of a kind that is not used here.
    #[error("its {what} is {kind}, which {why}")]
    Unsupported {
        /// The key or the certificate.
        what: &'static str,
        /// What it is.
        kind: String,
        /// Why it is not used.
        why: &'static str,
    },
    /// A passphrase is needed.
    #[error("its private key is encrypted, and Dayfly has no passphrase for it")]
    NeedsPassphrase,
    /// It is another passphrase.
    #[error("the passphrase does not open it")]
    WrongPassphrase,
}
