//! A proxy before a real IAM and STS: it makes keys look older than they are, and withholds what a test says.
//! The test knows by that at which step the program is, and can kill it there.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// Where the program is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Withheld {
    /// The call does not reach the service.
    Call,
    /// The service has done it, and its answer does not come back.
    Answer,
}

#[derive(Default)]
struct Shared {
    /// Ids of keys that look a year old.
    old: BTreeSet<String>,
    /// What is withheld: the call, how many of it pass before, and what of it.
    withhold: Option<(String, usize, Withheld)>,
    withheld: bool,
    /// What the program called, in order.
    calls: Vec<String>,
}

/// The proxy, for as long as this lives.
pub(crate) struct Proxy {
    port: u16,
    shared: Arc<(Mutex<Shared>, Condvar)>,
}

impl Proxy {
    /// Before the service at this address.
    pub(crate) fn start(endpoint: &str) -> Self {
        let to = endpoint.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").expect("the proxy of the test works");
        let port = listener
            .local_addr()
            .expect("the proxy of the test works")
            .port();
        let shared = Arc::new((Mutex::new(Shared::default()), Condvar::new()));
        let own = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (own, to) = (Arc::clone(&own), to.clone());
                std::thread::spawn(move || pass(client, &to, &own));
            }
        });
        Self { port, shared }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// This key was made a year ago, as far as the program hears.
    pub(crate) fn age(&self, id: &str) {
        self.shared
            .0
            .lock()
            .expect("the proxy of the test works")
            .old
            .insert(id.to_owned());
    }

    /// The next call of this name, after so many that pass, is withheld; so is all that comes after it.
    pub(crate) fn withhold(&self, action: &str, after: usize, what: Withheld) {
        let mut shared = self.shared.0.lock().expect("the proxy of the test works");
        shared.withhold = Some((action.to_owned(), after, what));
        shared.withheld = false;
    }

    /// Waits until that has happened.
    pub(crate) fn wait(&self) {
        let (shared, changed) = &*self.shared;
        let give_up = Instant::now() + Duration::from_secs(90);
        let mut shared = shared.lock().expect("the proxy of the test works");
        while !shared.withheld {
            let left = give_up.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero(),
                "not withheld; called were {:?}",
                shared.calls
            );
            shared = changed
                .wait_timeout(shared, left)
                .expect("the proxy of the test works")
                .0;
        }
    }

    /// Lets everything pass again.
    pub(crate) fn let_pass(&self) {
        let mut shared = self.shared.0.lock().expect("the proxy of the test works");
        shared.withhold = None;
        shared.withheld = false;
        shared.calls.clear();
    }

    /// How often this was called.
    pub(crate) fn count(&self, action: &str) -> usize {
        let shared = self.shared.0.lock().expect("the proxy of the test works");
        shared.calls.iter().filter(|call| *call == action).count()
    }
}

/// Passes one request on, and its answer.
fn pass(mut client: TcpStream, to: &str, state: &(Mutex<Shared>, Condvar)) {
    let Some(request) = message(&mut client) else {
        return;
    };
    let text = String::from_utf8_lossy(&request).into_owned();
    let action = text.split("Action=").nth(1).unwrap_or_default();
    let action = action.split('&').next().unwrap_or_default().to_owned();
    let withheld = withheld(state, &action);
    if withheld == Some(Withheld::Call) {
        return told(client, state);
    }
    let mut server = TcpStream::connect(to).expect("the proxy of the test works");
    // The service is to end the connection with its answer.
    let (first, rest) = text
        .split_once("\r\n")
        .expect("the proxy of the test works");
    let asked = format!("{first}\r\nConnection: close\r\n{rest}");
    server
        .write_all(asked.as_bytes())
        .expect("the proxy of the test works");
    let mut answer = Vec::new();
    let _ = server.read_to_end(&mut answer);
    if withheld == Some(Withheld::Answer) {
        return told(client, state);
    }
    let answer = aged(
        &String::from_utf8_lossy(&answer),
        &state.0.lock().expect("the proxy of the test works").old,
    );
    let _ = client.write_all(answer.as_bytes());
}

/// Whether this call is withheld.
fn withheld(state: &(Mutex<Shared>, Condvar), action: &str) -> Option<Withheld> {
    let mut shared = state.0.lock().expect("the proxy of the test works");
    shared.calls.push(action.to_owned());
    if shared.withheld {
        return Some(Withheld::Call);
    }
    let (wanted, after, what) = shared.withhold.as_mut()?;
    if wanted != action {
        return None;
    }
    match after.checked_sub(1) {
        Some(less) => {
            *after = less;
            None
        }
        None => Some(*what),
    }
}

/// Says that the call was withheld, and keeps the caller waiting until it gives up or is killed.
fn told(mut client: TcpStream, state: &(Mutex<Shared>, Condvar)) {
    state
        .0
        .lock()
        .expect("the proxy of the test works")
        .withheld = true;
    state.1.notify_all();
    let _ = client.read(&mut [0; 1]);
}

/// A request with its content.
fn message(client: &mut TcpStream) -> Option<Vec<u8>> {
    let mut read = Vec::new();
    let mut buffer = [0; 16 << 10];
    loop {
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&read[..end]).to_ascii_lowercase();
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length:"));
            let length: usize = length.map_or(0, |length| {
                length.trim().parse().expect("the proxy of the test works")
            });
            if read.len() >= end + 4 + length {
                return Some(read);
            }
        }
        match client.read(&mut buffer) {
            Ok(count @ 1..) => read.extend_from_slice(&buffer[..count]),
            _ => return None,
        }
    }
}

/// The answer with the year of old keys changed; it is as long as before.
fn aged(answer: &str, old: &BTreeSet<String>) -> String {
    const DATE: &str = "<CreateDate>20";
    let members = answer.split("<member>");
    let members: Vec<String> = members
        .map(
            |member| match old.iter().any(|id| member.contains(id.as_str())) {
                true => match member.split_once(DATE) {
                    Some((before, after)) => format!("{before}{DATE}20{}", &after[2..]),
                    None => member.to_owned(),
                },
                false => member.to_owned(),
            },
        )
        .collect();
    members.join("<member>")
}
