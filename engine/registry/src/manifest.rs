//! Manifests, as they are pulled and pushed.
//!
//! Source: OCI image specification 1.1, "Image Manifest Specification" and "Image Index
//! Specification".

pub(crate) use oci_client::manifest::{OciDescriptor as Descriptor, OciImageManifest as Manifest};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The media type of a manifest.
pub(crate) const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
/// Docker's name for it.
pub(crate) const DOCKER_TYPE: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// The media type of an index.
pub(crate) const INDEX_TYPE: &str = "application/vnd.oci.image.index.v1+json";

/// The size that a descriptor names. Negative sizes are nonsense, and too large.
pub(crate) fn bytes(descriptor: &Descriptor) -> u64 {
    u64::try_from(descriptor.size).unwrap_or(u64::MAX)
}

/// An index. What of its entries is not known here stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Index {
    pub(crate) schema_version: u8,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) media_type: Option<String>,
    #[serde(default)]
    pub(crate) manifests: Vec<Value>,
    #[serde(flatten)]
    pub(crate) rest: serde_json::Map<String, Value>,
}

impl Default for Index {
    fn default() -> Self {
        Self {
            schema_version: 2,
            media_type: Some(INDEX_TYPE.to_owned()),
            manifests: Vec::new(),
            rest: serde_json::Map::new(),
        }
    }
}

impl Index {
    /// The digests of its entries that are of this type, or say none.
    pub(crate) fn of_type<'a>(&'a self, wanted: &'a str) -> impl Iterator<Item = &'a str> {
        self.manifests.iter().filter_map(move |entry| {
            let kind = entry.get("artifactType").and_then(Value::as_str);
            let fits = kind.is_none_or(|kind| kind == wanted);
            entry.get("digest").and_then(Value::as_str).filter(|_| fits)
        })
    }
}
