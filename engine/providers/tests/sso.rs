//! Many sessions of one integration, on one sign-in: one renewal for all, also between processes.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dayfly_core::session::{Access, ErrorKind, Session, SessionId};
use dayfly_core::time::Timestamp;
use dayfly_providers::pace::Rate;
use dayfly_providers::sso::{Sso, SsoIntegration, SsoSettings};
use dayfly_providers::{IssueRequest, LongLivedKeys, PortalPaces, Providers, ProvidersConfig};
use dayfly_vault::{AccessKey, VaultError};
use serde_json::{Value, json};

fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("it is after 1970");
    Timestamp::from_millis(u64::try_from(since.as_millis()).expect("it is not so late"))
}

struct NoKeys;

impl LongLivedKeys for NoKeys {
    fn access_key(&self, _: &SessionId) -> Result<Option<AccessKey>, VaultError> {
        Ok(None)
    }
}

/// The fake of the end-to-end suites.
struct Portal {
    child: Child,
    _held: ChildStdin,
    port: u16,
}

impl Portal {
    fn start() -> Option<Self> {
        let Some(python) = std::env::var_os("DAYFLY_TEST_PYTHON") else {
            assert!(std::env::var_os("DAYFLY_TEST_ALL").is_none());
            return None;
        };
        let fake = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fakes/sso_portal.py");
        let mut child = Command::new(python)
            .arg(fake)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the fake answers");
        let held = child.stdin.take().expect("the fake answers");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("the fake answers"))
            .read_line(&mut line)
            .expect("the fake answers");
        let port = line
            .trim()
            .strip_prefix("listening ")
            .expect("the fake answers");
        Some(Self {
            child,
            _held: held,
            port: port.parse().expect("the fake answers"),
        })
    }

    fn ask(&self, method: &str, body: &str) -> Value {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("the fake answers");
        let request = format!(
            "{method} /fake HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream
            .write_all(request.as_bytes())
            .expect("the fake answers");
        let mut answer = String::new();
        stream
            .read_to_string(&mut answer)
            .expect("the fake answers");
        serde_json::from_str(answer.split_once("\r\n\r\n").expect("the fake answers").1)
            .expect("it answers JSON")
    }

    fn tell(&self, orders: &Value) {
        self.ask("POST", &orders.to_string());
    }

    fn count(&self, what: &str) -> u64 {
        self.ask("GET", "")["counts"][what].as_u64().unwrap_or(0)
    }
}

impl Drop for Portal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn integration() -> SsoIntegration {
    SsoIntegration {
        id: "corp-id".to_owned(),
        name: "corp".to_owned(),
        portal_url: "https://corp.awsapps.com/start".to_owned(),
        region: "us-east-1".to_owned(),
        sso_session: None,
    }
}

fn session(n: usize) -> Session {
    Session {
        id: SessionId::new(&format!("s{n}")),
        name: format!("s{n}"),
        region: None,
        access: Access::AwsSsoRole {
            role_arn: "arn:aws:iam::100000000000/Admin".to_owned(),
            integration_id: "corp-id".to_owned(),
        },
        named_profile: None,
        account: None,
        labels: BTreeMap::new(),
        fault: None,
    }
}

/// What one process has: nothing but the folder is shared with others.
fn process(portal: &Portal, folder: &Path) -> (Arc<Sso>, Arc<Providers>) {
    let endpoint = Some(format!("http://127.0.0.1:{}", portal.port));
    let sso = Arc::new(Sso::new(SsoSettings {
        portal_endpoint_url: endpoint.clone(),
        oidc_endpoint_url: endpoint,
        cache: Some(folder.join("cache")),
        config_file: Some(folder.join("config")),
        paces: PortalPaces::new(Rate {
            per_second: 0.0,
            burst: 1,
        }),
        ..SsoSettings::new(now)
    }));
    let config = ProvidersConfig {
        sso: Some(Arc::clone(&sso)),
        sso_integrations: vec![integration()],
        turn: Duration::from_secs(300),
        ..ProvidersConfig::default()
    };
    (sso, Arc::new(Providers::new(config, Arc::new(NoKeys))))
}

/// 1,000 sessions, spread over these processes, all at once; how each ended.
async fn burst(processes: &[(Arc<Sso>, Arc<Providers>)]) -> Vec<Option<ErrorKind>> {
    let mut all = tokio::task::JoinSet::new();
    for n in 0..1_000 {
        let providers = Arc::clone(&processes[n % processes.len()].1);
        all.spawn(async move {
            let session = session(n);
            let request = IssueRequest {
                session: &session,
                parent: None,
                parent_session: None,
                now: now(),
            };
            providers.issue(request).await.err().map(|e| e.kind())
        });
    }
    all.join_all().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_of_a_thousand_sessions_in_four_processes_renews_the_sign_in_once() {
    let Some(portal) = Portal::start() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let account =
        json!({ "id": "100000000000", "name": "a", "email": "a@b.c", "roles": ["Admin"] });
    // The token is about to end when the burst comes.
    portal.tell(&json!({
        "accounts": [account], "settings": { "auto": "allow", "access_ttl": 300 },
    }));
    let (first, _) = process(&portal, folder.path());
    let device = first.device(&integration()).await.unwrap();
    first.confirmed(device).await.unwrap();
    portal.tell(&json!({ "settings": { "access_ttl": 28800 }, "reset": true }));
    let processes: Vec<_> = (0..4).map(|_| process(&portal, folder.path())).collect();
    let ended = burst(&processes).await;
    assert!(ended.iter().all(Option::is_none), "{ended:?}");
    assert_eq!(portal.count("grant refresh_token"), 1);
    assert_eq!(portal.count("GetRoleCredentials"), 1_000);

    // Where nothing renews it, each process finds that out once, and all are told soon.
    portal.tell(&json!({ "revoke_access": true, "revoke_refresh": true, "reset": true }));
    let processes: Vec<_> = (0..4).map(|_| process(&portal, folder.path())).collect();
    let ended = burst(&processes).await;
    let needs = Some(ErrorKind::NeedsSignIn);
    assert!(ended.iter().all(|kind| *kind == needs), "{ended:?}");
    assert!(portal.count("grant refresh_token") <= 4);
    // One sign-in, by one of them, is good for all.
    let device = first.device(&integration()).await.unwrap();
    first.confirmed(device).await.unwrap();
    let ended = burst(&processes).await;
    assert!(ended.iter().all(Option::is_none), "{ended:?}");
    let told = portal.ask("GET", "");
    assert_eq!(told["violations"], json!([]));
}
