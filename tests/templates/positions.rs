//! Flags in their positions: few tenants in which every pair of values of two structural flags occurs.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tenantry::deploy::change::delivers_flags_only;
use tenantry::embedded;
use tenantry::estate::{Estate, Tenant};
use tenantry::flags::{Catalogue, Reads, Values};
use tenantry::policy::{Checker, Owner, Stack};
use tenantry::render::difference::difference;

use super::estate;

type Axis = (String, Vec<Value>);
/// One value of one axis and one of another, by their indices.
type Pair = ((usize, usize), (usize, usize));

/// Rows of one value per axis, such that every two values of every two axes stand in one of them. Each row starts with
/// a pair that none has yet and takes of each further axis the value that brings the most new pairs.
fn pairwise(axes: &[Axis]) -> Vec<Values> {
    let mut open: BTreeSet<Pair> = BTreeSet::new();
    for (one, (_, ones)) in axes.iter().enumerate() {
        for (other, (_, others)) in axes.iter().enumerate().skip(one + 1) {
            open.extend((0..ones.len()).flat_map(|a| (0..others.len()).map(move |b| ((one, a), (other, b)))));
        }
    }
    let mut rows = Vec::new();
    while let Some(&(first, second)) = open.iter().next() {
        let mut row = vec![None; axes.len()];
        (row[first.0], row[second.0]) = (Some(first.1), Some(second.1));
        for axis in 0..axes.len() {
            if row[axis].is_none() {
                let gain = |value: &usize| pairs(&row, (axis, *value)).filter(|pair| open.contains(pair)).count();
                row[axis] = (0..axes[axis].1.len()).max_by_key(gain);
            }
        }
        for axis in 0..axes.len() {
            for covered in pairs(&row, (axis, row[axis].unwrap())) {
                open.remove(&covered);
            }
        }
        rows.push(row);
    }
    let value = |(axis, index): (usize, &Option<usize>)| (axes[axis].0.clone(), axes[axis].1[index.unwrap()].clone());
    let rows = rows.iter().map(|row| row.iter().enumerate().map(value).collect());
    match axes {
        // A flag alone has no pairs.
        [(key, values)] => values.iter().map(|value| Values::from([(key.clone(), value.clone())])).collect(),
        _ => rows.collect(),
    }
}

/// The pairs of a value with what a row has of the other axes.
fn pairs(row: &[Option<usize>], (axis, value): (usize, usize)) -> impl Iterator<Item = Pair> {
    let others = row.iter().enumerate().filter(move |(other, _)| *other != axis);
    others.filter_map(move |(other, at)| {
        let (one, two) = ((axis, value), (other, (*at)?));
        Some((one.min(two), one.max(two)))
    })
}

fn structural(catalogue: &Catalogue) -> Vec<Axis> {
    let flags = catalogue.flags.iter().filter(|(_, flag)| flag.reads == Reads::Structural);
    flags.map(|(key, flag)| (key.clone(), flag.positions())).collect()
}

/// Tenants that have the structural flags of the catalogue in every position, pairwise.
pub(super) fn tenants(estate: &Estate) -> Vec<Tenant> {
    let rows = pairwise(&structural(&estate.flags));
    let row = |(index, values): (usize, Values)| {
        estate::tenant(&format!("position-{index}"), "eu-west-1", 3, |spec| spec.flags = values)
    };
    rows.into_iter().enumerate().map(row).collect()
}

#[test]
fn every_pair_of_values_occurs_in_few_rows() {
    let axis = |index: usize| (format!("f{index}"), (0..2 + index % 3).map(|value| json!(value)).collect::<Vec<_>>());
    let axes: Vec<Axis> = (0..10).map(axis).collect();
    let rows = pairwise(&axes);
    for (one, ones) in &axes {
        for (other, others) in axes.iter().filter(|(other, _)| other != one) {
            for (a, b) in ones.iter().flat_map(|a| others.iter().map(move |b| (a, b))) {
                assert!(rows.iter().any(|row| row[one] == *a && row[other] == *b), "{one} {a} {other} {b}");
            }
        }
    }
    // All combinations would be 124,416; two flags of four values need 16.
    assert!((16..=40).contains(&rows.len()), "{}", rows.len());
    assert_eq!(pairwise(&axes[..1]).len(), 2);
}

#[test]
fn structural_flags_pass_the_policies_in_every_position() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let checker = Checker::new(embedded::rules(root).unwrap(), &tenantry::estate::blueprint::built_in().unwrap())
        .unwrap_or_else(|found| panic!("{}", super::said(&found)));
    let (estate, renderer) = (estate::estate(), super::renderer());
    let tenants = tenants(&estate);
    assert!(tenants.len() >= 4, "two boolean flags have four pairs");
    for tenant in &tenants {
        let template = super::render(&renderer, &estate::context(&estate, tenant, "v1.0.0"));
        let found = checker.check(&[Stack { template: &template, owner: Owner::Tenant(tenant) }]);
        assert_eq!(super::said(&found), "", "{:?}", tenant.spec.flags);
    }
}

#[test]
fn a_flag_of_run_time_changes_appconfig_and_the_release_record_alone() {
    let (estate, renderer) = (estate::estate(), super::renderer());
    let tree = |flags: Values| {
        let tenant = estate::tenant("acme", "eu-west-1", 3, |spec| spec.flags = flags);
        super::render(&renderer, &estate::context(&estate, &tenant, "v1.0.0")).tree()
    };
    let before = tree(Values::new());
    let mut toggled = 0;
    for (key, flag) in &estate.flags.flags {
        for value in flag.positions().into_iter().filter(|value| *value != flag.default) {
            let differs = difference(&before, &tree(Values::from([(key.clone(), value)])));
            let named = differs.iter().map(|one| (one.logical_id.as_str(), one.resource_type.as_str()));
            assert_eq!(delivers_flags_only(named), flag.reads == Reads::Runtime, "{key}: {differs:?}");
            toggled += 1;
        }
    }
    assert!(toggled >= 4);
}
