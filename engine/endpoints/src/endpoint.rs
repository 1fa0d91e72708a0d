//! The endpoint for container credentials and managed identities, with the tokens that open it.

use std::sync::Arc;
use std::time::Duration;

use dayfly_dialog::CliError;
use dayfly_supervisor::Sockets;
use tokio::task::JoinHandle;

use crate::container::Container;
use crate::refusals::Told;
use crate::server::{Listening, Port};
use crate::source::Source;
use crate::tokens::{self, Tokens};
use crate::{authorization, identity};

/// The endpoint for container credentials; gone when dropped.
#[derive(Debug)]
pub struct Endpoint {
    listening: Listening,
    tokens: Arc<Tokens>,
    turning: JoinHandle<()>,
}

impl Endpoint {
    /// Listens on the port of before where there was one and it is free.
    pub async fn start(
        source: Arc<dyn Source>,
        tokens: Tokens,
        told: impl Told,
        sockets: Arc<Sockets>,
    ) -> Result<Self, CliError> {
        let tokens = Arc::new(tokens);
        let handler = Container::new(source, Arc::clone(&tokens));
        let port = tokens.port().map_or(Port::Any, Port::Rather);
        let listening = Listening::start(port, handler, told, sockets).await?;
        tokens.set_port(listening.address.port())?;
        let turned = Arc::clone(&tokens);
        let turning = tokio::spawn(async move {
            loop {
                tokio::time::sleep(tokens::TURN).await;
                // One that cannot be written stays as it is, and opens.
                let _ = turned.turn();
            }
        });
        Ok(Self {
            listening,
            tokens,
            turning,
        })
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.listening.address.port()
    }

    /// Where a program asks for the credentials of this session.
    pub fn url(&self, session: &str) -> String {
        format!(
            "http://{}{}",
            self.listening.address,
            authorization::path(session)
        )
    }

    /// Where a program asks for the tokens of this session of Azure.
    pub fn identity_url(&self, session: &str) -> String {
        let address = self.listening.address;
        format!("http://{address}{}", identity::path(session))
    }

    /// Takes no more connections, which then wait for the process after this one, and gives those that talk this long
    /// to end.
    pub async fn hand_over(&self, patience: Duration) {
        self.listening.hand_over(patience).await;
    }

    /// Which token opens which session.
    pub fn tokens(&self) -> &Tokens {
        &self.tokens
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.turning.abort();
        // What was aborted may go later than this process.
        self.tokens.sweep();
    }
}
