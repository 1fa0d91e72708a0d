//! The nouns: sessions, what policies see and say, grants, settings, and the plain values that these
//! are made of. Nothing here decides anything.

pub mod backoff;
pub mod delivery;
pub(crate) mod failure;
pub mod grant;
pub(crate) mod ids;
pub mod key_rotation;
pub mod placement;
pub mod policy;
pub mod random;
pub mod rates;
pub mod role_lifetime;
pub(crate) mod roles_anywhere;
pub mod schedule;
pub mod session;
pub(crate) mod session_id;
pub mod settings;
pub mod sso_role;
pub mod text;
pub mod time;
