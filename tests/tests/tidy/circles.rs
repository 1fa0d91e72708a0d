//! No two files of a crate import each other, neither straight nor through others: what both need lies
//! in a third, below them. A name that a module only hands on counts for the file that defines it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::{code, crate_sources, is_of_tests, root};

/// The path of a module within its crate.
type Module = Vec<String>;

/// A file of a crate.
struct File {
    path: PathBuf,
    module: Module,
    code: String,
}

/// The module of a file under `src`.
fn module(path: &Path) -> Module {
    let mut parts: Module = path
        .with_extension("")
        .components()
        .map(|part| part.as_os_str().to_string_lossy().into_owned())
        .collect();
    let last = parts.last().map(String::as_str);
    if last == Some("mod") || (parts.len() == 1 && matches!(last, Some("lib" | "main"))) {
        parts.pop();
    }
    parts
}

/// The end of the identifier with which a text begins.
fn identifier(text: &str) -> usize {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_');
    end.unwrap_or(text.len())
}

/// Every path of a tree such as `a::{b, c::{D, E}}`, after what stands before it.
fn tree(text: &str, before: &[String], found: &mut Vec<(Vec<String>, String)>) -> usize {
    let skip = |at: usize| at + text[at..].len() - text[at..].trim_start().len();
    let mut path = before.to_vec();
    let mut at = skip(0);
    loop {
        if text[at..].starts_with('{') {
            at = skip(at + 1);
            while at < text.len() && !text[at..].starts_with('}') {
                at += tree(&text[at..], &path, found).max(1);
                at = skip(at);
                if text[at..].starts_with(',') {
                    at = skip(at + 1);
                }
            }
            return (at + 1).min(text.len());
        }
        if text[at..].starts_with('*') {
            path.push("*".to_owned());
            at += 1;
        } else {
            let end = identifier(&text[at..]);
            path.push(text[at..at + end].to_owned());
            at += end;
        }
        if text[at..].starts_with("::") && !text[at + 2..].starts_with('<') {
            at += 2;
            continue;
        }
        break;
    }
    let mut name = path.last().cloned().unwrap_or_default();
    let rest = text[at..].trim_start();
    if let Some(other) = rest.strip_prefix("as ") {
        name = other[..identifier(other)].to_owned();
        at = text.len() - other.len() + name.len();
    }
    found.push((path, name));
    at
}

/// What a file says of other modules of its crate: paths from the root of the crate, each with the name
/// under which it is handed on, if it is.
fn paths(file: &File, children: &BTreeSet<String>) -> Vec<(Vec<String>, Option<String>)> {
    let mut all = Vec::new();
    let mut from = 0;
    while let Some(found) = file.code[from..].find("::") {
        let colon = from + found;
        let head = file.code[..colon].trim_end_matches(|c: char| c.is_alphanumeric() || c == '_');
        let word = &file.code[head.len()..colon];
        from = colon + 2;
        // Only the head of a path.
        if word.is_empty() || head.ends_with("::") {
            continue;
        }
        let mut base = match word {
            "crate" => Vec::new(),
            "self" => file.module.clone(),
            "super" => file.module[..file.module.len().saturating_sub(1)].to_vec(),
            child if children.contains(child) => {
                let mut base = file.module.clone();
                base.push(child.to_owned());
                base
            }
            _ => continue,
        };
        while word == "super" && file.code[from..].starts_with("super::") {
            base.pop();
            from += "super::".len();
        }
        let line = head.rfind('\n').map_or(0, |at| at + 1);
        let line = head[line..].trim();
        let hands_on = line.starts_with("pub") && line.ends_with("use");
        let mut found = Vec::new();
        from += tree(&file.code[from..], &base, &mut found);
        all.extend(
            found
                .into_iter()
                .map(|(path, name)| (path, hands_on.then_some(name))),
        );
    }
    all
}

/// The modules that a file declares in files of their own.
fn children(code: &str) -> BTreeSet<String> {
    let mods = code.lines().filter_map(|line| {
        let line = line.trim();
        let at = line.find("mod ")?;
        let before = &line[..at];
        (before.is_empty() || before.starts_with("pub")).then_some(&line[at + 4..])
    });
    mods.filter_map(|name| name.strip_suffix(';'))
        .map(str::to_owned)
        .collect()
}

/// The files that import each other in a crate, each group once.
fn circles(files: &[File]) -> Vec<Vec<PathBuf>> {
    let by_module: BTreeMap<&Module, usize> = files
        .iter()
        .enumerate()
        .map(|(at, file)| (&file.module, at))
        .collect();
    let said: Vec<_> = files
        .iter()
        .map(|file| paths(file, &children(&file.code)))
        .collect();
    // Where a name that a module hands on is defined.
    let mut handed: BTreeMap<(Module, String), Vec<String>> = BTreeMap::new();
    for (file, said) in files.iter().zip(&said) {
        for (path, name) in said {
            if let Some(name) = name {
                handed.insert((file.module.clone(), name.clone()), path.clone());
            }
        }
    }
    let resolve = |path: &[String]| {
        let mut path = path.to_vec();
        for _ in 0..8 {
            let known = (0..=path.len())
                .rev()
                .find(|end| by_module.contains_key(&path[..*end].to_vec()))?;
            let next = path
                .get(known)
                .map(|name| (path[..known].to_vec(), name.clone()));
            match next.and_then(|key| handed.get(&key)) {
                Some(to) => {
                    let mut to = to.clone();
                    to.extend_from_slice(&path[known + 1..]);
                    path = to;
                }
                None => return by_module.get(&path[..known].to_vec()).copied(),
            }
        }
        None
    };
    let mut edges = vec![BTreeSet::new(); files.len()];
    for (at, said) in said.iter().enumerate() {
        for (path, name) in said {
            if name.is_none() {
                edges[at].extend(resolve(path).filter(|to| *to != at));
            }
        }
    }
    let reach = |from: usize| {
        let (mut seen, mut next) = (BTreeSet::new(), vec![from]);
        while let Some(at) = next.pop() {
            next.extend(edges[at].iter().filter(|to| seen.insert(**to)));
        }
        seen
    };
    let reached: Vec<_> = (0..files.len()).map(reach).collect();
    let mut groups = BTreeSet::new();
    for at in 0..files.len() {
        if reached[at].contains(&at) {
            let with = (0..files.len())
                .filter(|other| reached[at].contains(other) && reached[*other].contains(&at));
            groups.insert(
                with.map(|other| files[other].path.clone())
                    .collect::<Vec<_>>(),
            );
        }
    }
    groups.into_iter().collect()
}

#[test]
fn no_files_import_each_other() {
    let mut crates: BTreeMap<PathBuf, Vec<File>> = BTreeMap::new();
    for (src, path) in crate_sources() {
        let within = path.strip_prefix(&src).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let of_tests = within.components().any(|part| part.as_os_str() == "tests");
        if is_of_tests(&name) || of_tests || within.starts_with("bin") {
            continue;
        }
        let file = File {
            path: path.strip_prefix(root()).unwrap().to_owned(),
            module: module(within),
            code: code(&std::fs::read_to_string(&path).unwrap()),
        };
        crates.entry(src).or_default().push(file);
    }
    let mut found = Vec::new();
    for files in crates.values() {
        for group in circles(files) {
            let names: Vec<_> = group
                .iter()
                .map(|path| path.display().to_string())
                .collect();
            found.push(names.join("\n  "));
        }
    }
    assert!(
        found.is_empty(),
        "{} circles:\n{}",
        found.len(),
        found.join("\n")
    );
}

#[test]
fn files_that_import_each_other_are_found() {
    let file = |path: &str, code: &str| File {
        path: path.into(),
        module: module(Path::new(path)),
        code: code.to_owned(),
    };
    let straight = [
        file("lib.rs", "mod a;\nmod b;\npub use a::A;"),
        file("a.rs", "use crate::b::{B, C};"),
        file("b.rs", "fn f(a: &crate::a::A) {}"),
    ];
    assert_eq!(circles(&straight), [[PathBuf::from("a.rs"), "b.rs".into()]]);
    let through_the_parent = [
        file("lib.rs", "mod a;"),
        file("a/mod.rs", "mod b;\nfn f() { b::g() }\npub struct P;"),
        file("a/b.rs", "use super::P;"),
    ];
    assert_eq!(circles(&through_the_parent).len(), 1);
    // What a module only hands on ties nobody to it.
    let handed_on = [
        file(
            "lib.rs",
            "mod a;\nmod b;\npub use a::A;\npub use b::B as Other;",
        ),
        file("a.rs", "use crate::Other;"),
        file("b.rs", "fn f() {}"),
    ];
    assert_eq!(circles(&handed_on), Vec::<Vec<PathBuf>>::new());
}
