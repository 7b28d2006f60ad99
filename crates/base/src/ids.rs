//! Names with rules: parsed at the edge, trusted afterwards.

use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Defines a string type that is checked when it is made.
macro_rules! checked_name {
    ($(#[$doc:meta])* $name:ident, $pattern:literal, $rule:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            pub const RULE: &'static str = $rule;

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                let check: fn(&str) -> bool = $check;
                if check(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(InvalidName { text: text.to_owned(), rule: Self::RULE })
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                json_schema!({ "type": "string", "pattern": $pattern, "description": $rule })
            }
        }
    };
}

/// A text that does not follow the rule of the name it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not valid: {rule}")]
pub struct InvalidName {
    pub text: String,
    pub rule: &'static str,
}

fn is_slug(text: &str, longest: usize) -> bool {
    let bytes = text.as_bytes();
    (2..=longest).contains(&bytes.len())
        && bytes[0].is_ascii_lowercase()
        && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-')
        && !text.ends_with('-')
        && !text.contains("--")
}

checked_name!(
    /// Name of a tenant: the stem of its file.
    TenantName,
    "^[a-z][a-z0-9-]{0,30}[a-z0-9]$",
    "2 to 32 lower case letters, digits and single hyphens, starting with a letter",
    |text| is_slug(text, 32)
);
checked_name!(
    /// Id of an estate.
    EstateId,
    "^[a-z0-9][a-z0-9-]{6,62}[a-z0-9]$",
    "8 to 64 lower case letters, digits and hyphens",
    |text| (8..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
);
checked_name!(
    /// Name of a release ring.
    RingName,
    "^[a-z][a-z0-9-]{0,30}[a-z0-9]$",
    "2 to 32 lower case letters, digits and single hyphens, starting with a letter",
    |text| is_slug(text, 32)
);
checked_name!(
    /// Id of an AWS account: 12 digits, as text.
    AccountId,
    "^[0-9]{12}$",
    "12 digits, in quotes",
    |text| text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
);
checked_name!(
    /// Code of an AWS region, such as `eu-west-1` or `us-gov-west-1`.
    Region,
    "^[a-z]{2,3}(-[a-z]+)+-[0-9]$",
    "a region's code such as eu-west-1",
    |text| {
        let parts: Vec<&str> = text.split('-').collect();
        parts.len() >= 3
            && (2..=3).contains(&parts[0].len())
            && parts[..parts.len() - 1].iter().all(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_lowercase()))
            && parts[parts.len() - 1].len() == 1
            && parts[parts.len() - 1].bytes().all(|b| b.is_ascii_digit())
    }
);
checked_name!(
    /// Id of an availability zone, such as `euw1-az1`: the same zone in every account.
    ZoneId,
    "^[a-z0-9]+-az[0-9]+$",
    "a zone's id such as euw1-az1 (not a name such as eu-west-1a)",
    |text| text.split_once("-az").is_some_and(|(region, number)| {
        !region.is_empty()
            && region.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
            && !number.is_empty()
            && number.bytes().all(|b| b.is_ascii_digit())
    })
);

impl Region {
    /// The partition that the region belongs to, as it stands in ARNs.
    /// Source: AWS General Reference, "Amazon Resource Names (ARNs)".
    pub fn partition(&self) -> &'static str {
        if self.0.starts_with("cn-") {
            "aws-cn"
        } else if self.0.starts_with("us-gov-") {
            "aws-us-gov"
        } else {
            "aws"
        }
    }

    /// The region in which what counts over a whole account of the partition is kept, such as quotas of IAM and S3.
    /// Source: Amazon S3 User Guide, "General purpose bucket quotas"; Service Quotas User Guide, "Requesting a quota
    /// increase".
    pub fn home(&self) -> Self {
        Self(
            match self.partition() {
                "aws-cn" => "cn-north-1",
                "aws-us-gov" => "us-gov-west-1",
                _ => "us-east-1",
            }
            .to_owned(),
        )
    }
}
