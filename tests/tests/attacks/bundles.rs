//! Folders and files that somebody else made, handed to the commands that read policies.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use dayfly_tests::authoring::prebuilt;
use dayfly_tests::home::Ended;
use dayfly_tests::{Home, processor};

const CANARY: &str = "wJalrXUtnFEMIcanaryEXAMPLEKEY";
/// Processor time, which is nothing beside reading without an end.
const LIMIT: Duration = Duration::from_secs(30);
/// For a command that waits for ever.
const HANGS: Duration = Duration::from_secs(300);

/// A home with a secret of the person, and beside it a folder that somebody else made.
struct Scene {
    home: Home,
    folder: PathBuf,
}

impl Scene {
    fn new() -> Self {
        let home = Home::new();
        let secret = home.credentials();
        fs::create_dir(secret.parent().expect("a folder")).expect("a folder");
        let text =
            format!("[default]\naws_access_key_id = AKIA\naws_secret_access_key = {CANARY}\n");
        fs::write(&secret, text).expect("a file");
        let folder = home.path().join("theirs");
        fs::create_dir(&folder).expect("a folder");
        Self { home, folder }
    }

    fn bundle(&self, module: &str) {
        let module = toml::Value::from(module);
        let text = format!(
            "[bundle]\nname = \"team\"\nversion = \"1.0.0\"\n\n[[policy]]\nname = \"keep\"\nmodule = {module}\n"
        );
        fs::write(self.folder.join("bundle.toml"), text).expect("a file");
    }

    /// What a person may do with such a folder ends in time, tells no secret and changes nothing.
    fn refused(&self, what: &str) -> Vec<Ended> {
        let folder = self.folder.to_str().expect("UTF-8");
        let to = self.home.path().join("share");
        let to = to.to_str().expect("UTF-8");
        let commands = [
            &["policy", "add", folder, "--yes"][..],
            &["policy", "push", folder, to],
            &["policy", "verify", folder],
        ];
        let ended: Vec<Ended> = commands.iter().map(|args| run(&self.home, args)).collect();
        for (args, ended) in commands.iter().zip(&ended) {
            assert_ne!(ended.code, 0, "{what}: {args:?}: {}", ended.out);
            for text in [&ended.out, &ended.err] {
                assert!(!text.contains(CANARY), "{what}: {args:?}: {text}");
                assert!(!text.contains("panicked"), "{what}: {args:?}: {text}");
            }
            assert!(
                ended.err.len() < 4_000,
                "{what}: {args:?}: {} bytes",
                ended.err.len()
            );
        }
        for made in ["dayfly.toml", "dayfly.lock", "share"] {
            assert!(!self.home.path().join(made).exists(), "{what}: {made}");
        }
        ended
    }
}

/// Runs a command that has to end.
fn run(home: &Home, args: &[&str]) -> Ended {
    let mut command = home.command(args);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program runs");
    let begun = Instant::now();
    let pid = child.id();
    let mut most = 0;
    while child.try_wait().expect("it is ours").is_none() {
        most = most.max(resident_kib(pid));
        if processor::used(pid) > LIMIT || begun.elapsed() > HANGS || most > 2 << 20 {
            child.kill().expect("it is ours");
            child.wait().expect("it is ours");
            panic!(
                "{args:?} goes on after {:?} with {most} KiB",
                begun.elapsed()
            );
        }
        // Sleeps between two looks at its memory, until the limit.
        std::thread::sleep(Duration::from_millis(20));
    }
    let output = child.wait_with_output().expect("it is ours");
    Ended {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

fn resident_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number.and_then(|n| n.parse().ok()).unwrap_or(0)
}

fn fifo(path: &Path) {
    rustix::fs::mkfifoat(
        rustix::fs::CWD,
        path,
        rustix::fs::Mode::from_raw_mode(0o600),
    )
    .expect("a pipe");
}

#[test]
fn what_a_bundle_leads_to_elsewhere_is_not_read_and_nothing_endless_is() {
    let scene = Scene::new();
    scene.bundle("keep.wasm");
    let module = scene.folder.join("keep.wasm");
    let put = |what: &str| {
        let _ = fs::remove_file(&module);
        match what {
            "a link to a secret" => symlink("../.aws/credentials", &module).expect("a link"),
            "a hard link to a secret" => {
                fs::hard_link(scene.home.credentials(), &module).expect("a link");
            }
            "a link without end" => symlink("/dev/zero", &module).expect("a link"),
            "a link to itself" => symlink("keep.wasm", &module).expect("a link"),
            "a link to nothing" => symlink("none.wasm", &module).expect("a link"),
            "a pipe" => fifo(&module),
            "a huge file" => {
                let file = fs::File::create(&module).expect("a file");
                file.set_len(10 << 30).expect("it is sparse");
            }
            "a folder" => fs::create_dir(&module).expect("a folder"),
            _ => unreachable!(),
        }
    };
    for (what, says) in [
        ("a link to a secret", "leads out of"),
        ("a hard link to a secret", ""),
        ("a link without end", "leads out of"),
        ("a link to itself", ""),
        ("a link to nothing", "points to a missing file"),
        ("a pipe", "not a regular file"),
        ("a huge file", "more than"),
        ("a folder", "not a regular file"),
    ] {
        put(what);
        for ended in scene.refused(what) {
            assert!(ended.err.contains(says), "{what}: {}", ended.err);
        }
    }
    // The text of the bundle itself, and the file of a project, in the same way.
    fs::remove_dir(&module).expect("a folder");
    for file in ["bundle.toml", "policy.toml"] {
        let text = scene.folder.join("bundle.toml");
        let _ = fs::remove_file(text);
        let file = scene.folder.join(file);
        symlink("../.aws/credentials", &file).expect("a link");
        scene.refused("a text that is a link to a secret");
        fs::remove_file(&file).expect("a link");
        symlink("/dev/zero", &file).expect("a link");
        scene.refused("a text without end");
        fs::remove_file(&file).expect("a link");
        fifo(&file);
        scene.refused("a text that is a pipe");
        fs::remove_file(&file).expect("a pipe");
    }
}

#[test]
fn names_in_a_bundle_that_lead_out_or_steer_are_refused() {
    let scene = Scene::new();
    fs::copy(prebuilt("keep-active"), scene.home.path().join("keep.wasm")).expect("a copy");
    for name in [
        "../keep.wasm",
        "x/../../keep.wasm",
        "./../keep.wasm",
        "/etc/passwd",
        "..",
        ".",
        "a\\..\\keep.wasm",
        "keep.wasm\u{0}",
        "keep\nname",
        "keep\u{1b}[2J.wasm",
        "",
    ] {
        scene.bundle(name);
        scene.refused(&format!("{name:?}"));
    }
    // What looks the same in another case is another file, and two entries of one name are none.
    fs::copy(prebuilt("keep-active"), scene.folder.join("KEEP.wasm")).expect("a copy");
    scene.bundle("keep.wasm");
    scene.refused("another case");
    // The same folder with the right name is taken.
    scene.bundle("KEEP.wasm");
    let (folder, to) = (&scene.folder, scene.home.path().join("share"));
    let [folder, to] = [folder, &to].map(|path| path.to_str().expect("UTF-8"));
    run(&scene.home, &["policy", "push", folder, to]).ok();
    fs::remove_dir_all(to).expect("a folder");
    let head = "[bundle]\nname = \"team\"\nversion = \"1.0.0\"\n";
    let entry = |name: &str| format!("[[policy]]\nname = {name}\nmodule = \"KEEP.wasm\"\n");
    for entries in [
        entry("\"keep\"").repeat(2),
        entry("\"../keep\""),
        entry("\"keep\\u001b[2J\""),
        entry("\"keep\\u0000\""),
        (0..101).map(|n| entry(&format!("\"k{n}\""))).collect(),
    ] {
        fs::write(scene.folder.join("bundle.toml"), format!("{head}{entries}")).expect("a file");
        scene.refused("entries");
    }
}

#[test]
fn texts_of_a_bundle_that_are_deep_or_wide_cost_little() {
    let scene = Scene::new();
    let head = "[bundle]\nname = \"team\"\nversion = \"1.0.0\"\n\
                [[policy]]\nname = \"keep\"\nmodule = \"builtin:keep-active\"\n";
    let deep = 100_000;
    let wide: String = (0..70_000).map(|n| format!("k{n} = 0\n")).collect();
    for text in [
        format!("{head}config = {}{}\n", "[".repeat(deep), "]".repeat(deep)),
        format!(
            "{head}config = {}0{}\n",
            "{a=".repeat(deep),
            "}".repeat(deep)
        ),
        format!("{head}config.{} = 0\n", vec!["a"; deep].join(".")),
        format!(
            "{head}[policy.config.{}]\nx = 0\n",
            vec!["a"; deep].join(".")
        ),
        format!("{head}{wide}"),
        "#".repeat((1 << 20) + 1),
        "\"".repeat(1 << 20),
        "[[policy]]\n".repeat(90_000),
    ] {
        fs::write(scene.folder.join("bundle.toml"), &text).expect("a file");
        scene.refused(&text[..text.len().min(160)]);
    }
}
