//! Reading content through the layers of a stage: the newest layer that has a path wins.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::keys::{EntityKeys, after_prefix};
use crate::domain::{Generation, StageId};
use crate::store::{Store, StoreError};

/// A page of content: paths with their bytes, ascending.
pub type Page = Vec<(Vec<u8>, Vec<u8>)>;

/// Which part of a stage's content to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRange {
    /// Only paths that begin like this.
    pub prefix: Vec<u8>,
    /// Only paths after this one.
    pub after: Option<Vec<u8>>,
    /// At most this many.
    pub most: usize,
}

impl PageRange {
    /// Everything below a prefix, up to 1,000 paths; an empty prefix for all there is.
    pub fn under(prefix: impl Into<Vec<u8>>) -> Self {
        Self { prefix: prefix.into(), after: None, most: 1_000 }
    }
}

/// Reads a page of what is durable, through `layers`, newest first.
pub(crate) fn page(
    store: &dyn Store,
    keys: &EntityKeys,
    stage: &StageId,
    layers: &[Generation],
    range: &PageRange,
) -> Result<Page, StoreError> {
    let mut merged: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    // Oldest first, so that a newer layer overwrites. Each layer gives its first `most` paths, so the first `most` of
    // all are among them.
    for generation in layers.iter().rev() {
        let layer = keys.layer(stage, *generation);
        let beginning = [layer.as_slice(), &range.prefix].concat();
        let from = match &range.after {
            Some(path) => Bound::Excluded([layer.as_slice(), path].concat()),
            None => Bound::Included(beginning.clone()),
        };
        let to = after_prefix(&beginning);
        for (key, bytes) in store.scan(as_slice(&from), as_slice(&to), range.most)? {
            merged.insert(key[layer.len()..].to_vec(), bytes);
        }
        while merged.len() > range.most {
            merged.pop_last();
        }
    }
    Ok(merged.into_iter().collect())
}

/// Everything below a prefix of keys, in pages, to a visitor that says whether to go on.
pub(crate) fn each_key(
    store: &dyn Store,
    prefix: &[u8],
    after: Option<Vec<u8>>,
    mut visit: impl FnMut(&[u8], &[u8]) -> bool,
) -> Result<(), StoreError> {
    const PAGE: usize = 512;
    let to = after_prefix(prefix);
    let mut from = match after {
        Some(key) => Bound::Excluded(key),
        None => Bound::Included(prefix.to_vec()),
    };
    loop {
        let page = store.scan(as_slice(&from), as_slice(&to), PAGE)?;
        for (key, value) in &page {
            if !visit(key, value) {
                return Ok(());
            }
        }
        match page.into_iter().next_back() {
            Some((last, _)) => from = Bound::Excluded(last),
            None => return Ok(()),
        }
    }
}

fn as_slice(bound: &Bound<Vec<u8>>) -> Bound<&[u8]> {
    match bound {
        Bound::Included(key) => Bound::Included(key),
        Bound::Excluded(key) => Bound::Excluded(key),
        Bound::Unbounded => Bound::Unbounded,
    }
}
