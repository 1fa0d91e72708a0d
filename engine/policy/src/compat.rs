//! Which compiled code an engine can run.

use std::hash::{Hash, Hasher};

use sha2::{Digest, Sha256};
use wasmtime::Engine;

/// A digest of everything that compiled code depends on: Wasmtime's version, the configuration,
/// the target.
pub(crate) fn digest(engine: &Engine) -> [u8; 32] {
    let mut hasher = Sha256Hasher(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hasher.0.finalize().into()
}

/// The engine only hands out something hashable; 64 bits of a map's hasher would be too few.
struct Sha256Hasher(Sha256);

impl Hasher for Sha256Hasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let digest: [u8; 32] = self.0.clone().finalize().into();
        u64::from_le_bytes([
            digest[0], digest[1], digest[2], digest[3], digest[4], digest[5], digest[6], digest[7],
        ])
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "helpers of tests")]

    use std::path::Path;

    use wasmtime::{Config, ModuleVersionStrategy};

    use super::*;

    fn of(version: &str) -> [u8; 32] {
        let mut config = Config::new();
        let version = ModuleVersionStrategy::Custom(version.to_owned());
        config.module_version(version).unwrap();
        digest(&Engine::new(&config).unwrap())
    }

    /// A patch release may mend the compiler, and what the one before compiled is then not used.
    #[test]
    fn each_patch_of_wasmtime_compiles_anew() {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.toml");
        let manifest = std::fs::read_to_string(manifest).unwrap();
        let pin = manifest.split("wasmtime = { version = \"=").nth(1).unwrap();
        let pin = pin.split('"').next().unwrap();
        assert_eq!(pin.split('.').count(), 3, "{pin}");
        // It stands whole in what an engine without a word of its own is asked for.
        assert_eq!(digest(&Engine::default()), of(pin));
        let (line, patch) = pin.rsplit_once('.').unwrap();
        let next = patch.parse::<u32>().unwrap() + 1;
        assert_ne!(digest(&Engine::default()), of(&format!("{line}.{next}")));
    }
}
