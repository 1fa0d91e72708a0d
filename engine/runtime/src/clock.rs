//! The clock on the wall, and waiting for a moment on it.
//!
//! Credentials end by the clock on the wall, so the engine waits by it too: through a sleep of the
//! machine and when somebody sets the clock.

#[cfg(not(target_os = "linux"))]
use std::time::Duration;
use std::time::SystemTime;

use dayfly_core::time::Timestamp;

/// The time.
#[must_use]
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let millis = since.map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX));
    Timestamp::from_millis(millis)
}

/// How far apart the clocks have to come for a sleep or a set clock: more than one that is set to
/// the right time little by little.
const JUMPED: i64 = 1_000;

/// What happened to the clocks between two looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Jump {
    /// How long the machine slept.
    pub(crate) slept_ms: u64,
    /// By how much the clock on the wall was set.
    pub(crate) set_ms: i64,
}

/// Three clocks at a moment, in milliseconds: one that stands still while the machine sleeps, one
/// that does not, and the one on the wall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Clocks {
    awake: i64,
    since_boot: i64,
    wall: i64,
}

impl Clocks {
    #[cfg(target_os = "linux")]
    pub(crate) fn now() -> Self {
        use rustix::time::{ClockId, clock_gettime};
        let millis = |clock| {
            let at = clock_gettime(clock);
            at.tv_sec * 1_000 + at.tv_nsec / 1_000_000
        };
        Self {
            awake: millis(ClockId::Monotonic),
            since_boot: millis(ClockId::Boottime),
            wall: millis(ClockId::Realtime),
        }
    }

    /// This system tells nothing of sleep, so a jump forward is taken for one.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn now() -> Self {
        use std::sync::OnceLock;
        use std::time::Instant;
        static BEGIN: OnceLock<Instant> = OnceLock::new();
        let begin = BEGIN.get_or_init(Instant::now);
        let awake = i64::try_from(begin.elapsed().as_millis()).unwrap_or(i64::MAX);
        let wall = i64::try_from(now().as_millis()).unwrap_or(i64::MAX);
        Self {
            awake,
            since_boot: wall,
            wall,
        }
    }

    /// What happened since the last look.
    pub(crate) fn look(&mut self) -> Option<Jump> {
        let before = std::mem::replace(self, Self::now());
        self.since(before)
    }

    fn since(self, before: Self) -> Option<Jump> {
        let passed = self.since_boot - before.since_boot;
        let slept = passed - (self.awake - before.awake);
        let set = self.wall - before.wall - passed;
        let jump = Jump {
            slept_ms: if slept >= JUMPED {
                slept.unsigned_abs()
            } else {
                0
            },
            set_ms: if set.abs() >= JUMPED { set } else { 0 },
        };
        (jump.slept_ms > 0 || jump.set_ms != 0).then_some(jump)
    }
}

/// Why a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimerEvent {
    /// The moment came.
    Due,
    /// The clock jumped, or the machine slept.
    Jumped,
}

/// Rings at moments of the clock on the wall.
#[cfg(target_os = "linux")]
#[derive(Debug)]
pub(crate) struct WallClockTimer {
    timer: tokio::io::unix::AsyncFd<std::os::fd::OwnedFd>,
    /// What it is set to; none: it has to be set before a wait.
    set: Option<Option<Timestamp>>,
    settime: SetTime,
}

/// Sets the timer. Tests put a system in its place whose clock is set meanwhile.
#[cfg(target_os = "linux")]
type SetTime = fn(&std::os::fd::OwnedFd, &rustix::time::Itimerspec) -> rustix::io::Result<()>;

#[cfg(target_os = "linux")]
fn settime(
    timer: &std::os::fd::OwnedFd,
    spec: &rustix::time::Itimerspec,
) -> rustix::io::Result<()> {
    use rustix::time::{TimerfdTimerFlags, timerfd_settime};
    let flags = TimerfdTimerFlags::ABSTIME | TimerfdTimerFlags::CANCEL_ON_SET;
    timerfd_settime(timer, flags, spec).map(drop)
}

#[cfg(target_os = "linux")]
impl WallClockTimer {
    /// Where the system gives no timer there is an error.
    pub(crate) fn new() -> std::io::Result<Self> {
        Self::with(settime)
    }

    fn with(settime: SetTime) -> std::io::Result<Self> {
        use rustix::time::{TimerfdClockId, TimerfdFlags, timerfd_create};
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Realtime, flags)?;
        #[expect(
            deprecated,
            reason = "its successor is unsafe for types that may change their descriptor; an \
                      `OwnedFd` keeps its one"
        )]
        let timer = tokio::io::unix::AsyncFd::new(timer)?;
        let mut alarm = Self {
            timer,
            set: None,
            settime,
        };
        // The clocks are first looked at later, so that a jump until now is none.
        let _ = alarm.arm(None)?;
        Ok(alarm)
    }

    /// Waits for the moment; without one, for a jump of the clock only. May be dropped and
    /// called again at any time. Nothing wakes up in between.
    pub(crate) async fn until(&mut self, moment: Option<Timestamp>) -> std::io::Result<TimerEvent> {
        if self.set != Some(moment) && self.arm(moment)? == Armed::Jumped {
            return Ok(TimerEvent::Jumped);
        }
        loop {
            let mut ready = self.timer.readable().await?;
            let mut expirations = [0u8; 8];
            match rustix::io::read(self.timer.get_ref(), &mut expirations) {
                Ok(_) => {
                    self.set = None;
                    return Ok(if moment.is_some() {
                        TimerEvent::Due
                    } else {
                        TimerEvent::Jumped
                    });
                }
                Err(rustix::io::Errno::AGAIN) => ready.clear_ready(),
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::CANCELED) => {
                    // It may jump once more; either way it is looked at by how much.
                    let _ = self.arm(moment)?;
                    return Ok(TimerEvent::Jumped);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Sets the timer. A jump of the clock that nobody has read of yet is told by the system's
    /// refusal, with which the timer is set all the same (timerfd_create(2), ECANCELED).
    fn arm(&mut self, moment: Option<Timestamp>) -> std::io::Result<Armed> {
        use rustix::time::{Itimerspec, Timespec};
        // A timer without a moment is set to one that never comes, so that it tells of jumps.
        let never = Timestamp::from_millis(i64::MAX as u64 / 1_000_000);
        let millis = moment.unwrap_or(never).min(never).as_millis().max(1);
        let spec = Itimerspec {
            it_interval: Timespec {
                tv_sec: 0,
                tv_nsec: 0,
            },
            it_value: Timespec {
                tv_sec: i64::try_from(millis / 1_000).unwrap_or(i64::MAX),
                tv_nsec: i64::try_from(millis % 1_000).unwrap_or(0) * 1_000_000,
            },
        };
        let armed = match (self.settime)(self.timer.get_ref(), &spec) {
            Ok(()) => Armed::Set,
            Err(rustix::io::Errno::CANCELED) => Armed::Jumped,
            Err(error) => return Err(error.into()),
        };
        self.set = Some(moment);
        Ok(armed)
    }
}

/// How setting the timer went.
#[cfg(target_os = "linux")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
enum Armed {
    Set,
    /// It is set, and the clock has jumped since the last look.
    Jumped,
}

/// Rings at moments of the clock on the wall. This system tells nothing of sleep or jumps, so the
/// clock is looked at every half minute.
#[cfg(not(target_os = "linux"))]
#[derive(Debug)]
pub(crate) struct Alarm;

#[cfg(not(target_os = "linux"))]
impl WallClockTimer {
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self)
    }

    pub(crate) async fn until(&mut self, moment: Option<Timestamp>) -> std::io::Result<TimerEvent> {
        loop {
            let before = now();
            let wait = moment.map_or(LOOK, |m| m.since(before)).min(LOOK);
            let begun = std::time::Instant::now();
            tokio::time::sleep(wait).await;
            let (wall, real) = (now().since(before), begun.elapsed());
            if wall.abs_diff(real) > JUMP {
                return Ok(TimerEvent::Jumped);
            }
            if moment.is_some_and(|m| m <= now()) {
                return Ok(TimerEvent::Due);
            }
        }
    }
}

/// How often the clock is looked at where the system tells nothing.
#[cfg(not(target_os = "linux"))]
const LOOK: Duration = Duration::from_secs(30);
/// How far the clock may drift in that time.
#[cfg(not(target_os = "linux"))]
const JUMP: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn it_rings_at_the_moment_and_not_before() {
        let mut alarm = WallClockTimer::new().unwrap();
        let moment = now().plus(Duration::from_millis(60));
        assert_eq!(alarm.until(Some(moment)).await.unwrap(), TimerEvent::Due);
        assert!(now() >= moment);
        assert_eq!(alarm.until(Some(moment)).await.unwrap(), TimerEvent::Due);
    }

    #[test]
    fn sleep_and_a_set_clock_are_told_apart() {
        let at = |awake, since_boot, wall| Clocks {
            awake,
            since_boot,
            wall,
        };
        let before = at(1_000, 5_000, 1_000_000);
        let jump = |awake, since_boot, wall| {
            let jump = at(awake, since_boot, wall).since(before);
            jump.map(|jump| (jump.slept_ms, jump.set_ms))
        };
        assert_eq!(jump(61_000, 65_000, 1_060_000), None);
        assert_eq!(jump(61_000, 65_000, 1_060_400), None);
        assert_eq!(jump(2_000, 3_605_000, 4_600_000), Some((3_599_000, 0)));
        assert_eq!(
            jump(2_000, 6_000, 1_001_000 - 3_600_000),
            Some((0, -3_600_000))
        );
        assert_eq!(
            jump(2_000, 6_000, 1_001_000 + 7_200_000),
            Some((0, 7_200_000))
        );
        assert_eq!(jump(2_000, 65_000, 2_060_000), Some((59_000, 1_000_000)));
    }

    #[test]
    fn clocks_that_go_on_evenly_tell_nothing() {
        let mut clocks = Clocks::now();
        assert_eq!(clocks.look(), None);
        assert_eq!(clocks.look(), None);
    }

    /// A system whose clock was set before the first timers were, as often as this says.
    #[cfg(target_os = "linux")]
    fn set_meanwhile(
        timer: &std::os::fd::OwnedFd,
        spec: &rustix::time::Itimerspec,
    ) -> rustix::io::Result<()> {
        settime(timer, spec)?;
        let left = JUMPS.get();
        JUMPS.set(left.saturating_sub(1));
        match left {
            0 => Ok(()),
            _ => Err(rustix::io::Errno::CANCELED),
        }
    }

    thread_local! {
        static JUMPS: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_jump_that_setting_the_timer_tells_of_is_a_jump_and_the_timer_is_set() {
        JUMPS.set(1);
        let mut alarm =
            WallClockTimer::with(set_meanwhile).expect("a jump before the first wait is none");
        let moment = now().plus(Duration::from_millis(40));
        JUMPS.set(1);
        assert_eq!(alarm.until(Some(moment)).await.unwrap(), TimerEvent::Jumped);
        assert_eq!(alarm.until(Some(moment)).await.unwrap(), TimerEvent::Due);
        assert!(now() >= moment);
        JUMPS.set(3);
        for _ in 0..3 {
            let later = now().plus(Duration::from_secs(60 + u64::from(JUMPS.get())));
            assert_eq!(alarm.until(Some(later)).await.unwrap(), TimerEvent::Jumped);
        }
        let soon = now().plus(Duration::from_millis(5));
        assert_eq!(alarm.until(Some(soon)).await.unwrap(), TimerEvent::Due);
    }

    #[tokio::test]
    async fn a_dropped_wait_can_be_begun_anew() {
        let mut alarm = WallClockTimer::new().unwrap();
        let moment = now().plus(Duration::from_secs(60));
        let soon = Duration::from_millis(20);
        assert!(
            tokio::time::timeout(soon, alarm.until(Some(moment)))
                .await
                .is_err()
        );
        assert!(tokio::time::timeout(soon, alarm.until(None)).await.is_err());
        let sooner = now().plus(Duration::from_millis(5));
        assert_eq!(alarm.until(Some(sooner)).await.unwrap(), TimerEvent::Due);
        assert!(now() < moment);
    }
}
