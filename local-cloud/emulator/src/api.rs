//! Answers a request to the API of RDS: who asks, which operation, is there a fault on order, what came out.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::arn::Scope;
use crate::cloud::{Caller, Received};
use crate::emulator::{Emulator, RecordedCall, locked};
use crate::faults::{Effect, Held, Hit, Seen};
use crate::http::Answer;
use crate::operations::{Call, Operation};
use crate::query::Parameters;
use crate::refusal::Refusal;
use crate::xml::{self, Xml};
use crate::{clock, postgres};

const API_VERSION: &str = "2014-10-31";
/// How often a call that is held looks whether its order was taken back.
const RELEASE_INTERVAL: Duration = Duration::from_millis(20);

/// The answer, or `None` when the connection is to be closed without one.
pub async fn answer(emulator: Arc<Emulator>, request: Received) -> Option<Answer> {
    let mut parameters = Parameters::parse(&request.query, &request.body);
    let action = parameters.text("Action").unwrap_or_default();
    let request_id = request_id();
    let mut record = RecordedCall {
        sequence: 0,
        time: clock::timestamp(clock::now()),
        account: String::new(),
        principal_arn: String::new(),
        action: action.clone(),
        resource: String::new(),
        outcome: String::new(),
    };
    let outcome = carry_out(&emulator, request, parameters, &mut record).await;
    record.outcome = match &outcome {
        Ok(Some(_)) => "Success".to_owned(),
        Ok(None) => "ConnectionClosed".to_owned(),
        Err(refusal) => refusal.code.clone(),
    };
    tracing::info!(
        account = record.account,
        action = record.action,
        resource = record.resource,
        outcome = record.outcome,
        detail = outcome.as_ref().err().map(|refusal| &refusal.message),
        "call"
    );
    locked(&emulator.calls).record(record);
    let (http_status, body) = match outcome {
        Ok(Some(result)) => (200, xml::answer(&action, &result, &request_id)),
        Ok(None) => return None,
        Err(Refusal { code, http_status, message }) => {
            (http_status, xml::error(&code, &message, http_status, &request_id))
        }
    };
    Some(Answer { http_status, content_type: "text/xml", body })
}

/// Does what the request asks; `None` says that its client gets no answer.
async fn carry_out(
    emulator: &Arc<Emulator>,
    request: Received,
    mut parameters: Parameters,
    record: &mut RecordedCall,
) -> Result<Option<Xml>, Refusal> {
    let version = parameters.text("Version").unwrap_or_default();
    let operation = Operation::named(&record.action).filter(|_| version == API_VERSION);
    // The operation asks whether its caller may do what it does, and with that whether the request is signed well. Who
    // that is has not to be asked before it, where it is known: a question is most of what a call costs.
    let claimed = emulator.cloud.claimed_caller(&request).filter(|_| operation.is_some());
    let is_claimed = claimed.is_some();
    let Caller { account, principal_arn, region } = match claimed {
        Some(caller) => caller,
        None => emulator.cloud.authorise(&request, &[]).await?,
    };
    record.account.clone_from(&account);
    record.principal_arn = principal_arn;
    let scope = Scope { account, region };

    let operation = operation.ok_or_else(|| {
        let message = format!("Could not find operation {} for version {version}", record.action);
        Refusal::new("InvalidAction", 400, message)
    })?;
    record.resource = operation.main_resource(&scope, &parameters);

    let seen = Seen {
        action: &record.action,
        account: &scope.account,
        principal_arn: &record.principal_arn,
        resource: &record.resource,
    };
    let is_awaited = locked(&emulator.faults).awaits(seen);
    // No order counts a call that somebody else has made in its caller's name.
    if is_claimed && is_awaited {
        emulator.cloud.authorise(&request, &[]).await?;
    }
    let is_verified = AtomicBool::new(!is_claimed || is_awaited);
    let Hit { effect: hit, veil } = locked(&emulator.faults).hit(seen);
    let mut fault = None;
    if let Some(Held { effect, seconds, order }) = hit {
        let released = async {
            while locked(&emulator.faults).stands(order) {
                clock::sleep(RELEASE_INTERVAL).await;
            }
        };
        let held = Duration::try_from_secs_f64(seconds).unwrap_or_default();
        tokio::select! { () = clock::sleep(held) => {}, () = released => {} }
        fault = Some(effect);
    }
    let mut end_status = None;
    match &fault {
        Some(Effect::Error { code, message, http_status }) => {
            return Err(Refusal::new(code, *http_status, message.clone()));
        }
        Some(Effect::DropBefore) => return Ok(None),
        Some(Effect::EndStatus { status }) => end_status = Some(status.clone()),
        _ => {}
    }
    let call = Call { emulator: Arc::clone(emulator), request, scope, end_status, veil, is_verified };
    let result = operation.carry_out(&call, parameters).await;
    // What was refused before its caller was asked about is only said to who has signed well.
    if !call.is_verified.load(Ordering::Relaxed) {
        emulator.cloud.authorise(&call.request, &[]).await?;
    }
    if fault == Some(Effect::DropAfter) { Ok(None) } else { result.map(Some) }
}

fn request_id() -> String {
    // The form of a UUID, which clients print.
    let digits = postgres::random_hex(16).unwrap_or_else(|_| "0".repeat(32));
    [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
}
