//! How much each cloud is called, and how much it was called just now.
//!
//! Providers are made anew when settings change; what they share here outlives them, so that an
//! edit of the settings brings no second burst and no second set of calls in flight.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dayfly_core::session::SessionType;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::limits::Limits;
use crate::pace::{Pace, Rate};

/// Bounds on the calls of all providers. Clones are the same.
#[derive(Clone)]
pub struct Limiter(Arc<Shared>);

struct Shared {
    sts: Arc<Pace>,
    azure: Arc<Pace>,
    roles_anywhere: Arc<Pace>,
    portals: PortalPaces,
    inner: Mutex<Inner>,
}

struct Inner {
    limits: Limits,
    /// Calls in flight where the limits do not say it.
    calls_in_flight: usize,
    places: BTreeMap<SessionType, Arc<CallSlots>>,
}

impl Limiter {
    /// Nothing was called yet. `calls_in_flight` is how many calls each access method may have in
    /// flight where the limits do not say it.
    #[must_use]
    pub fn new(limits: Limits, calls_in_flight: usize) -> Self {
        Self(Arc::new(Shared {
            sts: Arc::new(Pace::new(limits.sts.rate)),
            azure: Arc::new(Pace::new(limits.azure.rate)),
            roles_anywhere: Arc::new(Pace::new(limits.roles_anywhere.rate)),
            portals: PortalPaces::new(limits.sso.rate),
            inner: Mutex::new(Inner {
                limits,
                calls_in_flight,
                places: BTreeMap::new(),
            }),
        }))
    }

    /// Other bounds are configured. Calls that are under way count on.
    pub fn set(&self, limits: Limits, calls_in_flight: usize) {
        let shared = &*self.0;
        shared.sts.set(limits.sts.rate);
        shared.azure.set(limits.azure.rate);
        shared.roles_anywhere.set(limits.roles_anywhere.rate);
        shared.portals.set(limits.sso.rate);
        let mut inner = self.inner();
        (inner.limits, inner.calls_in_flight) = (limits, calls_in_flight);
        for (kind, places) in &inner.places {
            places.set(inner.most(*kind));
        }
    }

    /// How fast the portals of SSO are called.
    #[must_use]
    pub fn portals(&self) -> PortalPaces {
        self.0.portals.clone()
    }

    /// The places for calls of an access method.
    pub(crate) fn places(&self, kind: SessionType) -> Arc<CallSlots> {
        let mut inner = self.inner();
        let most = inner.most(kind);
        let places = inner.places.entry(kind);
        Arc::clone(places.or_insert_with(|| Arc::new(CallSlots::new(most))))
    }

    /// How fast the cloud of an access method is called. A portal of SSO has a pace of its own,
    /// since lists are asked of it too.
    pub(crate) fn pace(&self, kind: SessionType) -> Option<Arc<Pace>> {
        match kind {
            SessionType::AwsIamUser
            | SessionType::AwsIamRoleChained
            | SessionType::AwsIamRoleFederated
            | SessionType::AwsIamRoleWebIdentity => Some(Arc::clone(&self.0.sts)),
            SessionType::Azure => Some(Arc::clone(&self.0.azure)),
            SessionType::AwsRolesAnywhere => Some(Arc::clone(&self.0.roles_anywhere)),
            SessionType::AwsSsoRole
            | SessionType::Localstack
            | SessionType::Process
            | SessionType::AwsInstance
            | SessionType::AwsLogin => None,
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Limiter {
    fn default() -> Self {
        Self::new(Limits::default(), 8)
    }
}

impl fmt::Debug for Limiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = self.inner();
        f.debug_struct("Limiter")
            .field("limits", &inner.limits)
            .field("calls_in_flight", &inner.calls_in_flight)
            .finish_non_exhaustive()
    }
}

impl Inner {
    fn most(&self, kind: SessionType) -> usize {
        let said = self.limits.of(kind).and_then(|l| l.calls_in_flight);
        said.unwrap_or(self.calls_in_flight)
    }
}

/// How fast the portal of each integration with IAM Identity Center is called. Clones are the same.
#[derive(Clone, Debug)]
pub struct PortalPaces(Arc<Mutex<Portals>>);

#[derive(Debug)]
struct Portals {
    rate: Rate,
    by_integration: BTreeMap<String, Arc<Pace>>,
}

impl PortalPaces {
    /// Each portal is called at most at this rate.
    #[must_use]
    pub fn new(rate: Rate) -> Self {
        Self(Arc::new(Mutex::new(Portals {
            rate,
            by_integration: BTreeMap::new(),
        })))
    }

    /// The pace of one portal.
    pub(crate) fn of(&self, integration: &str) -> Arc<Pace> {
        let mut portals = self.portals();
        let rate = portals.rate;
        let pace = portals.by_integration.entry(integration.to_owned());
        Arc::clone(pace.or_insert_with(|| Arc::new(Pace::new(rate))))
    }

    fn set(&self, rate: Rate) {
        let mut portals = self.portals();
        portals.rate = rate;
        for pace in portals.by_integration.values() {
            pace.set(rate);
        }
    }

    fn portals(&self) -> MutexGuard<'_, Portals> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Places for calls that are in flight at once.
#[derive(Debug)]
pub(crate) struct CallSlots {
    free: Semaphore,
    bound: Mutex<Bound>,
}

#[derive(Debug)]
struct Bound {
    limit: usize,
    /// Places that are taken and go away when they are given back.
    surplus: usize,
}

/// A place that is taken; given back when dropped.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    permit: Option<SemaphorePermit<'a>>,
    places: &'a CallSlots,
}

impl CallSlots {
    pub(crate) fn new(limit: usize) -> Self {
        let limit = bounded(limit);
        Self {
            free: Semaphore::new(limit),
            bound: Mutex::new(Bound { limit, surplus: 0 }),
        }
    }

    pub(crate) fn limit(&self) -> usize {
        self.bound().limit
    }

    /// Waits for a place, in order.
    pub(crate) async fn take(&self) -> Option<Place<'_>> {
        let permit = self.free.acquire().await.ok();
        permit.map(|permit| Place {
            permit: Some(permit),
            places: self,
        })
    }

    /// There are so many from now on.
    pub(crate) fn set(&self, limit: usize) {
        let limit = bounded(limit);
        let mut bound = self.bound();
        if limit > bound.limit {
            let more = limit - bound.limit;
            let kept = more.min(bound.surplus);
            bound.surplus -= kept;
            self.free.add_permits(more - kept);
        } else {
            let fewer = bound.limit - limit;
            bound.surplus += fewer - self.free.forget_permits(fewer);
        }
        bound.limit = limit;
    }

    fn bound(&self) -> MutexGuard<'_, Bound> {
        self.bound.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut bound = self.places.bound();
        if bound.surplus > 0
            && let Some(permit) = self.permit.take()
        {
            bound.surplus -= 1;
            permit.forget();
        }
    }
}

fn bounded(limit: usize) -> usize {
    limit.clamp(1, Semaphore::MAX_PERMITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn fewer_places_hold_for_calls_that_were_under_way() {
        let places = CallSlots::new(3);
        let taken = (places.take().await, places.take().await);
        places.set(1);
        assert_eq!(places.free.available_permits(), 0);
        drop(taken.0);
        assert_eq!(places.free.available_permits(), 0);
        drop(taken.1);
        assert_eq!(places.free.available_permits(), 1);
        places.set(4);
        assert_eq!((places.limit(), places.free.available_permits()), (4, 4));
    }

    #[tokio::test]
    async fn places_that_come_back_before_they_went_are_not_made_twice() {
        let places = CallSlots::new(2);
        let taken = (places.take().await, places.take().await);
        places.set(1);
        places.set(3);
        assert_eq!(places.free.available_permits(), 1);
        drop(taken);
        assert_eq!(places.free.available_permits(), 3);
    }
}
