//! Why a stack failed: the first failure among its events, and the likely remedy.

use tenantry_aws::cloud::stack_events::Event;

/// The event that everything else followed from: the first failure that is not the cancelling of others.
pub(super) fn first(events: &[Event]) -> Option<&Event> {
    let failed = |event: &&Event| event.status.ends_with("_FAILED");
    let cancelled = |event: &&Event| event.reason.as_deref().is_some_and(|reason| reason.contains("cancelled"));
    events.iter().filter(failed).find(|event| !cancelled(event)).or_else(|| events.iter().find(failed))
}

/// Why a stack was rolled back where no resource failed: an alarm went off, or somebody cancelled the update.
pub(super) fn rolled_back(events: &[Event]) -> Option<&str> {
    let begun = events.iter().find(|event| event.status.ends_with("ROLLBACK_IN_PROGRESS"));
    begun.and_then(|event| event.reason.as_deref())
}

/// What probably helps, by what AWS says in such cases.
pub(super) fn remedy(reason: &str) -> Option<&'static str> {
    const KNOWN: [(&[&str], &str); 7] = [
        (
            &["already exists", "AlreadyExists", "AlreadyOwnedByYou"],
            "a resource of that name is left from before (retained data?): remove or import it, then deploy again",
        ),
        (
            &["LimitExceeded", "limit", "quota"],
            "a quota is exhausted: `tenantry plan` names it; ask for more, then deploy again",
        ),
        (&["AccessDenied", "not authorized"], "the deploying role lacks a permission: run `tenantry bootstrap`"),
        (
            &["NoSuchKey", "NoSuchBucket"],
            "an artifact is missing in the artifacts bucket: run `tenantry bootstrap`, then deploy again",
        ),
        (
            &["rollback trigger", "entered ALARM", "ALARM state"],
            "one of the tenant's alarms is in ALARM: fix its cause, or deploy with `--ignore-alarms`",
        ),
        (
            &["DependencyViolation", "has a dependent object", "in use"],
            "something that no template declares still uses it: `tenantry drift` names it",
        ),
        (&["Throttl", "Rate exceeded"], "AWS throttled: deploy again, with a lower --concurrency"),
    ];
    KNOWN.iter().find(|(words, _)| words.iter().any(|word| reason.contains(word))).map(|(_, remedy)| *remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(logical_id: &str, status: &str, reason: &str) -> Event {
        Event {
            id: logical_id.to_owned(),
            logical_id: logical_id.to_owned(),
            physical_id: None,
            resource_type: "T".to_owned(),
            status: status.to_owned(),
            reason: Some(reason.to_owned()),
            time: 0,
            token: None,
        }
    }

    #[test]
    fn the_first_failure_is_not_one_of_the_cancelled() {
        let events = [
            event("A", "CREATE_IN_PROGRESS", ""),
            event("B", "CREATE_FAILED", "Resource creation cancelled"),
            event("C", "CREATE_FAILED", "the bucket already exists"),
            event("D", "DELETE_FAILED", "later"),
        ];
        assert_eq!(first(&events).map(|event| event.logical_id.as_str()), Some("C"));
        let back =
            [event("s", "UPDATE_IN_PROGRESS", "User Initiated"), event("s", "UPDATE_ROLLBACK_IN_PROGRESS", "alarm")];
        assert_eq!((first(&back), rolled_back(&back)), (None, Some("alarm")));
        assert!(remedy("the bucket already exists").is_some_and(|text| text.contains("import")));
        assert_eq!(remedy("something else"), None);
    }
}
