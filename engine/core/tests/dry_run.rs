//! What a policy in a dry run would change is recorded, once, and changes nothing.

mod stage;

use dayfly_core::arbitration::Tier;
use dayfly_core::effect::JournalEvent;
use dayfly_core::policy::{Act, Action, Actions, Hold, PolicyEffect, Reason};
use dayfly_core::session::Status;
use stage::{HOUR, Stage, id};

fn stage(tier: Tier) -> Stage {
    let mut stage = Stage::new(Vec::new());
    stage.policy_entry(tier, true);
    stage
}

fn act(stage: &Stage, action: Action) -> PolicyEffect {
    let view = stage.seen("parent");
    PolicyEffect::Act(Act {
        session: view.key,
        action,
        revision: view.facts.revision,
        not_after: None,
        why: Reason::new("test", "it is tried out"),
    })
}

fn hold(stage: &Stage) -> PolicyEffect {
    PolicyEffect::Hold(Hold {
        session: stage.seen("parent").key,
        actions: Actions::ALL,
        until: None,
        why: Reason::new("test", "it is tried out"),
    })
}

/// What would have been different, of the parent.
fn differences(stage: &Stage) -> Vec<(Option<Action>, Option<Action>)> {
    let recorded = stage.recorded.iter();
    let differs = recorded.filter_map(|event| match event {
        JournalEvent::ShadowDiffers {
            session,
            live,
            shadow,
        } if *session == id("parent") => Some((*live, *shadow)),
        _ => None,
    });
    differs.collect()
}

#[test]
fn a_start_in_a_dry_run_is_recorded_once_and_starts_nothing() {
    let mut stage = stage(Tier::Team);
    stage.propose(vec![act(&stage, Action::Start)]);
    let would_start = (None, Some(Action::Start));
    assert_eq!(differences(&stage), [would_start]);
    assert!(stage.issues.is_empty());
    assert_eq!(stage.statuses()[0], Status::Inactive);
    // Proposed again, it is no news.
    stage.edit(&["child"], "other", &[]);
    stage.propose(vec![act(&stage, Action::Start)]);
    assert_eq!(differences(&stage), [would_start]);
}

#[test]
fn a_hold_in_a_dry_run_is_recorded_and_holds_nothing() {
    let mut stage = stage(Tier::GuardRail);
    stage.propose(vec![hold(&stage)]);
    // Nothing is to be done, with it or without.
    assert_eq!(differences(&stage), []);
    stage.say("parent", Action::Start);
    assert_eq!(differences(&stage), [(Some(Action::Start), None)]);
    stage.issue("parent", HOUR);
    stage.deliver(Ok(()));
    assert_eq!(stage.statuses()[0], Status::Active);
}

#[test]
fn what_agrees_with_what_is_done_is_no_difference_and_what_differs_later_is() {
    let mut stage = stage(Tier::Team);
    stage.propose(vec![act(&stage, Action::Start)]);
    stage.say("parent", Action::Start);
    stage.issue("parent", HOUR);
    stage.deliver(Ok(()));
    assert_eq!(differences(&stage), [(None, Some(Action::Start))]);
    stage.propose(vec![act(&stage, Action::Rotate)]);
    let would_rotate = (None, Some(Action::Rotate));
    assert_eq!(differences(&stage).last(), Some(&would_rotate));
    assert_eq!(differences(&stage).len(), 2);
}
