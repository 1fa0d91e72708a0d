//! What a team hands out together: `bundle.toml` and the modules that it names.

use std::collections::BTreeSet;

use serde::Deserialize;
use thiserror::Error;

use crate::content::ContentDigest;
use crate::problem;
use crate::source::inside;

/// The file that makes a folder a bundle.
pub const FILE: &str = "bundle.toml";
/// The longest such file, in bytes.
pub const LIMIT: u64 = 1 << 20;
/// Policies in one bundle.
const POLICIES: usize = 100;

/// A bundle.
#[derive(Clone, Debug, PartialEq)]
pub struct Bundle {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// One line.
    pub summary: String,
    /// Its policies, in file order.
    pub policies: Vec<BundlePolicy>,
}

/// A policy of a bundle, with what the team recommends for it.
#[derive(Clone, Debug, PartialEq)]
pub struct BundlePolicy {
    /// The name of its entry.
    pub name: String,
    /// `builtin:NAME`, or the file of a component in the bundle.
    pub module: String,
    /// What that file is.
    pub digest: Option<ContentDigest>,
    /// The rest of its table, as an entry of `dayfly.toml` has it: config, tier, priority, grant, limits.
    pub settings: toml::Table,
}

/// Why a text is no bundle.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("bundle.toml: {0}")]
pub struct BundleError(String);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    bundle: Head,
    #[serde(default)]
    policy: Vec<toml::Table>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    name: String,
    version: String,
    #[serde(default)]
    summary: String,
}

impl Bundle {
    /// Reads `bundle.toml`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(bytes: &[u8]) -> Result<Self, BundleError> {
        let text = std::str::from_utf8(bytes).map_err(|e| BundleError(e.to_string()))?;
        let file: File =
            toml::from_str(text).map_err(|e| BundleError(problem::of_toml(text, &e)))?;
        let Head {
            name,
            version,
            summary,
        } = file.bundle;
        if !is_name(&name) {
            return Err(BundleError(format!("{name:?} is not a valid bundle name")));
        }
        if file.policy.is_empty() || file.policy.len() > POLICIES {
            let message = format!("a bundle has 1 to {POLICIES} policies");
            return Err(BundleError(message));
        }
        let policies: Vec<BundlePolicy> = file
            .policy
            .into_iter()
            .map(policy)
            .collect::<Result<_, _>>()?;
        let names: BTreeSet<&str> = policies.iter().map(|p| p.name.as_str()).collect();
        if names.len() < policies.len() {
            return Err(BundleError("two policies have the same name".into()));
        }
        Ok(Self {
            name,
            version,
            summary,
            policies,
        })
    }

    /// The files that it names, each once.
    #[must_use]
    pub fn files(&self) -> BTreeSet<&str> {
        let modules = self.policies.iter().map(|policy| policy.module.as_str());
        modules
            .filter(|module| !module.starts_with("builtin:"))
            .collect()
    }
}

fn policy(mut table: toml::Table) -> Result<BundlePolicy, BundleError> {
    let mut text = |key: &str| match table.remove(key) {
        Some(toml::Value::String(text)) => Ok(Some(text)),
        None => Ok(None),
        Some(_) => Err(BundleError(format!("`{key}` of a policy is not text"))),
    };
    let missing = |key: &str| BundleError(format!("a policy has no `{key}`"));
    let name = text("name")?.ok_or_else(|| missing("name"))?;
    let module = text("module")?.ok_or_else(|| missing("module"))?;
    let digest = text("digest")?;
    let wrong = |what: String| BundleError(format!("policy \"{name}\": {what}"));
    if !is_name(&name) {
        return Err(BundleError(format!("{name:?} is not a valid policy name")));
    }
    if !module.starts_with("builtin:") && (module.is_empty() || !inside(&module)) {
        let what = format!("{module:?} is neither builtin:NAME nor a file of the bundle");
        return Err(wrong(what));
    }
    let digest = match digest {
        Some(digest) => Some(digest.parse().map_err(wrong)?),
        None => None,
    };
    for key in table.keys() {
        if !["config", "tier", "priority", "grant", "limits"].contains(&key.as_str()) {
            return Err(wrong(format!("a bundle cannot recommend {key:?}")));
        }
    }
    Ok(BundlePolicy {
        name,
        module,
        digest,
        settings: table,
    })
}

fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && !name.starts_with(['.', '-'])
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[bundle]\nname = \"team\"\nversion = \"1.2.0\"\n\
        [[policy]]\nname = \"keep\"\nmodule = \"builtin:keep-active\"\nconfig = { match = {} }\n\
        [[policy]]\nname = \"own\"\nmodule = \"rules/own.wasm\"\ntier = \"team\"\n";

    #[test]
    fn a_bundle_is_read() {
        let bundle = Bundle::parse(GOOD.as_bytes()).unwrap();
        assert_eq!((bundle.name.as_str(), bundle.policies.len()), ("team", 2));
        assert_eq!(
            bundle.files().into_iter().collect::<Vec<_>>(),
            ["rules/own.wasm"]
        );
        assert_eq!(bundle.policies[1].settings["tier"].as_str(), Some("team"));
    }

    #[test]
    fn what_a_bundle_may_not_say_is_refused() {
        for (from, to) in [
            ("rules/own.wasm", "../own.wasm"),
            ("rules/own.wasm", "/etc/own.wasm"),
            ("\"own\"", "\"keep\""),
            ("\"own\"", "\"../own\""),
            ("tier = \"team\"", "enabled = true"),
            ("tier = \"team\"", "digest = \"sha256:1\""),
            ("[[policy]]\nname = \"own\"\n", "[[policy]]\n"),
            ("version = \"1.2.0\"\n", ""),
        ] {
            let text = GOOD.replace(from, to);
            assert_ne!(text, GOOD);
            assert!(Bundle::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
