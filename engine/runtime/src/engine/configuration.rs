//! The configuration was read.

use std::collections::{BTreeMap, BTreeSet};

use dayfly_core::input::Input;
use dayfly_core::policy::EntryName;
use dayfly_core::settings::Settings;

use super::engine_loop::EngineLoop;
use super::policy_entries::InForce;
use crate::config::{Aws, Config, ConfigError};
use crate::configured::Configured;
use crate::entries::{EntryProblem, Prepared};

impl EngineLoop {
    pub(super) fn configured(&mut self, configured: Configured) {
        self.policies.configured = true;
        match configured.config {
            Ok(config) => self.apply(config),
            Err(error) => self.tell_unreadable(error, configured.known),
        }
        self.tell_entry_problems(configured.problems);
        let fresh = self.take_entries(configured.entries);
        let all = self
            .policies
            .entries
            .values()
            .map(|e| e.prepared.entry.clone());
        let all = all.chain(configured.closed).collect();
        self.enter(Input::Policies(all));
        self.watch_files(&fresh);
        self.callers.stops_go_at = None;
        for ask in std::mem::take(&mut self.callers.early) {
            self.ask(ask);
        }
    }

    /// Has a configuration that could be read come in force.
    fn apply(&mut self, config: Config) {
        self.trouble("config", None);
        let files = |aws: &Aws| (aws.credentials_file.clone(), aws.config_file.clone());
        let (before, after) = (files(&self.config.aws), files(&config.aws));
        let problem = (after != before).then(|| {
            let message = "credentials-file or config-file of [aws] changed".to_owned();
            (message, Some("restart the engine to apply it".to_owned()))
        });
        self.trouble("shared-files-setting", problem);
        self.cloud.imds.send_if_modified(|imds| {
            let other = *imds != config.imds;
            imds.clone_from(&config.imds);
            other
        });
        let anew = config.aws != self.config.aws;
        self.cloud.azure_in_force.set(config.azure.clone());
        let calls = config.engine.calls_in_flight;
        self.cloud.limiter.set(config.limits(), calls);
        self.enter(Input::Settings(Settings {
            announces: self.state.settings.announces,
            ..config.settings()
        }));
        self.cloud.input_brokers.configure(&config);
        self.record(config.recording);
        if let Some(worker) = &self.layer_worker {
            worker.follow(&config.includes);
        }
        self.config = config;
        (
            self.config.aws.credentials_file,
            self.config.aws.config_file,
        ) = before;
        let region = self.config.aws.default_region.clone();
        self.held.set_default_region(region);
        if anew {
            self.provide();
        }
        self.tell_wanted_deliveries();
        self.tell_key_rules();
    }

    /// The configuration cannot be read.
    fn tell_unreadable(&mut self, error: ConfigError, known: bool) {
        let mut error = error;
        let hint = error.hint.take();
        let hint = hint.unwrap_or_else(|| {
            if known {
                "fix the file; until then its last valid version stays in force".into()
            } else {
                "fix the file, then restart the engine; until then Dayfly starts and renews \
                 nothing, because the file may have guard rails"
                    .into()
            }
        });
        self.trouble("config", Some((error.to_string(), Some(hint))));
    }

    /// Tells which entries are not in force as they are configured.
    fn tell_entry_problems(&mut self, problems: Vec<EntryProblem>) {
        let mut about: Vec<String> = self
            .records
            .troubles
            .keys()
            .filter(|about| about.starts_with("policy "))
            .cloned()
            .collect();
        for mut problem in problems {
            let name = format!("policy {}", problem.entry);
            about.retain(|a| *a != name);
            let hint = problem.hint.take();
            self.trouble(&name, Some((problem.to_string(), hint)));
        }
        for mended in about {
            self.trouble(&mended, None);
        }
    }

    /// Takes the entries that are to be in force; which of them are new or different.
    fn take_entries(&mut self, all: Vec<Prepared>) -> BTreeSet<EntryName> {
        let mut entries = BTreeMap::new();
        let mut fresh = BTreeSet::new();
        for prepared in all {
            let name = prepared.entry.name.clone();
            let known = self.policies.entries.remove(&name);
            if known.as_ref().map(|k| &k.prepared.entry) != Some(&prepared.entry) {
                fresh.insert(name.clone());
            }
            let state = match known {
                Some(known) => known.state,
                None => {
                    let (state, problem) = self.memory.state(&name);
                    if let Some(problem) = problem {
                        let hint = "the policy starts with empty state".to_owned();
                        self.trouble(&format!("state of {name}"), Some((problem, Some(hint))));
                    }
                    state
                }
            };
            entries.insert(name, InForce { prepared, state });
        }
        self.policies.entries = entries;
        fresh
    }
}
