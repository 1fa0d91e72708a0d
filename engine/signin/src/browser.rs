//! Sends the person's browser to an address that no command line may tell.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use dayfly_dialog::CliError;
use dayfly_vault::SecretString;

use crate::handover::Handover;

/// Where in a browser an address is opened: consoles that are open side by side must not share cookies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Window {
    /// Wherever the browser opens addresses.
    Usual,
    /// A container of Firefox with this name, by the add-on "Open external links in a container".
    FirefoxContainer(String),
    /// The same by the add-on "Granted".
    GrantedContainer(String),
    /// A profile of Chromium or one of its kin, in a folder of its own for such profiles.
    ChromiumProfile {
        /// The folder.
        folder: PathBuf,
        /// The profile: letters, digits and `-`.
        profile: String,
    },
}

/// Programs of a family of browsers, and how a program of it is known by its name.
struct Family {
    name: &'static str,
    programs: &'static [&'static str],
    known_by: &'static [&'static str],
}

const FIREFOX: Family = Family {
    name: "Firefox",
    programs: &[
        "firefox",
        "firefox-esr",
        "librewolf",
        "waterfox",
        "/Applications/Firefox.app/Contents/MacOS/firefox",
    ],
    known_by: &["firefox", "librewolf", "waterfox"],
};

const CHROMIUM: Family = Family {
    name: "Chromium",
    programs: &[
        "chromium",
        "chromium-browser",
        "google-chrome",
        "google-chrome-stable",
        "brave-browser",
        "microsoft-edge",
        "vivaldi",
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    ],
    known_by: &["chrom", "brave", "edge", "vivaldi"],
};

impl Window {
    const fn family(&self) -> Option<&'static Family> {
        match self {
            Self::Usual => None,
            Self::FirefoxContainer(_) | Self::GrantedContainer(_) => Some(&FIREFOX),
            Self::ChromiumProfile { .. } => Some(&CHROMIUM),
        }
    }

    /// What the browser is told to open this address.
    ///
    /// Sources: the README of "Open external links in a container" (`ext+container:name=…&url=…`) and of Granted's
    /// add-on (`ext+granted-containers:`); Chromium, "User Data Directory" and `--profile-directory`.
    fn arguments(&self, address: &str) -> Vec<String> {
        let container = |scheme: &str, name: &str| {
            let name = encoded(name);
            let address = encoded(address);
            vec![
                "--new-tab".to_owned(),
                format!("{scheme}:name={name}&url={address}"),
            ]
        };
        match self {
            Self::Usual => vec![address.to_owned()],
            Self::FirefoxContainer(name) => container("ext+container", name),
            Self::GrantedContainer(name) => container("ext+granted-containers", name),
            Self::ChromiumProfile { folder, profile } => vec![
                format!("--user-data-dir={}", folder.display()),
                format!("--profile-directory={profile}"),
                "--no-first-run".to_owned(),
                "--no-default-browser-check".to_owned(),
                address.to_owned(),
            ],
        }
    }
}

impl Family {
    /// The program of this family that the person uses: `$BROWSER`, else the first that is there.
    fn program(&self) -> Option<String> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let there = |program: &&&str| {
            Path::new(program).is_absolute() && Path::new(program).exists()
                || std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
        };
        let named = chosen().filter(|chosen| self.knows(chosen));
        let usual = || self.programs.iter().find(there).map(|p| (*p).to_owned());
        named.or_else(usual)
    }

    fn knows(&self, program: &str) -> bool {
        let name = program.rsplit('/').next().unwrap_or(program).to_lowercase();
        self.known_by.iter().any(|part| name.contains(part))
    }
}

/// A text as a part of an address, in which only letters, digits and a few marks stand for themselves.
fn encoded(text: &str) -> String {
    let encoded: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
    encoded.replace('+', "%20")
}

/// What `$BROWSER` names; by custom several, with colons.
fn chosen() -> Option<String> {
    let browser = std::env::var("BROWSER").ok()?;
    let first = browser.split(':').next().unwrap_or_default();
    Some(first.to_owned()).filter(|first| !first.is_empty())
}

/// The program that opens addresses: `$BROWSER`, or what the system has for it.
fn program() -> String {
    let usual = if cfg!(target_os = "macos") {
        "open"
    } else {
        "xdg-open"
    };
    chosen().unwrap_or_else(|| usual.to_owned())
}

/// Whether a browser may appear before the person: there is one, and a screen.
pub fn can_open() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if set("BROWSER") {
        return true;
    }
    // Over SSH it would open on a screen that nobody looks at.
    let remote = set("SSH_CONNECTION") || set("SSH_TTY");
    let screen = cfg!(target_os = "macos") || set("DISPLAY") || set("WAYLAND_DISPLAY");
    !remote && screen
}

/// Opens the address. It is handed over on loopback: a command line can be read by every user.
pub async fn open(address: &SecretString) -> Result<(), CliError> {
    open_in(address, &Window::Usual).await
}

/// Opens the address there.
pub async fn open_in(address: &SecretString, window: &Window) -> Result<(), CliError> {
    let program = match window.family() {
        None => program(),
        Some(family) => family.program().ok_or_else(|| {
            let message = format!("no browser: there is no {} here", family.name);
            CliError::failed(message).hint("install it, or set BROWSER to its program")
        })?,
    };
    let handover = Handover::start().await?;
    let mut child = Command::new(&program)
        .args(window.arguments(&handover.address()))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| CliError::failed(format!("no browser: Dayfly cannot run {program}: {e}")))?;
    let came = handover.serve(address.expose()).await;
    // One that goes on running is left alone.
    let _ = child.try_wait();
    if came {
        return Ok(());
    }
    let trouble = CliError::failed(format!(
        "{program} did not open the address within a minute"
    ));
    Err(match window {
        Window::FirefoxContainer(_) => trouble.hint(
            "is the add-on \"Open external links in a container\" installed in it? \
             https://addons.mozilla.org/firefox/addon/open-url-in-container/",
        ),
        Window::GrantedContainer(_) => trouble.hint(
            "is the add-on \"Granted\" installed in it? \
             https://addons.mozilla.org/firefox/addon/granted/",
        ),
        _ => trouble,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_window_is_told_in_the_words_of_its_browser() {
        let address = "http://127.0.0.1:9/x";
        let name = || "Acme Prod/Admin&x=1".to_owned();
        let encoded = "Acme%20Prod%2FAdmin%26x%3D1&url=http%3A%2F%2F127.0.0.1%3A9%2Fx";
        assert_eq!(Window::Usual.arguments(address), [address]);
        let firefox = Window::FirefoxContainer(name()).arguments(address);
        assert_eq!(
            firefox,
            ["--new-tab", &format!("ext+container:name={encoded}")]
        );
        let granted = Window::GrantedContainer(name()).arguments(address);
        assert_eq!(granted[1], format!("ext+granted-containers:name={encoded}"));
        let chromium = Window::ChromiumProfile {
            folder: "/state/browsers".into(),
            profile: "app-1".into(),
        };
        assert_eq!(
            chromium.arguments(address),
            [
                "--user-data-dir=/state/browsers",
                "--profile-directory=app-1",
                "--no-first-run",
                "--no-default-browser-check",
                address
            ]
        );
    }

    #[test]
    fn a_program_is_known_by_its_name() {
        for (program, firefox, chromium) in [
            ("/opt/firefox/firefox-bin", true, false),
            ("google-chrome-stable", false, true),
            ("/opt/firefox/chromium", false, true),
            ("w3m", false, false),
        ] {
            assert_eq!(
                (FIREFOX.knows(program), CHROMIUM.knows(program)),
                (firefox, chromium),
                "{program}"
            );
        }
    }
}
