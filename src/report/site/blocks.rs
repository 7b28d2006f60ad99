//! Address blocks on a grid: the cells are blocks of one length in the order of their addresses, row by row. Rows hold a power
//! of two of them, so that every block is one rectangle.

use ipnetwork::Ipv4Network;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Block, Holder};

/// Most cells of a grid: a longer prefix is drawn as a part of a cell.
const MOST_BITS: u8 = 10;
/// Size of the drawing.
const WIDTH: f64 = 860.0;
const LABELS: f64 = 110.0;
const ROW: f64 = 30.0;
/// Widths of a letter in small text and in bold text, of the widest font that browsers take where none is named.
pub(super) const SMALL: f64 = 6.9;
pub(super) const BOLD: f64 = 8.3;

/// A grid, ready to be drawn.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Map {
    pub width: f64,
    pub height: f64,
    pub left: f64,
    pub row: f64,
    pub cell: f64,
    pub columns: u64,
    /// The first address of each row.
    pub rows: Vec<(f64, String)>,
    pub blocks: Vec<Shape>,
    /// `/18`: what a cell is.
    pub prefix: u8,
}

/// A block as a rectangle.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub struct Shape {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
    /// As much of the name as fits.
    pub label: String,
    pub name: String,
    pub cidr: String,
    pub class: &'static str,
    /// The page that it leads to, where it has one.
    pub page: String,
}

/// Lays blocks out inside of `within`; what is outside is left out.
pub fn map(within: Ipv4Network, cell_prefix: u8, blocks: &[Block]) -> Map {
    let longest = blocks.iter().map(|block| block.cidr.prefix()).chain([cell_prefix]).max().unwrap_or(cell_prefix);
    let prefix = longest.clamp(within.prefix(), within.prefix().saturating_add(MOST_BITS).min(32));
    let cells = 1_u64 << (prefix - within.prefix());
    let columns = if cells > 128 { 32 } else { cells.min(16) };
    let cell = WIDTH / columns as f64;
    let size = 1_u64 << (32 - prefix);
    let (first, last) = bounds(within);
    let shape = |block: &Block| {
        let (from, to) = bounds(block.cidr);
        if to < first || from > last {
            return None;
        }
        // One of two blocks that touch contains the other.
        let (from, to) = (from.max(first), to.min(last));
        let (at, taken) = ((from - first) as f64 / size as f64, (to + 1 - from) as f64 / size as f64);
        let row = (at / columns as f64).floor();
        let x = LABELS + (at - row * columns as f64) * cell;
        let width = taken.min(columns as f64) * cell;
        let height = (taken / columns as f64).max(1.0) * ROW;
        let room = ((width - 8.0) / SMALL).max(0.0) as usize;
        Some(Shape {
            x: round(x),
            y: row * ROW,
            width: round(width),
            height,
            label: fitting(&block.name, room),
            name: block.name.clone(),
            cidr: block.cidr.to_string(),
            class: match block.holder {
                Holder::Tenant | Holder::Subnet => "taken",
                Holder::Moving => "moving",
                Holder::Retired => "retired",
                Holder::Reserved => "reserved",
            },
            page: String::new(),
        })
    };
    let rows = cells / columns;
    let row = |row: u64| {
        let address = u32::try_from(first + row * columns * size).unwrap_or(u32::MAX);
        (row as f64 * ROW, std::net::Ipv4Addr::from(address).to_string())
    };
    Map {
        width: LABELS + WIDTH,
        height: rows as f64 * ROW,
        left: LABELS,
        row: ROW,
        cell,
        columns,
        rows: (0..rows).map(row).collect(),
        blocks: blocks.iter().filter_map(shape).collect(),
        prefix,
    }
}

fn bounds(block: Ipv4Network) -> (u64, u64) {
    (u32::from(block.network()).into(), u32::from(block.broadcast()).into())
}

/// A tenth of a pixel is enough.
pub(super) fn round(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

/// As much of a text as fits into so many letters; nothing where that says nothing.
pub(super) fn fitting(text: &str, room: usize) -> String {
    let letters = text.chars().count();
    match room {
        room if letters <= room => text.to_owned(),
        0..=3 => String::new(),
        room => text.chars().take(room - 1).chain(['…']).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(cidr: &str) -> Block {
        Block { cidr: cidr.parse().unwrap(), holder: Holder::Tenant, name: cidr.to_owned() }
    }

    /// Position and size in cells.
    fn cells(within: &str, prefix: u8, blocks: &[&str]) -> (u64, usize, Vec<[f64; 4]>) {
        let blocks: Vec<Block> = blocks.iter().map(|cidr| block(cidr)).collect();
        let map = map(within.parse().unwrap(), prefix, &blocks);
        let shape = |shape: &Shape| {
            let across = |width: f64| (width / map.cell * 100.0).round() / 100.0;
            [across(shape.x - map.left), shape.y / map.row, across(shape.width), shape.height / map.row]
        };
        (map.columns, map.rows.len(), map.blocks.iter().map(shape).collect())
    }

    #[test]
    fn every_block_is_a_rectangle_at_its_addresses() {
        let (columns, rows, found) = cells(
            "10.16.0.0/12",
            18,
            &["10.16.0.0/18", "10.16.64.0/18", "10.17.0.0/17", "10.20.0.0/14", "9.0.0.0/8", "10.31.192.0/18"],
        );
        assert_eq!((columns, rows), (16, 4));
        let expected = [
            [0.0, 0.0, 1.0, 1.0],
            [1.0, 0.0, 1.0, 1.0],
            [4.0, 0.0, 2.0, 1.0],
            [0.0, 1.0, 16.0, 1.0],
            [15.0, 3.0, 1.0, 1.0],
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_block_larger_than_the_pool_fills_it_and_one_smaller_than_a_cell_is_a_part_of_one() {
        assert_eq!(cells("10.0.0.0/18", 18, &["10.0.0.0/8"]), (1, 1, vec![[0.0, 0.0, 1.0, 1.0]]));
        let (columns, rows, found) = cells("10.0.0.0/8", 18, &["10.0.0.0/19", "10.0.32.0/20", "10.128.0.0/9"]);
        assert_eq!((columns, rows), (32, 32));
        assert_eq!(found, [[0.0, 0.0, 0.5, 1.0], [0.5, 0.0, 0.25, 1.0], [0.0, 16.0, 32.0, 16.0]]);
        assert_eq!(cells("0.0.0.0/0", 32, &["255.255.255.255/32"]).1, 32);
    }

    #[test]
    fn names_are_cut_to_their_room() {
        assert_eq!(["acme-corporation", "acme", "globex"].map(|name| fitting(name, 4)), ["acm…", "acme", "glo…"]);
        assert_eq!(fitting("globex", 3), "");
    }
}
