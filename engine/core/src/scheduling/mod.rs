//! Whose turn it is at a provider, and how spans of time outlast a clock that is set.

mod clock_set;
mod provider_queue;
