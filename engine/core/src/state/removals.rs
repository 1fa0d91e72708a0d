//! What other programs take away of a session's credentials: it is put back, unless they take it away
//! again soon.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::delivery::Place;
use crate::model::failure::Failure;
use crate::model::placement::PublicationPlace;
use crate::model::time::Timestamp;

/// What is taken away again so soon after it was put back is taken away on purpose.
const SOON: Duration = Duration::from_secs(600);
/// How often in that time what went with its whole file is put back: tools make files anew.
const WITH_FILE_MAX: u32 = 3;
/// How often in that time what was taken out of a file that stayed is put back.
const ALONE_MAX: u32 = 1;

/// How often somebody took the credentials away from one place.
#[derive(Clone, Debug)]
struct Removal {
    with_file: u32,
    alone: u32,
    last: Timestamp,
    /// Why they are not put back any more.
    left_alone: Option<Failure>,
}

/// What others took away of one session.
#[derive(Clone, Debug, Default)]
pub(crate) struct Removals(BTreeMap<PublicationPlace, Removal>);

impl Removals {
    /// Counts one; whether it is to be put back.
    pub(crate) fn note(
        &mut self,
        place: PublicationPlace,
        file_is_gone: bool,
        now: Timestamp,
    ) -> bool {
        let removal = self.0.entry(place).or_insert(Removal {
            with_file: 0,
            alone: 0,
            last: now,
            left_alone: None,
        });
        if now.since(removal.last) >= SOON {
            (removal.with_file, removal.alone) = (0, 0);
        }
        removal.last = now;
        let (count, most) = match file_is_gone {
            true => (&mut removal.with_file, WITH_FILE_MAX),
            false => (&mut removal.alone, ALONE_MAX),
        };
        *count = count.saturating_add(1);
        *count <= most
    }

    /// The credentials are not put back at this place any more.
    pub(crate) fn leave_alone(&mut self, place: PublicationPlace, why: Failure) {
        if let Some(removal) = self.0.get_mut(&place) {
            removal.left_alone = Some(why);
        }
    }

    /// Nothing is left alone any more, and nothing counts.
    pub(crate) fn forgive(&mut self) {
        self.0.clear();
    }

    /// Places where the credentials are not put back any more, and why.
    pub(crate) fn left_alone(&self) -> impl Iterator<Item = (Place, &Failure)> {
        self.0.iter().filter_map(|(place, removal)| match place {
            PublicationPlace::At(place) => Some((*place, removal.left_alone.as_ref()?)),
            PublicationPlace::Kept => None,
        })
    }

    /// The clock was set.
    pub(crate) fn shift(&mut self, to: impl Fn(Timestamp) -> Timestamp) {
        for removal in self.0.values_mut() {
            removal.last = to(removal.last);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::failure::ErrorKind;

    const FILE: PublicationPlace = PublicationPlace::At(Place::CredentialsFile);
    const BEGIN: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    #[test]
    fn what_is_removed_alone_is_put_back_once_and_after_a_while_once_more() {
        let mut removals = Removals::default();
        let later = |seconds| BEGIN.plus(Duration::from_secs(seconds));
        assert!(removals.note(FILE, false, BEGIN));
        assert!(!removals.note(FILE, false, later(599)));
        // The time counts from the last one.
        assert!(!removals.note(FILE, false, later(1_198)));
        assert!(removals.note(FILE, false, later(1_798)));
        // Other places count for themselves.
        assert!(removals.note(PublicationPlace::Kept, false, later(1_798)));
    }

    #[test]
    fn a_file_that_goes_as_a_whole_is_made_anew_three_times() {
        let mut removals = Removals::default();
        let put_back = [BEGIN; 4].map(|now| removals.note(FILE, true, now));
        assert_eq!(put_back, [true, true, true, false]);
        assert!(removals.note(FILE, false, BEGIN), "counts for itself");
    }

    #[test]
    fn what_is_left_alone_is_told_until_it_is_forgiven() {
        let mut removals = Removals::default();
        let why = Failure::new(ErrorKind::Delivery, "taken twice");
        // Nobody took anything there.
        removals.leave_alone(FILE, why.clone());
        assert_eq!(removals.left_alone().count(), 0);
        removals.note(FILE, false, BEGIN);
        removals.note(FILE, false, BEGIN);
        removals.leave_alone(FILE, why.clone());
        let left: Vec<_> = removals.left_alone().collect();
        assert_eq!(left, [(Place::CredentialsFile, &why)]);
        removals.forgive();
        assert_eq!(removals.left_alone().count(), 0);
        assert!(removals.note(FILE, false, BEGIN));
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_make_the_time_longer() {
        let mut removals = Removals::default();
        removals.note(FILE, false, BEGIN);
        let back = |at: Timestamp| at.minus(Duration::from_secs(3_600));
        removals.shift(back);
        let now = back(BEGIN.plus(SOON));
        assert!(removals.note(FILE, false, now));
    }
}
