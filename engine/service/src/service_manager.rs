//! What can be done with a service.

use std::path::PathBuf;

use dayfly_dialog::CliError;

use crate::service::{Service, State, UnitFile};

/// What can be done with a service, on this system.
pub trait ServiceManager {
    /// The files that say what to run.
    ///
    /// # Errors
    /// The person has no folder for them.
    fn files(&self, service: &Service) -> Result<Vec<UnitFile>, CliError>;

    /// Whether one of the files is there.
    ///
    /// # Errors
    /// The person has no folder for them.
    fn is_installed(&self, service: &Service) -> Result<bool, CliError> {
        Ok(self.files(service)?.iter().any(|file| file.path.exists()))
    }

    /// Fails where the service manager does not run or is not there.
    ///
    /// # Errors
    /// Why, and what to do.
    fn reachable(&self, service: &Service) -> Result<(), CliError>;

    /// Writes the files and has the service started with the person's login or the machine; `start` starts it now too.
    ///
    /// # Errors
    /// A file cannot be written, or the service manager refuses.
    fn install(&self, service: &Service, start: bool) -> Result<(), CliError>;

    /// Ends it and removes the files; false where there are none.
    ///
    /// # Errors
    /// As above.
    fn uninstall(&self, service: &Service) -> Result<bool, CliError>;

    /// Starts it.
    ///
    /// # Errors
    /// As above.
    fn start(&self, service: &Service) -> Result<(), CliError>;

    /// Ends it, and listens no more for who would start it.
    ///
    /// # Errors
    /// As above.
    fn stop(&self, service: &Service) -> Result<(), CliError>;

    /// Has the program that is installed now go on in its place, without a moment in which nobody listens.
    ///
    /// # Errors
    /// As above.
    fn reload(&self, service: &Service) -> Result<(), CliError>;

    /// The program that the installed files name; none where it is not installed. The service manager is not asked.
    ///
    /// # Errors
    /// The file cannot be read.
    fn program(&self, service: &Service) -> Result<Option<PathBuf>, CliError>;

    /// How it is.
    ///
    /// # Errors
    /// As above.
    fn state(&self, service: &Service) -> Result<State, CliError>;

    /// The command that shows its log: the last lines, and those that come where `follow` says so.
    fn log_command(&self, service: &Service, lines: u32, follow: bool) -> Vec<String>;
}
