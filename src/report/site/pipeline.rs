//! The flow through a stack as a drawing: resources in layers, each below what leads to it, and arrows between them. What an
//! arrow passes on its way through other layers keeps free of it.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;

use super::blocks::{BOLD, SMALL, fitting, round};
use super::{Alarm, Mark};
use crate::report::groups::counted;
use tenantry_checks::capacity::Measured;
use tenantry_checks::flow::{Flow, Node};

const WIDTH: f64 = 210.0;
const HEIGHT: f64 = 62.0;
/// What an arrow takes in a layer that it only passes.
const PASSAGE: f64 = 24.0;
const GAP: f64 = 26.0;
const BETWEEN: f64 = 52.0;
const MARGIN: f64 = 14.0;
/// Rounds in which layers are put in order.
const ROUNDS: usize = 8;

/// The drawing.
#[derive(Debug, Serialize)]
pub struct Drawing {
    pub width: f64,
    pub height: f64,
    pub nodes: Vec<Box>,
    pub arrows: Vec<Arrow>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Box {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
    pub title: String,
    pub kind: String,
    /// Of the alarms that watch it.
    pub alarms: String,
    pub class: &'static str,
    pub sign: &'static str,
}

#[derive(Debug, Serialize)]
pub struct Arrow {
    /// Data of an SVG path.
    pub path: String,
    pub from: String,
    pub to: String,
    /// It leads back as well.
    pub both: bool,
    pub failed: bool,
}

/// Something in a layer: a node, or an arrow that passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Item {
    Node(usize),
    /// The number of the line, and of the layer.
    Passage(usize, usize),
}

/// An arrow between two layers, from the upper to the lower.
struct Line {
    upper: usize,
    lower: usize,
    down: bool,
    up: bool,
    failed: bool,
}

/// Draws a flow with the alarms of its stack; nothing where nothing flows.
pub fn draw(flow: &Flow, alarms: &[Alarm]) -> Option<Drawing> {
    if flow.nodes.is_empty() {
        return None;
    }
    let index: BTreeMap<&str, usize> =
        flow.nodes.iter().enumerate().map(|(index, node)| (node.logical_id.as_str(), index)).collect();
    let edges: BTreeMap<(usize, usize), bool> = flow
        .edges
        .iter()
        .filter_map(|edge| Some(((*index.get(edge.from.as_str())?, *index.get(edge.to.as_str())?), edge.failed)))
        .collect();
    let ranks = ranks(flow.nodes.len(), &edges);
    let lines = lines(&edges, &ranks);
    let layers = ordered(&ranks, &lines);
    let (places, width) = places(&layers);
    let top = |layer: usize| MARGIN + layer as f64 * (HEIGHT + BETWEEN);
    let nodes = flow.nodes.iter().enumerate().map(|(index, node)| {
        let centre = places.get(&Item::Node(index)).copied().unwrap_or_default();
        boxed(node, alarms, centre - WIDTH / 2.0, top(ranks[index]))
    });
    let arrows = lines.iter().enumerate().map(|(number, line)| {
        let (first, last) = (ranks[line.upper], ranks[line.lower]);
        let at = |item: Item| places.get(&item).copied().unwrap_or_default();
        let mut points = vec![(at(Item::Node(line.upper)), top(first) + HEIGHT)];
        for layer in first + 1..last {
            let x = at(Item::Passage(number, layer));
            points.extend([(x, top(layer)), (x, top(layer) + HEIGHT)]);
        }
        points.push((at(Item::Node(line.lower)), top(last)));
        let (from, to) = if line.down { (line.upper, line.lower) } else { (line.lower, line.upper) };
        if !line.down {
            points.reverse();
        }
        Arrow {
            path: path(&points),
            from: flow.nodes[from].logical_id.clone(),
            to: flow.nodes[to].logical_id.clone(),
            both: line.down && line.up,
            failed: line.failed,
        }
    });
    let layers = layers.len() as f64;
    Some(Drawing {
        width,
        height: 2.0 * MARGIN + layers * HEIGHT + (layers - 1.0) * BETWEEN,
        nodes: nodes.collect(),
        arrows: arrows.collect(),
    })
}

/// The layer of each node: below everything that leads to it, arrows that close a circle left out.
fn ranks(nodes: usize, edges: &BTreeMap<(usize, usize), bool>) -> Vec<usize> {
    let has_source = |node: usize| edges.keys().any(|(_, to)| *to == node);
    // What nothing leads to comes first, then circles that nothing else leads to.
    let mut starts: Vec<usize> = (0..nodes).collect();
    starts.sort_by_key(|node| has_source(*node));
    let (mut order, mut state) = (Vec::new(), vec![0_u8; nodes]);
    let mut forward: BTreeSet<(usize, usize)> = BTreeSet::new();
    for start in starts {
        // Depth first without recursion: a node with how many of its ends were visited.
        let mut path = vec![(start, 0)];
        while let Some((node, visited)) = path.pop() {
            if visited == 0 && state[node] != 0 {
                continue;
            }
            state[node] = 1;
            match edges.range((node, 0)..(node + 1, 0)).nth(visited) {
                Some(((_, to), _)) => {
                    path.push((node, visited + 1));
                    if state[*to] != 1 {
                        forward.insert((node, *to));
                    }
                    if state[*to] == 0 {
                        path.push((*to, 0));
                    }
                }
                None => {
                    state[node] = 2;
                    order.push(node);
                }
            }
        }
    }
    let mut ranks = vec![0; nodes];
    for node in order.into_iter().rev() {
        for (_, to) in forward.range((node, 0)..(node + 1, 0)) {
            ranks[*to] = ranks[*to].max(ranks[node] + 1);
        }
    }
    ranks
}

/// A line for each pair of nodes: an edge and the one that leads back are one.
fn lines(edges: &BTreeMap<(usize, usize), bool>, ranks: &[usize]) -> Vec<Line> {
    let mut lines: BTreeMap<(usize, usize), Line> = BTreeMap::new();
    for ((from, to), failed) in edges {
        let down = ranks[*from] < ranks[*to];
        let (upper, lower) = if down { (*from, *to) } else { (*to, *from) };
        let line = lines.entry((upper, lower)).or_insert(Line { upper, lower, down: false, up: false, failed: true });
        line.down |= down;
        line.up |= !down;
        line.failed &= *failed;
    }
    lines.into_values().collect()
}

/// The layers with their items from left to right, so that few arrows cross.
fn ordered(ranks: &[usize], lines: &[Line]) -> Vec<Vec<Item>> {
    let mut layers = vec![Vec::new(); ranks.iter().max().map_or(0, |last| last + 1)];
    for (node, rank) in ranks.iter().enumerate() {
        layers[*rank].push(Item::Node(node));
    }
    // Upper and lower neighbours of every item.
    let mut above: BTreeMap<Item, Vec<Item>> = BTreeMap::new();
    let mut below: BTreeMap<Item, Vec<Item>> = BTreeMap::new();
    for (number, line) in lines.iter().enumerate() {
        let mut last = Item::Node(line.upper);
        for layer in ranks[line.upper] + 1..=ranks[line.lower] {
            let item = if layer == ranks[line.lower] { Item::Node(line.lower) } else { Item::Passage(number, layer) };
            if let (Item::Passage(..), Some(passed)) = (item, layers.get_mut(layer)) {
                passed.push(item);
            }
            above.entry(item).or_default().push(last);
            below.entry(last).or_default().push(item);
            last = item;
        }
    }
    let arrange = |layers: &mut Vec<Vec<Item>>, layer: usize, other: usize, neighbours: &BTreeMap<Item, Vec<Item>>| {
        let positions: BTreeMap<Item, f64> = layers[other]
            .iter()
            .enumerate()
            .map(|(index, item)| (*item, (index as f64 + 0.5) / layers[other].len() as f64))
            .collect();
        let own = layers[layer].len() as f64;
        let mut wanted: Vec<(f64, Item)> = layers[layer]
            .iter()
            .enumerate()
            .map(|(index, item)| {
                let near = neighbours.get(item).into_iter().flatten().filter_map(|near| positions.get(near));
                let near: Vec<f64> = near.copied().collect();
                let stays = (index as f64 + 0.5) / own;
                let mean = if near.is_empty() { stays } else { near.iter().sum::<f64>() / near.len() as f64 };
                (mean, *item)
            })
            .collect();
        wanted.sort_by(|a, b| a.0.total_cmp(&b.0));
        layers[layer] = wanted.into_iter().map(|(_, item)| item).collect();
    };
    for _ in 0..ROUNDS {
        (1..layers.len()).for_each(|layer| arrange(&mut layers, layer, layer - 1, &above));
        (1..layers.len()).rev().for_each(|layer| arrange(&mut layers, layer - 1, layer, &below));
    }
    layers
}

/// The centre of every item, and the width of the drawing.
fn places(layers: &[Vec<Item>]) -> (BTreeMap<Item, f64>, f64) {
    let width = |item: &Item| if matches!(item, Item::Node(_)) { WIDTH } else { PASSAGE };
    let of = |layer: &Vec<Item>| layer.iter().map(width).sum::<f64>() + GAP * layer.len().saturating_sub(1) as f64;
    let widest = layers.iter().map(of).fold(0.0, f64::max);
    let mut places = BTreeMap::new();
    for layer in layers {
        let mut x = MARGIN + (widest - of(layer)) / 2.0;
        for item in layer {
            places.insert(*item, x + width(item) / 2.0);
            x += width(item) + GAP;
        }
    }
    (places, widest + 2.0 * MARGIN)
}

/// Curves between layers, straight lines through them.
fn path(points: &[(f64, f64)]) -> String {
    let mut path = String::new();
    let mut last: Option<(f64, f64)> = None;
    for (x, y) in points {
        let (x, y) = (round(*x), round(*y));
        path.push_str(&match last {
            None => format!("M{x} {y}"),
            Some((before, _)) if before == x => format!(" L{x} {y}"),
            Some((before, from)) => {
                let middle = round((from + y) / 2.0);
                format!(" C{before} {middle} {x} {middle} {x} {y}")
            }
        });
        last = Some((x, y));
    }
    path
}

fn boxed(node: &Node, alarms: &[Alarm], x: f64, y: f64) -> Box {
    let own: Vec<&Alarm> = alarms.iter().filter(|alarm| alarm.watches.contains(&node.logical_id)).collect();
    let count = |wanted: &str| {
        own.iter().filter(|alarm| matches!(&alarm.state, Measured::Known(state) if state == wanted)).count()
    };
    let (firing, quiet) = (count("ALARM"), count("OK"));
    let (mark, state) = match own.len() {
        0 => (Mark::Quiet, String::new()),
        _ if firing > 0 => (Mark::Bad, format!(", {firing} in ALARM")),
        all if quiet == all => (Mark::Good, ", OK".to_owned()),
        _ if own.iter().all(|alarm| matches!(alarm.state, Measured::Unknown(_))) => (Mark::Quiet, String::new()),
        all => (Mark::Unknown, format!(", {} unknown", all - quiet)),
    };
    let alarms = if own.is_empty() { String::new() } else { format!("{}{state}", counted(own.len(), "alarm")) };
    Box {
        x: round(x),
        y: round(y),
        width: WIDTH,
        height: HEIGHT,
        title: fitting(&node.logical_id, ((WIDTH - 36.0) / BOLD) as usize),
        kind: fitting(&kind(&node.resource_type), ((WIDTH - 20.0) / SMALL) as usize),
        alarms,
        class: mark.class(),
        sign: if mark == Mark::Quiet { "" } else { mark.sign() },
    }
}

/// `SQS Queue` of `AWS::SQS::Queue`.
fn kind(resource_type: &str) -> String {
    let parts: Vec<&str> = resource_type.split("::").collect();
    match parts[..] {
        [_, service, kind] => format!("{service} {kind}"),
        _ => resource_type.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenantry_checks::flow::Edge;

    fn flow(edges: &[(&str, &str)]) -> Flow {
        let names: BTreeSet<&str> = edges.iter().flat_map(|(from, to)| [*from, *to]).collect();
        let node =
            |id: &str| Node { logical_id: id.to_owned(), resource_type: "AWS::SQS::Queue".to_owned(), name: None };
        let edge = |(from, to): &(&str, &str)| Edge { from: (*from).to_owned(), to: (*to).to_owned(), failed: false };
        Flow { nodes: names.into_iter().map(node).collect(), edges: edges.iter().map(edge).collect() }
    }

    /// The layer of each node in the order of their names.
    fn layers(edges: &[(&str, &str)]) -> Vec<usize> {
        let drawing = draw(&flow(edges), &[]).unwrap();
        drawing.nodes.iter().map(|node| ((node.y - MARGIN) / (HEIGHT + BETWEEN)) as usize).collect()
    }

    #[test]
    fn what_leads_to_something_is_above_it_and_circles_end() {
        assert_eq!(layers(&[("a", "b"), ("b", "c"), ("a", "c")]), [0, 1, 2]);
        assert_eq!(layers(&[("a", "b"), ("b", "c"), ("c", "b"), ("b", "d"), ("c", "d")]), [0, 1, 2, 3]);
        assert_eq!(layers(&[("a", "b"), ("b", "a")]), [0, 1]);
        assert_eq!(layers(&[("z", "a"), ("a", "m"), ("m", "a")]), [1, 2, 0]);
        assert!(draw(&Flow::default(), &[]).is_none());
    }

    #[test]
    fn there_and_back_is_one_arrow_with_two_heads() {
        let drawing = draw(&flow(&[("a", "b"), ("b", "a"), ("b", "c")]), &[]).unwrap();
        let arrows: Vec<(&str, &str, bool)> =
            drawing.arrows.iter().map(|arrow| (arrow.from.as_str(), arrow.to.as_str(), arrow.both)).collect();
        assert_eq!(arrows, [("a", "b", true), ("b", "c", false)]);
    }

    /// However many resources there are, no box lies on another, and all are inside of the drawing.
    #[test]
    fn boxes_never_overlap() {
        let names: Vec<String> = (0..30).map(|number| format!("Node{number}")).collect();
        let edges: Vec<(&str, &str)> = (0..60)
            .map(|number: usize| (names[(number * 7) % 30].as_str(), names[(number * 11 + 3) % 30].as_str()))
            .filter(|(from, to)| from != to)
            .collect();
        let drawing = draw(&flow(&edges), &[]).unwrap();
        for (index, one) in drawing.nodes.iter().enumerate() {
            assert!(one.x >= 0.0 && one.x + one.width <= drawing.width, "{one:?}");
            assert!(one.y + one.height <= drawing.height, "{one:?}");
            for other in &drawing.nodes[index + 1..] {
                let apart = one.y != other.y || (one.x - other.x).abs() >= WIDTH;
                assert!(apart, "{one:?} {other:?}");
            }
        }
    }

    #[test]
    fn a_resource_shows_its_own_alarms_and_the_worst_state() {
        let alarm = |watches: &str, state: Measured<String>| Alarm {
            logical_id: "Depth".to_owned(),
            name: None,
            reason: String::new(),
            condition: String::new(),
            watches: vec![watches.to_owned()],
            means: None,
            state,
        };
        let known = |state: &str| Measured::Known(state.to_owned());
        let shown = |alarms: &[Alarm]| {
            let drawing = draw(&flow(&[("a", "b")]), alarms).unwrap();
            let found = &drawing.nodes[0];
            format!("{} {}", found.alarms, found.class)
        };
        assert_eq!(shown(&[alarm("b", known("ALARM"))]), " quiet");
        assert_eq!(shown(&[alarm("a", known("OK")), alarm("a", known("OK"))]), "2 alarms, OK good");
        assert_eq!(shown(&[alarm("a", known("OK")), alarm("a", known("ALARM"))]), "2 alarms, 1 in ALARM bad");
        assert_eq!(shown(&[alarm("a", known("INSUFFICIENT_DATA"))]), "1 alarm, 1 unknown unknown");
        assert_eq!(shown(&[alarm("a", Measured::Unknown("not asked".to_owned()))]), "1 alarm quiet");
    }
}
