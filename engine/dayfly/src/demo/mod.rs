//! `dayfly demo`: the whole engine on a throw-away home.

mod play;
mod stage;
#[allow(
    dead_code,
    reason = "its own tests ask more of the emulator than the demo does"
)]
mod sts;

pub(crate) use play::play;
