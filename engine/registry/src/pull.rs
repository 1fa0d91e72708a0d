//! Pulling an artifact.

use std::path::Path;
use std::time::Duration;

use data_encoding::HEXLOWER;
use http::{HeaderValue, Method, header};
use sha2::{Digest as _, Sha256};

use crate::artifact::{
    BUNDLE, BUNDLE_LAYER, Kind, Layer, SIGNATURE, SIGNATURE_LAYER, TITLE, WASM_LAYER,
    WASM_LAYER_OLDER, WORKSPACE, WORKSPACE_LAYER,
};
use crate::error::RegistryError;
use crate::http::{Ask, SILENCE, SMALL};
use crate::manifest::{DOCKER_TYPE, Descriptor, INDEX_TYPE, Index, MANIFEST_TYPE, Manifest, bytes};
use crate::part::Part;
use crate::registry::{Place, Registry};

/// Bytes of a manifest.
pub(crate) const MANIFEST: usize = 1 << 20;
/// How slowly a layer may come, in bytes a second.
const SLOWEST: u64 = 4 << 10;
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
    /// The component or the Workspace; or the text of the bundle first, then its files.
    pub layers: Vec<Layer>,
    /// Signatures that lie beside it, of whomever.
    pub signatures: Vec<String>,
}

impl Registry {
    /// Pulls an artifact of at most as many bytes as `limit` says of its kind. What has come of a layer is kept in the folder `parts`, so that
    /// the next try goes on from there.
    ///
    /// # Errors
    /// The registry does not give it, or gives something else than it says.
    pub async fn pull(
        &self,
        place: &Place,
        limit: fn(Kind) -> u64,
        parts: &Path,
    ) -> Result<Pulled, RegistryError> {
        self.enter(place, false).await?;
        let (manifest, digest) = self
            .manifest(place, place.reference(), &place.name())
            .await?;
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
        let unknown = |problem: String| RegistryError::Unknown {
            what: place.name(),
            problem,
        };
        let kind = kind(&manifest).map_err(unknown)?;
        let total = manifest
            .layers
            .iter()
            .fold(0_u64, |sum, layer| sum.saturating_add(bytes(layer)));
        let limit = limit(kind);
        if total > limit {
            return Err(RegistryError::TooLarge {
                what: place.name(),
                bytes: Some(total),
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
            let bytes = self.layer(place, descriptor, parts).await?;
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
        self.enter(place, false).await?;
        let found = self.manifest(place, place.reference(), &place.name()).await;
        found.map(|(_, digest)| digest)
    }

    async fn manifest(
        &self,
        place: &Place,
        reference: &str,
        what: &str,
    ) -> Result<(Manifest, String), RegistryError> {
        let accepted = format!("{MANIFEST_TYPE}, {DOCKER_TYPE}");
        let bytes = self.raw(place, reference, &accepted, what).await?;
        // What the registry says of the digest is of no account.
        let digest = digest(&Sha256::digest(&bytes));
        let manifest = serde_json::from_slice(&bytes).map_err(|e| RegistryError::Unknown {
            what: what.to_owned(),
            problem: format!("its manifest is malformed: {e}"),
        })?;
        Ok((manifest, digest))
    }

    /// The bytes of a manifest or an index.
    pub(crate) async fn raw(
        &self,
        place: &Place,
        reference: &str,
        accepted: &str,
        what: &str,
    ) -> Result<Vec<u8>, RegistryError> {
        let path = format!("/v2/{}/manifests/{reference}", place.repository);
        let accepted = HeaderValue::from_str(accepted)
            .map_err(|_| self.http.other("Dayfly cannot build the request"))?;
        let ask = Ask::new(Method::GET, self.http.at(&path)?).with(header::ACCEPT, accepted);
        let answer = self.http.ask(ask, what).await?;
        if answer.status().as_u16() != 200 {
            return Err(self.http.refused(answer, what).await);
        }
        let what = format!("the manifest of {what}");
        self.http.whole(answer, MANIFEST, &what).await
    }

    /// One layer, from where an earlier try broke off.
    async fn layer(
        &self,
        place: &Place,
        descriptor: &Descriptor,
        parts: &Path,
    ) -> Result<Vec<u8>, RegistryError> {
        let wanted = bytes(descriptor);
        let hex = descriptor
            .digest
            .strip_prefix("sha256:")
            .filter(|hex| hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()));
        let hex = hex.ok_or_else(|| RegistryError::Other {
            host: self.host.clone(),
            problem: format!("\"{}\" is not a SHA-256 digest", descriptor.digest),
        })?;
        let mut part = Part::open(&parts.join(hex))?;
        let mut got = part.len()?;
        if got > wanted {
            part.clear()?;
            got = 0;
        }
        let mut more = false;
        if got < wanted {
            more = self.fetch(place, descriptor, &mut part, got).await?;
            got = part.len()?;
        }
        if got < wanted && !more {
            return Err(RegistryError::Truncated {
                host: self.host.clone(),
                what: descriptor.digest.clone(),
                got,
                wanted,
            });
        }
        let content = part.read()?;
        let found = digest(&Sha256::digest(&content));
        part.remove();
        if more || found != descriptor.digest {
            return Err(RegistryError::OtherContent {
                host: self.host.clone(),
                what: descriptor.digest.clone(),
                found: if more {
                    "more bytes than it announced".into()
                } else {
                    found
                },
            });
        }
        Ok(content)
    }

    /// Fetches what is missing of a layer, as far as it comes; whether there is more than there should
    /// be.
    async fn fetch(
        &self,
        place: &Place,
        descriptor: &Descriptor,
        part: &mut Part,
        got: u64,
    ) -> Result<bool, RegistryError> {
        let (wanted, what) = (bytes(descriptor), &descriptor.digest);
        // Layers elsewhere (`urls`) are not asked for: only this registry was named.
        let path = format!("/v2/{}/blobs/{what}", place.repository);
        let range = HeaderValue::from_str(&format!("bytes={got}-{}", wanted - 1))
            .map_err(|_| self.http.other("Dayfly cannot build the request"))?;
        let ask = Ask::new(Method::GET, self.http.at(&path)?).with(header::RANGE, range);
        let answer = self.http.ask(ask, what).await?;
        let missing = match answer.status().as_u16() {
            206 => wanted - got,
            200 => {
                // One that cannot go on starts again.
                part.clear()?;
                wanted
            }
            _ => return Err(self.http.refused(answer, what).await),
        };
        let mut written = Ok(());
        let limit = usize::try_from(missing).unwrap_or(usize::MAX);
        let read = dayfly_net::read(answer, limit, SILENCE, |piece| {
            if written.is_ok() {
                written = part.add(piece);
            }
        });
        let deadline = SMALL + Duration::from_secs(missing / SLOWEST);
        // What is missing at the end is found by who asked; what came is kept.
        let read = tokio::time::timeout(deadline, read).await;
        written?;
        Ok(matches!(read, Ok(Err(dayfly_net::BrokenOff::TooLong))))
    }

    /// The signatures that lie beside a manifest. Where there are none, or they are malformed, that is
    /// as if nobody had signed.
    async fn signatures(
        &self,
        place: &Place,
        digest: &str,
        parts: &Path,
    ) -> Result<Vec<String>, RegistryError> {
        let index = self.referrers(place, digest).await?;
        let mut found = Vec::new();
        for entry in index.of_type(SIGNATURE).take(SIGNATURES) {
            let Ok((manifest, _)) = self.manifest(place, entry, "a signature").await else {
                continue;
            };
            for layer in &manifest.layers {
                if layer.media_type != SIGNATURE_LAYER || bytes(layer) > SIGNATURE_BYTES {
                    continue;
                }
                if let Ok(bytes) = self.layer(place, layer, parts).await {
                    found.extend(String::from_utf8(bytes));
                }
            }
        }
        Ok(found)
    }

    /// What refers to a manifest: by the referrers API, or by the tag that the specification gives.
    async fn referrers(&self, place: &Place, digest: &str) -> Result<Index, RegistryError> {
        let what = "signatures";
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("artifactType", SIGNATURE);
        let repository = &place.repository;
        let path = format!("/v2/{repository}/referrers/{digest}?{}", query.finish());
        let accepted = HeaderValue::from_static(INDEX_TYPE);
        let ask = Ask::new(Method::GET, self.http.at(&path)?).with(header::ACCEPT, accepted);
        let answer = self.http.ask(ask, what).await?;
        match answer.status().as_u16() {
            200 => {
                let bytes = self.http.whole(answer, MANIFEST, what).await?;
                self.index_of(&bytes)
            }
            404 => self.index(place, &digest.replace(':', "-")).await,
            _ => Err(self.http.refused(answer, what).await),
        }
    }

    /// The index under a tag; an empty one where there is none.
    pub(crate) async fn index(&self, place: &Place, tag: &str) -> Result<Index, RegistryError> {
        match self.raw(place, tag, INDEX_TYPE, "signatures").await {
            Ok(bytes) => self.index_of(&bytes),
            Err(RegistryError::NotFound { .. }) => Ok(Index::default()),
            Err(other) => Err(other),
        }
    }

    fn index_of(&self, bytes: &[u8]) -> Result<Index, RegistryError> {
        serde_json::from_slice(bytes).map_err(|e| {
            self.http
                .other(&format!("the list of signatures is malformed: {e}"))
        })
    }
}

/// What a manifest is of, or why it is of nothing that is known.
fn kind(manifest: &Manifest) -> Result<Kind, String> {
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
    let workspace = manifest.artifact_type.as_deref() == Some(WORKSPACE);
    match types.as_slice() {
        [WORKSPACE_LAYER] => Ok(Kind::Workspace),
        [other] if workspace => Err(format!("its layer is of type {other}")),
        [WASM_LAYER | WASM_LAYER_OLDER] => Ok(Kind::Module),
        [other] => Err(format!("its layer is of type {other}")),
        _ => Err(format!("it has {} layers", types.len())),
    }
}

pub(crate) fn digest(hash: &[u8]) -> String {
    let hex = HEXLOWER.encode(hash);
    format!("sha256:{hex}")
}
