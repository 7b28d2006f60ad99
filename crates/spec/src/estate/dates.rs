//! What is right today and wrong on another day: certificates and revocation lists that end, freezes that are over.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::files::File;
use super::{Authority, Estate, RevocationList};
use tenantry_base::finding::{Code, Finding};

/// How long before its end an authority is reported as ending soon.
const SOON: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What the date says against an estate.
pub fn dated(estate: &Estate, now: Timestamp) -> Vec<Finding> {
    let mut findings = Vec::new();
    for tenant in estate.tenants.values() {
        for (path, file) in &tenant.files {
            let mut say = |code, message| {
                let finding = Finding::new(code, message).with_tenant(tenant.name.as_str());
                findings.push(finding.at(tenant.locate(path)));
            };
            match file {
                File::Authority(bundle) => authorities(&bundle.authorities, now, &mut say),
                File::Revocations(list) => revocations(list, now, &mut say),
                File::Any { .. } => {}
            }
        }
    }
    findings.extend(freezes(estate, now));
    findings
}

/// Authorities that have ended, end soon, or have not begun. One of a bundle may be any of these while another holds: that
/// is how an authority is replaced.
fn authorities(bundle: &[Authority], now: Timestamp, say: &mut impl FnMut(Code, String)) {
    let day = |second: i64| Timestamp::from_second(second).map(|at| at.strftime("%Y-%m-%d").to_string());
    let holds = |authority: &&Authority| (authority.valid.0..authority.valid.1).contains(&now.as_second());
    let some_holds = bundle.iter().any(|authority| holds(&authority));
    for authority in bundle {
        let ((from, to), name) = (authority.valid, &authority.subject);
        let (Ok(begins), Ok(ends)) = (day(from), day(to)) else { continue };
        let code = if some_holds { Code::TN1046 } else { Code::TN1045 };
        if to <= now.as_second() {
            say(code, format!("the certificate of authority {name} ended on {ends}"));
        } else if from > now.as_second() {
            say(code, format!("the certificate of authority {name} begins on {begins} only"));
        } else if now.checked_add(SOON).is_ok_and(|soon| to < soon.as_second()) {
            say(Code::TN1046, format!("the certificate of authority {name} ends on {ends}"));
        }
    }
}

/// Revocation lists whose authorities promised newer ones before now, and those whose signature cannot be checked here.
fn revocations(list: &RevocationList, now: Timestamp, say: &mut impl FnMut(Code, String)) {
    if let Some(algorithm) = &list.signature_unchecked {
        say(
            Code::TN1039,
            format!("the signature of the revocation list was not checked: its algorithm is {algorithm}"),
        );
    }
    let promised = list.next_update.filter(|time| *time < now.as_second());
    if let Some(promised) = promised.and_then(|time| Timestamp::from_second(time).ok()) {
        say(
            Code::TN1036,
            format!("the revocation list is out of date: its authority promised the next one by {promised}"),
        );
    }
}

/// Freezes that are over everywhere: they hold nothing any more.
fn freezes(estate: &Estate, now: Timestamp) -> Vec<Finding> {
    // Twelve hours behind UTC it is still the day before.
    let today = TimeZone::UTC.to_datetime(now).date();
    let over = estate.fleet.freezes.iter().enumerate().filter_map(|(index, freeze)| {
        let (_, to) = freeze.days().filter(|(_, to)| today.yesterday().is_ok_and(|yesterday| *to < yesterday))?;
        let message = format!("freeze `{}` was over on {to}", freeze.name);
        Some(Finding::new(Code::TN1047, message).at(estate.locate_in_fleet(&format!("freezes[{index}]"))))
    });
    over.collect()
}
