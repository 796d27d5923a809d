//! The stores behind addresses: who is asked, as whom, and how patiently.
//!
//! Keys come from the environment or, for S3, from a profile; without any, nothing is signed. The metadata
//! service of a cloud machine is asked only where the environment names it: elsewhere nobody answers.

use super::RemoteOptions;
use super::profile::{self, Profile};
use super::service::Connector;
use crate::storage::address::{Address, Scheme};
use crate::storage::failure::Failure;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, resolve_bucket_region};
use object_store::gcp::{GcpCredential, GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::http::HttpBuilder;
use object_store::{
    BackoffConfig, ClientConfigKey, ClientOptions, Error, ObjectStore, RetryConfig, StaticCredentialProvider,
};
use std::env;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

/// How long a server may take to accept a connection, and to send the next bytes.
const CONNECT: Duration = Duration::from_secs(10);
const SILENCE: Duration = Duration::from_secs(30);

/// The first wait before a request is made again; each further one is up to twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// A service from which a program gets keys, by the variable that names it.
const SERVICES: [&str; 4] = [
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_METADATA_ENDPOINT",
];

/// Where Google's tools find keys, by variable.
const GOOGLE_KEYS: [&str; 4] = [
    "GOOGLE_APPLICATION_CREDENTIALS",
    "GOOGLE_SERVICE_ACCOUNT",
    "GOOGLE_SERVICE_ACCOUNT_PATH",
    "GOOGLE_SERVICE_ACCOUNT_KEY",
];

/// Makes the store that an address is in.
pub(super) async fn build(address: &Address, options: &RemoteOptions) -> io::Result<Arc<dyn ObjectStore>> {
    let built = match address.scheme {
        Scheme::Http | Scheme::Https => web(address, options),
        Scheme::S3 => amazon(address, options).await?,
        Scheme::Gs => google(address, options),
    };
    built.map_err(|error| unusable(&error))
}

fn web(address: &Address, options: &RemoteOptions) -> object_store::Result<Arc<dyn ObjectStore>> {
    let url = format!("{}://{}", address.scheme.name(), address.place);
    let client = client_settings(options, address.scheme == Scheme::Http)
        .into_iter()
        .fold(ClientOptions::new(), |client, (key, value)| client.with_config(key, value));
    let store = HttpBuilder::new()
        .with_url(url)
        .with_client_options(client)
        .with_retry(patience(options))
        .with_http_connector(Connector::default())
        .build()?;
    Ok(Arc::new(store))
}

async fn amazon(
    address: &Address,
    options: &RemoteOptions,
) -> io::Result<object_store::Result<Arc<dyn ObjectStore>>> {
    let mut builder = AmazonS3Builder::from_env().with_bucket_name(&address.place);
    let has = |builder: &AmazonS3Builder, key| builder.get_config_value(&key).is_some();
    let has_keys = has(&builder, AmazonS3ConfigKey::AccessKeyId);
    let skips = builder.get_config_value(&AmazonS3ConfigKey::SkipSignature).as_deref() == Some("true");
    let is_served = SERVICES.iter().any(|name| env::var_os(name).is_some());
    let profile = of_profile(has_keys || skips || is_served)?;
    if let Some(region) = profile.region.filter(|_| !has(&builder, AmazonS3ConfigKey::Region)) {
        builder = builder.with_region(region);
    }
    if let Some(endpoint) = profile.endpoint.filter(|_| !has(&builder, AmazonS3ConfigKey::Endpoint)) {
        builder = builder.with_endpoint(endpoint);
    }
    builder = match profile.keys {
        Some(keys) if !(has_keys || skips || is_served) => {
            let builder = builder.with_access_key_id(keys.id).with_secret_access_key(keys.secret);
            keys.token.into_iter().fold(builder, AmazonS3Builder::with_token)
        }
        _ if has_keys || is_served => builder,
        _ => builder.with_skip_signature(true),
    };
    let endpoint = builder.get_config_value(&AmazonS3ConfigKey::Endpoint);
    if endpoint.is_none() && !has(&builder, AmazonS3ConfigKey::Region) {
        let client = ClientOptions::new().with_connect_timeout(CONNECT).with_timeout(SILENCE);
        // Where it is not told, the request itself says what is wrong.
        if let Ok(region) = resolve_bucket_region(&address.place, &client).await {
            builder = builder.with_region(region);
        }
    }
    // Who names a server without encryption means it.
    let is_plain = endpoint.is_some_and(|endpoint| endpoint.starts_with("http://"));
    for (key, value) in client_settings(options, is_plain) {
        builder = builder.with_config(AmazonS3ConfigKey::Client(key), value);
    }
    let store = builder.with_retry(patience(options)).with_http_connector(Connector::default()).build();
    Ok(store.map(|store| Arc::new(store) as _))
}

/// Reads the profile. One that was asked for by name has to have keys, unless they come from elsewhere.
fn of_profile(has_others: bool) -> io::Result<Profile> {
    let found = profile::read();
    let (Some(name), false) = (profile::is_asked_for(), has_others) else {
        return Ok(found.unwrap_or_default());
    };
    let reason = match found {
        Some(profile) if profile.keys.is_some() => return Ok(profile),
        Some(Profile { other_way: Some(way), .. }) => {
            format!("the profile `{name}` gets its keys by `{way}`, which is not followed")
        }
        Some(_) => format!("the profile `{name}` has no keys"),
        None => format!("there is no profile `{name}`"),
    };
    let hint = format!("run: eval \"$(aws configure export-credentials --profile {name} --format env)\"");
    Err(Failure::Server { kind: ErrorKind::PermissionDenied, reason, hint: Some(hint) }.into())
}

fn google(address: &Address, options: &RemoteOptions) -> object_store::Result<Arc<dyn ObjectStore>> {
    let mut builder = GoogleCloudStorageBuilder::from_env().with_bucket_name(&address.place);
    if let Ok(emulator) = env::var("STORAGE_EMULATOR_HOST") {
        builder = builder.with_base_url(&emulator);
    }
    let by_gcloud =
        env::home_dir().map(|home| home.join(".config/gcloud/application_default_credentials.json"));
    let has_keys = GOOGLE_KEYS.iter().any(|name| env::var_os(name).is_some())
        || by_gcloud.is_some_and(|file| file.is_file());
    if !has_keys {
        // Writes are signed nonetheless, by keys that the metadata service would be asked for.
        let nobody = StaticCredentialProvider::new(GcpCredential { bearer: String::new() });
        builder = builder.with_skip_signature(true).with_credentials(Arc::new(nobody));
    }
    let base = builder.get_config_value(&GoogleConfigKey::BaseUrl);
    let is_plain = base.is_some_and(|base| base.starts_with("http://"));
    for (key, value) in client_settings(options, is_plain) {
        builder = builder.with_config(GoogleConfigKey::Client(key), value);
    }
    let store = builder.with_retry(patience(options)).with_http_connector(Connector::default()).build()?;
    Ok(Arc::new(store))
}

fn client_settings(options: &RemoteOptions, is_plain: bool) -> Vec<(ClientConfigKey, String)> {
    let seconds = |time: Duration| format!("{} ms", time.as_millis());
    let mut settings = vec![
        (ClientConfigKey::Timeout, seconds(options.timeout)),
        (ClientConfigKey::ConnectTimeout, seconds(CONNECT.min(options.timeout))),
        (ClientConfigKey::ReadTimeout, seconds(SILENCE.min(options.timeout))),
        (ClientConfigKey::UserAgent, concat!("em-io/", env!("CARGO_PKG_VERSION")).to_owned()),
    ];
    if is_plain {
        settings.push((ClientConfigKey::AllowHttp, "true".into()));
    }
    settings
}

fn patience(options: &RemoteOptions) -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig { init_backoff: FIRST_WAIT, max_backoff: LONGEST_WAIT, base: 2.0 },
        max_retries: options.retries,
        // Credentials are signed for five minutes.
        retry_timeout: options.timeout.saturating_mul(2),
    }
}

/// The wait before a body is read once more.
pub(super) fn wait_before(attempt: u32) -> Duration {
    FIRST_WAIT.saturating_mul(1 << attempt.min(10)).min(LONGEST_WAIT)
}

/// Says that settings make no sense; their values are not repeated, since they may be secret.
fn unusable(_: &Error) -> io::Error {
    let hint = "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or GOOGLE_APPLICATION_CREDENTIALS, and the address; and whether the system has certificates (the package ca-certificates)";
    Failure::Server {
        kind: ErrorKind::InvalidInput,
        reason: "its server, or the keys for it, are not set up rightly".into(),
        hint: Some(hint.into()),
    }
    .into()
}
