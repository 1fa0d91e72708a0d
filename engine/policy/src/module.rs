//! Loads components: compiles them or takes their code from the cache, checks them against the
//! contract, and asks them what they are.

use std::fmt;
use std::sync::Arc;

use dayfly_core::policy::Descriptor;
use dayfly_core::session::SessionType;
use wasmtime::component::Component;

use crate::bindings::{Contract, Guest};
use crate::cache::CacheError;
use crate::compiler::{self, Compiler, NoCode};
use crate::host::{Host, Inner};
use crate::host_config::HostConfig;
use crate::imports::{self, Mismatch};
use crate::wasi::is_in_subset;
use crate::{descriptor, language};

pub use crate::digest::Digest;
pub use crate::load_error::LoadError;
pub use crate::world::{Wasi, World};

/// Where a module's compiled code came from.
#[derive(Debug)]
pub enum Code {
    /// From the cache.
    Cached,
    /// It was compiled. Where there is a cache: whether the code could be kept there.
    Compiled(Option<CacheError>),
}

/// A component that keeps to the contract. Cheap to clone.
#[derive(Clone)]
pub struct Module(Arc<Loaded>);

struct Loaded {
    name: String,
    digest: Digest,
    bytes: usize,
    contract: Contract,
    world: World,
    imports: Vec<String>,
    descriptor: Descriptor,
    code: Code,
    guest: Guest,
    host: Host,
}

impl Module {
    /// Loads a component. `name` is what errors call it: a path, `builtin:keep-active`.
    ///
    /// Compiling takes about 2 ms for each KB of a compiled guest, and seconds for an interpreter, and
    /// is waited for; see [`Compiler`] for where it is done. With a warm cache a load takes about as long as reading the code.
    ///
    /// # Errors
    /// Where the component is no policy that this engine can run.
    pub fn load(host: &Host, name: &str, bytes: &[u8]) -> Result<Self, LoadError> {
        Self::load_with(host, name, bytes, Wasi::Refused)
    }

    /// Loads a component that may be granted more than the contract has.
    ///
    /// # Errors
    /// As [`Module::load`].
    pub fn load_with(host: &Host, name: &str, bytes: &[u8], wasi: Wasi) -> Result<Self, LoadError> {
        let module = || name.to_owned();
        let inner = &*host.0;
        check_kind(&inner.config, name, bytes)?;
        let digest = Digest::of(bytes);
        let (component, code) = match from_cache(inner, digest) {
            Some(component) => (component, None),
            None => compile(inner, name, bytes)?,
        };
        check_memory(inner, name, &component)?;
        let target = imports::target(&inner.engine, &component, wasi)
            .map_err(|mismatch| refusal(mismatch, name, bytes))?;
        let imports = imports::names(&inner.engine, &component);
        let guest = inner
            .contracts
            .link(target.contract, &component, &imports)
            .map_err(|error| LoadError::WrongShape {
                module: module(),
                contract: target.contract.version().to_string(),
                problem: format!("{error:#}"),
            })?;
        let limits = host.bounded(inner.config.describe);
        let descriptor = host
            .run(&limits, None, |store| guest.describe(store))
            .answer
            .map_err(|fault| LoadError::Describe {
                module: module(),
                fault,
            })?;
        let descriptor = descriptor::check(descriptor, target.world).map_err(|problem| {
            LoadError::BadDescriptor {
                module: module(),
                problem,
            }
        })?;
        let code = match code {
            None => Code::Cached,
            Some(code) => Code::Compiled(to_cache(inner, digest, &code).err()),
        };
        Ok(Self(Arc::new(Loaded {
            name: module(),
            digest,
            bytes: bytes.len(),
            contract: target.contract,
            world: target.world,
            imports,
            descriptor,
            code,
            guest,
            host: host.clone(),
        })))
    }

    /// What the loader called it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Digest of the component.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.0.digest
    }

    /// Size of the component in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.0.bytes
    }

    /// The version of the contract that it is called with.
    #[must_use]
    pub fn contract(&self) -> String {
        self.0.contract.version().to_string()
    }

    /// Access methods that its version of the contract has no word for, each with the one that it is
    /// told instead.
    pub fn stand_ins(&self) -> impl Iterator<Item = (SessionType, SessionType)> {
        let contract = self.0.contract;
        let shown = move |method: SessionType| Some((method, contract.stand_in(method)?));
        SessionType::ALL.into_iter().filter_map(shown)
    }

    /// The world that it targets.
    #[must_use]
    pub fn world(&self) -> World {
        self.0.world
    }

    /// The interfaces that it imports, types among them.
    #[must_use]
    pub fn imports(&self) -> &[String] {
        &self.0.imports
    }

    /// Whether it imports something of WASI, which then was granted.
    #[must_use]
    pub fn wasi(&self) -> Wasi {
        self.0
            .imports
            .iter()
            .any(|import| is_in_subset(import))
            .into()
    }

    /// What it says of itself.
    #[must_use]
    pub fn descriptor(&self) -> &Descriptor {
        &self.0.descriptor
    }

    /// Where its compiled code came from.
    #[must_use]
    pub fn code(&self) -> &Code {
        &self.0.code
    }

    pub(crate) fn guest(&self) -> &Guest {
        &self.0.guest
    }

    pub(crate) fn host(&self) -> &Host {
        &self.0.host
    }
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module")
            .field("name", &self.0.name)
            .field("digest", &self.0.digest)
            .field("world", &self.0.world)
            .finish_non_exhaustive()
    }
}

/// Bytes of a page of WebAssembly memory.
const PAGE: usize = 64 << 10;

/// Looks at the size and the first eight bytes: magic, version, layer.
fn check_kind(config: &HostConfig, name: &str, bytes: &[u8]) -> Result<(), LoadError> {
    let module = name.to_owned();
    if bytes.len() > config.module_bytes {
        return Err(LoadError::TooLarge {
            module,
            bytes: bytes.len(),
            limit: config.module_bytes,
        });
    }
    match bytes.get(..8) {
        Some([0, b'a', b's', b'm', _, _, 1, 0]) => Ok(()),
        Some([0, b'a', b's', b'm', ..]) => Err(LoadError::CoreModule { module }),
        _ => Err(LoadError::NotWasm { module }),
    }
}

/// Compiles a component; the code is what the cache keeps.
fn compile(
    inner: &Inner,
    name: &str,
    bytes: &[u8],
) -> Result<(Component, Option<Vec<u8>>), LoadError> {
    let module = || name.to_owned();
    let wrong = |error: wasmtime::Error| {
        let (module, problem) = (module(), format!("{error:#}"));
        // What does not fit into the pool is found here; a test holds the wording.
        if problem.contains("pooling allocator") {
            LoadError::TooHungry { module, problem }
        } else {
            LoadError::Compile { module, problem }
        }
    };
    let code = match &inner.config.compiler {
        Compiler::InProcess => {
            let code = inner.engine.precompile_component(bytes);
            code.map_err(wrong)?
        }
        Compiler::Process(program) => {
            let compiled = compiler::compile(program, bytes, &inner.compatibility);
            compiled.map_err(|no_code| match no_code {
                NoCode::Wrong(problem) => LoadError::Compile {
                    module: module(),
                    problem,
                },
                NoCode::TooCostly(problem) => LoadError::TooCostly {
                    module: module(),
                    problem,
                },
                NoCode::NoCompiler(problem) => LoadError::NoCompiler {
                    module: module(),
                    problem,
                },
            })?
        }
    };
    // SAFETY: `deserialize` trusts the bytes as it trusts native code. They are what this program's
    // compiler has just made, in this process or in one that this process started for it and that
    // nobody else can write to. See `compiler` for what that takes for granted.
    #[expect(
        unsafe_code,
        reason = "compiled code can only be loaded by trusting it; see the comment above"
    )]
    let component = unsafe { Component::deserialize(&inner.engine, &code) };
    Ok((component.map_err(wrong)?, Some(code)))
}

/// The same bound where there is no pool.
fn check_memory(inner: &Inner, name: &str, component: &Component) -> Result<(), LoadError> {
    let pages = component
        .resources_required()
        .and_then(|required| required.max_initial_memory_size)
        .unwrap_or(0);
    let limit = inner.config.memory_ceiling;
    if usize::try_from(pages).is_ok_and(|pages| pages <= limit / PAGE) {
        return Ok(());
    }
    Err(LoadError::TooHungry {
        module: name.to_owned(),
        problem: format!(
            "a memory of {pages} pages at its start, {} are allowed",
            limit / PAGE
        ),
    })
}

fn refusal(mismatch: Mismatch, name: &str, bytes: &[u8]) -> LoadError {
    let module = name.to_owned();
    match mismatch {
        Mismatch::Foreign(imports) => LoadError::ForeignImports {
            module,
            imports,
            advice: language::advice(bytes),
        },
        Mismatch::OtherVersion(found) => LoadError::OtherVersion {
            module,
            found,
            speaks: Host::contracts().collect::<Vec<_>>().join(", "),
        },
        Mismatch::NoPolicy => LoadError::NoPolicy { module },
    }
}

/// The component from compiled code that this user's engine once wrote; none on any doubt.
fn from_cache(inner: &Inner, digest: Digest) -> Option<Component> {
    let cache = inner.config.cache.as_ref()?;
    let code = cache.get(&digest, &inner.compatibility)?;
    // SAFETY: `deserialize` trusts the bytes as it trusts native code. They carry a keyed MAC over
    // the component's digest, the engine's compatibility digest and themselves, which
    // `CodeCache::get` has checked; the key is readable to this user alone, and `to_cache` is the
    // only one who signs with it, and signs only what the compiler of this program made. Whoever
    // can read the key can already act as this user.
    #[expect(
        unsafe_code,
        reason = "compiled code can only be loaded by trusting it; see the comment above"
    )]
    let component = unsafe { Component::deserialize(&inner.engine, code) };
    component.ok()
}

fn to_cache(inner: &Inner, digest: Digest, code: &[u8]) -> Result<(), CacheError> {
    match &inner.config.cache {
        Some(cache) => cache.put(&digest, &inner.compatibility, code),
        None => Ok(()),
    }
}
