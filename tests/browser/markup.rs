//! The pages as they come over the wire: their policy, and nothing in them that needs a weaker one.

use serde_json::json;

use crate::world::World;

/// The tags of a page, without `<` and `>`: text in it has neither.
fn tags(html: &str) -> impl Iterator<Item = &str> {
    html.split('<').skip(1).filter_map(|piece| piece.split('>').next()).filter(|tag| !tag.starts_with(['/', '!']))
}

/// The names of a tag's attributes. What is within quotes is none.
fn attributes(tag: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut rest = tag;
    while let Some((_, after)) = rest.split_once(char::is_whitespace) {
        let after = after.trim_start();
        let end = after.find(|c: char| c == '=' || c.is_whitespace()).unwrap_or(after.len());
        names.push(&after[..end]);
        rest = &after[end..];
        if let Some(value) = rest.strip_prefix('=') {
            let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
            rest = quote.and_then(|quote| value[1..].split_once(quote)).map_or(value, |(_, after)| after);
        }
    }
    names
}

#[test]
fn no_page_needs_a_weaker_policy_than_it_has() {
    let Some(world) = World::new() else { return };
    for kind in ["workshop", "task", "workflow"] {
        world.post(&format!("/v1/examples/{kind}"), json!({}));
    }
    let mut seen = 0;
    for path in world.pages() {
        let (status, headers, text) = world.page(&path);
        // Some addresses lead on to others, which are among the pages too.
        if status == 303 {
            continue;
        }
        assert_eq!(status, 200, "{path}: {text}");
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
        for part in ["base-uri 'none'", "frame-ancestors 'none'", "form-action 'self'", "style-src 'self'"] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert!(text.matches("<script").count() == 0 || policy.contains("require-trusted-types-for"), "{path}");
        assert_eq!(headers["cache-control"], "no-store", "{path}");
        assert!(!headers.contains_key("set-cookie"), "{path}");
        for tag in tags(&text) {
            seen += 1;
            for name in attributes(tag) {
                assert!(name != "style" && !name.starts_with("on"), "{path}: <{tag}>");
                assert!(!name.starts_with("hx-") || attributes(tag).contains(&"hx-nonce"), "{path}: <{tag}>");
            }
            let is_script = tag.starts_with("script");
            assert!(!is_script || (tag.contains(" src=\"/assets/") && tag.contains(" nonce=\"")), "{path}: <{tag}>");
            assert!(
                !tag.starts_with("style") && !tag.starts_with("iframe") && !tag.starts_with("base"),
                "{path}: <{tag}>"
            );
            assert!(!tag.contains("javascript:") && !tag.contains("=\"//"), "{path}: <{tag}>");
        }
    }
    assert!(seen > 1_000, "{seen}");
}

#[test]
fn what_pages_load_is_kept_by_browsers_and_carries_no_cookie() {
    let Some(world) = World::new() else { return };
    let (_, _, page) = world.page("/");
    let loaded = tags(&page).filter_map(|tag| tag.split_once("=\"/assets/")?.1.split('"').next());
    let loaded: Vec<String> = loaded.map(|path| format!("/assets/{path}")).collect();
    assert!(loaded.len() > 3, "{page}");
    for path in loaded {
        let (status, headers, _) = world.page(&path);
        assert_eq!(status, 200, "{path}");
        let cache = headers["cache-control"].to_str().unwrap();
        assert!(cache.contains("immutable") && cache.contains("max-age=31536000"), "{path}: {cache}");
        assert!(!headers.contains_key("set-cookie"), "{path}");
        assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
    }
    let (status, ..) = world.page("/assets/0000000000000000/page.css");
    assert_eq!(status, 404, "another version's files are not these");
}

#[test]
fn attributes_are_found_and_what_is_in_quotes_is_none() {
    assert_eq!(attributes("a href=\"/x onclick=1\" data-a='b style=c' hidden"), ["href", "data-a", "hidden"]);
    assert_eq!(attributes("img src=x onerror=alert(1)"), ["src", "onerror"]);
    assert_eq!(attributes("br"), [""; 0]);
}
