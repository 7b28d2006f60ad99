//! Stacks of the estate that git does not name, as text.

use super::cost::usd;
use super::groups::counted;
use tenantry_aws::cloud::Place;
use tenantry_ops::survey::orphans::{Monthly, Orphan, Orphans, Reason};

/// A paragraph for each orphan, what could not be read, and a line that counts; empty where there is neither.
pub fn text(orphans: &Orphans) -> String {
    text_by(orphans, Names::Git)
}

/// The same for stacks that a release does not name: it leaves them as they are.
pub fn of_release(orphans: &Orphans, release: &str) -> String {
    text_by(orphans, Names::Release(release))
}

/// What names the tenants and their places.
#[derive(Clone, Copy)]
enum Names<'a> {
    Git,
    Release(&'a str),
}

impl Names<'_> {
    fn text(self) -> String {
        match self {
            Self::Git => "git".to_owned(),
            Self::Release(release) => format!("release {release}"),
        }
    }
}

fn text_by(orphans: &Orphans, names: Names<'_>) -> String {
    let by = names.text();
    let mut out: String = orphans.stacks.iter().map(|orphan| one(orphan, names)).collect();
    let places: Vec<String> = orphans.unread.iter().filter_map(|unread| unread.place.as_ref()).map(named).collect();
    if let Some(first) = orphans.unread.iter().find(|unread| unread.place.is_some()) {
        let many = counted(places.len(), "place");
        let shown = places.iter().take(MOST_PLACES).cloned().collect::<Vec<_>>().join(", ");
        let more = if places.len() > MOST_PLACES { ", …" } else { "" };
        let why = first.why.lines().next().unwrap_or_default();
        out.push_str(&format!("? stacks that {by} does not name are unknown in {many} ({shown}{more}): {why}\n"));
    }
    for unread in orphans.unread.iter().filter(|unread| unread.place.is_none()) {
        let why = unread.why.lines().next().unwrap_or_default();
        out.push_str(&format!("? the accounts and regions of before are unknown: {why}\n"));
    }
    let is_orphan = |orphan: &&Orphan| !matches!(orphan.reason, Reason::Moving { .. });
    let count = orphans.stacks.iter().filter(is_orphan).count();
    if count > 0 {
        out.push_str(&format!("{} not named by {by}, {}\n", counted(count, "stack"), sum(&orphans.stacks)));
    }
    out
}

/// Places that are named one by one.
const MOST_PLACES: usize = 3;

fn named(place: &Place) -> String {
    format!("{} in {}", place.account, place.region)
}

/// Why something, such as `git`, does not name a stack where it is.
pub fn reason(orphan: &Orphan, by: &str) -> String {
    let tenant = &orphan.tenant;
    match &orphan.reason {
        Reason::NotInGit => format!("{by} has no tenant `{tenant}`"),
        Reason::Elsewhere { place } => format!("{by} places `{tenant}` in {} in {}", place.account, place.region),
        Reason::Moving { place } => format!("`{tenant}` moves to {} in {}", place.account, place.region),
        Reason::PlaceNotInFleet => "the fleet no longer has this account and region".to_owned(),
    }
}

fn one(orphan: &Orphan, names: Names<'_>) -> String {
    let Orphan { tenant, place, stack, status, .. } = orphan;
    let place = named(place);
    let release = orphan.release.as_ref().map(|release| format!(", release {release}")).unwrap_or_default();
    let by = names.text();
    let kind = if matches!(orphan.reason, Reason::Moving { .. }) { "moving" } else { "orphaned" };
    let why = reason(orphan, &by);
    let empty = if status == "REVIEW_IN_PROGRESS" { ", an empty stack that a plan left" } else { "" };
    let (kind, help) = match names {
        Names::Git => {
            let Place { account, region } = &orphan.place;
            (kind, format!("  help: `tenantry destroy {tenant} --account {account} --region {region}` offboards it\n"))
        }
        // Git may well name it: whether it goes is not for a release to say.
        Names::Release(_) => ("not touched", "  help: `tenantry status` shows whether git names it\n".to_owned()),
    };
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
    use tenantry_aws::cloud::Access;
    use tenantry_checks::cost::{Load, Total};
    use tenantry_ops::survey::orphans::Unread;

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
        let (bolt, _) = orphans.stacks.split_at(1);
        let one = Orphans { stacks: bolt.to_vec(), unread: Vec::new() };
        insta::assert_snapshot!(of_release(&one, "v2"), @"
        not touched: org-bolt (111122223333 in eu-west-1): CREATE_COMPLETE, release v3, 494.50 USD a month; release v2 has no tenant `bolt`
          help: `tenantry status` shows whether git names it
        1 stack not named by release v2, 494.50 USD a month
        ");
    }
}
