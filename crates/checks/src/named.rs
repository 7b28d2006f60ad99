//! What a blueprint names by logical ID (`watch`, `redrive`, `rejects`) must stand in the templates (TN4019). A name that no
//! template has would be no guard, or a gate that is never passed, and only a deploy would show it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tenantry_base::finding::{Code, Finding, Source, nearest};
use tenantry_blueprint::Blueprint;
use tenantry_template::render::RenderedTenant;

use crate::handbook::is_alarm;

/// Names that no template has, or whose resource is of another type. What no tenant has now may stand in the texts of the templates
/// for another shape.
pub fn check(blueprint: &Blueprint, templates: &[Arc<Source>], rendered: &[RenderedTenant<'_>]) -> Vec<Finding> {
    if rendered.is_empty() {
        return Vec::new();
    }
    let mut types: BTreeMap<String, String> = BTreeMap::new();
    let mut forms = BTreeSet::new();
    for one in rendered.iter().filter(|one| forms.insert(Arc::as_ptr(&one.template.form))) {
        let resources = one.template.form.tree["Resources"].as_object().into_iter().flatten();
        let kinds = resources.filter_map(|(id, resource)| Some((id.clone(), resource["Type"].as_str()?.to_owned())));
        types.extend(kinds);
    }
    let stands = |id: &str| templates.iter().any(|source| source.text.contains(id));
    let wanted = wanted(blueprint).into_iter().filter(|(_, id, _)| types.contains_key(*id) || !stands(id));
    wanted.filter_map(|(route, id, kind)| fault(blueprint, &types, &route, id, kind)).collect()
}

/// What a name may stand for.
#[derive(Clone, Copy)]
enum Kind {
    Alarm,
    Queue,
    Bucket,
}

/// Every name with its place in the blueprint.
fn wanted(blueprint: &Blueprint) -> Vec<(String, &str, Kind)> {
    let watch = &blueprint.watch;
    let listed = |route: &'static str| move |(index, id)| (format!("{route}.{index}"), id, Kind::Alarm);
    let triggers =
        watch.rollback_triggers.iter().map(String::as_str).enumerate().map(listed("watch.rollback_triggers"));
    let ignored = watch.ignored_alarms.iter().map(String::as_str).enumerate().map(listed("watch.ignored_alarms"));
    let composite = watch.composite.iter().map(|id| ("watch.composite".to_owned(), id.as_str(), Kind::Alarm));
    let queues = watch.queues.iter().map(|(name, id)| (format!("watch.queues.{name}"), id.as_str(), Kind::Queue));
    let redrive = blueprint.redrive.iter().flat_map(|(name, way)| {
        let queue = std::iter::once((format!("redrive.{name}.queue"), way.queue.as_str(), Kind::Queue));
        let targets = way.targets.iter().enumerate();
        queue.chain(
            targets.map(move |(index, id)| (format!("redrive.{name}.targets.{index}"), id.as_str(), Kind::Queue)),
        )
    });
    let rejects = blueprint.rejects.iter().flat_map(|rejects| {
        let bucket = ("rejects.bucket".to_owned(), rejects.bucket.as_str(), Kind::Bucket);
        [bucket, ("rejects.queue".to_owned(), rejects.queue.as_str(), Kind::Queue)]
    });
    triggers.chain(ignored).chain(composite).chain(queues).chain(redrive).chain(rejects).collect()
}

fn fault(
    blueprint: &Blueprint,
    types: &BTreeMap<String, String>,
    route: &str,
    id: &str,
    kind: Kind,
) -> Option<Finding> {
    let (what, fits): (_, fn(&str) -> bool) = match kind {
        Kind::Alarm => ("an alarm", is_alarm),
        Kind::Queue => ("a queue", |kind| kind == "AWS::SQS::Queue"),
        Kind::Bucket => ("a bucket", |kind| kind == "AWS::S3::Bucket"),
    };
    let message = match types.get(id) {
        Some(found) if fits(found) => return None,
        Some(found) => format!("`{id}` is of type {found}, not {what}"),
        None => {
            let near = nearest(id, types.iter().filter(|(_, kind)| fits(kind)).map(|(id, _)| id.as_str()));
            format!("`{id}` should be {what}, and is in no template{near}")
        }
    };
    Some(Finding::new(Code::TN4019, message).at(blueprint.place(route)))
}
