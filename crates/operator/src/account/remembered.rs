//! Credentials that are fetched once: a profile may ask for them with a second factor, or call a service that allows few calls.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::future::ProvideCredentials as Future;
use aws_credential_types::provider::{ProvideCredentials, Result, SharedCredentialsProvider};
use tokio::sync::Mutex;

use crate::environment::now;

/// So long before they expire they are fetched again, because a call is signed before it is made.
const BEFORE_EXPIRY: Duration = Duration::from_mins(5);

/// The credentials of another provider, until they are about to expire.
#[derive(Debug, Clone)]
pub struct Remembered {
    provider: SharedCredentialsProvider,
    found: Arc<Mutex<Option<Credentials>>>,
}

impl Remembered {
    /// Those of this provider.
    pub fn of(provider: SharedCredentialsProvider) -> Self {
        Self { provider, found: Arc::default() }
    }

    async fn fetched(&self) -> Result {
        // Whoever asks meanwhile waits for the answer to the first.
        let mut found = self.found.lock().await;
        if let Some(known) = found.as_ref().filter(|known| lasts(known, now().into())) {
            return Ok(known.clone());
        }
        let fetched = self.provider.provide_credentials().await?;
        *found = Some(fetched.clone());
        Ok(fetched)
    }
}

fn lasts(credentials: &Credentials, now: SystemTime) -> bool {
    credentials.expiry().is_none_or(|expiry| now + BEFORE_EXPIRY < expiry)
}

impl ProvideCredentials for Remembered {
    fn provide_credentials<'a>(&'a self) -> Future<'a>
    where
        Self: 'a,
    {
        Future::new(self.fetched())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    /// Credentials that are valid for so many seconds, each time others.
    #[derive(Debug)]
    struct Lasting(u64, AtomicU64);

    impl ProvideCredentials for Lasting {
        fn provide_credentials<'a>(&'a self) -> Future<'a>
        where
            Self: 'a,
        {
            let number = self.1.fetch_add(1, Ordering::SeqCst);
            let expiry = SystemTime::from(now()) + Duration::from_secs(self.0);
            Future::ready(Ok(Credentials::new(number.to_string(), "x", None, Some(expiry), "test")))
        }
    }

    #[tokio::test]
    async fn credentials_are_fetched_again_only_before_they_expire() {
        for (seconds, expected) in [(3_600, ["0", "0"]), (299, ["0", "1"])] {
            let lasting = SharedCredentialsProvider::new(Lasting(seconds, AtomicU64::new(0)));
            let remembered = Remembered::of(lasting);
            let first = remembered.provide_credentials().await.unwrap();
            let second = remembered.clone().provide_credentials().await.unwrap();
            assert_eq!([first.access_key_id(), second.access_key_id()], expected);
        }
    }
}
