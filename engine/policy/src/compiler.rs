//! Compiles components. The compiler reads what others wrote, and what it costs is theirs to say: so
//! it runs in a process of its own, which has bounds on time and memory and can reach nothing.
//!
//! What comes back is native code, and is trusted like the compiler itself, as it is where the
//! compiler runs in this process: a component that takes the compiler over could hand back anything.
//! The process keeps a component from what is *not* in the compiler's power alone: the secrets in
//! this process's memory while it compiles, this user's files and network, and the machine's memory
//! and time. The code then goes the way of all compiled code, through [`CodeCache`](crate::CodeCache)
//! and its MAC.

mod bounds;
mod child;
mod confine;

use std::fmt;
use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;

use self::bounds::Bounds;
use self::child::{CODE, PROBLEM};

pub use self::child::serve;

/// The argument with which a program is to call [`serve`] and do nothing else.
pub const COMMAND: &str = "compile-component";

/// Where components are compiled.
#[derive(Clone, PartialEq, Eq)]
pub enum Compiler {
    /// On the calling thread, without any bound: for tests and benchmarks, which have no program to
    /// start, and whose components are their own.
    InProcess,
    /// In a process of its own: this program, which calls [`serve`] when [`COMMAND`] is its first
    /// argument.
    Process(PathBuf),
}

impl Compiler {
    /// In a process of the program that runs.
    #[must_use]
    pub fn own_program() -> Self {
        // The program that runs, also where another has been put in its place meanwhile.
        #[cfg(target_os = "linux")]
        let program = PathBuf::from("/proc/self/exe");
        #[cfg(not(target_os = "linux"))]
        let program = std::env::current_exe().unwrap_or_default();
        Self::Process(program)
    }
}

impl fmt::Debug for Compiler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InProcess => "InProcess",
            Self::Process(_) => "Process",
        })
    }
}

/// Why there is no code.
#[derive(Debug)]
pub(crate) enum NoCode {
    /// The component is damaged, or uses what this engine leaves out.
    Wrong(String),
    /// It takes more than it may.
    TooCostly(String),
    /// The compiler cannot be used.
    NoCompiler(String),
}

/// Compiles a component in a process of this program; its code fits engines of this compatibility.
pub(crate) fn compile(
    program: &PathBuf,
    component: &[u8],
    compatibility: &[u8; 32],
) -> Result<Vec<u8>, NoCode> {
    let bounds = Bounds::of(component.len());
    let failed = |error: std::io::Error| {
        NoCode::NoCompiler(format!("Dayfly cannot start the compiler process: {error}"))
    };
    let mut command = Command::new(program);
    command
        .arg(COMMAND)
        .arg(component.len().to_string())
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut running = Running(command.spawn().map_err(failed)?);
    let (answer, status) = running.converse(component, &bounds)?;
    let Some((kind, rest)) = answer.split_first() else {
        return Err(died(status, &bounds));
    };
    match *kind {
        CODE if status.success() => match rest.split_at_checked(compatibility.len()) {
            Some((of, code)) if of == compatibility => Ok(code.to_vec()),
            _ => Err(NoCode::NoCompiler(
                "the code is for another version of the engine; restart the engine".to_owned(),
            )),
        },
        PROBLEM if status.success() => {
            Err(NoCode::Wrong(String::from_utf8_lossy(rest).into_owned()))
        }
        _ => Err(died(status, &bounds)),
    }
}

/// A process that is ended when it is dropped.
struct Running(Child);

impl Running {
    /// Hands the component over and takes the answer, which has to come in time and be no longer
    /// than it may.
    fn converse(
        &mut self,
        component: &[u8],
        bounds: &Bounds,
    ) -> Result<(Vec<u8>, ExitStatus), NoCode> {
        let refused = |problem: &str| NoCode::NoCompiler(problem.to_owned());
        let (input, output) = (self.0.stdin.take(), self.0.stdout.take());
        let (Some(mut input), Some(output)) = (input, output) else {
            return Err(refused("the compiler process has no pipes"));
        };
        let (tell, told) = mpsc::channel();
        let most = bounds.answer;
        let answer = thread::scope(|scope| {
            scope.spawn(move || {
                // One that ends early says so by its answer.
                let _ = input.write_all(component);
            });
            scope.spawn(move || {
                let mut answer = Vec::new();
                let read = output.take(most + 1).read_to_end(&mut answer);
                let _ = tell.send(read.map(|_| answer));
            });
            let answer = told.recv_timeout(bounds.wall);
            if !matches!(&answer, Ok(Ok(answer)) if answer.len() as u64 <= most) {
                // Both threads end with it.
                let _ = self.0.kill();
            }
            answer
        });
        let seconds = bounds.wall.as_secs();
        let status = |this: &mut Self| this.0.wait();
        match answer {
            Ok(Ok(answer)) if answer.len() as u64 > most => Err(NoCode::TooCostly(format!(
                "its code has more than {} MiB",
                most >> 20
            ))),
            Ok(Ok(answer)) => match status(self) {
                Ok(status) => Ok((answer, status)),
                Err(error) => Err(refused(&format!(
                    "Dayfly lost the compiler process: {error}"
                ))),
            },
            Ok(Err(error)) => Err(refused(&format!(
                "Dayfly cannot read the compiler's answer: {error}"
            ))),
            Err(_) => Err(NoCode::TooCostly(format!(
                "the compilation took longer than {seconds} s"
            ))),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Why a process ended without an answer.
fn died(status: ExitStatus, bounds: &Bounds) -> NoCode {
    if let Some(code) = status.code() {
        return NoCode::NoCompiler(format!(
            "the compiler process ended with {code} and gave no answer"
        ));
    }
    if is_out_of_time(status) {
        return NoCode::TooCostly(format!("the compilation takes more than {} s", bounds.cpu));
    }
    NoCode::TooCostly(format!(
        "the compiler process was ended; its limits are {} MiB of memory and {} s",
        bounds.memory >> 20,
        bounds.cpu
    ))
}

#[cfg(unix)]
fn is_out_of_time(status: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt as _;
    let xcpu = rustix::process::Signal::XCPU.as_raw();
    status.signal() == Some(xcpu)
}

#[cfg(not(unix))]
fn is_out_of_time(_: ExitStatus) -> bool {
    false
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::engine;

    fn refused(program: &str) -> NoCode {
        let component = vec![0; 1 << 20];
        compile(&PathBuf::from(program), &component, &[7; 32]).expect_err("it is not a compiler")
    }

    #[test]
    fn an_answer_without_end_is_cut_off() {
        let refused = refused("/usr/bin/yes");
        assert!(
            matches!(&refused, NoCode::TooCostly(why) if why.contains("more than 24 MiB")),
            "{refused:?}"
        );
    }

    #[test]
    fn a_compiler_that_is_none_is_said_and_nothing_is_compiled_elsewhere() {
        for program in ["/bin/true", "/bin/false", "/nonexistent"] {
            let refused = refused(program);
            assert!(matches!(refused, NoCode::NoCompiler(_)), "{refused:?}");
        }
    }

    #[test]
    fn code_is_for_engines_with_and_without_a_pool() {
        let pool = engine::Pool {
            places: 32,
            memory_ceiling: 256 << 20,
        };
        let pooled = engine::engine(Some(&pool)).unwrap();
        let compiling = engine::for_compiling().unwrap();
        assert_eq!(
            crate::compat::digest(&pooled.0),
            crate::compat::digest(&compiling)
        );
    }
}
