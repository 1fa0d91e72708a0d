//! Waiting for something to become true.

use std::fmt::Debug;
use std::time::{Duration, Instant};

/// Asks again and again until there is an answer; the last refusal is the message of the panic.
///
/// # Panics
/// There is none in time.
pub fn within<T, E: Debug>(
    limit: Duration,
    what: &str,
    mut ask: impl FnMut() -> Result<T, E>,
) -> T {
    let give_up = Instant::now() + limit;
    loop {
        match ask() {
            Ok(answer) => return answer,
            Err(why) if Instant::now() >= give_up => {
                panic!("not within {limit:?}: {what}: {why:#?}")
            }
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

/// The same for something that is so or not.
///
/// # Panics
/// It is not so in time.
pub fn until(limit: Duration, what: &str, mut is_so: impl FnMut() -> bool) {
    within(limit, what, || is_so().then_some(()).ok_or("it is not so"));
}
