//! The Wasm policy host: load, check, instantiate, limit and call.
