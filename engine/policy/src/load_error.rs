//! Why a file is not loaded as a policy, in words for a person.

use dayfly_core::policy::Fault;
use thiserror::Error;

use crate::bindings::{EXPORT, PACKAGE};

/// Why bytes are no policy that this engine can run.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The file is too large.
    #[error("policy {module} is too large: it has {bytes} bytes; {limit} are allowed")]
    TooLarge {
        /// What the caller calls it.
        module: String,
        /// Its size.
        bytes: usize,
        /// The bound.
        limit: usize,
    },
    /// It is a core module.
    #[error(
        "policy {module} is a WebAssembly core module, not a component; encode it with \
         `wasm-tools component new` or the language's own tool"
    )]
    CoreModule {
        /// What the caller calls it.
        module: String,
    },
    /// It is something else.
    #[error("policy {module} is not a WebAssembly component")]
    NotWasm {
        /// What the caller calls it.
        module: String,
    },
    /// It is damaged, or uses WebAssembly that this engine leaves out.
    #[error("Dayfly cannot compile policy {module}: {problem}")]
    Compile {
        /// What the caller calls it.
        module: String,
        /// What the compiler says.
        problem: String,
    },
    /// It needs more memory, tables or instances than any policy gets.
    #[error("policy {module} needs more than policies may have: {problem}")]
    TooHungry {
        /// What the caller calls it.
        module: String,
        /// Of what it needs too much.
        problem: String,
    },
    /// Compiling it takes more time or memory than that of any policy.
    #[error(
        "Dayfly did not compile policy {module}: compiling takes more than is allowed for a \
         component of its size: {problem}; the component may be malicious. If it is yours, make it \
         smaller or simpler"
    )]
    TooCostly {
        /// What the caller calls it.
        module: String,
        /// Of what it takes too much.
        problem: String,
    },
    /// The compiler, which is a process of its own, cannot be used.
    #[error("Dayfly did not compile policy {module}: {problem}")]
    NoCompiler {
        /// What the caller calls it.
        module: String,
        /// Why.
        problem: String,
    },
    /// It imports what the contract does not have.
    #[error(
        "policy {module} imports functions that policies may not use: {}. {advice}",
        imports.join(", ")
    )]
    ForeignImports {
        /// What the caller calls it.
        module: String,
        /// All of them.
        imports: Vec<String>,
        /// How to build it without.
        advice: String,
    },
    /// It exports no policy.
    #[error("component {module} is not a policy: it does not export `{PACKAGE}/{EXPORT}`")]
    NoPolicy {
        /// What the caller calls it.
        module: String,
    },
    /// It was built for other versions of the contract.
    #[error(
        "policy {module} was built for another version of the contract ({}); this engine \
         speaks {speaks}",
        found.join(", ")
    )]
    OtherVersion {
        /// What the caller calls it.
        module: String,
        /// The names that it has.
        found: Vec<String>,
        /// What this engine speaks.
        speaks: String,
    },
    /// Its imports or exports have other types than the contract says.
    #[error("policy {module} breaks version {contract} of the contract: {problem}")]
    WrongShape {
        /// What the caller calls it.
        module: String,
        /// The version that it claims.
        contract: String,
        /// What differs.
        problem: String,
    },
    /// It failed when it was asked what it is.
    #[error("policy {module} failed to describe itself: {}", fault.message)]
    Describe {
        /// What the caller calls it.
        module: String,
        /// How it failed.
        fault: Fault,
    },
    /// What it says of itself makes no sense.
    #[error("the description of policy {module} is invalid: {problem}")]
    BadDescriptor {
        /// What the caller calls it.
        module: String,
        /// What is wrong.
        problem: String,
    },
}

impl LoadError {
    /// Whether it would be loaded if it were granted the part of WASI that reaches nothing outside.
    #[must_use]
    pub fn wants_only_wasi(&self) -> bool {
        matches!(self, Self::ForeignImports { imports, .. }
            if imports.iter().all(|import| crate::wasi::is_in_subset(import)))
    }
}
