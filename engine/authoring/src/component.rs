//! From a core module to a component.

use dayfly_dialog::CliError;
use wit_component_author::ComponentEncoder;

/// Makes a component of a core module that carries the type of its world, as the bindings of Rust and
/// C leave it there.
pub(crate) fn encode(core: &[u8]) -> Result<Vec<u8>, CliError> {
    let mut encoder = ComponentEncoder::default();
    let component = encoder.validate(true).module(core).and_then(|e| e.encode());
    component.map_err(|e| {
        let message = format!("Dayfly cannot make a component of the module: {e:#}");
        CliError::failed(message)
            .hint("the module must export and import exactly what wit/policy.wit lists")
    })
}
