//! How long from the save of a Workspace to the decision that came of it, in the whole engine:
//! file notice, read, parse, diff, core, sandboxed evaluation, arbitration.
//!
//! 20 policy entries; each edit labels one session, so that one entry wants it started. Beside it,
//! in the same run: reading and parsing the same text with `serde_json` alone, which no
//! implementation on a JSON file can go below, and `Workspace::parse`.
//!
//! `cargo bench -p dayfly-runtime --bench edit_to_decision`

#![expect(clippy::print_stdout, reason = "this is what a benchmark is for")]

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dayfly_chain::{Chain, CredentialsFile, EncryptedStore};
use dayfly_core::effect::JournalEvent;
use dayfly_core::session::SessionId;
use dayfly_providers::LongLivedKeys;
use dayfly_runtime::{Engine, Home, Options, Policies};
use dayfly_vault::{AccessKey, Vault, VaultError};
use dayfly_workspace::Workspace;

const ENTRIES: usize = 20;
const EDITS: usize = 100;

struct NoKeys;

impl LongLivedKeys for NoKeys {
    fn access_key(&self, _: &SessionId) -> Result<Option<AccessKey>, VaultError> {
        Ok(None)
    }
}

/// `sessions` sessions, of which the first `labelled` have a label.
fn text(sessions: usize, labelled: usize) -> String {
    let mut text = String::from("{\n  \"sessions\": [\n");
    for n in 0..sessions {
        let comma = if n + 1 == sessions { "" } else { "," };
        let label = if n < labelled {
            format!(", \"labels\": {{ \"l{}\": \"\" }}", n % ENTRIES)
        } else {
            String::new()
        };
        writeln!(
            text,
            "    {{ \"sessionId\": \"id-{n:06}\", \"sessionName\": \"session {n}\", \"type\": \
             \"localstack\", \"region\": \"eu-west-1\", \"profileName\": \"profile-{n}\", \
             \"note\": \"whatever else stands there\"{label} }}{comma}"
        )
        .expect("a string takes everything");
    }
    text + "  ]\n}\n"
}

fn save(path: &Path, text: &str) {
    let part = path.with_extension("part");
    std::fs::write(&part, text).expect("written");
    std::fs::rename(part, path).expect("renamed");
}

async fn measure(sessions: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let home = Home::in_one(folder.path().to_owned());
    save(&home.workspace(), &text(sessions, 0));
    let mut config = String::from("[aws]\ncredentials-file = \"credentials\"\n");
    for n in 0..ENTRIES {
        writeln!(
            config,
            "[[policy]]\nname = \"keep{n}\"\nmodule = \"builtin:keep-active\"\n\
             config = {{ match = {{ labels = [\"l{n}\"] }} }}"
        )
        .expect("a string takes everything");
    }
    save(&home.config(), &config);
    let mut engine = Engine::start(Options {
        home: home.clone(),
        chain: Chain::new(
            vec![Box::new(CredentialsFile::new(folder.path().join("unused")))],
            EncryptedStore::new(Vault::new(
                folder.path().join("k"),
                folder.path().join("key"),
            )),
        ),
        keys: Arc::new(NoKeys),
        azure_secrets: Arc::new(dayfly_providers::azure::NoAzureSecrets),
        witness: None,
        policies: Policies::All,
        compiler: dayfly_policy::Compiler::InProcess,
        watching: true,
        patience: Duration::ZERO,
    })
    .await
    .expect("the engine starts");
    let handle = engine.handle().clone();
    handle.quiet().await.expect("it runs");
    drop(engine.listen());

    let mut whole = Vec::new();
    for edit in 1..=EDITS {
        let edited = text(sessions, edit);
        let wanted = SessionId::new(&format!("id-{:06}", edit - 1));
        let mut notes = handle.notes();
        let begun = Instant::now();
        save(&home.workspace(), &edited);
        loop {
            let note = notes.recv().await.expect("every note is heard");
            if matches!(&note.what, JournalEvent::Decided { session, .. } if *session == wanted) {
                break;
            }
        }
        whole.push(begun.elapsed());
        drop(notes);
        // Its credentials are published and the state is written before the next edit.
        handle.quiet().await.expect("it runs");
    }
    handle.halt().await;
    drop(handle);
    engine.ended().await.expect("it ends well");

    let path = home.workspace();
    let last = text(sessions, EDITS);
    let before = Workspace::parse(&text(sessions, EDITS - 1), &path, None).expect("it is good");
    let bare = times(|| {
        let read = std::fs::read_to_string(&path).expect("read");
        let value: serde_json::Value = serde_json::from_str(&read).expect("JSON");
        std::hint::black_box(value);
    });
    let parse = times(|| {
        let parsed = Workspace::parse(&last, &path, Some(&before)).expect("it is good");
        std::hint::black_box(parsed);
    });
    println!(
        "{sessions:>6} sessions  edit to decision: median {:>8.2?}  p99 {:>8.2?}   \
         serde_json alone: {:>8.2?}   Workspace::parse: {:>8.2?}   ratio to serde_json: {:.1}",
        at(&mut whole, 50),
        at(&mut whole, 99),
        bare,
        parse,
        at(&mut whole, 50).as_secs_f64() / bare.as_secs_f64()
    );
}

fn times(mut work: impl FnMut()) -> Duration {
    let mut times: Vec<Duration> = (0..30)
        .map(|_| {
            let begun = Instant::now();
            work();
            begun.elapsed()
        })
        .collect();
    at(&mut times, 50)
}

fn at(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    times[(times.len() - 1) * percent / 100]
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    for sessions in [100, 1_000, 10_000] {
        runtime.block_on(measure(sessions));
    }
}
