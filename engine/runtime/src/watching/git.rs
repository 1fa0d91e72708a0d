//! What the files of a Git repository say about the branch that is checked out.
//!
//! Source: gitrepository-layout(5), git-worktree(1). `HEAD` is a symbolic reference (`ref: NAME`)
//! or the id of a commit; in a linked working tree or a submodule `.git` is a file that names the
//! folder in which `HEAD` is.

use std::path::{Path, PathBuf};

/// The branch that the content of a `HEAD` names; none where no branch is checked out.
pub(super) fn branch(head: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(head).ok()?;
    let name = text.lines().next()?.strip_prefix("ref:")?.trim();
    let branch = name.strip_prefix("refs/heads/")?;
    // What a repository with another store of references writes there.
    (branch != ".invalid" && !branch.is_empty()).then(|| branch.to_owned())
}

/// Where the `HEAD` of a working tree is whose `.git` is a file with this content.
pub(super) fn linked_head(working_tree: &Path, content: &[u8]) -> Option<PathBuf> {
    let text = std::str::from_utf8(content).ok()?;
    let folder = text.lines().next()?.strip_prefix("gitdir:")?.trim();
    if folder.is_empty() {
        return None;
    }
    let mut head = PathBuf::from("/");
    for part in working_tree.join(folder).join("HEAD").components() {
        match part {
            std::path::Component::Normal(name) => head.push(name),
            std::path::Component::ParentDir => {
                head.pop();
            }
            _ => {}
        }
    }
    Some(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads() {
        assert_eq!(branch(b"ref: refs/heads/main\n").as_deref(), Some("main"));
        assert_eq!(branch(b"ref: refs/heads/a/b\n").as_deref(), Some("a/b"));
        assert_eq!(branch(b"0123456789abcdef0123456789abcdef01234567\n"), None);
        assert_eq!(branch(b"ref: refs/heads/.invalid\n"), None);
        assert_eq!(branch(b"ref: refs/remotes/origin/x\n"), None);
        assert_eq!(branch(b"\xff"), None);
        assert_eq!(branch(b""), None);
    }

    #[test]
    fn files_that_lead_to_a_head() {
        let at = |content: &str| linked_head(Path::new("/src/tree"), content.as_bytes());
        assert_eq!(
            at("gitdir: /src/main/.git/worktrees/tree\n"),
            Some("/src/main/.git/worktrees/tree/HEAD".into())
        );
        assert_eq!(
            at("gitdir: ../super/.git/modules/tree\n"),
            Some("/src/super/.git/modules/tree/HEAD".into())
        );
        assert_eq!(at("something else"), None);
        assert_eq!(at("gitdir: \n"), None);
    }
}
