//! Generations: one number that is both the fence for writers and the layer that content is written to.
//!
//! A stage's content lies in layers, one a generation, and a layer that is no longer the newest never changes again.
//! Going back raises the generation and says what the new layer inherits: nothing (reset), what was there (revise), or
//! what an undo point remembers (undo). So going back costs the same at any size, what was there is still there for
//! undo, and a writer that names an older number can't reach anything that is read.

use serde::{Deserialize, Serialize};

use super::limits::LAYERS_MAX;
use super::rejection::Rejection;

/// The number of a stage's content, raised by every turn that goes back. The first is 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Generation(pub u64);

impl Generation {
    /// What a stage begins with.
    pub const FIRST: Self = Self(1);
}

impl std::fmt::Display for Generation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// What a new generation inherits from those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Inherit {
    /// Nothing: the content before it is archived.
    Nothing,
    /// Everything that is there now.
    Current,
}

/// The fence of one stage: its current generation and the layers it reads through.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fence {
    /// The generation that writers must name.
    pub generation: Generation,
    /// The layers that are read, newest first. The first is `generation`, the only one written to.
    pub layers: Vec<Generation>,
    /// Whether anything was written to the newest layer.
    pub written: bool,
    /// The entity's revision when content or state of this stage last changed.
    pub touched: u64,
}

impl Default for Fence {
    fn default() -> Self {
        Self { generation: Generation::FIRST, layers: vec![Generation::FIRST], written: false, touched: 0 }
    }
}

impl Fence {
    /// The fence after a raise that inherits as said.
    ///
    /// # Errors
    /// [`Rejection::Limit`] when the new layer would inherit from too many.
    pub fn raised(&self, inherit: Inherit) -> Result<Self, Rejection> {
        match inherit {
            Inherit::Nothing => self.raised_over(&[]),
            Inherit::Current => self.raised_over(self.base()),
        }
    }

    /// The fence after a raise to a new layer above `base`, newest first.
    ///
    /// # Errors
    /// [`Rejection::Limit`] when the new layer would inherit from too many.
    pub fn raised_over(&self, base: &[Generation]) -> Result<Self, Rejection> {
        if base.len() >= LAYERS_MAX {
            return Err(Rejection::limit("content layers of a stage", LAYERS_MAX));
        }
        let generation = Generation(self.generation.0.saturating_add(1));
        let mut layers = Vec::with_capacity(base.len().saturating_add(1));
        layers.push(generation);
        layers.extend_from_slice(base);
        Ok(Self { generation, layers, written: false, touched: self.touched })
    }

    /// What a layer on top of this fence reads through: its layers, less a newest one that nothing was written to.
    pub fn base(&self) -> &[Generation] {
        if self.written { &self.layers } else { self.layers.get(1..).unwrap_or_default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(fence: &Fence) -> Vec<u64> {
        fence.layers.iter().map(|g| g.0).collect()
    }

    #[test]
    fn a_reset_reads_through_nothing_and_a_revise_through_all() {
        let mut fence = Fence { written: true, ..Fence::default() };
        assert_eq!(numbers(&fence.raised(Inherit::Nothing).unwrap()), [2]);
        fence = fence.raised(Inherit::Current).unwrap();
        assert_eq!(numbers(&fence), [2, 1]);
    }

    #[test]
    fn layers_nobody_wrote_to_are_not_kept() {
        let written = Fence { written: true, ..Fence::default() };
        let twice = written.raised(Inherit::Current).unwrap().raised(Inherit::Current).unwrap();
        assert_eq!(numbers(&twice), [3, 1]);
    }

    #[test]
    fn too_many_layers_are_refused() {
        let mut fence = Fence::default();
        for _ in 1..=LAYERS_MAX - 1 {
            fence.written = true;
            fence = fence.raised(Inherit::Current).unwrap();
        }
        fence.written = true;
        assert!(matches!(fence.raised(Inherit::Current), Err(Rejection::Limit { .. })));
        assert!(fence.raised(Inherit::Nothing).is_ok());
    }
}
