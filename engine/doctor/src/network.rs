//! How calls leave this machine: through which proxy, and whom they trust.

use dayfly_net::{Bundle, Proxies, Unusable};

use crate::findings::Findings;
use crate::reachability::waiting;

/// An address that stands for all that is called.
const ANY: &str = "https://sts.amazonaws.com/";

/// The bundle of root certificates and the proxy that a program with this environment uses.
pub fn network(findings: &mut Findings) {
    let about = "network";
    match waiting(Bundle::configured()) {
        Err(trouble) => findings.wrong(about, trouble.message, ""),
        Ok(None) => {}
        Ok(Some(bundle)) => match bundle.count() {
            Ok(count) => findings.good(
                about,
                format!(
                    "Dayfly trusts {} in addition to the system's root certificates, because of {} \
                     (certificates in it: {count})",
                    bundle.path.display(),
                    bundle.origin
                ),
            ),
            Err(error) => unusable(&error.into(), findings),
        },
    }
    match Proxies::configured() {
        Ok(proxies) => {
            if let Some(proxy) = proxies.shown(ANY) {
                let message = format!("Dayfly calls clouds through the proxy {proxy}");
                findings.good(about, message);
            }
        }
        Err(error) => unusable(&error.into(), findings),
    }
}

fn unusable(why: &Unusable, findings: &mut Findings) {
    let message = format!("Dayfly calls no cloud and no registry: {why}");
    findings.wrong("network", message, &why.hint());
}
