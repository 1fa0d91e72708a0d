//! What has to answer: the endpoint for programs on this machine, and the clouds, whose answers also
//! tell whether this machine's clock is right.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use dayfly_control::client;
use dayfly_control::protocol::Request;
use dayfly_core::session::SessionType;
use dayfly_dialog::CliError;
use dayfly_endpoints::tokens::Tokens;
use dayfly_host::{engine, settings};
use dayfly_providers::login::Logins;
use dayfly_providers::{AwsSettings, Probed, probe, sts_place};
use dayfly_runtime::{Home, clock, login_settings};
use dayfly_workspace::Workspace;

use crate::findings::Findings;
use crate::sign_ins;

/// Clouds refuse what was signed by a clock that is five minutes off; before that, ends of
/// credentials are misjudged by as much.
const OFF: Duration = Duration::from_secs(240);
const SLIGHTLY_OFF: Duration = Duration::from_secs(30);
/// How long an endpoint on this machine may take to answer.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Whether the endpoint of a running engine can be reached. Asked nothing: what it turns away it
/// records.
pub fn endpoint(home: &Home, findings: &mut Findings) {
    let runs = client::ask::<serde_json::Value>(home, &Request::Report {});
    // That none runs is told already.
    if !matches!(runs, Some(Ok(_))) {
        return;
    }
    let port = Tokens::kept_port(&home.endpoint());
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port.unwrap_or(0)));
    match TcpStream::connect_timeout(&address, TIMEOUT) {
        Ok(_) => findings.good("endpoint", format!("listens at {address}")),
        Err(error) => {
            let message = format!("programs cannot reach the endpoint at {address}: {error}");
            let hint = "check for a firewall on this machine, then restart the engine";
            findings.wrong("endpoint", message, hint);
        }
    }
}

/// Whether each STS and each sign-in service that sessions need answers, and what time it is there.
pub fn clouds(home: &Home, workspace: Option<&Workspace>, findings: &mut Findings) {
    let Ok(config) = settings::in_force(home) else {
        let hint = "fix dayfly.toml first";
        return findings.notice(
            "cloud",
            "not checked: dayfly.toml, which says where it is, cannot be read",
            hint,
        );
    };
    let logins = Logins::new(login_settings(&config, workspace));
    let default = workspace.and_then(Workspace::default_region);
    let default = default.map(str::to_owned).or(config.aws.default_region);
    let settings = AwsSettings {
        sts_endpoint_url: config.aws.sts_endpoint_url,
        ..AwsSettings::default()
    };
    let default = default.unwrap_or_else(|| settings.default_region.clone());
    let sessions = workspace.map(Workspace::sessions).unwrap_or_default();
    let regions: BTreeSet<&str> = sessions
        .iter()
        .map(|entry| &entry.session)
        .filter(|session| {
            use SessionType as T;
            let kind = session.session_type();
            matches!(
                kind,
                T::AwsIamUser | T::AwsIamRoleChained | T::AwsIamRoleFederated
            )
        })
        .map(|session| session.region.as_deref().unwrap_or(&default))
        .collect();
    let signed_in_at = sign_ins::targets(&logins, workspace);
    let places = match waiting(async {
        let mut places = BTreeSet::new();
        for region in regions {
            let place = sts_place(&settings, region).await;
            places.insert(place.map_err(|unusable| (unusable.to_string(), unusable.hint()))?);
        }
        for target in signed_in_at {
            let place = logins.place(&target.region).await;
            places.insert(place.map_err(|e| (e.to_string(), e.hint().unwrap_or_default()))?);
        }
        Ok::<_, (String, String)>(places)
    }) {
        Ok(Ok(places)) => places,
        Ok(Err((message, hint))) => return findings.wrong("cloud", message, &hint),
        Err(trouble) => return findings.wrong("cloud", trouble.message, ""),
    };
    for place in places {
        let asked = clock::now();
        match ask(&place) {
            Ok(probed) => clock_of(&place, &probed, asked, findings),
            Err(why) => {
                let hint = "check the network, the proxy, and `sts-endpoint-url` in dayfly.toml";
                findings.wrong("cloud", why, hint);
            }
        }
    }
}

/// Compares its time with ours, of before and after the call.
fn clock_of(
    place: &str,
    probed: &Probed,
    asked: dayfly_core::time::Timestamp,
    findings: &mut Findings,
) {
    let Some(theirs) = probed.date else {
        return findings.good("cloud", format!("{place} answers"));
    };
    let now = clock::now();
    // It tells whole seconds.
    let (behind, ahead) = (theirs.since(now), asked.since(theirs));
    let (off, how) = if behind > ahead {
        (behind, "behind")
    } else {
        (ahead, "ahead")
    };
    let message = format!(
        "this machine's clock is {} s {how}, compared with {place}",
        off.as_secs()
    );
    let hint = "set the clock: `timedatectl set-ntp true`, or your system's settings; after sleep \
                the clock may need a minute";
    if off >= OFF {
        findings.wrong("clock", format!("{message}: AWS refuses requests"), hint);
    } else if off >= SLIGHTLY_OFF {
        findings.notice("clock", message, hint);
    } else {
        findings.good("cloud", format!("{place} answers, and has the same time"));
    }
}

fn ask(url: &str) -> Result<Probed, String> {
    match waiting(probe(url)) {
        Ok(Ok(probed)) => Ok(probed),
        Ok(Err(why)) => Err(why),
        Err(trouble) => Err(trouble.message),
    }
}

pub(crate) fn waiting<T>(work: impl Future<Output = T>) -> Result<T, CliError> {
    let runtime = engine::plain_runtime()?;
    Ok(runtime.block_on(work))
}
