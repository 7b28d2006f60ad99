//! How long each kind of change took, which changes of a run are through, and how long is left by what earlier runs took.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use super::Plan;
use super::events::{Event, Outcome, What};
use super::journal::{Record, Run};
use tenantry_aws::cloud::Place;

/// Seconds by kind of change: `CREATE AWS::EC2::NatGateway`.
pub type Durations = BTreeMap<String, u64>;

/// A tenant's stack.
pub type Key = (String, Place);

/// Changes that are quicker say nothing of when a stack is done, and no journal keeps them.
const SHORTEST: u64 = 10;

/// What took long in earlier runs: of each kind, the longest of the last run that had it.
pub fn earlier(runs: &[Run]) -> Durations {
    let of_run = |run: &Run| {
        let mut longest = Durations::new();
        for entry in &run.entries {
            if let Record::Ended { seconds, outcome: Outcome::Done, .. } = &entry.record {
                for (kind, seconds) in seconds {
                    keep_longest(&mut longest, kind.clone(), *seconds);
                }
            }
        }
        longest
    };
    runs.iter().flat_map(of_run).collect()
}

fn keep_longest(longest: &mut Durations, kind: String, seconds: u64) {
    let kept = longest.entry(kind).or_default();
    *kept = seconds.max(*kept);
}

/// Seconds from one time to another, both since 1970.
fn between(begun: i64, ended: i64) -> u64 {
    u64::try_from(ended.saturating_sub(begun)).unwrap_or(0)
}

/// Whether a resource's change has come to its end: not one that is undone, nor a physical resource that goes afterwards.
fn is_through(status: &str) -> bool {
    status.ends_with("_COMPLETE") && !status.contains("ROLLBACK") && !status.contains("CLEANUP")
}

/// Takes the time of every change, as CloudFormation's events tell it.
#[derive(Debug, Default)]
pub struct Stopwatch {
    begun: HashMap<(Key, String), i64>,
    took: HashMap<Key, Durations>,
}

impl Stopwatch {
    /// Takes an event; of one that ends a stack, what took long in it.
    pub fn take(&mut self, event: &Event) -> Durations {
        let key = (event.tenant.clone(), event.place.clone());
        match &event.what {
            What::Resource { logical_id, resource_type, status, time, .. } => {
                let resource = (key.clone(), logical_id.clone());
                if !is_through(status) {
                    self.begun.entry(resource).or_insert(*time);
                } else if let Some(begun) = self.begun.remove(&resource) {
                    let seconds = between(begun, *time);
                    if let Some((action, _)) = status.split_once('_').filter(|_| seconds >= SHORTEST) {
                        keep_longest(self.took.entry(key).or_default(), format!("{action} {resource_type}"), seconds);
                    }
                }
                Durations::new()
            }
            What::Ended { .. } => self.took.remove(&key).unwrap_or_default(),
            _ => Durations::new(),
        }
    }
}

/// The changes that a plan makes, and which of them are through.
#[derive(Debug, Default)]
pub struct Clock {
    stacks: HashMap<Key, Stack>,
    earlier: Durations,
}

#[derive(Debug, Default)]
struct Stack {
    /// How many resources change.
    of: usize,
    /// Those that are not through yet, by logical id.
    open: HashMap<String, Open>,
}

#[derive(Debug)]
struct Open {
    kind: String,
    /// Seconds since 1970.
    begun: Option<i64>,
}

impl Clock {
    /// Of every change of a plan, with what changes took earlier.
    pub fn new(plan: &Plan, earlier: Durations) -> Self {
        let mut clock = Self { earlier, ..Self::default() };
        for stack in plan.work() {
            let kinds = stack.action.changes().iter().map(|change| {
                let action = match change.action.as_str() {
                    "Add" => "CREATE",
                    "Import" => "IMPORT",
                    "Remove" => "DELETE",
                    _ => "UPDATE",
                };
                (change.logical_id.clone(), format!("{action} {}", change.resource_type))
            });
            clock.add((stack.tenant.clone(), stack.place.clone()), kinds);
        }
        clock
    }

    fn add(&mut self, key: Key, kinds: impl Iterator<Item = (String, String)>) {
        let open: HashMap<_, _> = kinds.map(|(id, kind)| (id, Open { kind, begun: None })).collect();
        self.stacks.insert(key, Stack { of: open.len(), open });
    }

    /// Takes what an event says.
    pub fn take(&mut self, event: &Event) {
        let Some(stack) = self.stacks.get_mut(&(event.tenant.clone(), event.place.clone())) else { return };
        match &event.what {
            What::Resource { logical_id, status, .. } if is_through(status) => {
                stack.open.remove(logical_id);
            }
            What::Resource { logical_id, time, .. } => {
                if let Some(open) = stack.open.get_mut(logical_id) {
                    open.begun.get_or_insert(*time);
                }
            }
            // Events are read now and then: the last of them may not have come.
            What::Ended { outcome } if outcome.is_success() => stack.open.clear(),
            _ => {}
        }
    }

    /// Resources that change, of all stacks.
    pub fn resources(&self) -> usize {
        self.stacks.values().map(|stack| stack.of).sum()
    }

    /// Those of them that are through.
    pub fn through(&self) -> usize {
        self.stacks.values().map(|stack| stack.of - stack.open.len()).sum()
    }

    /// How many resources of a stack are through, of how many.
    pub fn of_stack(&self, key: &Key) -> (usize, usize) {
        self.stacks.get(key).map_or((0, 0), |stack| (stack.of - stack.open.len(), stack.of))
    }

    /// How long is left at `now` (seconds since 1970) where `concurrency` stacks of an account and region change at a
    /// time, by what changes of these kinds took earlier. None where no earlier run says anything of what is left.
    pub fn left(&self, concurrency: usize, now: i64) -> Option<Duration> {
        let mut left: HashMap<&Place, Vec<u64>> = HashMap::new();
        for ((_, place), stack) in &self.stacks {
            // A stack's resources wait for each other; the slowest of them is nearly all of its time.
            if let Some(longest) = stack.open.values().filter_map(|open| self.left_of(open, now)).max() {
                left.entry(place).or_default().push(longest);
            }
        }
        let at_a_time = u64::try_from(concurrency).unwrap_or(u64::MAX).max(1);
        let of_place = |left: &Vec<u64>| left.iter().copied().max().max(Some(left.iter().sum::<u64>() / at_a_time));
        left.values().filter_map(of_place).max().map(Duration::from_secs)
    }

    fn left_of(&self, open: &Open, now: i64) -> Option<u64> {
        let earlier = *self.earlier.get(&open.kind)?;
        let since = open.begun.map_or(0, |begun| between(begun, now));
        // What takes longer than it did is not done before it is.
        Some(earlier.saturating_sub(since).max(earlier / 10))
    }
}

#[cfg(test)]
mod tests {
    use super::super::journal::Entry;
    use super::*;

    const DOMAIN: &str = "AWS::OpenSearchService::Domain";
    const QUEUE: &str = "AWS::SQS::Queue";

    fn key(tenant: &str) -> Key {
        (tenant.to_owned(), serde_json::from_str(r#"{"account":"111122223333","region":"eu-west-1"}"#).unwrap())
    }

    /// Of two tenants, which create a domain and a queue each.
    fn clock(earlier: Durations) -> Clock {
        let mut clock = Clock { earlier, ..Clock::default() };
        for tenant in ["acme", "bolt"] {
            let kinds = [("Domain", DOMAIN), ("Queue", QUEUE)];
            clock.add(key(tenant), kinds.into_iter().map(|(id, kind)| (id.to_owned(), format!("CREATE {kind}"))));
        }
        clock
    }

    fn event(tenant: &str, what: What) -> Event {
        let (tenant, place) = key(tenant);
        Event { tenant, place, what }
    }

    fn resource(tenant: &str, id: &str, status: &str, time: i64) -> Event {
        let resource_type = if id == "Domain" { DOMAIN } else { QUEUE }.to_owned();
        let (logical_id, status) = (id.to_owned(), status.to_owned());
        event(tenant, What::Resource { logical_id, resource_type, status, reason: None, time })
    }

    #[test]
    fn resources_count_once_when_they_are_through_and_all_of_a_stack_that_is_done() {
        let mut clock = clock(Durations::new());
        let mut take = |event: Event| {
            clock.take(&event);
            clock.through()
        };
        assert_eq!(take(resource("acme", "Domain", "CREATE_IN_PROGRESS", 0)), 0);
        assert_eq!(take(resource("acme", "Domain", "CREATE_COMPLETE", 1)), 1);
        assert_eq!(take(resource("acme", "Domain", "CREATE_COMPLETE", 1)), 1);
        assert_eq!(take(resource("acme", "org-acme", "CREATE_COMPLETE", 1)), 1);
        assert_eq!(take(resource("acme", "Queue", "UPDATE_ROLLBACK_COMPLETE", 1)), 1);
        assert_eq!(take(resource("bolt", "Domain", "DELETE_COMPLETE", 1)), 2);
        assert_eq!(take(event("bolt", What::Ended { outcome: Outcome::Done })), 3);
        assert_eq!(take(event("acme", What::Ended { outcome: Outcome::NotStarted })), 3);
        assert_eq!((clock.of_stack(&key("acme")), clock.resources()), ((1, 2), 4));
    }

    #[test]
    fn what_took_long_is_kept_by_kind_and_says_how_long_is_left_the_next_time() {
        let mut watch = Stopwatch::default();
        for (id, status, time) in [
            ("Domain", "CREATE_IN_PROGRESS", 1000),
            ("Queue", "CREATE_IN_PROGRESS", 1000),
            ("Queue", "CREATE_COMPLETE", 1003),
            ("Domain", "CREATE_IN_PROGRESS", 1600),
            ("Domain", "CREATE_COMPLETE", 2200),
        ] {
            assert_eq!(watch.take(&resource("acme", id, status, time)), Durations::new());
        }
        let seconds = watch.take(&event("acme", What::Ended { outcome: Outcome::Done }));
        assert_eq!(seconds, Durations::from([(format!("CREATE {DOMAIN}"), 1200)]));

        let (tenant, place) = key("acme");
        let record = Record::Ended { tenant, place, outcome: Outcome::Done, seconds };
        let run = Run { run: "1".to_owned(), entries: vec![Entry { at: String::new(), record }] };
        let mut next = clock(earlier(&[run]));
        let minutes = |clock: &Clock, concurrency, now| clock.left(concurrency, now).map(|left| left.as_secs() / 60);
        assert_eq!(minutes(&next, 2, 5000), Some(20), "both at once");
        assert_eq!(minutes(&next, 1, 5000), Some(40), "one after the other");
        next.take(&resource("acme", "Domain", "CREATE_IN_PROGRESS", 5000));
        assert_eq!(minutes(&next, 1, 5600), Some(30));
        assert_eq!(minutes(&next, 1, 9000), Some(22), "late, and not done");
        next.take(&resource("acme", "Domain", "CREATE_COMPLETE", 9000));
        next.take(&event("bolt", What::Ended { outcome: Outcome::Done }));
        assert_eq!(minutes(&next, 1, 9000), None);
        assert_eq!(minutes(&clock(Durations::new()), 1, 5000), None, "no earlier run says anything");
    }
}
