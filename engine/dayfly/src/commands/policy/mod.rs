//! Commands on policies.

pub(crate) mod accept;
pub(crate) mod add;
pub(crate) mod build;
pub(crate) mod check;
pub(crate) mod disable;
pub(crate) mod enable;
pub(crate) mod inspect;
pub(crate) mod keygen;
pub(crate) mod list;
pub(crate) mod new;
pub(crate) mod pull;
pub(crate) mod push;
pub(crate) mod remove;
pub(crate) mod sign;
pub(crate) mod simulate;
pub(crate) mod test;
pub(crate) mod update;
pub(crate) mod verify;
