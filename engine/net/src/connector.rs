//! Connections: made at the first call, kept for the next, with every answer bounded.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use aws_smithy_http_client::Connector as Smithy;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, TlsContext, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use http::Uri;
use http_body_util::Limited;
use thiserror::Error as ThisError;
use tokio::sync::Mutex;

use crate::address::{Reach, Within};
use crate::proxies::Proxies;
use crate::roots::Bundle;
use crate::{ProxyError, Unusable};

/// Bounds of calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long until the connection stands, TLS included.
    pub connect: Duration,
    /// How long until an answer begins.
    pub answer: Duration,
    /// The longest answer, in bytes.
    pub bytes: usize,
}

/// Makes calls, each to where its address says: through a proxy or directly, over TLS or not.
/// Clones share their connections.
#[derive(Clone, Debug)]
pub struct Connector(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    limits: Limits,
    reach: Option<Reach>,
    /// Whether a proxy may be in between.
    proxied: bool,
    made: Mutex<Made>,
}

/// What was read of this machine's settings, and connections by the proxy that they go through.
#[derive(Debug, Default)]
struct Made {
    settings: Option<Arc<(Proxies, TlsContext)>>,
    by_proxy: BTreeMap<Option<String>, SharedHttpConnector>,
}

impl Connector {
    /// Nothing is read before the first call. What cannot be read fails that call, and is read
    /// again for the next.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self::made(limits, None, true)
    }

    /// One for services of this machine's own network, which no proxy knows.
    #[must_use]
    pub fn without_proxy(limits: Limits) -> Self {
        Self::made(limits, None, false)
    }

    /// One for addresses that somebody else named: what is out of reach is not called, whatever a name
    /// resolves to.
    #[must_use]
    pub fn within(limits: Limits, reach: Reach) -> Self {
        Self::made(limits, Some(reach), true)
    }

    fn made(limits: Limits, reach: Option<Reach>, proxied: bool) -> Self {
        Self(Arc::new(Inner {
            limits,
            reach,
            proxied,
            made: Mutex::default(),
        }))
    }
}

impl Inner {
    async fn connector(&self, address: &str) -> Result<SharedHttpConnector, Unusable> {
        let mut made = self.made.lock().await;
        let settings = match &made.settings {
            Some(settings) => Arc::clone(settings),
            None => {
                let settings = Arc::new(settings().await?);
                made.settings = Some(Arc::clone(&settings));
                settings
            }
        };
        let (proxies, trust) = &*settings;
        let uri: Uri = address.parse().unwrap_or_default();
        let proxy = proxies.address(&uri).filter(|_| self.proxied);
        let proxy = proxy.map(str::to_owned);
        if let Some(connector) = made.by_proxy.get(&proxy) {
            return Ok(connector.clone());
        }
        let connector = self.build(proxy.as_deref(), trust.clone())?;
        made.by_proxy.insert(proxy, connector.clone());
        Ok(connector)
    }

    fn build(
        &self,
        proxy: Option<&str>,
        trust: TlsContext,
    ) -> Result<SharedHttpConnector, Unusable> {
        let settings = HttpConnectorSettings::builder()
            .connect_timeout(self.limits.connect)
            .read_timeout(self.limits.answer)
            .build();
        let proxied = proxy.is_some();
        let proxy = match proxy {
            Some(address) => {
                ProxyConfig::all(address).map_err(|_| no_proxy("it is not a valid address"))?
            }
            None => ProxyConfig::disabled(),
        };
        let builder = Smithy::builder()
            .connector_settings(settings)
            .proxy_config(proxy)
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .tls_context(trust);
        // Behind a proxy, it is the proxy that is looked for.
        let within = self.reach.clone().filter(|_| !proxied).map(Within);
        Ok(SharedHttpConnector::new(match within {
            Some(within) => builder.build_with_resolver(within),
            None => builder.build(),
        }))
    }
}

/// Reads what this machine's settings say of proxies and of whom to trust.
async fn settings() -> Result<(Proxies, TlsContext), Unusable> {
    let proxies = Proxies::configured()?;
    let bundle = Bundle::configured().await;
    // A file on a disk that is slow.
    let trust = tokio::task::spawn_blocking(move || Bundle::trust(bundle.as_ref())).await;
    match trust {
        Ok(trust) => Ok((proxies, trust?)),
        Err(stopped) => std::panic::resume_unwind(stopped.into_panic()),
    }
}

fn no_proxy(problem: &str) -> ProxyError {
    ProxyError {
        variable: "HTTPS_PROXY".to_owned(),
        problem: problem.to_owned(),
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let inner = Arc::clone(&self.0);
        HttpConnectorFuture::new(async move {
            if let Some(reach) = &inner.reach {
                let uri: Uri = request.uri().parse().unwrap_or_default();
                let held = reach.holds(uri.host().unwrap_or_default()).await;
                held.map_err(|out| ConnectorError::user(Box::new(out)))?;
            }
            let connector = inner
                .connector(request.uri())
                .await
                .map_err(|unusable| ConnectorError::user(Box::new(unusable)))?;
            let bytes = inner.limits.bytes;
            let answer = connector.call(request).await?;
            Ok(answer.map(|body| SdkBody::from_body_1_x(Limited::new(body, bytes))))
        })
    }
}

/// Why the rest of an answer did not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ThisError)]
pub enum BrokenOff {
    /// It is longer than is allowed.
    #[error("its answer is too long")]
    TooLong,
    /// The connection ended.
    #[error("its answer ended early")]
    Ended,
    /// Nothing more came for too long.
    #[error("its answer stopped")]
    Silent,
}

/// Reads a whole answer of at most so many bytes, each piece of which comes in time. What is longer
/// is not read to its end, whatever it says of its length.
///
/// # Errors
/// [`BrokenOff`].
pub async fn read(
    response: HttpResponse,
    limit: usize,
    silence: Duration,
    mut take: impl FnMut(&[u8]),
) -> Result<(), BrokenOff> {
    let mut stream = ByteStream::new(response.into_body());
    let mut length = 0_usize;
    loop {
        let next = tokio::time::timeout(silence, stream.next()).await;
        let piece = match next.map_err(|_| BrokenOff::Silent)? {
            None => return Ok(()),
            Some(Ok(piece)) => piece,
            Some(Err(error)) if is_limit(&error) => return Err(BrokenOff::TooLong),
            Some(Err(_)) => return Err(BrokenOff::Ended),
        };
        length = length.saturating_add(piece.len());
        if length > limit {
            return Err(BrokenOff::TooLong);
        }
        take(&piece);
    }
}

fn is_limit(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.is::<http_body_util::LengthLimitError>() {
            return true;
        }
        next = error.source();
    }
    false
}
