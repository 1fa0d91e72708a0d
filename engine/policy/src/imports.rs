//! What a component asks of the engine and offers to it, read from its type.

use semver::Version;
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::bindings::{Contract, EXPORT, IMPORTS, PACKAGE, STATEFUL_IMPORTS};
use crate::wasi::is_in_subset;
use crate::world::{Wasi, World};

/// The contract and the world that a component targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) contract: Contract,
    pub(crate) world: World,
}

/// Why a component is no policy for this engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Mismatch {
    /// It imports what the contract does not have.
    Foreign(Vec<String>),
    /// It is a policy of versions that this engine does not speak.
    OtherVersion(Vec<String>),
    /// It exports no policy.
    NoPolicy,
}

/// Reads a component's type.
pub(crate) fn target(
    engine: &Engine,
    component: &Component,
    wasi: Wasi,
) -> Result<Target, Mismatch> {
    let component_type = component.component_type();
    let imports = names(engine, component);
    let wanted = |name: &&str| wasi == Wasi::Refused || !is_in_subset(name);
    let imports: Vec<&str> = imports.iter().map(String::as_str).filter(wanted).collect();
    let exports: Vec<&str> = component_type
        .exports(engine)
        .map(|(name, _)| name)
        .collect();
    examine(&imports, &exports)
}

/// The names of what a component imports.
pub(crate) fn names(engine: &Engine, component: &Component) -> Vec<String> {
    let component_type = component.component_type();
    let names = component_type
        .imports(engine)
        .map(|(name, _)| name.to_owned());
    names.collect()
}

fn examine(imports: &[&str], exports: &[&str]) -> Result<Target, Mismatch> {
    let mut foreign = Vec::new();
    let mut others = Vec::new();
    let mut world = World::Pure;
    let mut imported = Vec::new();
    for name in imports {
        match Named::parse(name).filter(|named| named.package == PACKAGE) {
            Some(named) if IMPORTS.contains(&named.interface) => {
                imported.push((named, *name));
                if STATEFUL_IMPORTS.contains(&named.interface) {
                    world = World::Stateful;
                }
            }
            _ => foreign.push((*name).to_owned()),
        }
    }
    if !foreign.is_empty() {
        return Err(Mismatch::Foreign(foreign));
    }
    let mut contract = None;
    for name in exports {
        let policy = Named::parse(name)
            .filter(|named| named.package == PACKAGE && named.interface == EXPORT);
        match policy.map(|named| named.contract()) {
            None => {}
            Some(Some(spoken)) => contract = Some(spoken),
            Some(None) => others.push((*name).to_owned()),
        }
    }
    let Some(contract) = contract else {
        return Err(if others.is_empty() {
            Mismatch::NoPolicy
        } else {
            Mismatch::OtherVersion(others)
        });
    };
    let strange: Vec<String> = imported
        .into_iter()
        .filter(|(named, _)| named.contract() != Some(contract))
        .map(|(_, name)| name.to_owned())
        .collect();
    if !strange.is_empty() {
        return Err(Mismatch::OtherVersion(strange));
    }
    Ok(Target { contract, world })
}

/// A name like `dayfly:policy/log@0.1.0`.
#[derive(Clone, Copy)]
struct Named<'a> {
    package: &'a str,
    interface: &'a str,
    version: &'a str,
}

impl<'a> Named<'a> {
    fn parse(name: &'a str) -> Option<Self> {
        let (path, version) = name.split_once('@')?;
        let (package, interface) = path.split_once('/')?;
        Some(Self {
            package,
            interface,
            version,
        })
    }

    fn contract(self) -> Option<Contract> {
        Contract::for_guest(&Version::parse(self.version).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = "dayfly:policy/policy@0.1.0";
    const LOG: &str = "dayfly:policy/log@0.1.0";
    const TYPES: &str = "dayfly:policy/types@0.1.0";

    #[test]
    fn the_imports_tell_the_world() {
        let pure = examine(&[TYPES, LOG], &[POLICY, "init"]).unwrap();
        assert_eq!(pure.world, World::Pure);
        for import in ["dayfly:policy/state@0.1.0", "dayfly:policy/workspace@0.1.3"] {
            let stateful = examine(&[TYPES, import], &[POLICY]).unwrap();
            assert_eq!(stateful.world, World::Stateful, "{import}");
        }
    }

    #[test]
    fn everything_foreign_is_listed() {
        let imports = [
            LOG,
            "wasi:cli/environment@0.2.6",
            "dayfly:policy/secrets@0.1.0",
            "dayfly:other/log@0.1.0",
            "log",
        ];
        assert_eq!(
            examine(&imports, &[POLICY]),
            Err(Mismatch::Foreign(
                imports[1..].iter().map(|name| (*name).to_owned()).collect()
            ))
        );
    }

    #[test]
    fn other_versions_are_named() {
        let other = "dayfly:policy/policy@0.3.0";
        assert_eq!(
            examine(&[LOG], &[other]),
            Err(Mismatch::OtherVersion(vec![other.into()]))
        );
        let mixed = "dayfly:policy/log@0.2.0";
        assert_eq!(
            examine(&[mixed], &[POLICY]),
            Err(Mismatch::OtherVersion(vec![mixed.into()]))
        );
        assert!(examine(&[LOG], &[POLICY, other]).is_ok());
        let newer = "dayfly:policy/policy@0.2.0";
        let target = examine(&[mixed], &[newer]).unwrap();
        assert_eq!(target.contract, Contract::V0_2);
        assert_eq!(
            examine(&[LOG, mixed], &[newer]),
            Err(Mismatch::OtherVersion(vec![LOG.into()]))
        );
    }

    #[test]
    fn no_policy_is_no_policy() {
        assert_eq!(examine(&[], &["policy"]), Err(Mismatch::NoPolicy));
        assert_eq!(examine(&[], &["a:b/policy@0.1.0"]), Err(Mismatch::NoPolicy));
    }
}
