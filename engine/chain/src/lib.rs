//! One file a chain target: puts credentials where cloud SDKs look.
