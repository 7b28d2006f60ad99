//! A tenant's network as a drawing: a column for each zone, a row for each tier, and in each subnet its addresses at four
//! moments.

use schemars::JsonSchema;
use serde::Serialize;

use super::blocks::{BOLD, SMALL, fitting, round};
use super::{Mark, Network, Subnet};

const TIER: f64 = 132.0;
const COLUMN: f64 = 260.0;
const GAP: f64 = 14.0;
const HEAD: f64 = 58.0;
const MARGIN: f64 = 14.0;
/// Where bars begin inside of a box, and their length.
const BAR: f64 = 84.0;
const LENGTH: f64 = 60.0;
const LINE: f64 = 17.0;
/// Where the bars begin below the top of a box.
const TOP: f64 = 50.0;

/// The drawing.
#[derive(Debug, Serialize)]
pub struct Drawing {
    pub width: f64,
    pub height: f64,
    pub cidr: String,
    pub zones: Vec<Zone>,
    pub tiers: Vec<Row>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Zone {
    pub x: f64,
    pub width: f64,
    pub height: f64,
    pub name: String,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Row {
    pub y: f64,
    pub height: f64,
    pub name: String,
    pub routes: Vec<String>,
    pub subnets: Vec<Box>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Box {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
    pub title: String,
    pub cidr: String,
    pub class: &'static str,
    pub sign: &'static str,
    pub bars: Vec<Bar>,
}

/// The addresses of a subnet at one moment.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Bar {
    pub label: &'static str,
    pub x: f64,
    pub y: f64,
    pub length: f64,
    /// Whether the number is known.
    pub known: bool,
    pub filled: f64,
    pub text: String,
}

impl Network {
    /// Whether it is known of any subnet how many of its addresses are in use now.
    pub fn is_seen(&self) -> bool {
        self.tiers.iter().flat_map(|tier| tier.subnets.iter().flatten()).any(|subnet| subnet.now.known().is_some())
    }
}

/// The moments at which addresses are counted, with how many there are; None where that is unknown.
pub fn moments(subnet: &Subnet) -> [(&'static str, Option<u64>); 4] {
    [
        ("now", subnet.now.known().copied()),
        ("peak", Some(subnet.at_peak)),
        ("zone lost", Some(subnet.zone_lost)),
        ("deployment", Some(subnet.deploying)),
    ]
}

/// Draws a network. What is in use now is left out where it is known of no subnet.
pub fn draw(network: &Network) -> Drawing {
    let unseen = usize::from(!network.is_seen());
    let tall = TOP + (4 - unseen) as f64 * LINE + 8.0;
    let x = |zone: usize| MARGIN + TIER + zone as f64 * (COLUMN + GAP);
    let y = |tier: usize| HEAD + MARGIN + tier as f64 * (tall + GAP);
    let bottom = y(network.tiers.len());
    let subnet = |subnet: &Subnet, zone: usize, tier: usize| {
        let (left, top) = (x(zone) + 8.0, y(tier));
        let bar = |(line, (label, addresses)): (usize, (&'static str, Option<u64>))| Bar {
            label,
            x: left + BAR,
            y: top + TOP + line as f64 * LINE,
            length: LENGTH,
            known: addresses.is_some(),
            filled: addresses.map_or(0.0, |addresses| {
                let share = addresses as f64 / subnet.usable.max(1) as f64;
                round(share.min(1.0) * LENGTH).max(if addresses > 0 { 1.0 } else { 0.0 })
            }),
            text: addresses.map_or_else(
                || format!("? of {}", subnet.usable),
                |addresses| format!("{addresses} of {}", subnet.usable),
            ),
        };
        Box {
            x: left,
            y: top,
            width: COLUMN - 16.0,
            height: tall,
            title: fitting(&subnet.logical_id, ((COLUMN - 16.0 - 36.0) / BOLD) as usize),
            cidr: subnet.cidr.to_string(),
            class: subnet.mark.class(),
            sign: if matches!(subnet.mark, Mark::Good | Mark::Quiet) { "" } else { subnet.mark.sign() },
            bars: moments(subnet).into_iter().skip(unseen).enumerate().map(bar).collect(),
        }
    };
    let zone = |(index, name): (usize, &String)| Zone {
        x: x(index),
        width: COLUMN,
        height: bottom - MARGIN - 30.0,
        name: fitting(name, ((COLUMN - 60.0) / SMALL) as usize),
    };
    let row = |(index, tier): (usize, &super::Tier)| Row {
        y: y(index),
        height: tall,
        name: fitting(&tier.name, ((TIER - 14.0) / BOLD) as usize),
        routes: lines(&tier.routes, ((TIER - 14.0) / SMALL) as usize),
        subnets: tier
            .subnets
            .iter()
            .enumerate()
            .filter_map(|(zone, found)| Some(subnet(found.as_ref()?, zone, index)))
            .collect(),
    };
    Drawing {
        width: x(network.zones.len()) - GAP + MARGIN,
        height: bottom + MARGIN,
        cidr: network.cidr.to_string(),
        zones: network.zones.iter().enumerate().map(zone).collect(),
        tiers: network.tiers.iter().enumerate().map(row).collect(),
    }
}

/// A text in lines of so many letters at most; a longer word is cut.
fn lines(text: &str, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace().map(|word| fitting(word, most)) {
        match lines.last_mut().filter(|line| line.chars().count() + 1 + word.chars().count() <= most) {
            Some(line) => *line = format!("{line} {word}"),
            None => lines.push(word),
        }
    }
    lines
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::report::site::Tier;
    use tenantry_checks::capacity::Measured;

    pub(in crate::report::site) fn subnet(id: &str, cidr: &str) -> Subnet {
        Subnet {
            logical_id: id.to_owned(),
            cidr: cidr.parse().unwrap(),
            usable: 59,
            now: Measured::Unknown("not asked".to_owned()),
            at_peak: 7,
            zone_lost: 9,
            deploying: 118,
            needed: 118,
            percent: 200,
            mark: Mark::Bad,
            owners: vec![("tasks".to_owned(), 118)],
        }
    }

    fn seen(subnet: Subnet) -> Subnet {
        Subnet { now: Measured::Known(3), ..subnet }
    }

    #[test]
    fn boxes_do_not_overlap_and_bars_stay_inside_of_theirs() {
        let tier = |name: &str| Tier {
            name: name.to_owned(),
            routes: "nowhere outside the VPC".to_owned(),
            subnets: vec![Some(subnet("First", "10.0.0.0/26")), None, Some(seen(subnet("Second", "10.0.0.64/26")))],
        };
        let zones = ["az1", "az2", "az3"].map(str::to_owned).to_vec();
        let network = Network { cidr: "10.0.0.0/16".parse().unwrap(), zones, tiers: vec![tier("data"), tier("web")] };
        let drawing = draw(&network);
        let boxes: Vec<&Box> = drawing.tiers.iter().flat_map(|tier| &tier.subnets).collect();
        assert_eq!(boxes.len(), 4);
        for (index, one) in boxes.iter().enumerate() {
            assert!(one.x + one.width <= drawing.width && one.y + one.height <= drawing.height);
            for bar in &one.bars {
                assert!(bar.filled <= bar.length && bar.x + bar.length < one.x + one.width, "{bar:?}");
                assert!(bar.y < one.y + one.height, "{bar:?}");
            }
            for other in &boxes[index + 1..] {
                let apart = |a: f64, width: f64, b: f64, other: f64| a + width <= b || b + other <= a;
                let apart =
                    apart(one.x, one.width, other.x, other.width) || apart(one.y, one.height, other.y, other.height);
                assert!(apart, "{one:?} {other:?}");
            }
        }
        let bars: Vec<(&str, bool, f64, &str)> =
            boxes[0].bars.iter().map(|bar| (bar.label, bar.known, bar.filled, bar.text.as_str())).collect();
        assert_eq!(
            bars,
            [
                ("now", false, 0.0, "? of 59"),
                ("peak", true, 7.1, "7 of 59"),
                ("zone lost", true, 9.2, "9 of 59"),
                ("deployment", true, 60.0, "118 of 59"),
            ]
        );
        assert_eq!(drawing.tiers[0].routes, ["nowhere outside", "the VPC"]);
    }
}
