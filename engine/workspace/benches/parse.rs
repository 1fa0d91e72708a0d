//! What reading and writing a Workspace costs, beside serde_json alone.
#![allow(missing_docs)]

#[path = "../tests/sample/mod.rs"]
mod sample;

use std::collections::BTreeMap;
use std::path::Path;

use dayfly_core::input::PersistedStatus;
use dayfly_core::session::{SessionId, Status};
use dayfly_core::time::Timestamp;
use dayfly_workspace::{Workspace, WorkspaceFile, diff, splice};
use divan::Bencher;

const SIZES: [usize; 3] = [100, 1_000, 10_000];

fn main() {
    divan::main();
}

fn parse(text: &str, previous: Option<&Workspace>) -> Workspace {
    Workspace::parse(text, Path::new("workspace.json"), previous).expect("a valid sample")
}

fn one_changed(text: &str, size: usize) -> String {
    let name = format!("account-{} ", size / 2);
    text.replacen(&name, "renamed and longer ", 1)
}

fn active(size: usize) -> BTreeMap<SessionId, PersistedStatus> {
    let state = PersistedStatus {
        status: Status::Active,
        start: Some(Timestamp::from_millis(1_772_357_400_000)),
        expiration: Some(Timestamp::from_millis(1_772_361_000_000)),
    };
    BTreeMap::from([(SessionId::new(&sample::id(size / 2)), state)])
}

#[divan::bench(args = SIZES)]
fn serde_json_value_alone(bencher: Bencher<'_, '_>, size: usize) {
    let text = sample::workspace(size);
    bencher.bench(|| serde_json::from_str::<serde_json::Value>(&text).is_ok());
}

#[divan::bench(args = SIZES)]
fn parse_anew(bencher: Bencher<'_, '_>, size: usize) {
    let text = sample::workspace(size);
    bencher.bench(|| parse(&text, None));
}

#[divan::bench(args = SIZES)]
fn parse_again_with_one_session_changed(bencher: Bencher<'_, '_>, size: usize) {
    let text = sample::workspace(size);
    let old = parse(&text, None);
    let changed = one_changed(&text, size);
    bencher.bench(|| {
        let new = parse(&changed, Some(&old));
        assert_eq!(diff(Some(&old), &new).upserts.len(), 1);
        new
    });
}

#[divan::bench(args = SIZES)]
fn splice_the_state_of_one_session(bencher: Bencher<'_, '_>, size: usize) {
    let workspace = parse(&sample::workspace(size), None);
    let states = active(size);
    bencher.bench(|| splice::project(&workspace, &states).text.expect("a change"));
}

#[divan::bench(args = SIZES)]
fn write_the_state_of_one_session_to_disk(bencher: Bencher<'_, '_>, size: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = WorkspaceFile::at(&folder.path().join("workspace.json"));
    file.create(&sample::workspace(size)).expect("a file");
    file.load().expect("a valid sample");
    let on = active(size);
    let mut off = on.clone();
    off.values_mut()
        .for_each(|state| *state = PersistedStatus::default());
    let mut turn = false;
    bencher.bench_local(|| {
        turn = !turn;
        file.project(if turn { &on } else { &off })
            .expect("written")
    });
}
