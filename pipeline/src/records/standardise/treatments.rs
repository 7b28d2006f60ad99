//! What becomes of single fields: the steps that the tables of `schema` name.

use std::net::IpAddr;

use serde_json::value::RawValue;

use super::document::Document;
use super::record::End;
use crate::records::fields::plain_text;
use crate::records::names::{self, SipUri, lower};
use crate::records::plan::Row;
use crate::records::schema::Treatment;

impl Document<'_> {
    /// Writes what becomes of a field by its treatment.
    pub(super) fn treated(&mut self, treatment: Treatment, row: &'static Row, key: &str, raw: &str) {
        match treatment {
            Treatment::To(_) => self.placed(row, key, raw),
            Treatment::Elsewhere => {}
            Treatment::Transport if plain_text(raw).is_some() => {}
            Treatment::Transport => self.kept(row, key, raw),
            Treatment::LowerTo(place) => {
                if let Some(text) = plain_text(raw) {
                    self.text(place, &lower(text));
                }
                self.kept(row, key, raw);
            }
            Treatment::Query => {
                if self.record.get("rcode_name").is_none() {
                    self.text("dns.type", "query");
                }
                self.placed(row, key, raw);
            }
            Treatment::Id if self.record.get("uid").is_some() => self.kept(row, key, raw),
            Treatment::Id => self.placed(row, key, raw),
            Treatment::Nanoseconds(place) => match nanoseconds(raw) {
                Some(nanoseconds) => self.number(place, nanoseconds),
                None => self.kept(row, key, raw),
            },
            Treatment::TlsVersion => match plain_text(raw).and_then(tls_version) {
                Some((protocol, version)) => {
                    self.text("tls.version_protocol", protocol);
                    self.text("tls.version", version);
                }
                None => self.kept(row, key, raw),
            },
            Treatment::Outcome => match raw {
                "true" => self.text("event.outcome", "success"),
                "false" => self.text("event.outcome", "failure"),
                _ => self.kept(row, key, raw),
            },
            Treatment::OutcomeBelow(limit, _) => {
                if let Ok(number) = raw.parse::<u64>() {
                    self.text("event.outcome", outcome(number < limit));
                }
                self.placed(row, key, raw);
            }
            Treatment::ResponseCode => {
                if let Some(name) = plain_text(raw) {
                    self.text("dns.type", "answer");
                    self.text("event.outcome", outcome(name == "NOERROR"));
                }
                self.placed(row, key, raw);
            }
            Treatment::OutcomeOf(successes) => {
                if let Some(text) = plain_text(raw).map(lower) {
                    self.text("event.outcome", outcome(successes.contains(&&*text)));
                }
                self.kept(row, key, raw);
            }
            Treatment::ModbusFunction => {
                self.text("event.outcome", outcome(self.record.get("exception").is_none()));
                self.placed(row, key, raw);
            }
            Treatment::RequestMethod => {
                if let Some(method) = plain_text(raw) {
                    self.text("event.action", &lower(method));
                }
                self.placed(row, key, raw);
            }
            Treatment::RequestHost => match plain_text(raw).map(names::host_and_port) {
                Some((host, port)) => {
                    self.text("url.domain", host);
                    let port = port.or_else(|| self.record.end(End::DestinationPort)?.parse().ok());
                    if let Some(port) = port {
                        self.number("url.port", port.into());
                    }
                }
                None => self.placed(row, key, raw),
            },
            Treatment::ConnectionState => {
                self.types.extend(plain_text(raw).map_or(&[][..], connection_types));
                self.kept(row, key, raw);
            }
            Treatment::Dropped => {
                match raw {
                    "true" => self.types.push("denied"),
                    "false" => self.types.push("allowed"),
                    _ => {}
                }
                self.kept(row, key, raw);
            }
            Treatment::FileAction => {
                self.types.push(plain_text(raw).map_or("info", file_type));
                self.placed(row, key, raw);
            }
            Treatment::Share => {
                let name = self.record.get("name").and_then(|raw| serde_json::from_str::<String>(raw).ok());
                let share = serde_json::from_str::<String>(raw).ok();
                if let (Some(share), Some(name)) = (share, name) {
                    self.text("file.path", &[&share, "\\", &name].concat());
                }
                self.placed(row, key, raw);
            }
            Treatment::QuestionClass => {
                if let Some(class) = names::dns_class(raw) {
                    self.text("dns.question.class", class);
                }
                self.kept(row, key, raw);
            }
            Treatment::HeaderFlag(flag) => match raw {
                "true" => self.header_flags.push(flag),
                // What is not listed is not set.
                "false" => {}
                _ => self.kept(row, key, raw),
            },
            Treatment::Answers => {
                let answers: Vec<&RawValue> = serde_json::from_str(raw).unwrap_or_default();
                let texts = answers.iter().filter_map(|answer| plain_text(answer.get()));
                self.texts("dns.resolved_ip", texts.filter(|text| text.parse::<IpAddr>().is_ok()));
                self.placed(row, key, raw);
            }
            Treatment::Sequence => {
                if let Some((_, method)) = plain_text(raw).and_then(|text| text.split_once(' ')) {
                    self.text("event.action", method);
                }
                self.kept(row, key, raw);
            }
            Treatment::SipUri => {
                if let Some(uri) = plain_text(raw).and_then(SipUri::parse) {
                    self.text("url.scheme", uri.scheme);
                    self.text("url.domain", uri.host);
                    if let Some(user) = uri.user {
                        self.text("url.username", user);
                    }
                    if let Some(port) = uri.port {
                        self.number("url.port", port.into());
                    }
                }
                self.placed(row, key, raw);
            }
            Treatment::Principal => {
                match plain_text(raw).map(|text| text.rsplit_once('/').unwrap_or((text, ""))) {
                    Some((user, realm)) if !user.is_empty() => {
                        self.text("user.name", user);
                        if !realm.is_empty() {
                            self.text("user.domain", realm);
                        }
                    }
                    _ => {}
                }
                self.kept(row, key, raw);
            }
            Treatment::DistinguishedName(_, parts) => {
                let text = serde_json::from_str::<String>(raw).unwrap_or_default();
                for (part, values) in names::distinguished(&text) {
                    self.texts(&[parts, ".", part].concat(), values.iter().map(String::as_str));
                }
                self.placed(row, key, raw);
            }
            Treatment::SignatureAlgorithm => {
                let known = plain_text(raw).and_then(names::signature_algorithm);
                match known {
                    Some(name) => {
                        self.text("file.x509.signature_algorithm", name);
                        self.kept(row, key, raw);
                    }
                    None => self.placed(row, key, raw),
                }
            }
            Treatment::IndicatorKind => {
                let indicator = self.record.get("seen.indicator");
                let is_ipv6 = indicator.is_some_and(|raw| raw.contains(':'));
                if let Some((kind, place)) = plain_text(raw).and_then(|text| names::indicator(text, is_ipv6)) {
                    self.text("threat.indicator.type", kind);
                    if let Some((place, indicator)) = place.zip(indicator) {
                        self.put(place, "seen.indicator", indicator);
                    }
                }
                self.kept(row, key, raw);
            }
        }
    }
}

/// ECS `event.outcome`.
fn outcome(is_success: bool) -> &'static str {
    if is_success { "success" } else { "failure" }
}

/// What Zeek's state of a connection says of its life, as values of ECS `event.type`.
fn connection_types(state: &str) -> &'static [&'static str] {
    match state {
        "S0" | "S1" => &["start"],
        "SF" => &["start", "end"],
        "REJ" => &["start", "denied"],
        _ => &["info"],
    }
}

/// What Zeek's action on a file is among the values of ECS `event.type`.
fn file_type(action: &str) -> &'static str {
    match action {
        "SMB::FILE_DELETE" => "deletion",
        "SMB::FILE_RENAME" | "SMB::FILE_SET_ATTRIBUTE" => "change",
        _ => "info",
    }
}

/// Seconds as whole nanoseconds.
fn nanoseconds(raw: &str) -> Option<u64> {
    let seconds: f64 = raw.parse().ok()?;
    let nanoseconds = (seconds * 1e9).round();
    if !(0.0..9.0e18).contains(&nanoseconds) {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded just above")]
    Some(nanoseconds as u64)
}

/// ECS `tls.version_protocol` and `tls.version` of Zeek's version.
fn tls_version(zeek: &str) -> Option<(&'static str, &'static str)> {
    match zeek {
        "SSLv2" => Some(("ssl", "2.0")),
        "SSLv3" => Some(("ssl", "3.0")),
        "TLSv10" => Some(("tls", "1.0")),
        "TLSv11" => Some(("tls", "1.1")),
        "TLSv12" => Some(("tls", "1.2")),
        "TLSv13" => Some(("tls", "1.3")),
        "DTLSv10" => Some(("dtls", "1.0")),
        "DTLSv12" => Some(("dtls", "1.2")),
        "DTLSv13" => Some(("dtls", "1.3")),
        _ => None,
    }
}
