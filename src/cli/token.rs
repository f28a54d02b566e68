//! `restage token`.

use serde_json::{Value, json};

use super::args::{CreateArgs, Global, LinkArgs, TokenVerb};
use super::link;
use super::output::{Output, Table, line};
use super::site::Site;
use super::stop::{Outcome, Stop};
use super::time;
use crate::api::access::{Role, Standing, Token};
use crate::api::{Access, Timestamp};

/// Where a server is found, if nothing else is said.
const USUAL_URL: &str = "http://127.0.0.1:7878";

pub(super) async fn run(verb: TokenVerb, global: &Global, site: &Site, output: &mut Output) -> Outcome {
    let makes = matches!(verb, TokenVerb::Create(_) | TokenVerb::Link(_));
    let restage = site.open(makes).await?;
    let done = match restage.access().await {
        Ok(access) => act(verb, &asked(&access, global, site), site, output).await,
        Err(error) => Err(error.into()),
    };
    let closed = site.close(restage).await;
    done?;
    closed
}

fn asked(access: &Access, global: &Global, site: &Site) -> Access {
    let access = access.by(&site.settings.by);
    let access = site.from().map_or_else(|| access.clone(), |from| access.from(from));
    match &global.reason {
        Some(reason) => access.reason(reason),
        None => access,
    }
}

async fn act(verb: TokenVerb, access: &Access, site: &Site, output: &mut Output) -> Outcome {
    match verb {
        TokenVerb::Create(args) => create(args, access, output).await,
        TokenVerb::List => list(access, output),
        TokenVerb::Revoke { id } => {
            let token = access.revoke_token(&id).await?;
            let text = || format!("token {} of {} opens nothing any more\n", token.id, line(&token.holder()));
            Ok(output.data(&token_json(&token, access.now()), |_| text())?)
        }
        TokenVerb::Link(args) => make_link(args, access, site, output).await,
        TokenVerb::SignOut => {
            access.end_sessions().await?;
            Ok(output.data(&json!({ "signed_out": true }), |_| "no browser is signed in any more\n".into())?)
        }
    }
}

async fn create(args: CreateArgs, access: &Access, output: &mut Output) -> Outcome {
    let expires_at = args.expires.map(|life| access.now().after(life));
    let (token, made) = access.create_token(role(&args.role)?, args.label.as_deref(), expires_at).await?;
    output.note(&format!("token {}, role {}: it is shown only now", made.id, made.role));
    let mut about = token_json(&made, access.now());
    about["token"] = token.reveal().into();
    Ok(output.data(&about, |_| token.reveal().to_owned())?)
}

fn list(access: &Access, output: &mut Output) -> Outcome {
    let mut table = Table::new(["TOKEN", "ROLE", "FOR", "STANDING", "MADE", "ENDS"]);
    let now = access.now();
    let tokens = access.tokens();
    if tokens.is_empty() {
        output.note("there are no tokens yet; make one: restage token create --role admin");
    }
    for token in &tokens {
        let ends = token.revoked_at.or(token.expires_at).map_or_else(|| "never".into(), when);
        table.row([
            token.id.as_str().into(),
            token.role.name().into(),
            token.label.as_deref().unwrap_or("-").into(),
            standing(token, now).into(),
            when(token.created_at).as_str().into(),
            ends.as_str().into(),
        ]);
    }
    let tokens: Vec<Value> = tokens.iter().map(|token| token_json(token, now)).collect();
    Ok(output.data(&json!({ "tokens": tokens }), |width| table.text(width))?)
}

async fn make_link(args: LinkArgs, access: &Access, site: &Site, output: &mut Output) -> Outcome {
    let url = args.url.or_else(|| link::url_of(&site.settings.data)).unwrap_or_else(|| USUAL_URL.into());
    let url = url.trim_end_matches('/');
    if !url.starts_with("http://") && !url.starts_with("https://") {
        return Err(Stop::problem("usage", "the URL of a server begins with http:// or https://", "see --url"));
    }
    let name = args.name.as_deref().unwrap_or(&site.settings.by);
    let made = access.make_link(name, role(&args.role)?).await?;
    let url = format!("{url}/sign-in?link={}", made.reveal());
    output.note("open this in the browser; it can be used once, within 15 minutes");
    Ok(output.data(&json!({ "url": url }), |_| url.clone())?)
}

fn role(text: &str) -> Outcome<Role> {
    Ok(text.parse::<Role>().map_err(crate::api::Error::from)?)
}

fn token_json(token: &Token, now: Timestamp) -> Value {
    json!({
        "id": token.id,
        "label": token.label,
        "role": token.role.name(),
        "standing": standing(token, now),
        "created_at": when(token.created_at),
        "created_by": token.created_by,
        "expires_at": token.expires_at.map(when),
        "revoked_at": token.revoked_at.map(when),
    })
}

fn standing(token: &Token, now: Timestamp) -> &'static str {
    match token.standing(now) {
        Standing::Live => "live",
        Standing::Expired => "expired",
        Standing::Revoked => "revoked",
    }
}

fn when(time: Timestamp) -> String {
    time::rfc3339(time.as_millis())
}
