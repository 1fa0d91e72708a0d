//! What a rule is.

use crate::config::ConfigError;
use crate::{Context, Descriptor, Event, State, Subscription, Verdict, Workspace};

/// What every rule says of itself.
pub trait Policy {
    /// The configuration, read.
    type Config;

    /// Static facts.
    fn descriptor() -> Descriptor;

    /// Reads the configuration, JSON text.
    ///
    /// # Errors
    /// Names the key that is wrong and says how.
    fn parse(config: &str) -> Result<Self::Config, ConfigError>;

    /// Reads a configuration that [`Policy::parse`] accepted before. It is read again in each call: a
    /// rule whose checks are dear leaves them out here.
    ///
    /// # Errors
    /// Those of [`Policy::parse`].
    fn recall(config: &str) -> Result<Self::Config, ConfigError> {
        Self::parse(config)
    }

    /// What the rule wants to be called for.
    fn subscriptions(config: &Self::Config) -> Vec<Subscription>;

    /// Reads the configuration and answers what the rule wants to be called for.
    ///
    /// # Errors
    /// Those of [`Policy::parse`].
    fn configure(config: &str) -> Result<Vec<Subscription>, ConfigError> {
        Self::parse(config).map(|config| Self::subscriptions(&config))
    }
}

/// A rule that needs only what happened: world `pure-policy`.
pub trait Rule: Policy {
    /// Looks at what happened and answers what should be done.
    ///
    /// The answer replaces what the rule proposed before for the sessions in `events`:
    /// silence on one of them withdraws it.
    fn evaluate(config: &Self::Config, context: &Context, events: &[Event]) -> Verdict;
}

/// A rule that also asks about other sessions and remembers: world `stateful-policy`.
pub trait WorkspaceRule: Policy {
    /// As [`Rule::evaluate`], with the sessions of the grant and the rule's memory.
    fn evaluate(
        config: &Self::Config,
        context: &Context,
        events: &[Event],
        workspace: &dyn Workspace,
        state: &mut dyn State,
    ) -> Verdict;
}
