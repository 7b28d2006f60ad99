//! A tenant's network drawn in the terminal: a box for each subnet, zones beside each other, tiers below each other.

use super::screen::{Screen, Tone, bar_of, paint};
use super::site::network::moments;
use super::site::{Mark, Network, Subnet};

/// Width of a line where nobody says another.
const WIDTH: usize = 80;
/// A box is as wide as this at least and at most; zones that do not fit stand below.
const NARROW: usize = 24;
const WIDE: usize = 38;

/// The drawing, and what its bars are.
pub fn network(tenant: &str, network: &Network, screen: Screen) -> String {
    let width = screen.width.map_or(WIDTH, usize::from);
    let beside = ((width + 1) / (NARROW + 1)).clamp(1, network.zones.len().max(1));
    let cell = ((width + 1) / beside - 1).clamp(NARROW.min(width), WIDE);
    let title = format!("{tenant}: VPC {} in {} zones", network.cidr, network.zones.len());
    let mut out = format!("{}\n", paint(&title, Tone::Strong));
    // What is in use now is shown where it is known of any.
    let now = network.is_seen();
    for tier in &network.tiers {
        out.push_str(&format!("\n{}, routes: {}\n", paint(&tier.name, Tone::Strong), tier.routes));
        let all: Vec<(&String, &Option<Subnet>)> = network.zones.iter().zip(&tier.subnets).collect();
        for zones in all.chunks(beside) {
            let boxes: Vec<Vec<String>> =
                zones.iter().map(|(zone, subnet)| boxed(zone, subnet.as_ref(), now, cell)).collect();
            for line in 0..boxes.iter().map(Vec::len).max().unwrap_or(0) {
                let line: Vec<&str> = boxes.iter().map(|one| one[line].as_str()).collect();
                out.push_str(line.join(" ").trim_end());
                out.push('\n');
            }
        }
    }
    let now = if now { "now, " } else { "" };
    let legend = format!(
        "Addresses in use, of those that resources can take: {now}at the peak, with a zone lost, in a deployment."
    );
    out + &screen.wrapped(&paint(&legend, Tone::Quiet))
}

const LABELS: [&str; 4] = ["now", "peak", "lost", "deploy"];

/// The lines of a box; blank ones where a zone has no subnet of the tier.
fn boxed(zone: &str, subnet: Option<&Subnet>, now: bool, width: usize) -> Vec<String> {
    let inner = width.saturating_sub(2);
    let Some(subnet) = subnet else { return vec![" ".repeat(width); 7 + usize::from(now)] };
    let tone = match subnet.mark {
        Mark::Good => Tone::Good,
        Mark::Warning => Tone::Warning,
        Mark::Bad => Tone::Bad,
        Mark::Unknown => Tone::Unknown,
        Mark::Quiet => Tone::Quiet,
    };
    let line = |text: String| format!("│{}│", padded(&text, inner));
    let zone = format!(" {} ", cut(zone, inner.saturating_sub(3)));
    let mut lines = vec![
        format!("┌─{zone}{}┐", "─".repeat(inner.saturating_sub(1 + zone.chars().count()))),
        line(cut(&subnet.logical_id, inner)),
        line(subnet.cidr.to_string()),
    ];
    let moments: Vec<(&str, Option<u64>)> = LABELS
        .into_iter()
        .zip(moments(subnet))
        .skip(usize::from(!now))
        .map(|(label, (_, used))| (label, used))
        .collect();
    let text = |(_, addresses): &(&str, Option<u64>)| {
        let used = addresses.map_or_else(|| "?".to_owned(), |addresses| addresses.to_string());
        format!("{used}/{}", subnet.usable)
    };
    let texts: Vec<String> = moments.iter().map(text).collect();
    let numbers = texts.iter().map(|text| text.chars().count()).max().unwrap_or(0);
    let room = inner.saturating_sub(7 + 1 + numbers);
    for ((label, addresses), text) in moments.iter().zip(&texts) {
        let percent = addresses.map(|addresses| addresses.saturating_mul(100).div_ceil(subnet.usable.max(1)));
        let bar = percent.map_or_else(|| "·".repeat(room), |percent| bar_of(percent, room));
        let rest = padded(&format!("{label:<6} "), 7);
        lines.push(format!("│{rest}{} {text:>numbers$}│", paint(&bar, tone)));
    }
    lines.push(format!("└{}┘", "─".repeat(inner)));
    lines
}

fn cut(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.to_owned();
    }
    text.chars().take(room.saturating_sub(1)).chain(['…']).collect()
}

fn padded(text: &str, width: usize) -> String {
    format!("{}{}", cut(text, width), " ".repeat(width.saturating_sub(text.chars().count())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::site::Tier;
    use tenantry_checks::capacity::Measured;

    fn sample() -> Network {
        let subnet = |id: &str, cidr: &str| {
            Some(Subnet {
                logical_id: id.to_owned(),
                cidr: cidr.parse().unwrap(),
                usable: 2043,
                now: if id == "C" { Measured::Known(5) } else { Measured::Unknown("not asked".to_owned()) },
                at_peak: 7,
                zone_lost: 1021,
                deploying: 3000,
                needed: 3000,
                percent: 147,
                mark: Mark::Bad,
                owners: Vec::new(),
            })
        };
        let tier = |name: &str, second| Tier {
            name: name.to_owned(),
            routes: "NAT gateway".to_owned(),
            subnets: vec![
                subnet("WithARatherLongLogicalIdentifier", "10.0.0.0/21"),
                second,
                subnet("C", "10.0.16.0/21"),
            ],
        };
        Network {
            cidr: "10.0.0.0/18".parse().unwrap(),
            zones: ["euw1-az1", "euw1-az2", "euw1-az3"].map(str::to_owned).to_vec(),
            tiers: vec![tier("work", subnet("B", "10.0.8.0/21")), tier("data", None)],
        }
    }

    #[test]
    fn no_line_is_wider_than_the_screen_and_all_boxes_close() {
        for width in [24, 40, 60, 80, 100, 147] {
            let text = network("acme", &sample(), Screen { width: Some(width) });
            let plain = anstream::adapter::strip_str(&text).to_string();
            for line in plain.lines().filter(|line| line.contains(['│', '┌', '└'])) {
                assert!(line.chars().count() <= usize::from(width), "{width}: {line}");
            }
            let count = |letter: char| plain.matches(letter).count();
            assert_eq!([count('┌'), count('┐'), count('└'), count('┘')], [5; 4], "{width}: {plain}");
        }
    }

    #[test]
    fn a_box_shows_four_moments_of_its_subnet() {
        let text = network("acme", &sample(), Screen { width: Some(80) });
        let plain = anstream::adapter::strip_str(&text).to_string();
        let first: Vec<&str> = plain
            .lines()
            .skip(3)
            .take(8)
            .map(|line| line.split_inclusive(['│', '┐', '┘']).take(2).last().unwrap())
            .collect();
        assert_eq!(first[1], "WithARatherLongLogicalI…│");
        assert_eq!(first[3], "now    ·······    ?/2043│");
        assert_eq!(first[5], "lost   ████░░░ 1021/2043│");
        assert_eq!(first[6], "deploy ███████ 3000/2043│");
    }
}
