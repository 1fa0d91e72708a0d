//! The imports of this version, answered by the [`Sandbox`].

use dayfly_core::policy::SessionKey;

use super::wit::dayfly::policy::{log, state, workspace};
use super::wit::types;
use super::{session, words};
use crate::query::SessionQuery;
use crate::sandbox::{Place, Sandbox, StateRefusal};

impl types::Host for Sandbox {}

impl log::Host for Sandbox {
    fn write(&mut self, severity: types::Severity, message: String) -> wasmtime::Result<()> {
        self.log(words::severity(severity), message);
        Ok(())
    }
}

impl workspace::Host for Sandbox {
    fn get(&mut self, key: u32) -> wasmtime::Result<Option<workspace::Session>> {
        let found = self.session(SessionKey(key))?;
        Ok(found.map(|session| session::owned(&session)))
    }

    fn count(&mut self, filter: workspace::Filter) -> wasmtime::Result<u32> {
        Ok(Sandbox::count(self, &query(filter))?)
    }

    fn find(
        &mut self,
        filter: workspace::Filter,
        after: Option<u32>,
        limit: u32,
    ) -> wasmtime::Result<Vec<workspace::Session>> {
        let page = Sandbox::find(self, &query(filter), after.map(SessionKey), limit)?;
        Ok(page.iter().map(session::owned).collect())
    }
}

impl state::Host for Sandbox {
    fn get(&mut self, scope: state::Scope, key: String) -> wasmtime::Result<Option<Vec<u8>>> {
        Ok(self.read(place(scope), &key)?.map(|value| value.to_vec()))
    }

    fn set(
        &mut self,
        scope: state::Scope,
        key: String,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<(), state::StateError>> {
        let written = self.write(place(scope), key, &value)?;
        Ok(written.map_err(|refusal| match refusal {
            StateRefusal::OverQuota => state::StateError::OverQuota,
            StateRefusal::TooLarge => state::StateError::TooLarge,
            StateRefusal::UnknownSession => state::StateError::UnknownSession,
        }))
    }

    fn delete(&mut self, scope: state::Scope, key: String) -> wasmtime::Result<()> {
        Ok(Sandbox::delete(self, place(scope), key)?)
    }
}

fn query(filter: workspace::Filter) -> SessionQuery {
    SessionQuery {
        types: session::asked_types(&filter),
        status: filter.status.map(words::lifted_status),
        label: filter.label,
        named_profile: filter.named_profile,
        name_prefix: filter.name_prefix,
    }
}

const fn place(scope: state::Scope) -> Place {
    match scope {
        state::Scope::Global => Place::Global,
        state::Scope::Session(key) => Place::Session(SessionKey(key)),
    }
}
