//! Which root certificates are trusted beside the system's.
//!
//! Those of one bundle, the first that is named of: `AWS_CA_BUNDLE`, `ca_bundle` of the profile that
//! `AWS_PROFILE` names (else of `default`) in the AWS config file, `REQUESTS_CA_BUNDLE`. The AWS CLI
//! takes the same in the same order. It trusts that bundle *instead of* its own; here it is added, so
//! that a bundle with an inspecting proxy's certificate alone does not lock everything else out.
//!
//! Sources: AWS SDKs and Tools Reference Guide, "General configuration settings"; botocore,
//! `configprovider` (`ca_bundle`) and `EndpointCreator._get_verify_value`.

use std::fs::OpenOptions;
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use aws_smithy_http_client::tls::{TlsContext, TrustStore};
use dayfly_awsfiles::{Kind, load};
use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use thiserror::Error;

/// The longest bundle, in bytes: sixty times what systems ship.
const LENGTH: u64 = 16 << 20;

/// A file with root certificates, and who named it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// The file.
    pub path: PathBuf,
    /// The setting that names it.
    pub origin: String,
}

/// Why a bundle cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("Dayfly cannot use the certificates that {origin} names: {} {problem}", path.display())]
pub struct BundleError {
    /// The setting that names it.
    pub origin: String,
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it, after its name.
    pub problem: String,
}

impl Bundle {
    /// The bundle that the environment of this process, or the AWS config file, names now.
    pub async fn configured() -> Option<Self> {
        let variable = |name: &str| {
            let value = std::env::var_os(name).filter(|value| !value.is_empty())?;
            Some(Self {
                path: PathBuf::from(value),
                origin: name.to_owned(),
            })
        };
        if let Some(bundle) = variable("AWS_CA_BUNDLE") {
            return Some(bundle);
        }
        if let Some(bundle) = Self::of_profile().await {
            return Some(bundle);
        }
        variable("REQUESTS_CA_BUNDLE")
    }

    /// What the AWS config file says for the profile in use. A file that cannot be read names none:
    /// then less is trusted, not more.
    async fn of_profile() -> Option<Self> {
        let name = ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"]
            .into_iter()
            .find_map(|name| std::env::var(name).ok().filter(|name| !name.is_empty()))
            .unwrap_or_else(|| "default".to_owned());
        let own = std::env::home_dir().filter(|home| !home.as_os_str().is_empty());
        let own = own.map(|home| Kind::Config.place(&home));
        let file = Kind::Config.named().or(own)?;
        let profile = name.clone();
        // A file on a disk that is slow.
        let value = tokio::task::spawn_blocking(move || named_in(&file, &profile)).await;
        let value = value.ok()??;
        if value.is_empty() {
            return None;
        }
        let path = match (value.strip_prefix("~/"), std::env::home_dir()) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => PathBuf::from(&value),
        };
        Some(Self {
            path,
            origin: format!("ca_bundle of profile {name} in the AWS config file"),
        })
    }

    /// How many certificates it holds.
    ///
    /// # Errors
    /// It cannot be read, holds none, or holds one that is none.
    pub fn count(&self) -> Result<usize, BundleError> {
        self.read().map(|(_, count)| count)
    }

    /// What is trusted with it: the system's roots and these.
    pub(crate) fn trust(bundle: Option<&Self>) -> Result<TlsContext, BundleError> {
        let mut store = TrustStore::default();
        if let Some(bundle) = bundle {
            store.add_pem_certificate(bundle.read()?.0);
        }
        let context = TlsContext::builder().with_trust_store(store).build();
        Ok(context.unwrap_or_default())
    }

    fn read(&self) -> Result<(Vec<u8>, usize), BundleError> {
        let refuse = |problem: &str| BundleError {
            origin: self.origin.clone(),
            path: self.path.clone(),
            problem: problem.to_owned(),
        };
        let text = content(&self.path).map_err(|problem| refuse(&problem))?;
        let certificates: Vec<CertificateDer<'_>> = CertificateDer::pem_slice_iter(&text)
            .collect::<Result<_, _>>()
            .map_err(|_| refuse("has an incomplete certificate, or is not a PEM file"))?;
        if certificates.is_empty() {
            return Err(refuse("has no certificate in PEM format"));
        }
        let mut roots = RootCertStore::empty();
        for (n, certificate) in certificates.iter().enumerate() {
            if roots.add(certificate.clone()).is_err() {
                let which = n + 1;
                return Err(refuse(&format!(
                    "has an invalid certificate (number {which} in the file)"
                )));
            }
        }
        Ok((text, certificates.len()))
    }
}

/// `ca_bundle` of a profile, as the AWS CLI reads it.
fn named_in(file: &Path, profile: &str) -> Option<String> {
    let loaded = load(file, Kind::Config).ok()?;
    Some(loaded.profile(profile)?.text("ca_bundle")?.to_owned())
}

/// A whole file, if it is one and not too long. A pipe is not waited for.
fn content(path: &Path) -> Result<Vec<u8>, String> {
    let told = |e: std::io::Error| match e.kind() {
        std::io::ErrorKind::NotFound => "does not exist".to_owned(),
        _ => format!("cannot be read: {e}"),
    };
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
    let flags = i32::try_from(flags.bits()).unwrap_or(0);
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)
        .map_err(told)?;
    let kind = file.metadata().map_err(told)?;
    if kind.is_dir() {
        return Err("is a folder, not a file".to_owned());
    }
    if !kind.is_file() {
        return Err("is not a regular file".to_owned());
    }
    let mut text = Vec::new();
    file.take(LENGTH + 1).read_to_end(&mut text).map_err(told)?;
    if text.len() as u64 > LENGTH {
        return Err("is too large for a file of certificates".to_owned());
    }
    Ok(text)
}

#[cfg(test)]
#[path = "roots_tests.rs"]
mod tests;
