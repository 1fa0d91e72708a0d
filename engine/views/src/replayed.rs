//! What came of a replay, for a person.

use dayfly_core::policy::{Actions, PolicyEffect, Reason};
use dayfly_core::time::Timestamp;
use dayfly_dialog::{sanitize, time};
use dayfly_runtime::replay::{Difference, Said, Tally};

/// A line for a difference.
pub fn line(difference: &Difference) -> String {
    let session = difference.name.as_deref();
    let session = session.map(|name| format!(" {}", sanitize(name)));
    format!(
        "{} {}:{}: {} → {}\n",
        time::date_and_clock(difference.at),
        difference.entry,
        session.unwrap_or_default(),
        said(&difference.before),
        said(&difference.now)
    )
}

/// What it came to.
pub fn tally(tally: &Tally) -> String {
    let span = tally.span.map(|(first, last)| {
        format!(
            ", {} to {}",
            time::date_and_clock(first),
            time::date_and_clock(last)
        )
    });
    let evaluations = match tally.evaluations {
        1 => "1 evaluation".to_owned(),
        n => format!("{n} evaluations"),
    };
    let mut text = format!("{evaluations}{}: ", span.unwrap_or_default());
    let mut parts = vec![format!("{} the same", tally.same)];
    if tally.alike > 0 {
        parts.push(format!(
            "{} the same except for reasons, wake-ups, messages or state",
            tally.alike
        ));
    }
    parts.push(match tally.different {
        0 => "none decides differently".to_owned(),
        1 => "1 decides differently".to_owned(),
        n => format!("{n} decide differently"),
    });
    if tally.by_clock > 0 {
        parts.push(format!(
            "{} not compared, because a deadline or the machine ended them",
            tally.by_clock
        ));
    }
    text += &parts.join(", ");
    text.push('\n');
    for (why, count) in &tally.passed_over {
        text += &format!("{count} skipped: {}\n", sanitize(why));
    }
    if tally.unreadable > 0 {
        text += &format!("Dayfly cannot read {} lines\n", tally.unreadable);
    }
    text
}

fn said(said: &Said) -> String {
    match said {
        Said::Fault(fault) => format!("no answer ({})", sanitize(&fault.message)),
        Said::Effects(effects) if effects.is_empty() => "nothing".to_owned(),
        Said::Effects(effects) => {
            let effects: Vec<String> = effects.iter().filter_map(effect).collect();
            if effects.is_empty() {
                "nothing".to_owned()
            } else {
                effects.join(" and ")
            }
        }
    }
}

fn effect(effect: &PolicyEffect) -> Option<String> {
    match effect {
        PolicyEffect::Act(act) => Some(format!(
            "{}{}{}",
            act.action,
            until(act.not_after),
            why(&act.why)
        )),
        PolicyEffect::Hold(hold) => Some(format!(
            "hold {}{}{}",
            actions(hold.actions),
            until(hold.until),
            why(&hold.why)
        )),
        PolicyEffect::Withdraw(_) => Some("take it back".to_owned()),
        PolicyEffect::Wake { .. } | PolicyEffect::CancelWake(_) | PolicyEffect::Notify(_) => None,
    }
}

fn until(moment: Option<Timestamp>) -> String {
    moment.map_or(String::new(), |at| {
        format!(" until {}", time::date_and_clock(at))
    })
}

fn actions(actions: Actions) -> String {
    let names: Vec<&str> = actions.iter().map(|action| action.as_str()).collect();
    names.join(", ")
}

fn why(reason: &Reason) -> String {
    if reason.message.is_empty() {
        return String::new();
    }
    format!(" ({})", sanitize(&reason.message))
}
