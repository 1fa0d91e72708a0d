//! Where a session is between START and STOP.

use crate::arbitration::Actor;
use crate::model::ids::{Cause, OperationId};
use crate::model::policy::Outcome;
use crate::model::session::{Lease, Status};

/// How far an operation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperationStage {
    /// It waits for the parent session.
    Parent,
    /// It waits for the provider to have room.
    Queued,
    /// The provider works on it.
    Issuing,
    /// The chain takes the credentials.
    Publishing(Lease),
}

/// An action under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Names it.
    pub id: OperationId,
    /// What it came of.
    pub cause: Cause,
    /// For whom.
    pub by: Actor,
    /// How far it is.
    pub stage: OperationStage,
}

impl Operation {
    /// Whether the chain is taking the credentials: the point of no return.
    #[must_use]
    pub const fn is_publishing(&self) -> bool {
        matches!(self.stage, OperationStage::Publishing(_))
    }
}

/// Whether a session has credentials, and what is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// No credentials are in the chain.
    Inactive,
    /// The first credentials are on their way.
    Starting(Operation),
    /// Credentials are in the chain.
    Active(Lease),
    /// Credentials are in the chain and new ones are on their way.
    Rotating(Lease, Operation),
    /// The chain removes the credentials; they end as the outcome says.
    Stopping(Lease, OperationId, Outcome),
}

impl Phase {
    /// The status that the Workspace shows.
    #[must_use]
    pub const fn status(&self) -> Status {
        match self {
            Self::Inactive => Status::Inactive,
            Self::Active(_) => Status::Active,
            Self::Starting(_) | Self::Rotating(..) | Self::Stopping(..) => Status::Pending,
        }
    }

    /// The credentials that are in the chain.
    #[must_use]
    pub const fn lease(&self) -> Option<Lease> {
        match self {
            Self::Inactive | Self::Starting(_) => None,
            Self::Active(lease) | Self::Rotating(lease, _) | Self::Stopping(lease, ..) => {
                Some(*lease)
            }
        }
    }

    /// The operation that is to bring credentials.
    #[must_use]
    pub const fn operation(&self) -> Option<&Operation> {
        match self {
            Self::Starting(operation) | Self::Rotating(_, operation) => Some(operation),
            _ => None,
        }
    }

    pub(crate) const fn operation_mut(&mut self) -> Option<&mut Operation> {
        match self {
            Self::Starting(operation) | Self::Rotating(_, operation) => Some(operation),
            _ => None,
        }
    }
}
