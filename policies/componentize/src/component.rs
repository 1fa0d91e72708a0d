//! Encoding and checking components.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};
use wit_component::{ComponentEncoder, DecodedWasm};
use wit_parser::WorldItem;

/// The only package that a policy may import from.
const PACKAGE: &str = "dayfly:policy/";
/// The only thing that a policy exports.
const EXPORT: &str = "dayfly:policy/policy@";

/// Why a component is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ComponentError {
    /// The core module that the tool cannot turn into a component.
    #[error("the tool cannot turn it into a component: {0}")]
    Encode(String),
    /// The bytes are no component.
    #[error("is not a component: {0}")]
    Decode(String),
    /// It imports what the contract does not have.
    #[error(
        "imports {0}, which no engine grants to a policy; only {PACKAGE}* is there to be imported"
    )]
    Import(String),
    /// It does not export the policy interface.
    #[error("exports no {EXPORT}*: is `export_policy!` missing?")]
    Export,
}

/// What is to be said of a component.
#[derive(Debug)]
pub(crate) struct Facts {
    /// Bytes.
    pub(crate) size: usize,
    /// SHA-256, hexadecimal.
    pub(crate) sha256: String,
    /// Names of the imported interfaces, sorted.
    pub(crate) imports: Vec<String>,
}

/// Makes a component of a core module that carries its component type.
pub(crate) fn encode(core: &[u8]) -> Result<Vec<u8>, ComponentError> {
    let encode = || {
        ComponentEncoder::default()
            .validate(true)
            .module(core)?
            .encode()
    };
    encode().map_err(|error| ComponentError::Encode(format!("{error:#}")))
}

/// Looks at a component, and refuses one that is no policy.
pub(crate) fn inspect(bytes: &[u8]) -> Result<Facts, ComponentError> {
    let decoded = wit_component::decode(bytes)
        .map_err(|error| ComponentError::Decode(format!("{error:#}")))?;
    let DecodedWasm::Component(resolve, world) = decoded else {
        return Err(ComponentError::Decode(
            "it is an encoded WIT package".into(),
        ));
    };
    let world = &resolve.worlds[world];
    // Types that the world itself imports are no capability.
    let names = |items: &wit_parser::IndexMap<wit_parser::WorldKey, WorldItem>| {
        let mut names: Vec<String> = items
            .iter()
            .filter(|(_, item)| !matches!(item, WorldItem::Type { .. }))
            .map(|(key, _)| resolve.name_world_key(key))
            .collect();
        names.sort();
        names
    };
    let imports = names(&world.imports);
    if let Some(foreign) = imports.iter().find(|name| !name.starts_with(PACKAGE)) {
        return Err(ComponentError::Import(foreign.clone()));
    }
    if !names(&world.exports)
        .iter()
        .any(|name| name.starts_with(EXPORT))
    {
        return Err(ComponentError::Export);
    }
    let mut sha256 = String::new();
    for byte in Sha256::digest(bytes) {
        // Writing to a text does not fail.
        let _ = write!(sha256, "{byte:02x}");
    }
    Ok(Facts {
        size: bytes.len(),
        sha256,
        imports,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn component(text: &str) -> Vec<u8> {
        wat::parse_str(text).unwrap()
    }

    #[test]
    fn imports_outside_the_contract_are_refused_by_name() {
        let foreign = r#"(component (import "wasi:cli/environment@0.2.0" (instance)))"#;
        let error = inspect(&component(foreign)).unwrap_err().to_string();
        assert!(
            error.starts_with("imports wasi:cli/environment@0.2.0, which"),
            "{error}"
        );
        let lookalike = r#"(component (import "dayfly:policy-tools/log@0.1.0" (instance)))"#;
        assert!(matches!(
            inspect(&component(lookalike)),
            Err(ComponentError::Import(_))
        ));
    }

    #[test]
    fn a_component_without_the_policy_interface_is_refused() {
        let empty = component("(component)");
        assert!(matches!(inspect(&empty), Err(ComponentError::Export)));
        let own = component(r#"(component (import "dayfly:policy/log@0.1.0" (instance)))"#);
        assert!(matches!(inspect(&own), Err(ComponentError::Export)));
    }

    #[test]
    fn a_policy_tells_its_size_digest_and_imports() {
        let text = r#"(component
            (import "dayfly:policy/log@0.1.0" (instance))
            (instance $policy)
            (export "dayfly:policy/policy@0.1.0" (instance $policy)))"#;
        let bytes = component(text);
        let facts = inspect(&bytes).unwrap();
        assert_eq!(facts.size, bytes.len());
        assert_eq!(facts.sha256.len(), 64);
        assert_eq!(facts.imports, ["dayfly:policy/log@0.1.0"]);
    }

    #[test]
    fn what_is_no_module_or_no_policy_cannot_be_encoded() {
        assert!(matches!(encode(b"nothing"), Err(ComponentError::Encode(_))));
        assert!(matches!(
            inspect(b"nothing"),
            Err(ComponentError::Decode(_))
        ));
        // A bare core module encodes to a component that does nothing, and is refused then.
        let bare = encode(&wat::parse_str("(module)").unwrap()).unwrap();
        assert!(matches!(inspect(&bare), Err(ComponentError::Export)));
        let foreign = wat::parse_str(r#"(module (import "env" "now" (func)))"#).unwrap();
        assert!(matches!(encode(&foreign), Err(ComponentError::Encode(_))));
    }
}
