//! Whether the operator has interrupted the command. What was made is destroyed nevertheless, so that nothing ends at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::signal::unix::{SignalKind, signal};

use crate::failure::Failure;

/// The name of the failure.
pub const INTERRUPTED: &str = "Interrupted";

/// Set by Ctrl-C or SIGTERM.
#[derive(Debug, Clone, Default)]
pub struct Interruption {
    is_interrupted: Arc<AtomicBool>,
    is_ignored: bool,
}

impl Interruption {
    /// From now on Ctrl-C and SIGTERM no longer end this process.
    pub fn listen() -> Self {
        let interruption = Self::default();
        for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()] {
            let is_interrupted = Arc::clone(&interruption.is_interrupted);
            // Without a handler the signal ends the process, and --resume-destroy is left.
            let Ok(mut signals) = signal(kind) else { continue };
            tokio::spawn(async move {
                while signals.recv().await.is_some() {
                    is_interrupted.store(true, Ordering::Relaxed);
                    eprintln!("\ninterrupted: what was made is destroyed before this command ends");
                }
            });
        }
        interruption
    }

    /// The same, for what has to go on.
    pub fn ignored(&self) -> Self {
        Self { is_ignored: true, ..self.clone() }
    }

    /// # Errors
    /// If the operator has interrupted the command.
    pub fn check(&self) -> Result<(), Failure> {
        if !self.is_ignored && self.is_interrupted.load(Ordering::Relaxed) {
            return Err(Failure::named(INTERRUPTED, "interrupted"));
        }
        Ok(())
    }
}
