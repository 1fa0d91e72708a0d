//! Bringing credentials to where they are wanted.
//!
//! The Workspace and the configuration say where credentials are to go. The chain says what came of
//! each change, and what other programs did to its files since. What failed is tried again by one
//! timer for all sessions; what others take away is put back, and left alone where they insist. What is
//! known of it is [`DeliveryState`](crate::state::DeliveryState).

mod align;
mod disturbances;
