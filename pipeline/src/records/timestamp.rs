//! Zeek's times: seconds since 1970 as a number, or ISO 8601 text.

/// A moment, to the microsecond, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp {
    pub seconds: i64,
    pub micros: u32,
}

const DAY: i64 = 86_400;

impl Timestamp {
    /// Reads the raw JSON of a time: `1700000000.123456`, `1700000000123` (whole milliseconds, microseconds and
    /// nanoseconds are told by their size), `"2023-11-14T22:13:20.123456Z"` (UTC if it has no zone).
    pub fn parse(raw: &str) -> Option<Self> {
        match raw.strip_prefix('"') {
            Some(text) => {
                let text = text.strip_suffix('"')?;
                let is_number = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
                if is_number { Self::parse_number(text) } else { Self::parse_text(text) }
            }
            None => Self::parse_number(raw),
        }
    }

    /// A whole number that is too large for seconds: they would be after the year 5000.
    fn parse_fine(whole: &str) -> Option<Self> {
        let value: i64 = whole.parse().ok()?;
        match value {
            ..=99_999_999_999 => None,
            100_000_000_000..=99_999_999_999_999 => Some(Self::from_micros(value * 1000)),
            100_000_000_000_000..=99_999_999_999_999_999 => Some(Self::from_micros(value)),
            100_000_000_000_000_000.. => Some(Self::from_micros(value / 1000)),
        }
    }

    fn parse_number(raw: &str) -> Option<Self> {
        let (whole, fraction) = raw.split_once('.').unwrap_or((raw, ""));
        let plain = !whole.is_empty() && whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit());
        if !plain {
            return Self::parse_float(raw);
        }
        if fraction.is_empty()
            && let Some(fine) = Self::parse_fine(whole)
        {
            return Some(fine);
        }
        let digits = fraction.get(..6).unwrap_or(fraction);
        let missing = u32::try_from(6 - digits.len()).ok()?;
        let micros = if digits.is_empty() { 0 } else { digits.parse::<u32>().ok()? };
        Some(Self { seconds: whole.parse().ok()?, micros: micros * 10_u32.pow(missing) })
    }

    /// With a sign or an exponent.
    fn parse_float(raw: &str) -> Option<Self> {
        let value: f64 = raw.parse().ok()?;
        let micros = (value * 1e6).round();
        // Beyond this a float has no microseconds, and the calendar no years of four digits.
        if !micros.is_finite() || micros.abs() > 2.5e17 {
            return None;
        }
        #[expect(clippy::cast_possible_truncation, reason = "bounded just above")]
        Some(Self::from_micros(micros as i64))
    }

    /// `2023-11-14T22:13:20.123456Z`, as Zeek writes it, and nothing else.
    fn parse_zeeks(text: &str) -> Option<Self> {
        let bytes: &[u8; 27] = text.as_bytes().try_into().ok()?;
        let [.., b'Z'] = bytes else { return None };
        let separators = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (19, b'.')];
        if separators.iter().any(|(at, separator)| bytes.get(*at) != Some(separator)) {
            return None;
        }
        let number = |from: usize, to: usize| {
            let digits = bytes.get(from..to)?;
            digits.iter().try_fold(0, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0')))
        };
        let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
        let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
        // The last days of months and leap seconds are left to the calendar.
        if !(1..=12).contains(&month) || !(1..=28).contains(&day) || hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let seconds = days(year, month, day) * DAY + hour * 3600 + minute * 60 + second;
        Some(Self { seconds, micros: u32::try_from(number(20, 26)?).ok()? })
    }

    fn parse_text(text: &str) -> Option<Self> {
        if let Some(moment) = Self::parse_zeeks(text) {
            return Some(moment);
        }
        let moment = match text.parse::<jiff::Timestamp>() {
            Ok(moment) => moment,
            Err(_) => jiff::tz::Offset::UTC.to_timestamp(text.parse::<jiff::civil::DateTime>().ok()?).ok()?,
        };
        Some(Self::from_micros(moment.as_microsecond()))
    }

    fn from_micros(micros: i64) -> Self {
        Self {
            seconds: micros.div_euclid(1_000_000),
            micros: u32::try_from(micros.rem_euclid(1_000_000)).unwrap_or_default(),
        }
    }

    /// Hour of the day.
    pub fn hour(self) -> i64 {
        self.seconds.rem_euclid(DAY) / 3600
    }

    /// Days since 1970.
    pub fn day(self) -> i64 {
        self.seconds.div_euclid(DAY)
    }

    /// Appends `2023-11-14T22:13:20.123456Z`.
    pub fn write_iso(self, out: &mut Vec<u8>) {
        write_date(self.day(), b'-', out);
        let second = self.seconds.rem_euclid(DAY);
        let micros = i64::from(self.micros);
        let [[a, b], [c, d], [e, f]] = [second / 3600, second / 60 % 60, second % 60].map(two_digits);
        let [[g, h], [i, j], [k, l]] = [micros / 10_000, micros / 100 % 100, micros % 100].map(two_digits);
        out.extend_from_slice(&[b'T', a, b, b':', c, d, b':', e, f, b'.', g, h, i, j, k, l, b'Z']);
    }
}

impl std::fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = Vec::new();
        self.write_iso(&mut text);
        formatter.write_str(&String::from_utf8_lossy(&text))
    }
}

/// Days since 1970 of a date (Howard Hinnant, "chrono-compatible low-level date algorithms").
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year - era * 400;
    let month_from_march = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Appends the date of a day since 1970 (Howard Hinnant, "chrono-compatible low-level date algorithms").
pub fn write_date(day: i64, separator: u8, out: &mut Vec<u8>) {
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let [[a, b], [c, d], [e, f], [g, h]] = [year / 100, year % 100, month, day_of_month].map(two_digits);
    out.extend_from_slice(&[a, b, c, d, separator, e, f, separator, g, h]);
}

fn two_digits(value: i64) -> [u8; 2] {
    [value / 10, value].map(|value| b'0' + u8::try_from(value.rem_euclid(10)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn iso(raw: &str) -> Option<String> {
        let mut out = Vec::new();
        Timestamp::parse(raw)?.write_iso(&mut out);
        Some(String::from_utf8(out).unwrap())
    }

    #[test]
    fn times_of_every_form_are_read() {
        for raw in [
            "1700000000.5",
            "1700000000.5000009",
            "1.7000000005e9",
            "\"2023-11-14T22:13:20.5Z\"",
            "\"2023-11-14T23:13:20.5+01:00\"",
            "\"2023-11-14T23:13:20.500000+0100\"",
            "\"2023-11-14T22:13:20.5\"",
            "\"2023-11-14 22:13:20.5\"",
            "\"1700000000.5\"",
            "1700000000500",
            "1700000000500000",
            "1700000000500000000",
        ] {
            assert_eq!(iso(raw).as_deref(), Some("2023-11-14T22:13:20.500000Z"), "{raw}");
        }
        assert_eq!(iso("-1").as_deref(), Some("1969-12-31T23:59:59.000000Z"));
        for raw in ["", "\"\"", "null", "\"-\"", "1e300", "99999999999999999999", "\"2023", "\"today\"", "\".\""] {
            assert_eq!(iso(raw), None, "{raw}");
        }
    }

    proptest! {
        #[test]
        fn dates_are_those_of_the_calendar(seconds in 0i64..253_402_300_799) {
            let expected = jiff::Timestamp::from_second(seconds).unwrap().to_string();
            let mut out = Vec::new();
            Timestamp { seconds, micros: 0 }.write_iso(&mut out);
            let text = String::from_utf8(out).unwrap();
            prop_assert_eq!(text.replace(".000000", ""), expected);
            prop_assert_eq!(Timestamp::parse(&format!("\"{text}\"")), Some(Timestamp { seconds, micros: 0 }));
        }
    }
}
