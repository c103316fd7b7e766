//! Serves HTTP on the loopback address: the API of RDS at `/`, the admin API under `/_emulator/`.

use std::error::Error;
use std::io;
use std::sync::Arc;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::cloud::Received;
use crate::emulator::Emulator;
use crate::{admin, api};

const LARGEST_BODY_BYTES: usize = 1024 * 1024;

/// What goes back to a client.
pub struct Answer {
    pub http_status: u16,
    pub content_type: &'static str,
    pub body: String,
}

/// Serves until the listener fails.
pub async fn serve(listener: TcpListener, emulator: Arc<Emulator>) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let emulator = Arc::clone(&emulator);
        tokio::spawn(async move {
            let service = service_fn(|request| respond(Arc::clone(&emulator), request));
            // A client that goes away, or one that a fault hangs up on, is no news.
            if let Err(error) = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await {
                tracing::debug!(%error, "a connection has ended");
            }
        });
    }
}

/// Answers one request. An error closes the connection without an answer.
async fn respond(
    emulator: Arc<Emulator>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Box<dyn Error + Send + Sync>> {
    let received = receive(request).await?;
    // A client that does not wait for the answer does not stop what it began.
    let answer = tokio::spawn(async move {
        if received.path.starts_with("/_emulator/") {
            Some(admin::answer(&emulator, &received))
        } else {
            api::answer(emulator, received).await
        }
    });
    let Some(Answer { http_status, content_type, body }) = answer.await? else {
        return Err("closed on order".into());
    };
    let response = Response::builder().status(http_status).header("content-type", content_type);
    Ok(response.body(Full::new(Bytes::from(body)))?)
}

async fn receive(request: Request<Incoming>) -> Result<Received, Box<dyn Error + Send + Sync>> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, LARGEST_BODY_BYTES).collect().await?.to_bytes();
    let headers = head.headers.iter().map(|(name, value)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    });
    Ok(Received {
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: headers.collect(),
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}
