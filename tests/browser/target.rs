//! What a person points at: by its role and name, as a screen reader says it, or by a selector.

use serde_json::{Value, json};

use crate::driver::{Driver, Element, Refused};

/// Something on a page.
#[derive(Clone, Debug)]
pub struct Target {
    by: By,
    /// Only what is inside the first element of this selector.
    inside: Option<String>,
}

#[derive(Clone, Debug)]
enum By {
    Selector(String),
    Role(&'static str, String),
}

/// What has a role, such as `heading`, `checkbox`, `tab`, `dialog`, and a name.
pub fn role(role: &'static str, name: &str) -> Target {
    Target { by: By::Role(role, name.to_owned()), inside: None }
}

/// A button by its words.
pub fn button(name: &str) -> Target {
    role("button", name)
}

/// A link by its words.
pub fn link(name: &str) -> Target {
    role("link", name)
}

/// A text field by its label.
pub fn field(label: &str) -> Target {
    role("textbox", label)
}

impl From<&str> for Target {
    fn from(selector: &str) -> Self {
        Self { by: By::Selector(selector.to_owned()), inside: None }
    }
}

impl From<&Target> for Target {
    fn from(target: &Target) -> Self {
        target.clone()
    }
}

impl Target {
    /// The same, inside the first element of a selector.
    pub fn inside(mut self, selector: &str) -> Self {
        self.inside = Some(selector.to_owned());
        self
    }

    /// The first one of its kind, if there is one now.
    pub fn find(&self, driver: &Driver) -> Result<Option<Element>, Refused> {
        match &self.by {
            By::Selector(selector) => {
                let whole =
                    self.inside.as_ref().map_or_else(|| selector.clone(), |inside| format!("{inside} {selector}"));
                let found = driver.script("return document.querySelector(arguments[0])", json!([whole]))?;
                Ok(Driver::element(&found))
            }
            By::Role(role, name) => match self.named(driver, role, name)? {
                Some(node) => element_of(driver, &node),
                None => Ok(None),
            },
        }
    }

    /// What else of the same role is there, for who reads why a test failed.
    pub fn others(&self, driver: &Driver) -> String {
        let By::Role(role, _) = &self.by else { return String::new() };
        let names: Vec<String> = self.of_role(driver, role).unwrap_or_default().iter().map(name_of).collect();
        format!("; what has that role is {names:?}")
    }

    fn named(&self, driver: &Driver, role: &str, name: &str) -> Result<Option<Value>, Refused> {
        Ok(self.of_role(driver, role)?.into_iter().find(|node| name_of(node) == name))
    }

    fn of_role(&self, driver: &Driver, role: &str) -> Result<Vec<Value>, Refused> {
        let mut root = driver.devtools("DOM.getDocument", json!({ "depth": 0 }))?["root"]["nodeId"].take();
        if let Some(inside) = &self.inside {
            let place = json!({ "nodeId": root, "selector": inside });
            root = driver.devtools("DOM.querySelector", place)?["nodeId"].take();
            if root == 0 {
                return Ok(Vec::new());
            }
        }
        let mut found = driver.devtools("Accessibility.queryAXTree", json!({ "nodeId": root, "role": role }))?;
        let nodes = found["nodes"].as_array_mut().map(std::mem::take).unwrap_or_default();
        Ok(nodes.into_iter().filter(|node| node["ignored"] == false).collect())
    }
}

fn name_of(node: &Value) -> String {
    let name = node["name"]["value"].as_str().unwrap_or_default();
    name.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The element of a node of the accessibility tree: handed over through a variable of the page.
fn element_of(driver: &Driver, node: &Value) -> Result<Option<Element>, Refused> {
    let object = driver.devtools("DOM.resolveNode", json!({ "backendNodeId": node["backendDOMNodeId"] }))?;
    let hand_over = json!({
        "objectId": object["object"]["objectId"],
        "functionDeclaration": "function () { window.handedOver = this; }",
    });
    driver.devtools("Runtime.callFunctionOn", hand_over)?;
    let found = driver.script("const found = window.handedOver; delete window.handedOver; return found", json!([]))?;
    Ok(Driver::element(&found))
}
