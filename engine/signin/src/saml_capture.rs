//! A browser of the Chromium family in which a person signs in, and from which the SAML assertion
//! is taken before it reaches AWS: for identity providers that bring assertions to nobody else.
//!
//! The browser is a separate one with an empty profile that is removed afterwards. It is spoken to
//! over a pipe that no other program has. Nothing but the form for AWS's sign-in page is looked at,
//! and that form leaves neither the browser nor a trace in its history.
//!
//! Source: Chrome DevTools Protocol, `Target` and `Fetch`; `--remote-debugging-pipe` takes and gives
//! messages that end with a zero byte on the descriptors 3 and 4.

use std::process::Stdio;
use std::time::Duration;

use data_encoding::BASE64;
use dayfly_dialog::CliError;
use dayfly_providers::Assertion;
use dayfly_vault::SecretString;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use zeroize::Zeroizing;

use crate::saml_acs;

/// The longest message, in bytes.
const MESSAGE: u64 = 16 << 20;
/// How long the person sees that it went well.
const FAREWELL: Duration = Duration::from_secs(3);
/// AWS's sign-in pages that take assertions, in each partition.
const PAGES: [&str; 6] = [
    "https://signin.aws.amazon.com/saml*",
    "https://*.signin.aws.amazon.com/saml*",
    "https://signin.amazonaws-us-gov.com/saml*",
    "https://*.signin.amazonaws-us-gov.com/saml*",
    "https://signin.amazonaws.cn/saml*",
    "https://*.signin.amazonaws.cn/saml*",
];

/// Opens the address in such a browser and waits for the assertion; none where none came in time.
pub async fn capture(
    browser: &[String],
    address: &str,
    patience: Duration,
) -> Result<Option<SecretString>, CliError> {
    let program = browser.first().map_or("", String::as_str);
    let failed = |e: std::io::Error| {
        CliError::failed(format!("Dayfly cannot use the browser {program}: {e}"))
            .hint("set `browser` of [saml] in dayfly.toml to Chromium, Chrome or Edge")
    };
    let profile = tempfile::Builder::new().prefix("dayfly-browser-").tempdir();
    let profile = profile.map_err(failed)?;
    let mut child = Command::new("/bin/sh")
        // The pipes take the places that the browser looks at.
        .arg("-c")
        .arg("exec \"$0\" \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1")
        .args(browser)
        .args(["--remote-debugging-pipe", "--no-first-run"])
        .args(["--no-default-browser-check", "--disable-sync"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg("about:blank")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    let (Some(to), Some(from)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(CliError::failed("the browser has no pipes"));
    };
    let mut devtools = DevTools {
        to,
        from: BufReader::new(from),
        last: 0,
    };
    let caught = tokio::time::timeout(patience, devtools.catch(address)).await;
    match caught {
        Ok(Ok(text)) => {
            devtools.end(&mut child).await;
            Ok(Some(text))
        }
        Ok(Err(_)) => Err(
            CliError::failed("the browser was closed before the sign-in ended")
                .hint("give the command again"),
        ),
        Err(_) => Ok(None),
    }
}

struct DevTools {
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    last: u64,
}

impl DevTools {
    async fn send(
        &mut self,
        session: Option<&str>,
        method: &str,
        params: Value,
    ) -> std::io::Result<()> {
        self.last += 1;
        let mut message = json!({ "id": self.last, "method": method, "params": params });
        if let Some(session) = session {
            message["sessionId"] = session.into();
        }
        let mut text = serde_json::to_vec(&message)?;
        text.push(0);
        self.to.write_all(&text).await?;
        self.to.flush().await
    }

    async fn receive(&mut self) -> std::io::Result<Zeroizing<Vec<u8>>> {
        // It may hold the assertion.
        let mut text = Zeroizing::new(Vec::with_capacity(64 << 10));
        let mut bounded = (&mut self.from).take(MESSAGE);
        bounded.read_until(0, &mut text).await?;
        match text.pop() {
            Some(0) => Ok(text),
            _ => Err(std::io::ErrorKind::UnexpectedEof.into()),
        }
    }

    async fn attach(&mut self, session: Option<&str>) -> std::io::Result<()> {
        let params = json!({ "autoAttach": true, "waitForDebuggerOnStart": true, "flatten": true });
        self.send(session, "Target.setAutoAttach", params).await
    }

    /// Opens the address, and takes the first assertion out of a form for AWS.
    async fn catch(&mut self, address: &str) -> std::io::Result<SecretString> {
        self.attach(None).await?;
        let mut asked = false;
        let mut caught = None;
        loop {
            let text = self.receive().await?;
            let message: Value = serde_json::from_slice(&text)?;
            let params = &message["params"];
            match message["method"].as_str() {
                Some("Target.attachedToTarget") => {
                    let begun = self.attached(params, (!asked).then_some(address)).await?;
                    asked |= begun;
                }
                Some("Fetch.requestPaused") => {
                    let session = message["sessionId"].as_str().unwrap_or_default();
                    let id = &params["requestId"];
                    let form = params["request"]["postData"].as_str();
                    if let Some(text) = form.and_then(assertion) {
                        caught = Some(text);
                        self.lead_away(session, id).await?;
                        continue;
                    }
                    self.show(session, id, caught.is_some()).await?;
                    if let Some(text) = caught {
                        return Ok(text);
                    }
                }
                _ => {}
            }
        }
    }

    /// Has a new page or frame stop at forms for AWS, and run. Where there is an address, a page is sent
    /// there; whether it was.
    async fn attached(&mut self, params: &Value, address: Option<&str>) -> std::io::Result<bool> {
        let session = params["sessionId"].as_str().unwrap_or_default();
        let patterns: Vec<_> = PAGES.map(|page| json!({ "urlPattern": page })).into();
        let kind = params["targetInfo"]["type"].as_str();
        if matches!(kind, Some("page" | "iframe")) {
            let patterns = json!({ "patterns": patterns });
            self.send(Some(session), "Fetch.enable", patterns).await?;
            self.attach(Some(session)).await?;
        }
        let go = "Runtime.runIfWaitingForDebugger";
        self.send(Some(session), go, json!({})).await?;
        // The page that the browser began with, which nothing leaves unseen any more.
        let Some(address) = address.filter(|_| kind == Some("page")) else {
            return Ok(false);
        };
        let address = json!({ "url": address });
        self.send(Some(session), "Page.navigate", address).await?;
        Ok(true)
    }

    /// Answers a form with another place, so that the form is in no history.
    async fn lead_away(&mut self, session: &str, id: &Value) -> std::io::Result<()> {
        let page = json!({
            "requestId": id, "responseCode": 303,
            "responseHeaders": [
                { "name": "Location", "value": "/saml-signed-in" },
                { "name": "Cache-Control", "value": "no-store" },
            ],
        });
        self.send(Some(session), "Fetch.fulfillRequest", page).await
    }

    /// Answers with a page that says whether there is an assertion.
    async fn show(&mut self, session: &str, id: &Value, caught: bool) -> std::io::Result<()> {
        let said = if caught {
            saml_acs::html(
                "Signed in",
                "You are signed in. This window closes; Dayfly continues in the terminal.",
            )
        } else {
            saml_acs::html("No assertion", "The form has no assertion.")
        };
        let page = json!({
            "requestId": id, "responseCode": 200,
            "responseHeaders": [
                { "name": "Content-Type", "value": "text/html; charset=utf-8" },
            ],
            "body": BASE64.encode(said.as_bytes()),
        });
        self.send(Some(session), "Fetch.fulfillRequest", page).await
    }

    /// Lets the person see it, and closes the browser.
    async fn end(&mut self, child: &mut Child) {
        let shown = async {
            loop {
                if self.receive().await.is_err() {
                    return;
                }
            }
        };
        let _ = tokio::time::timeout(FAREWELL, shown).await;
        let _ = self.send(None, "Browser.close", json!({})).await;
        let _ = tokio::time::timeout(FAREWELL, child.wait()).await;
    }
}

/// The assertion in a form, where it has one.
fn assertion(form: &str) -> Option<SecretString> {
    let mut pairs = form_urlencoded::parse(form.as_bytes());
    let (_, text) = pairs.find(|(name, _)| name == "SAMLResponse")?;
    let text = SecretString::from(text.into_owned());
    Assertion::parse(&text).is_ok().then_some(text)
}
