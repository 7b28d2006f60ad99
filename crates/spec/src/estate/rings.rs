//! How a release reaches the fleet: rings in order, their waves, bake times and gates, and when a tenant may change.

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use tenantry_base::ids::{RingName, TenantName};

/// A release ring: tenants that get a release together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ring {
    /// Name of the ring; tenants refer to it in `ring`.
    pub name: RingName,
    /// Bake time of each wave of this ring, such as `30m` or `2h`.
    #[schemars(regex(pattern = r"^[0-9]+(s|m|h|d)$"))]
    pub bake: String,
    /// Cumulative size of each wave: a number of tenants, or a share such as `10%`. The rest of the ring is the last wave.
    #[serde(default)]
    pub waves: Vec<Share>,
    /// Gates that must pass during a wave's bake time and at its end.
    #[serde(default)]
    pub gates: Vec<Gate>,
    /// Custom commands that must succeed for each tenant at the end of a wave.
    #[serde(default)]
    pub commands: Vec<GateCommand>,
    /// Maintenance window of the ring, in each tenant's time zone; without it, tenants may change at any time.
    #[serde(default)]
    #[schemars(with = "Window")]
    pub window: Option<Window>,
}

/// A condition that is watched while a release bakes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Gate {
    Alarms,
    QueueDepth,
    Drift,
    StackState,
}

impl Gate {
    /// As the estate writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alarms => "alarms",
            Self::QueueDepth => "queue-depth",
            Self::Drift => "drift",
            Self::StackState => "stack-state",
        }
    }
}

/// A command that says whether a tenant is well: exit code 0 is yes, 1 is no, and anything else says nothing.
///
/// It runs in the release's own files, with `TENANTRY_TENANT`, `TENANTRY_RELEASE`, `TENANTRY_RING`,
/// `TENANTRY_ACCOUNT` and `TENANTRY_REGION` in its environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GateCommand {
    /// Display name.
    #[schemars(length(min = 1))]
    pub name: String,
    /// Program and arguments, run without a shell.
    #[schemars(length(min = 1))]
    pub run: Vec<String>,
    /// Timeout, such as `30s`; if the command exceeds it, the gate is unknown.
    #[serde(default = "default_timeout")]
    #[schemars(regex(pattern = r"^[0-9]+(s|m|h|d)$"))]
    pub timeout: String,
}

fn default_timeout() -> String {
    "1m".to_owned()
}

/// A part of a ring: a number of tenants, or a share of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    Count(u32),
    /// At most 100.
    Percent(u8),
}

impl Share {
    /// How many of `tenants` this is; a share of at least something is at least one.
    pub fn of(self, tenants: usize) -> usize {
        match self {
            Self::Count(count) => usize::try_from(count).unwrap_or(usize::MAX).min(tenants),
            Self::Percent(percent) => (tenants * usize::from(percent)).div_ceil(100),
        }
    }
}

impl Serialize for Share {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Count(count) => serializer.serialize_u32(*count),
            Self::Percent(percent) => serializer.collect_str(&format_args!("{percent}%")),
        }
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        let count = value.as_u64().and_then(|count| u32::try_from(count).ok()).map(Self::Count);
        let percent = || value.as_str()?.strip_suffix('%')?.trim_end().parse().ok().map(Self::Percent);
        count
            .or_else(percent)
            .ok_or_else(|| serde::de::Error::custom("must be a number of tenants or a share like 10%"))
    }
}

impl JsonSchema for Share {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Share".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["integer", "string"],
            "minimum": 1,
            "pattern": "^([1-9]|[1-9][0-9]|100) ?%$",
            "description": "A number of tenants from 1, or a share from 1% to 100%",
        })
    }
}

/// Hours of the week in which a tenant may change.
///
/// Where the clock skips a time, the moment counts at which it goes on; of a time that exists twice, the first counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// Days on which the window opens; without any, every day.
    #[serde(default)]
    pub days: Vec<Day>,
    /// Opening time, `HH:MM` in the tenant's time zone.
    #[schemars(regex(pattern = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"))]
    pub from: String,
    /// Closing time; earlier than `from` means on the next day.
    #[schemars(regex(pattern = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"))]
    pub to: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

impl Day {
    fn is(self, weekday: Weekday) -> bool {
        self as i8 == weekday.to_monday_zero_offset()
    }
}

/// Freezes: periods without rollouts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Freeze {
    /// Reason in a word or two, shown for waiting tenants.
    #[schemars(length(min = 1))]
    pub name: String,
    /// First day, `YYYY-MM-DD`, in each tenant's own time zone.
    #[schemars(regex(pattern = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"))]
    pub from: String,
    /// Last day.
    #[schemars(regex(pattern = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"))]
    pub to: String,
    /// Only these rings; without any, all.
    #[serde(default)]
    pub rings: Vec<RingName>,
    /// Only these tenants; without any, all.
    #[serde(default)]
    pub tenants: Vec<TenantName>,
}

impl Freeze {
    /// First and last day, if they are days of the calendar.
    pub fn days(&self) -> Option<(Date, Date)> {
        Some((self.from.parse().ok()?, self.to.parse().ok()?))
    }

    /// Whether it is about this tenant of this ring.
    pub fn concerns(&self, tenant: &TenantName, ring: &RingName) -> bool {
        (self.rings.is_empty() || self.rings.contains(ring))
            && (self.tenants.is_empty() || self.tenants.contains(tenant))
    }
}

/// A length of time as the estate writes it (`30s`, `5m`, `2h`, `1d`).
pub fn duration(text: &str) -> Option<SignedDuration> {
    let unit = match text.bytes().last()? {
        b's' => 1,
        b'm' => 60,
        b'h' => 3600,
        b'd' => 86_400,
        _ => return None,
    };
    let seconds = text[..text.len() - 1].parse::<i64>().ok()?.checked_mul(unit)?;
    Some(SignedDuration::from_secs(seconds))
}

impl Window {
    /// Opening and closing time of the day.
    pub fn hours(&self) -> Option<(Time, Time)> {
        Some((self.from.parse().ok()?, self.to.parse().ok()?))
    }

    fn on(&self, weekday: Weekday) -> bool {
        self.days.is_empty() || self.days.iter().any(|day| day.is(weekday))
    }

    /// The stretch of time for which it is open from a day on; None on a day on which it does not open.
    ///
    /// A window that lies in hours which the clock skips opens right behind them for as long as it would have been open,
    /// as cron runs what falls into the gap (cron(8) of Debian), so that no week is lost.
    fn opening_of(&self, day: Date, zone: &TimeZone) -> Option<(Timestamp, Timestamp)> {
        let (from, to) = self.hours()?;
        if !self.on(day.weekday()) {
            return None;
        }
        let closing_day = if from < to { day } else { day.tomorrow().ok()? };
        let (opens, closes) = (day.to_datetime(from), closing_day.to_datetime(to));
        let length = closes.duration_since(opens);
        let (opens, closes) = (first(zone, opens)?, first(zone, closes)?);
        Some((opens, if opens < closes { closes } else { opens.checked_add(length).ok()? }))
    }

    fn is_open(&self, at: Timestamp, zone: &TimeZone) -> bool {
        let today = zone.to_datetime(at).date();
        let days = [today.yesterday().ok(), Some(today)];
        let mut openings = days.into_iter().flatten().filter_map(|day| self.opening_of(day, zone));
        openings.any(|(opens, closes)| opens <= at && at < closes)
    }

    /// `window sun 02:00 to 03:00`.
    fn title(&self) -> String {
        let days: Vec<String> = self.days.iter().map(|day| format!("{day:?}").to_lowercase()).collect();
        let days = if days.is_empty() { String::new() } else { format!("{} ", days.join(", ")) };
        format!("window {days}{} to {}", self.from, self.to)
    }
}

/// The first moment at which the clocks of a zone show a time, or at which they go on when they skip it.
fn first(zone: &TimeZone, at: DateTime) -> Option<Timestamp> {
    let ambiguous = zone.to_ambiguous_timestamp(at);
    match ambiguous.offset() {
        // The clock jumps by the difference of the offsets; the moment of the jump is the first that exists behind it.
        AmbiguousOffset::Gap { before, .. } => {
            let inside = before.to_timestamp(at).ok()?;
            zone.preceding(inside.checked_add(SignedDuration::from_secs(1)).ok()?).next().map(|jump| jump.timestamp())
        }
        _ => ambiguous.earlier().ok(),
    }
}

/// When one tenant may change.
#[derive(Debug, Clone)]
pub struct Calendar<'e> {
    pub zone: TimeZone,
    pub window: Option<&'e Window>,
    /// Those that concern the tenant.
    pub freezes: Vec<&'e Freeze>,
}

/// Whether a tenant may change now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Opening {
    Open,
    /// Not before a time, because of a maintenance window or a freeze.
    At {
        /// Start of the next maintenance window, or end of the freeze.
        #[schemars(with = "tenantry_base::schema::Instant")]
        at: Timestamp,
        /// The maintenance window or freeze.
        why: String,
    },
    /// Not in the next year.
    Never {
        /// The maintenance window or freeze.
        why: String,
    },
}

/// Days that are searched for the next opening.
const HORIZON_DAYS: i64 = 370;

impl Calendar<'_> {
    /// Whether the tenant may change at `now`, else when, and what it waits for: the window or freeze that ends last.
    pub fn opening(&self, now: Timestamp) -> Opening {
        let closed = self.closed(now);
        if closed.is_empty() {
            return Opening::Open;
        }
        // Something opens only when a window does, or at the midnight that ends a freeze.
        let today = self.zone.to_datetime(now).date();
        let days = (-1..=HORIZON_DAYS).filter_map(|days| today.checked_add(jiff::Span::new().days(days)).ok());
        let opens = days.flat_map(|day| {
            let window = self.window.and_then(|window| window.opening_of(day, &self.zone)).map(|(opens, _)| opens);
            [first(&self.zone, day.to_datetime(Time::midnight())), window]
        });
        match opens.flatten().find(|at| *at > now && self.closed(*at).is_empty()) {
            Some(at) => {
                let before = at.checked_sub(SignedDuration::from_secs(1)).unwrap_or(now);
                Opening::At { at, why: self.closed(before.max(now)).join(" and ") }
            }
            None => Opening::Never { why: closed.join(" and ") },
        }
    }

    /// Everything that keeps the tenant from changing at a moment.
    fn closed(&self, at: Timestamp) -> Vec<String> {
        let day = self.zone.to_datetime(at).date();
        let holds = |freeze: &&&Freeze| freeze.days().is_none_or(|(from, to)| (from..=to).contains(&day));
        let freezes = self.freezes.iter().filter(holds).map(|freeze| format!("freeze `{}`", freeze.name));
        let window = self.window.filter(|window| !window.is_open(at, &self.zone));
        let zone = self.zone.iana_name().unwrap_or("local");
        freezes.chain(window.map(|window| format!("{} {zone}", window.title()))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn opening(zone: &str, window: Option<&Window>, freezes: &[Freeze], now: &str) -> Opening {
        Calendar { zone: TimeZone::get(zone).unwrap(), window, freezes: freezes.iter().collect() }.opening(at(now))
    }

    fn window(days: &[Day], from: &str, to: &str) -> Window {
        Window { days: days.to_vec(), from: from.to_owned(), to: to.to_owned() }
    }

    fn opens(opening: &Opening) -> Option<String> {
        match opening {
            Opening::At { at, .. } => Some(at.to_string()),
            _ => None,
        }
    }

    #[test]
    fn a_window_is_kept_in_the_tenants_own_time() {
        let office = window(&[Day::Mon, Day::Tue], "09:00", "15:00");
        // 2026-11-24 is a Tuesday; Zagreb is an hour ahead of UTC, Los Angeles eight behind.
        assert_eq!(opening("Europe/Zagreb", Some(&office), &[], "2026-11-24T08:00:00Z"), Opening::Open);
        let california = opening("America/Los_Angeles", Some(&office), &[], "2026-11-24T08:00:00Z");
        assert_eq!(opens(&california).as_deref(), Some("2026-11-24T17:00:00Z"));
        let closed = opening("Europe/Zagreb", Some(&office), &[], "2026-11-24T14:00:00Z");
        assert_eq!(opens(&closed).as_deref(), Some("2026-11-30T08:00:00Z"), "next Monday");
    }

    #[test]
    fn a_window_over_midnight_belongs_to_the_day_on_which_it_opens() {
        let night = window(&[Day::Fri], "22:00", "04:00");
        assert_eq!(opening("UTC", Some(&night), &[], "2026-11-28T03:59:00Z"), Opening::Open, "Saturday morning");
        let later = opening("UTC", Some(&night), &[], "2026-11-28T04:00:00Z");
        assert_eq!(opens(&later).as_deref(), Some("2026-12-04T22:00:00Z"));
        let friday_morning = opening("UTC", Some(&night), &[], "2026-11-27T03:00:00Z");
        assert_eq!(opens(&friday_morning).as_deref(), Some("2026-11-27T22:00:00Z"));
    }

    #[test]
    fn a_freeze_ends_at_the_tenants_midnight_and_an_endless_one_never() {
        let freeze = |from: &str, to: &str| Freeze {
            name: "year end".to_owned(),
            from: from.to_owned(),
            to: to.to_owned(),
            rings: Vec::new(),
            tenants: Vec::new(),
        };
        let frozen = opening("Asia/Tokyo", None, &[freeze("2026-12-20", "2027-01-04")], "2026-12-24T12:00:00Z");
        assert_eq!(opens(&frozen).as_deref(), Some("2027-01-04T15:00:00Z"));
        assert!(matches!(&frozen, Opening::At { why, .. } if why == "freeze `year end`"));
        let endless = opening("UTC", None, &[freeze("2026-01-01", "2029-01-01")], "2026-12-24T12:00:00Z");
        assert!(matches!(endless, Opening::Never { .. }));
        // A day that is none freezes for ever rather than not at all.
        assert!(matches!(
            opening("UTC", None, &[freeze("2026-02-30", "x")], "2026-12-24T12:00:00Z"),
            Opening::Never { .. }
        ));
    }

    /// The night of 28 March 2027 has no 02:00 to 03:00 in Zagreb, that of 31 October 2027 has them twice.
    #[test]
    fn a_window_in_hours_that_the_clock_skips_opens_right_behind_them() {
        let zagreb = "Europe/Zagreb";
        let long = Freeze {
            name: "long".to_owned(),
            from: "2026-11-01".to_owned(),
            to: "2027-03-27".to_owned(),
            rings: Vec::new(),
            tenants: Vec::new(),
        };
        let gap = window(&[Day::Sun], "02:00", "03:00");
        let next = opening(zagreb, Some(&gap), std::slice::from_ref(&long), "2027-03-20T12:00:00Z");
        assert_eq!(opens(&next).as_deref(), Some("2027-03-28T01:00:00Z"), "03:00 in summer time");
        assert!(
            matches!(&next, Opening::At { why, .. } if why == "window sun 02:00 to 03:00 Europe/Zagreb"),
            "{next:?}"
        );
        assert_eq!(opening(zagreb, Some(&gap), &[], "2027-03-28T01:59:59Z"), Opening::Open);
        let lost = opening(zagreb, Some(&gap), &[], "2027-03-28T02:00:00Z");
        assert_eq!(opens(&lost).as_deref(), Some("2027-04-04T00:00:00Z"));
        // What is decided by both names both: the freeze is over at midnight, and then the window is closed.
        let saturday = window(&[Day::Sat], "10:00", "11:00");
        let frozen = opening(zagreb, Some(&saturday), &[long], "2027-03-27T12:00:00Z");
        assert!(matches!(&frozen, Opening::At { why, .. } if why.starts_with("window sat")), "{frozen:?}");
    }

    #[test]
    fn a_window_that_begins_in_a_skipped_hour_opens_at_its_end_and_is_open_from_then() {
        let early = window(&[Day::Sun], "02:30", "06:00");
        let next = opening("Europe/Zagreb", Some(&early), &[], "2027-03-27T12:00:00Z");
        assert_eq!(opens(&next).as_deref(), Some("2027-03-28T01:00:00Z"), "03:00 in summer time");
        assert_eq!(opening("Europe/Zagreb", Some(&early), &[], "2027-03-28T01:00:00Z"), Opening::Open);
        let late = window(&[Day::Sat], "22:00", "02:30");
        assert_eq!(opening("Europe/Zagreb", Some(&late), &[], "2027-03-28T00:59:59Z"), Opening::Open);
        assert_ne!(opening("Europe/Zagreb", Some(&late), &[], "2027-03-28T01:00:00Z"), Opening::Open);
    }

    #[test]
    fn of_hours_that_exist_twice_the_first_count() {
        let twice = window(&[Day::Sun], "02:00", "02:30");
        let next = opening("Europe/Zagreb", Some(&twice), &[], "2027-10-30T12:00:00Z");
        assert_eq!(opens(&next).as_deref(), Some("2027-10-31T00:00:00Z"), "02:00 in summer time");
        assert_eq!(opening("Europe/Zagreb", Some(&twice), &[], "2027-10-31T00:29:59Z"), Opening::Open);
        let second = opening("Europe/Zagreb", Some(&twice), &[], "2027-10-31T01:00:00Z");
        assert_eq!(opens(&second).as_deref(), Some("2027-11-07T01:00:00Z"), "02:00 in winter time was the second");
    }

    /// Whenever a calendar names an opening, the tenant may change then and not a second before.
    #[test]
    fn an_opening_is_the_first_moment_at_which_it_is_open() {
        let zones = ["Europe/Zagreb", "America/Sao_Paulo", "Australia/Lord_Howe", "Asia/Tokyo", "Africa/Cairo"];
        let hours = ["00:00", "00:30", "01:45", "02:00", "02:30", "03:00", "23:30"];
        for zone in zones {
            for (from, to) in hours.iter().flat_map(|from| hours.iter().map(move |to| (*from, *to))) {
                if from == to {
                    continue;
                }
                let window = window(&[], from, to);
                let mut now = at("2018-01-01T00:00:00Z");
                for _ in 0..120 {
                    now = now.checked_add(SignedDuration::from_mins(3 * 24 * 60 + 97)).unwrap();
                    let calendar =
                        Calendar { zone: TimeZone::get(zone).unwrap(), window: Some(&window), freezes: Vec::new() };
                    let Opening::At { at, .. } = calendar.opening(now) else { continue };
                    assert_eq!(calendar.opening(at), Opening::Open, "{zone} {from} {to} {now} {at}");
                    let before = at.checked_sub(SignedDuration::from_secs(1)).unwrap();
                    assert_ne!(calendar.opening(before.max(now)), Opening::Open, "{zone} {from} {to} {now} {at}");
                }
            }
        }
    }

    #[test]
    fn a_share_of_a_ring_is_at_least_one_tenant() {
        for (share, tenants, expected) in [
            (Share::Percent(10), 3, 1),
            (Share::Percent(50), 3, 2),
            (Share::Percent(100), 3, 3),
            (Share::Count(1), 3, 1),
            (Share::Count(9), 3, 3),
            (Share::Percent(10), 0, 0),
        ] {
            assert_eq!(share.of(tenants), expected, "{share:?} of {tenants}");
        }
        let read = |text: &str| serde_json::from_str::<Share>(text);
        assert_eq!((read("3").unwrap(), read("\"25%\"").unwrap()), (Share::Count(3), Share::Percent(25)));
        assert!(read("\"many\"").is_err() && read("-1").is_err());
    }

    #[test]
    fn a_duration_has_a_unit() {
        assert_eq!(duration("90m"), Some(SignedDuration::from_mins(90)));
        for text in ["", "5", "m", "99999999999999999999d", "5w"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }
}
