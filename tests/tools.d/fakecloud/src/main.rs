//! IAM and STS of fakecloud on a port of loopback that the system chooses, which is the only line that is printed.
//! Signatures, trust policies, MFA codes and durations are checked. An access key that begins with `test` is the
//! account's root.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::{Extension, Router};
use fakecloud_core::auth::IamMode;
use fakecloud_core::dispatch::{DispatchConfig, dispatch};
use fakecloud_core::multi_account::MultiAccountState;
use fakecloud_core::registry::ServiceRegistry;
use fakecloud_iam::SharedIamState;
use fakecloud_iam::credential_resolver::IamCredentialResolver;
use fakecloud_iam::iam_service::IamService;
use fakecloud_iam::policy_evaluator::IamPolicyEvaluatorImpl;
use fakecloud_iam::sts_service::StsService;
use parking_lot::RwLock;
use tokio::net::TcpListener;

const ACCOUNT: &str = "123456789012";
const REGION: &str = "us-east-1";

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let state = MultiAccountState::new(ACCOUNT, REGION, &format!("http://{address}"));
    let state: SharedIamState = Arc::new(RwLock::new(state));
    let mut services = ServiceRegistry::new();
    services.register(Arc::new(IamService::new(state.clone())));
    services.register(Arc::new(StsService::new(state.clone())));
    let mut config = DispatchConfig::new(REGION, ACCOUNT);
    config.verify_sigv4 = true;
    config.iam_mode = IamMode::Soft;
    config.credential_resolver = Some(Arc::new(IamCredentialResolver::new(state.clone())));
    config.policy_evaluator = Some(Arc::new(IamPolicyEvaluatorImpl::new(state)));
    let app = Router::new()
        .fallback(dispatch)
        .layer(Extension(Arc::new(services)))
        .layer(Extension(Arc::new(config)));
    let mut out = std::io::stdout();
    writeln!(out, "{}", address.port())?;
    out.flush()?;
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, app).await
}
