//! The environment in which a shell has a session: for `dayfly env` and `dayfly use`.

use dayfly_control::client;
use dayfly_control::protocol::{Access, By, Request};
use dayfly_core::session::{Session, SessionType};
use dayfly_core::time::Timestamp;
use dayfly_dialog::CliError;
use dayfly_endpoints::azure_environment;
use dayfly_endpoints::environment::{At, Environment};
use dayfly_endpoints::hiding::{hidden_files, hiding_files};
use dayfly_host::{azure, direct, vault, workspace};
use dayfly_runtime::Home;
use dayfly_vault::SecretString;
use dayfly_workspace::Workspace;

/// How a shell is to find the credentials.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Way {
    /// At which endpoint of the running engine.
    pub(crate) by: By,
    /// The credentials themselves, even where an engine runs.
    pub(crate) fixed: bool,
    /// With tokens that are made new.
    pub(crate) renew: bool,
}

impl Way {
    /// At the usual endpoint, where an engine runs.
    pub(crate) const USUAL: Self = Self {
        by: By::Token,
        fixed: false,
        renew: false,
    };
}

/// What a shell gets.
#[derive(Debug)]
pub(crate) struct Gives {
    /// The variables.
    pub(crate) environment: Environment,
    /// Until when the present credentials last, where that is known.
    pub(crate) until: Option<Timestamp>,
    /// Whether programs get renewed ones once these have ended.
    pub(crate) renewed: bool,
}

/// The environment in which a shell has this session.
pub(crate) fn of(
    home: &Home,
    workspace: &Workspace,
    session: &Session,
    way: Way,
) -> Result<Gives, CliError> {
    let word = workspace::word(workspace, session);
    if session.session_type() == SessionType::Azure {
        let environment = of_azure(home, workspace, session, way)?.told(&word, None);
        return Ok(Gives {
            environment,
            until: None,
            renewed: true,
        });
    }
    let region = session.region.as_deref().or(workspace.default_region());
    // Whether there are credentials is told here and now, not by the first program.
    let given = direct::attended(home, &vault::open(home)?, session.id.as_str())?;
    let request = Request::Endpoint {
        session: session.id.to_string(),
        by: way.by,
        renew: way.renew,
    };
    let access = if way.fixed {
        None
    } else {
        client::ask::<Access>(home, &request)
    };
    let renewed = access.is_some();
    let environment = match access {
        Some(access) => of_endpoint(access?, region),
        None if way.by != By::Token || way.renew => {
            return Err(
                CliError::failed("no engine is running, so there is no endpoint").hint(
                    "start one with `dayfly run`, or use `dayfly exec`, which opens its own \
                       endpoint",
                ),
            );
        }
        None => Environment::fixed(&given, region),
    };
    Ok(Gives {
        environment: environment
            .told(&word, given.expires_at)
            .showing(&hidden_files()),
        until: given.expires_at,
        renewed,
    })
}

fn of_endpoint(access: Access, region: Option<&str>) -> Environment {
    let Access {
        url,
        token,
        token_file,
    } = access;
    let token = token.map(SecretString::from);
    let at = match (&token, &token_file) {
        (Some(token), _) => At::Container { url: &url, token },
        (None, Some(file)) => At::ContainerFile { url: &url, file },
        (None, None) => At::Metadata { url: &url },
    };
    Environment::endpoint(at, region, &hiding_files())
}

/// The same for a session of Azure. There is no way to hand a token itself to the SDKs.
fn of_azure(
    home: &Home,
    workspace: &Workspace,
    session: &Session,
    way: Way,
) -> Result<Environment, CliError> {
    if way.fixed || way.by != By::Token {
        return Err(azure_environment::no_other_way());
    }
    let authority = azure::authority(home, workspace, session)?;
    let vault = vault::open(home)?;
    azure::token(home, &vault, &session.id, &authority.resource_manager)?;
    let request = Request::Endpoint {
        session: session.id.to_string(),
        by: By::Azure,
        renew: way.renew,
    };
    let Some(access) = client::ask::<Access>(home, &request) else {
        let message =
            "the Azure SDKs get tokens from an endpoint, and no engine is running to provide one";
        let hint =
            "start one with `dayfly run`, or use `dayfly exec`, which opens its own endpoint";
        return Err(CliError::failed(message).hint(hint));
    };
    let Access { url, token, .. } = access?;
    let host = authority.host.as_deref();
    let header = SecretString::from(token.unwrap_or_default());
    Ok(azure_environment::environment(session, &url, &header, host))
}
