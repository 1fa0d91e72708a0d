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
            // Sleeps between two looks, until the deadline.
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

/// The time, at an offset such as "now" or "+1 minute", as the program writes it.
///
/// # Panics
/// There is no `date`, or it knows no such offset.
#[must_use]
pub fn clock(offset: &str) -> String {
    let mut command = std::process::Command::new("date");
    let output = command.args(["-u", "-d", offset, "+%FT%T.%3NZ"]).output();
    let output = output.expect("date runs");
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("a time is text");
    text.trim().to_owned()
}
