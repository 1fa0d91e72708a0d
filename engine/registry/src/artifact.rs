//! What an artifact is made of.

/// The layer of a component, as the CNCF's Wasm working group has it.
pub const WASM_LAYER: &str = "application/wasm";
/// The configuration that goes with it.
pub const WASM_CONFIG: &str = "application/vnd.wasm.config.v0+json";
/// The older name of the layer, which some tools still write.
pub const WASM_LAYER_OLDER: &str = "application/vnd.wasm.content.layer.v1+wasm";
/// The text of a bundle.
pub const BUNDLE_LAYER: &str = "application/vnd.dayfly.bundle.v1+toml";
/// The type of an artifact that is a bundle.
pub const BUNDLE: &str = "application/vnd.dayfly.bundle.v1";
/// The layer of a Workspace.
pub const WORKSPACE_LAYER: &str = "application/vnd.dayfly.workspace.v1+json";
/// The type of an artifact that is a Workspace.
pub const WORKSPACE: &str = "application/vnd.dayfly.workspace.v1";
/// The layer of a signature.
pub const SIGNATURE_LAYER: &str = "application/vnd.minisign.signature";
/// The type of an artifact that is a signature.
pub const SIGNATURE: &str = "application/vnd.dayfly.signature.minisign.v1";
/// The media type of an empty configuration.
pub const EMPTY: &str = "application/vnd.oci.empty.v1+json";
/// The annotation that names the file of a layer.
pub const TITLE: &str = "org.opencontainers.image.title";
/// The annotation of a version.
pub const VERSION: &str = "org.opencontainers.image.version";
/// The annotation of a summary.
pub const DESCRIPTION: &str = "org.opencontainers.image.description";

/// What an artifact is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One component.
    Module,
    /// A bundle: its text and the files that it names.
    Bundle,
    /// One Workspace.
    Workspace,
}

impl Kind {
    /// The type that the manifest of such an artifact names; none for a component, whose configuration
    /// says it.
    #[must_use]
    pub fn artifact_type(self) -> Option<&'static str> {
        match self {
            Self::Module => None,
            Self::Bundle => Some(BUNDLE),
            Self::Workspace => Some(WORKSPACE),
        }
    }
}

/// A file of an artifact.
#[derive(Clone, PartialEq, Eq)]
pub struct Layer {
    /// What it is called; empty where nobody said.
    pub name: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for Layer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({} bytes)", self.name, self.bytes.len())
    }
}

/// An artifact to push.
#[derive(Clone, Debug)]
pub struct Artifact {
    /// What it is.
    pub kind: Kind,
    /// The component or the Workspace; or the text of the bundle first, then its files.
    pub layers: Vec<Layer>,
    /// What it calls itself.
    pub name: String,
    /// Its own version.
    pub version: String,
    /// One line.
    pub summary: String,
    /// Interfaces that a component imports and exports.
    pub interfaces: (Vec<String>, Vec<String>),
}
