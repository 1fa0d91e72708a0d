//! `dayfly demo`

use dayfly_dialog::{CliError, Exit};
use dayfly_host::engine;
use tokio::signal::unix::{SignalKind, signal};

use crate::demo;

/// Watch the engine work in a temporary home, with an STS emulator.
///
/// Sessions start, rotate and stop for about 45 seconds. The demo touches none of your files and
/// leaves nothing behind.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dayfly demo")]
pub(crate) struct Args {
    /// Multiplies the duration: 0.5 takes half the time.
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, value_parser = parse_pace)]
    pace: f64,
}

pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let runtime = engine::threads(None)?;
    runtime.block_on(async {
        let failed = |e| CliError::failed(format!("cannot listen for signals: {e}"));
        let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        let interrupted = async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        };
        demo::play(args.pace, interrupted)
            .await
            .map(|()| Exit::Done)
    })
}

fn parse_pace(text: &str) -> Result<f64, String> {
    let pace: f64 = text
        .parse()
        .map_err(|_| format!("\"{text}\" is not a number"))?;
    if (0.2..=20.0).contains(&pace) {
        Ok(pace)
    } else {
        Err("the pace must be between 0.2 and 20".into())
    }
}
