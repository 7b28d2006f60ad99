//! Names that collide: what an earlier stack retained still bears its name when the stack is made again.

use std::collections::BTreeMap;

use super::check::Site;
use super::needs::Name;
use super::snapshot::Measured;
use tenantry_base::finding::{Code, Finding};

/// What stands in the way of planned stacks that do not exist yet.
pub(super) fn check(site: &Site) -> Vec<Finding> {
    let Measured::Known(standing) = &site.snapshot.stacks else { return Vec::new() };
    let new = site.stacks.iter().filter(|stack| stack.planned && !standing.contains_key(&stack.name));
    let unseen = Measured::default();
    let mut found = Vec::new();
    let mut unknown: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for (stack, name) in new.flat_map(|stack| stack.needs.names.iter().map(move |name| (stack, name))) {
        let Name { resource_type, logical_id, name } = name;
        match site.snapshot.names.get(resource_type).unwrap_or(&unseen) {
            Measured::Known(taken) if taken.contains(name) => {
                let message =
                    format!("`{name}` ({resource_type}) already exists, so stack `{}` cannot make it", stack.name);
                let help = "import it into the stack, or delete it if its data is no longer needed";
                found.push(
                    Finding::new(Code::TN2402, message)
                        .with_tenant(&stack.tenant)
                        .with_resource(logical_id)
                        .with_help(help),
                );
            }
            Measured::Known(_) => {}
            Measured::Unknown(why) => unknown.entry((resource_type, why)).or_default().push(name),
        }
    }
    found.extend(unknown.into_iter().map(|((kind, why), names)| {
        let more = if names.len() > 1 { format!(" and {} more", names.len() - 1) } else { String::new() };
        let message = format!("whether `{}`{more} ({kind}) exists already is not known: {why}", names[0]);
        Finding::new(Code::TN2404, message)
    }));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capacity::check::Stack;
    use crate::capacity::needs::needs;
    use crate::capacity::snapshot::{Snapshot, Standing};
    use serde_json::json;

    fn codes(exists: bool, taken: Option<&[&str]>) -> Vec<&'static str> {
        let template = json!({ "Resources": {
            "Landing": { "Type": "AWS::S3::Bucket", "Properties": { "BucketName": "landing" } },
            "Nameless": { "Type": "AWS::S3::Bucket" },
        } });
        let stack =
            Stack { tenant: "acme".to_owned(), name: "acme".to_owned(), needs: needs(&template).into(), planned: true };
        let standing = exists.then(|| ("acme".to_owned(), Standing::AsDesired));
        let mut snapshot = Snapshot { stacks: Measured::Known(standing.into_iter().collect()), ..Snapshot::default() };
        if let Some(taken) = taken {
            let names = taken.iter().map(|name| (*name).to_owned()).collect();
            snapshot.names.insert("AWS::S3::Bucket", Measured::Known(names));
        }
        check(&Site { stacks: vec![stack], snapshot }).iter().map(|finding| finding.code.as_str()).collect()
    }

    #[test]
    fn a_name_left_behind_stops_a_new_stack_and_no_old_one() {
        assert_eq!(codes(false, Some(&["landing", "other"])), ["TN2402"]);
        assert_eq!(codes(false, Some(&["other"])), [""; 0]);
        assert_eq!(codes(true, Some(&["landing"])), [""; 0]);
        assert_eq!(codes(false, None), ["TN2404"]);
    }
}
