//! A small file system of its own, to be filled and to be made read-only.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file system in memory, mounted on a folder of its own; gone when dropped.
#[derive(Debug)]
pub struct Disk {
    folder: tempfile::TempDir,
}

impl Disk {
    /// One of so many megabytes; none, and a word why, where this user may not mount one.
    ///
    /// # Panics
    /// All suites are to run, and it cannot be mounted.
    #[must_use]
    pub fn mount(megabytes: u32) -> Option<Self> {
        let folder = tempfile::Builder::new().prefix("dayfly-disk-").tempdir();
        let this = Self {
            folder: folder.expect("a folder"),
        };
        let size = format!("size={megabytes}m,mode=0700");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(this.path())
            .output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(this);
        }
        assert!(
            std::env::var_os("DAYFLY_TEST_ALL").is_none(),
            "a file system cannot be mounted"
        );
        #[expect(clippy::print_stderr, reason = "so that nobody takes it for a pass")]
        {
            eprintln!("not run: a file system can only be mounted by root");
        }
        None
    }

    /// Where it is mounted.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    fn filler(&self) -> PathBuf {
        self.path().join("filler")
    }

    /// Leaves no room, not even for a line.
    ///
    /// # Panics
    /// It does not become full.
    pub fn fill(&self) {
        let mut file = File::create(self.filler()).expect("a file is created");
        for size in [1 << 16, 1 << 12, 1] {
            let block = vec![0; size];
            while file.write_all(&block).is_ok() {}
        }
    }

    /// Makes room again.
    ///
    /// # Panics
    /// It was not full.
    pub fn free(&self) {
        std::fs::remove_file(self.filler()).expect("the filler is removed");
    }

    /// Whether files on it may be changed.
    ///
    /// # Panics
    /// It cannot be mounted anew.
    pub fn set_writable(&self, writable: bool) {
        let options = if writable { "remount,rw" } else { "remount,ro" };
        let done = Command::new("mount")
            .args(["-o", options])
            .arg(self.path())
            .status();
        assert!(done.is_ok_and(|status| status.success()), "{options}");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Also where something still has a file of it open.
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}
