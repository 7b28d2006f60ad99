//! How a workload grows, and when something that it uses up is used up.

use std::str::FromStr;

/// Growth of the workload, compounding: 5 % a month.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Growth {
    /// Share by which it grows each period: 0.05.
    rate: f64,
    /// Length of the period, in days.
    days: f64,
}

/// Why a text says no growth.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no growth: write a rate above 0 and up to 1000 %, such as `5%/month` (day, week, month or year)")]
pub struct NoGrowth(String);

/// How far one looks ahead, in days.
const HORIZON: i32 = 3650;
const DAYS_OF_A_YEAR: f64 = 365.25;

impl FromStr for Growth {
    type Err = NoGrowth;

    fn from_str(text: &str) -> Result<Self, NoGrowth> {
        let no = || NoGrowth(text.to_owned());
        let (rate, period) = text.split_once('/').ok_or_else(no)?;
        let percent: f64 = rate.trim().strip_suffix('%').ok_or_else(no)?.trim().parse().map_err(|_| no())?;
        let days = match period.trim() {
            "day" => 1.0,
            "week" => 7.0,
            "month" => DAYS_OF_A_YEAR / 12.0,
            "year" => DAYS_OF_A_YEAR,
            _ => return Err(no()),
        };
        if percent.is_finite() && percent > 0.0 && percent <= 1000.0 {
            Ok(Self { rate: percent / 100.0, days })
        } else {
            Err(no())
        }
    }
}

impl Growth {
    /// How many times its present size the workload has after some days.
    pub fn factor(self, days: i32) -> f64 {
        (1.0 + self.rate).powf(f64::from(days) / self.days)
    }

    /// Days until something holds that, once it holds for a factor, holds for every greater one; None where that is ten
    /// years away or more.
    pub fn days_until(self, holds: impl Fn(f64) -> bool) -> Option<i32> {
        if !holds(self.factor(HORIZON)) {
            return None;
        }
        let (mut before, mut at) = (-1, HORIZON);
        while at - before > 1 {
            let middle = before + (at - before) / 2;
            if holds(self.factor(middle)) { at = middle } else { before = middle }
        }
        Some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_read_with_its_period_and_nothing_else_is() {
        let monthly: Growth = "5%/month".parse().unwrap();
        assert!((monthly.factor(365) - 1.05_f64.powi(12)).abs() < 0.01);
        assert!(" 2.5 % / week ".parse::<Growth>().is_ok());
        for text in
            ["", "5", "5%", "%/month", "-5%/month", "0%/month", "NaN%/month", "inf%/year", "5%/fortnight", "1e9%/day"]
        {
            assert!(text.parse::<Growth>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_day_is_the_first_on_which_it_holds() {
        let doubling: Growth = "100%/day".parse().unwrap();
        assert_eq!(doubling.days_until(|factor| factor >= 8.0), Some(3));
        assert_eq!(doubling.days_until(|factor| factor >= 1.0), Some(0));
        let slow: Growth = "0.1%/year".parse().unwrap();
        assert_eq!(slow.days_until(|factor| factor > 2.0), None);
    }
}
