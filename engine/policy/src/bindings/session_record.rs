//! A session as a record of a contract: everything but its access method, which differs.

/// The record `$record`, with texts as `$text` makes them of `&str`. `types` and `words` have to be in scope.
macro_rules! session_record {
    ($record:ident, $view:expr, $text:path, $labels:expr, { $($field:ident: $value:expr),+ }) => {{
        let session = &*$view.facts;
        types::$record {
            key: $view.key.0,
            id: $text(session.id.as_str()),
            name: $text(&session.name),
            $($field: $value,)+
            status: words::status(session.status),
            region: session.region.as_deref().map($text),
            started_at: session.started_at.map(|at| at.as_millis()),
            expires_at: session.expires_at.map(|at| at.as_millis()),
            named_profile: session.named_profile.as_deref().map($text),
            account: session.account.as_deref().map($text),
            role: session.role.as_deref().map($text),
            parent: $view.parent.map(|key| key.0),
            labels: $labels,
            last_error: session.last_error.map(words::error_kind),
            failures: session.failures,
            last_use: session.last_use.map(|at| at.as_millis()),
            reason: session.reason.as_deref().map($text),
            revision: session.revision.0,
        }
    }};
}
