//! What is in a core of an engine, and of commands: no secret, whoever takes it and whenever.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use dayfly_tests::memory::{Memory, Part, core};
use dayfly_tests::{Daemon, Door, Exec, Home, within};
use rustix::fs::OFlags;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

const LONG_LIVED: &str = "canaryLongLivedKeyOfTheVault0000000000000";
const SECRET: &str = "canaryTemporarySecretKey00000000000000000";
const TOKEN: &str = "canarySessionTokenOfTemporaryCredentials0";
const OTHER: &str = "canaryLongLivedKeyOfTheSharedFile00000000";
/// A seed in base32, which the vault keeps as it is.
const SEED: &str = "CANARYSEEDOFADEVICEAAAAAAAAAAAAA";

/// An STS that gives everybody the same credentials, and a console that knows them; both wait while
/// they are held.
struct Cloud {
    address: String,
    held: Arc<AtomicBool>,
}

impl Cloud {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let held = Arc::new(AtomicBool::new(false));
        let hold = Arc::clone(&held);
        thread::spawn(move || {
            for connection in listener.incoming() {
                let Ok(connection) = connection else {
                    return;
                };
                let hold = Arc::clone(&hold);
                thread::spawn(move || answer(connection, &hold));
            }
        });
        Self {
            address: format!("http://{address}"),
            held,
        }
    }

    fn hold(&self, held: bool) {
        self.held.store(held, Ordering::SeqCst);
    }
}

fn answer(mut connection: TcpStream, held: &AtomicBool) {
    let mut request = [0; 16 << 10];
    let read = connection.read(&mut request).unwrap_or(0);
    let request = String::from_utf8_lossy(&request[..read]).into_owned();
    while held.load(Ordering::SeqCst) {
        // Sleeps between two looks at whether the test lets it answer.
        thread::sleep(Duration::from_millis(10));
    }
    let action = match request.contains("AssumeRole") {
        true => "AssumeRole",
        false => "GetSessionToken",
    };
    let body = match request.contains("getSigninToken") {
        true => r#"{"SigninToken":"canary"}"#.to_owned(),
        false => format!(
            "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
             <{action}Result><Credentials><AccessKeyId>ASIACANARY</AccessKeyId>\
             <SecretAccessKey>{SECRET}</SecretAccessKey><SessionToken>{TOKEN}</SessionToken>\
             <Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></{action}Result>\
             <ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></{action}Response>"
        ),
    };
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        body.len()
    );
    let _ = connection.write_all(format!("{head}{body}").as_bytes());
}

/// A home with a long-lived key in its vault and another one in the shared file.
fn home(cloud: &Cloud) -> Home {
    let mut home = Home::new();
    home.set("AWS_EC2_METADATA_DISABLED", "true");
    home.save_config(&format!(
        "[aws]\nsts-endpoint-url = \"{0}\"\nsignin-endpoint-url = \"{0}/federation\"\n",
        cloud.address
    ));
    home.save_workspace(&json!({ "sessions": [
        { "sessionId": "user", "sessionName": "user", "type": "awsIamUser", "region": "eu-west-1" },
        { "sessionId": "role", "sessionName": "role", "type": "awsIamRoleChained",
          "region": "eu-west-1", "roleArn": "arn:aws:iam::111122223333:role/r",
          "parentSessionId": "user" },
        { "sessionId": "device", "sessionName": "device", "type": "awsIamUser", "region": "eu-west-1",
          "mfaDevice": "arn:aws:iam::111122223333:mfa/d" },
    ]}));
    let folder = home.path().join(".aws");
    std::fs::create_dir(&folder).expect("a folder");
    let shared =
        format!("[old]\naws_access_key_id = AKIACANARYOLD000\naws_secret_access_key = {OTHER}\n");
    std::fs::write(home.credentials(), shared).expect("a file");
    let key = format!("AKIACANARY000000\n{LONG_LIVED}\n");
    home.run_with(["secret", "set", "user"], &key).ok();
    home
}

fn of_kernel(pid: u32, what: &str) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/{what}")).expect("a process that runs")
}

/// Whether no core of this process has anything in it.
fn is_private(pid: u32) -> Result<(), String> {
    let filter = of_kernel(pid, "coredump_filter");
    let limits = of_kernel(pid, "limits");
    let limit = limits.lines().find(|l| l.starts_with("Max core file size"));
    let soft = limit.and_then(|l| l.split_whitespace().nth(4));
    match (filter.trim(), soft) {
        ("00000000", Some("0")) => Ok(()),
        found => Err(format!("{found:?}")),
    }
}

/// Whether memory of others can be read here at all, and cores be taken: both are needed to see what
/// is in them.
#[expect(clippy::print_stderr, reason = "so that nobody takes it for a pass")]
fn can_look(folder: &Path) -> bool {
    let mut control = Command::new("sh")
        .args(["-c", "secret=canaryOfTheControl0000; echo; read line"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a shell");
    let mut line = [0];
    let ready = control.stdout.as_mut().expect("an output").read(&mut line);
    ready.expect("a shell that runs");
    let found = core(control.id(), folder);
    let memory = Memory::of(control.id(), Part::Core);
    let _ = control.kill();
    let _ = control.wait();
    let is_root = rustix::process::geteuid().is_root();
    let Some(found) = found.filter(|_| is_root) else {
        eprintln!("not run: only root sees the memory of processes that keep it to themselves");
        return false;
    };
    // The methods find what there is to find.
    assert!(found.has("canaryOfTheControl0000"));
    assert!(memory.is_some_and(|memory| memory.has("canaryOfTheControl0000")));
    true
}

/// A pipe that takes nothing more until it is read.
fn full() -> (io::PipeReader, io::PipeWriter) {
    let (reader, mut writer) = io::pipe().expect("a pipe");
    let flags = rustix::fs::fcntl_getfl(&writer).expect("flags");
    rustix::fs::fcntl_setfl(&writer, flags | OFlags::NONBLOCK).expect("flags");
    for size in [4_096, 1] {
        while writer.write(&vec![b' '; size]).is_ok() {}
    }
    rustix::fs::fcntl_setfl(&writer, flags).expect("flags");
    (reader, writer)
}

fn signal(child: &Child, signal: Signal) {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    kill_process(pid.expect("a process"), signal).expect("it runs");
}

/// Stops a command at the moment when it has these secrets in its memory, and looks for them in a core.
fn caught(what: &str, child: &Child, secrets: &[&str], folder: &Path) {
    let moment = format!("{what} has {secrets:?} in its memory");
    within(Duration::from_secs(30), &moment, || {
        let memory = Memory::of(child.id(), Part::All).ok_or("it has ended")?;
        let all = secrets.iter().all(|secret| memory.has(secret));
        all.then_some(()).ok_or("it has them not")
    });
    signal(child, Signal::STOP);
    is_private(child.id()).unwrap_or_else(|e| panic!("{what}: {e}"));
    let found = core(child.id(), folder).expect("a core");
    for secret in secrets {
        assert!(!found.has(secret), "{secret} is in a core of {what}");
    }
    signal(child, Signal::CONT);
}

/// A process that goes on for long has temporary credentials in pages that no core has, and nowhere
/// else, even where somebody gives it the usual filter. What is on its way is awaited.
fn keeps_to_itself(what: &str, pid: u32) {
    let all = Memory::of(pid, Part::All).expect("memory");
    assert!(all.has(SECRET) && all.has(TOKEN), "{what} has none");
    within(Duration::from_secs(10), what, || {
        let usual = Memory::of(pid, Part::Core).expect("memory");
        let found = [LONG_LIVED, SECRET, TOKEN, OTHER].map(|secret| usual.places(secret));
        let found = found.concat();
        found.is_empty().then_some(()).ok_or(found)
    });
}

/// Ends it.
fn done(mut child: Child) {
    let _ = child.kill();
    let _ = child.wait();
}

#[test]
fn no_core_has_a_secret_and_a_command_of_the_person_has_its_own_again() {
    let cloud = Cloud::start();
    let home = home(&cloud);
    let engine = Daemon::start(&home);
    home.run(["session", "start", "user"]).ok();
    let given = home.run(["credential-process", "user"]).ok();
    assert!(given.out.contains(SECRET), "{given:?}");
    is_private(engine.pid()).expect("the engine keeps its memory to itself");
    let mut follow = home.command(["events", "--follow"]);
    let follow = follow.stdout(Stdio::null()).spawn().expect("a command");
    let limit = Duration::from_secs(20);
    within(limit, "the command keeps its memory to itself", || {
        is_private(follow.id())
    });
    done(follow);
    // The person's own command can leave cores as ever.
    let shown = "ulimit -c; cat /proc/self/coredump_filter";
    let outside = Command::new("sh")
        .args(["-c", shown])
        .output()
        .expect("a shell");
    let waits = format!("sleep 1; {shown}");
    let inside = home.run(["exec", "user", "--", "sh", "-c", &waits]).ok();
    assert_eq!(inside.out.as_bytes(), outside.stdout);

    let folder = tempfile::tempdir().expect("a folder");
    if !can_look(folder.path()) {
        return;
    }
    let key = std::fs::read_to_string(home.path().join("vault.key")).expect("a key");
    let secrets = [LONG_LIVED, SECRET, TOKEN, key.trim()];
    let found = core(engine.pid(), folder.path()).expect("a core");
    for canary in secrets {
        assert!(!found.has(canary), "{canary} is in a core of the engine");
    }
    // What libraries copied on the way is overwritten.
    keeps_to_itself("the engine", engine.pid());
    let usual = Memory::of(engine.pid(), Part::Core).expect("memory");
    assert_eq!(usual.places(key.trim()), Vec::<String>::new());
}

#[test]
fn no_core_of_a_command_has_a_secret_at_the_moment_when_it_has_it() {
    let folder = tempfile::tempdir().expect("a folder");
    if !can_look(folder.path()) {
        return;
    }
    let folder = folder.path();
    let cloud = Cloud::start();
    let piped = |home: &Home, args: &[&str]| {
        let (reader, writer) = full();
        let mut command = home.command(args);
        let child = command.stdout(writer).stderr(Stdio::null()).spawn();
        (child.expect("a command"), reader)
    };
    // While the cloud is asked, and while what it gave is printed.
    for args in [
        &["credential-process", "user"][..],
        &["env", "user", "--static", "--shell", "bash"],
    ] {
        let home = home(&cloud);
        cloud.hold(true);
        let (child, _reader) = piped(&home, args);
        caught(&args.join(" "), &child, &[LONG_LIVED], folder);
        cloud.hold(false);
        caught(&args.join(" "), &child, &[SECRET, TOKEN], folder);
        done(child);
    }
    let home = home(&cloud);
    cloud.hold(true);
    let (start, _reader) = piped(&home, &["session", "start", "user"]);
    caught("session start", &start, &[LONG_LIVED], folder);
    done(start);
    cloud.hold(false);
    home.run(["session", "start", "role"]).ok();
    cloud.hold(true);
    let (console, _reader) = piped(&home, &["console", "role"]);
    caught("console", &console, &[SECRET, TOKEN], folder);
    done(console);
    cloud.hold(false);

    // While a command of the person runs, which can be for hours.
    let exec = Exec::start(&home, &["user"]);
    assert_eq!(Door::of(&exec.environment).ask().0, 200);
    keeps_to_itself("exec", exec.pid());
    let fixed = ["exec", "user", "--static", "--", "cat"];
    let mut fixed = home.command(fixed);
    let fixed = fixed.stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
    let fixed = fixed.expect("a command");
    caught("exec --static", &fixed, &[SECRET, TOKEN], folder);
    keeps_to_itself("exec --static", fixed.id());
    done(fixed);

    // While the vault is somebody else's.
    let lock = File::create(home.path().join("vault.lock")).expect("a lock");
    lock.lock().expect("a lock");
    for (args, input, secret) in [
        (
            &["secret", "set", "user"][..],
            format!("AKIACANARY000000\n{LONG_LIVED}\n"),
            LONG_LIVED,
        ),
        (
            &["secret", "set", "device", "--totp"],
            format!("{SEED}\n"),
            SEED,
        ),
        (&["secret", "import-aws", "old"], String::new(), OTHER),
    ] {
        let mut command = home.command(args);
        command.stdin(Stdio::piped()).stdout(Stdio::null());
        let mut child = command.spawn().expect("a command");
        let mut stdin = child.stdin.take().expect("an input");
        stdin.write_all(input.as_bytes()).expect("it is read");
        drop(stdin);
        caught(&args.join(" "), &child, &[secret], folder);
        done(child);
    }
}

#[test]
fn where_memory_cannot_be_locked_all_works_and_doctor_tells_it() {
    let cloud = Cloud::start();
    let home = home(&cloud);
    let told = |grade: &str| {
        let found = home.run(["doctor", "--offline", "--json"]).json();
        let found = found.as_array().cloned().unwrap_or_default();
        let of_memory = |f: &&serde_json::Value| f["about"] == "memory" && f["grade"] == grade;
        let found = found.iter().find(of_memory).cloned();
        found.map(|f| f["message"].as_str().unwrap_or_default().to_owned())
    };
    let none = ["prlimit", "--memlock=0:0"];
    // Root may lock whatever the limit is, but for this.
    let without = [
        "setpriv",
        "--bounding-set=-ipc_lock",
        "--inh-caps=-ipc_lock",
    ];
    let wrapper: Vec<&str> = match rustix::process::geteuid().is_root() {
        true => without.into_iter().chain(none).collect(),
        false => none.to_vec(),
    };
    let log = home.path().join("run.log");
    let engine = Daemon::spawn_under(&home, &wrapper, &log).answering(&home);
    home.run(["session", "start", "user"]).ok();
    let given = home.run(["credential-process", "user"]).ok();
    assert!(given.out.contains(SECRET), "{given:?}");
    let notice = told("notice").expect("doctor says a word of it");
    assert!(notice.contains("secrets to swap"), "{notice}");
    assert_eq!(told("good"), None);
    assert_eq!(engine.terminate(), 0);

    let engine = Daemon::start(&home);
    home.run(["session", "start", "user"]).ok();
    let locked = of_kernel(engine.pid(), "status");
    let locked = locked.lines().find_map(|l| l.strip_prefix("VmLck:"));
    let locked = locked.is_some_and(|l| l.trim() != "0 kB");
    assert_eq!(locked, told("good").is_some(), "{:?}", told("notice"));
    assert!(told("good").is_some() || told("notice").is_some());
}
