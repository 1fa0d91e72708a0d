//! What is asked before the configuration is read, and so before anybody knows what is forbidden.

use std::time::Duration;

use dayfly_core::effect::Reply;
use dayfly_core::input::Order;
use dayfly_core::policy::Action;
use tokio::time::Instant;

use super::engine_loop::EngineLoop;
use crate::message::{Ask, Ordered};

/// How long a stop waits for the configuration, whose components may lie on a disk that hangs. It is
/// the one order that leaves everybody safer.
const STOP_WAITS: Duration = Duration::from_secs(5);

impl EngineLoop {
    /// Keeps what was asked until the configuration is read.
    pub(super) fn keep_early(&mut self, ask: Ask) {
        if stopped(&ask).is_some() {
            self.callers
                .stops_go_at
                .get_or_insert_with(|| Instant::now() + STOP_WAITS);
        }
        self.callers.early.push(ask);
    }

    /// Stops wait no longer.
    pub(super) fn let_stops_go(&mut self) {
        self.callers.stops_go_at = None;
        let sorted = sort(std::mem::take(&mut self.callers.early));
        self.callers.early = sorted.wait;
        for ask in sorted.superseded {
            if let Ask::Order { answer, .. } = ask {
                let (reply, session) = (Reply::Superseded, None);
                let _ = answer.send(Ok(Ordered { reply, session }));
            }
        }
        for ask in sorted.go {
            if let Ask::Order {
                asked,
                order,
                answer,
            } = ask
            {
                self.take_order(asked, order, answer);
            }
        }
    }
}

#[derive(Default)]
struct Sorted {
    /// Stops.
    go: Vec<Ask>,
    /// Earlier orders for the same sessions, which a later stop must not be followed by.
    superseded: Vec<Ask>,
    /// All else.
    wait: Vec<Ask>,
}

fn sort(asks: Vec<Ask>) -> Sorted {
    let mut sorted = Sorted::default();
    for ask in asks {
        let Some(session) = stopped(&ask) else {
            sorted.wait.push(ask);
            continue;
        };
        let earlier = |ask: &mut Ask| matches!(ask, Ask::Order { asked, .. } if asked == session);
        sorted
            .superseded
            .extend(sorted.wait.extract_if(.., earlier));
        sorted.go.push(ask);
    }
    sorted
}

/// The session that is to be stopped, as the person called it.
fn stopped(ask: &Ask) -> Option<&String> {
    match ask {
        Ask::Order {
            asked,
            order:
                Order::Do {
                    action: Action::Stop,
                    ..
                },
            ..
        } => Some(asked),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    fn order(session: &str, action: Action) -> Ask {
        Ask::Order {
            asked: session.to_owned(),
            order: Order::Do {
                action,
                lasting: None,
                override_reason: None,
                reason: None,
            },
            answer: oneshot::channel().0,
        }
    }

    #[test]
    fn only_stops_go_without_the_rules_and_what_they_undo_does_not_follow() {
        let sorted = sort(vec![
            order("a", Action::Start),
            order("b", Action::Start),
            order("a", Action::Stop),
            order("a", Action::Start),
            order("c", Action::Stop),
        ]);
        let of = |asks: &[Ask]| -> Vec<String> {
            let asked = asks.iter().map(|ask| match ask {
                Ask::Order { asked, .. } => asked.clone(),
                _ => String::new(),
            });
            asked.collect()
        };
        assert_eq!(of(&sorted.go), ["a", "c"]);
        assert_eq!(of(&sorted.superseded), ["a"]);
        // What was ordered after the stop still counts.
        assert_eq!(of(&sorted.wait), ["b", "a"]);
        assert!(sorted.go.iter().all(|ask| stopped(ask).is_some()));
    }
}
