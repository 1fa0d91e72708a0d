//! What a policy may do and what it is called for, in words.

use dayfly_core::policy::{Action, Subscription};
use dayfly_dialog::sanitize;

/// What a policy may do, in words.
pub fn may(actions: impl Iterator<Item = Action>, hold: bool) -> String {
    let mut may: Vec<&str> = actions.map(Action::as_str).collect();
    if hold {
        may.push("hold");
    }
    if may.is_empty() {
        return "nothing".into();
    }
    may.join(", ")
}

/// What a policy is called for, in words.
pub fn wakes_on(subscription: &Subscription) -> String {
    match subscription {
        Subscription::Sessions(filter) => {
            let mut text = "changes of sessions".to_owned();
            let types: Vec<&str> = filter.types.iter().map(|t| t.as_str()).collect();
            let statuses: Vec<&str> = filter.statuses.iter().map(|s| s.as_str()).collect();
            let fields: Vec<&str> = filter.fields.names().collect();
            let labels: Vec<&str> = filter.labels.iter().map(String::as_str).collect();
            for (word, list) in [
                ("of type", types),
                ("that become", statuses),
                ("with label", labels),
                ("in", fields),
            ] {
                if !list.is_empty() {
                    text += &format!(" {word} {}", sanitize(&list.join(", ")));
                }
            }
            text
        }
        Subscription::Files(glob) => format!("files {}", sanitize(glob)),
        Subscription::Schedule(cron) => format!("schedule {}", sanitize(cron)),
        Subscription::Custom(name) => format!("event {}", sanitize(name)),
        Subscription::Branch(glob) => format!("branch of {}", sanitize(glob)),
        Subscription::Engine(moments) => {
            let names: Vec<_> = moments.names().collect();
            format!("engine {}", names.join(", "))
        }
    }
}
