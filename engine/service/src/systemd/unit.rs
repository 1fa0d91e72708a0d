//! The text of units.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::service::{Scope, Service};

/// Seconds after which an engine that does not answer is taken for stuck, and started again. It is woken twice in that
/// time.
const STUCK: u32 = 180;

/// The unit of the engine.
pub(super) fn service(service: &Service) -> String {
    let mut text = head(service, "Temporary cloud credentials by rule");
    if service.scope != Scope::Person {
        text += "Wants=network-online.target\nAfter=network-online.target\n";
    }
    text += "\n[Service]\nType=notify\nNotifyAccess=main\n";
    let _ = writeln!(text, "ExecStart={} run", word(&shown(&service.program)));
    // The program that is installed then goes on in the same process; its sockets stay open.
    text += "ExecReload=kill -USR2 $MAINPID\n";
    text += "Restart=on-failure\nRestartSec=2s\n";
    let _ = writeln!(text, "WatchdogSec={STUCK}s");
    text += "TimeoutStopSec=30s\n";
    // Where an engine breaks, programs that connect meanwhile wait for the next one.
    text += "FileDescriptorStoreMax=8\n";
    text += "UMask=0077\nLimitCORE=0\n";
    for (name, value) in &service.environment {
        let _ = writeln!(text, "Environment={}", word(&format!("{name}={value}")));
    }
    if let Some(file) = &service.passphrase {
        text += &passphrase(file, &service.scope);
    }
    text += &identity(&service.scope);
    text += match service.scope {
        Scope::Person => "\n[Install]\nWantedBy=default.target\n",
        _ => "\n[Install]\nWantedBy=multi-user.target\n",
    };
    text
}

/// The unit of the socket: whoever connects first starts the engine.
pub(super) fn socket(service: &Service) -> String {
    let mut text = head(service, "Where commands reach Dayfly");
    text += "\n[Socket]\n";
    let path = shown(&service.socket).replace('%', "%%");
    let _ = writeln!(text, "ListenStream={path}");
    text += "FileDescriptorName=control\nSocketMode=0600\nDirectoryMode=0700\nRemoveOnStop=yes\n";
    text += "\n[Install]\nWantedBy=sockets.target\n";
    text
}

/// Where the passphrase is read. The machine's service manager reads it for a user who cannot; the person's can read no
/// more than the person.
fn passphrase(file: &Path, scope: &Scope) -> String {
    let file = shown(file);
    match scope {
        Scope::Person => {
            let variable = format!("DAYFLY_PASSPHRASE_FILE={file}");
            format!("Environment={}\n", word(&variable))
        }
        _ => format!(
            "LoadCredential={}\nEnvironment=DAYFLY_PASSPHRASE_FILE=%d/passphrase\n",
            word(&format!("passphrase:{file}"))
        ),
    }
}

/// As whom it runs, and what is kept from it.
fn identity(scope: &Scope) -> String {
    match scope {
        // Programs of the person run from it, with all that the person may do.
        Scope::Person => String::new(),
        Scope::Machine => {
            let own = "DynamicUser=yes\nUser=dayfly\nStateDirectory=dayfly\nStateDirectoryMode=0700\n\
                       Environment=HOME=%S/dayfly DAYFLY_HOME=%S/dayfly\nWorkingDirectory=%S/dayfly\n\
                       ProtectHome=yes\nPrivateUsers=yes\n";
            own.to_owned() + CONFINED
        }
        Scope::As { user, home } => {
            let home = shown(home);
            let mut own = format!(
                "User={user}\nWorkingDirectory={}\n",
                home.replace('%', "%%")
            );
            let _ = writeln!(own, "ReadWritePaths={}", word(&home));
            own + CONFINED
        }
    }
}

/// What a service of the machine does not need. Policies are compiled, so memory can become code.
const CONFINED: &str = "NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
RemoveIPC=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
KeyringMode=private
SystemCallArchitectures=native
SystemCallFilter=@system-service seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
LimitMEMLOCK=64M
";

fn head(service: &Service, what: &str) -> String {
    let edit = match service.scope {
        Scope::Person => "systemctl --user edit",
        _ => "systemctl edit",
    };
    let name = &service.name;
    format!(
        "# Written by `dayfly service install`, which writes it anew. For changes of your own: {edit} {name}\n\
         [Unit]\nDescription={what}\nDocumentation=man:dayfly(1)\n"
    )
}

/// The program of a unit that was written here.
pub(super) fn program(text: &str) -> Option<PathBuf> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("ExecStart="))?;
    let line = line.strip_suffix(" run").unwrap_or(line);
    Some(PathBuf::from(unescaped(line)))
}

/// One word of a line in a unit: specifiers, variables, quotes and blanks stand for themselves.
///
/// Source: systemd.syntax(7), "Quoting"; systemd.unit(5), "Specifiers"; systemd.service(5), "Command lines".
fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:,@~".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    let mut word = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => word.extend(['\\', c]),
            '%' => word += "%%",
            '$' => word += "$$",
            '\n' => word += "\\n",
            '\t' => word += "\\t",
            c => word.push(c),
        }
    }
    word + "\""
}

/// What [`word`] made it of.
fn unescaped(word: &str) -> String {
    let Some(inner) = word.strip_prefix('"').and_then(|w| w.strip_suffix('"')) else {
        return word.to_owned();
    };
    let inner = inner.replace("%%", "%").replace("$$", "$");
    let mut text = String::new();
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('n') => text.push('\n'),
                Some('t') => text.push('\t'),
                Some(c) => text.push(c),
                None => {}
            },
            c => text.push(c),
        }
    }
    text
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(scope: Scope) -> Service {
        Service {
            name: "dayfly".into(),
            program: "/opt/my tools/100%/$dayfly\"".into(),
            socket: "/people/me/.local/state/dayfly/engine.sock".into(),
            state: "/people/me/.local/state/dayfly".into(),
            environment: vec![("PATH".into(), "/usr/bin:/people/me/my bin".into())],
            passphrase: Some("/etc/dayfly/passphrase".into()),
            scope,
        }
    }

    #[test]
    fn odd_names_stand_for_themselves() {
        let text = service(&example(Scope::Person));
        let line = r#"ExecStart="/opt/my tools/100%%/$$dayfly\"" run"#;
        assert!(text.lines().any(|known| known == line), "{text}");
        assert!(text.contains("Environment=\"PATH=/usr/bin:/people/me/my bin\"\n"));
        assert_eq!(program(&text), Some(example(Scope::Person).program));
        assert_eq!(program("[Service]\n"), None);
    }

    #[test]
    fn who_runs_it_is_kept_from_the_rest_of_a_machine_alone() {
        let person = service(&example(Scope::Person));
        assert!(!person.contains("User=") && !person.contains("Protect"));
        let machine = service(&example(Scope::Machine));
        assert!(machine.contains("DynamicUser=yes") && machine.contains("ProtectSystem=strict"));
        let user = service(&example(Scope::As {
            user: "ci".into(),
            home: "/people/ci".into(),
        }));
        assert!(user.contains("User=ci\n") && user.contains("ReadWritePaths=/people/ci\n"));
    }
}
