//! Orders for sessions: given to the running engine, or carried out by one in this process.

use std::collections::BTreeSet;
use std::time::Duration;

use dayfly_control::protocol::{self, OrderDone, Request, Response, SessionOrder, not_found};
use dayfly_control::{client, respond};
use dayfly_core::input::Order;
use dayfly_core::policy::Action;
use dayfly_core::session::{SessionId, Status};
use dayfly_dialog::{CliError, Code};
use dayfly_runtime::{Config, EngineError, Handle, Home};

use crate::engine::{for_one_task, not_started, plain_runtime};
use crate::{person, reports, settings, user_prompts, vault, workspace};

/// How long a single command waits for another to end.
const TIMEOUT: Duration = Duration::from_secs(15);

/// Gives an order to the running engine, or carries it out in this process. What it needs of a
/// person is asked for at this terminal, where one sits there.
pub fn order(home: &Home, order: &SessionOrder) -> Result<OrderDone, CliError> {
    let request = Request::Order(order.clone());
    if let Some(answer) = client::ask(home, &request) {
        return attended(home, order, answer);
    }
    if order.action == Some(Action::Stop) {
        return stop_here(home, order);
    }
    settings::load(home)?;
    order_here(home, order)
}

/// Stops those of the sessions that are active; those that could not be, and why.
///
/// # Errors
/// It is not known which are active.
pub fn stop_all(
    home: &Home,
    sessions: &BTreeSet<&SessionId>,
) -> Result<Vec<(SessionId, CliError)>, CliError> {
    if sessions.is_empty() {
        return Ok(Vec::new());
    }
    let report = reports::of(home)?;
    let mut failed = Vec::new();
    for session in report.sessions {
        if session.status == Status::Inactive || !sessions.contains(&session.id) {
            continue;
        }
        let stop = SessionOrder::plain(session.id.as_str(), Action::Stop);
        if let Err(trouble) = order(home, &stop) {
            failed.push((session.id, trouble));
        }
    }
    Ok(failed)
}

/// Stops a session without an engine. Where the configuration cannot be read and none is recorded,
/// nobody knows all places that hold its credentials, so that is no success.
fn stop_here(home: &Home, order: &SessionOrder) -> Result<OrderDone, CliError> {
    let unknown = Config::at_start(home).err();
    let done = order_here(home, order)?;
    let Some(error) = unknown else {
        return Ok(done);
    };
    let message = format!(
        "{error}; Dayfly removed the credentials of \"{}\" from the default files, but they may \
         still be in a file that dayfly.toml names",
        order.session
    );
    Err(CliError::failed(message).hint("fix the file, then stop the session again"))
}

fn order_here(home: &Home, order: &SessionOrder) -> Result<OrderDone, CliError> {
    let request = Request::Order(order.clone());
    let done = here(home, async |handle| {
        let result = handle.order(&order.session, order.to_order()).await;
        match protocol::outcome(order, result) {
            Ok(done) => kept_until_later(handle, done).await,
            Err(trouble) if trouble.code == Code::NeedsPerson && person::somebody() => {
                let id = id(home, &order.session)?;
                let engine = user_prompts::Engine::Here(handle);
                let done = user_prompts::attend(home, engine, &id, Some(order), trouble).await?;
                done.ok_or_else(|| CliError::failed("nothing was done"))
            }
            outcome => outcome,
        }
    })?;
    match done {
        Some(outcome) => outcome,
        // One was started meanwhile.
        None => match client::ask(home, &request) {
            Some(answer) => attended(home, order, answer),
            None => Err(not_started(
                EngineError::Taken {
                    home: home.folder().to_owned(),
                },
                home,
            )),
        },
    }
}

/// What an order brought, unless the credentials end with this process: they are in no file, and
/// could not be kept.
async fn kept_until_later(handle: &Handle, done: OrderDone) -> Result<OrderDone, CliError> {
    let Some(session) = &done.session else {
        return Ok(done);
    };
    let somewhere = session.delivery.iter().any(|place| place.error.is_none());
    if somewhere || session.status != Status::Active {
        return Ok(done);
    }
    let report = handle.report().await;
    let problem = report.ok().and_then(|report| {
        let mut problems = report.problems.into_iter();
        problems.find(|problem| problem.about == "encrypted store")
    });
    match problem {
        None => Ok(done),
        Some(problem) => Err(CliError::failed(format!(
            "the credentials of \"{}\" are published in no file and Dayfly could not store them, \
             so they are lost when this command ends: {}",
            session.name, problem.message
        ))
        .hint("a running engine (`dayfly run`) holds them in memory")),
    }
}

/// What a person is needed for is asked for at this terminal, where the running engine needs it.
fn attended(
    home: &Home,
    order: &SessionOrder,
    answer: Result<OrderDone, CliError>,
) -> Result<OrderDone, CliError> {
    match answer {
        Err(trouble) if trouble.code == Code::NeedsPerson && person::somebody() => {
            let id = id(home, &order.session)?;
            let engine = user_prompts::Engine::Running(home);
            let attending = user_prompts::attend(home, engine, &id, Some(order), trouble);
            let done = plain_runtime()?.block_on(attending)?;
            done.ok_or_else(|| CliError::failed("nothing was done"))
        }
        answer => answer,
    }
}

/// Asks the person at this terminal for what the session needs, so that its credentials can be
/// obtained. `trouble` is how that ended before.
pub fn attend(home: &Home, id: &str, trouble: CliError) -> Result<(), CliError> {
    let running = client::ask::<serde_json::Value>(home, &Request::Report {}).is_some();
    if running {
        let engine = user_prompts::Engine::Running(home);
        return plain_runtime()?
            .block_on(user_prompts::attend(home, engine, id, None, trouble))
            .map(drop);
    }
    settings::load(home)?;
    let done = here(home, async |handle| {
        let result = handle.order(id, Order::Demand).await;
        match protocol::outcome(&SessionOrder::plain(id, Action::Start), result) {
            Err(trouble) if trouble.code == Code::NeedsPerson => {
                let engine = user_prompts::Engine::Here(handle);
                user_prompts::attend(home, engine, id, None, trouble)
                    .await
                    .map(drop)
            }
            outcome => outcome.map(drop),
        }
    })?;
    // Where another engine was started meanwhile, it is asked next.
    done.unwrap_or(Ok(()))
}

/// Hands on what a person was asked for: to the running engine, or to one in this process.
pub fn respond(home: &Home, response: &Response) -> Result<OrderDone, CliError> {
    let request = Request::Respond(response.clone());
    if let Some(answer) = client::ask(home, &request) {
        return answer;
    }
    let done = here(home, async |handle| {
        respond::respond(handle, response.clone()).await
    })?;
    done.unwrap_or_else(|| {
        let error = EngineError::Taken {
            home: home.folder().to_owned(),
        };
        Err(not_started(error, home))
    })
}

/// Tells the running engine that a person looked after what this session waits for, so that it is tried again.
/// Where no engine runs, nothing waits.
pub fn tell_attended(home: &Home, session: &SessionId) {
    let session = session.to_string();
    let _ = client::ask::<serde_json::Value>(home, &Request::Attended { session });
}

fn id(home: &Home, asked: &str) -> Result<String, CliError> {
    let known = workspace::require(home)?;
    let entry = known.resolve(asked).map_err(|e| not_found(&e))?;
    Ok(entry.session.id.to_string())
}

/// Has an engine in this process do what a person ordered; none where another one works on this home.
fn here<T>(
    home: &Home,
    work: impl AsyncFnOnce(&Handle) -> Result<T, CliError>,
) -> Result<Option<Result<T, CliError>>, CliError> {
    // Children and the Workspace file follow; they have their own deadlines.
    let quiet = Duration::from_secs(120);
    let mut outcome = for_one_task(home, vault::at_start(home), TIMEOUT, quiet, work)?;
    if let Some(Err(trouble)) = &mut outcome
        && let Some(at) = trouble.message.find("; next try at ")
    {
        // This process ends, so nobody tries again.
        trouble.message.truncate(at);
    }
    Ok(outcome)
}
