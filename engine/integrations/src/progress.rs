//! How far a listing has come.

/// Shows how far something has come.
pub trait Progress: Sync {
    /// So many of so many are done, and what there is to say.
    fn at(&self, done: usize, all: usize, text: &str);

    /// Nothing is shown any more.
    fn end(&self);
}
