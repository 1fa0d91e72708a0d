//! Credentials that are not where they should be.

use std::collections::BTreeMap;

use super::*;
use crate::audit::DeliveryViolation;
use crate::model::delivery::Place;
use crate::model::failure::{ErrorKind, Failure};
use crate::model::placement::{Placement, WantedDeliveries};
use crate::state::deliveries::DeliveryState;

const FILE: Place = Place::CredentialsFile;

/// All of it is to be in the credentials file, and is there.
fn settled() -> World {
    let mut world = World::new();
    let in_file = Delivery::from([FILE]);
    for name in ["a", "b", "c"] {
        let state = DeliveryState::found(in_file.clone());
        world.state.deliveries.sessions.insert(id(name), state);
    }
    for found in &mut world.chain {
        found.in_force.clone_from(&in_file);
    }
    world.state.deliveries.wanted = Some(WantedDeliveries::default());
    world.finds(&[]);
    world
}

fn delivery(violation: DeliveryViolation) -> Violation {
    Violation::Delivery(violation)
}

#[test]
fn credentials_that_are_not_where_they_should_be() {
    let mut world = settled();
    let sessions = BTreeMap::from([(id("b"), Delivery::new())]);
    let wanted = &mut world.state.deliveries.wanted;
    wanted.get_or_insert_default().sessions = sessions;
    let misplaced = delivery(DeliveryViolation::Misplaced {
        session: id("b"),
        wanted: Delivery::new(),
        in_force: Delivery::from([FILE]),
    });
    world.finds(std::slice::from_ref(&misplaced));
    // On their way, or tried again.
    let deliveries = &mut world.state.deliveries;
    deliveries.aligning.insert(id("b"), Delivery::new());
    world.finds(&[]);
    world.state.deliveries.aligning.clear();
    world.state.timers.set(TimerKey::Delivery, NOW.plus(HOUR));
    world.finds(&[]);
    world.state.timers.clear(&TimerKey::Delivery);
    world.finds(&[misplaced]);
    // An engine that stops moves nothing any more.
    world.state.stopping = true;
    world.finds(&[]);
}

#[test]
fn credentials_that_the_core_has_lost_track_of() {
    let mut world = settled();
    let state = DeliveryState::found(Delivery::from([FILE]));
    world.state.deliveries.sessions.insert(id("d"), state);
    let unaccounted = DeliveryViolation::Unaccounted { session: id("d") };
    world.finds(&[delivery(unaccounted)]);
}

#[test]
fn a_leftover_that_is_not_tried_again() {
    let mut world = settled();
    world.state.deliveries.leftovers.insert(id("d"));
    world.finds(&[delivery(DeliveryViolation::Leftover { session: id("d") })]);
    world.state.timers.set(TimerKey::Delivery, NOW.plus(HOUR));
    world.finds(&[]);
}

#[test]
fn commands_that_wait_for_places_that_nobody_changes() {
    let mut world = settled();
    world.state.deliveries.waiting.insert(id("a"), Vec::new());
    world.finds(&[delivery(DeliveryViolation::Unensured { session: id("a") })]);
}

#[test]
fn credentials_that_are_in_other_places_than_the_core_believes() {
    for found in [
        Delivery::new(),
        Delivery::from([FILE, Place::CredentialProcess]),
    ] {
        let mut world = settled();
        world.chain[0].in_force.clone_from(&found);
        let elsewhere = delivery(DeliveryViolation::Elsewhere {
            session: id("a"),
            believed: Delivery::from([FILE]),
            found,
        });
        world.finds(&[elsewhere]);
        // Answers of the chain may be on their way.
        world.finds_when_moving(&[]);
    }
    // Earlier credentials stay where they are until later ones are where they should be.
    let mut world = settled();
    let failed = Failure::new(ErrorKind::Delivery, "full");
    let placement = Placement {
        failed: vec![(FILE, failed)],
        ..Placement::default()
    };
    world
        .state
        .deliveries
        .placed(&id("a"), Delivery::from([FILE]), placement);
    world.state.timers.set(TimerKey::Delivery, NOW.plus(HOUR));
    world.finds(&[]);
}
