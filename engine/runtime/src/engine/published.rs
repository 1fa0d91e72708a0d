//! What others do to what was published: it is noticed, and put back, but for what somebody takes
//! away again.

use std::collections::BTreeMap;
use std::time::Duration;

use dayfly_chain::{Order, PublicationCheck, PublicationPlace};
use dayfly_core::delivery::{Delivery, Place};
use dayfly_core::input::Order as Command;
use dayfly_core::policy::Action;
use dayfly_core::session::{ErrorKind, Failure, SessionId};
use dayfly_core::state::{Phase, SessionState};
use tokio::time::Instant;

use super::{Answer, EngineLoop};
use crate::chain_worker::{Job, Purpose};

/// What is taken away again so soon after it was put back is taken away on purpose.
const SOON: Duration = Duration::from_secs(600);
/// How often in that time what went with its whole file is put back: tools make files anew.
const PATIENCE: u32 = 3;

/// How often somebody took credentials of a session away from a spot.
#[derive(Debug)]
struct Taken {
    /// With the whole file.
    with_file: u32,
    /// Out of a file that stayed.
    alone: u32,
    last: Instant,
    /// Why they are not put back any more.
    left_alone: Option<Failure>,
}

/// What others took away.
#[derive(Debug, Default)]
pub(super) struct Removals(BTreeMap<SessionId, BTreeMap<PublicationPlace, Taken>>);

impl Removals {
    /// Counts one; whether it is to be put back.
    fn note(&mut self, session: &SessionId, spot: PublicationPlace, gone: bool) -> bool {
        let now = Instant::now();
        let spots = self.0.entry(session.clone()).or_default();
        let taken = spots.entry(spot).or_insert(Taken {
            with_file: 0,
            alone: 0,
            last: now,
            left_alone: None,
        });
        if now.duration_since(taken.last) >= SOON {
            (taken.with_file, taken.alone) = (0, 0);
        }
        taken.last = now;
        let (count, most) = match gone {
            true => (&mut taken.with_file, PATIENCE),
            false => (&mut taken.alone, 1),
        };
        *count = count.saturating_add(1);
        *count <= most
    }

    fn leave_alone(&mut self, session: &SessionId, spot: PublicationPlace, why: Failure) {
        let spots = self.0.get_mut(session);
        if let Some(taken) = spots.and_then(|spots| spots.get_mut(&spot)) {
            taken.left_alone = Some(why);
        }
    }

    /// Nothing is left alone any more.
    pub(super) fn forgive(&mut self, session: &SessionId) {
        self.0.remove(session);
    }

    /// Places where credentials of a session are not put back any more, and why.
    pub(super) fn left_alone(
        &self,
        session: &SessionId,
    ) -> impl Iterator<Item = (Place, &Failure)> {
        let spots = self.0.get(session).into_iter().flatten();
        spots.filter_map(|(spot, taken)| match spot {
            PublicationPlace::At(place) => Some((*place, taken.left_alone.as_ref()?)),
            PublicationPlace::Kept => None,
        })
    }
}

/// Orders that wait until what they are about is put back.
pub(super) type Ensuring = BTreeMap<SessionId, Vec<(Command, Answer)>>;

impl EngineLoop {
    /// Where the credentials of a session are to go, but for where somebody does not want them.
    pub(super) fn wanted_now(&self, session: &SessionId) -> Delivery {
        let mut wanted = self.wanted(session);
        for (place, _) in self.delivery_states.removals.left_alone(session) {
            wanted.remove(&place);
        }
        wanted
    }

    /// Watches the files that credentials of a session are in, or should be in.
    pub(super) fn watch_spots(&mut self, session: &SessionId) {
        if self.watching.is_none() {
            return;
        }
        let standing = self.delivery_states.get(session);
        let in_file = standing.is_some_and(|s| s.in_force.contains(&Place::CredentialsFile));
        let kept = (!in_file).then_some(PublicationPlace::Kept);
        let places = self.wanted(session).into_iter().map(PublicationPlace::At);
        for spot in places.chain(kept).collect::<Vec<_>>() {
            if let Some(problem) = self.chain.watch(spot) {
                self.trouble(&format!("watch of {}", name(spot)), Some((problem, None)));
            }
        }
    }

    /// A file of the chain was written by somebody: takes what is there for what is there.
    pub(super) fn chain_looked(&mut self, spot: PublicationPlace, look: PublicationCheck) {
        if let PublicationPlace::At(place) = spot {
            let problem = look.unread.map(|problem| (problem, None));
            self.trouble(place.as_str(), problem);
        }
        let mut align = false;
        for session in look.lost {
            align |= self.lost(&session, spot, look.gone);
        }
        for session in look.strange {
            align |= self.strange(session, spot);
        }
        // What kept others out may be mended now.
        if align || self.delivery_states.may_retry(spot) {
            self.align();
        }
    }

    /// Credentials are not where they were put; whether they are to be put there again.
    fn lost(&mut self, session: &SessionId, spot: PublicationPlace, gone: bool) -> bool {
        let Some(tracked) = self.state.session(session) else {
            return false;
        };
        // What is on its way out is gone all the same, and what is on its way in comes.
        if !matches!(tracked.phase, Phase::Active(_) | Phase::Rotating(..)) {
            return false;
        }
        let profile = called(tracked);
        if matches!(tracked.phase, Phase::Rotating(..)) {
            // Should that fail, it is put back by the clock.
            self.delivery_states.retry_later();
        }
        let name = tracked.session.name.clone();
        let place = match spot {
            PublicationPlace::Kept => {
                let back = self.delivery_states.removals.note(session, spot, gone);
                return back && self.delivery_states.unkept(session);
            }
            PublicationPlace::At(place) => place,
        };
        let file = self.delivery_states.file(place);
        if !self.delivery_states.lose(session, place) || !self.wanted(session).contains(&place) {
            return false;
        }
        let back = self.delivery_states.removals.note(session, spot, gone);
        let what = format!("{profile} was removed from {file} by somebody else");
        let failure = if back {
            let message = format!("{what}; Dayfly puts it back");
            Failure::new(ErrorKind::Delivery, message)
        } else {
            let message = format!("{what}, again after Dayfly had put it back; it is left so");
            Failure::new(ErrorKind::Delivery, message).with_hint(format!(
                "`dayfly session start {name}` puts it back; `dayfly session edit {name} \
                 --delivery none` has it in no file, and `dayfly exec {name}` goes on working"
            ))
        };
        let about = self.about(session);
        let told = format!("not at {place}: {}", failure.message);
        self.trouble(&about, Some((told, failure.hint.clone())));
        if back {
            self.delivery_states.missing(session, place, failure);
        } else {
            self.delivery_states
                .removals
                .leave_alone(session, spot, failure);
        }
        // Also where it is left alone: the credentials have to stand somewhere.
        true
    }

    /// Something of ours is somewhere that nobody put there: a copy of the file came back.
    fn strange(&mut self, session: SessionId, spot: PublicationPlace) -> bool {
        let PublicationPlace::At(_) = spot else {
            return false;
        };
        let tracked = self.state.session(&session);
        match tracked.map(|tracked| &tracked.phase) {
            Some(Phase::Active(_)) => self.delivery_states.unkept(&session),
            None | Some(Phase::Inactive) => {
                self.tidy(session);
                false
            }
            // It is decided when that has ended.
            Some(_) => false,
        }
    }

    /// Takes away what nobody stands for.
    pub(super) fn tidy(&self, session: SessionId) {
        self.chain.send(Job {
            purpose: Purpose::Tidy(session.clone()),
            order: Order::Retract { session },
        });
    }

    /// Something that nobody stands for was taken away, or could not be.
    pub(super) fn tidied(&mut self, session: &SessionId, result: Result<(), Failure>) {
        let about = format!("what is left of {}", self.name_of(session));
        match result {
            Ok(()) => {
                self.delivery_states.leftovers.remove(session);
                self.trouble(&about, None);
            }
            Err(failure) => self.left_over(session, &failure),
        }
    }

    /// Something that nobody stands for has to be taken away, and is tried again.
    pub(super) fn left_over(&mut self, session: &SessionId, failure: &Failure) {
        let about = format!("what is left of {}", self.name_of(session));
        let message = format!("{}; it is tried again", failure.message);
        self.trouble(&about, Some((message, failure.hint.clone())));
        self.delivery_states.leftovers.insert(session.clone());
        self.delivery_states.retry_later();
    }

    /// Tries again what failed.
    pub(super) fn try_again(&mut self) {
        self.delivery_states.again = None;
        self.delivery_states.wait_longer();
        for session in std::mem::take(&mut self.delivery_states.leftovers) {
            let phase = self.state.session(&session).map(|tracked| &tracked.phase);
            // With a life of its own it is seen to there.
            if matches!(phase, None | Some(Phase::Inactive)) {
                self.tidy(session);
            }
        }
        self.align();
    }

    /// Whether an order to start a session that is active waits until its credentials are put
    /// where they should be, whatever somebody did to them.
    pub(super) fn ensures(&mut self, session: &SessionId, order: &Command) -> bool {
        let starts = matches!(
            order,
            Command::Do {
                action: Action::Start,
                ..
            }
        );
        let active = self
            .state
            .session(session)
            .filter(|tracked| matches!(tracked.phase, Phase::Active(_)) && tracked.present);
        if !starts || active.is_none() || self.halting {
            return false;
        }
        self.delivery_states.removals.forgive(session);
        self.delivery_states.unkept(session);
        self.align();
        self.delivery_states.aligns(session)
    }

    /// Carries out the orders that waited for that.
    pub(super) fn ensured(&mut self, session: &SessionId) {
        if self.delivery_states.aligns(session) {
            return;
        }
        for (order, answer) in self
            .delivery_states
            .ensuring
            .remove(session)
            .unwrap_or_default()
        {
            self.command(session.clone(), order, answer);
        }
    }

    pub(super) fn name_of(&self, session: &SessionId) -> String {
        let tracked = self.state.session(session);
        let name = tracked.map_or(session.as_str(), |t| t.session.name.as_str());
        name.to_owned()
    }
}

/// What stands in a file for a session, for a person.
fn called(tracked: &SessionState) -> String {
    match &tracked.published_profile {
        Some(profile) => format!("profile \"{profile}\""),
        None => "the entry of the session".to_owned(),
    }
}

fn name(spot: PublicationPlace) -> &'static str {
    match spot {
        PublicationPlace::At(place) => place.as_str(),
        PublicationPlace::Kept => crate::chain_worker::KEPT,
    }
}
