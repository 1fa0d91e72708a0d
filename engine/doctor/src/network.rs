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
                    "{} is trusted beside the system's root certificates, as {} says \
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
                let message = format!("calls go through the proxy {proxy}");
                findings.good(about, message);
            }
        }
        Err(error) => unusable(&error.into(), findings),
    }
}

fn unusable(why: &Unusable, findings: &mut Findings) {
    let message = format!("no cloud and no registry is called: {why}");
    findings.wrong("network", message, &why.hint());
}
