//! `dayfly demo`: the whole engine on a throw-away home.

mod play;
mod stage;

pub(crate) use play::play;
