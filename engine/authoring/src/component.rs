//! From a core module to a component.

use dayfly_dialog::CliError;
use wit_component_author::ComponentEncoder;

/// Makes a component of a core module that carries the type of its world, as the bindings of Rust and
/// C leave it there.
pub(crate) fn encode(core: &[u8]) -> Result<Vec<u8>, CliError> {
    let mut encoder = ComponentEncoder::default();
    let component = encoder.validate(true).module(core).and_then(|e| e.encode());
    component.map_err(|e| {
        let message = format!("the module cannot be turned into a component: {e:#}");
        CliError::failed(message)
            .hint("it has to export what wit/policy.wit says, and import nothing else")
    })
}
