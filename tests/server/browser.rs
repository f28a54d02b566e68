//! Callers that are browsers: names that lead here, pages that send requests, sessions.

use std::time::Duration;

use reqwest::header::{HeaderMap, SET_COOKIE};
use reqwest::{Method, RequestBuilder};
use restage::ServerOptions;
use restage::access::{Role, limits};
use serde_json::json;

use crate::world::{Answered, Hand, World, answered};

/// A link that was not used yet.
async fn link(world: &World, role: Role) -> String {
    let access = world.restage.access().await.unwrap().by("test");
    access.make_link("Ann <b>", role).await.unwrap().reveal().to_owned()
}

/// What the button on the page sends.
fn press(world: &World, link: &str) -> RequestBuilder {
    let origin = format!("http://{}", world.address());
    let form = format!("link={link}");
    let request = world.ask(Method::POST, "/sign-in").body(form).header("Origin", origin);
    request.header("Content-Type", "application/x-www-form-urlencoded").header("Sec-Fetch-Site", "same-origin")
}

/// The cookie that was set, as it is sent back.
#[track_caller]
fn cookie(headers: &HeaderMap) -> String {
    let set = headers[SET_COOKIE].to_str().unwrap();
    set.split(';').next().unwrap().to_owned()
}

/// A browser that is signed in.
async fn signed_in(world: &World, role: Role) -> String {
    let answer = answered(press(world, &link(world, role).await)).await;
    assert_eq!((answer.status, &answer.headers["location"]), (303, &"/".parse().unwrap()), "{}", answer.text);
    cookie(&answer.headers)
}

/// A page's request for a token, with the cookie and these headers.
async fn create_token(world: &World, cookie: &str, headers: &[(&str, &str)], body: &'static str) -> Answered {
    let mut request = world.ask(Method::POST, "/v1/tokens").header("Cookie", cookie).body(body);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    answered(request).await
}

#[tokio::test]
async fn a_link_signs_a_browser_in_once() {
    let world = World::new().await;
    let link = link(&world, Role::Write).await;
    let page = world.get(&format!("/sign-in?link={link}")).await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains(&link) && page.text.contains("<button"), "looking at it does not use it up");
    let again = world.get(&format!("/sign-in?link={link}")).await;
    assert_eq!(again.status, 200);

    let answer = answered(press(&world, &link)).await;
    assert_eq!((answer.status, &answer.headers["location"]), (303, &"/".parse().unwrap()));
    let set = answer.headers[SET_COOKIE].to_str().unwrap();
    for part in ["restage_session=", "; HttpOnly", "; SameSite=Strict", "; Path=/", "; Max-Age=604800"] {
        assert!(set.contains(part), "{set}");
    }
    assert!(!set.contains("Domain") && !set.contains(&link));
    let session = cookie(&answer.headers);
    let home = answered(world.ask(Method::GET, "/").header("Cookie", &session)).await;
    assert!(home.text.contains("Ann &#60;b&#62;") && home.text.contains("write"), "{}", home.text);
    let me = answered(world.ask(Method::GET, "/v1/me").header("Cookie", &session)).await.json();
    assert_eq!((me["name"].as_str(), me["role"].as_str()), (Some("Ann <b>"), Some("write")));

    let twice = answered(press(&world, &link)).await;
    assert_eq!((twice.status, twice.headers.get(SET_COOKIE)), (403, None));
    assert!(twice.text.contains("restage token link"), "{}", twice.text);
    assert_eq!(answered(press(&world, "nonsense")).await.status, 403);
    world.end().await;
}

#[tokio::test]
async fn links_and_sessions_end_with_their_time() {
    let (options, hand) = Hand::options();
    let world = World::with(options, ServerOptions::default()).await;
    let late = link(&world, Role::Read).await;
    let session = signed_in(&world, Role::Read).await;
    hand.forward(limits::LINK_LIFE);
    assert_eq!(answered(press(&world, &late)).await.status, 403);
    assert_eq!(answered(world.ask(Method::GET, "/v1/me").header("Cookie", &session)).await.status, 200);
    hand.forward(limits::SESSION_LIFE - limits::LINK_LIFE);
    answered(world.ask(Method::GET, "/v1/me").header("Cookie", &session)).await.problem(401, "session_expired");
    let home = answered(world.ask(Method::GET, "/").header("Cookie", &session)).await;
    assert!(home.status == 401 && home.text.contains("Nobody is signed in"));
    world.end().await;
}

#[tokio::test]
async fn a_session_is_of_the_servers_making_and_ends_when_its_user_says_so() {
    let world = World::new().await;
    let planted = "restage_session=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let link = link(&world, Role::Read).await;
    let answer = answered(press(&world, &link).header("Cookie", planted)).await;
    let session = cookie(&answer.headers);
    assert_ne!(session, planted);
    answered(world.ask(Method::GET, "/v1/me").header("Cookie", planted)).await.problem(401, "session_unknown");
    let both = format!("{session}; {planted}");
    answered(world.ask(Method::GET, "/v1/me").header("Cookie", both)).await.problem(401, "token_malformed");

    let out = |site: &'static str| {
        world.ask(Method::POST, "/sign-out").header("Cookie", &session).header("Sec-Fetch-Site", site)
    };
    answered(out("cross-site")).await.page_of(403);
    assert_eq!(answered(world.ask(Method::GET, "/v1/me").header("Cookie", &session)).await.status, 200);
    let answer = answered(out("same-origin")).await;
    assert!(answer.status == 303 && answer.headers[SET_COOKIE].to_str().unwrap().contains("Max-Age=0"));
    answered(world.ask(Method::GET, "/v1/me").header("Cookie", &session)).await.problem(401, "session_unknown");
    world.end().await;
}

#[tokio::test]
async fn a_page_of_another_site_has_nothing_done() {
    const BODY: &str = "{\"role\":\"admin\"}";
    let world = World::new().await;
    let session = signed_in(&world, Role::Admin).await;
    let own = format!("http://{}", world.address());
    let json = ("Content-Type", "application/json");
    let by_us = ("Sec-Fetch-Site", "same-origin");
    for (headers, status, code) in [
        (vec![json], 403, "csrf"),
        (vec![json, ("Sec-Fetch-Site", "cross-site")], 403, "csrf"),
        (vec![json, ("Sec-Fetch-Site", "same-site")], 403, "csrf"),
        (vec![json, ("Sec-Fetch-Site", "same-site"), ("Origin", &own)], 403, "csrf"),
        (vec![json, ("Origin", "http://evil.com")], 403, "origin"),
        (vec![json, by_us, ("Origin", "http://evil.com")], 403, "origin"),
        (vec![json, ("Origin", "null")], 403, "origin"),
        (vec![json, ("Origin", "http://localhost.evil.com")], 403, "origin"),
        (vec![json, ("Origin", "http://127.0.0.1:1")], 403, "origin"),
        (vec![("Content-Type", "text/plain"), by_us], 415, "media_type"),
        (vec![("Content-Type", "application/x-www-form-urlencoded"), by_us], 415, "media_type"),
        (vec![("Content-Type", "multipart/form-data; boundary=x"), by_us], 415, "media_type"),
        (vec![by_us], 415, "media_type"),
    ] {
        create_token(&world, &session, &headers, BODY).await.problem(status, code);
    }
    let access = world.restage.access().await.unwrap();
    assert!(access.tokens().is_empty());
    for headers in [vec![json, by_us], vec![json, ("Origin", own.as_str())]] {
        assert_eq!(create_token(&world, &session, &headers, BODY).await.status, 201);
    }

    // Nor does it sign its visitors in as somebody else.
    let link = link(&world, Role::Admin).await;
    let form = |site: &'static str| {
        let request = world.ask(Method::POST, "/sign-in").body(format!("link={link}")).header("Sec-Fetch-Site", site);
        request.header("Content-Type", "application/x-www-form-urlencoded")
    };
    answered(form("cross-site")).await.page_of(403);
    assert_eq!(answered(form("same-origin")).await.status, 303);
    world.end().await;
}

#[tokio::test]
async fn a_foreign_page_is_refused_with_a_token_too_and_gets_no_leave_to_read() {
    let world = World::new().await;
    let admin = world.token(Role::Admin).await;
    let body = json!({ "role": "read" });
    let ask = |origin: &'static str| {
        let request = world.ask_as(&admin, Method::POST, "/v1/tokens").json(&body);
        answered(request.header("Origin", origin))
    };
    ask("http://evil.com").await.problem(403, "origin");
    ask("null").await.problem(403, "origin");
    let read = answered(world.ask_as(&admin, Method::GET, "/v1/me").header("Origin", "http://evil.com")).await;
    assert_eq!(read.status, 200, "reading changes nothing, and the page can't see the answer");
    let preflight = world.ask(Method::OPTIONS, "/v1/tokens").header("Origin", "http://evil.com");
    let preflight = answered(preflight.header("Access-Control-Request-Method", "POST")).await;
    assert!(preflight.status >= 400, "{}", preflight.status);
    for answer in [&read, &preflight] {
        let allows = answer.headers.keys().filter(|name| name.as_str().starts_with("access-control-"));
        assert_eq!(allows.count(), 0);
        assert_eq!(answer.headers["cross-origin-resource-policy"], "same-origin");
    }
    world.end().await;
}

#[tokio::test]
async fn a_name_that_is_not_the_servers_leads_nowhere() {
    let mut options = ServerOptions::default();
    options.hosts = vec!["restage.example".into()];
    let world = World::with(Default::default(), options).await;
    let port = world.address().port();
    let asked =
        |target: &str, hosts: &str| world.raw(format!("GET {target} HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n"));
    for host in
        ["evil.com", "localhost.evil.com", &format!("evil.com:{port}"), "127.0.0.1.evil.com", "0.0.0.0", "10.0.0.1", ""]
    {
        for path in ["/livez", "/v1/me", "/v1/openapi.json", "/docs/", "/none"] {
            asked(path, &format!("Host: {host}\r\n")).await.problem(421, "host");
        }
        for path in ["/", "/sign-in?link=x", "/ui/workshops"] {
            asked(path, &format!("Host: {host}\r\n")).await.page_of(421);
        }
    }
    for host in ["localhost", &format!("127.0.0.1:{port}"), "[::1]", "RESTAGE.example", "restage.example:443"] {
        assert_eq!(asked("/livez", &format!("Host: {host}\r\n")).await.status, 200, "{host}");
    }
    assert_eq!(asked("/livez", "").await.status, 400);
    assert_eq!(asked("/livez", "Host: localhost\r\nHost: evil.com\r\n").await.status, 400);
    assert_eq!(asked("http://evil.com/livez", "Host: localhost\r\n").await.status, 421);
    let forwarded = "Host: localhost\r\nX-Forwarded-Host: evil.com\r\nForwarded: host=evil.com\r\n";
    assert_eq!(asked("/livez", forwarded).await.status, 200, "what proxies say is not looked at");
    world.end().await;
}

#[tokio::test]
async fn links_are_made_over_http_for_the_name_the_server_was_called_by() {
    let world = World::new().await;
    let admin = world.token(Role::Admin).await;
    let asked = world.ask_as(&admin, Method::POST, "/v1/links").header("X-Forwarded-Host", "evil.com");
    let made = answered(asked.json(&json!({ "role": "read", "name": "bob" }))).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let made = made.json();
    let (url, link) = (made["url"].as_str().unwrap(), made["link"].as_str().unwrap());
    assert_eq!(url, format!("{}?link={link}", world.url("/sign-in")));
    let session = cookie(&answered(press(&world, link)).await.headers);
    let me = answered(world.ask(Method::GET, "/v1/me").header("Cookie", &session)).await.json();
    assert_eq!((me["name"].as_str(), me["from"].as_str()), (Some("bob"), Some("127.0.0.1 browser")));
    let ended = answered(world.ask_as(&admin, Method::POST, "/v1/sessions/end").json(&json!({}))).await;
    assert_eq!(ended.status, 200);
    answered(world.ask(Method::GET, "/v1/me").header("Cookie", &session)).await.problem(401, "session_unknown");
    world.end().await;
}

#[tokio::test]
async fn every_answer_tells_the_browser_to_be_careful() {
    let world = World::new().await;
    for path in ["/", "/sign-in?link=x", "/v1/me", "/v1/openapi.json", "/livez", "/none", "/docs/"] {
        let answer = world.get(path).await;
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(answer.headers["referrer-policy"], "same-origin", "{path}");
        assert!(answer.headers.contains_key("cache-control"), "{path}");
    }
    for page in ["/", "/sign-in?link=%22%3E%3Cscript%3Ealert(1)%3C/script%3E"] {
        let text = world.get(page).await.text;
        assert!(!text.contains("<script") && !text.contains("http:") && !text.contains("https:"), "{page}: {text}");
    }
    let without = world.get("/sign-in").await;
    assert!(without.page_of(200).contains("restage token link"), "{}", without.text);
    let slow = Duration::from_secs(1);
    assert!(tokio::time::timeout(slow, world.get("/")).await.is_ok());
    world.end().await;
}
