//! The destination account.

use replication::lineage;
use replication::observed::Snapshot;
use replication::overrides::Overrides;
use replication::preflight::{Wanted, judge};
use replication::progress::Progress;

use super::common::{environment, said, unseen};
use super::{network, services};
use crate::account::Account;
use crate::doctor::checks::launch_arn;
use crate::doctor::facts::{Common, Destination, Judged, Key, Read, Unread};
use crate::failure::fault;
use crate::settings::Receiving;
use crate::status::facts::{Read as StatusRead, Stack};
use crate::status::observe::{secret, single};

/// Everything about the destination stack. `database` is a snapshot as one of the source database would be.
pub async fn read(account: &Account, mut common: Common, database: Option<&Snapshot>) -> Destination {
    let secret = readable(account, &common.stack).await;
    common.live = secret.as_ref().ok().and_then(|host| live(&common, host.as_deref()?));
    let overrides = database.map(|database| Overrides::of_tags(&database.tags)).unwrap_or_default();
    let said = said(Receiving::of(|function| environment(&common, function), &overrides));
    common.keep = said.settings().map(|settings| settings.keep);
    let stack = &common.stack;
    let (alarms, gone_alarms) = match services::alarms(account, stack).await {
        Ok((alarms, gone)) => (Ok(alarms), gone),
        Err(unread) => (Err(unread), Vec::new()),
    };
    let function = launch_arn(&common);
    let topic = stack.parameter("SourceTopicArn").unwrap_or_default();
    Destination {
        key: services::key(account, stack.output("KMSKeyArn")).await,
        subscription: services::own_subscription(account, topic, &function).await,
        function_policy: services::function_policy(account, stack.output("LaunchFunctionName")).await,
        secret: secret.map(|_| ()),
        secret_key: secret_key(account, stack).await,
        settings: match said.settings() {
            Some(settings) => judged(account, &common, &settings.wanted, database).await,
            None => None,
        },
        network: match said.settings() {
            Some(settings) => Some(network::of_databases(account, settings).await),
            None => None,
        },
        alarms,
        gone_alarms,
        said,
        dead_letters: single::waiting_messages(account, stack.output("DeadLetterQueueUrl"))
            .await
            .map_err(Unread::from),
        common,
    }
}

/// The host in the secret, if it can be read and is as a run needs it; nothing where each database has a secret of its own.
async fn readable(account: &Account, stack: &Stack) -> StatusRead<Option<String>> {
    if stack.is_for_several() {
        return Ok(None);
    }
    let found = secret::read(&account.secrets(), stack.output("SecretArn"), stack.output("SecretName")).await;
    found.map(|named| Some(named.pointer.host))
}

/// The instances with this host; nothing if it is none that is known, so that nobody takes one for superseded.
fn live(common: &Common, host: &str) -> Option<Vec<String>> {
    if host.is_empty() {
        return Some(Vec::new());
    }
    let all = common.instances.as_ref().ok()?.iter();
    let named = all.filter(|one| one.seen.host.as_deref() == Some(host));
    let named: Vec<String> = named.map(|one| one.identifier().to_owned()).collect();
    Some(named).filter(|named| !named.is_empty())
}

/// The key of the secret, if it is not the default one.
async fn secret_key(account: &Account, stack: &Stack) -> Option<Read<Key>> {
    if stack.is_for_several() {
        return match stack.parameter("SecretKMSKey") {
            Some(key) => Some(services::key(account, key).await),
            None => None,
        };
    }
    let answer = account.secrets().describe_secret().secret_id(stack.output("SecretArn")).send().await;
    match answer {
        Ok(found) => {
            let key = found.kms_key_id().filter(|key| !key.starts_with("alias/aws/"))?;
            Some(services::key(account, key).await)
        }
        Err(error) => {
            let unread = Unread::from(fault("secretsmanager:DescribeSecret", &error));
            // That the secret is not there is said of the secret.
            unread.is_missing_right().then_some(Err(unread))
        }
    }
}

/// The checks of a run before its copy, by a snapshot of the source database or, without that, by the newest copy.
async fn judged(
    account: &Account,
    common: &Common,
    wanted: &Wanted,
    database: Option<&Snapshot>,
) -> Option<Judged> {
    let newest = || {
        let all = common.snapshots.as_ref().ok()?.iter();
        let is_copy = |one: &&crate::status::facts::Snapshot| {
            one.is_of(&common.stack.name)
                && one.tags().get(lineage::SOURCE_SNAPSHOT).is_some()
                && one.seen.status.progress() == Progress::Ready
        };
        all.filter(is_copy).max_by_key(|one| one.tags().get(lineage::REPLICATION_ID)).map(|one| &one.seen)
    };
    let (by, snapshot) = match database {
        Some(database) => (format!("by the database {}", database.source_database), database),
        None => newest().map(|copy| (format!("by the newest copy, {}", copy.identifier), copy))?,
    };
    let facts = rds_access::preflight::facts(&account.rds(), wanted, snapshot).await;
    let report = facts.map(|facts| judge(wanted, snapshot, &facts));
    Some(Judged { by, report: report.map_err(|error| unseen("rds:Describe*", error.to_string())) })
}
