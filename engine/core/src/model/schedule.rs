//! Moments that come again and again, in a language that the core does not read.

use std::fmt;
use std::sync::Arc;

use crate::model::time::Timestamp;

/// Moments that come again and again. Reads no clock, and answers the same each time.
pub trait Moments: fmt::Debug + Send + Sync {
    /// The expression that it was made from, as a policy subscribed to it.
    fn expression(&self) -> &str;

    /// The first moment after this one; none where no further one comes.
    fn next(&self, after: Timestamp) -> Option<Timestamp>;
}

/// Shared [`Moments`]. Two are the same where their expressions are.
#[derive(Clone, Debug)]
pub struct Schedule(pub Arc<dyn Moments>);

impl PartialEq for Schedule {
    fn eq(&self, other: &Self) -> bool {
        self.0.expression() == other.0.expression()
    }
}

impl Eq for Schedule {}
