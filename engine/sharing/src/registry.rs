//! Registries, for commands that wait.

use dayfly_dialog::{CliError, Code};
use dayfly_host::engine;
use dayfly_registry::{Artifact, Place, Registry, RegistryError};
use dayfly_store::OciSource;

/// Where an OCI source is.
pub fn place(source: &OciSource) -> Place {
    Place {
        host: source.host.clone(),
        repository: source.repository.clone(),
        tag: source.tag.clone(),
        digest: source.digest.clone(),
    }
}

/// Talks to the registry of a source, and waits for the answer.
pub fn talk<T, F: Future<Output = Result<T, RegistryError>>>(
    source: &OciSource,
    ask: impl FnOnce(Registry, Place) -> F,
) -> Result<T, CliError> {
    let runtime = engine::plain_runtime()?;
    let asked = runtime.block_on(async {
        let registry = Registry::at(&source.host).await?;
        ask(registry, place(source)).await
    });
    asked.map_err(trouble)
}

/// Pushes an artifact and the signatures that lie beside it; the digest of its manifest.
pub fn push(
    target: &OciSource,
    artifact: &Artifact,
    signatures: &[String],
) -> Result<String, CliError> {
    talk(target, |registry, place| async move {
        let digest = registry.push(&place, artifact).await?;
        for signature in signatures {
            registry.push_signature(&place, &digest, signature).await?;
        }
        Ok(digest)
    })
}

fn trouble(error: RegistryError) -> CliError {
    let message = error.to_string();
    match error {
        RegistryError::NotFound { .. } => CliError::new(Code::NotFound, message),
        RegistryError::Denied { host } => CliError::new(Code::NeedsPerson, message).hint(format!(
            "sign in with `docker login {host}`; Dayfly uses Docker's credentials"
        )),
        RegistryError::OtherContent { .. } => CliError::new(Code::Refused, message)
            .hint("Dayfly kept nothing of it; ask the operator of the registry"),
        RegistryError::Truncated { .. } => CliError::failed(message).hint(
            "Dayfly kept the part that arrived; try again to \
                                            continue from there",
        ),
        RegistryError::Untrusted { .. } => CliError::failed(message).hint(
            "Dayfly sent nothing; if your own authority issued the certificate, add the authority \
             to this system's certificates or name its file in AWS_CA_BUNDLE; Dayfly uses \
             registries without TLS only on this machine",
        ),
        RegistryError::Settings(unusable) => CliError::failed(message).hint(unusable.hint()),
        RegistryError::Unreachable { .. } => CliError::failed(message)
            .hint("policies and layers that you added earlier work without the registry"),
        _ => CliError::failed(message),
    }
}
