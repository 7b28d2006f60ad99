//! What is wrong with the caller's own configuration, found before anything is asked: endpoints, the profile, credentials.
//!
//! No message carries a value that may be secret: of an endpoint's URL only the setting that it is from is named.

use std::sync::{Mutex, PoisonError};

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_types::os_shim_internal::{Env, Fs};
use aws_types::service_config::ServiceConfigKey;

use super::Unreached;
use super::error::{causes_of, unreached};
use super::hosts::SDK_NAMES;

/// Names of profiles that a message shows.
const SHOWN: usize = 8;

/// Why AWS cannot be asked anything, whatever the account.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigureError {
    #[error("{setting} cannot be used: {why}")]
    Endpoint { setting: String, why: &'static str },
    #[error("profile `{name}` does not exist")]
    NoProfile { name: String, known: Vec<String> },
    #[error("AWS's configuration files cannot be read: {why}")]
    Files { why: String },
    #[error("{}: {why}", no_credentials(.profile.as_deref()))]
    NoCredentials { profile: Option<String>, why: String },
    #[error("{}: {why}", no_credentials(.profile.as_deref()))]
    Unreachable { profile: Option<String>, why: Unreached },
}

fn no_credentials(profile: Option<&str>) -> String {
    match profile {
        Some(name) => format!("profile `{name}` gives no credentials"),
        None => "no credentials could be loaded".to_owned(),
    }
}

impl ConfigureError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Endpoint { .. } => {
                "expected a URL such as `https://sts.example.com`; unset it to reach AWS".to_owned()
            }
            Self::NoProfile { known, .. } if known.is_empty() => {
                "~/.aws/config has no profile; `aws configure sso` makes one".to_owned()
            }
            Self::NoProfile { known, .. } => {
                let more = if known.len() > SHOWN { ", …" } else { "" };
                let shown = known.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
                format!("set AWS_PROFILE to one of {shown}{more}")
            }
            Self::Files { .. } => "correct the file, or name another with AWS_CONFIG_FILE".to_owned(),
            Self::NoCredentials { profile, why } => help(profile.as_deref(), why),
            Self::Unreachable { why, .. } => why.hint().to_owned(),
        }
    }
}

/// What helps against the lack of credentials.
pub(super) fn help(profile: Option<&str>, why: &str) -> String {
    let why = why.to_lowercase();
    if why.contains("sso") || why.contains("token") && why.contains("expired") {
        let profile = profile.map(|name| format!(" --profile {name}")).unwrap_or_default();
        return format!("sign in: `aws sso login{profile}`");
    }
    match profile {
        Some(name) => format!("correct profile `{name}` in ~/.aws/config, or choose another with AWS_PROFILE"),
        None => "set AWS_PROFILE, sign in with `aws sso login`, or export credentials".to_owned(),
    }
}

/// The profile that the environment chooses.
pub(super) fn chosen_profile(env: &Env) -> Option<String> {
    env.get("AWS_PROFILE").ok().filter(|name| !name.is_empty())
}

/// The chosen profile exists. A profile that does not would be passed over, and other credentials used.
pub(super) async fn profile(env: &Env, fs: &Fs) -> Result<(), ConfigureError> {
    let Some(name) = chosen_profile(env).filter(|name| name != "default") else { return Ok(()) };
    let files = aws_config::profile::load(fs, env, &Default::default(), None).await;
    let files = files.map_err(|error| ConfigureError::Files { why: causes_of(&error) })?;
    if files.get_profile(&name).is_some() {
        return Ok(());
    }
    let mut known: Vec<String> = files.profiles().map(str::to_owned).collect();
    known.sort();
    Err(ConfigureError::NoProfile { name, known })
}

/// Every endpoint of the configuration can be used. The SDK meets one that cannot in the middle of a request, and quotes that.
pub(super) fn endpoints(config: &SdkConfig, env: &Env) -> Result<(), ConfigureError> {
    const ALL: &str = "AWS_ENDPOINT_URL";
    let refused = |setting: String| |why| ConfigureError::Endpoint { setting, why };
    let of_profile = || "`endpoint_url` of the profile".to_owned();
    // The configuration has only what can be parsed, a service's own also what cannot.
    let of_all = env.get(ALL).ok();
    if let Some(url) = &of_all {
        usable(url).map_err(refused(ALL.to_owned()))?;
    } else if let Some(url) = config.endpoint_url() {
        usable(url).map_err(refused(of_profile()))?;
    }
    let Some(own) = config.service_config() else { return Ok(()) };
    for (_, name) in SDK_NAMES {
        let key = ServiceConfigKey::builder().service_id(name).env("AWS_ENDPOINT_URL").profile("endpoint_url").build();
        let Some(url) = key.ok().and_then(|key| own.load_config(key)) else { continue };
        let variable = format!("{ALL}_{}", name.to_uppercase().replace(' ', "_"));
        usable(&url).map_err(refused(if env.get(&variable).is_ok() { variable } else { of_profile() }))?;
    }
    Ok(())
}

/// What is wrong with an endpoint's URL.
fn usable(text: &str) -> Result<(), &'static str> {
    if text.is_empty() {
        return Err("it is empty");
    }
    if text.chars().any(|letter| letter.is_whitespace() || letter.is_control()) {
        return Err("it has a blank in it");
    }
    let url = url::Url::parse(text).map_err(|error| match error {
        url::ParseError::InvalidPort => "its port is not a number below 65536",
        url::ParseError::EmptyHost => "it has no host",
        _ => "it is not an absolute URL",
    })?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("its scheme is neither `http` nor `https`");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it carries a user name or a password, which no request would use");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("it has a query or a fragment");
    }
    Ok(())
}

/// The configuration with credentials that were loaded once, so that their lack shows before anything is asked.
pub(super) async fn credentials(config: SdkConfig, env: &Env) -> Result<SdkConfig, ConfigureError> {
    let profile = chosen_profile(env);
    let Some(provider) = config.credentials_provider() else {
        return Err(ConfigureError::NoCredentials { profile, why: "the configuration has none".to_owned() });
    };
    let first = provider.provide_credentials().await.map_err(|error| match unreached(&error) {
        Some(why) => ConfigureError::Unreachable { profile: profile.clone(), why },
        None => ConfigureError::NoCredentials { profile: profile.clone(), why: why(&error) },
    })?;
    let fetched = Fetched { first: Mutex::new(Some(first)), provider };
    Ok(config.to_builder().credentials_provider(SharedCredentialsProvider::new(fetched)).build())
}

/// Why there are no credentials.
pub(super) fn why(error: &CredentialsError) -> String {
    let text = causes_of(error);
    if text == "No such file or directory" {
        return "the file that AWS_WEB_IDENTITY_TOKEN_FILE or the profile's `web_identity_token_file` names does not exist"
            .to_owned();
    }
    if !matches!(error, CredentialsError::CredentialsNotLoaded(_)) {
        return text;
    }
    // A chain of providers lists all that it tried, by a line each; the profile's says most.
    let of_profile =
        text.lines().find_map(|line| line.trim().strip_prefix("Profile: the credential provider was not enabled: "));
    of_profile.unwrap_or("none in the environment, in a profile, in a web identity or on this machine").to_owned()
}

/// Gives out once what was loaded already, then asks again.
#[derive(Debug)]
struct Fetched {
    first: Mutex<Option<Credentials>>,
    provider: SharedCredentialsProvider,
}

impl ProvideCredentials for Fetched {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        match self.first.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(credentials) => future::ProvideCredentials::ready(Ok(credentials)),
            None => self.provider.provide_credentials(),
        }
    }

    fn fallback_on_interrupt(&self) -> Option<Credentials> {
        self.provider.fallback_on_interrupt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_that_no_request_could_use_is_refused_without_its_text() {
        for url in ["http://localhost:4566", "https://vpce-1.sts.eu-west-1.vpce.amazonaws.com/", "http://[::1]:1/path"]
        {
            assert_eq!(usable(url), Ok(()), "{url}");
        }
        let cases = [
            ("", "empty"),
            ("http://", "no host"),
            ("http://ex ample", "blank"),
            ("http://x\u{7}", "blank"),
            ("localhost", "absolute"),
            ("localhost:4566", "scheme"),
            ("ftp://x", "scheme"),
            ("http://localhost:99999", "port"),
            ("http://ann:canary@x", "password"),
            ("http://x?token=canary", "query"),
        ];
        for (url, part) in cases {
            let why = usable(url).unwrap_err();
            assert!(why.contains(part) && !why.contains("canary"), "{url}: {why}");
        }
    }

    #[tokio::test]
    async fn what_was_loaded_is_given_out_once() {
        let keys = |id: &str| Credentials::new(id, "secret", None, None, "test");
        let provider = SharedCredentialsProvider::new(keys("later"));
        let fetched = Fetched { first: Mutex::new(Some(keys("first"))), provider };
        let ids = [fetched.provide_credentials().await.unwrap(), fetched.provide_credentials().await.unwrap()];
        assert_eq!(ids.map(|one| one.access_key_id().to_owned()), ["first", "later"]);
    }

    #[tokio::test]
    async fn a_profile_that_does_not_exist_is_named_beside_those_that_do() {
        let env = |name: &str| Env::from_slice(&[("AWS_PROFILE", name), ("HOME", "/home")]);
        let files = [("/home/.aws/config", "[profile one]\nregion = eu-west-1\n[profile two]\nregion = eu-west-1\n")];
        let fs = Fs::from_map(files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec())).into());
        for name in ["one", "two", "default", ""] {
            assert_eq!(profile(&env(name), &fs).await, Ok(()), "{name}");
        }
        let error = profile(&env("three"), &fs).await.unwrap_err();
        assert_eq!(error.to_string(), "profile `three` does not exist");
        assert_eq!(error.hint(), "set AWS_PROFILE to one of one, two");
    }
}
