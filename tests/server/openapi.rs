//! The document that clients are generated from.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::world::World;

/// All operations of a document: method, path, operation.
pub fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let paths = document["paths"].as_object().unwrap();
    let of_path = |(path, item): (&String, &Value)| {
        let operations = item.as_object().unwrap().iter();
        let all = operations.map(|(method, operation)| (method.to_uppercase(), path.clone(), operation.clone()));
        all.collect::<Vec<_>>()
    };
    paths.iter().flat_map(of_path).collect()
}

#[tokio::test]
async fn every_operation_is_described() {
    let world = World::new().await;
    let document = world.get("/v1/openapi.json").await.json();
    assert_eq!(document["openapi"], "3.1.0");
    let mut ids = BTreeSet::new();
    for (method, path, operation) in operations(&document) {
        let named = format!("{method} {path}");
        let id = operation["operationId"].as_str().unwrap_or_else(|| panic!("{named} has no id"));
        assert!(ids.insert(id.to_owned()), "{named}: the id {id} is there twice");
        assert!(
            id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'),
            "{named}: {id}"
        );
        assert_eq!(operation["tags"].as_array().map(Vec::len), Some(1), "{named} has no tag");
        assert!(operation["security"].is_array(), "{named} does not say who may");
        assert!(!operation["summary"].as_str().unwrap_or_default().is_empty(), "{named} has no summary");
        assert!(!operation["description"].as_str().unwrap_or_default().is_empty(), "{named} has no description");
        let refusals: Vec<&String> =
            operation["responses"].as_object().unwrap().keys().filter(|s| s.starts_with('4')).collect();
        assert!(refusals.len() >= 2, "{named} declares {refusals:?}");
        for status in refusals {
            let schema = &operation["responses"][status]["content"]["application/problem+json"]["schema"]["$ref"];
            assert_eq!(schema, "#/components/schemas/Problem", "{named}: {status}");
        }
    }
    assert!(ids.contains("livez") && ids.len() >= 4, "{ids:?}");
    world.end().await;
}

#[tokio::test]
async fn all_that_the_document_refers_to_is_in_it() {
    fn refer<'a>(value: &'a Value, to: &mut BTreeSet<&'a str>) {
        match value {
            Value::Object(object) => {
                to.extend(object.get("$ref").and_then(Value::as_str));
                object.values().for_each(|value| refer(value, to));
            }
            Value::Array(list) => list.iter().for_each(|value| refer(value, to)),
            _ => {}
        }
    }
    let world = World::new().await;
    let document = world.get("/v1/openapi.json").await.json();
    let mut names = BTreeSet::new();
    refer(&document, &mut names);
    assert!(names.contains("#/components/schemas/Problem"), "{names:?}");
    for name in names {
        assert!(document.pointer(name.strip_prefix('#').unwrap()).is_some(), "{name} is missing");
    }
    let tags: BTreeSet<&str> =
        document["tags"].as_array().unwrap().iter().map(|tag| tag["name"].as_str().unwrap()).collect();
    for (method, path, operation) in operations(&document) {
        let tag = operation["tags"][0].as_str().unwrap();
        assert!(tags.contains(tag), "{method} {path}: nothing is said about its tag {tag}");
        for requirement in operation["security"].as_array().unwrap() {
            for scheme in requirement.as_object().unwrap().keys() {
                assert!(document["components"]["securitySchemes"][scheme].is_object(), "{method} {path}: {scheme}");
            }
        }
    }
    world.end().await;
}

/// The document has them by name alone: of two of one name the last would stand for both.
#[test]
fn no_two_forms_on_the_wire_have_the_same_name() {
    fn walk(at: &std::path::Path, names: &mut Vec<String>) {
        for path in std::fs::read_dir(at).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                walk(&path, names);
            } else if path.extension().is_some_and(|of| of == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                names.extend(text.split("ToSchema").skip(1).filter_map(form));
            }
        }
    }
    /// The name that follows a derive, if it is one.
    fn form(rest: &str) -> Option<String> {
        let (derived, rest) = rest.split_once(")]\n")?;
        if derived.contains('\n') {
            return None;
        }
        let (head, rest) = rest
            .split_once("struct ")
            .into_iter()
            .chain(rest.split_once("enum "))
            .min_by_key(|(head, _)| head.len())?;
        if head.contains(';') || head.contains('{') {
            return None;
        }
        let name = head.split_once("schema(as = ").map_or(rest, |(_, name)| name);
        Some(name.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect())
    }
    let mut names = Vec::new();
    walk(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http"), &mut names);
    assert!(names.len() > 100, "only {names:?} were found");
    names.sort();
    let twice: BTreeSet<_> = names.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| &pair[0]).collect();
    assert!(twice.is_empty(), "give one of each another name, with #[schema(as = ...)]: {twice:?}");
}
