//! Secret types and long-lived secrets at rest.
