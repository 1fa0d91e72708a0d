//! X.509 certificates and their private keys: read in the forms in which people have them, and signed with.
//!
//! Nothing here opens a file, asks a person or knows what is signed. Bytes of others are read with
//! bounds: on their length by the caller, on rounds of key derivation here.
//!
//! ```no_run
//! use dayfly_x509::{Certificate, PrivateKey, certificates};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let found = certificates(&std::fs::read("client.pem")?)?;
//! let certificate = found.first().ok_or("no certificate")?;
//! let key = PrivateKey::read(&std::fs::read("client.key")?, None)?;
//! let signature = key.sign(b"what is to be signed")?;
//! assert!(certificate.verifies(b"what is to be signed", &signature));
//! # Ok(())
//! # }
//! ```

mod certificate;
mod ec_key;
mod pem;
mod pkcs12;
mod private_key;
mod problem;

pub use certificate::{Algorithm, Certificate, certificates};
pub use pkcs12::Bundle;
pub use private_key::PrivateKey;
pub use problem::Problem;
