//! Policy entries as a table.

use dayfly_core::arbitration::{Rank, Tier};
use dayfly_dialog::{Table, sanitize};
use dayfly_runtime::report::{PolicyReport, PolicyState};

/// The entries that are asked, and those that are disabled with their modules.
pub fn table(policies: &[PolicyReport], disabled: &[(String, String)]) -> String {
    let mut table = Table::new([
        "POLICY", "MODULE", "CONTRACT", "STATE", "TIER", "MAY", "NOTE",
    ]);
    for policy in policies {
        let state = match policy.state {
            PolicyState::InForce if policy.shadow => "shadow",
            PolicyState::InForce => "in force",
            PolicyState::Failing => "failing",
            PolicyState::Suspended => "suspended",
        };
        let mut may: Vec<&str> = policy.actions.iter().map(|a| a.as_str()).collect();
        if policy.may_hold {
            may.push("hold");
        }
        let rank = Rank {
            tier: policy.tier,
            priority: policy.priority,
        };
        let fault = policy.fault.as_ref().map(|f| sanitize(&f.message));
        table.row([
            policy.name.clone(),
            sanitize(&policy.source),
            sanitize(&policy.contract),
            state.to_owned(),
            self::rank(rank),
            may.join(", "),
            fault.unwrap_or_else(|| sanitize(&policy.summary)),
        ]);
    }
    for (name, module) in disabled {
        let note = format!("enable it again with `dayfly policy enable {name}`");
        let (module, none) = (sanitize(module), String::new);
        let state = "disabled".to_owned();
        table.row([name.clone(), module, none(), state, none(), none(), note]);
    }
    table.to_string()
}

/// How much an entry counts, in words.
pub fn rank(rank: Rank) -> String {
    let tier = match rank.tier {
        Tier::Personal => "personal",
        Tier::Team => "team",
        Tier::GuardRail => "guard rail",
        Tier::Person | Tier::Override => "person",
    };
    match rank.priority {
        0 => tier.to_owned(),
        priority => format!("{tier} {priority:+}"),
    }
}
