//! The one place that configures Wasmtime.

use std::num::NonZeroUsize;

use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Strategy,
};

/// Core instances that one component may have: Python's has 38.
const CORE_INSTANCES: u32 = 64;
/// Memories that one component may have: its own, and those of adapters.
const MEMORIES: u32 = 8;
/// Elements of one table: StarlingMonkey's has 7,700.
const TABLE_ELEMENTS: usize = 40_000;
/// Bytes that an unused place in the pool keeps; at most 16 places keep them. More than a call with a
/// few sessions touches, so that the next one finds its pages there.
const KEEP_RESIDENT: usize = 256 << 10;
/// Bytes of a guest's call stack, which lies on the stack of the calling thread.
pub(crate) const STACK: usize = 512 << 10;

/// Where the memory of instances comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allocation {
    /// Out of address space that was set aside once: an instance costs about a microsecond.
    Pooling,
    /// Mapped for each instance: several times as slow, but needs no address space ahead.
    OnDemand,
}

/// How much address space is set aside for instances.
pub(crate) struct Pool {
    /// Instances that run at once.
    pub(crate) places: u32,
    /// Bytes of one memory.
    pub(crate) memory_ceiling: usize,
}

/// An engine with a pool where one is asked for; without it where the address space cannot be had
/// (`ulimit -v`, small machines).
pub(crate) fn engine(pool: Option<&Pool>) -> wasmtime::Result<(Engine, Allocation)> {
    if let Some(pool) = pool
        && let Ok(engine) = Engine::new(basics().allocation_strategy(strategy(pool)))
    {
        return Ok((engine, Allocation::Pooling));
    }
    Ok((Engine::new(&basics())?, Allocation::OnDemand))
}

/// An engine that only compiles, for those above.
pub(crate) fn for_compiling() -> wasmtime::Result<Engine> {
    Engine::new(&basics())
}

fn basics() -> Config {
    let mut config = Config::new();
    config
        .strategy(Strategy::Cranelift)
        .wasm_component_model(true)
        // Imports never wait, so there is nothing to run concurrently.
        .concurrency_support(false)
        // The same input has the same output, on every machine.
        .cranelift_nan_canonicalization(true)
        .wasm_relaxed_simd(false)
        .relaxed_simd_deterministic(true)
        .wasm_memory64(false)
        .gc_support(false)
        .shared_memory(false)
        // Both bounds: fuel does not depend on the machine, the epoch does not depend on
        // what an instruction costs.
        .consume_fuel(true)
        .epoch_interruption(true)
        .max_wasm_stack(STACK)
        // Guests carry no names, so frames would say nothing; and nobody has to keep them.
        .wasm_backtrace_max_frames(None::<NonZeroUsize>)
        .generate_address_map(false)
        // `memory_reservation` stays at its 4 GiB: less would bring explicit bounds checks back.
        .memory_guaranteed_dense_image_size(64 << 20);
    config
}

fn strategy(config: &Pool) -> InstanceAllocationStrategy {
    let places = config.places;
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(places)
        .total_core_instances(places.saturating_mul(CORE_INSTANCES))
        .total_memories(places.saturating_mul(MEMORIES))
        .total_tables(places.saturating_mul(CORE_INSTANCES))
        .max_core_instances_per_component(CORE_INSTANCES)
        .max_memories_per_component(MEMORIES)
        .max_tables_per_component(CORE_INSTANCES)
        .max_memory_size(config.memory_ceiling)
        .table_elements(TABLE_ELEMENTS)
        .max_component_instance_size(8 << 20)
        // An instance that ends leaves its memory in place for the next one, cleared: only the pages
        // that were touched, where the kernel can tell which (Linux 6.7). Halves the cost of a call.
        .linear_memory_keep_resident(KEEP_RESIDENT)
        .table_keep_resident(KEEP_RESIDENT)
        .pagemap_scan(Enabled::Auto)
        .max_unused_warm_slots(places.min(16));
    InstanceAllocationStrategy::Pooling(pool)
}
