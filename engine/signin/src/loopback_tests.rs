use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;

async fn send(address: SocketAddr, text: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer).await;
    answer
}

/// Serves everybody the path that they asked for.
async fn echo() -> (SocketAddr, JoinHandle<()>) {
    let loopback = Loopback::start(0).await.unwrap();
    let address = loopback.address();
    let mut serving = loopback.serve(&["127.0.0.1"], 100);
    let task = tokio::spawn(async move {
        while let Some((asked, reply)) = serving.next().await {
            let text = format!("{} {}", asked.uri().path(), asked.body().len());
            reply.show_soon(html(StatusCode::OK, text));
        }
    });
    (address, task)
}

#[tokio::test]
async fn silent_connections_keep_nobody_waiting() {
    let (address, task) = echo().await;
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(TcpStream::connect(address).await.unwrap());
    }
    // One that began and does not go on.
    let mut slow = TcpStream::connect(address).await.unwrap();
    slow.write_all(b"GET / HT").await.unwrap();
    let request = format!("GET /now HTTP/1.1\r\nHost: {address}\r\n\r\n");
    let asked = send(address, &request);
    let answer = tokio::time::timeout(ASK / 2, asked).await.unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.ends_with("/now 0"),
        "{answer}"
    );
    task.abort();
}

#[tokio::test]
async fn a_request_is_bounded_and_names_this_machine() {
    let (address, task) = echo().await;
    let post = |host: &str, length: usize| {
        let body = "x".repeat(length);
        format!("POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n\r\n{body}")
    };
    let here = address.to_string();
    for (request, status) in [
        (post(&here, 100), "200"),
        (post(&here, 101), "413"),
        (post("evil.example", 1), "403"),
        (post(&format!("localhost:{}", address.port()), 1), "403"),
        (post(&here, 1).replace("Host:", "Host: x\r\nHost:"), "400"),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), "400"),
    ] {
        let answer = send(address, &request).await;
        let got = answer.split(' ').nth(1).unwrap_or_default();
        assert_eq!(got, status, "{request}: {answer}");
    }
    task.abort();
}

#[tokio::test]
async fn it_is_closed_when_it_says_so() {
    let loopback = Loopback::start(0).await.unwrap();
    let address = loopback.address();
    let serving = loopback.serve(&["127.0.0.1"], 100);
    serving.close().await;
    assert!(TcpStream::connect(address).await.is_err());
}
