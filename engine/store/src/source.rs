//! Where shared modules come from: OCI registries and git checkouts.

use std::fmt;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// A place that modules are taken from once, and then kept.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Remote {
    /// An OCI registry.
    Oci(OciSource),
    /// A git checkout of this machine.
    Git(GitSource),
}

/// `oci://HOST/REPOSITORY:TAG`, `…@sha256:DIGEST`; with `#FILE` one module of a bundle.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OciSource {
    /// Host and port.
    pub host: String,
    /// Repository.
    pub repository: String,
    /// The tag; none where a digest is given.
    pub tag: Option<String>,
    /// The digest of the manifest, `sha256:` and 64 hexadecimal digits.
    pub digest: Option<String>,
    /// A module of a bundle.
    pub file: Option<String>,
}

/// `git:FOLDER//FILE?ref=REVISION`; the file, or a folder that is a bundle, as it is committed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GitSource {
    /// The checkout.
    pub folder: PathBuf,
    /// The file or folder in it; empty: the whole checkout.
    pub file: String,
    /// A branch, a tag or a commit; none: what is checked out.
    pub revision: Option<String>,
    /// A module of a bundle, where `file` is one.
    pub module: Option<String>,
}

/// Why a text names no place.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SourceError {
    /// No OCI reference.
    #[error("\"{0}\" is not an OCI reference; write oci://HOST/REPOSITORY:TAG")]
    Oci(String),
    /// No git source.
    #[error(
        "\"{0}\" is not a place in a git checkout; write git:FOLDER//FILE or \
         git:FOLDER//FILE?ref=REVISION"
    )]
    Git(String),
}

impl Remote {
    /// Reads a source; none where the text is neither `oci://…` nor `git:…`. A path in it begins at
    /// `folder`.
    ///
    /// # Errors
    /// It is one of them, and is malformed.
    pub fn parse(text: &str, folder: &Path) -> Result<Option<Self>, SourceError> {
        if let Some(rest) = text.strip_prefix("oci://") {
            let oci = OciSource::read(rest).ok_or_else(|| SourceError::Oci(text.to_owned()))?;
            return Ok(Some(Self::Oci(oci)));
        }
        if let Some(rest) = text.strip_prefix("git:") {
            let git = GitSource::read(rest, folder);
            let git = git.ok_or_else(|| SourceError::Git(text.to_owned()))?;
            return Ok(Some(Self::Git(git)));
        }
        Ok(None)
    }

    /// The same source for a module of the bundle that it names.
    #[must_use]
    pub fn module(&self, file: &str) -> Self {
        match self.clone() {
            Self::Oci(oci) => Self::Oci(OciSource {
                file: Some(file.to_owned()),
                ..oci
            }),
            Self::Git(git) => Self::Git(GitSource {
                module: Some(file.to_owned()),
                ..git
            }),
        }
    }
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Oci(oci) => {
                write!(f, "oci://{}/{}", oci.host, oci.repository)?;
                if let Some(tag) = &oci.tag {
                    write!(f, ":{tag}")?;
                }
                if let Some(digest) = &oci.digest {
                    write!(f, "@{digest}")?;
                }
                fragment(f, oci.file.as_deref())
            }
            Self::Git(git) => {
                write!(f, "git:{}//{}", git.folder.display(), git.file)?;
                if let Some(revision) = &git.revision {
                    write!(f, "?ref={revision}")?;
                }
                fragment(f, git.module.as_deref())
            }
        }
    }
}

fn fragment(f: &mut fmt::Formatter<'_>, file: Option<&str>) -> fmt::Result {
    match file {
        Some(file) => write!(f, "#{file}"),
        None => Ok(()),
    }
}

/// One name for one registry: names of hosts know no capitals, may end with a dot, and stand for port
/// 443; Docker's own registry goes by three names. Whoever is trusted under one name is so under all.
pub(crate) fn registry(host: &str) -> String {
    let lower = host.to_ascii_lowercase();
    let (name, port) = match lower.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => (name, Some(port)),
        _ => (lower.as_str(), None),
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    let name = match name {
        "index.docker.io" | "registry-1.docker.io" => "docker.io",
        other => other,
    };
    let here = name == "localhost" || name.starts_with("127.") || name == "[::1]";
    match port.filter(|port| *port != "443" || here) {
        Some(port) => format!("{name}:{port}"),
        None => name.to_owned(),
    }
}

impl OciSource {
    /// Source: OCI distribution specification 1.1, "Pulling manifests" (names and tags).
    fn read(text: &str) -> Option<Self> {
        let (text, file) = split_file(text)?;
        let (text, digest) = match text.split_once('@') {
            Some((text, digest)) => {
                let hex = digest.strip_prefix("sha256:")?;
                let good = hex.len() == 64
                    && hex
                        .bytes()
                        .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
                (text, good.then(|| Some(digest.to_owned()))?)
            }
            None => (text, None),
        };
        let (host, rest) = text.split_once('/')?;
        let host = registry(host);
        let (repository, tag) = match rest.rsplit_once(':') {
            Some((repository, tag)) => (repository, Some(tag)),
            None => (rest, None),
        };
        let host_good = !host.is_empty()
            && host
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b".-:[]".contains(&b));
        let part_good = |part: &str| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b))
                && part
                    .bytes()
                    .next()
                    .is_some_and(|b| b.is_ascii_alphanumeric())
        };
        let tag_good = tag.is_none_or(|tag| {
            (1..=128).contains(&tag.len())
                && !tag.starts_with(['.', '-'])
                && tag
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        });
        let good = host_good
            && repository.len() <= 255
            && repository.split('/').all(part_good)
            && tag_good;
        let tag = match (tag, &digest) {
            (Some(tag), _) => Some(tag.to_owned()),
            (None, Some(_)) => None,
            (None, None) => Some("latest".to_owned()),
        };
        good.then(|| Self {
            host,
            repository: repository.to_owned(),
            tag,
            digest,
            file,
        })
    }
}

impl GitSource {
    fn read(text: &str, folder: &Path) -> Option<Self> {
        let (text, module) = split_file(text)?;
        let (text, revision) = match text.split_once("?ref=") {
            Some((text, revision)) => (text, Some(revision)),
            None => (text, None),
        };
        let (checkout, file) = text.split_once("//").unwrap_or((text, ""));
        // What begins with a dash would be taken for an option.
        let revision_good = revision.is_none_or(|revision| {
            !revision.is_empty()
                && !revision.starts_with('-')
                && !revision
                    .bytes()
                    .any(|b| b.is_ascii_whitespace() || b == b':')
        });
        let good = !checkout.is_empty() && inside(file) && revision_good;
        good.then(|| Self {
            folder: resolve(folder, checkout),
            file: file.trim_end_matches('/').to_owned(),
            revision: revision.map(str::to_owned),
            module,
        })
    }
}

fn resolve(folder: &Path, text: &str) -> PathBuf {
    if let Some(rest) = text.strip_prefix("~/")
        && let Some(own) = std::env::home_dir()
    {
        return own.join(rest);
    }
    folder.join(text)
}

fn split_file(text: &str) -> Option<(&str, Option<String>)> {
    match text.split_once('#') {
        Some((text, file)) => {
            (inside(file) && !file.is_empty()).then(|| (text, Some(file.to_owned())))
        }
        None => Some((text, None)),
    }
}

/// Whether a path stays in its folder.
pub(crate) fn inside(path: &str) -> bool {
    !path.starts_with('/')
        && !path.contains(|c: char| c == '\\' || c.is_control())
        && !path.split('/').any(|part| part == ".." || part == ".")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Option<Remote>, SourceError> {
        Remote::parse(text, Path::new("/srv"))
    }

    #[test]
    fn sources_are_read_and_written_the_same() {
        let digest = format!("sha256:{}", "a1".repeat(32));
        for text in [
            "oci://localhost:5000/team/rule:1.2".to_owned(),
            "oci://ghcr.example/a/b_c/d.e:v1#rule.wasm".to_owned(),
            format!("oci://ghcr.example/a:v1@{digest}"),
            format!("oci://ghcr.example/a@{digest}"),
            "git:/srv/rules//x/y.wasm".to_owned(),
            "git:/srv/rules//?ref=main#y.wasm".to_owned(),
        ] {
            assert_eq!(parse(&text).unwrap().unwrap().to_string(), text);
        }
        let latest = parse("oci://h/r").unwrap().unwrap();
        assert_eq!(latest.to_string(), "oci://h/r:latest");
        let relative = parse("git:rules//x.wasm").unwrap().unwrap();
        assert_eq!(relative.to_string(), "git:/srv/rules//x.wasm");
    }

    #[test]
    fn others_are_not_sources_and_malformed_ones_are_refused() {
        assert_eq!(parse("rules/x.wasm"), Ok(None));
        assert_eq!(parse("builtin:keep-active"), Ok(None));
        for text in [
            "oci://",
            "oci://host",
            "oci://host/",
            "oci://host/UPPER:1",
            "oci://host/a//b:1",
            "oci://host/a:",
            "oci://host/a:-x",
            "oci://host/a@sha256:12",
            "oci://host/../a:1",
            "oci://ho st/a:1",
            "oci://host/a:1#",
            "oci://host/a:1#../x",
            "git:",
            "git://x",
            "git:repo//../x",
            "git:repo//x?ref=",
            "git:repo//x?ref=--upload-pack",
            "git:repo//x?ref=a:b",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
