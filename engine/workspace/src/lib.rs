//! The Workspace file: parse, validate, diff, load, watch, merge and write.
