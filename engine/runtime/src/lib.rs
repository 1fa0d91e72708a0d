//! The effectful loop around the pure core.
