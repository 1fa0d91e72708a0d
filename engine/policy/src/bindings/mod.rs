//! One module for each version of the contract, lifted into the types of the core.
//!
//! Outside of this module nobody knows which version a guest speaks.

mod policy_error;
#[macro_use]
mod session_record;
mod v0_1;
mod v0_2;

use dayfly_core::policy::{Context, Descriptor, Event, Subscription, Verdict};
use dayfly_core::session::SessionType;
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
    V0_2,
}

/// Links and calls guests; one linker for each version of the contract.
pub(crate) struct Contracts {
    v0_1: Linker<Sandbox>,
    v0_2: Linker<Sandbox>,
}

/// A guest, ready to be instantiated.
pub(crate) enum Guest {
    V0_1(v0_1::Guest),
    V0_2(v0_2::Guest),
}

impl Contract {
    /// All of them, newest first.
    pub(crate) const SPOKEN: [Self; 2] = [Self::V0_2, Self::V0_1];

    /// The version of the package.
    pub(crate) const fn version(self) -> Version {
        match self {
            Self::V0_1 => Version::new(0, 1, 0),
            Self::V0_2 => Version::new(0, 2, 0),
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

    /// The method whose word a guest of this version hears for this one; none where it hears its own.
    pub(crate) fn stand_in(self, session_type: SessionType) -> Option<SessionType> {
        match self {
            Self::V0_1 => Some(v0_1::shown_as(session_type)).filter(|shown| *shown != session_type),
            Self::V0_2 => None,
        }
    }
}

impl Contracts {
    pub(crate) fn new(engine: &Engine) -> wasmtime::Result<Self> {
        Ok(Self {
            v0_1: v0_1::linker(engine)?,
            v0_2: v0_2::linker(engine)?,
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
            Contract::V0_2 => &self.v0_2,
        };
        // Others have been refused unless they are granted.
        let linked = if imports.iter().any(|import| wasi::is_in_subset(import)) {
            wasi::link(linker, component, imports)?.instantiate_pre(component)?
        } else {
            linker.instantiate_pre(component)?
        };
        match contract {
            Contract::V0_1 => Ok(Guest::V0_1(v0_1::Guest::new(linked)?)),
            Contract::V0_2 => Ok(Guest::V0_2(v0_2::Guest::new(linked)?)),
        }
    }
}

impl Guest {
    /// Asks for the static facts, in a fresh instance.
    pub(crate) fn describe(&self, store: &mut Store<Sandbox>) -> wasmtime::Result<Descriptor> {
        match self {
            Self::V0_1(guest) => guest.describe(store),
            Self::V0_2(guest) => guest.describe(store),
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
            Self::V0_2(guest) => guest.configure(store, config),
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
            Self::V0_2(guest) => guest.evaluate(store, config, context, events),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_of_the_same_track_is_spoken_to() {
        for (spoken, contract) in [
            ("0.1.0", Contract::V0_1),
            ("0.1.7", Contract::V0_1),
            ("0.2.0", Contract::V0_2),
            ("0.2.1", Contract::V0_2),
        ] {
            assert_eq!(
                Contract::for_guest(&Version::parse(spoken).unwrap()),
                Some(contract),
                "{spoken}"
            );
        }
        for other in ["0.3.0", "1.1.0", "0.1.0-draft"] {
            assert_eq!(
                Contract::for_guest(&Version::parse(other).unwrap()),
                None,
                "{other}"
            );
        }
    }
}
