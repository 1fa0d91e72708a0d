//! The part of WASI 0.2 that a policy may be granted: enough for the start of a language's runtime, and
//! nothing in it that is not said by the call.
//!
//! The clocks stand still at the call's time, random numbers follow from its seed, what is printed
//! goes to the policy's log, and there are no arguments, no variables, no files and nothing to
//! read. Whatever else these interfaces have traps when it is called: opening, waiting, exiting.
//!
//! Source: the WIT of `wasi:cli`, `wasi:clocks`, `wasi:filesystem`, `wasi:io` and `wasi:random`, 0.2.

use dayfly_core::policy::Severity;
use wasmtime::StoreContextMut;
use wasmtime::component::{
    Component, ComponentType, Lift, Linker, LinkerInstance, Lower, Resource, ResourceType,
};

use crate::guest_faults::Overrun;
use crate::sandbox::Sandbox;

/// The interfaces.
const SUBSET: [&str; 20] = [
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/stderr",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:cli/terminal-stderr",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:filesystem/preopens",
    "wasi:filesystem/types",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:random/random",
];

/// Random bytes that one call gives.
const RANDOM: u64 = 64 << 10;

/// Whether a policy may be granted this import, named as `wasi:cli/stdout@0.2.6`.
#[must_use]
pub fn is_in_subset(import: &str) -> bool {
    interface(import).is_some()
}

fn interface(import: &str) -> Option<&'static str> {
    let (name, version) = import.split_once('@')?;
    let known = SUBSET.into_iter().find(|known| *known == name)?;
    version.starts_with("0.2.").then_some(known)
}

struct InputStream;
struct OutputStream;
struct IoError;
struct Pollable;
struct Descriptor;
struct TerminalInput;
struct TerminalOutput;

/// Resources are numbers: which stream it is.
const STDOUT: u32 = 1;
const STDERR: u32 = 2;

/// `stream-error`; the other case cannot come about.
#[derive(ComponentType, Lift, Lower)]
#[component(variant)]
enum StreamError {
    #[component(name = "last-operation-failed")]
    LastOperationFailed(Resource<IoError>),
    #[component(name = "closed")]
    Closed,
}

#[derive(ComponentType, Lift, Lower)]
#[component(record)]
struct Datetime {
    seconds: u64,
    nanoseconds: u32,
}

type Context<'a> = StoreContextMut<'a, Sandbox>;

/// Adds what the component imports of the subset; the rest of these interfaces traps.
pub(crate) fn link(
    linker: &Linker<Sandbox>,
    component: &Component,
    imports: &[String],
) -> wasmtime::Result<Linker<Sandbox>> {
    let mut linker = linker.clone();
    for import in imports {
        if let Some(interface) = interface(import) {
            define(&mut linker.instance(import)?, interface)?;
        }
    }
    linker.define_unknown_imports_as_traps(component)?;
    Ok(linker)
}

fn define(instance: &mut LinkerInstance<'_, Sandbox>, interface: &str) -> wasmtime::Result<()> {
    // Interfaces have the resources of others under the same names.
    resource::<IoError>(instance, "error")?;
    resource::<Pollable>(instance, "pollable")?;
    resource::<InputStream>(instance, "input-stream")?;
    resource::<OutputStream>(instance, "output-stream")?;
    resource::<Descriptor>(instance, "descriptor")?;
    resource::<TerminalInput>(instance, "terminal-input")?;
    resource::<TerminalOutput>(instance, "terminal-output")?;
    match interface {
        "wasi:io/streams" => streams(instance),
        "wasi:filesystem/preopens" => instance
            .func_wrap("get-directories", |_: Context<'_>, ()| {
                Ok((Vec::<(Resource<Descriptor>, String)>::new(),))
            }),
        _ if interface.starts_with("wasi:cli/") => cli(instance, interface),
        _ if interface.starts_with("wasi:clocks/") => clocks(instance, interface),
        _ if interface.starts_with("wasi:random/") => random(instance, interface),
        // All of it traps.
        _ => Ok(()),
    }
}

/// Arguments and variables, which are empty, and the three streams.
fn cli(instance: &mut LinkerInstance<'_, Sandbox>, interface: &str) -> wasmtime::Result<()> {
    match interface {
        "wasi:cli/environment" => {
            instance.func_wrap("get-environment", |_: Context<'_>, ()| {
                Ok((Vec::<(String, String)>::new(),))
            })?;
            instance.func_wrap("get-arguments", |_: Context<'_>, ()| {
                Ok((Vec::<String>::new(),))
            })?;
            instance.func_wrap("initial-cwd", |_: Context<'_>, ()| Ok((None::<String>,)))
        }
        "wasi:cli/stdin" => instance.func_wrap("get-stdin", |_: Context<'_>, ()| {
            Ok((Resource::<InputStream>::new_own(0),))
        }),
        "wasi:cli/stdout" => instance.func_wrap("get-stdout", |_: Context<'_>, ()| {
            Ok((Resource::<OutputStream>::new_own(STDOUT),))
        }),
        "wasi:cli/stderr" => instance.func_wrap("get-stderr", |_: Context<'_>, ()| {
            Ok((Resource::<OutputStream>::new_own(STDERR),))
        }),
        "wasi:cli/terminal-stdin" => instance
            .func_wrap("get-terminal-stdin", |_: Context<'_>, ()| {
                Ok((None::<Resource<TerminalInput>>,))
            }),
        "wasi:cli/terminal-stdout" => instance
            .func_wrap("get-terminal-stdout", |_: Context<'_>, ()| {
                Ok((None::<Resource<TerminalOutput>>,))
            }),
        "wasi:cli/terminal-stderr" => instance
            .func_wrap("get-terminal-stderr", |_: Context<'_>, ()| {
                Ok((None::<Resource<TerminalOutput>>,))
            }),
        // All of it traps.
        _ => Ok(()),
    }
}

/// The clocks, which show the moment of the call.
fn clocks(instance: &mut LinkerInstance<'_, Sandbox>, interface: &str) -> wasmtime::Result<()> {
    match interface {
        "wasi:clocks/monotonic-clock" => {
            instance.func_wrap("now", |context: Context<'_>, ()| {
                let millis = context.data().moment().as_millis();
                Ok((millis.saturating_mul(1_000_000),))
            })?;
            instance.func_wrap("resolution", |_: Context<'_>, ()| Ok((1_000_000_u64,)))
        }
        "wasi:clocks/wall-clock" => {
            instance.func_wrap("now", |context: Context<'_>, ()| {
                let millis = context.data().moment().as_millis();
                Ok((datetime(millis),))
            })?;
            instance.func_wrap("resolution", |_: Context<'_>, ()| Ok((datetime(1),)))
        }
        // All of it traps.
        _ => Ok(()),
    }
}

/// Random numbers, which follow from the seed of the call.
fn random(instance: &mut LinkerInstance<'_, Sandbox>, interface: &str) -> wasmtime::Result<()> {
    match interface {
        "wasi:random/random" => {
            instance.func_wrap("get-random-bytes", bytes)?;
            instance.func_wrap("get-random-u64", number)
        }
        "wasi:random/insecure" => {
            instance.func_wrap("get-insecure-random-bytes", bytes)?;
            instance.func_wrap("get-insecure-random-u64", number)
        }
        "wasi:random/insecure-seed" => {
            instance.func_wrap("insecure-seed", |mut context: Context<'_>, ()| {
                let random = context.data_mut().random();
                Ok(((random.next_u64(), random.next_u64()),))
            })
        }
        // All of it traps.
        _ => Ok(()),
    }
}

fn resource<T: 'static>(
    instance: &mut LinkerInstance<'_, Sandbox>,
    name: &str,
) -> wasmtime::Result<()> {
    instance.resource(name, ResourceType::host::<T>(), |_, _| Ok(()))
}

fn streams(instance: &mut LinkerInstance<'_, Sandbox>) -> wasmtime::Result<()> {
    type Done = Result<(), StreamError>;
    for name in ["read", "blocking-read"] {
        instance.func_wrap(
            &format!("[method]input-stream.{name}"),
            |_: Context<'_>, (_, _): (Resource<InputStream>, u64)| {
                Ok((Err::<Vec<u8>, _>(StreamError::Closed),))
            },
        )?;
    }
    instance.func_wrap(
        "[method]output-stream.check-write",
        |_: Context<'_>, (_,): (Resource<OutputStream>,)| Ok((Ok::<u64, StreamError>(4_096),)),
    )?;
    for name in ["write", "blocking-write-and-flush"] {
        instance.func_wrap(
            &format!("[method]output-stream.{name}"),
            |mut context: Context<'_>, (stream, text): (Resource<OutputStream>, Vec<u8>)| {
                let severity = if stream.rep() == STDERR {
                    Severity::Warning
                } else {
                    Severity::Info
                };
                context.data_mut().print(severity, &text);
                Ok((Done::Ok(()),))
            },
        )?;
    }
    for name in ["flush", "blocking-flush"] {
        instance.func_wrap(
            &format!("[method]output-stream.{name}"),
            |_: Context<'_>, (_,): (Resource<OutputStream>,)| Ok((Done::Ok(()),)),
        )?;
    }
    Ok(())
}

fn datetime(millis: u64) -> Datetime {
    Datetime {
        seconds: millis / 1_000,
        nanoseconds: u32::try_from(millis % 1_000).unwrap_or(0) * 1_000_000,
    }
}

fn bytes(mut context: Context<'_>, (count,): (u64,)) -> wasmtime::Result<(Vec<u8>,)> {
    if count > RANDOM {
        return Err(Overrun::Random(RANDOM).into());
    }
    let random = context.data_mut().random();
    let mut bytes = Vec::new();
    while (bytes.len() as u64) < count {
        bytes.extend(random.next_u64().to_le_bytes());
    }
    bytes.truncate(usize::try_from(count).unwrap_or(0));
    Ok((bytes,))
}

fn number(mut context: Context<'_>, (): ()) -> wasmtime::Result<(u64,)> {
    Ok((context.data_mut().random().next_u64(),))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reaches_outside_is_not_in_it() {
        for import in ["wasi:cli/stdout@0.2.0", "wasi:io/streams@0.2.12"] {
            assert!(is_in_subset(import), "{import}");
        }
        for import in [
            "wasi:cli/stdout@0.3.0",
            "wasi:cli/stdout",
            "wasi:sockets/tcp@0.2.0",
            "wasi:http/types@0.2.0",
            "wasi:cli/run@0.2.0",
            "evil:cli/stdout@0.2.0",
        ] {
            assert!(!is_in_subset(import), "{import}");
        }
    }
}
