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
