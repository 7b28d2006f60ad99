//! Names with rules: parsed at the edge, trusted afterwards.

use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Defines a string type that is checked when it is made. Long counts stay out of the pattern, because each command compiles
/// it: what it cannot say, the check does.
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
    "^[a-z]{2,4}(-[a-z]+)+-[0-9]$",
    "a region's code such as eu-west-1",
    |text| {
        let parts: Vec<&str> = text.split('-').collect();
        parts.len() >= 3
            && (2..=4).contains(&parts[0].len())
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

checked_name!(
    /// Name of a role, with its path where it has one.
    /// Source: IAM API Reference, CreateRole, `RoleName` and `Path`.
    RoleName,
    r"^([A-Za-z0-9_+=,.@-]+/)*[A-Za-z0-9_+=,.@-]+$",
    "a role's name (no ARN): 1 to 64 letters, digits and `_+=,.@-`",
    |text| text.len() <= 512 && text.split('/').all(|part| (1..=64).contains(&part.len()) && part.bytes().all(is_iam))
);
checked_name!(
    /// External id that a role demands.
    /// Source: AWS STS API Reference, AssumeRole, `ExternalId`.
    ExternalId,
    r"^[A-Za-z0-9_+=,.@:/-][A-Za-z0-9_+=,.@:/-]+$",
    "2 to 1,224 letters, digits and `_+=,.@:/-`",
    |text| (2..=1224).contains(&text.len()) && text.bytes().all(|byte| is_iam(byte) || byte == b':' || byte == b'/')
);
checked_name!(
    /// Name of a public DNS zone, without a trailing dot.
    /// Source: RFC 1035, section 2.3.4 (63 octets a label, 255 a name); Amazon Route 53 Developer Guide, "DNS domain name
    /// format".
    DomainName,
    r"^([a-z0-9_]([a-z0-9_-]*[a-z0-9_])?\.)+[a-z]([a-z0-9-]*[a-z0-9])?$",
    "a domain name in lower case such as tenants.example.com, without a dot at its end",
    is_domain
);
checked_name!(
    /// HTTPS endpoint that Amazon SNS delivers to.
    /// Source: Amazon SNS Developer Guide, "Subscribing an HTTPS endpoint to a topic". Credentials would stand in git.
    PageUrl,
    r"^https://([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]([A-Za-z0-9-]*[A-Za-z0-9])?(:([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?([/?][!-~]*)?$",
    "the HTTPS URL of a public host, such as https://pages.example.com/acme, without user, password or blanks",
    is_page_url
);

fn is_iam(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte)
}

fn is_label(label: &str) -> bool {
    let inside = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (1..=63).contains(&label.len()) && label.bytes().all(inside) && !label.starts_with('-') && !label.ends_with('-')
}

fn is_domain(text: &str) -> bool {
    let labels: Vec<&str> = text.split('.').collect();
    let Some((last, others)) = labels.split_last() else { return false };
    // Labels such as `_domainkey` have underscores; the last one has none.
    text.len() <= 253
        && !others.is_empty()
        && !text.bytes().any(|byte| byte.is_ascii_uppercase())
        && is_label(last)
        && last.starts_with(|first: char| first.is_ascii_lowercase())
        && others.iter().all(|label| is_label(&label.replace('_', "x")))
}

fn is_page_url(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("https://") else { return false };
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let (host, port) = authority.split_once(':').unwrap_or((authority, "443"));
    is_domain(&host.to_ascii_lowercase())
        && !host.contains('_')
        && !port.starts_with('0')
        && port.bytes().all(|byte| byte.is_ascii_digit())
        && port.parse::<u16>().is_ok()
        && path.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Partitions that are not `aws`: how their regions' names begin, the partition as it stands in ARNs, the suffix of its
/// host names, and the region in which what counts over a whole account is kept.
/// Source: botocore 1.44.5, partitions.json (`regionRegex`, `outputs`); Service Quotas User Guide, "Requesting a quota
/// increase", for cn-north-1.
const PARTITIONS: [(&str, &str, &str, &str); 7] = [
    ("cn-", "aws-cn", "amazonaws.com.cn", "cn-north-1"),
    ("eusc-", "aws-eusc", "amazonaws.eu", "eusc-de-east-1"),
    ("us-gov-", "aws-us-gov", "amazonaws.com", "us-gov-west-1"),
    ("us-iso-", "aws-iso", "c2s.ic.gov", "us-iso-east-1"),
    ("us-isob-", "aws-iso-b", "sc2s.sgov.gov", "us-isob-east-1"),
    ("eu-isoe-", "aws-iso-e", "cloud.adc-e.uk", "eu-isoe-west-1"),
    ("us-isof-", "aws-iso-f", "csp.hci.ic.gov", "us-isof-south-1"),
];

impl Region {
    fn partition_row(&self) -> (&'static str, &'static str, &'static str) {
        let row = PARTITIONS.iter().find(|(begin, ..)| self.0.starts_with(begin));
        row.map_or(("aws", "amazonaws.com", "us-east-1"), |(_, partition, suffix, home)| (partition, suffix, home))
    }

    /// The partition that the region belongs to, as it stands in ARNs.
    pub fn partition(&self) -> &'static str {
        self.partition_row().0
    }

    /// What the host names of the partition's services end in: `AWS::URLSuffix`.
    pub fn url_suffix(&self) -> &'static str {
        self.partition_row().1
    }

    /// The region in which what counts over a whole account of the partition is kept, such as quotas of IAM and S3.
    /// Source: Amazon S3 User Guide, "General purpose bucket quotas"; Service Quotas User Guide, "Requesting a quota
    /// increase".
    pub fn home(&self) -> Self {
        Self(self.partition_row().2.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes<T: FromStr>(good: &[&str], bad: &[&str]) {
        good.iter().for_each(|text| assert!(text.parse::<T>().is_ok(), "{text}"));
        bad.iter().for_each(|text| assert!(text.parse::<T>().is_err(), "{text}"));
    }

    #[test]
    fn names_are_taken_as_their_services_take_them() {
        let long = "a.".repeat(126) + "abc";
        takes::<RoleName>(
            &["metanet-tenantry", "team/deploy", "a+b=c,d.e@f-g_h"],
            &["", "arn:aws:iam::111122223333:role/x", "a b", "/x", "x/", "ä"],
        );
        takes::<ExternalId>(&["ab", "metanet-fleet", "a:b/c"], &["", "x", "a b"]);
        takes::<DomainName>(
            &["one.metanet.example", "a.b", "_x.example", "xn--bcher-kva.example"],
            &[
                "",
                "example",
                "a b.c",
                "https://x.example",
                "x..example",
                ".example",
                "x.example.",
                "X.example",
                "-a.example",
                "a.1",
                &long,
            ],
        );
        takes::<PageUrl>(
            &["https://pages.example.com", "https://pages.example.com/a?b=c", "https://Pages.example.com:8443/x"],
            &[
                "https://",
                "https:// ",
                "https://a b",
                "https://u:p@h.example/x",
                "https://ho\u{200b}st.example/",
                "https://h..example/",
                "https://host./x",
                "https://h.example:99999/",
                "https://h.example:/",
                "http://h.example",
                "https://localhost/",
                "https://h.example/\n",
                "https://h.example/a b",
            ],
        );
    }

    #[test]
    fn a_region_knows_its_partition() {
        for (region, partition, suffix, home) in [
            ("eu-west-1", "aws", "amazonaws.com", "us-east-1"),
            ("cn-northwest-1", "aws-cn", "amazonaws.com.cn", "cn-north-1"),
            ("us-gov-east-1", "aws-us-gov", "amazonaws.com", "us-gov-west-1"),
            ("eusc-de-east-1", "aws-eusc", "amazonaws.eu", "eusc-de-east-1"),
            ("us-iso-west-1", "aws-iso", "c2s.ic.gov", "us-iso-east-1"),
            ("us-isob-east-1", "aws-iso-b", "sc2s.sgov.gov", "us-isob-east-1"),
            ("eu-isoe-west-1", "aws-iso-e", "cloud.adc-e.uk", "eu-isoe-west-1"),
            ("us-isof-east-1", "aws-iso-f", "csp.hci.ic.gov", "us-isof-south-1"),
        ] {
            let region: Region = region.parse().unwrap();
            assert_eq!((region.partition(), region.url_suffix(), region.home().as_str()), (partition, suffix, home));
        }
    }

    /// What the schema takes and what the reader takes must be the same, but for lengths that a pattern cannot say.
    #[test]
    fn patterns_say_what_the_checks_do() {
        fn pattern<T: JsonSchema>() -> fancy_regex::Regex {
            let schema = T::json_schema(&mut schemars::SchemaGenerator::default()).to_value();
            fancy_regex::Regex::new(schema["pattern"].as_str().unwrap()).unwrap()
        }
        let texts = [
            "",
            "a",
            "ab",
            "a-b",
            "a b",
            "a/b",
            "/a",
            "A.b",
            "a.b",
            "a..b",
            "a.b.",
            "-a.b",
            "a-.b",
            "_a.b",
            "a.1",
            "https://a.b",
            "https://a.b/",
            "https://a.b:1",
            "https://a.b:65535",
            "https://a.b:65536",
            "https://a.b:0",
            "https://a",
            "https://a.b/x y",
            "https://u@a.b",
        ];
        for text in texts {
            let same =
                |pattern: fancy_regex::Regex, taken: bool| assert_eq!(pattern.is_match(text).unwrap(), taken, "{text}");
            same(pattern::<RoleName>(), text.parse::<RoleName>().is_ok());
            same(pattern::<ExternalId>(), text.parse::<ExternalId>().is_ok());
            same(pattern::<DomainName>(), text.parse::<DomainName>().is_ok());
            same(pattern::<PageUrl>(), text.parse::<PageUrl>().is_ok());
        }
    }
}
