//! systemd: a unit of the person's service manager, or of the machine's.
//!
//! Sources: systemd.unit(5), systemd.service(5), systemd.socket(5), systemd.exec(5), systemctl(1).

mod unit;

use std::path::PathBuf;

use dayfly_dialog::CliError;
use dayfly_fs::bounded;

use crate::program::{missing, output, run};
use crate::service::{Scope, Service, State, UnitFile};
use crate::service_manager::ServiceManager;
use crate::unit_file;

/// The longest unit file that is read, in bytes.
const UNIT: u64 = 64 << 10;

/// systemd.
#[derive(Clone, Copy, Debug)]
pub struct Systemd;

impl Systemd {
    /// The folder of unit files.
    fn folder(scope: &Scope) -> Result<PathBuf, CliError> {
        if *scope != Scope::Person {
            return Ok("/etc/systemd/system".into());
        }
        let set = std::env::var_os("XDG_CONFIG_HOME").filter(|value| !value.is_empty());
        let folder = set.map(PathBuf::from);
        let folder = folder.or_else(|| std::env::home_dir().map(|home| home.join(".config")));
        folder
            .map(|folder| folder.join("systemd/user"))
            .ok_or_else(|| CliError::failed("this user has no home directory").hint("set HOME"))
    }

    fn path(service: &Service, suffix: &str) -> Result<PathBuf, CliError> {
        Ok(Self::folder(&service.scope)?.join(format!("{}.{suffix}", service.name)))
    }

    fn call(service: &Service, args: &[&str]) -> Result<String, CliError> {
        run("systemctl", &[&[Self::whose(service)], args].concat())
    }

    /// Whose service manager it is, as systemctl is told.
    const fn whose(service: &Service) -> &'static str {
        match service.scope {
            Scope::Person => "--user",
            _ => "--system",
        }
    }

    /// The units that are there, the socket first: what listens must be there before what it starts.
    fn units(service: &Service) -> Vec<String> {
        let service_unit = format!("{}.service", service.name);
        match service.scope {
            Scope::Person => vec![format!("{}.socket", service.name), service_unit],
            _ => vec![service_unit],
        }
    }

    fn each(service: &Service, verb: &[&str]) -> Result<(), CliError> {
        let units = Self::units(service);
        let units: Vec<&str> = units.iter().map(String::as_str).collect();
        Self::call(service, &[verb, &units].concat()).map(|_| ())
    }
}

impl ServiceManager for Systemd {
    fn files(&self, service: &Service) -> Result<Vec<UnitFile>, CliError> {
        let mut files = vec![UnitFile {
            path: Self::path(service, "service")?,
            text: unit::service(service),
        }];
        if service.scope == Scope::Person {
            files.push(UnitFile {
                path: Self::path(service, "socket")?,
                text: unit::socket(service),
            });
        }
        Ok(files)
    }

    fn reachable(&self, service: &Service) -> Result<(), CliError> {
        let show = [Self::whose(service), "show", "--property=Version"];
        let asked = output("systemctl", &show);
        let asked = asked.map_err(|e| {
            missing("systemctl", &e).hint(
                "Dayfly knows the service manager systemd; with another one have it run `dayfly \
                 run`, and `dayfly service install --print` shows what for",
            )
        })?;
        if asked.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&asked.stderr);
        let said = said.lines().next().unwrap_or_default();
        let whose = match service.scope {
            Scope::Person => "the service manager of this user does not answer",
            _ => "the service manager of this machine does not answer",
        };
        let hint = match service.scope {
            Scope::Person => {
                "log in with a session of its own (not su or sudo), or run: loginctl enable-linger"
            }
            _ => "systemd has to run as the first process of the machine",
        };
        Err(CliError::failed(format!("{whose}, so nothing was changed: {said}")).hint(hint))
    }

    fn install(&self, service: &Service, start: bool) -> Result<(), CliError> {
        for file in self.files(service)? {
            // Others may read it: there is no secret in it, and systemd tells everybody what stands there.
            unit_file::write(&file, 0o644)?;
        }
        Self::call(service, &["daemon-reload"])?;
        Self::each(service, &["enable"])?;
        if start {
            // One that runs goes by the unit of before; and no socket listens anew while its engine runs.
            Self::each(service, &["stop"])?;
            Self::each(service, &["start"])?;
        }
        Ok(())
    }

    fn uninstall(&self, service: &Service) -> Result<bool, CliError> {
        if !self.is_installed(service)? {
            return Ok(false);
        }
        Self::each(service, &["disable", "--now"])?;
        for file in self.files(service)? {
            unit_file::remove(&file.path)?;
        }
        Self::call(service, &["daemon-reload"])?;
        // What failed before is forgotten with it; systemd knows no such unit otherwise, which is no matter.
        let _ = Self::each(service, &["reset-failed"]);
        Ok(true)
    }

    fn start(&self, service: &Service) -> Result<(), CliError> {
        Self::each(service, &["start"])
    }

    fn stop(&self, service: &Service) -> Result<(), CliError> {
        Self::each(service, &["stop"])
    }

    fn reload(&self, service: &Service) -> Result<(), CliError> {
        let unit = format!("{}.service", service.name);
        Self::call(service, &["reload", &unit]).map(|_| ())
    }

    fn program(&self, service: &Service) -> Result<Option<PathBuf>, CliError> {
        let path = Self::path(service, "service")?;
        let there = bounded::read_text(&path, UNIT);
        let there = there.map_err(|e| CliError::failed(e.to_string()))?;
        Ok(there.as_deref().and_then(unit::program))
    }

    fn state(&self, service: &Service) -> Result<State, CliError> {
        let unit = format!("{}.service", service.name);
        let path = Self::path(service, "service")?;
        let properties =
            "--property=ActiveState,SubState,MainPID,UnitFileState,StatusText,NRestarts";
        let told = Self::call(service, &["show", properties, &unit])?;
        let value = |name: &str| {
            let line = told.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|line| line.strip_prefix('='))
                .unwrap_or_default()
        };
        Ok(State {
            unit: unit.clone(),
            program: self.program(service)?,
            file: path.exists().then_some(path),
            state: value("ActiveState").to_owned(),
            enabled: value("UnitFileState") == "enabled",
            pid: value("MainPID").parse().ok().filter(|pid| *pid != 0),
            says: Some(value("StatusText").to_owned()).filter(|text| !text.is_empty()),
            restarts: value("NRestarts").parse().unwrap_or_default(),
        })
    }

    fn log_command(&self, service: &Service, lines: u32, follow: bool) -> Vec<String> {
        let unit = format!("{}.service", service.name);
        let unit = match service.scope {
            Scope::Person => format!("--user-unit={unit}"),
            _ => format!("--unit={unit}"),
        };
        let mut command = vec!["journalctl".to_owned(), unit, format!("--lines={lines}")];
        if follow {
            command.push("--follow".to_owned());
        } else {
            command.push("--no-pager".to_owned());
        }
        command
    }
}
