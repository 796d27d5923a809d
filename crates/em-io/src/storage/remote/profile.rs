//! The profiles of Amazon's tools: `~/.aws/credentials` and `~/.aws/config`.

use std::collections::HashMap;
use std::env;
use std::path::PathBuf;

/// What a profile says, as far as it is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Profile {
    pub keys: Option<Keys>,
    pub region: Option<String>,
    pub endpoint: Option<String>,
    /// A way to get keys that is not followed, such as `sso_session`.
    pub other_way: Option<String>,
}

/// The keys of an account, which are never shown.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Keys {
    pub id: String,
    pub secret: String,
    pub token: Option<String>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys")
    }
}

/// Settings of a profile by which other tools get keys, from a program or a server.
const OTHER_WAYS: [&str; 5] =
    ["sso_session", "sso_start_url", "credential_process", "role_arn", "web_identity_token_file"];

/// Reads the profile that the environment names, or the one named `default`; `None` where the files have
/// none of that name.
pub(super) fn read() -> Option<Profile> {
    let name = env::var("AWS_PROFILE").or_else(|_| env::var("AWS_DEFAULT_PROFILE"));
    let name = name.ok().filter(|name| !name.is_empty()).unwrap_or_else(|| "default".into());
    let text = |variable, file| {
        let path = env::var_os(variable).map(PathBuf::from);
        let path = path.or_else(|| Some(env::home_dir()?.join(".aws").join(file)))?;
        std::fs::read_to_string(path).ok()
    };
    of(
        &name,
        &text("AWS_SHARED_CREDENTIALS_FILE", "credentials").unwrap_or_default(),
        &text("AWS_CONFIG_FILE", "config").unwrap_or_default(),
    )
}

/// Tells the name of the profile that the environment asks for.
pub(super) fn is_asked_for() -> Option<String> {
    env::var("AWS_PROFILE").ok().filter(|name| !name.is_empty())
}

fn of(name: &str, credentials: &str, config: &str) -> Option<Profile> {
    let credentials = section(credentials, |header| header == name);
    let config = section(config, |header| {
        header.strip_prefix("profile").map(str::trim) == Some(name) || name == "default" && header == name
    });
    if credentials.is_none() && config.is_none() {
        return None;
    }
    let (credentials, config) = (credentials.unwrap_or_default(), config.unwrap_or_default());
    let value = |key: &str| credentials.get(key).or_else(|| config.get(key)).cloned();
    let keys = value("aws_access_key_id").zip(value("aws_secret_access_key"));
    Some(Profile {
        keys: keys.map(|(id, secret)| Keys { id, secret, token: value("aws_session_token") }),
        region: value("region"),
        endpoint: value("endpoint_url"),
        other_way: OTHER_WAYS.into_iter().find(|way| value(way).is_some()).map(str::to_owned),
    })
}

/// Returns the settings below the headers that are asked for; those of nested settings are left out.
fn section(text: &str, is_wanted: impl Fn(&str) -> bool) -> Option<HashMap<String, String>> {
    let (mut found, mut is_within): (Option<HashMap<_, _>>, _) = (None, false);
    for line in text.lines() {
        let is_nested = line.starts_with([' ', '\t']);
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(header) = line.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            is_within = is_wanted(header.0.trim());
            if is_within {
                found.get_or_insert_default();
            }
        } else if let (true, false, Some((key, value)), Some(found)) =
            (is_within, is_nested, line.split_once('='), &mut found)
        {
            found.insert(key.trim().to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const CREDENTIALS: &str = "[default]\naws_access_key_id=AKIA1\naws_secret_access_key = s1\n\n\
                               # of the lab\n[lab]\naws_access_key_id = AKIA2\naws_secret_access_key = s/2+=\n\
                               aws_session_token = t\n";
    const CONFIG: &str = "[default]\nregion = eu-central-1\n[profile lab]\nregion = eu-west-2\n\
                          endpoint_url = https://s3.lab.org\ns3 =\n  region = nested\n[profile sso]\nsso_session = a\n";

    #[test]
    fn profiles_are_read_from_both_files() {
        let default = of("default", CREDENTIALS, CONFIG).unwrap();
        assert_eq!(default.keys.as_ref().map(|keys| keys.id.as_str()), Some("AKIA1"));
        assert_eq!(default.region.as_deref(), Some("eu-central-1"));
        let lab = of("lab", CREDENTIALS, CONFIG).unwrap();
        let keys = lab.keys.clone().unwrap();
        assert_eq!((keys.secret.as_str(), keys.token.as_deref()), ("s/2+=", Some("t")));
        assert_eq!(
            (lab.region.as_deref(), lab.endpoint.as_deref()),
            (Some("eu-west-2"), Some("https://s3.lab.org"))
        );
        assert_eq!(of("sso", CREDENTIALS, CONFIG).unwrap().other_way.as_deref(), Some("sso_session"));
        assert_eq!(of("none", CREDENTIALS, CONFIG), None);
    }

    #[test]
    fn keys_are_not_shown() {
        let lab = format!("{:?}", of("lab", CREDENTIALS, CONFIG));
        assert!(!lab.contains("s/2") && !lab.contains("AKIA2"), "{lab}");
    }
}
