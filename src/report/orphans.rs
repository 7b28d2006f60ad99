//! Stacks of the estate that git does not name, as text.

use super::cost::usd;
use super::groups::counted;
use crate::cloud::Place;
use crate::survey::orphans::{Monthly, Orphan, Orphans, Reason};

/// A paragraph for each orphan, what could not be read, and a line that counts; empty where there is neither.
pub fn text(orphans: &Orphans) -> String {
    let mut out: String = orphans.stacks.iter().map(one).collect();
    let places: Vec<String> = orphans.unread.iter().filter_map(|unread| unread.place.as_ref()).map(named).collect();
    if let Some(first) = orphans.unread.iter().find(|unread| unread.place.is_some()) {
        let many = counted(places.len(), "place");
        let shown = places.iter().take(MOST_PLACES).cloned().collect::<Vec<_>>().join(", ");
        let more = if places.len() > MOST_PLACES { ", …" } else { "" };
        let why = first.why.lines().next().unwrap_or_default();
        out.push_str(&format!("? stacks that git does not name are unknown in {many} ({shown}{more}): {why}\n"));
    }
    for unread in orphans.unread.iter().filter(|unread| unread.place.is_none()) {
        let why = unread.why.lines().next().unwrap_or_default();
        out.push_str(&format!("? the accounts and regions of before are unknown: {why}\n"));
    }
    let is_orphan = |orphan: &&Orphan| !matches!(orphan.reason, Reason::Moving { .. });
    let count = orphans.stacks.iter().filter(is_orphan).count();
    if count > 0 {
        out.push_str(&format!("{} not named by git, {}\n", counted(count, "stack"), sum(&orphans.stacks)));
    }
    out
}

/// Places that are named one by one.
const MOST_PLACES: usize = 3;

fn named(place: &Place) -> String {
    format!("{} in {}", place.account, place.region)
}

fn one(orphan: &Orphan) -> String {
    let Orphan { tenant, place, stack, status, .. } = orphan;
    let place = named(place);
    let release = orphan.release.as_ref().map(|release| format!(", release {release}")).unwrap_or_default();
    let (kind, why) = match &orphan.reason {
        Reason::NotInGit => ("orphaned", format!("git has no tenant `{tenant}`")),
        Reason::Elsewhere { place } => {
            ("orphaned", format!("git places `{tenant}` in {} in {}", place.account, place.region))
        }
        Reason::Moving { place } => ("moving", format!("`{tenant}` moves to {} in {}", place.account, place.region)),
        Reason::PlaceNotInFleet => ("orphaned", "the fleet no longer has this account and region".to_owned()),
    };
    let empty = if status == "REVIEW_IN_PROGRESS" { ", an empty stack that a plan left" } else { "" };
    let help = format!(
        "  help: `tenantry destroy {tenant} --account {} --region {}` offboards it\n",
        orphan.place.account, orphan.place.region
    );
    format!("{kind}: {stack} ({place}): {status}{empty}{release}, {}; {why}\n{help}", money(&orphan.monthly))
}

fn money(monthly: &Monthly) -> String {
    match monthly {
        Monthly::Known { total } => {
            let bound = if total.missing.is_empty() { "" } else { "at least " };
            format!("{bound}{} USD a month", usd(total.usd.expected))
        }
        Monthly::Unknown { why } => format!("cost unknown ({why})"),
    }
}

fn sum(orphans: &[Orphan]) -> String {
    let orphans = orphans.iter().filter(|orphan| !matches!(orphan.reason, Reason::Moving { .. }));
    let (mut usd_a_month, mut bound) = (0.0, "");
    for orphan in orphans {
        match &orphan.monthly {
            Monthly::Known { total } => {
                usd_a_month += total.usd.expected;
                if !total.missing.is_empty() {
                    bound = "at least ";
                }
            }
            Monthly::Unknown { .. } => bound = "at least ",
        }
    }
    format!("{bound}{} USD a month", usd(usd_a_month))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::Access;
    use crate::cost::{Load, Total};
    use crate::survey::orphans::Unread;

    #[test]
    fn orphans_are_named_with_their_place_their_cost_and_what_to_do() {
        let place = |region: &str| Place { account: "111122223333".parse().unwrap(), region: region.parse().unwrap() };
        let orphan = |tenant: &str, status: &str, reason, monthly| Orphan {
            tenant: tenant.to_owned(),
            place: place("eu-west-1"),
            stack: format!("org-{tenant}"),
            status: status.to_owned(),
            release: Some("v3".to_owned()),
            updated: 0,
            reason,
            monthly,
            access: Access::default(),
        };
        let known = |usd| Monthly::Known { total: Total { usd: Load::flat(usd), ..Total::default() } };
        let unknown = Monthly::Unknown { why: "denied".to_owned() };
        let moved = || place("us-east-1");
        let orphans = Orphans {
            stacks: vec![
                orphan("bolt", "CREATE_COMPLETE", Reason::NotInGit, known(494.5)),
                orphan("cube", "CREATE_COMPLETE", Reason::Elsewhere { place: moved() }, unknown),
                orphan("dune", "UPDATE_COMPLETE", Reason::Moving { place: moved() }, known(1000.0)),
                orphan("echo", "REVIEW_IN_PROGRESS", Reason::NotInGit, known(0.0)),
            ],
            unread: vec![Unread { place: Some(place("us-west-1")), why: "denied".to_owned() }],
        };
        insta::assert_snapshot!(text(&orphans), @"
        orphaned: org-bolt (111122223333 in eu-west-1): CREATE_COMPLETE, release v3, 494.50 USD a month; git has no tenant `bolt`
          help: `tenantry destroy bolt --account 111122223333 --region eu-west-1` offboards it
        orphaned: org-cube (111122223333 in eu-west-1): CREATE_COMPLETE, release v3, cost unknown (denied); git places `cube` in 111122223333 in us-east-1
          help: `tenantry destroy cube --account 111122223333 --region eu-west-1` offboards it
        moving: org-dune (111122223333 in eu-west-1): UPDATE_COMPLETE, release v3, 1,000.00 USD a month; `dune` moves to 111122223333 in us-east-1
          help: `tenantry destroy dune --account 111122223333 --region eu-west-1` offboards it
        orphaned: org-echo (111122223333 in eu-west-1): REVIEW_IN_PROGRESS, an empty stack that a plan left, release v3, 0.00 USD a month; git has no tenant `echo`
          help: `tenantry destroy echo --account 111122223333 --region eu-west-1` offboards it
        ? stacks that git does not name are unknown in 1 place (111122223333 in us-west-1): denied
        3 stacks not named by git, at least 494.50 USD a month
        ");
        assert_eq!(text(&Orphans::default()), "");
    }
}
