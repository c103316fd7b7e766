use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::{Receiver, channel};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::*;

/// An authority that nobody trusts, and a server's certificate and key of it. They are good for nothing but this test.
const AUTHORITY: &[u8] = include_bytes!("testing/authority.pem");
const SERVER: &[u8] = include_bytes!("testing/server.pem");
const KEY: &[u8] = include_bytes!("testing/server.key");

fn private() -> SharedHttpClient {
    https(TrustStore::empty().with_pem_certificate(AUTHORITY))
}

fn amazon() -> SharedHttpClient {
    https(TrustStore::empty().with_pem_certificate(AMAZON))
}

/// A server under the private authority. It answers each request as KMS would, and says what became of each connection:
/// whether there was a request.
fn server(connections: usize) -> (SocketAddr, Receiver<bool>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(SERVER).unwrap()],
            PrivateKeyDer::from_pem_slice(KEY).unwrap(),
        )
        .unwrap();
    let config = Arc::new(config);
    let (sender, became) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().take(connections) {
            let mut stream =
                StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream.unwrap());
            let mut request = [0; 4_096];
            let read = stream.read(&mut request).unwrap_or_default();
            sender.send(read > 0).unwrap();
            if read > 0 {
                let body = r#"{"KeyMetadata":{"KeyId":"seen"}}"#;
                let answer = format!(
                    "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                );
                stream.write_all(answer.as_bytes()).unwrap();
                stream.conn.send_close_notify();
                stream.flush().unwrap();
            }
        }
    });
    (address, became)
}

/// Asks the server so often; how it went.
fn asked(client: SharedHttpClient, address: SocketAddr, times: u32) -> Result<(), String> {
    let key = Credentials::new("AKIAEXAMPLE", "secret", None, None, "tests");
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .endpoint_url(format!("https://localhost:{}", address.port()))
        .retry_config(aws_config::retry::RetryConfig::disabled())
        .http_client(client)
        .credentials_provider(SharedCredentialsProvider::new(key))
        .build();
    let kms = aws_sdk_kms::Client::new(&config);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for _ in 0..times {
        let answer = runtime.block_on(kms.describe_key().key_id("x").send());
        let key = answer.map_err(|error| crate::fault("asking", &error).to_string())?;
        assert_eq!(key.key_metadata.unwrap().key_id, "seen");
    }
    Ok(())
}

/// > A connection that the certificates of the system allow does not fail because Amazon's authorities are tried first.
#[test]
fn what_the_system_allows_never_fails() {
    let (address, became) = server(3);
    asked(first(amazon(), private), address, 2).unwrap();
    let connections: Vec<bool> = became.iter().collect();
    assert_eq!(connections, [false, true, true], "refused once, then asked of the other only");
}

#[test]
fn what_nobody_allows_is_refused() {
    let (address, became) = server(2);
    let error = asked(first(amazon(), amazon), address, 1).unwrap_err();
    assert!(error.contains("UnknownIssuer"), "{error}");
    assert!(became.iter().all(|there_was_a_request| !there_was_a_request));
}

#[test]
fn what_amazon_vouches_for_needs_nothing_else() {
    let (address, _became) = server(1);
    let never = || -> SharedHttpClient { panic!("the system's roots are read") };
    asked(first(private(), never), address, 1).unwrap();
}

#[test]
fn the_authorities_are_those_that_aws_names() {
    use sha2::Digest;
    // Of amazontrust.com/repository, without colons.
    let published = [
        "8ecde6884f3d87b1125ba31ac3fcb13d7016de7f57cc904fe1cb97c6ae98196e",
        "1ba5b2aa8c65401a82960118f80bec4f62304d83cec4713a19c39c011ea46db4",
        "18ce6cfe7bf14e60b2e347b8dfe868cb31d02ebb3ada271569f50343b46db3a4",
        "e35d28419ed02025cfa69038cd623962458da5c695fbdea3c22b0bfb25897092",
        "568d6905a2c88708a4b3025190edcfedb1974a606a13c6e5290fcb2ae63edab5",
    ];
    let found: Vec<String> = CertificateDer::pem_slice_iter(AMAZON)
        .map(|root| sha2::Sha256::digest(root.unwrap()).iter().map(|byte| format!("{byte:02x}")).collect())
        .collect();
    assert_eq!(found, published);
}
