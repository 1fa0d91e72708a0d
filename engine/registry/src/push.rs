//! Pushing an artifact, and a signature beside it.

use std::collections::BTreeMap;

use oci_client::Reference;
use oci_client::manifest::{
    ImageIndexEntry, OCI_IMAGE_INDEX_MEDIA_TYPE, OCI_IMAGE_MEDIA_TYPE, OciDescriptor,
    OciImageIndex, OciImageManifest, OciManifest,
};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::artifact::{
    Artifact, BUNDLE, BUNDLE_LAYER, DESCRIPTION, EMPTY, Kind, SIGNATURE, SIGNATURE_LAYER, TITLE,
    VERSION, WASM_CONFIG, WASM_LAYER,
};
use crate::error::RegistryError;
use crate::pull::digest;
use crate::registry::{Place, Registry};

impl Registry {
    /// Pushes an artifact under the tag of the place; the digest of its manifest. The same artifact always
    /// has the same digest.
    ///
    /// # Errors
    /// The registry does not take it.
    pub async fn push(&self, place: &Place, artifact: &Artifact) -> Result<String, RegistryError> {
        let reference = place.at_tag(place.tag.as_deref().unwrap_or("latest"));
        self.enter(&reference, true).await?;
        let mut layers = Vec::new();
        for (n, layer) in artifact.layers.iter().enumerate() {
            let media_type = match (artifact.kind, n) {
                (Kind::Bundle, 0) => BUNDLE_LAYER,
                _ => WASM_LAYER,
            };
            let mut descriptor = self.blob(&reference, media_type, &layer.bytes).await?;
            descriptor.annotations = Some([(TITLE.to_owned(), layer.name.clone())].into());
            layers.push(descriptor);
        }
        let config = match artifact.kind {
            Kind::Module => wasm_config(artifact, &layers).to_string(),
            Kind::Bundle => "{}".to_owned(),
        };
        let media_type = match artifact.kind {
            Kind::Module => WASM_CONFIG,
            Kind::Bundle => EMPTY,
        };
        let config = self.blob(&reference, media_type, config.as_bytes()).await?;
        let said = [
            (TITLE, &artifact.name),
            (VERSION, &artifact.version),
            (DESCRIPTION, &artifact.summary),
        ];
        let annotations: BTreeMap<String, String> = said
            .into_iter()
            .filter(|(_, text)| !text.is_empty())
            .map(|(key, text)| (key.to_owned(), text.clone()))
            .collect();
        let manifest = OciImageManifest {
            media_type: Some(OCI_IMAGE_MEDIA_TYPE.into()),
            config,
            layers,
            artifact_type: (artifact.kind == Kind::Bundle).then(|| BUNDLE.to_owned()),
            annotations: Some(annotations),
            ..OciImageManifest::default()
        };
        let (_, digest) = self
            .manifest_to(&reference, &OciManifest::Image(manifest))
            .await?;
        Ok(digest)
    }

    /// Puts a signature beside the manifest with this digest.
    ///
    /// A registry without the referrers API finds it by an index under the tag that the specification gives it;
    /// that index is kept for every registry, since one with the API ignores it.
    ///
    /// # Errors
    /// The registry does not take it.
    pub async fn push_signature(
        &self,
        place: &Place,
        subject: &str,
        signature: &str,
    ) -> Result<(), RegistryError> {
        let by_digest = place.at_digest(subject);
        self.enter(&by_digest, true).await?;
        let what = format!("{}@{subject}", place.repository);
        let (bytes, _) = self
            .client
            .pull_manifest_raw(&by_digest, &self.auth, &[OCI_IMAGE_MEDIA_TYPE])
            .await
            .map_err(|e| RegistryError::of(&self.host, &what, &e))?;
        let layer = self
            .blob(&by_digest, SIGNATURE_LAYER, signature.as_bytes())
            .await?;
        let config = self.blob(&by_digest, EMPTY, b"{}").await?;
        let manifest = OciImageManifest {
            media_type: Some(OCI_IMAGE_MEDIA_TYPE.into()),
            config,
            layers: vec![layer],
            artifact_type: Some(SIGNATURE.to_owned()),
            subject: Some(OciDescriptor {
                media_type: OCI_IMAGE_MEDIA_TYPE.into(),
                digest: subject.to_owned(),
                size: length(bytes.len()),
                ..OciDescriptor::default()
            }),
            ..OciImageManifest::default()
        };
        let manifest = OciManifest::Image(manifest);
        let own = digest(&Sha256::digest(canonical(&self.host, &manifest)?));
        let (bytes, own) = self.manifest_to(&place.at_digest(&own), &manifest).await?;
        let tag = place.at_tag(&subject.replace(':', "-"));
        let mut index = self.index(&tag).await?;
        index.manifests.retain(|entry| entry.digest != own);
        index.manifests.push(ImageIndexEntry {
            media_type: OCI_IMAGE_MEDIA_TYPE.into(),
            digest: own,
            size: length(bytes),
            platform: None,
            annotations: None,
            artifact_type: Some(SIGNATURE.to_owned()),
        });
        self.manifest_to(&tag, &OciManifest::ImageIndex(index))
            .await?;
        Ok(())
    }

    /// The index under a tag; an empty one where there is none.
    async fn index(&self, tag: &Reference) -> Result<OciImageIndex, RegistryError> {
        let asked = self
            .client
            .pull_manifest_raw(tag, &self.auth, &[OCI_IMAGE_INDEX_MEDIA_TYPE]);
        match self.in_time(asked, "signatures").await? {
            Ok((bytes, _)) => serde_json::from_slice(&bytes).map_err(|e| RegistryError::Other {
                host: self.host.clone(),
                problem: format!("the list of signatures is malformed: {e}"),
            }),
            Err(error) => match RegistryError::of(&self.host, "signatures", &error) {
                RegistryError::NotFound { .. } => Ok(OciImageIndex {
                    schema_version: 2,
                    media_type: Some(OCI_IMAGE_INDEX_MEDIA_TYPE.into()),
                    manifests: Vec::new(),
                    artifact_type: None,
                    annotations: None,
                }),
                other => Err(other),
            },
        }
    }

    async fn blob(
        &self,
        reference: &Reference,
        media_type: &str,
        bytes: &[u8],
    ) -> Result<OciDescriptor, RegistryError> {
        let digest = digest(&Sha256::digest(bytes));
        let failed = |e| RegistryError::of(&self.host, &digest, &e);
        if !self
            .client
            .blob_exists(reference, &digest)
            .await
            .map_err(failed)?
        {
            let pushed = self
                .client
                .push_blob(reference, bytes.to_vec(), &digest)
                .await;
            pushed.map_err(failed)?;
        }
        Ok(OciDescriptor {
            media_type: media_type.to_owned(),
            digest,
            size: length(bytes.len()),
            ..OciDescriptor::default()
        })
    }

    /// Pushes a manifest; its length and digest.
    async fn manifest_to(
        &self,
        reference: &Reference,
        manifest: &OciManifest,
    ) -> Result<(usize, String), RegistryError> {
        let bytes = canonical(&self.host, manifest)?;
        let kind = match manifest {
            OciManifest::Image(_) => OCI_IMAGE_MEDIA_TYPE,
            OciManifest::ImageIndex(_) => OCI_IMAGE_INDEX_MEDIA_TYPE,
        };
        let kind = http::HeaderValue::from_static(kind);
        let pushed = self
            .client
            .push_manifest_raw(reference, bytes.clone(), kind);
        self.in_time(pushed, reference.repository())
            .await?
            .map_err(|e| RegistryError::of(&self.host, reference.repository(), &e))?;
        Ok((bytes.len(), digest(&Sha256::digest(&bytes))))
    }
}

fn length(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// Source: CNCF Wasm OCI artifact layout, "Config".
fn wasm_config(artifact: &Artifact, layers: &[OciDescriptor]) -> serde_json::Value {
    let (imports, exports) = &artifact.interfaces;
    let digests: Vec<&str> = layers.iter().map(|layer| layer.digest.as_str()).collect();
    json!({
        // When it was pushed is no part of what it is.
        "created": "1970-01-01T00:00:00Z",
        "architecture": "wasm",
        "os": "wasip2",
        "layerDigests": digests,
        "component": { "imports": imports, "exports": exports },
    })
}

/// The bytes of a manifest as they are pushed.
fn canonical(host: &str, manifest: &OciManifest) -> Result<Vec<u8>, RegistryError> {
    serde_json::to_vec(manifest).map_err(|e| RegistryError::Other {
        host: host.to_owned(),
        problem: e.to_string(),
    })
}
