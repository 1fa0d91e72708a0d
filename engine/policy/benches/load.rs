//! How long a policy takes to load: compiled, and from the cache of compiled code.
//!
//! `cargo bench -p dayfly-policy --bench load`

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use std::path::Path;

use dayfly_policy::{CodeCache, Host, HostConfig, Module};

const POLICIES: [&str; 3] = ["keep-active", "rotate-before-expiry", "business-hours"];

fn main() {
    divan::main();
}

fn component(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies/prebuilt");
    std::fs::read(folder.join(format!("{name}.wasm"))).unwrap()
}

/// Compiles each time.
#[divan::bench(args = POLICIES, sample_count = 20)]
fn cold(bencher: divan::Bencher<'_, '_>, name: &str) {
    let host = Host::new(HostConfig::default()).unwrap();
    let bytes = component(name);
    bencher.bench_local(|| Module::load(&host, name, &bytes).unwrap());
}

/// Takes the code that an earlier process left, checks it, and asks the policy what it is.
#[divan::bench(args = POLICIES, sample_count = 100)]
fn cached(bencher: divan::Bencher<'_, '_>, name: &str) {
    let dir = tempfile::tempdir().unwrap();
    let cache = CodeCache::open(&dir.path().join("code")).unwrap();
    let host = Host::new(HostConfig {
        cache: Some(cache),
        ..HostConfig::default()
    })
    .unwrap();
    let bytes = component(name);
    Module::load(&host, name, &bytes).unwrap();
    bencher.bench_local(|| Module::load(&host, name, &bytes).unwrap());
}
