//! Gets modules, bundles and Workspaces from where they are, and finds out who answers for them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use dayfly_authoring::foreign;
use dayfly_authoring::project::{self, Project};
use dayfly_core::text::shell_word;
use dayfly_dialog::{CliError, Code};
use dayfly_registry::Kind;
use dayfly_runtime::Home;
use dayfly_runtime::config::{Config, ModuleSource};
use dayfly_store::bundle::{self, Bundle};
use dayfly_store::content::{ContentDigest, MODULE_MAX};
use dayfly_store::git::{Commit, GitError};
use dayfly_store::trust::{self, Trusted};
use dayfly_store::trusted_store::signature_beside;
use dayfly_store::{GitSource, OciSource, Remote, TrustedStore};
use dayfly_workspace::DEFAULT_LIMIT as WORKSPACE_MAX;

use crate::registry;

/// Bytes of a bundle with all its files.
const BUNDLE_MAX: u64 = 4 * MODULE_MAX;

/// What was found where somebody pointed.
pub struct Acquired {
    /// Where, as `module` of an entry has it.
    pub source: ModuleSource,
    /// What the source named: the digest of a manifest, a commit.
    pub resolved: Option<String>,
    /// Who signed it, where a trust root wants that.
    pub signer: Option<Trusted>,
    /// All signatures that came with it.
    pub signatures: Vec<String>,
    /// What is there.
    pub found: Found,
}

/// One component, a bundle, or a Workspace.
pub enum Found {
    /// The bytes of a component.
    Module(Vec<u8>),
    /// Several, with what each is to be granted.
    Bundle {
        /// What it says of itself.
        bundle: Bundle,
        /// `bundle.toml`, with the digest of every file.
        text: Vec<u8>,
        /// Its components, by their names.
        files: BTreeMap<String, Vec<u8>>,
    },
    /// The text of a Workspace, which nobody has read yet.
    Workspace(Vec<u8>),
}

impl Found {
    /// What it is, for a person.
    #[must_use]
    pub fn what(&self) -> &'static str {
        match self {
            Self::Module(_) => "a policy",
            Self::Bundle { .. } => "a bundle of policies",
            Self::Workspace(_) => "a Workspace",
        }
    }

    /// What a signature is for.
    #[must_use]
    pub fn content(&self) -> &[u8] {
        match self {
            Self::Module(bytes) | Self::Workspace(bytes) => bytes,
            Self::Bundle { text, .. } => text,
        }
    }

    /// One file by itself, which its name says is a Workspace or else is a component.
    fn file(
        name: &str,
        read: impl FnOnce(u64) -> Result<Vec<u8>, CliError>,
    ) -> Result<Self, CliError> {
        match Path::new(name).extension().is_some_and(|e| e == "json") {
            true => read(WORKSPACE_MAX).map(Self::Workspace),
            false => read(MODULE_MAX).map(Self::Module),
        }
    }
}

/// Whoever points at a Workspace where a policy is wanted is told what to do with it.
#[must_use]
pub fn no_policy(source: &ModuleSource) -> CliError {
    CliError::usage(format!("{source} is a Workspace, not a policy")).hint(format!(
        "nothing was changed; `dayfly layer add {}` merges a Workspace into yours",
        shell_word(&source.to_string())
    ))
}

/// Reads what a person wrote as a source; a relative path begins where the person is.
pub fn source(text: &str) -> Result<ModuleSource, CliError> {
    let here = std::env::current_dir()
        .map_err(|e| CliError::failed(format!("there is no current folder: {e}")))?;
    let source = ModuleSource::parse(&here, text)
        .map_err(|(message, hint)| CliError::usage(message).hint(hint))?;
    let ModuleSource::Path(path) = source else {
        return Ok(source);
    };
    // The folder of a project stands for its component.
    if path.join(project::FILE).exists() {
        return Ok(ModuleSource::Path(Project::require(&path)?.component()));
    }
    let path = std::path::absolute(&path)
        .map_err(|e| CliError::failed(format!("{} is not a path: {e}", path.display())))?;
    Ok(ModuleSource::Path(path))
}

/// Gets what is at a source now.
///
/// What a trust root asks to be signed has to be; whatever else is there is only looked at.
pub fn acquire(home: &Home, config: &Config, source: &ModuleSource) -> Result<Acquired, CliError> {
    let (mut found, resolved, signatures) = match source {
        ModuleSource::Builtin(name) => {
            let message = format!("builtin:{name} is part of Dayfly");
            return Err(CliError::usage(message));
        }
        ModuleSource::Path(path) => from_path(path)?,
        ModuleSource::Remote(Remote::Git(git)) => from_git(git)?,
        ModuleSource::Remote(Remote::Oci(oci)) => from_oci(home, oci)?,
    };
    let name = source.to_string();
    let signer =
        trust::check(&config.trust, &name, found.content(), &signatures).map_err(|why| {
            CliError::new(Code::Refused, format!("{name}: {why}")).hint(
                "nothing was changed; see [[trust]] in dayfly.toml for the keys that may sign it",
            )
        })?;
    if let Found::Bundle {
        bundle,
        text,
        files,
    } = &mut found
    {
        sealed(&name, bundle, text, files, signer.is_some())?;
    }
    Ok(Acquired {
        source: source.clone(),
        resolved,
        signer,
        signatures,
        found,
    })
}

type Got = (Found, Option<String>, Vec<String>);

fn from_path(path: &Path) -> Result<Got, CliError> {
    if path.is_dir() {
        let file = path.join(bundle::FILE);
        if !file.exists() {
            let message = format!(
                "{} is not a component, a bundle or a project",
                path.display()
            );
            return Err(CliError::new(Code::NotFound, message).hint(format!(
                "a bundle has a {}, a project a {}",
                bundle::FILE,
                project::FILE
            )));
        }
        let text = foreign::inside(path, bundle::FILE, bundle::LIMIT)?;
        let found = bundle_of(text, |name| foreign::inside(path, name, MODULE_MAX))?;
        return Ok((found, None, signatures(&file)?));
    }
    let name = path.to_string_lossy();
    let found = Found::file(&name, |limit| foreign::read(path, limit))?;
    Ok((found, None, signatures(path)?))
}

/// The signature beside a file.
pub fn signatures(path: &Path) -> Result<Vec<String>, CliError> {
    signature_beside(path).map_err(|e| CliError::failed(e.to_string()))
}

fn from_git(git: &GitSource) -> Result<Got, CliError> {
    let failed = |e: GitError| {
        let code = match e {
            GitError::Refused { .. } => Code::NotFound,
            _ => Code::Failed,
        };
        CliError::new(code, e.to_string())
    };
    let commit = Commit::of(git).map_err(failed)?;
    let beside = |name: Option<String>| {
        let bytes = match &name {
            Some(name) => commit.read(Some(name.as_str()), 4 << 10),
            None => {
                let file = format!("{}.minisig", git.file);
                let beside = GitSource {
                    file,
                    ..git.clone()
                };
                Commit::known(&beside, &commit.id).read(None, 4 << 10)
            }
        };
        let text = bytes.ok().and_then(|bytes| String::from_utf8(bytes).ok());
        text.into_iter().collect::<Vec<_>>()
    };
    let resolved = Some(commit.id.clone());
    if git.file.is_empty() || commit.is_folder().map_err(failed)? {
        let text = commit
            .read(Some(bundle::FILE), bundle::LIMIT)
            .map_err(failed)?;
        let found = bundle_of(text, |name| {
            commit.read(Some(name), MODULE_MAX).map_err(failed)
        })?;
        let signatures = beside(Some(format!("{}.minisig", bundle::FILE)));
        return Ok((found, resolved, signatures));
    }
    let found = Found::file(&git.file, |limit| commit.read(None, limit).map_err(failed))?;
    Ok((found, resolved, beside(None)))
}

/// How many bytes an artifact may have.
fn longest(kind: Kind) -> u64 {
    match kind {
        Kind::Module => MODULE_MAX,
        Kind::Bundle => BUNDLE_MAX,
        Kind::Workspace => WORKSPACE_MAX,
    }
}

fn from_oci(home: &Home, oci: &OciSource) -> Result<Got, CliError> {
    let parts: PathBuf = home.folder().join("policies").join("parts");
    let pulled = registry::talk(oci, |registry, place| async move {
        registry.pull(&place, longest, &parts).await
    })?;
    let resolved = Some(pulled.digest);
    let mut layers = pulled.layers.into_iter();
    let first = layers.next().map(|layer| layer.bytes).unwrap_or_default();
    let found = match pulled.kind {
        Kind::Module => Found::Module(first),
        Kind::Workspace => Found::Workspace(first),
        Kind::Bundle => {
            let mut files = BTreeMap::new();
            for layer in layers {
                if let Some(name) = files
                    .insert(layer.name.clone(), layer.bytes)
                    .map(|_| layer.name)
                {
                    let message = format!("the bundle has two files of the name \"{name}\"");
                    return Err(
                        CliError::new(Code::Refused, message).hint("Dayfly kept nothing of it")
                    );
                }
            }
            bundle_of(first, |name| {
                files.remove(name).ok_or_else(|| {
                    CliError::failed(format!(
                        "the bundle lists {name}, but does not contain that file"
                    ))
                })
            })?
        }
    };
    Ok((found, resolved, pulled.signatures))
}

fn bundle_of(
    text: Vec<u8>,
    mut file: impl FnMut(&str) -> Result<Vec<u8>, CliError>,
) -> Result<Found, CliError> {
    let bundle = Bundle::parse(&text).map_err(|e| CliError::usage(e.to_string()))?;
    let mut files = BTreeMap::new();
    for name in bundle.files() {
        files.insert(name.to_owned(), file(name)?);
    }
    Ok(Found::Bundle {
        bundle,
        text,
        files,
    })
}

/// Makes sure that the text of a bundle names the digest of every file, so that who answers for the text
/// answers for the files.
fn sealed(
    source: &str,
    bundle: &mut Bundle,
    text: &mut Vec<u8>,
    files: &BTreeMap<String, Vec<u8>>,
    signed: bool,
) -> Result<(), CliError> {
    for policy in &bundle.policies {
        let Some(bytes) = files.get(&policy.module) else {
            continue;
        };
        let found = ContentDigest::of(bytes);
        match policy.digest {
            Some(named) if named == found => {}
            Some(named) => {
                let message = format!(
                    "{source}: the digest of {} is not the one in the bundle: the bundle says \
                     {named}, the file has {found}",
                    policy.module
                );
                return Err(CliError::new(Code::Refused, message).hint("nothing was changed"));
            }
            None if signed => {
                let message = format!(
                    "{source}: the bundle does not list the digest of {}, so its signature does \
                     not cover that file",
                    policy.module
                );
                return Err(CliError::new(Code::Refused, message)
                    .hint("`dayfly policy sign` writes the digests before it signs"));
            }
            None => {}
        }
    }
    if bundle
        .policies
        .iter()
        .all(|p| p.digest.is_some() || !files.contains_key(&p.module))
    {
        return Ok(());
    }
    *text = seal(text, files)?;
    *bundle = Bundle::parse(text).map_err(|e| CliError::failed(e.to_string()))?;
    Ok(())
}

/// The text of a bundle with the digests of these files in it.
pub(crate) fn seal(text: &[u8], files: &BTreeMap<String, Vec<u8>>) -> Result<Vec<u8>, CliError> {
    let wrong = |what: String| CliError::failed(format!("{}: {what}", bundle::FILE));
    let text = std::str::from_utf8(text).map_err(|e| wrong(e.to_string()))?;
    let mut document: toml_edit::DocumentMut = text
        .parse()
        .map_err(|e: toml_edit::TomlError| wrong(e.to_string()))?;
    let policies = document
        .get_mut("policy")
        .and_then(toml_edit::Item::as_array_of_tables_mut)
        .ok_or_else(|| wrong("the policies of the bundle must be [[policy]] tables".into()))?;
    for policy in policies.iter_mut() {
        let module = policy.get("module").and_then(toml_edit::Item::as_str);
        if let Some(bytes) = module.and_then(|module| files.get(module)) {
            let digest = ContentDigest::of(bytes).to_string();
            policy.insert("digest", toml_edit::value(digest));
        }
    }
    Ok(document.to_string().into_bytes())
}

/// The source at what it named when it was looked at; the file of a bundle stands for the bundle.
#[must_use]
pub fn pinned(source: &ModuleSource, resolved: Option<&str>) -> ModuleSource {
    match source {
        ModuleSource::Remote(Remote::Oci(oci)) => ModuleSource::Remote(Remote::Oci(OciSource {
            digest: resolved.map(str::to_owned).or(oci.digest.clone()),
            file: None,
            ..oci.clone()
        })),
        ModuleSource::Remote(Remote::Git(git)) => ModuleSource::Remote(Remote::Git(GitSource {
            revision: resolved.map(str::to_owned).or(git.revision.clone()),
            module: None,
            ..git.clone()
        })),
        other => other.clone(),
    }
}

/// Keeps a module or a bundle with its signatures, so that it can be had without its source.
pub fn keep(home: &Home, acquired: &Acquired) -> Result<(), CliError> {
    let store = TrustedStore::store(home.folder());
    let failed = |e: dayfly_store::ContentError| CliError::failed(e.to_string());
    let digest = match &acquired.found {
        Found::Module(bytes) | Found::Workspace(bytes) => store.put(bytes).map_err(failed)?,
        Found::Bundle { text, files, .. } => {
            for bytes in files.values() {
                store.put(bytes).map_err(failed)?;
            }
            store.put(text).map_err(failed)?
        }
    };
    for signature in &acquired.signatures {
        store.put_signature(&digest, signature).map_err(failed)?;
    }
    Ok(())
}
