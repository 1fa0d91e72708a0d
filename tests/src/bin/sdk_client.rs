//! A program with the AWS SDK for Rust: asks the STS who it is, again and again, and prints a line
//! of JSON a call: the arn and the key that the call was signed with, or the error. A rotation
//! shows as another key.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_config::BehaviorVersion;
use aws_sdk_sts::Client;
use aws_sdk_sts::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_sts::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_sts::error::{BoxError, DisplayErrorContext};
use serde_json::{Value, json};

/// Remembers what the last call was signed with.
#[derive(Clone, Debug, Default)]
struct Signed(Arc<Mutex<String>>);

impl Intercept for Signed {
    fn name(&self) -> &'static str {
        "signed"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let header = context.request().headers().get("authorization");
        let key = header.and_then(|text| text.split("Credential=").nth(1)?.split('/').next());
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *last = key.unwrap_or_default().to_owned();
        Ok(())
    }
}

async fn call(client: &Client, signed: &Signed) -> Value {
    let call = client.get_caller_identity().customize();
    match call.interceptor(signed.clone()).send().await {
        Ok(answer) => {
            let key = signed.0.lock().unwrap_or_else(PoisonError::into_inner);
            json!({ "arn": answer.arn(), "key": *key })
        }
        Err(error) => json!({ "error": DisplayErrorContext(&error).to_string() }),
    }
}

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stdout, reason = "a program whose lines a test reads")]
async fn main() {
    let seconds = std::env::args().nth(1).and_then(|text| text.parse().ok());
    let until = Instant::now() + Duration::from_secs(seconds.unwrap_or(0));
    let http = aws_smithy_http_client::Builder::new().build_http();
    let config = aws_config::defaults(BehaviorVersion::latest());
    let config = config.http_client(http).load().await;
    let client = Client::new(&config);
    let signed = Signed::default();
    loop {
        println!("{}", call(&client, &signed).await);
        if Instant::now() > until {
            return;
        }
        // Sleeps between two calls, as a program that has other work does.
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}
