//! launchd: an agent of the person.
//!
//! Sources: launchd.plist(5), launchctl(1).

use std::fmt::Write as _;
use std::path::PathBuf;

use dayfly_dialog::CliError;
use dayfly_fs::bounded;

use crate::program::{missing, output, run};
use crate::service::{Scope, Service, State, UnitFile};
use crate::service_manager::ServiceManager;
use crate::unit_file;

/// The longest file that is read, in bytes.
const PLIST: u64 = 64 << 10;

/// launchd.
#[derive(Clone, Copy, Debug)]
pub struct Launchd;

impl Launchd {
    fn path(service: &Service) -> Result<PathBuf, CliError> {
        if service.scope != Scope::Person {
            let message = "on macOS Dayfly runs for a person, not for the machine";
            return Err(CliError::usage(message).hint("run it without --system"));
        }
        let home = std::env::home_dir();
        let home = home
            .ok_or_else(|| CliError::failed("this user has no home directory").hint("set HOME"))?;
        Ok(home.join(format!("Library/LaunchAgents/{}.plist", label(service))))
    }

    fn target(service: &Service) -> String {
        format!("{}/{}", domain(), label(service))
    }
}

fn domain() -> String {
    format!("gui/{}", rustix::process::geteuid().as_raw())
}

fn label(service: &Service) -> String {
    format!("engine.{}", service.name)
}

fn log(service: &Service) -> PathBuf {
    service.state.join("service.log")
}

impl ServiceManager for Launchd {
    fn files(&self, service: &Service) -> Result<Vec<UnitFile>, CliError> {
        Ok(vec![UnitFile {
            path: Self::path(service)?,
            text: plist(service),
        }])
    }

    fn reachable(&self, _service: &Service) -> Result<(), CliError> {
        let asked = output("launchctl", &["print", &domain()]);
        let asked = asked.map_err(|e| missing("launchctl", &e))?;
        if asked.status.success() {
            return Ok(());
        }
        let message = "launchd has no session of this user's desktop";
        Err(CliError::failed(message).hint("log in at the screen of this machine"))
    }

    fn install(&self, service: &Service, start: bool) -> Result<(), CliError> {
        for file in self.files(service)? {
            unit_file::write(&file, 0o600)?;
            if start {
                // One that was there before is known by what stood in its file.
                let _ = output("launchctl", &["bootout", &Self::target(service)]);
                let path = file.path.display().to_string();
                run("launchctl", &["bootstrap", &domain(), &path])?;
            }
        }
        Ok(())
    }

    fn uninstall(&self, service: &Service) -> Result<bool, CliError> {
        if !self.is_installed(service)? {
            return Ok(false);
        }
        // One that does not run is not known.
        let _ = output("launchctl", &["bootout", &Self::target(service)]);
        unit_file::remove(&Self::path(service)?)?;
        Ok(true)
    }

    fn start(&self, service: &Service) -> Result<(), CliError> {
        let known = output("launchctl", &["print", &Self::target(service)]);
        let known = known.map_err(|e| missing("launchctl", &e))?;
        if !known.status.success() {
            let path = Self::path(service)?.display().to_string();
            run("launchctl", &["bootstrap", &domain(), &path])?;
        }
        run("launchctl", &["kickstart", &Self::target(service)]).map(|_| ())
    }

    fn stop(&self, service: &Service) -> Result<(), CliError> {
        run("launchctl", &["bootout", &Self::target(service)]).map(|_| ())
    }

    fn reload(&self, service: &Service) -> Result<(), CliError> {
        let target = Self::target(service);
        run("launchctl", &["kill", "SIGUSR2", &target]).map(|_| ())
    }

    fn program(&self, service: &Service) -> Result<Option<PathBuf>, CliError> {
        let there = bounded::read_text(&Self::path(service)?, PLIST);
        let there = there.map_err(|e| CliError::failed(e.to_string()))?;
        Ok(there.as_deref().and_then(program))
    }

    fn state(&self, service: &Service) -> Result<State, CliError> {
        let path = Self::path(service)?;
        let known = output("launchctl", &["print", &Self::target(service)]);
        let known = known.map_err(|e| missing("launchctl", &e))?;
        let told = String::from_utf8_lossy(&known.stdout).into_owned();
        let value = |name: &str| {
            let line = told.lines().find_map(|line| {
                let (key, value) = line.trim().split_once(" = ")?;
                (key == name).then(|| value.trim().to_owned())
            });
            line.unwrap_or_default()
        };
        let pid: Option<u32> = value("pid").parse().ok();
        Ok(State {
            unit: label(service),
            program: self.program(service)?,
            enabled: path.exists(),
            file: path.exists().then_some(path),
            state: match (known.status.success(), pid) {
                (true, Some(_)) => "active".to_owned(),
                _ => "inactive".to_owned(),
            },
            pid,
            says: None,
            restarts: value("runs").parse::<u64>().unwrap_or(1).saturating_sub(1),
        })
    }

    fn log_command(&self, service: &Service, lines: u32, follow: bool) -> Vec<String> {
        let mut command = vec!["tail".to_owned(), "-n".to_owned(), lines.to_string()];
        if follow {
            command.push("-F".to_owned());
        }
        command.push(log(service).display().to_string());
        command
    }
}

/// What launchd is to run.
fn plist(service: &Service) -> String {
    let mut text = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n\
         <!-- Written by `dayfly service install`, which writes it anew. -->\n\
         <plist version=\"1.0\">\n<dict>\n",
    );
    let mut entry = |key: &str, value: &str| {
        let _ = writeln!(text, "  <key>{key}</key>\n  {value}");
    };
    entry("Label", &string(&label(service)));
    let program = string(&service.program.display().to_string());
    entry(
        "ProgramArguments",
        &format!("<array>{program}<string>run</string></array>"),
    );
    entry("RunAtLoad", "<true/>");
    // Started again where it failed, and not where a person ended it.
    entry(
        "KeepAlive",
        "<dict><key>SuccessfulExit</key><false/></dict>",
    );
    entry("ThrottleInterval", "<integer>2</integer>");
    entry("ExitTimeOut", "<integer>30</integer>");
    entry("Umask", "<integer>63</integer>");
    entry("ProcessType", "<string>Background</string>");
    let log = string(&log(service).display().to_string());
    entry("StandardOutPath", &log);
    entry("StandardErrorPath", &log);
    let mut environment = service.environment.clone();
    if let Some(file) = &service.passphrase {
        let file = file.display().to_string();
        environment.push(("DAYFLY_PASSPHRASE_FILE".to_owned(), file));
    }
    let variables: Vec<String> = environment
        .iter()
        .map(|(name, value)| format!("<key>{}</key>{}", escaped(name), string(value)))
        .collect();
    entry(
        "EnvironmentVariables",
        &format!("<dict>{}</dict>", variables.concat()),
    );
    text + "</dict>\n</plist>\n"
}

/// The program of a file that was written here.
fn program(text: &str) -> Option<PathBuf> {
    let (_, rest) = text.split_once("<key>ProgramArguments</key>")?;
    let (_, rest) = rest.split_once("<array><string>")?;
    let (program, _) = rest.split_once("</string>")?;
    let program = program
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&");
    Some(PathBuf::from(program))
}

fn string(text: &str) -> String {
    format!("<string>{}</string>", escaped(text))
}

/// Source: XML 1.0, 2.4.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_names_stand_for_themselves() {
        let service = Service {
            name: "dayfly".into(),
            program: "/Applications/A & B/<dayfly>".into(),
            socket: "/s".into(),
            state: "/state".into(),
            environment: vec![("PATH".into(), "/usr/bin:/a&b".into())],
            passphrase: None,
            scope: Scope::Person,
        };
        let text = plist(&service);
        assert!(text.contains("<string>/Applications/A &amp; B/&lt;dayfly&gt;</string>"));
        assert!(text.contains("<key>PATH</key><string>/usr/bin:/a&amp;b</string>"));
        assert_eq!(program(&text), Some(service.program));
    }
}
