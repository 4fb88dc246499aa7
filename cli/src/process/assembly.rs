//! The worker's worker from the configuration.

use mandate_storage::Store;
use std::sync::Arc;

use mandate_ingress::key_ring;
use mandate_runtime::{
    config::{BrokerUrl, Config, Every},
    health::Readiness,
    metrics::Metrics,
};

use mandate_worker::{
    ComponentSettings, Parts, ReconcileSettings, Worker,
    api::{ApiClient, ApiSettings},
    consent::ConsentSettings,
    messages::MessageSettings,
    webhooks::WebhookSettings,
};

use crate::{
    context::{master_keys, read_file},
    exit::CliError,
};

/// A worker's worker; nothing of it runs yet.
pub(super) fn assemble(
    config: &Config,
    storage: Store,
    metrics: &Metrics,
    readiness: &Readiness,
) -> Result<Arc<Worker>, CliError> {
    let mut components = Vec::new();
    for component in &config.components {
        let ring = key_ring(component).map_err(|error| CliError::Usage(error.to_string()))?;
        components.push(ComponentSettings { ring, app_secret: component.app_secret.clone() });
    }
    let api = ApiClient::new(&api_settings(config)?, metrics.clone())
        .map_err(|error| CliError::Usage(error.to_string()))?;
    Ok(Worker::new(Parts {
        storage,
        master: master_keys(config)?,
        components,
        api,
        messages: MessageSettings {
            max_age: config.broker.messages_max_age,
            max_size: config.broker.messages_max.0,
            feed: matches!(config.broker.url, BrokerUrl::Embedded),
        },
        consent: ConsentSettings {
            public_url: config.worker.public_url.as_str().to_owned(),
            base: config.wechat.consent_base.as_str().to_owned(),
            mobile_base: config.wechat.consent_mobile_base.as_str().to_owned(),
            open: config.worker.open_consent,
            return_hosts: config.worker.return_hosts.iter().map(|host| host.as_str().to_owned()).collect(),
        },
        webhooks: WebhookSettings {
            allow_private: config.webhooks.allow_private.clone(),
            disable_after: config.webhooks.disable_after,
        },
        audit_days: config.worker.audit_days,
        calls: usize::try_from(config.worker.calls.0).unwrap_or(usize::MAX),
        reconciling: ReconcileSettings {
            every: match config.reconcile.every {
                Every::Never => None,
                Every::Period(period) => Some(period),
            },
            calls_per_minute: config.reconcile.calls_per_minute,
        },
        metrics: metrics.clone(),
        readiness: readiness.clone(),
    }))
}

/// How `WeChat`'s API is reached.
pub(crate) fn api_settings(config: &Config) -> Result<ApiSettings, CliError> {
    let wechat = &config.wechat;
    Ok(ApiSettings {
        base: wechat.api_base.as_str().to_owned(),
        timeout: wechat.timeout,
        proxy: wechat.proxy.clone(),
        ca: wechat.ca_file.as_deref().map(|path| read_file("wechat.ca_file", path)).transpose()?,
    })
}

/// A worker for one command of the operator, beside a running service: it has no background work.
pub(crate) fn worker_for_commands(config: &Config, storage: Store) -> Result<Arc<Worker>, CliError> {
    assemble(config, storage, &Metrics::new(), &Readiness::new())
}
