//! Names near to one that is not known.

/// `did you mean …?` where a known name is near, else the names that are known.
pub(crate) fn nearest<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Option<String> {
    let known: Vec<&str> = known.collect();
    let best = known
        .iter()
        .map(|known| (likeness(name, known), known))
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .filter(|(score, _)| *score > 0.8);
    match best {
        Some((_, best)) => Some(format!("did you mean `{best}`?")),
        None if known.is_empty() || known.len() > 40 => None,
        None => Some(format!("known here: {}", known.join(", "))),
    }
}

/// From 0 to 1. Short words with one slip are far apart by Jaro and Winkler.
fn likeness(one: &str, two: &str) -> f64 {
    let slip = one.len().min(two.len()) > 2 && strsim::osa_distance(one, two) == 1;
    strsim::jaro_winkler(one, two).max(if slip { 0.9 } else { 0.0 })
}
