//! Where in a partial something stands: from the line on which a resource starts down to a key inside it.
//!
//! Reads the partial's text by its indentation. Loops and conditions of Tera stand between the lines, so a place is as deep as
//! it is known, and never wrong by more than that.

use std::sync::Arc;

use tenantry_base::finding::Location;

/// The place of a path (`Properties/Tags/0/Key`) inside what starts at a location, as far down as its keys are found.
pub(super) fn inside(start: &Location, path: &str) -> Location {
    let source = &start.source;
    let mut lines = Vec::new();
    let mut at = 0;
    for line in source.text.split_inclusive('\n') {
        lines.push((at, line.trim_end()));
        at += line.len();
    }
    let first = start.line.saturating_sub(1);
    let Some((_, head)) = lines.get(first) else { return start.clone() };
    let mut block = Block { from: first + 1, to: end_of(&lines, first + 1, indent(head)), is_item: false };
    let mut place = start.clone();
    for key in path.split('/').filter(|key| !key.is_empty()) {
        let next = match key.parse::<usize>() {
            Ok(index) => block.item(&lines, index),
            Err(_) => block.key(&lines, key),
        };
        let Some((line, column, inner)) = next else {
            // A map or list on one line.
            let span = place.span.clone();
            match in_flow(&source.text[span.clone()], key) {
                Some(found) => place = Location::new(Arc::clone(source), span.start + found..span.end),
                None if key.parse::<usize>().is_ok() => {}
                None => break,
            }
            continue;
        };
        let (offset, text) = lines[line];
        place = Location::new(Arc::clone(source), offset + column..offset + text.len());
        block = inner;
    }
    place
}

/// Lines of one map or list, or of one item of a list, whose first line carries its dash.
#[derive(Clone, Copy)]
struct Block {
    from: usize,
    to: usize,
    is_item: bool,
}

type Found = (usize, usize, Block);

impl Block {
    /// The column at which the entries of the block begin.
    fn column(self, lines: &[(usize, &str)]) -> Option<usize> {
        let first = lines[self.from..self.to].iter().find(|(_, line)| is_yaml(line));
        first.map(|(_, line)| indent(line) + if self.is_item { 2 } else { 0 })
    }

    /// The line and column of a key, and what is below it.
    fn key(self, lines: &[(usize, &str)], key: &str) -> Option<Found> {
        let column = self.column(lines)?;
        let is_key = |line: &usize| {
            let text = lines[*line].1;
            let is_first = self.is_item && *line == self.from;
            (is_first || indent(text) == column) && text.get(column..).is_some_and(|rest| names(rest, key))
        };
        let line = (self.from..self.to).find(is_key)?;
        let to = end_of(lines, line + 1, column).min(self.to);
        Some((line, column, Block { from: line + 1, to, is_item: false }))
    }

    /// The line of an item of a list; the first where a loop of Tera makes them.
    fn item(self, lines: &[(usize, &str)], index: usize) -> Option<Found> {
        let column = self.column(lines)?;
        let is_item = |line: &usize| indent(lines[*line].1) == column && lines[*line].1[column..].starts_with("- ");
        let items: Vec<usize> = (self.from..self.to).filter(is_item).collect();
        let is_made = lines[self.from..self.to].iter().any(|(_, line)| line.trim_start().starts_with("{% for"));
        let at = if is_made { 0 } else { index };
        let line = *items.get(at)?;
        let to = items.get(at + 1).copied().unwrap_or(self.to);
        Some((line, column + 2, Block { from: line, to, is_item: true }))
    }
}

/// The first line that no longer belongs below an indentation.
fn end_of(lines: &[(usize, &str)], from: usize, column: usize) -> usize {
    let beyond = |(_, line): &(usize, &str)| {
        let dashed = indent(line) == column && line.trim_start().starts_with("- ");
        is_yaml(line) && indent(line) <= column && !dashed
    };
    lines[from..].iter().position(beyond).map_or(lines.len(), |more| from + more)
}

/// Neither empty, nor a comment, nor a statement of Tera alone.
fn is_yaml(line: &str) -> bool {
    let text = line.trim_start();
    !text.is_empty() && !text.starts_with('#') && !text.starts_with("{%") && !text.starts_with("{#")
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// Whether a line starts with a key.
fn names(line: &str, key: &str) -> bool {
    let rest =
        ["", "\"", "'"].iter().find_map(|quote| line.strip_prefix(quote)?.strip_prefix(key)?.strip_prefix(quote));
    rest.is_some_and(|rest| rest == ":" || rest.starts_with(": "))
}

/// Where a key stands in `{ Key: …, Value: … }`.
fn in_flow(text: &str, key: &str) -> Option<usize> {
    let starts = |at: &usize| {
        let before = text[..*at].trim_end();
        (before.ends_with(['{', ',']) || before.ends_with(['"', '\''])) && names(&text[*at..], key)
    };
    text.match_indices(key).map(|(at, _)| at).find(starts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenantry_base::finding::Source;

    const TEXT: &str = r#"Resources:
  Queue:
    Type: AWS::SQS::Queue
    DeletionPolicy: Retain
    Properties:
      QueueName: "{{ names.queue }}"
{% if shape.x %}
      RedrivePolicy: { deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 3 }
{% endif %}
      Tags:
        - { Key: "a", Value: "b" }
        - Key: "c"
          Value: "d"
      Policy:
        Statement:
{% for zone in zones %}
          - Effect: Allow
            Action: "{{ zone.id }}"
{% endfor %}
  Other:
    Type: AWS::SQS::Queue
"#;

    #[test]
    fn a_place_is_as_deep_as_its_keys() {
        let source = Arc::new(Source { path: "t.tera".into(), text: TEXT.to_owned() });
        let at = TEXT.find("Queue:").unwrap();
        let start = Location::new(source, at..at + 6);
        for (path, line, text) in [
            ("", 2, "Queue:"),
            ("Type", 3, "Type: AWS::SQS::Queue"),
            ("Properties", 5, "Properties:"),
            ("Properties/QueueName", 6, "QueueName: \"{{ names.queue }}\""),
            ("Properties/RedrivePolicy/maxReceiveCount", 8, "maxReceiveCount: 3 }"),
            ("Properties/Tags/0/Value", 11, "Value: \"b\" }"),
            ("Properties/Tags/1/Key", 12, "Key: \"c\""),
            ("Properties/Tags/1/Value", 13, "Value: \"d\""),
            ("Properties/Policy/Statement/2/Action", 18, "Action: \"{{ zone.id }}\""),
            ("Properties/Missing/Deeper", 5, "Properties:"),
            ("Missing", 2, "Queue:"),
        ] {
            let place = inside(&start, path);
            assert_eq!((place.line, &place.source.text[place.span.clone()]), (line, text), "{path}");
        }
    }
}
