//! The table of layers, as ARCHITECTURE.md states it, and the rule that it stands for.

use std::collections::BTreeMap;

use crate::source::{Import, Root};

/// One of the two crates that have layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum House {
    Core,
    Box,
}

/// Where a module stands: its layer, counted from the lowest, and its place on the layer's line.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    layer: usize,
    /// `None` is `*`: a module that may import all others of its crate and that none may import, such as the simulator.
    label: Option<String>,
    position: usize,
}

/// Every module of both crates with its place.
#[derive(Debug, Default)]
pub(crate) struct Table {
    places: BTreeMap<(House, String), Place>,
}

/// The layers whose modules are islands: none imports a sibling. In the other layers a module may also import
/// those that stand before it on its line, so that there is never a cycle.
const ISLANDS: [&str; 2] = ["L2", "B2"];

/// The root of the binary: it composes, so it may import everything.
const BINARY: &str = "main";

impl Table {
    /// Reads the block that begins with ```` ```layers ````: lines of crate, layer and modules, lowest layer first.
    pub(crate) fn parse(document: &str) -> Result<Self, String> {
        let mut table = Self::default();
        let mut order: Vec<(House, String)> = Vec::new();
        for line in block(document)? {
            let mut words = line.split_whitespace();
            let house = match words.next() {
                Some("core") => House::Core,
                Some("box") => House::Box,
                other => return Err(format!("layers: `{line}` begins with {other:?}, not with core or box")),
            };
            let words: Vec<&str> = words.collect();
            if let [name, "*"] = words[..] {
                table.add(house, name, Place { layer: usize::MAX, label: None, position: 0 })?;
                continue;
            }
            let Some((label, modules)) = words.split_first() else {
                return Err(format!("layers: `{line}` names no layer"));
            };
            let key = (house, (*label).to_owned());
            let layer = order.iter().position(|known| *known == key).unwrap_or_else(|| {
                order.push(key);
                order.len() - 1
            });
            for name in modules {
                let position = table.places.len();
                table.add(house, name, Place { layer, label: Some((*label).to_owned()), position })?;
            }
        }
        Ok(table)
    }

    fn add(&mut self, house: House, name: &str, place: Place) -> Result<(), String> {
        match self.places.insert((house, name.to_owned()), place) {
            Some(_) => Err(format!("layers: {name} stands twice")),
            None => Ok(()),
        }
    }

    /// Whether `module` has a place in the table.
    pub(crate) fn knows(&self, house: House, module: &str) -> bool {
        self.place(house, module).is_some()
    }

    fn place(&self, house: House, module: &str) -> Option<&Place> {
        self.places.get(&(house, module.to_owned()))
    }

    /// Why `module` of `house` may not make this import; `None` when it may.
    pub(crate) fn objection(&self, house: House, module: &str, import: &Import) -> Option<String> {
        match import.root {
            Root::SerdeJson => untyped_json(house, module, &import.name),
            Root::Core => self.objection_to_core(&import.name),
            Root::Own => self.objection_to_sibling(house, module, &import.name),
        }
    }

    fn objection_to_core(&self, name: &str) -> Option<String> {
        match self.place(House::Core, name) {
            None => {
                Some(format!("`callbox_core::{name}` is no module of the table of layers; name the module"))
            }
            Some(Place { label: None, .. }) => Some(format!("{name} is for tests only")),
            Some(_) => None,
        }
    }

    fn objection_to_sibling(&self, house: House, module: &str, name: &str) -> Option<String> {
        if module == name || (house == House::Box && module == BINARY) {
            return None;
        }
        let Some(target) = self.place(house, name) else {
            return Some(format!("`crate::{name}` is no module of the table of layers; name the module"));
        };
        // A module without a place is an error of its own, reported once for the file.
        let place = self.place(house, module)?;
        let (Some(own), Some(theirs)) = (&place.label, &target.label) else {
            return target.label.is_none().then(|| format!("{name} is for tests only"));
        };
        if target.layer > place.layer {
            Some(format!("{module} ({own}) imports {name} ({theirs}), which stands above it"))
        } else if target.layer == place.layer && ISLANDS.contains(&own.as_str()) {
            Some(format!("{module} and {name} are both {own}, whose modules never import one another"))
        } else if target.layer == place.layer && target.position > place.position {
            Some(format!("{module} imports {name}, which stands behind it in {own}"))
        } else {
            None
        }
    }
}

/// JSON without a type is known to the wire only; behind it every message is an enum.
fn untyped_json(house: House, module: &str, name: &str) -> Option<String> {
    let untyped = ["Value", "Map", "json", "*"].contains(&name);
    (house == House::Core && module != "wire" && untyped)
        .then(|| format!("`serde_json::{name}` outside wire: untyped JSON never leaves it"))
}

fn block(document: &str) -> Result<Vec<&str>, String> {
    let mut lines = document.lines().skip_while(|line| line.trim() != "```layers");
    lines.next().ok_or("layers: ARCHITECTURE.md has no block that begins with ```layers")?;
    Ok(lines.take_while(|line| line.trim() != "```").filter(|line| !line.trim().is_empty()).collect())
}
