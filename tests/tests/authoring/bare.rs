//! A policy as somebody writes it who has the contract and wit-bindgen only: wants every session active.

wit_bindgen::generate!({ path: "WIT", world: "pure-policy" });

use dayfly::policy::types;
use exports::dayfly::policy::policy::{Descriptor, Guest, SessionFilter, Subscription};

struct Bare;

impl Guest for Bare {
    fn describe() -> Descriptor {
        Descriptor {
            name: "bare".into(),
            version: "0.1.0".into(),
            summary: "wants every session active".into(),
            config_schema: "{\"type\":\"object\"}".into(),
            actions: vec![types::Action::Start],
            may_hold: false,
            state_bytes: 0,
        }
    }

    fn configure(_: String) -> Result<Vec<Subscription>, types::PolicyError> {
        Ok(vec![Subscription::Sessions(SessionFilter {
            clouds: Vec::new(),
            methods: Vec::new(),
            statuses: Vec::new(),
            labels: Vec::new(),
            fields: types::ChangedFields::empty(),
        })])
    }

    fn evaluate(
        _: String,
        _: types::Context,
        events: Vec<types::Event>,
    ) -> Result<types::Verdict, types::PolicyError> {
        let mut sessions = Vec::new();
        for event in events {
            match event {
                types::Event::Resync(page) => sessions.extend(page.sessions),
                types::Event::Sessions(changes) => {
                    let there = |c: &types::SessionChange| {
                        !c.fields.contains(types::ChangedFields::REMOVED)
                    };
                    sessions.extend(changes.into_iter().filter(there).map(|c| c.after));
                }
                _ => {}
            }
        }
        let inactive = sessions.into_iter().filter(|s| s.status == types::Status::Inactive);
        let effects = inactive.map(|session| {
            types::Effect::Act(types::Act {
                session: session.key,
                action: types::Action::Start,
                revision: session.revision,
                not_after: None,
                why: types::Reason {
                    code: "bare".into(),
                    message: "is to be active".into(),
                    evidence: Vec::new(),
                },
            })
        });
        Ok(types::Verdict {
            effects: effects.collect(),
            stopped_after: None,
        })
    }
}

export!(Bare);
