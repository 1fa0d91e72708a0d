//! `[[trust]]`: whose signature modules need, by where they come from.

use dayfly_store::TrustRoot;
use dayfly_store::trust::{self, is_public_key};
use serde::Deserialize;

/// One table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TrustTable {
    /// The sources, as `module` names them; `*` stands for any text.
    source: String,
    /// Public keys of minisign.
    keys: Vec<String>,
}

impl TrustTable {
    pub(super) fn root(self) -> Result<TrustRoot, String> {
        if self.source.is_empty() {
            return Err("a [[trust]] entry has no source".into());
        }
        if self.keys.is_empty() {
            return Err(format!(
                "the [[trust]] entry for {} has no key, so nothing from there would be accepted",
                self.source
            ));
        }
        if let Some(bad) = self.keys.iter().find(|key| !is_public_key(key)) {
            return Err(format!(
                "\"{bad}\" is not a minisign public key, which begins with RW and has 56 characters"
            ));
        }
        Ok(TrustRoot {
            source: trust::pattern(&self.source)?,
            keys: self.keys,
        })
    }
}
