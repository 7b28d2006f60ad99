//! One verdict on a stack from everything that is known of it: git, template, drift, alarms, and how old each is.
//!
//! Pure. What is unknown or was never checked is never current.

use schemars::JsonSchema;
use serde::Serialize;

use super::Exit;
use crate::report::groups::counted as number;
use crate::report::release::ago;
use crate::report::screen::Tone;
use crate::report::screen::paint;
use tenantry_ops::deploy::status::{self, Line};
use tenantry_ops::drift;
use tenantry_ops::drift::record::Check;

/// How a stack is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub(crate) enum Standing {
    /// Same template and release as git, in sync in a recent drift check since the last update, and no alarm in ALARM.
    Current,
    /// Its template or release differs from git's.
    Outdated,
    /// Changed outside CloudFormation.
    Drifted {
        /// Number of differences that are not accepted; null if they were not counted.
        differences: Option<usize>,
    },
    Alarm {
        /// Number of alarms in ALARM.
        firing: usize,
    },
    NotDeployed,
    Offboarded,
    InProgress,
    Failed,
    NotOurs {
        /// Why the stack does not belong to this estate.
        why: String,
    },
    Unknown {
        /// What could not be read.
        why: String,
    },
}

/// What is known of drift.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Drift {
    InSync,
    Drifted(Option<usize>),
    Unknown(String),
}

/// Within it, CloudFormation's detection was part of our own check.
pub(crate) const SAME_CHECK_SECONDS: i64 = 600;

impl Standing {
    /// The verdict at `now`; a check that is older than `most_age` seconds no longer counts.
    pub(crate) fn of(line: &Line, checked: Option<&Check>, now: i64, most_age: i64) -> Self {
        match &line.verdict {
            status::SyncStatus::Unknown { why } => return Self::Unknown { why: why.clone() },
            status::SyncStatus::NotOurs { why } => return Self::NotOurs { why: why.clone() },
            status::SyncStatus::Missing => return Self::NotDeployed,
            status::SyncStatus::Offboarded => return Self::Offboarded,
            status::SyncStatus::InProgress => return Self::InProgress,
            status::SyncStatus::Failed => return Self::Failed,
            status::SyncStatus::Outdated => return Self::Outdated,
            status::SyncStatus::Current => {}
        }
        let drift = drift(line, checked, now, most_age);
        match (drift, line.alarms) {
            (Drift::Drifted(differences), _) => Self::Drifted { differences },
            (_, Some(alarms)) if alarms.firing > 0 => Self::Alarm { firing: alarms.firing },
            (Drift::Unknown(why), _) => Self::Unknown { why },
            (Drift::InSync, None) => Self::Unknown { why: "its alarms cannot be read".to_owned() },
            (Drift::InSync, Some(alarms)) if alarms.insufficient > 0 => {
                let (insufficient, all) = (alarms.insufficient, alarms.all);
                Self::Unknown { why: format!("{insufficient} of {all} alarms have insufficient data") }
            }
            (Drift::InSync, Some(_)) => Self::Current,
        }
    }

    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Current | Self::Offboarded => Exit::Clean,
            Self::Unknown { .. } => Exit::Incomplete,
            _ => Exit::Changes,
        }
    }

    /// The verdict in a word or two.
    pub(crate) fn state(&self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Outdated => "outdated",
            Self::Drifted { .. } => "drifted",
            Self::Alarm { .. } => "in ALARM",
            Self::NotDeployed => "not deployed",
            Self::Offboarded => "offboarded",
            Self::InProgress => "in progress",
            Self::Failed => "failed",
            Self::NotOurs { .. } => "not owned",
            Self::Unknown { .. } => "unknown",
        }
    }

    /// What is behind it; nothing where the state says all.
    pub(crate) fn why(&self) -> String {
        match self {
            Self::Outdated => "git has another template or release".to_owned(),
            Self::Drifted { differences: Some(count) } => number(*count, "difference"),
            Self::Alarm { firing } => number(*firing, "alarm"),
            Self::NotOurs { why } | Self::Unknown { why } => why.clone(),
            _ => String::new(),
        }
    }

    /// The worst has the lowest number.
    pub(crate) fn order(&self) -> u8 {
        match self {
            Self::Failed => 0,
            Self::NotOurs { .. } => 1,
            Self::Alarm { .. } => 2,
            Self::Drifted { .. } => 3,
            Self::Unknown { .. } => 4,
            Self::Outdated => 5,
            Self::InProgress => 6,
            Self::NotDeployed => 7,
            Self::Current => 8,
            Self::Offboarded => 9,
        }
    }

    pub(crate) fn tone(&self) -> Tone {
        match self {
            Self::Failed | Self::NotOurs { .. } | Self::Alarm { .. } | Self::Drifted { .. } => Tone::Bad,
            Self::Unknown { .. } => Tone::Unknown,
            Self::Outdated | Self::InProgress | Self::NotDeployed => Tone::Warning,
            Self::Current => Tone::Good,
            Self::Offboarded => Tone::Quiet,
        }
    }
}

/// `60 tenants: 2 drifted, 58 current`; the worst first.
pub(crate) fn counted<'s>(standings: impl Iterator<Item = &'s Standing>) -> String {
    let mut all: Vec<&Standing> = standings.collect();
    all.sort_by_key(|standing| standing.order());
    let groups = all.chunk_by(|a, b| a.order() == b.order());
    let groups = groups.map(|group| (group.len(), group.first()));
    let groups =
        groups.filter_map(|(count, one)| one.map(|one| paint(&format!("{count} {}", one.state()), one.tone())));
    let groups: Vec<String> = groups.collect();
    let tenants = number(all.len(), "tenant");
    if groups.is_empty() { tenants } else { format!("{tenants}: {}", groups.join(", ")) }
}

fn drift(line: &Line, checked: Option<&Check>, now: i64, most_age: i64) -> Drift {
    // CloudFormation's own detection sees a part of what our check sees: it can say that a stack has drifted, and never
    // that it has not.
    let detected = line.drift.as_ref().filter(|found| found.status == "DRIFTED");
    if let Some(found) = detected
        && checked.is_none_or(|check| found.at > check.at + SAME_CHECK_SECONDS)
        && line.updated.is_none_or(|updated| found.at >= updated)
    {
        return Drift::Drifted(None);
    }
    let Some(check) = checked else { return Drift::Unknown("drift was never checked".to_owned()) };
    if line.updated.is_some_and(|updated| check.at < updated) {
        return Drift::Unknown("drift was not checked since the last update".to_owned());
    }
    match check.verdict {
        drift::DriftStatus::Drifted => Drift::Drifted(Some(check.open)),
        drift::DriftStatus::Incomplete => Drift::Unknown("the last drift check was incomplete".to_owned()),
        drift::DriftStatus::InSync if now.saturating_sub(check.at) > most_age => {
            Drift::Unknown(format!("the last drift check is {} old", ago(now.saturating_sub(check.at))))
        }
        drift::DriftStatus::InSync => Drift::InSync,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenantry_ops::deploy::status::{Alarms, Detected};

    fn line(
        verdict: status::SyncStatus,
        updated: i64,
        detected: Option<(i64, &str)>,
        alarms: Option<[usize; 2]>,
    ) -> Line {
        Line {
            tenant: "acme".to_owned(),
            ring: None,
            place: serde_json::from_str(r#"{"account":"111122223333","region":"eu-west-1"}"#).unwrap(),
            status: Some("UPDATE_COMPLETE".to_owned()),
            release: None,
            digest: None,
            updated: Some(updated),
            express: false,
            drift: detected.map(|(at, status)| Detected { at, status: status.to_owned() }),
            alarm_states: std::collections::BTreeMap::new(),
            alarms: alarms.map(|[firing, insufficient]| Alarms { firing, insufficient, all: 12 }),
            verdict,
        }
    }

    fn said(line: &Line, check: Option<(i64, drift::DriftStatus, usize)>) -> String {
        let check = check.map(|(at, verdict, open)| Check { at, verdict, open, worst: None, differences: Vec::new() });
        let standing = Standing::of(line, check.as_ref(), 1_000_000, 100_000);
        format!("{}: {}", standing.state(), standing.why())
    }

    #[test]
    fn only_what_was_checked_since_its_update_and_lately_and_is_quiet_is_current() {
        use drift::DriftStatus::{Drifted, InSync, Incomplete};
        let quiet = Some([0, 0]);
        let same = || status::SyncStatus::Current;
        for (line, check, expected) in [
            (line(same(), 900_000, None, quiet), Some((950_000, InSync, 0)), "current: "),
            (line(same(), 900_000, None, quiet), None, "unknown: drift was never checked"),
            (
                line(same(), 960_000, None, quiet),
                Some((950_000, InSync, 0)),
                "unknown: drift was not checked since the last update",
            ),
            (line(same(), 1, None, quiet), Some((800_000, InSync, 0)), "unknown: the last drift check is 2 d old"),
            (
                line(same(), 1, None, quiet),
                Some((999_999, Incomplete, 0)),
                "unknown: the last drift check was incomplete",
            ),
            (line(same(), 1, None, quiet), Some((999_999, Drifted, 2)), "drifted: 2 differences"),
            // What was found stays found, however long ago.
            (line(same(), 1, None, quiet), Some((2, Drifted, 2)), "drifted: 2 differences"),
            (line(same(), 1, Some((999_000, "IN_SYNC")), quiet), None, "unknown: drift was never checked"),
            (line(same(), 1, Some((999_000, "DRIFTED")), quiet), None, "drifted: "),
            (line(same(), 1, Some((999_999, "DRIFTED")), quiet), Some((999_900, InSync, 0)), "current: "),
            (line(same(), 999_950, Some((999_000, "DRIFTED")), quiet), Some((999_990, InSync, 0)), "current: "),
            (line(same(), 1, None, Some([1, 3])), Some((999_999, InSync, 0)), "in ALARM: 1 alarm"),
            (
                line(same(), 1, None, Some([0, 3])),
                Some((999_999, InSync, 0)),
                "unknown: 3 of 12 alarms have insufficient data",
            ),
            (line(same(), 1, None, None), Some((999_999, InSync, 0)), "unknown: its alarms cannot be read"),
            (line(status::SyncStatus::Missing, 1, None, quiet), None, "not deployed: "),
            (
                line(status::SyncStatus::Outdated, 1, None, quiet),
                Some((999_999, InSync, 0)),
                "outdated: git has another template or release",
            ),
        ] {
            assert_eq!(said(&line, check), expected);
        }
    }
}
