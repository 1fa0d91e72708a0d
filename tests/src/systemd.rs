//! A real service manager of one person: systemd, in a mount namespace of its own, as the machine need not have been
//! started by systemd.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::home::{Ended, program};
use crate::wait;

/// Runs systemd where it touches nothing of the machine. It looks into `/run` for whether the machine was started by it;
/// and it takes over all processes of the control groups that it finds, so it gets a group of its own as their root.
/// Whoever is not root can give it none, and it can take over nothing.
const ISOLATED: &str = r#"
set -e
inside='mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/system && exec "$0" --user --unit=basic.target'
if [ "$(id -u)" != 0 ]; then
    exec unshare --map-root-user --mount --fork --kill-child sh -c "$inside" "$0"
fi
tree=$(findmnt --noheadings --types cgroup2 --output TARGET | head -n 1)
[ -n "$tree" ] || { echo "this machine has no control groups of version 2" >&2; exit 1; }
mkdir "$tree/dayfly-test-$$"
echo $$ > "$tree/dayfly-test-$$/cgroup.procs"
exec unshare --cgroup --mount --fork --kill-child sh -c "mount -t cgroup2 cgroup2 /sys/fs/cgroup && $inside" "$0"
"#;

/// systemd for one person whose home is thrown away; gone when dropped, with all that it started.
#[derive(Debug)]
pub struct Systemd {
    folder: tempfile::TempDir,
    child: Child,
}

impl Systemd {
    /// Starts the program that `DAYFLY_TEST_SYSTEMD` names; none where it is not set.
    ///
    /// # Panics
    /// It does not start.
    #[must_use]
    pub fn start() -> Option<Self> {
        let Some(systemd) = std::env::var_os("DAYFLY_TEST_SYSTEMD") else {
            assert!(
                std::env::var_os("DAYFLY_TEST_ALL").is_none(),
                "the variables that tests/tools prints are not set"
            );
            #[expect(clippy::print_stderr, reason = "so that nobody takes it for a pass")]
            {
                eprintln!("not run: needs the variables that tests/tools prints");
            }
            return None;
        };
        let folder = tempfile::Builder::new().prefix("dayfly-test-").tempdir();
        let folder = folder.expect("a folder");
        for name in ["runtime", "home"] {
            use std::os::unix::fs::DirBuilderExt as _;
            let mut builder = std::fs::DirBuilder::new();
            let made = builder.mode(0o700).create(folder.path().join(name));
            made.expect("a folder");
        }
        let mut command = Command::new("sh");
        command.args(["-c", ISOLATED]).arg(systemd);
        command.env_clear().envs(environment(folder.path()));
        command.env("SYSTEMD_LOG_TARGET", "console");
        let log = std::fs::File::create(folder.path().join("log")).expect("a file");
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let child = command.stderr(log).spawn().expect("unshare runs");
        let this = Self { folder, child };
        wait::within(Duration::from_secs(60), "systemd answers", || {
            let ended = this.run("systemctl", &["--user", "show", "--property=Version"]);
            match ended.code {
                0 => Ok(()),
                _ => Err(format!("{}{}", ended.err, this.log())),
            }
        });
        Some(this)
    }

    /// What it says.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// The home of the person.
    #[must_use]
    pub fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// The units that this person installed.
    #[must_use]
    pub fn units(&self) -> PathBuf {
        self.home().join(".config/systemd/user")
    }

    /// A program of the person.
    #[must_use]
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(args).stdin(Stdio::null());
        command
            .env_clear()
            .envs(environment(self.folder.path()))
            .current_dir(self.home());
        command
    }

    /// The same, run.
    ///
    /// # Panics
    /// It does not run.
    pub fn run(&self, program: impl AsRef<std::ffi::OsStr>, args: &[&str]) -> Ended {
        Ended::of(self.command(program, args).output().expect("it runs"))
    }

    /// Dayfly, as the person has it.
    ///
    /// # Panics
    /// It does not run.
    pub fn dayfly(&self, args: &[&str]) -> Ended {
        self.run(self.program(), args)
    }

    /// The program of the person: a copy, which a test may replace.
    ///
    /// # Panics
    /// There is no room.
    #[must_use]
    pub fn program(&self) -> PathBuf {
        let own = self.home().join("bin/dayfly");
        if !own.exists() {
            self.replace_program();
        }
        own
    }

    /// Installs the program anew in the place of the one that is there, as a package manager does.
    ///
    /// # Panics
    /// There is no room.
    pub fn replace_program(&self) {
        let folder = self.home().join("bin");
        std::fs::create_dir_all(&folder).expect("a folder");
        let part = folder.join("dayfly.part");
        std::fs::copy(program(), &part).expect("it is copied");
        std::fs::rename(part, folder.join("dayfly")).expect("it is there");
    }

    /// A property of a unit.
    #[must_use]
    pub fn property(&self, unit: &str, name: &str) -> String {
        let ended = self.run(
            "systemctl",
            &["--user", "show", "--value", "-p", name, unit],
        );
        ended.ok().out.trim().to_owned()
    }
}

impl Drop for Systemd {
    fn drop(&mut self) {
        // All of its units end; what does not is killed with it.
        let _ = self.run("systemctl", &["--user", "exit"]);
        self.end();
        remove_groups(self.child.id());
    }
}

impl Systemd {
    fn end(&mut self) {
        let since = std::time::Instant::now();
        while since.elapsed() < Duration::from_secs(20) {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            // Sleeps between two looks, until the deadline.
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Removes the control groups of systemd that had this process.
fn remove_groups(process: u32) {
    let script = "find $(findmnt --noheadings --types cgroup2 --output TARGET | head -n 1)/dayfly-test-$0 -depth \
                  -type d -exec rmdir {} ';'";
    let mut command = Command::new("sh");
    command.args(["-c", script, &process.to_string()]);
    // Without root there are none; what is left behind is empty.
    let _ = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
}

fn environment(folder: &Path) -> Vec<(&'static str, std::ffi::OsString)> {
    let home = folder.join("home");
    let units = format!(
        "{}/.config/systemd/user:/usr/lib/systemd/user",
        home.display()
    );
    vec![
        ("PATH", std::env::var_os("PATH").unwrap_or_default()),
        ("HOME", home.into()),
        ("XDG_RUNTIME_DIR", folder.join("runtime").into()),
        // Without what this machine starts for every person.
        ("SYSTEMD_UNIT_PATH", units.into()),
        ("TZ", "UTC".into()),
    ]
}
