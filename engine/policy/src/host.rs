//! Runs guests: the engine, its pool of instances, and the bounds around each run.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dayfly_core::policy::{Fault, FaultKind};
use thiserror::Error;
use wasmtime::{Engine, Store};

use crate::bindings::{Contract, Contracts};
use crate::cache::CodeCache;
use crate::call::{Log, Used};
use crate::compiler::Compiler;
use crate::limits::Limits;
use crate::sandbox::{Knowledge, Sandbox};
use crate::state::Overlay;
use crate::ticker::Ticker;
use crate::{compat, engine, guest_faults, instance_slots::InstanceSlots};

pub use crate::engine::Allocation;

/// What all guests of a host share.
#[derive(Clone, Debug)]
pub struct HostConfig {
    /// Bytes of a component. Default 40 MiB: Python's has 18.
    pub module_bytes: usize,
    /// Bytes of one memory that no [`Limits`] can exceed. Default 256 MiB.
    pub memory_ceiling: usize,
    /// Guests that may run at once, at least 1; further calls wait for a place. Default 32. A pool sets
    /// about 32 GiB of address space aside for each, but no memory.
    pub places: u32,
    /// How long a call waits for a place. Default 10 s.
    pub patience: Duration,
    /// How often the wall time of running guests is looked at, at least 1 ms. Default 5 ms. Nothing is looked at
    /// while none runs.
    pub tick: Duration,
    /// Whether to set address space aside for instances, where that works. Default true.
    pub pooling: bool,
    /// The limits of `describe`. Default [`Limits::default`].
    pub describe: Limits,
    /// Where compiled code is kept. Default none: it is compiled anew in each process.
    pub cache: Option<CodeCache>,
    /// Where components are compiled. Default [`Compiler::InProcess`], which is for components that
    /// one made oneself: whoever loads those of others says [`Compiler::own_program`].
    pub compiler: Compiler,
}

impl Default for HostConfig {
    fn default() -> Self {
        Self {
            module_bytes: 40 << 20,
            memory_ceiling: 256 << 20,
            places: 32,
            patience: Duration::from_secs(10),
            tick: Duration::from_millis(5),
            pooling: true,
            describe: Limits::default(),
            cache: None,
            compiler: Compiler::InProcess,
        }
    }
}

/// Why there is no host.
#[derive(Debug, Error)]
pub enum HostError {
    /// Wasmtime refuses to start.
    #[error("cannot start the WebAssembly engine on this machine: {0}")]
    Engine(String),
    /// The clock of running guests does not start.
    #[error("cannot start the thread that watches running policies")]
    Ticker(#[source] std::io::Error),
}

/// Compiles and runs guests. Cheap to clone; all clones are one host.
#[derive(Clone)]
pub struct Host(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) engine: Engine,
    pub(crate) contracts: Contracts,
    pub(crate) config: HostConfig,
    /// See [`compat::digest`].
    pub(crate) compatibility: [u8; 32],
    allocation: Allocation,
    ticker: Ticker,
    places: InstanceSlots,
}

/// How a run ended, and what is left of it.
pub(crate) struct Ran<R> {
    pub(crate) answer: Result<R, Fault>,
    pub(crate) log: Log,
    pub(crate) state: Overlay,
    pub(crate) used: Used,
    pub(crate) begin: Instant,
}

impl Host {
    /// Starts an engine. Its one thread sleeps while no guest runs.
    ///
    /// # Errors
    /// Where Wasmtime or a thread cannot be started on this machine.
    pub fn new(config: HostConfig) -> Result<Self, HostError> {
        let config = HostConfig {
            places: config.places.max(1),
            tick: config.tick.max(Duration::from_millis(1)),
            ..config
        };
        let refused = |error: wasmtime::Error| HostError::Engine(format!("{error:#}"));
        let (engine, allocation) = engine::engine(&config).map_err(refused)?;
        Ok(Self(Arc::new(Inner {
            contracts: Contracts::new(&engine).map_err(refused)?,
            compatibility: compat::digest(&engine),
            ticker: Ticker::start(engine.weak(), config.tick).map_err(HostError::Ticker)?,
            places: InstanceSlots::new(config.places),
            engine,
            allocation,
            config,
        })))
    }

    /// Where the memory of instances comes from.
    #[must_use]
    pub fn allocation(&self) -> Allocation {
        self.0.allocation
    }

    /// The versions of the contract that this engine speaks, newest first.
    pub fn contracts() -> impl Iterator<Item = String> {
        Contract::SPOKEN
            .into_iter()
            .map(|contract| contract.version().to_string())
    }

    /// The engine itself, so that the benchmark compares like with like.
    #[doc(hidden)]
    #[must_use]
    pub fn wasmtime_engine(&self) -> &Engine {
        &self.0.engine
    }

    /// Runs `call` in a store of its own, under limits. Nothing in it survives.
    pub(crate) fn run<R>(
        &self,
        limits: &Limits,
        knowledge: Option<Knowledge>,
        call: impl FnOnce(&mut Store<Sandbox>) -> wasmtime::Result<R>,
    ) -> Ran<R> {
        let begin = Instant::now();
        let inner = &*self.0;
        let Some(_place) = inner.places.take(inner.config.patience) else {
            let message = format!(
                "there was no room to run the policy: {} others run and none ended within {} s",
                inner.config.places,
                inner.config.patience.as_secs()
            );
            return Ran {
                answer: Err(guest_faults::new(FaultKind::Host, message)),
                log: Log::default(),
                state: Overlay::default(),
                used: Used::default(),
                begin,
            };
        };
        let _running = inner.ticker.enter();
        let mut store = Store::new(&inner.engine, Sandbox::new(limits, knowledge));
        store.limiter(|sandbox| &mut sandbox.meter);
        store.set_epoch_deadline(inner.ticker.epochs(limits.deadline));
        store.set_hostcall_fuel(limits.crossing_bytes);
        store.set_max_component_handles(limits.handles);
        let answer = store
            .set_fuel(limits.fuel)
            .and_then(|()| call(&mut store))
            .map_err(|error| guest_faults::fault(&error, limits));
        let used = Used {
            wall: begin.elapsed(),
            fuel: limits.fuel.saturating_sub(store.get_fuel().unwrap_or(0)),
            memory: store.data().meter.memory(),
        };
        let (log, state) = store.into_data().finish();
        Ran {
            answer,
            log,
            state,
            used,
            begin,
        }
    }

    /// The limits as this host can keep them.
    pub(crate) fn bounded(&self, limits: Limits) -> Limits {
        Limits {
            memory: limits.memory.min(self.0.config.memory_ceiling),
            ..limits
        }
    }
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host")
            .field("allocation", &self.0.allocation)
            .finish_non_exhaustive()
    }
}
