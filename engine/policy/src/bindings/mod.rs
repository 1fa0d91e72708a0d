//! One module for each version of the contract, lifted into the types of the core.
//!
//! Outside of this module nobody knows which version a guest speaks.

mod policy_error;
mod v0_1;

use dayfly_core::policy::{Context, Descriptor, Event, Subscription, Verdict};
use semver::Version;
use wasmtime::component::Linker;
use wasmtime::{Engine, Store};

pub(crate) use self::policy_error::PolicyError;
use crate::sandbox::Sandbox;
use crate::wasi;

/// The package of the contract.
pub(crate) const PACKAGE: &str = "dayfly:policy";

/// The interface that makes a component a policy.
pub(crate) const EXPORT: &str = "policy";

/// The imports that there are, by interface; nothing else exists for a guest.
pub(crate) const IMPORTS: [&str; 4] = ["types", "log", "workspace", "state"];

/// The imports that a policy of the smaller world does without.
pub(crate) const STATEFUL_IMPORTS: [&str; 2] = ["workspace", "state"];

/// A version of the contract that this engine speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contract {
    V0_1,
}

/// Links and calls guests; one linker for each version of the contract.
pub(crate) struct Contracts {
    v0_1: Linker<Sandbox>,
}

/// A guest, ready to be instantiated.
pub(crate) enum Guest {
    V0_1(v0_1::Guest),
}

impl Contract {
    /// All of them, newest first.
    pub(crate) const SPOKEN: [Self; 1] = [Self::V0_1];

    /// The version of the package.
    pub(crate) const fn version(self) -> Version {
        match self {
            Self::V0_1 => Version::new(0, 1, 0),
        }
    }

    /// The version that a guest for this version of the package is called with. Before 1.0 a minor
    /// version is a contract of its own, later a major one.
    pub(crate) fn for_guest(version: &Version) -> Option<Self> {
        Self::SPOKEN.into_iter().find(|contract| {
            let own = contract.version();
            own.pre == version.pre
                && own.major == version.major
                && (own.major > 0 || own.minor == version.minor)
        })
    }
}

impl Contracts {
    pub(crate) fn new(engine: &Engine) -> wasmtime::Result<Self> {
        Ok(Self {
            v0_1: v0_1::linker(engine)?,
        })
    }

    /// Checks that imports and exports have the shape that the contract says.
    pub(crate) fn link(
        &self,
        contract: Contract,
        component: &wasmtime::component::Component,
        imports: &[String],
    ) -> wasmtime::Result<Guest> {
        let linker = match contract {
            Contract::V0_1 => &self.v0_1,
        };
        // Others have been refused unless they are granted.
        let linked = if imports.iter().any(|import| wasi::is_in_subset(import)) {
            wasi::link(linker, component, imports)?.instantiate_pre(component)?
        } else {
            linker.instantiate_pre(component)?
        };
        match contract {
            Contract::V0_1 => Ok(Guest::V0_1(v0_1::Guest::new(linked)?)),
        }
    }
}

impl Guest {
    /// Asks for the static facts, in a fresh instance.
    pub(crate) fn describe(&self, store: &mut Store<Sandbox>) -> wasmtime::Result<Descriptor> {
        match self {
            Self::V0_1(guest) => guest.describe(store),
        }
    }

    /// Hands over the configuration, in a fresh instance.
    pub(crate) fn configure(
        &self,
        store: &mut Store<Sandbox>,
        config: &str,
    ) -> wasmtime::Result<Result<Vec<Subscription>, PolicyError>> {
        match self {
            Self::V0_1(guest) => guest.configure(store, config),
        }
    }

    /// Asks what should be done, in a fresh instance.
    pub(crate) fn evaluate(
        &self,
        store: &mut Store<Sandbox>,
        config: &str,
        context: &Context,
        events: &[Event],
    ) -> wasmtime::Result<Result<Verdict, PolicyError>> {
        match self {
            Self::V0_1(guest) => guest.evaluate(store, config, context, events),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_of_the_same_track_is_spoken_to() {
        for spoken in ["0.1.0", "0.1.7"] {
            assert_eq!(
                Contract::for_guest(&Version::parse(spoken).unwrap()),
                Some(Contract::V0_1),
                "{spoken}"
            );
        }
        for other in ["0.2.0", "1.1.0", "0.1.0-draft"] {
            assert_eq!(
                Contract::for_guest(&Version::parse(other).unwrap()),
                None,
                "{other}"
            );
        }
    }
}
