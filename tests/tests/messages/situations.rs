//! What is said, by the built program, in situations that go wrong and in a few that go well: the
//! command as it is typed, its exit code, and what it prints.

use std::fmt::Write as _;

use dayfly_tests::{Daemon, Home, clock, until};
use serde_json::{Value, json};

use crate::compare;

/// What was typed and said so far.
pub(crate) struct Transcript<'a> {
    home: &'a Home,
    text: String,
}

impl<'a> Transcript<'a> {
    pub(crate) fn of(home: &'a Home) -> Self {
        let text = String::new();
        Self { home, text }
    }

    /// Says what the situation is from here on.
    pub(crate) fn now(&mut self, situation: &str) {
        writeln!(self.text, "\n######## {situation}").unwrap();
    }

    /// Runs a command line; what stands behind ` < ` is its input.
    pub(crate) fn run(&mut self, line: &str) {
        let (command, input) = line.split_once(" < ").unwrap_or((line, ""));
        let ended = self.home.run_with(words(command), &format!("{input}\n"));
        let line = masked(self.home, line);
        writeln!(self.text, "\n$ dayfly {line}\n[{}]", ended.code).unwrap();
        let said = [("", ended.out), ("! ", ended.err)];
        for (mark, said) in said {
            for line in masked(self.home, &said).lines() {
                writeln!(self.text, "{}", format!("{mark}{line}").trim_end()).unwrap();
            }
        }
    }

    pub(crate) fn runs(&mut self, lines: &[&str]) {
        for line in lines {
            self.run(line);
        }
    }

    pub(crate) fn compare(self, name: &str) {
        compare(&format!("said-{name}"), self.text.trim_start());
    }
}

/// The words of a command line, of which some are quoted.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (n, part) in line.split('\'').enumerate() {
        match n % 2 {
            0 => words.extend(part.split_whitespace().map(str::to_owned)),
            _ => words.push(part.to_owned()),
        }
    }
    words
}

/// Shapes of what differs each time, and what is shown of it: `#` is a digit, `%` a number, `^` a
/// hexadecimal digit.
const SHAPES: [(&str, &str); 17] = [
    ("####-##-##T##:##:##.###Z", "TIME"),
    ("####-##-##T##:##:##Z", "TIME"),
    ("####-##-## ##:##:##", "TIME"),
    ("##:##:##", "TIME"),
    ("^^^^^^^^-^^^^-^^^^-^^^^-^^^^^^^^^^^^", "UUID"),
    (
        "^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^",
        "DIGEST",
    ),
    ("process %", "process PID"),
    ("size      % bytes", "size      SIZE"),
    ("\"seconds\": %.%", "\"seconds\": SPAN"),
    ("in the vault for %.% s", "in the vault for SPAN"),
    ("in the vault for % s", "in the vault for SPAN"),
    ("in the vault for % ms", "in the vault for SPAN"),
    ("%.% s ago", "SPAN ago"),
    ("% s ago", "SPAN ago"),
    (" %.% s)", " SPAN)"),
    (" % s)", " SPAN)"),
    (" in %.% s", " in SPAN"),
];

/// How long the beginning of a text is that has this shape.
fn fits(text: &str, shape: &str) -> Option<usize> {
    let mut rest = text;
    for wanted in shape.chars() {
        let next = rest.chars().next()?;
        let length = match wanted {
            '%' => rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len(),
            '#' => usize::from(next.is_ascii_digit()),
            '^' => usize::from(next.is_ascii_digit() || ('a'..='f').contains(&next)),
            other if other == next => next.len_utf8(),
            _ => 0,
        };
        if length == 0 {
            return None;
        }
        rest = &rest[length..];
    }
    Some(text.len() - rest.len())
}

/// What is said, without what differs each time.
fn masked(home: &Home, said: &str) -> String {
    let today = &clock("now")[..10];
    let place = home.path().to_string_lossy().into_owned();
    let program = dayfly_tests::home::program();
    let text = said
        .replace(&place, "HOME")
        .replace(&*program.to_string_lossy(), "dayfly")
        .replace(today, "TODAY");
    let mut masked = String::new();
    let mut rest = text.as_str();
    while let Some(next) = rest.chars().next() {
        let mut shapes = SHAPES.iter();
        let found = shapes.find_map(|(shape, name)| Some((fits(rest, shape)?, *name)));
        let taken = found.map_or(next.len_utf8(), |(length, _)| length);
        match found {
            Some((_, name)) => masked.push_str(name),
            None => masked.push(next),
        }
        rest = &rest[taken..];
    }
    masked
}

fn local(name: &str, labels: Value) -> Value {
    json!({ "sessionId": format!("id-{name}"), "sessionName": name, "type": "localstack",
            "profileName": name, "labels": labels })
}

fn plain() -> Home {
    let home = Home::new();
    let prod = local("prod", json!({ "env": "prod" }));
    home.save_workspace(&json!({ "sessions": [local("dev", json!({})), prod] }));
    home
}

#[test]
fn nothing_is_there_yet() {
    let home = Home::new();
    let mut said = Transcript::of(&home);
    said.now("no Workspace, no configuration, no engine");
    said.runs(&[
        "status",
        "status --json",
        "session list",
        "session start dev",
        "session show dev --json",
        "credential-process dev",
        "exec dev -- true",
        "env dev",
        "console dev",
        "explain dev",
        "events",
        "replay",
        "respond",
        "emit tick",
        "secret list",
        "integration list",
        "integration login corp",
        "policy list",
        "policy pull",
        "policy update",
        "workspace validate",
        "run --once",
    ]);
    said.now("after init");
    said.runs(&[
        "init",
        "init",
        "status",
        "session list",
        "policy list",
        "doctor --offline",
    ]);
    said.compare("nothing-is-there");
}

#[test]
fn a_command_is_mistyped() {
    let home = plain();
    let mut said = Transcript::of(&home);
    said.now("two sessions: dev and prod");
    said.runs(&[
        "sesion list",
        "session start",
        "session start dve",
        "session start dev --for soon",
        "session start dev --json --for 0s",
        "session rotate dev",
        "session release dev",
        "session login dev",
        "session add dev",
        "session add x --type awsIamFoo",
        "session add x --type awsIamRoleChained",
        "session add x --type awsIamRoleChained --role-arn arn:nonsense --parent dev",
        "session add x --type awsIamUser --region moon",
        "session add x --type awsIamUser --duration 1x",
        "session add x --type localstack --delivery nowhere",
        "session add x --type localstack --delivery none,credentials-file",
        "session edit dev",
        "session edit dev --unset nothing",
        "session edit dev --region eu-west-1",
        "session edit dev --region eu-west-1",
        "session remove dev",
        "session remove dve --yes",
        "secret set dev < AKIAEXAMPLE",
        "secret remove prod",
        "secret rekey",
        "respond dev 123456",
        "integration add corp",
        "integration add corp --portal-url http://corp --region eu-west-1",
        "integration sync corp",
        "integration remove corp",
        "events --since yesterday",
        "events --session dve",
        "explain dve",
        "replay --since soon",
        "emit 'no name'",
        "emit tick --data nonsense",
        "completions tcsh",
        "env dev --shell tcsh",
        "use",
        "use dev",
        "use no-such --print",
        "use --print",
        "use --clear --print --shell bash",
        "use --clear dev --print",
        "exec -- true",
        "prompt",
        "prompt --format",
        "session list nothing-like-this",
        "session list --ends-within soon",
        "status nothing-like-this",
        "exec dev -- no-such-program",
        "console prod",
        "workspace validate nowhere.json",
        "session add dev --type localstack --profile dev",
        "session edit dev --region eu-west-1",
        "session show id-d",
    ]);
    said.compare("mistyped");
}

#[test]
fn a_workspace_is_wrong() {
    let home = Home::new();
    let mut said = Transcript::of(&home);
    let faulty = json!({ "sessions": [
        { "sessionId": "1", "sessionName": "no type" },
        { "sessionId": "2", "sessionName": "odd type", "type": "awsIamFoo" },
        { "sessionId": "3", "sessionName": "orphan", "type": "awsIamRoleChained",
          "roleArn": "arn:aws:iam::123456789012:role/x", "parentSessionId": "gone" },
        { "sessionId": "4", "sessionName": "ring a", "type": "awsIamRoleChained",
          "roleArn": "arn:aws:iam::123456789012:role/x", "parentSessionId": "5" },
        { "sessionId": "5", "sessionName": "ring b", "type": "awsIamRoleChained",
          "roleArn": "arn:aws:iam::123456789012:role/x", "parentSessionId": "4" },
        { "sessionId": "6", "sessionName": "bad arn", "type": "awsIamRoleChained",
          "roleArn": "role/x", "parentSessionId": "7" },
        { "sessionId": "7", "sessionName": "long", "type": "awsIamUser", "durationSeconds": 999_999 },
        { "sessionId": "8", "sessionName": "sso", "type": "awsSsoRole", "roleArn": "arn:aws:iam::1:role/x" },
        { "sessionId": "8", "sessionName": "twice", "type": "localstack", "profileName": "[x]" },
        { "sessionName": "no id", "type": "localstack" },
        { "sessionId": "9", "sessionName": "", "type": "azure", "subscriptionId": "x", "tenantId": "" },
        7,
    ]});
    for (situation, text) in [
        ("half a file", "{\"sessions\": [".to_owned()),
        ("not an object", "[]".to_owned()),
        (
            "sessions are a text",
            "{\"sessions\": \"nonsense\"}".to_owned(),
        ),
        ("an empty file", String::new()),
        ("sessions with faults", format!("{faulty:#}\n")),
    ] {
        said.now(situation);
        home.save(&home.workspace(), &text);
        said.runs(&["workspace validate", "status", "session list"]);
    }
    said.runs(&[
        "workspace validate --json",
        "session start orphan",
        "session start 'ring a'",
        "session start 'bad arn'",
        "session start 'no id'",
        "session show sso",
        "run --once",
    ]);
    said.compare("wrong-workspace");
}

#[test]
fn a_configuration_is_wrong() {
    let home = plain();
    let mut said = Transcript::of(&home);
    let entry = |more: &str| {
        format!("[[policy]]\nname = \"keep\"\nmodule = \"builtin:keep-active\"\n{more}")
    };
    let of = |module: &str| format!("[[policy]]\nname = \"x\"\nmodule = \"{module}\"\n");
    for (situation, text) in [
        ("a syntax error", "[delivery\n".to_owned()),
        ("an unknown key", "[delivry]\ntargets = []\n".to_owned()),
        ("a wrong type", "[[policy]]\nname = 7\n".to_owned()),
        (
            "an unknown chain target",
            "[delivery]\ntargets = [\"moon\"]\n".to_owned(),
        ),
        ("an unknown built-in policy", of("builtin:keep-alive")),
        ("a module that is missing", of("nowhere.wasm")),
        ("a module that is nothing", of("")),
        ("a module of an unknown kind", of("ftp://x/y")),
        (
            "a module that is not on this machine",
            of("oci://registry.example/x:1"),
        ),
        ("two entries of one name", entry(&entry(""))),
        ("an odd name", entry("").replace("\"keep\"", "\"keep it\"")),
        (
            "a configuration the policy does not take",
            entry("config = { mach = {} }\n"),
        ),
        (
            "a wrong expression",
            entry("[policy.grant]\nsessions = \"label.env == 'x'\"\n"),
        ),
        (
            "an unknown action",
            entry("[policy.grant]\nactions = [\"begin\"]\n"),
        ),
        (
            "a grant that is not enough",
            entry("[policy.grant]\nactions = [\"stop\"]\n"),
        ),
        ("a wrong rate", entry("[policy.grant]\nrate = \"often\"\n")),
        (
            "a trust root without a key",
            "[[trust]]\nsource = \"oci://x/*\"\nkeys = []\n".to_owned(),
        ),
        (
            "a trust root with a bad key",
            "[[trust]]\nsource = \"oci://x/*\"\nkeys = [\"x\"]\n".to_owned(),
        ),
    ] {
        said.now(situation);
        home.save_config(&text);
        said.runs(&["policy list", "status"]);
    }
    said.now("a syntax error, and what other commands say of it");
    home.save_config("[delivery\n");
    said.runs(&[
        "policy list --json",
        "session start dev",
        "session stop dev",
        "exec dev -- true",
        "env dev --static",
        "policy add builtin:keep-active --yes",
        "policy disable keep",
        "run --once",
        "doctor --offline",
    ]);
    said.compare("wrong-configuration");
}

#[test]
fn a_policy_says_no() {
    let home = plain();
    let mut said = Transcript::of(&home);
    let guard = "[[policy]]\nname = \"guard\"\nmodule = \"builtin:prod-guard\"\ntier = \"guard-rail\"\n\
        config = { match = { labels = [\"env=prod\"] } }\ngrant = { hold = true, actions = [\"stop\"] }\n";
    said.now("a guard rail for prod");
    home.save_config(guard);
    said.runs(&[
        "policy list",
        "policy inspect guard",
        "session start prod",
        "session start prod --json",
        "credential-process prod",
        "exec prod -- true",
        "session start prod --reason 'a release'",
        "session start prod --override 'an emergency'",
        "session stop prod",
        "policy disable guard",
        "policy enable guard",
        "policy enable guard",
        "policy enable nobody",
        "policy inspect nobody",
        "policy remove nobody",
    ]);
    said.now("a guard rail that cannot be loaded");
    home.save_config(&guard.replace("builtin:prod-guard", "nowhere.wasm"));
    said.runs(&[
        "policy list",
        "status",
        "session start dev",
        "explain dev",
        "run --once",
    ]);
    said.compare("policy-says-no");
}

#[test]
fn an_engine_runs() {
    let home = plain();
    home.save_config(
        "[[policy]]\nname = \"keep\"\nmodule = \"builtin:on-event\"\n\
        config = { events = [\"go\"], then = \"start\" }\n",
    );
    let daemon = Daemon::start(&home);
    let mut said = Transcript::of(&home);
    said.now("an engine runs");
    said.runs(&[
        "run",
        "session start dev",
        "session start dev",
        "session rotate dev",
        "session rotate prod",
        "session stop prod",
        "session show dev",
        "session stop dev",
        "explain dev",
        "session release dev",
        "session release dev",
        "session start dve",
        "emit unheard",
        "respond dev 123456",
        "respond",
        "session start dev",
    ]);
    said.now("somebody else has the profile");
    std::fs::create_dir_all(home.credentials().parent().unwrap()).unwrap();
    let theirs = "[prod]\naws_access_key_id = AKIATHEIRS\naws_secret_access_key = x\n";
    let text = home.credentials_text();
    std::fs::write(home.credentials(), format!("{theirs}{text}")).unwrap();
    said.runs(&["session start prod", "session list", "status"]);
    said.now("the session is removed");
    said.run("session remove dev --yes");
    let limit = std::time::Duration::from_secs(60);
    until(limit, "it is gone", || home.session("dev").is_none());
    said.runs(&["session list", "session start dev"]);
    assert_eq!(daemon.terminate(), 0);
    said.now("the engine has ended");
    said.runs(&["emit unheard", "env prod --imds", "policy enable keep"]);
    said.compare("engine");
}

#[test]
fn a_cloud_does_not_do_what_is_asked() {
    let home = Home::new();
    let role = "arn:aws:iam::123456789012:role/x";
    home.save_workspace(&json!({ "sessions": [
        { "sessionId": "id-user", "sessionName": "user", "type": "awsIamUser", "profileName": "user" },
        { "sessionId": "id-mfa", "sessionName": "mfa", "type": "awsIamUser", "profileName": "mfa",
          "mfaDevice": "GAHT12345678" },
        { "sessionId": "id-role", "sessionName": "role", "type": "awsIamRoleChained",
          "roleArn": role, "parentSessionId": "id-user" },
        { "sessionId": "id-web", "sessionName": "web", "type": "awsIamRoleWebIdentity",
          "roleArn": role, "tokenFile": "nowhere.jwt" },
    ]}));
    home.save_config("[aws]\nsts-endpoint-url = \"http://127.0.0.1:1\"\n");
    let mut said = Transcript::of(&home);
    said.now("no access key");
    said.runs(&[
        "session start user",
        "session start role",
        "session start web",
        "status",
    ]);
    said.now("an STS that is not there");
    said.runs(&[
        "secret set user < AKIAIOSFODNN7EXAMPLE\nwJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "secret list",
        "session start user",
        "session start user --json",
        "session start role",
        "credential-process role",
        "exec role -- true",
    ]);
    said.now("a code of an MFA device");
    said.runs(&[
        "secret set mfa < AKIAIOSFODNN7EXAMPLE\nwJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "session start mfa",
        "credential-process mfa",
        "respond mfa nonsense",
        "secret set mfa --totp < not a seed",
    ]);
    said.now("a portal to which nobody signed in");
    said.runs(&[
        "integration add corp --id corp --portal-url https://corp.example/start --region eu-west-1",
        "session add sso --id id-sso --type awsSsoRole --integration corp \
         --role-arn arn:aws:iam::123456789012:role/dev --email jo@example.org",
        "session start sso",
        "credential-process sso",
        "integration list",
        "integration sync corp",
        "integration remove corp",
        "integration logout corp",
    ]);
    said.now("a key that cannot be rotated");
    said.runs(&[
        "secret rotate user",
        "secret rotate role",
        "secret rotate sso",
    ]);
    said.now("a program that prints no credentials, and a machine that has none");
    said.runs(&[
        "session add tool --id id-tool --type process --profile tool",
        "session add tool --id id-tool --type process --profile tool --command 'print \"it",
        "session add tool --id id-tool --type process --profile tool --command 'sh -c \"exit 3\"'",
        "session start tool",
        "session edit tool --command 'echo {}'",
        "session start tool",
        "credential-process tool",
        "session add machine --id id-machine --type awsInstance --credential-source Ec2Instance",
        "session add machine --id id-machine --type awsInstance --credential-source EcsContainer",
        "session start machine",
        "session edit machine --credential-source Environment",
        "session start machine",
        "session remove tool",
        "session remove machine",
    ]);
    said.now("certificates that are not there, and a token without its module");
    said.runs(&[
        "session add server --id id-server --type awsRolesAnywhere --profile server",
        "session add server --id id-server --type awsRolesAnywhere --profile server \
         --role-arn arn:aws:iam::123456789012:role/server \
         --profile-arn arn:aws:rolesanywhere:eu-west-1:123456789012:profile/p \
         --trust-anchor-arn arn:aws:rolesanywhere:eu-west-1:123456789012:trust-anchor/t \
         --certificate server.crt --private-key server.key",
        "session start server",
        "session edit server --certificate /nowhere/server.crt",
        "session start server",
        "doctor --offline",
        "session edit server --certificate pkcs11:object=web?pin-value=1234 --pkcs11-module /nowhere/module.so",
        "session edit server --certificate pkcs11:object=web",
        "session edit server --certificate pkcs11:object=web --pkcs11-module /nowhere/module.so --unset privateKey",
        "session start server",
        "secret remove server",
        "session remove server",
    ]);
    said.now("a sign-in to the console that nobody has made, and one that is none");
    said.runs(&[
        "session add login --id id-login --type awsLogin --profile login",
        "session add login --id id-login --type awsLogin --profile login --login-session me",
        "session add login --id id-login --type awsLogin --profile login \
         --login-session arn:aws:iam::123456789012:user/me",
        "session start login",
        "session login login --port 5",
        "session login user --remote",
        "console login",
        "session remove login --yes",
    ]);
    said.now("a role of a role for more than an hour");
    said.runs(&[
        "session add inner --id id-inner --type awsIamRoleChained --parent role --duration 2h \
         --role-arn arn:aws:iam::123456789012:role/y",
    ]);
    said.now("the console of an IAM user");
    said.runs(&[
        "console user --policy nowhere",
        "console role --policy arn:aws:iam::aws:policy/ReadOnlyAccess",
    ]);
    said.now("Azure, to which nobody signed in");
    said.runs(&[
        "integration add contoso --id contoso --kind azure --tenant-id contoso.onmicrosoft.com",
        "session add azure --id id-azure --type azure --integration contoso \
         --subscription-id 6d3f5c0e-1111-4222-8333-444455556666 --tenant-id contoso.onmicrosoft.com",
        "session start azure",
        "console azure",
        "env azure --static",
    ]);
    said.compare("cloud");
}

#[test]
fn files_are_not_as_they_should_be() {
    let home = plain();
    let mut said = Transcript::of(&home);
    said.now("a credentials file that is a folder");
    std::fs::create_dir_all(home.credentials()).unwrap();
    said.runs(&["session start dev", "doctor --offline"]);
    std::fs::remove_dir(home.credentials()).unwrap();
    said.now("a credentials file that the AWS CLI cannot read");
    std::fs::write(home.credentials(), "[dev\nx\n").unwrap();
    said.runs(&[
        "session start dev",
        "secret import-aws dev",
        "doctor --offline",
    ]);
    std::fs::remove_file(home.credentials()).unwrap();
    said.now("a profile that is not there");
    said.run("secret import-aws legacy");
    said.now("a configuration that others may write");
    home.save_config("");
    let others = std::os::unix::fs::PermissionsExt::from_mode(0o666);
    std::fs::set_permissions(home.path().join("dayfly.toml"), others).unwrap();
    said.runs(&["policy list", "session start dev"]);
    std::fs::remove_file(home.path().join("dayfly.toml")).unwrap();
    said.now("a vault without its key");
    said.run("session add user --id id-user --type awsIamUser");
    said.run("secret set user < AKIAIOSFODNN7EXAMPLE\nwJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
    let vault = home.path().join("vault");
    for name in ["key", "vault.key", "key.txt"] {
        let _ = std::fs::remove_file(vault.join(name));
        let _ = std::fs::remove_file(home.path().join(name));
    }
    said.runs(&["secret list", "session start user", "doctor --offline"]);
    said.compare("files");
}

/// Files below a home.
fn put(home: &Home, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = home.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

#[test]
fn sessions_come_from_other_tools() {
    let mut home = Home::new();
    let leapp = include_str!("../../../engine/import/fixtures/leapp/version-7.json");
    put(
        &home,
        &[
            (".Leapp/Leapp-lock.json", leapp),
            (".Leapp/Leapp-crew-lock.json", leapp),
        ],
    );
    let mut said = Transcript::of(&home);
    said.now("a file of Leapp from another machine");
    said.run("import --apply");
    let cut = &leapp[..leapp.len() / 2];
    let said = said.text;
    home.set("DAYFLY_MACHINE_ID", "0123456789abcdef0123456789abcdef");
    let mut said = Transcript {
        home: &home,
        text: said,
    };
    said.now("its end is missing");
    put(&home, &[(".Leapp/Leapp-lock.json", cut)]);
    said.run("import --apply");
    put(&home, &[(".Leapp/Leapp-lock.json", leapp)]);
    said.now("it is whole, beside profiles that somebody else wrote");
    let config = "[profile work]\nrole_arn = arn:aws:iam::111111111111:role/Mine\nsource_profile = none\n\
                  [profile again]\ncredential_process = leapp session generate 00000000-0000-4000-8000-000000000006\n";
    put(&home, &[(".aws/config", config)]);
    said.run("import leapp");
    said.now("there is no keyring");
    said.run("import leapp --apply");
    said.now("Leapp is running");
    let lock = home.path().join(".config/Leapp/SingletonLock");
    std::fs::create_dir_all(lock.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink(format!("here-{}", std::process::id()), &lock).unwrap();
    said.run("import leapp --apply");
    std::fs::remove_file(&lock).unwrap();
    said.runs(&[
        "import leapp --apply --without-keys",
        "import leapp --apply",
        "import --undo",
    ]);
    said.now("keys of aws-vault, in files without a passphrase, and in none");
    let key = include_str!("../../../engine/import/fixtures/aws-vault/keys/work");
    let asks = "[profile work]\nregion = eu-west-1\n[profile lost]\ncredential_process = aws-vault export lost\n";
    put(
        &home,
        &[(".awsvault/keys/work", key), (".aws/config", asks)],
    );
    said.runs(&["import aws-vault", "import aws-vault --apply"]);
    put(&home, &[(".awsvault/keys/work", &key[..key.len() - 40])]);
    let said = said.text;
    home.set("AWS_VAULT_FILE_PASSPHRASE", "correct horse");
    let mut said = Transcript {
        home: &home,
        text: said,
    };
    said.run("import aws-vault --apply");
    put(&home, &[(".awsvault/keys/work", key)]);
    let text = said.text;
    home.set("AWS_VAULT_FILE_PASSPHRASE", "wrong");
    let mut said = Transcript { home: &home, text };
    said.run("import aws-vault --apply");
    said.now("configurations that cannot be read");
    put(
        &home,
        &[
            (".aws-sso/config.yaml", "SSOConfig: [\n"),
            (".awsume/config.yaml", "a: &x 1\nb: *x\n"),
            (".saml2aws", "[default]\nurl\n"),
            (".azure/azureProfile.json", "{"),
        ],
    );
    said.runs(&[
        "import aws-sso-cli",
        "import awsume",
        "import saml2aws",
        "import azure",
    ]);
    put(&home, &[(".granted/config", "[Keyring\n")]);
    said.run("import");
    said.compare("import");
}

#[test]
fn a_policy_is_written_and_shared() {
    let home = plain();
    std::fs::write(home.path().join("text.wasm"), "no component").unwrap();
    let mut said = Transcript::of(&home);
    let folder = home.path().display().to_string();
    let place = |line: &str| line.replace('~', &folder);
    let lines = [
        "policy new 'Bad Name'",
        "policy new stop-idle --lang c --folder ~/stop-idle",
        "policy new stop-idle --lang c --folder ~/stop-idle",
        "policy build ~/nowhere",
        "policy check ~/nowhere.wasm",
        "policy check ~/text.wasm",
        "policy add ~/nowhere.wasm --yes",
        "policy add ~/text.wasm --yes",
        "policy add builtin:nothing --yes",
        "policy add ftp://x/y --yes",
        "policy add oci://127.0.0.1:1/team/x:1 --yes",
        "policy add git:~//x.wasm --yes",
        "policy add builtin:keep-active",
        "policy add builtin:keep-active --yes",
        "policy add builtin:keep-active --yes",
        "policy add builtin:idle-stop --config nonsense --yes",
        "policy update",
        "policy pull",
        "policy accept",
        "policy verify ~/text.wasm",
        "policy verify ~/text.wasm --key nonsense",
        "policy sign ~/text.wasm",
        "policy push ~/text.wasm oci://127.0.0.1:1/x:1",
        "policy push ~/text.wasm ~/nowhere",
        "policy test ~/nowhere.toml",
        "policy simulate ~/nowhere.toml",
        "policy simulate --for soon",
        "policy simulate --for 1h",
        "policy remove keep-active",
    ];
    for line in lines {
        said.run(&place(line));
    }
    std::fs::write(
        home.path().join("scenario.toml"),
        "[[expect]]\nat = \"1h\"\nsession = \"dev\"\nstatus = \"active\"\n[[expect]]\nsession = \"dve\"\nstatus = \"active\"\n",
    )
    .unwrap();
    said.run(&place("policy test ~/scenario.toml"));
    std::fs::write(
        home.path().join("scenario.toml"),
        "[[expect]]\nat = \"1h\"\nsession = \"dev\"\nstatus = \"active\"\n",
    )
    .unwrap();
    said.run(&place("policy test ~/scenario.toml"));
    said.run(&place("policy test ~/scenario.toml --json"));
    said.text = said.text.replace(&folder, "HOME");
    said.compare("policies");
}

#[test]
fn what_differs_each_time_is_masked() {
    let home = plain();
    let text = format!(
        "{}/x at 2026-03-01T14:00:00.123Z, 14:00:00, process 1234567, \
         0d1e2f3a-1111-4222-8333-444455556666, {}",
        home.path().display(),
        "0a".repeat(32)
    );
    let masked = masked(&home, &text);
    assert_eq!(masked, "HOME/x at TIME, TIME, process PID, UUID, DIGEST");
    assert_eq!(words("a 'b c' d"), ["a", "b c", "d"]);
}
