//! Runs guests: the engine, its pool of instances, and the bounds around each run.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dayfly_core::policy::{Fault, FaultKind};
use thiserror::Error;
use wasmtime::{Engine, Store};

use crate::bindings::{Contract, Contracts};
use crate::call::{Log, Used};
use crate::engine::Pool;
use crate::limits::Limits;
use crate::sandbox::{Knowledge, Sandbox};
use crate::state::Overlay;
use crate::ticker::Ticker;
use crate::{compat, engine, guest_faults, instance_slots::InstanceSlots};

pub use crate::engine::Allocation;
pub use crate::host_config::HostConfig;

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
        let pool = config.pooling.then_some(Pool {
            places: config.places,
            memory_ceiling: config.memory_ceiling,
        });
        let (engine, allocation) = engine::engine(pool.as_ref()).map_err(refused)?;
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
                "Dayfly had no free slot to run the policy: {} other policies are running and none \
                 ended within {} s",
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
