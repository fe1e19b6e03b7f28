//! As much of HTTP/1.1 as SDKs and the sandbox speak with each other.

use std::io::{Error, ErrorKind, Result};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream};
use tokio::net::TcpStream;

/// A request or an answer, its body whole.
#[derive(Debug, Clone)]
pub(super) struct Message {
    /// `POST /path HTTP/1.1` or `HTTP/1.1 200 OK`.
    pub(super) start: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

/// How a message's end is found.
enum Length {
    Known(usize),
    Chunked,
    UntilClosed,
}

impl Message {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The method of a request.
    pub(super) fn method(&self) -> &str {
        self.start.split(' ').next().unwrap_or_default()
    }

    /// The path of a request, without the query.
    pub(super) fn path(&self) -> &str {
        let target = self.start.split(' ').nth(1).unwrap_or_default();
        target.split('?').next().unwrap_or_default()
    }

    fn length(&self) -> Result<Length> {
        if self
            .header("transfer-encoding")
            .is_some_and(|how| how.contains("chunked"))
        {
            return Ok(Length::Chunked);
        }
        match self.header("content-length") {
            Some(length) => length.trim().parse().map(Length::Known).map_err(invalid),
            None => Ok(Length::UntilClosed),
        }
    }

    /// The head and the body, its length told; what concerns only the connection it came over is left out.
    fn bytes(&self, more: &[(&str, &str)], tell_length: bool) -> Vec<u8> {
        const OF_THE_CONNECTION: [&str; 6] = [
            "connection",
            "content-length",
            "expect",
            "keep-alive",
            "transfer-encoding",
            "host",
        ];
        let length = self.body.len().to_string();
        let kept = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let kept = kept.filter(|(name, _)| !OF_THE_CONNECTION.iter().any(|own| name.eq_ignore_ascii_case(own)));
        let length = tell_length.then_some(("content-length", length.as_str()));
        let lines = kept.chain(more.iter().copied()).chain(length);
        let head = lines.fold(format!("{}\r\n", self.start), |head, (name, value)| {
            head + name + ": " + value + "\r\n"
        });
        [head.as_bytes(), b"\r\n", &self.body].concat()
    }
}

/// One TCP connection.
pub(super) struct Connection {
    stream: BufStream<TcpStream>,
    /// The method of the request that is to be answered: HEAD is answered without a body.
    method: String,
}

impl Connection {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self {
            stream: BufStream::new(stream),
            method: String::new(),
        }
    }

    /// The next request; `None` when the client is done.
    pub(super) async fn request(&mut self) -> Result<Option<Message>> {
        let Some(mut request) = self.head().await? else {
            return Ok(None);
        };
        if request.header("expect").is_some() {
            self.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
            self.stream.flush().await?;
        }
        request.body = match request.length()? {
            Length::UntilClosed => Vec::new(),
            length => self.body(length).await?,
        };
        request.method().clone_into(&mut self.method);
        Ok(Some(request))
    }

    /// Answers the last request.
    pub(super) async fn answer(&mut self, answer: &Message) -> Result<()> {
        // The length in an answer to HEAD is that of a body that is not sent.
        let bytes = match answer.header("content-length") {
            Some(length) if self.method == "HEAD" => answer.bytes(&[("content-length", length)], false),
            _ => answer.bytes(&[], true),
        };
        self.stream.write_all(&bytes).await?;
        self.stream.flush().await
    }

    /// Sends a request to `host` and reads the answer.
    pub(super) async fn pass_on(&mut self, request: &Message, host: &str) -> Result<Message> {
        let bytes = request.bytes(&[("host", host), ("connection", "close")], true);
        self.stream.write_all(&bytes).await?;
        self.stream.flush().await?;
        let mut answer = self.head().await?.ok_or(ErrorKind::UnexpectedEof)?;
        while answer.start.contains(" 100 ") {
            answer = self.head().await?.ok_or(ErrorKind::UnexpectedEof)?;
        }
        let empty = request.method() == "HEAD" || [" 204", " 304"].iter().any(|code| answer.start.contains(code));
        if !empty {
            answer.body = self.body(answer.length()?).await?;
        }
        Ok(answer)
    }

    async fn line(&mut self) -> Result<Option<String>> {
        let mut line = String::new();
        let read = self.stream.read_line(&mut line).await?;
        Ok((read > 0).then(|| line.trim_end().to_owned()))
    }

    async fn head(&mut self) -> Result<Option<Message>> {
        let Some(start) = self.line().await? else {
            return Ok(None);
        };
        let mut headers = Vec::new();
        loop {
            let line = self.line().await?.ok_or(ErrorKind::UnexpectedEof)?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').ok_or_else(|| invalid("no header"))?;
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
        let body = Vec::new();
        Ok(Some(Message { start, headers, body }))
    }

    async fn body(&mut self, length: Length) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        match length {
            Length::Known(length) => {
                body.resize(length, 0);
                self.stream.read_exact(&mut body).await?;
            }
            Length::UntilClosed => {
                self.stream.read_to_end(&mut body).await?;
            }
            Length::Chunked => loop {
                let line = self.line().await?.ok_or(ErrorKind::UnexpectedEof)?;
                let size = line.split(';').next().unwrap_or_default();
                let size = usize::from_str_radix(size.trim(), 16).map_err(invalid)?;
                let begin = body.len();
                body.resize(begin + size, 0);
                self.stream.read_exact(&mut body[begin..]).await?;
                // The line break after the chunk; after the last one, trailers and an empty line.
                while self.line().await?.is_some_and(|line| !line.is_empty()) {}
                if size == 0 {
                    break;
                }
            },
        }
        Ok(body)
    }
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::new(ErrorKind::InvalidData, error)
}
