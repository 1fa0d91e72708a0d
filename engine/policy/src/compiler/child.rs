//! The process that compiles: it reads a component, compiles it, and writes what came of it.

use std::io::{self, Read as _, Write};

use super::bounds::Bounds;
use super::confine;
use crate::{compat, engine};

/// The first byte of an answer: the digest of what the code fits, and the code.
pub(crate) const CODE: u8 = 1;
/// The same: what is wrong with the component, a text.
pub(crate) const PROBLEM: u8 = 2;

/// Compiles what comes in at the standard input, and writes the answer to the standard output. A
/// program calls this, and nothing before it, where its first argument is
/// [`COMMAND`](super::COMMAND); `length`, the second one, is how many bytes will come.
///
/// # Errors
/// The process cannot be held to its bounds, or the answer cannot be written.
pub fn serve(length: &str) -> io::Result<()> {
    let wrong = |what: &str| io::Error::new(io::ErrorKind::InvalidInput, what.to_owned());
    let length: usize = length.parse().map_err(|_| wrong("the length is missing"))?;
    confine::confine(&Bounds::of(length))?;
    let mut component = Vec::with_capacity(length.min(64 << 20));
    let most = length as u64;
    io::stdin().take(most + 1).read_to_end(&mut component)?;
    if component.len() != length {
        return Err(wrong("the length is wrong"));
    }
    let compiled = engine::for_compiling().and_then(|engine| {
        let code = engine.precompile_component(&component)?;
        Ok((compat::digest(&engine), code))
    });
    let mut output = io::stdout().lock();
    match compiled {
        Ok((of, code)) => {
            output.write_all(&[CODE])?;
            output.write_all(&of)?;
            output.write_all(&code)?;
        }
        Err(error) => {
            output.write_all(&[PROBLEM])?;
            let text: String = format!("{error:#}").chars().take(4_096).collect();
            output.write_all(text.as_bytes())?;
        }
    }
    output.flush()
}
