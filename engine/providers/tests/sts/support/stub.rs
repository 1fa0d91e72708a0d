//! A server on loopback for faults that no real component produces.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// The request line and the headers.
    pub(crate) head: String,
    /// The body.
    pub(crate) body: String,
}

impl Request {
    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// What to answer.
pub(crate) enum Reply {
    /// A status, further header lines, and a body.
    Answer(u16, Vec<String>, String),
    /// Close the connection without an answer.
    HangUp,
}

/// The server. Every connection serves requests until one side closes it.
pub(crate) struct Stub {
    /// Where it listens.
    pub(crate) endpoint: String,
    /// What it was asked.
    pub(crate) requests: Arc<Mutex<Vec<Request>>>,
}

impl Stub {
    /// Starts it with the function that answers the n-th request (from 0).
    pub(crate) fn start(answer: impl Fn(usize, &Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        let answer = Arc::new(answer);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, answer) = (Arc::clone(&seen), Arc::clone(&answer));
                std::thread::spawn(move || serve(stream, &seen, &*answer));
            }
        });
        Self { endpoint, requests }
    }

    /// How often it was asked.
    pub(crate) fn count(&self) -> usize {
        self.requests.lock().unwrap().len()
    }
}

fn serve(
    stream: TcpStream,
    seen: &Mutex<Vec<Request>>,
    answer: &dyn Fn(usize, &Request) -> Reply,
) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut writer = stream;
    loop {
        let mut head = String::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if line == "\r\n" {
                break;
            }
            head.push_str(&line);
        }
        let mut request = Request {
            head,
            body: String::new(),
        };
        let length = request
            .header("content-length")
            .map_or(0, |v| v.parse().unwrap());
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        request.body = String::from_utf8(body).unwrap();
        let number = {
            let mut seen = seen.lock().unwrap();
            seen.push(request.clone());
            seen.len() - 1
        };
        let Reply::Answer(status, headers, body) = answer(number, &request) else {
            return None;
        };
        let headers: String = headers.iter().map(|h| format!("{h}\r\n")).collect();
        let length = body.len();
        // In one piece: small ones would each wait for the other side's acknowledgement.
        let whole =
            format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n{headers}\r\n{body}");
        writer.write_all(whole.as_bytes()).ok()?;
    }
}

/// An STS error as the Query protocol has it.
pub(crate) fn sts_error(status: u16, code: &str, message: &str) -> Reply {
    let message = message
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    Reply::Answer(
        status,
        vec![
            "content-type: text/xml".to_owned(),
            "x-amzn-requestid: 01234567-89ab-cdef-0123-456789abcdef".to_owned(),
        ],
        format!(
            "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error>\
             <Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>\
             <RequestId>01234567-89ab-cdef-0123-456789abcdef</RequestId></ErrorResponse>"
        ),
    )
}

/// Credentials as STS answers them to GetSessionToken.
pub(crate) fn sts_credentials(expiration: &str) -> Reply {
    sts_answer(&format!(
        "<Credentials><AccessKeyId>ASIASTUB</AccessKeyId>\
         <SecretAccessKey>stub-secret</SecretAccessKey><SessionToken>stub-token</SessionToken>\
         <Expiration>{expiration}</Expiration></Credentials>"
    ))
}

/// An answer to GetSessionToken.
pub(crate) fn sts_answer(result: &str) -> Reply {
    Reply::Answer(
        200,
        vec!["content-type: text/xml".to_owned()],
        format!(
            "<GetSessionTokenResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
             <GetSessionTokenResult>{result}</GetSessionTokenResult><ResponseMetadata>\
             <RequestId>r-1</RequestId></ResponseMetadata></GetSessionTokenResponse>"
        ),
    )
}
