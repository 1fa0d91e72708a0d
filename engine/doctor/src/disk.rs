//! Whether there is room for what the engine writes.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use dayfly_runtime::Home;
use rustix::fs::statvfs;

use crate::findings::Findings;

/// Less than this is as good as nothing: a journal and a Workspace have to be written beside the old ones.
const LEAST: u64 = 4 << 20;

/// What a file system without room keeps from being written, a sentence for each.
pub fn without_room(home: &Home) -> Vec<String> {
    let folders = [
        (home.folder(), "the Workspace and the configuration"),
        (home.state(), "the journal and what the engine keeps"),
    ];
    let mut told: Vec<String> = Vec::new();
    let mut seen = Vec::new();
    for (folder, what) in folders {
        // One that is not there yet is made in the next above it.
        let there = folder.ancestors().find(|folder| folder.exists());
        let there = there.unwrap_or(Path::new("/"));
        let (Ok(system), Ok(meta)) = (statvfs(there), there.metadata()) else {
            continue;
        };
        if seen.contains(&meta.dev()) {
            continue;
        }
        let left = system.f_bavail.saturating_mul(system.f_frsize);
        // Some file systems count no files.
        let files = system.f_files == 0 || system.f_favail > 0;
        if left >= LEAST && files {
            continue;
        }
        seen.push(meta.dev());
        let lacks = match files {
            true => format!("only {} KiB are left", left >> 10),
            false => "no more files can be created".to_owned(),
        };
        let place = there.display();
        told.push(format!(
            "{lacks} on the disk of {place}, where Dayfly writes {what}"
        ));
    }
    told
}

/// What to do about it.
pub const MAKE_ROOM: &str = "free some space; published credentials stay in force, and Dayfly \
                             writes its files as soon as it can";

/// Whether there is room for what has to be written.
pub fn room(home: &Home, findings: &mut Findings) {
    let told = without_room(home);
    if told.is_empty() {
        findings.good("disk", "there is enough space");
    }
    for message in told {
        findings.wrong("disk", message, MAKE_ROOM);
    }
}
