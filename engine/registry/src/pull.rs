//! Pulling an artifact.

use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use futures_util::StreamExt as _;
use oci_client::Reference;
use oci_client::client::BlobResponse;
use oci_client::manifest::{
    IMAGE_MANIFEST_MEDIA_TYPE, OCI_IMAGE_MEDIA_TYPE, OciDescriptor, OciImageManifest,
};
use sha2::{Digest as _, Sha256};

use crate::artifact::{
    BUNDLE, BUNDLE_LAYER, Kind, Layer, SIGNATURE, SIGNATURE_LAYER, TITLE, WASM_LAYER,
    WASM_LAYER_OLDER,
};
use crate::error::RegistryError;
use crate::registry::{Place, Registry};

/// Bytes of a manifest.
const MANIFEST: u64 = 1 << 20;
/// Bytes of a signature.
const SIGNATURE_BYTES: u64 = 4 << 10;
/// Signatures of one artifact that are looked at.
const SIGNATURES: usize = 16;
/// Layers of one artifact.
const LAYERS: usize = 128;

/// An artifact that was pulled; each layer is what the manifest says.
#[derive(Clone, Debug)]
pub struct Pulled {
    /// The digest of its manifest.
    pub digest: String,
    /// What it is.
    pub kind: Kind,
    /// The component; or the text of the bundle first, then its files.
    pub layers: Vec<Layer>,
    /// Signatures that lie beside it, of whomever.
    pub signatures: Vec<String>,
}

impl Registry {
    /// Pulls an artifact of at most `limit` bytes. What has come of a layer is kept in the folder `parts`, so that
    /// the next try goes on from there.
    ///
    /// # Errors
    /// The registry does not give it, or gives something else than it says.
    pub async fn pull(
        &self,
        place: &Place,
        limit: u64,
        parts: &Path,
    ) -> Result<Pulled, RegistryError> {
        let reference = place.reference();
        self.enter(&reference, false).await?;
        let (manifest, digest) = self.manifest(&reference, &place.name()).await?;
        if place
            .digest
            .as_ref()
            .is_some_and(|wanted| *wanted != digest)
        {
            return Err(RegistryError::OtherContent {
                host: self.host.clone(),
                what: place.name(),
                found: digest,
            });
        }
        let no_policy = |problem: String| RegistryError::NoPolicy {
            what: place.name(),
            problem,
        };
        let kind = kind(&manifest).map_err(no_policy)?;
        let total = manifest
            .layers
            .iter()
            .fold(0_u64, |sum, layer| sum.saturating_add(size(layer)));
        if total > limit {
            return Err(RegistryError::TooLarge {
                what: place.name(),
                bytes: total,
                limit,
            });
        }
        let mut layers = Vec::new();
        for descriptor in &manifest.layers {
            let titles = descriptor.annotations.as_ref();
            let name = titles
                .and_then(|a| a.get(TITLE))
                .cloned()
                .unwrap_or_default();
            let bytes = self.layer(&reference, descriptor, parts).await?;
            layers.push(Layer { name, bytes });
        }
        let signatures = self.signatures(place, &digest, parts).await?;
        Ok(Pulled {
            digest,
            kind,
            layers,
            signatures,
        })
    }

    /// The digest of the manifest that a place means now.
    ///
    /// # Errors
    /// The registry does not tell.
    pub async fn resolve(&self, place: &Place) -> Result<String, RegistryError> {
        let reference = place.reference();
        self.enter(&reference, false).await?;
        self.manifest(&reference, &place.name())
            .await
            .map(|(_, digest)| digest)
    }

    async fn manifest(
        &self,
        reference: &Reference,
        what: &str,
    ) -> Result<(OciImageManifest, String), RegistryError> {
        let accepted = [OCI_IMAGE_MEDIA_TYPE, IMAGE_MANIFEST_MEDIA_TYPE];
        let asked = self
            .client
            .pull_manifest_raw(reference, &self.auth, &accepted);
        let (bytes, _) = self
            .in_time(asked, what)
            .await?
            .map_err(|e| RegistryError::of(&self.host, what, &e))?;
        if bytes.len() as u64 > MANIFEST {
            return Err(RegistryError::TooLarge {
                what: format!("the manifest of {what}"),
                bytes: bytes.len() as u64,
                limit: MANIFEST,
            });
        }
        // What the registry says of the digest is of no account.
        let digest = digest(&Sha256::digest(&bytes));
        let manifest = serde_json::from_slice(&bytes).map_err(|e| RegistryError::NoPolicy {
            what: what.to_owned(),
            problem: format!("its manifest is malformed: {e}"),
        })?;
        Ok((manifest, digest))
    }

    /// One layer, from where an earlier try broke off.
    async fn layer(
        &self,
        reference: &Reference,
        descriptor: &OciDescriptor,
        parts: &Path,
    ) -> Result<Vec<u8>, RegistryError> {
        let wanted = size(descriptor);
        let hex = descriptor
            .digest
            .strip_prefix("sha256:")
            .filter(|hex| hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()));
        let hex = hex.ok_or_else(|| RegistryError::Other {
            host: self.host.clone(),
            problem: format!("\"{}\" is no SHA-256 digest", descriptor.digest),
        })?;
        let path = parts.join(hex);
        let mut part = Part::open(&path)?;
        let mut got = part.len()?;
        if got > wanted {
            part.clear()?;
            got = 0;
        }
        if got < wanted {
            // Layers elsewhere are not asked for: only this registry was named.
            let plain = OciDescriptor {
                urls: None,
                ..descriptor.clone()
            };
            let asked =
                self.client
                    .pull_blob_stream_partial(reference, &plain, got, Some(wanted - got));
            let response = self
                .in_time(asked, &descriptor.digest)
                .await?
                .map_err(|e| RegistryError::of(&self.host, &descriptor.digest, &e))?;
            let mut stream = match response {
                BlobResponse::Partial(stream) => stream.stream,
                BlobResponse::Full(stream) => {
                    // One that cannot go on begins anew.
                    part.clear()?;
                    got = 0;
                    stream.stream
                }
            };
            while let Some(piece) = stream.next().await {
                // What is wrong with the whole is found below; what came is kept.
                let Ok(piece) = piece else { break };
                got = got.saturating_add(piece.len() as u64);
                if got > wanted {
                    break;
                }
                part.add(&piece)?;
            }
        }
        if got < wanted {
            return Err(RegistryError::Truncated {
                host: self.host.clone(),
                what: descriptor.digest.clone(),
                got,
                wanted,
            });
        }
        let bytes = part.read()?;
        let found = digest(&Sha256::digest(&bytes));
        part.remove();
        if got > wanted || found != descriptor.digest {
            return Err(RegistryError::OtherContent {
                host: self.host.clone(),
                what: descriptor.digest.clone(),
                found: if got > wanted {
                    "more bytes than it said".into()
                } else {
                    found
                },
            });
        }
        Ok(bytes)
    }

    /// The signatures that lie beside a manifest. Where there are none, or they are malformed, that is
    /// as if nobody had signed.
    async fn signatures(
        &self,
        place: &Place,
        digest: &str,
        parts: &Path,
    ) -> Result<Vec<String>, RegistryError> {
        let subject = place.at_digest(digest);
        let asked = self.client.pull_referrers(&subject, Some(SIGNATURE));
        let index = self
            .in_time(asked, "signatures")
            .await?
            .map_err(|e| RegistryError::of(&self.host, "signatures", &e))?;
        let mut found = Vec::new();
        let entries = index.manifests.iter().filter(|entry| {
            entry
                .artifact_type
                .as_deref()
                .is_none_or(|kind| kind == SIGNATURE)
        });
        for entry in entries.take(SIGNATURES) {
            let reference = place.at_digest(&entry.digest);
            let Ok((manifest, _)) = self.manifest(&reference, "a signature").await else {
                continue;
            };
            for layer in &manifest.layers {
                if layer.media_type != SIGNATURE_LAYER || size(layer) > SIGNATURE_BYTES {
                    continue;
                }
                if let Ok(bytes) = self.layer(&reference, layer, parts).await {
                    found.extend(String::from_utf8(bytes));
                }
            }
        }
        Ok(found)
    }
}

/// What a manifest is of, or why it is of nothing that is known.
fn kind(manifest: &OciImageManifest) -> Result<Kind, String> {
    if manifest.layers.is_empty() || manifest.layers.len() > LAYERS {
        return Err(format!("it has {} layers", manifest.layers.len()));
    }
    let types: Vec<&str> = manifest
        .layers
        .iter()
        .map(|layer| layer.media_type.as_str())
        .collect();
    if manifest.artifact_type.as_deref() == Some(BUNDLE) || types.first() == Some(&BUNDLE_LAYER) {
        return Ok(Kind::Bundle);
    }
    match types.as_slice() {
        [WASM_LAYER | WASM_LAYER_OLDER] => Ok(Kind::Module),
        [other] => Err(format!("its layer is of type {other}")),
        _ => Err(format!("it has {} layers", types.len())),
    }
}

/// Negative sizes are nonsense, and too large.
fn size(descriptor: &OciDescriptor) -> u64 {
    u64::try_from(descriptor.size).unwrap_or(u64::MAX)
}

pub(crate) fn digest(hash: &[u8]) -> String {
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// What has come of a layer.
struct Part {
    path: PathBuf,
    file: std::fs::File,
}

impl Part {
    fn open(path: &Path) -> Result<Self, RegistryError> {
        let open = || {
            std::fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
            let mut options = std::fs::OpenOptions::new();
            options.read(true).append(true).create(true).open(path)
        };
        Ok(Self {
            path: path.to_owned(),
            file: open().map_err(|e| local(path, &e))?,
        })
    }

    fn len(&self) -> Result<u64, RegistryError> {
        let meta = self.file.metadata().map_err(|e| local(&self.path, &e))?;
        Ok(meta.len())
    }

    fn clear(&mut self) -> Result<(), RegistryError> {
        self.file.set_len(0).map_err(|e| local(&self.path, &e))
    }

    fn add(&mut self, piece: &[u8]) -> Result<(), RegistryError> {
        self.file
            .write_all(piece)
            .map_err(|e| local(&self.path, &e))
    }

    fn read(&mut self) -> Result<Vec<u8>, RegistryError> {
        let mut bytes = Vec::new();
        let read = self
            .file
            .rewind()
            .and_then(|()| self.file.read_to_end(&mut bytes));
        read.map_err(|e| local(&self.path, &e))?;
        Ok(bytes)
    }

    /// A part of something else would spoil the next try.
    fn remove(&self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

fn local(path: &Path, error: &std::io::Error) -> RegistryError {
    RegistryError::Local {
        path: path.display().to_string(),
        problem: error.to_string(),
    }
}
