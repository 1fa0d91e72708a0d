//! Whether layers of the Workspace are as they were merged.

use dayfly_host::settings;
use dayfly_runtime::Home;
use dayfly_runtime::layer_worker::{self, Standing};

use crate::findings::Findings;

/// Whether the layers are as they were merged, as far as this machine knows: registries are not asked.
pub fn layers(home: &Home, findings: &mut Findings) {
    // Where the configuration cannot be read, that is told already.
    let Ok(config) = settings::load(home) else {
        return;
    };
    let standing = layer_worker::standing(home, &config.includes);
    for (name, standing) in &standing {
        let message = format!("\"{name}\": {}", standing.message());
        let hint = standing.hint(name);
        match standing {
            Standing::Unreadable(_) | Standing::Unknown(_) => {
                findings.wrong("layer", message, &hint)
            }
            Standing::Unmerged | Standing::Differs => findings.notice("layer", message, &hint),
        }
    }
    if standing.is_empty() && !config.includes.is_empty() {
        let message = "no layer changed since it was merged, as far as this machine knows; \
                       `dayfly layer update --check` asks registries too";
        findings.good("layers", message);
    }
}
