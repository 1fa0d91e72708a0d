//! Pushing an artifact, and a signature beside it.

use std::collections::BTreeMap;

use http::{HeaderValue, Method, header};
use serde::Serialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::artifact::{
    Artifact, BUNDLE_LAYER, DESCRIPTION, EMPTY, Kind, SIGNATURE, SIGNATURE_LAYER, TITLE, VERSION,
    WASM_CONFIG, WASM_LAYER, WORKSPACE_LAYER,
};
use crate::error::RegistryError;
use crate::http::Ask;
use crate::manifest::{Descriptor, INDEX_TYPE, MANIFEST_TYPE, Manifest};
use crate::pull::digest;
use crate::registry::{Place, Registry};

impl Registry {
    /// Pushes an artifact under the tag of the place; the digest of its manifest. The same artifact always
    /// has the same digest.
    ///
    /// # Errors
    /// The registry does not take it.
    pub async fn push(&self, place: &Place, artifact: &Artifact) -> Result<String, RegistryError> {
        let tag = place.tag.as_deref().unwrap_or("latest");
        self.enter(place, true).await?;
        let mut layers = Vec::new();
        for (n, layer) in artifact.layers.iter().enumerate() {
            let media_type = match (artifact.kind, n) {
                (Kind::Bundle, 0) => BUNDLE_LAYER,
                (Kind::Workspace, _) => WORKSPACE_LAYER,
                (Kind::Bundle | Kind::Module, _) => WASM_LAYER,
            };
            let mut descriptor = self.blob(place, media_type, &layer.bytes).await?;
            descriptor.annotations = Some([(TITLE.to_owned(), layer.name.clone())].into());
            layers.push(descriptor);
        }
        let config = match artifact.kind {
            Kind::Module => wasm_config(artifact, &layers).to_string(),
            Kind::Bundle | Kind::Workspace => "{}".to_owned(),
        };
        let media_type = match artifact.kind {
            Kind::Module => WASM_CONFIG,
            Kind::Bundle | Kind::Workspace => EMPTY,
        };
        let config = self.blob(place, media_type, config.as_bytes()).await?;
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
        let manifest = Manifest {
            media_type: Some(MANIFEST_TYPE.to_owned()),
            config,
            layers,
            artifact_type: artifact.kind.artifact_type().map(str::to_owned),
            annotations: Some(annotations),
            ..Manifest::default()
        };
        let (_, digest) = self
            .manifest_to(place, tag, MANIFEST_TYPE, &manifest)
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
        self.enter(place, true).await?;
        let what = format!("{}@{subject}", place.repository);
        let bytes = self.raw(place, subject, MANIFEST_TYPE, &what).await?;
        let layer = self
            .blob(place, SIGNATURE_LAYER, signature.as_bytes())
            .await?;
        let config = self.blob(place, EMPTY, b"{}").await?;
        let manifest = Manifest {
            media_type: Some(MANIFEST_TYPE.to_owned()),
            config,
            layers: vec![layer],
            artifact_type: Some(SIGNATURE.to_owned()),
            subject: Some(Descriptor {
                media_type: MANIFEST_TYPE.to_owned(),
                digest: subject.to_owned(),
                size: length(bytes.len()),
                ..Descriptor::default()
            }),
            ..Manifest::default()
        };
        let own = digest(&Sha256::digest(canonical(&self.host, &manifest)?));
        let (bytes, own) = self
            .manifest_to(place, &own, MANIFEST_TYPE, &manifest)
            .await?;
        let tag = subject.replace(':', "-");
        let mut index = self.index(place, &tag).await?;
        index
            .manifests
            .retain(|entry| entry.get("digest").and_then(|d| d.as_str()) != Some(own.as_str()));
        index.manifests.push(json!({
            "mediaType": MANIFEST_TYPE,
            "digest": own,
            "size": length(bytes),
            "artifactType": SIGNATURE,
        }));
        self.manifest_to(place, &tag, INDEX_TYPE, &index).await?;
        Ok(())
    }

    async fn blob(
        &self,
        place: &Place,
        media_type: &str,
        bytes: &[u8],
    ) -> Result<Descriptor, RegistryError> {
        let digest = digest(&Sha256::digest(bytes));
        let path = format!("/v2/{}/blobs/{digest}", place.repository);
        let ask = Ask::new(Method::HEAD, self.http.at(&path)?);
        let answer = self.http.ask(ask, &digest).await?;
        match answer.status().as_u16() {
            200 => {}
            404 => self.upload(place, &digest, bytes).await?,
            _ => return Err(self.http.refused(answer, &digest).await),
        }
        Ok(Descriptor {
            media_type: media_type.to_owned(),
            digest,
            size: length(bytes.len()),
            ..Descriptor::default()
        })
    }

    /// Source: OCI distribution specification 1.1, "POST then PUT".
    async fn upload(&self, place: &Place, digest: &str, bytes: &[u8]) -> Result<(), RegistryError> {
        let path = format!("/v2/{}/blobs/uploads/", place.repository);
        let begin = self.http.at(&path)?;
        let ask = Ask::new(Method::POST, begin.clone());
        let answer = self.http.ask(ask, digest).await?;
        if answer.status().as_u16() != 202 {
            return Err(self.http.refused(answer, digest).await);
        }
        let to = answer.headers().get("location");
        let to = to.ok_or_else(|| self.http.other("it does not say where to upload to"))?;
        let joint = if to.contains('?') { '&' } else { '?' };
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("digest", digest);
        let to = self
            .http
            .relative(&begin, &format!("{to}{joint}{}", query.finish()))?;
        let kind = HeaderValue::from_static("application/octet-stream");
        let ask = Ask::new(Method::PUT, to)
            .with(header::CONTENT_TYPE, kind)
            .carrying(bytes.to_vec());
        let answer = self.http.ask(ask, digest).await?;
        if answer.status().as_u16() != 201 {
            return Err(self.http.refused(answer, digest).await);
        }
        Ok(())
    }

    /// Pushes a manifest or an index; its length and digest.
    async fn manifest_to(
        &self,
        place: &Place,
        reference: &str,
        kind: &'static str,
        manifest: &impl Serialize,
    ) -> Result<(usize, String), RegistryError> {
        let bytes = canonical(&self.host, manifest)?;
        let path = format!("/v2/{}/manifests/{reference}", place.repository);
        let ask = Ask::new(Method::PUT, self.http.at(&path)?)
            .with(header::CONTENT_TYPE, HeaderValue::from_static(kind))
            .carrying(bytes.clone());
        let answer = self.http.ask(ask, &place.repository).await?;
        if answer.status().as_u16() != 201 {
            return Err(self.http.refused(answer, &place.repository).await);
        }
        Ok((bytes.len(), digest(&Sha256::digest(&bytes))))
    }
}

fn length(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// Source: CNCF Wasm OCI artifact layout, "Config".
fn wasm_config(artifact: &Artifact, layers: &[Descriptor]) -> serde_json::Value {
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
fn canonical(host: &str, manifest: &impl Serialize) -> Result<Vec<u8>, RegistryError> {
    serde_json::to_vec(manifest).map_err(|e| RegistryError::Other {
        host: host.to_owned(),
        problem: e.to_string(),
    })
}
