//! What is loaded and what is refused, and the cache of compiled code.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "guest/mod.rs"]
mod guest;
#[path = "guest/session.rs"]
mod session;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use dayfly_policy::module::{Code, Digest, LoadError};
use dayfly_policy::policy::ConfigureError;
use dayfly_policy::{CodeCache, Host, HostConfig, Limits, Module, Policy, World};
use guest::{Bytes, CONFIGURED, EFFECTS, Guest, encode};
use session::{call, sessions};

fn host() -> Host {
    Host::new(HostConfig::default()).unwrap()
}

fn refused(bytes: &[u8]) -> LoadError {
    let host = host();
    let refusal = Module::load(&host, "bad.wasm", bytes).unwrap_err();
    assert!(refusal.to_string().contains("bad.wasm"), "{refusal}");
    assert!(Module::load(&host, "good", &Guest::default().component()).is_ok());
    refusal
}

#[test]
fn a_module_says_what_it_is() {
    let bytes = Guest::default().component();
    let module = Module::load(&host(), "guest", &bytes).unwrap();
    assert_eq!(module.descriptor().name, "test-guest");
    assert_eq!(module.descriptor().actions.len(), 3);
    assert_eq!(module.world(), World::Pure);
    assert_eq!(module.contract(), "0.1.0");
    assert_eq!(module.digest(), Digest::of(&bytes));
    assert_eq!(module.digest().to_string().len(), 64);
    assert!(matches!(module.code(), Code::Compiled(None)));
}

#[test]
fn the_imports_that_are_used_make_the_world() {
    let mut guest = Guest::stateful();
    guest.descriptor.state_bytes = 0;
    let module = Module::load(&host(), "guest", &guest.component()).unwrap();
    // It targets the larger world but uses nothing of it.
    assert_eq!(module.world(), World::Pure);
    let guest = Guest {
        imports: guest::GET.into(),
        ..Guest::stateful()
    };
    let module = Module::load(&host(), "guest", &guest.component()).unwrap();
    assert_eq!(module.world(), World::Stateful);
}

#[test]
fn what_is_no_component_is_refused() {
    assert!(matches!(refused(b""), LoadError::NotWasm { .. }));
    assert!(matches!(refused(b"#!/bin/sh\n"), LoadError::NotWasm { .. }));
    let core = Guest::default().core();
    assert!(matches!(refused(&core), LoadError::CoreModule { .. }));
    // Compiled code from outside is never taken.
    assert!(matches!(
        refused(b"\x7fELF\x02\x01\x01\0"),
        LoadError::NotWasm { .. }
    ));
}

#[test]
fn what_is_too_large_is_refused_unread() {
    let host = Host::new(HostConfig {
        module_bytes: 1_000,
        ..HostConfig::default()
    })
    .unwrap();
    let refusal = Module::load(&host, "big", &[0; 1_001]).unwrap_err();
    assert!(matches!(
        refusal,
        LoadError::TooLarge {
            bytes: 1_001,
            limit: 1_000,
            ..
        }
    ));
}

#[test]
fn a_cut_is_refused_or_takes_nothing_that_matters() {
    let good = Guest::default().component();
    let host = host();
    let whole = Module::load(&host, "whole", &good).unwrap();
    let mut loaded = 0;
    for cut in 0..good.len() {
        // Names and the like stand last and can be left out whole.
        if let Ok(module) = Module::load(&host, "cut", &good[..cut]) {
            assert_eq!(module.descriptor(), whole.descriptor(), "cut at {cut}");
            loaded += 1;
        }
    }
    assert!(loaded <= 2, "{loaded} cuts loaded");
}

#[test]
fn no_flipped_bit_does_harm() {
    let good = Guest::default().answering(&[Bytes::act(4, 2)]).component();
    let host = host();
    let tight = Limits {
        fuel: 1_000_000,
        ..Limits::default()
    };
    let events = sessions([4]);
    let (mut loaded, mut refused) = (0, 0);
    for at in (0..good.len()).step_by(3) {
        let mut bad = good.clone();
        bad[at] ^= 1 << (at % 8);
        match Module::load(&host, "flipped", &bad) {
            Ok(module) => {
                loaded += 1;
                // It may still be a policy, and a good one; it only must not take the host along.
                if let Ok(policy) = Policy::configure(&module, "{}", tight) {
                    let _ = policy.evaluate(call(&events));
                }
            }
            Err(_) => refused += 1,
        }
    }
    assert!(
        loaded > 0 && refused > 100,
        "{loaded} loaded, {refused} refused"
    );
    let module = Module::load(&host, "good", &good).unwrap();
    let policy = Policy::configure(&module, "{}", tight).unwrap();
    assert_eq!(
        policy
            .evaluate(call(&events))
            .unwrap()
            .verdict
            .effects
            .len(),
        1
    );
}

#[test]
fn foreign_imports_are_listed_with_advice() {
    let wit = "package test:foreign;
        interface clock { now: func() -> u64; }
        interface disk { read: func(); }
        world foreign {
            import clock; import disk;
            import dayfly:policy/log@0.1.0;
            export dayfly:policy/policy@0.1.0;
        }";
    let guest = Guest {
        wit: wit.into(),
        world: "foreign",
        imports: format!(
            r#"(import "test:foreign/clock" "now" (func (result i64)))
               (import "test:foreign/disk" "read" (func)) {}"#,
            guest::LOG
        ),
        ..Guest::default()
    };
    let refusal = refused(&guest.component());
    let LoadError::ForeignImports {
        imports, advice, ..
    } = &refusal
    else {
        panic!("{refusal}");
    };
    assert_eq!(imports, &["test:foreign/clock", "test:foreign/disk"]);
    assert!(advice.contains("wasm32-unknown-unknown"), "{advice}");
}

#[test]
fn another_version_of_the_contract_is_named() {
    let core = r#"(module (memory (export "memory") 1)
        (func (export "dayfly:policy/policy@0.3.0#describe")))"#;
    let wit = "package dayfly:policy@0.3.0;
        interface policy { describe: func(); }
        world pure-policy { export policy; }";
    let bytes = encode(wat::parse_str(core).unwrap(), "pure-policy", |resolve| {
        resolve.push_str("other.wit", wit).unwrap()
    });
    let refusal = refused(&bytes);
    assert!(
        matches!(refusal, LoadError::OtherVersion { .. }),
        "{refusal}"
    );
    let text = refusal.to_string();
    assert!(
        text.contains("0.3.0") && text.contains("speaks 0.2.0, 0.1.0"),
        "{text}"
    );
}

#[test]
fn another_shape_under_the_same_name_is_refused() {
    let core = r#"(module (memory (export "memory") 1)
        (func (export "dayfly:policy/policy@0.1.0#describe") (result i32) i32.const 0))"#;
    let wit = "package dayfly:policy@0.1.0;
        interface policy { describe: func() -> u32; }
        world pure-policy { export policy; }";
    let bytes = encode(wat::parse_str(core).unwrap(), "pure-policy", |resolve| {
        resolve.push_str("other.wit", wit).unwrap()
    });
    let refusal = refused(&bytes);
    assert!(matches!(refusal, LoadError::WrongShape { .. }), "{refusal}");
}

#[test]
fn a_component_that_is_no_policy_is_refused() {
    let bytes = wat::parse_str("(component)").unwrap();
    assert!(matches!(refused(&bytes), LoadError::NoPolicy { .. }));
}

#[test]
fn a_description_that_makes_no_sense_is_refused() {
    let mut guest = Guest::default();
    guest.descriptor.name = "Test Guest";
    let refusal = refused(&guest.component());
    assert!(
        matches!(refusal, LoadError::BadDescriptor { .. }),
        "{refusal}"
    );
    let mut guest = Guest::default();
    guest.descriptor.state_bytes = 1;
    let refusal = refused(&guest.component());
    assert!(refusal.to_string().contains("state"), "{refusal}");
}

#[test]
fn a_configuration_is_json_fits_and_is_taken_by_the_policy() {
    let host = host();
    let module = Module::load(&host, "guest", &Guest::default().component()).unwrap();
    let configure = |config: &str, limits| Policy::configure(&module, config, limits).unwrap_err();
    let refusal = configure("{", Limits::default());
    assert!(
        matches!(refusal, ConfigureError::NotJson { .. }),
        "{refusal}"
    );
    let tight = Limits {
        config_bytes: 3,
        ..Limits::default()
    };
    let refusal = configure(r#"{"a":1}"#, tight);
    assert!(matches!(
        refusal,
        ConfigureError::TooLarge {
            bytes: 7,
            limit: 3,
            ..
        }
    ));

    let guest = Guest::default()
        .with(CONFIGURED, Bytes::error(0, 9).0)
        .with(EFFECTS, *b"bad `key`");
    let module = Module::load(&host, "guest", &guest.component()).unwrap();
    let refusal = Policy::configure(&module, "{}", Limits::default()).unwrap_err();
    let text = refusal.to_string();
    assert!(
        matches!(refusal, ConfigureError::Refused { .. }),
        "{refusal}"
    );
    assert_eq!(
        text,
        "policy guest does not accept its configuration: bad `key`"
    );
}

#[test]
fn more_state_than_the_entry_may_have_is_refused() {
    let guest = Guest {
        imports: guest::STATE_SET.into(),
        ..Guest::stateful()
    };
    let module = Module::load(&host(), "guest", &guest.component()).unwrap();
    let tight = Limits {
        state_bytes: 4_095,
        ..Limits::default()
    };
    let refusal = Policy::configure(&module, "{}", tight).unwrap_err();
    assert!(
        matches!(refusal, ConfigureError::State { needs: 4_096, .. }),
        "{refusal}"
    );
}

fn caching(folder: &Path) -> Host {
    Host::new(HostConfig {
        cache: Some(CodeCache::open(folder).unwrap()),
        ..HostConfig::default()
    })
    .unwrap()
}

fn code_files(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    files
        .filter(|path| path.extension().is_some_and(|e| e == "cwasm"))
        .collect()
}

#[test]
fn compiled_code_is_kept_and_works_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("code");
    let bytes = Guest::default().answering(&[Bytes::act(4, 2)]).component();
    let events = sessions([4]);
    let mut verdicts = Vec::new();
    for cached in [false, true, true] {
        // A host of its own each time, as after a restart.
        let module = Module::load(&caching(&folder), "guest", &bytes).unwrap();
        assert_eq!(matches!(module.code(), Code::Cached), cached);
        let policy = Policy::configure(&module, "{}", Limits::default()).unwrap();
        verdicts.push(policy.evaluate(call(&events)).unwrap().verdict);
    }
    assert!(verdicts.iter().all(|verdict| *verdict == verdicts[0]));
    assert_eq!(code_files(&folder).len(), 1);
}

/// Where the test below tells its other process to keep code.
const FOLDER: &str = "DAYFLY_TEST_CODE_FOLDER";

#[test]
#[ignore = "the other process of the test below"]
fn other_process() {
    let folder = PathBuf::from(std::env::var_os(FOLDER).unwrap());
    let module = Module::load(&caching(&folder), "guest", &Guest::default().component()).unwrap();
    assert!(matches!(module.code(), Code::Compiled(None)));
}

#[test]
fn code_of_another_process_of_this_program_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("code");
    let done = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "other_process", "--include-ignored"])
        .env(FOLDER, &folder)
        .output()
        .unwrap();
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stdout)
    );
    let module = Module::load(&caching(&folder), "guest", &Guest::default().component()).unwrap();
    assert!(matches!(module.code(), Code::Cached));
}

#[test]
fn spoilt_code_is_compiled_again_and_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("code");
    let bytes = Guest::default().component();
    let load = || Module::load(&caching(&folder), "guest", &bytes).unwrap();
    load();
    let [file] = code_files(&folder).try_into().unwrap();
    let good = fs::read(&file).unwrap();
    for at in (0..good.len()).step_by(good.len() / 20) {
        let mut bad = good.clone();
        bad[at] ^= 1;
        fs::write(&file, &bad).unwrap();
        assert!(
            matches!(load().code(), Code::Compiled(None)),
            "flip at {at}"
        );
        assert!(
            matches!(load().code(), Code::Cached),
            "after a flip at {at}"
        );
    }
}

#[test]
fn a_refused_component_leaves_no_code() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("code");
    let host = caching(&folder);
    let bytes = wat::parse_str("(component)").unwrap();
    assert!(Module::load(&host, "guest", &bytes).is_err());
    assert_eq!(code_files(&folder), Vec::<PathBuf>::new());
}

#[test]
fn a_cache_that_cannot_be_written_costs_time_only() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("code");
    let host = caching(&folder);
    fs::remove_dir_all(&folder).unwrap();
    let module = Module::load(&host, "guest", &Guest::default().component()).unwrap();
    assert!(matches!(module.code(), Code::Compiled(Some(_))));
}
