//! What is made from what: the stages of an entity in template order, and the stages that each depends on.
//!
//! Checked once when it is made, and again when it is read back: no name twice, nothing unknown, no cycle.

use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use super::id::StageId;
use super::limits::{STAGE_DEPENDENCIES_MAX, STAGES_MAX};
use super::rejection::Rejection;

/// Stages in template order, with what each depends on. A stage may depend on one that stands later.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Node>", into = "Vec<Node>")]
pub struct StageGraph {
    nodes: Vec<Node>,
    /// Places of all stages, each after those it depends on; among equals in template order.
    order: Vec<usize>,
}

/// A stage and the places of its dependencies. Places instead of names keep the stored state of an entity small.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Node {
    stage: StageId,
    depends_on: Vec<u16>,
}

impl StageGraph {
    /// Checks stages, in template order, with the names each depends on, and makes the graph.
    ///
    /// # Errors
    /// [`Rejection::Invalid`] that names a stage given twice, an unknown dependency, one given twice, or a cycle;
    /// [`Rejection::Limit`] when there are too many.
    pub fn new(stages: Vec<(StageId, Vec<StageId>)>) -> Result<Self, Rejection> {
        if stages.len() > STAGES_MAX {
            return Err(Rejection::limit("stages", STAGES_MAX));
        }
        let mut places = HashMap::with_capacity(stages.len());
        for (place, (stage, _)) in (0_u16..).zip(&stages) {
            if places.insert(stage.clone(), place).is_some() {
                return Err(Rejection::invalid("stages", format!("{stage} is there twice")));
            }
        }
        let mut nodes = Vec::with_capacity(stages.len());
        for (stage, names) in stages {
            let unknown =
                |name| Rejection::invalid("depends_on", format!("{stage} depends on {name}, which is unknown"));
            let depends_on = names
                .iter()
                .map(|name| places.get(name).copied().ok_or_else(|| unknown(name)))
                .collect::<Result<Vec<u16>, Rejection>>()?;
            nodes.push(Node { stage, depends_on });
        }
        Self::try_from(nodes)
    }

    /// How many stages there are.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The stages, in template order.
    pub fn stages(&self) -> impl Iterator<Item = &StageId> {
        self.nodes.iter().map(|node| &node.stage)
    }

    /// The stages, each after all that it depends on; in template order as far as that allows.
    pub fn in_dependency_order(&self) -> impl Iterator<Item = &StageId> {
        self.order.iter().filter_map(|place| self.stage_at(*place))
    }

    /// The place of a stage in template order, from 0.
    pub fn index(&self, stage: &StageId) -> Option<usize> {
        self.nodes.iter().position(|node| node.stage == *stage)
    }

    /// What `stage` directly depends on, in the order it was given.
    pub fn dependencies(&self, stage: &StageId) -> impl Iterator<Item = &StageId> {
        let node = self.nodes.iter().find(|node| node.stage == *stage);
        let places = node.map_or(&[] as &[u16], |node| &node.depends_on);
        places.iter().filter_map(|place| self.stage_at(usize::from(*place)))
    }

    /// What directly depends on `stage`, in template order.
    pub fn dependents(&self, stage: &StageId) -> impl Iterator<Item = &StageId> {
        let place = self.index(stage);
        self.nodes
            .iter()
            .filter(move |node| node.depends_on.iter().any(|on| Some(usize::from(*on)) == place))
            .map(|node| &node.stage)
    }

    /// Everything that depends on `stage`, directly or through others, in template order, without `stage`.
    pub fn downstream(&self, stage: &StageId) -> Vec<&StageId> {
        let Some(start) = self.index(stage) else { return Vec::new() };
        let mut reached = BTreeSet::from([start]);
        for place in &self.order {
            let node = self.nodes.get(*place);
            if node.is_some_and(|node| node.depends_on.iter().any(|on| reached.contains(&usize::from(*on)))) {
                reached.insert(*place);
            }
        }
        reached.remove(&start);
        reached.into_iter().filter_map(|place| self.stage_at(place)).collect()
    }

    /// Everything that `stage` depends on, directly or through others, in template order, without `stage`.
    pub fn upstream(&self, stage: &StageId) -> Vec<&StageId> {
        let Some(start) = self.index(stage) else { return Vec::new() };
        let mut reached = BTreeSet::from([start]);
        for place in self.order.iter().rev() {
            if let Some(node) = self.nodes.get(*place).filter(|_| reached.contains(place)) {
                reached.extend(node.depends_on.iter().map(|on| usize::from(*on)));
            }
        }
        reached.remove(&start);
        reached.into_iter().filter_map(|place| self.stage_at(place)).collect()
    }

    fn stage_at(&self, place: usize) -> Option<&StageId> {
        self.nodes.get(place).map(|node| &node.stage)
    }
}

impl TryFrom<Vec<Node>> for StageGraph {
    type Error = Rejection;

    fn try_from(nodes: Vec<Node>) -> Result<Self, Rejection> {
        if nodes.len() > STAGES_MAX {
            return Err(Rejection::limit("stages", STAGES_MAX));
        }
        let mut names = BTreeSet::new();
        for Node { stage, depends_on } in &nodes {
            if !names.insert(stage) {
                return Err(Rejection::invalid("stages", format!("{stage} is there twice")));
            }
            if depends_on.len() > STAGE_DEPENDENCIES_MAX {
                return Err(Rejection::limit("dependencies of a stage", STAGE_DEPENDENCIES_MAX));
            }
            if depends_on.iter().any(|on| usize::from(*on) >= nodes.len()) {
                return Err(Rejection::invalid("depends_on", format!("{stage} depends on a stage that is not there")));
            }
            if depends_on.iter().collect::<BTreeSet<_>>().len() < depends_on.len() {
                return Err(Rejection::invalid("depends_on", format!("{stage} names a dependency twice")));
            }
        }
        let order = dependency_order(&nodes);
        if order.len() < nodes.len() {
            return Err(Rejection::invalid("depends_on", cycle(&nodes, &order)));
        }
        Ok(Self { nodes, order })
    }
}

impl From<StageGraph> for Vec<Node> {
    fn from(graph: StageGraph) -> Self {
        graph.nodes
    }
}

/// The places that can be put after all they depend on: all of them unless there is a cycle.
fn dependency_order(nodes: &[Node]) -> Vec<usize> {
    let mut order = Vec::with_capacity(nodes.len());
    let mut placed = vec![false; nodes.len()];
    let is_placed = |placed: &[bool], on: &u16| placed.get(usize::from(*on)).copied().unwrap_or(false);
    loop {
        let before = order.len();
        for (place, node) in nodes.iter().enumerate() {
            if !placed.get(place).copied().unwrap_or(true) && node.depends_on.iter().all(|on| is_placed(&placed, on)) {
                order.push(place);
                placed.iter_mut().skip(place).take(1).for_each(|done| *done = true);
            }
        }
        if order.len() == before {
            return order;
        }
    }
}

/// Names a cycle among the places that could not be ordered. Each of those has a dependency that could not either, so
/// going from dependency to dependency comes back to a place that was passed.
fn cycle(nodes: &[Node], order: &[usize]) -> String {
    let stuck: BTreeSet<usize> = (0..nodes.len()).filter(|place| !order.contains(place)).collect();
    let mut path: Vec<usize> = Vec::new();
    let mut next = stuck.first().copied();
    while let Some(place) = next {
        if let Some(start) = path.iter().position(|passed| *passed == place) {
            path.drain(..start);
            path.push(place);
            break;
        }
        path.push(place);
        let depends_on = nodes.get(place).map_or(&[] as &[u16], |node| &node.depends_on);
        next = depends_on.iter().map(|on| usize::from(*on)).find(|on| stuck.contains(on));
    }
    let names: Vec<&str> = path.iter().filter_map(|place| nodes.get(*place)).map(|node| node.stage.as_str()).collect();
    format!("the stages depend on each other in a circle: {}", names.join(" -> "))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Stages<'a> = &'a [(&'a str, &'a [&'a str])];

    fn id(name: &str) -> StageId {
        StageId::new(name).unwrap()
    }

    fn graph(stages: Stages<'_>) -> Result<StageGraph, Rejection> {
        let stage = |(name, on): &(&str, &[&str])| (id(name), on.iter().map(|on| id(on)).collect());
        StageGraph::new(stages.iter().map(stage).collect())
    }

    fn names<'a>(stages: impl IntoIterator<Item = &'a StageId>) -> Vec<&'a str> {
        stages.into_iter().map(StageId::as_str).collect()
    }

    #[test]
    fn a_diamond_is_walked_in_template_order() {
        let graph = graph(&[("d", &["c", "b"]), ("a", &[]), ("b", &["a"]), ("c", &["a"]), ("e", &[])]).unwrap();
        assert_eq!(names(graph.stages()), ["d", "a", "b", "c", "e"]);
        assert_eq!(names(graph.in_dependency_order()), ["a", "b", "c", "e", "d"]);
        assert_eq!(names(graph.downstream(&id("a"))), ["d", "b", "c"]);
        assert_eq!(names(graph.upstream(&id("d"))), ["a", "b", "c"]);
        assert_eq!(names(graph.dependencies(&id("d"))), ["c", "b"]);
        assert_eq!(names(graph.dependents(&id("a"))), ["b", "c"]);
        assert_eq!((graph.index(&id("e")), graph.len(), graph.is_empty()), (Some(4), 5, false));
    }

    #[test]
    fn an_unknown_stage_has_nothing_around_it() {
        let graph = graph(&[("a", &[])]).unwrap();
        let x = id("x");
        assert!(graph.downstream(&x).is_empty() && graph.upstream(&x).is_empty() && graph.index(&x).is_none());
        assert!(graph.dependents(&x).next().is_none() && graph.dependencies(&x).next().is_none());
    }

    #[test]
    fn what_is_no_graph_is_refused_by_name() {
        let cases: [(Stages<'_>, &str); 6] = [
            (&[("a", &["a"])], "circle: a -> a"),
            (&[("a", &["c"]), ("b", &["a"]), ("c", &["b"])], "circle: a -> c -> b -> a"),
            (&[("x", &["a"]), ("a", &["b"]), ("b", &["a"])], "circle: a -> b -> a"),
            (&[("a", &["b"])], "a depends on b, which is unknown"),
            (&[("a", &[]), ("a", &[])], "a is there twice"),
            (&[("a", &[]), ("b", &["a", "a"])], "b names a dependency twice"),
        ];
        for (stages, expected) in cases {
            let refused = graph(stages).unwrap_err().to_string();
            assert!(refused.contains(expected), "{refused}");
        }
    }

    #[test]
    fn there_are_bounds() {
        let stages = |n: usize| (0..n).map(|n| (id(&n.to_string()), vec![])).collect::<Vec<_>>();
        assert!(StageGraph::new(stages(STAGES_MAX)).is_ok());
        assert!(matches!(StageGraph::new(stages(STAGES_MAX + 1)), Err(Rejection::Limit { .. })));
        let mut wide = stages(STAGE_DEPENDENCIES_MAX + 2);
        let on: Vec<StageId> = wide.iter().map(|(stage, _)| stage.clone()).take(STAGE_DEPENDENCIES_MAX + 1).collect();
        wide.last_mut().unwrap().1 = on[1..].to_vec();
        assert!(StageGraph::new(wide.clone()).is_ok());
        wide.last_mut().unwrap().1 = on;
        assert!(matches!(StageGraph::new(wide), Err(Rejection::Limit { .. })));
    }

    #[test]
    fn the_longest_chain_is_walked_whole_in_either_order() {
        let name = |n: usize| id(&format!("s{n}"));
        let on = |n: usize| if n == 0 { vec![] } else { vec![name(n - 1)] };
        let mut stages: Vec<_> = (0..STAGES_MAX).map(|n| (name(n), on(n))).collect();
        for _ in 0..2 {
            let graph = StageGraph::new(stages.clone()).unwrap();
            assert_eq!(graph.downstream(&name(0)).len(), STAGES_MAX - 1);
            assert_eq!(graph.upstream(&name(STAGES_MAX - 1)).len(), STAGES_MAX - 1);
            stages.reverse();
        }
    }

    #[test]
    fn what_is_stored_is_checked_again() {
        let read = |text: &str| serde_json::from_str::<StageGraph>(text);
        assert!(read(r#"[{"stage":"a","depends_on":[]},{"stage":"b","depends_on":[0]}]"#).is_ok());
        assert!(read(r#"[{"stage":"a","depends_on":[1]},{"stage":"b","depends_on":[0]}]"#).is_err());
        assert!(read(r#"[{"stage":"a","depends_on":[7]}]"#).is_err());
        assert!(read(r#"[{"stage":"../a","depends_on":[]}]"#).is_err());
    }

    /// Any edges at all among some stages: most of these have cycles.
    fn any_edges(most: usize) -> impl Strategy<Value = Vec<BTreeSet<usize>>> {
        prop::collection::vec(prop::collection::btree_set(0..most, 0..3), most)
    }

    fn from_edges(edges: &[BTreeSet<usize>]) -> Result<StageGraph, Rejection> {
        let name = |n: usize| id(&format!("s{n}"));
        let stage = |(n, on): (usize, &BTreeSet<usize>)| (name(n), on.iter().map(|on| name(*on)).collect());
        StageGraph::new(edges.iter().enumerate().map(stage).collect())
    }

    /// Whether `from` leads to `to` by at least one edge, by trying all ways of growing length.
    fn reaches(edges: &[BTreeSet<usize>], from: usize, to: usize) -> bool {
        let mut seen = edges[from].clone();
        for _ in 0..edges.len() {
            seen = seen.iter().flat_map(|on| edges[*on].iter().copied().chain([*on])).collect();
        }
        seen.contains(&to)
    }

    proptest! {
        #[test]
        fn a_graph_is_refused_exactly_when_a_stage_leads_back_to_itself(edges in any_edges(8)) {
            let cyclic = (0..8).any(|n| reaches(&edges, n, n));
            prop_assert_eq!(from_edges(&edges).is_err(), cyclic);
        }

        #[test]
        fn downstream_and_upstream_are_the_naive_closures(edges in any_edges(12), shuffle in any::<u64>()) {
            // Edges that point down in some shuffled order have no cycle, and are not in template order.
            let rank = |n: usize| (n as u64).wrapping_add(1).wrapping_mul(shuffle | 1);
            let edges: Vec<BTreeSet<usize>> = edges
                .iter()
                .enumerate()
                .map(|(n, on)| on.iter().copied().filter(|on| rank(*on) < rank(n)).collect())
                .collect();
            let graph = from_edges(&edges).unwrap();
            let stages: Vec<StageId> = graph.stages().cloned().collect();
            for (n, stage) in stages.iter().enumerate() {
                let named = |want: &dyn Fn(usize) -> bool| -> Vec<&StageId> {
                    (0..edges.len()).filter(|m| want(*m)).map(|m| &stages[m]).collect()
                };
                prop_assert_eq!(graph.downstream(stage), named(&|m| reaches(&edges, m, n)));
                prop_assert_eq!(graph.upstream(stage), named(&|m| reaches(&edges, n, m)));
                prop_assert_eq!(graph.dependents(stage).collect::<Vec<_>>(), named(&|m| edges[m].contains(&n)));
            }
            let order: Vec<&StageId> = graph.in_dependency_order().collect();
            for (place, stage) in order.iter().enumerate() {
                prop_assert!(graph.dependencies(stage).all(|on| order[..place].contains(&on)));
            }
            let stored = serde_json::to_string(&graph).unwrap();
            prop_assert_eq!(serde_json::from_str::<StageGraph>(&stored).unwrap(), graph);
        }
    }
}
