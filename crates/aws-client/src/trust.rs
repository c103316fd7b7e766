//! Whom a function believes to be AWS.
//!
//! Reading the certificates of the system takes longer than all else that a function does at its start, and nearly every
//! endpoint of AWS shows a certificate of Amazon's own authorities. So these are built in and tried first. Where they
//! refuse (another partition, a proxy that has an authority of its own), the connection is made again by those of the
//! system: what those allow never fails.

use std::error::Error;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::{RuntimeComponents, RuntimeComponentsBuilder};
use aws_smithy_types::config_bag::ConfigBag;

/// Amazon Root CA 1 to 4 and Starfield Services Root G2, the authorities that AWS asks its clients to trust
/// (amazontrust.com/repository).
const AMAZON: &[u8] = include_bytes!("trust/amazon.pem");

/// The client of every call. Where the environment names the certificates that count, nothing else does.
#[must_use]
pub fn http_client(environment_names_certificates: bool) -> SharedHttpClient {
    if environment_names_certificates {
        return https(TrustStore::default());
    }
    first(https(TrustStore::empty().with_pem_certificate(AMAZON)), || {
        tracing::info!(
            "the endpoint's certificate is not of Amazon's authorities: those of the system decide"
        );
        https(TrustStore::default())
    })
}

fn https(store: TrustStore) -> SharedHttpClient {
    let builder = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring));
    match TlsContext::builder().with_trust_store(store).build() {
        Ok(context) => builder.tls_context(context).build_https(),
        // A context of certificates alone is never refused; if it were, the system's are the default.
        Err(_) => builder.build_https(),
    }
}

/// A client that goes on with another one, once a server's certificate was refused.
fn first(quick: SharedHttpClient, other: fn() -> SharedHttpClient) -> SharedHttpClient {
    let other = Other { make: other, made: OnceLock::new(), is_needed: AtomicBool::new(false) };
    SharedHttpClient::new(Client { quick, other: Arc::new(other) })
}

#[derive(Debug)]
struct Other {
    make: fn() -> SharedHttpClient,
    made: OnceLock<SharedHttpClient>,
    is_needed: AtomicBool,
}

#[derive(Debug)]
struct Client {
    quick: SharedHttpClient,
    other: Arc<Other>,
}

impl HttpClient for Client {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(Connector {
            quick: self.quick.http_connector(settings, components),
            other: Arc::clone(&self.other),
            settings: settings.clone(),
            components: components.clone(),
        })
    }

    fn validate_base_client_config(
        &self,
        components: &RuntimeComponentsBuilder,
        config: &ConfigBag,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        self.quick.validate_base_client_config(components, config)
    }
}

#[derive(Debug)]
struct Connector {
    quick: SharedHttpConnector,
    other: Arc<Other>,
    settings: HttpConnectorSettings,
    components: RuntimeComponents,
}

impl Connector {
    fn other(&self) -> SharedHttpConnector {
        self.other.made.get_or_init(self.other.make).http_connector(&self.settings, &self.components)
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        if self.other.is_needed.load(Ordering::Relaxed) {
            return self.other().call(request);
        }
        // A server that was refused has got nothing of the request, so that it may be sent again.
        let Some(again) = request.try_clone() else { return self.other().call(request) };
        let quick = self.quick.call(request);
        let next = Self {
            quick: self.quick.clone(),
            other: Arc::clone(&self.other),
            settings: self.settings.clone(),
            components: self.components.clone(),
        };
        HttpConnectorFuture::new(async move {
            match quick.await {
                Err(error) if is_refused_certificate(&error) => {
                    next.other.is_needed.store(true, Ordering::Relaxed);
                    next.other().call(again).await
                }
                answered => answered,
            }
        })
    }
}

/// Whether the connection failed because the server's certificate was not accepted.
fn is_refused_certificate(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if matches!(error.downcast_ref(), Some(rustls::Error::InvalidCertificate(_))) {
            return true;
        }
        // An error that is packed in an I/O error is not its source.
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(packed) => Some(packed),
            None => error.source(),
        };
    }
    false
}

#[cfg(test)]
mod tests;
