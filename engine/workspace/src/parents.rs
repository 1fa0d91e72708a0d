//! Sessions whose credentials come from another session: parents that are missing, go round in a
//! circle, or cannot be started themselves.

use std::collections::{HashMap, HashSet};

use dayfly_core::role_lifetime::{CHAINED_SECONDS_MAX, assumed_with};
use dayfly_core::session::{SessionId, SessionType};

use crate::check;
use crate::fault::{Fault, Hints};
use crate::login;
use crate::read::Draft;
use crate::region::partition;
use crate::versions_in_force::Open;
use crate::workspace::Element;

/// Which session is the parent of which.
pub(crate) struct Family<'a> {
    open: &'a [Open],
    hints: &'a Hints,
    /// Sessions that are in the file, but not in force.
    left_out: HashSet<&'a SessionId>,
    /// The place of each session's parent.
    parents: Vec<Option<usize>>,
    /// For each session, whether its chain of parents leads back to it.
    in_cycle: Vec<bool>,
    default_region: Option<&'a str>,
}

impl<'a> Family<'a> {
    pub(crate) fn new(
        open: &'a [Open],
        by_id: &HashMap<SessionId, usize>,
        elements: &'a [Element],
        all_in_force: bool,
        hints: &'a Hints,
        default_region: Option<&'a str>,
    ) -> Self {
        let parent = |o: &Open| by_id.get(o.draft.session.parent()?).copied();
        let ids = elements.iter().filter_map(|e| e.id.as_ref());
        let mut family = Self {
            open,
            hints,
            left_out: if all_in_force {
                HashSet::new()
            } else {
                ids.filter(|id| !by_id.contains_key(*id)).collect()
            },
            parents: open.iter().map(parent).collect(),
            in_cycle: vec![false; open.len()],
            default_region,
        };
        family.find_cycles();
        family
    }

    fn parent(&self, place: usize) -> Option<usize> {
        self.parents.get(place).copied().flatten()
    }

    /// Each session has one parent at most, so a walk from each that stops where an earlier walk
    /// has been finds all cycles in one pass.
    fn find_cycles(&mut self) {
        let mut walk_of = vec![usize::MAX; self.open.len()];
        for start in 0..self.open.len() {
            let mut next = Some(start);
            while let Some(place) = next.filter(|p| walk_of[*p] == usize::MAX) {
                walk_of[place] = start;
                next = self.parent(place);
            }
            // The walk ended on its own track: from there on it goes round.
            let mut round = next.filter(|p| walk_of[*p] == start);
            while let Some(place) = round.filter(|p| !self.in_cycle[*p]) {
                self.in_cycle[place] = true;
                round = self.parent(place);
            }
        }
    }

    pub(crate) fn fault(
        &self,
        place: usize,
        profiles: &[Result<Option<&str>, Fault>],
    ) -> Option<Fault> {
        let draft = &self.open[place].draft;
        let wanted = draft.session.parent()?;
        let at = |message: String| Fault::at(draft.parent_offset, message);
        let Some(parent) = self.parent(place) else {
            return Some(self.missing(wanted, draft));
        };
        let parent_session = &self.open[parent].draft.session;
        if parent == place {
            let message = "the session is its own parent".to_owned();
            return Some(at(message));
        }
        if self.in_cycle[place] {
            let message = format!("its chain of parents is a cycle: {}", self.circle(place));
            return Some(at(message).hint(Some("give one of them another parent".to_owned())));
        }
        if parent_session.session_type() == SessionType::Azure {
            let message = format!(
                "its parent \"{}\" is of type `azure`, which has no AWS credentials",
                parent_session.name
            );
            return Some(at(message));
        }
        if let Some((own, of_parent)) = self.partitions(place, parent) {
            let message = format!(
                "its role is in the partition {own}, but its parent \"{}\" in {of_parent}, whose \
                 credentials are not valid there",
                parent_session.name
            );
            let hint = "give it a parent of the same partition".to_owned();
            return Some(at(message).hint(Some(hint)));
        }
        if let Err(seconds) = assumed_with(&draft.session, parent_session.session_type()) {
            let message = format!(
                "`durationSeconds` is {seconds}, but its parent \"{}\" has temporary credentials: AWS \
                 allows at most {CHAINED_SECONDS_MAX} for a role that is assumed with them",
                parent_session.name
            );
            let hint = "omit it, or give the session an IAM user as its parent";
            return Some(at(message).hint(Some(hint.to_owned())));
        }
        match (&profiles[place], &profiles[parent]) {
            (Ok(Some(own)), Ok(Some(of_parent))) if own == of_parent => {
                let message = format!(
                    "it has the same named profile \"{own}\" as its parent \"{}\", and only one \
                     session can be active under a named profile",
                    parent_session.name
                );
                Some(at(message).hint(Some("give one of them another named profile".to_owned())))
            }
            _ => None,
        }
    }

    /// The partitions of a session and its parent, where both are known and not the same.
    fn partitions(&self, place: usize, parent: usize) -> Option<(&str, &str)> {
        let own = check::arn_partition(self.open[place].draft.session.role_arn()?)?;
        let session = &self.open[parent].draft.session;
        if session.session_type() == SessionType::Localstack {
            return None;
        }
        let region = session.region.as_deref().or(self.default_region);
        let arn = login::arn(session).map(|(_, arn)| arn);
        let arn = arn.or_else(|| session.mfa_device());
        let of_parent = arn
            .and_then(check::arn_partition)
            .or_else(|| partition(region?))?;
        (own != of_parent).then_some((own, of_parent))
    }

    /// For each session the nearest ancestor that cannot be started, where there is one.
    pub(crate) fn broken_ancestors(&self, faults: &[Vec<Fault>]) -> Vec<Option<usize>> {
        let mut known: Vec<Option<Option<usize>>> = vec![None; self.open.len()];
        let mut trail = Vec::new();
        for start in 0..self.open.len() {
            let mut place = start;
            // Ends: each circle is broken, and a broken parent ends the walk.
            let found = loop {
                if let Some(found) = known[place] {
                    break found;
                }
                trail.push(place);
                match self.parent(place) {
                    None => break None,
                    Some(parent) if !faults[parent].is_empty() => {
                        known[place] = Some(Some(parent));
                        break Some(parent);
                    }
                    Some(parent) => place = parent,
                }
            };
            for place in trail.drain(..) {
                known[place].get_or_insert(found);
            }
        }
        known.into_iter().map(Option::flatten).collect()
    }

    /// What a fault of an ancestor means for a session.
    pub(crate) fn inherited(&self, place: usize, ancestor: usize, fault: &Fault) -> Fault {
        let named = &self.open[ancestor].draft.session.name;
        let who = match self.parent(place) == Some(ancestor) {
            true => "parent",
            false => "ancestor",
        };
        let message = format!(
            "Dayfly cannot start its {who} \"{named}\": {}",
            fault.message
        );
        Fault::at(self.open[place].draft.parent_offset, message).hint(fault.hint.clone())
    }

    fn missing(&self, wanted: &SessionId, draft: &Draft) -> Fault {
        if self.left_out.contains(wanted) {
            let message = format!("its parent session \"{wanted}\" has an error");
            return Fault::at(draft.parent_offset, message);
        }
        let message = format!("its parent session \"{wanted}\" is not in the Workspace");
        let sessions = || self.open.iter().map(|o| &o.draft.session);
        let mut hint = None;
        if self.hints.spend() {
            hint = match sessions().find(|s| s.name == wanted.as_str()) {
                Some(named) => Some(format!(
                    "that is the name of a session: write its id, \"{}\"",
                    named.id
                )),
                None => check::did_you_mean(wanted.as_str(), sessions().map(|s| s.id.as_str())),
            };
        }
        Fault::at(draft.parent_offset, message).hint(hint)
    }

    /// The names along a circle, at most a few.
    fn circle(&self, start: usize) -> String {
        const SHOWN: usize = 5;
        let mut names = vec![self.open[start].draft.session.name.as_str()];
        let mut next = self.parent(start);
        while let Some(place) = next.filter(|p| *p != start) {
            if names.len() == SHOWN {
                names.push("…");
                break;
            }
            names.push(&self.open[place].draft.session.name);
            next = self.parent(place);
        }
        names.push(&self.open[start].draft.session.name);
        names.join(" → ")
    }
}
