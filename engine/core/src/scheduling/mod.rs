//! Which session a provider is asked for next, and how spans of time outlast a clock that is set.

mod clock_set;
mod provider_queue;
