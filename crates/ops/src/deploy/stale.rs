//! Whether the baseline of a plan has moved.

use super::{Baseline, ByStack, Desired, Plan, StackPlan};

/// Why a plan no longer holds, a sentence each; empty when it does. Looks at git only: see [`moved`] for AWS.
pub fn against_estate(plan: &Plan, desired: &[Desired]) -> Vec<String> {
    if plan.offline {
        return vec!["the plan was made offline: it has no change sets".to_owned()];
    }
    let desired = ByStack::of(desired);
    let mut found = Vec::new();
    for stack in &plan.stacks {
        match desired.get(&stack.place, &stack.stack) {
            None => found.push(format!("tenant `{}` is gone from the estate", stack.tenant)),
            Some(desired) if desired.release != plan.release => {
                found.push(format!("the release is `{}`, the plan's is `{}`", desired.release, plan.release));
            }
            Some(desired) if desired.digest != stack.digest => {
                found.push(format!("the estate renders another template for tenant `{}`", stack.tenant));
            }
            Some(_) => {}
        }
    }
    found.dedup();
    found
}

/// What moved under one stack since the plan was made.
pub fn moved(stack: &StackPlan, now: &Baseline) -> Option<String> {
    let was = &stack.baseline;
    let said = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".to_owned());
    let (what, before, after) = if was.id.is_some() && was.id != now.id {
        ("id", said(&was.id), said(&now.id))
    } else if was.status != now.status {
        ("status", said(&was.status), said(&now.status))
    } else if was.digest != now.digest {
        ("digest", said(&was.digest), said(&now.digest))
    } else if was.release != now.release {
        ("release", said(&was.release), said(&now.release))
    } else if was.updated != now.updated {
        let seconds = |time: Option<i64>| time.map_or_else(|| "none".to_owned(), |time| time.to_string());
        ("last update", seconds(was.updated), seconds(now.updated))
    } else {
        return None;
    };
    Some(format!("stack `{}`: {what} was {before}, is {after}", stack.stack))
}
