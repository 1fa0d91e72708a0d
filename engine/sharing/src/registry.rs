//! Registries, for commands that wait.

use dayfly_dialog::{CliError, Code};
use dayfly_host::engine;
use dayfly_registry::{Place, Registry, RegistryError};
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
            .hint("policies that you added earlier run without the registry"),
        _ => CliError::failed(message),
    }
}
