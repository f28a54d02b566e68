//! What is made from what, as a drawing: stages from left to right, each a link, with lines from what it depends on.
//!
//! The library orders the stages of each column so that few lines cross, and says how far apart they are best. That none
//! lies upon another is seen to here, and that lines go between stages: where one passes a column, it has a place of its own.

use std::collections::VecDeque;

use askama::Template;
use askama::filters::HtmlSafe;
use rust_sugiyama::configure::{Config, RankingType};
use rust_sugiyama::from_vertices_and_edges;

use super::marks::Mark;
use super::text::seen;

/// How large a stage is drawn, in pixels.
const WIDTH: f64 = 190.0;
const HEIGHT: f64 = 50.0;
/// The room between columns, for the lines.
const BETWEEN: f64 = 34.0;
/// The room between the stages of a column.
const APART: f64 = 18.0;
/// The room that a line has where it passes a column.
const LANE: f64 = 6.0;
/// The room around all.
const MARGIN: f64 = 6.0;
/// Longest name that is drawn, in narrow characters; of a longer one the beginning.
const NAME_CHARS_MAX: usize = 22;
/// Most places of stages and lines: with more, the stages of a column stay in their order, and lines go straight.
const PLACES_MAX: usize = 600;

/// A stage that is to be drawn.
#[derive(Clone, Debug)]
pub(super) struct Stage {
    /// Its name.
    pub(super) name: String,
    /// How it is.
    pub(super) mark: Mark,
    /// Where a click on it leads.
    pub(super) href: String,
    /// Whether it is the one that is looked at.
    pub(super) is_current: bool,
    /// The stages that it depends on, by their places in the list.
    pub(super) after: Vec<usize>,
}

/// The drawing.
#[derive(Debug, Template)]
#[template(path = "graph.html")]
pub(super) struct Graph<'a> {
    label: &'a str,
    width: f64,
    height: f64,
    stages: Vec<Drawn<'a>>,
    lines: Vec<String>,
}

impl HtmlSafe for Graph<'_> {}

/// A stage, and where it is drawn.
#[derive(Debug)]
struct Drawn<'a> {
    stage: &'a Stage,
    x: f64,
    y: f64,
    /// As much of its name as there is room for.
    short: String,
    /// All there is to say of it, in words.
    told: String,
}

impl<'a> Graph<'a> {
    /// Draws stages. What depends on itself, or on what is not there, is drawn as if it did not.
    pub(super) fn new(label: &'a str, stages: &'a [Stage]) -> Self {
        let layout = Layout::of(&stages.iter().map(|stage| stage.after.as_slice()).collect::<Vec<_>>());
        let drawn = stages.iter().zip(&layout.places).map(|(stage, place)| Drawn {
            stage,
            x: place.left(),
            y: place.middle - HEIGHT / 2.0,
            short: shortened(&stage.name),
            told: told(stage, stages),
        });
        let extent = |ends: &dyn Fn(&Place) -> f64| layout.places.iter().map(ends).fold(0.0, f64::max) + MARGIN;
        Self {
            label,
            width: extent(&|place| place.left() + WIDTH),
            height: extent(&|place| place.middle + place.height() / 2.0),
            lines: layout.lines.iter().map(|line| path(line.iter().map(|at| &layout.places[*at]))).collect(),
            stages: drawn.collect(),
        }
    }
}

/// The stage in words, for those who don't see the drawing.
fn told(stage: &Stage, stages: &[Stage]) -> String {
    let before: Vec<&str> = stage.after.iter().filter_map(|at| stages.get(*at)).map(|on| on.name.as_str()).collect();
    let after = if before.is_empty() { String::new() } else { format!(", after {}", before.join(", ")) };
    seen(&format!("{}: {}{after}", stage.name, stage.mark.word()))
}

/// The beginning of a name. Most scripts beyond the Latin, Greek and Cyrillic ones have wide characters.
fn shortened(name: &str) -> String {
    let mut room = NAME_CHARS_MAX;
    let mut short = String::new();
    for c in seen(name).chars() {
        let wide = if u32::from(c) < 0x1100 { 1 } else { 2 };
        if room < wide {
            return short + "…";
        }
        room -= wide;
        short.push(c);
    }
    short
}

/// A place in a column: of a stage, or of a line that passes.
#[derive(Clone, Debug, PartialEq)]
struct Place {
    column: u32,
    middle: f64,
    is_stage: bool,
}

impl Place {
    fn left(&self) -> f64 {
        MARGIN + f64::from(self.column) * (WIDTH + BETWEEN)
    }

    fn height(&self) -> f64 {
        if self.is_stage { HEIGHT } else { LANE }
    }
}

/// Where everything is drawn.
#[derive(Clone, Debug, PartialEq)]
struct Layout {
    /// The places, those of the stages first.
    places: Vec<Place>,
    /// The places that each line passes, both ends too.
    lines: Vec<Vec<usize>>,
}

impl Layout {
    fn of(after: &[&[usize]]) -> Self {
        let columns = columns(after);
        let mut places: Vec<Place> =
            columns.iter().map(|column| Place { column: *column, middle: 0.0, is_stage: true }).collect();
        let edges: Vec<(usize, usize)> = after
            .iter()
            .enumerate()
            .flat_map(|(to, on)| on.iter().map(move |from| (*from, to)))
            .filter(|(from, to)| columns.get(*from).is_some_and(|column| *column < columns[*to]))
            .collect();
        let passed = |(from, to): &(usize, usize)| columns[*to] - columns[*from] - 1;
        let all = edges.iter().map(|edge| passed(edge) as usize).sum::<usize>() + places.len();
        let is_small = all <= PLACES_MAX;
        let mut lines = Vec::with_capacity(edges.len());
        for edge @ (from, to) in edges {
            let mut line = vec![from];
            for column in (columns[from] + 1..columns[to]).take(if is_small { usize::MAX } else { 0 }) {
                line.push(places.len());
                places.push(Place { column, middle: 0.0, is_stage: false });
            }
            debug_assert!(!is_small || line.len() == passed(&edge) as usize + 1);
            line.push(to);
            lines.push(line);
        }
        let mut layout = Self { places, lines };
        if is_small {
            layout.order();
        }
        layout.spread();
        layout
    }

    /// Has the library say where in their columns the places are best.
    fn order(&mut self) {
        let vertices: Vec<(u32, (f64, f64))> =
            (0_u32..).zip(&self.places).map(|(number, place)| (number, (place.height(), 1.0))).collect();
        let number = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let edges: Vec<(u32, u32)> =
            self.lines.iter().flat_map(|line| line.windows(2)).map(|pair| (number(pair[0]), number(pair[1]))).collect();
        let config = Config { vertex_spacing: APART, ranking_type: RankingType::Up, ..Config::default() };
        // Parts that have no line between them are laid out apart: one goes below the other.
        let mut top = 0.0;
        for (part, ..) in from_vertices_and_edges(&vertices, &edges, &config) {
            let mut bottom: f64 = top;
            for (at, (across, _)) in part {
                let Some(place) = self.places.get_mut(at) else { continue };
                place.middle = if across.is_finite() { top + across } else { top };
                bottom = bottom.max(place.middle + place.height() + APART);
            }
            top = bottom;
        }
    }

    /// Moves places down until none lies upon another, and all to the top.
    fn spread(&mut self) {
        let last = self.places.iter().map(|place| place.column).max().unwrap_or_default();
        for column in 0..=last {
            let mut within: Vec<usize> =
                (0..self.places.len()).filter(|at| self.places[*at].column == column).collect();
            within.sort_by(|a, b| self.places[*a].middle.total_cmp(&self.places[*b].middle));
            let mut free = f64::NEG_INFINITY;
            for at in within {
                let place = &mut self.places[at];
                place.middle = place.middle.max(free + place.height() / 2.0);
                free = place.middle + place.height() / 2.0 + APART;
            }
        }
        let tops = self.places.iter().map(|place| place.middle - place.height() / 2.0);
        let top = tops.fold(f64::INFINITY, f64::min);
        for place in &mut self.places {
            place.middle = (place.middle - top + MARGIN).round();
        }
    }
}

/// The column of each stage: one right of the last that it depends on.
fn columns(after: &[&[usize]]) -> Vec<u32> {
    let mut columns = vec![0_u32; after.len()];
    let mut open: Vec<usize> = after.iter().map(|on| on.iter().filter(|on| **on < after.len()).count()).collect();
    let mut ready: VecDeque<usize> = (0..after.len()).filter(|at| open[*at] == 0).collect();
    while let Some(done) = ready.pop_front() {
        for (at, on) in after.iter().enumerate() {
            let times = on.iter().filter(|on| **on == done).count();
            if times > 0 {
                columns[at] = columns[at].max(columns[done] + 1);
                open[at] -= times;
                if open[at] == 0 {
                    ready.push_back(at);
                }
            }
        }
    }
    columns
}

/// A line from stage to stage, with a tip: curved between columns, straight where it passes one.
fn path<'a>(mut places: impl Iterator<Item = &'a Place>) -> String {
    let Some(first) = places.next() else { return String::new() };
    let (mut x, mut y) = (first.left() + WIDTH, first.middle);
    let mut path = format!("M{x} {y}");
    for place in places {
        let (left, middle) = (place.left(), place.middle);
        let half = (x + left) / 2.0;
        path += &format!("C{half} {y} {half} {middle} {left} {middle}");
        (x, y) = (left, middle);
        if !place.is_stage {
            x += WIDTH;
            path += &format!("H{x}");
        }
    }
    path + "m-7 -4l7 4l-7 4"
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::marks::Tone;
    use super::*;

    fn stage(name: &str, after: &[usize]) -> Stage {
        let mark = Mark::new(Tone::Done, '✓', "complete");
        Stage { name: name.to_owned(), mark, href: format!("#{name}"), is_current: name == "b", after: after.to_vec() }
    }

    #[test]
    fn a_stage_is_a_link_that_says_all() {
        let stages = [stage("a", &[]), stage("b", &[0]), stage("<i>", &[0, 1])];
        let svg = Graph::new("Steps", &stages).to_string();
        assert_eq!(svg.matches("<a ").count(), 3);
        for part in [
            "aria-label=\"Steps\"",
            "href=\"#a\" aria-label=\"a: complete\"",
            "href=\"#b\" aria-label=\"b: complete, after a\" aria-current=\"true\"",
            "&#60;i&#62;: complete, after a, b",
        ] {
            assert!(svg.contains(part), "{part} is not in {svg}");
        }
        assert!(!svg.contains("<i>") && !svg.contains("style="), "{svg}");
    }

    #[test]
    fn long_names_are_shortened_and_nothing_turns_their_direction() {
        assert_eq!(shortened("Requirements"), "Requirements");
        assert_eq!(shortened(&"x".repeat(23)), format!("{}…", "x".repeat(22)));
        assert_eq!(shortened(&"工".repeat(12)), format!("{}…", "工".repeat(11)));
        assert_eq!(shortened("a\u{202e}b"), "a\u{fffd}b");
    }

    #[test]
    fn a_circle_and_what_is_not_there_are_drawn_somehow() {
        let stages = [stage("a", &[1]), stage("b", &[0]), stage("c", &[7, 2])];
        assert_eq!(Graph::new("Steps", &stages).to_string().matches("<a ").count(), 3);
        assert_eq!(Graph::new("Steps", &[]).to_string().matches("<a ").count(), 0);
    }

    /// What each of some stages depends on: without circles, and in no order.
    fn any_stages(most: usize) -> impl Strategy<Value = Vec<Vec<usize>>> {
        let stages = prop::collection::vec(prop::collection::btree_set(0..most, 0..4), 0..most);
        (stages, any::<u64>()).prop_map(|(stages, shuffle)| {
            let rank = |n: usize| (n as u64).wrapping_add(1).wrapping_mul(shuffle | 1);
            let count = stages.len();
            let on = |(at, on): (usize, std::collections::BTreeSet<usize>)| {
                let on: std::collections::BTreeSet<usize> = on.iter().map(|on| on % count).collect();
                on.into_iter().filter(|on| rank(*on) < rank(at)).collect()
            };
            stages.into_iter().enumerate().map(on).collect()
        })
    }

    fn check(after: &[Vec<usize>]) {
        let after: Vec<&[usize]> = after.iter().map(Vec::as_slice).collect();
        let layout = Layout::of(&after);
        assert_eq!(layout, Layout::of(&after), "it is drawn the same each time");
        for (at, place) in layout.places.iter().enumerate() {
            assert!(place.middle.is_finite() && place.middle >= place.height() / 2.0, "{place:?}");
            for other in &layout.places[..at] {
                let apart = (place.middle - other.middle).abs() - (place.height() + other.height()) / 2.0;
                // Coordinates are whole numbers.
                assert!(place.column != other.column || apart >= APART - 1.5, "{place:?} lies upon {other:?}");
            }
        }
        let edges: usize = after.iter().map(|on| on.len()).sum();
        assert_eq!(layout.lines.len(), edges);
        for line in &layout.lines {
            let columns: Vec<u32> = line.iter().map(|at| layout.places[*at].column).collect();
            assert!(columns.windows(2).all(|pair| pair[0] < pair[1]), "{columns:?}");
        }
    }

    #[test]
    fn the_largest_graphs_are_drawn_soon() {
        let begun = std::time::Instant::now();
        check(&(0..256).map(|n| (n > 0).then(|| n - 1).into_iter().collect()).collect::<Vec<_>>());
        check(&(0..256).map(|n: usize| (n.saturating_sub(64)..n).collect()).collect::<Vec<_>>());
        check(&vec![Vec::new(); 256]);
        check(&(0..60).map(|n| (0..n).collect()).collect::<Vec<_>>());
        check(&(0..33).map(|n| (0..n).collect()).collect::<Vec<_>>());
        assert!(begun.elapsed() < std::time::Duration::from_secs(20), "{:?}", begun.elapsed());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn no_stage_lies_upon_another(after in any_stages(60)) {
            check(&after);
        }
    }
}
