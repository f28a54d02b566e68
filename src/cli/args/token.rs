//! `restage token`.

use std::time::Duration;

use clap::{Args, Subcommand};

use super::Does;

/// What can be done with tokens.
#[derive(Debug, Subcommand)]
pub enum TokenVerb {
    /// Make a token and print it alone: the only time that it is shown
    #[command(
        after_help = "Examples:\n  restage token create --role admin\n  restage token create --role write --label ci --expires 30d > ci.token"
    )]
    Create(CreateArgs),
    /// List the tokens, without what makes them tokens
    #[command(visible_alias = "ls", after_help = "Example:\n  restage token list")]
    List,
    /// End a token: the next call with it is refused
    #[command(after_help = "Example:\n  restage token revoke 3f9c01aa2b44 --reason \"it was in a log\"")]
    Revoke {
        /// Its id, the middle part of the token; or all of it
        id: String,
    },
    /// Print a link that signs a browser in, once, within 15 minutes
    #[command(after_help = "Example:\n  restage token link --role read --name ann")]
    Link(LinkArgs),
    /// Sign all browsers out
    #[command(after_help = "Example:\n  restage token sign-out --reason \"a laptop was lost\"")]
    SignOut,
}

/// What a new token needs to know.
#[derive(Debug, Args)]
pub struct CreateArgs {
    /// What its holder may do; each role may do all that the ones before it may
    #[arg(long, value_parser = ["read", "write", "reset", "admin"])]
    pub role: String,
    /// Who it is for: their name in histories
    #[arg(long, value_name = "NAME")]
    pub label: Option<String>,
    /// When it ends by itself, like 12h, 30d or 8w [default: never]
    #[arg(long, value_name = "TIME", value_parser = life)]
    pub expires: Option<Duration>,
}

/// What a new link needs to know.
#[derive(Debug, Args)]
pub struct LinkArgs {
    /// What the browser may do
    #[arg(long, value_parser = ["read", "write", "reset", "admin"], default_value = "admin")]
    pub role: String,
    /// Who it is for: their name in histories [default: who asks]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Where the browser finds the server [default: the one that holds the data folder, else http://127.0.0.1:7878]
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
}

impl TokenVerb {
    /// What it does.
    pub fn does(&self) -> Does {
        match self {
            Self::List => Does::Looks,
            Self::Create(_) | Self::Revoke { .. } | Self::Link(_) | Self::SignOut => Does::Acts,
        }
    }
}

/// A time that something lasts: a number and one of m, h, d and w.
fn life(text: &str) -> Result<Duration, String> {
    let wrong = || "give a number and one of m, h, d and w, like 30d".to_owned();
    let unit = text.chars().last().ok_or_else(wrong)?;
    let seconds = match unit {
        'm' => 60,
        'h' => 60 * 60,
        'd' => 24 * 60 * 60,
        'w' => 7 * 24 * 60 * 60,
        _ => return Err(wrong()),
    };
    let number = text.strip_suffix(unit).filter(|number| number.bytes().all(|byte| byte.is_ascii_digit()));
    let number: u32 = number.and_then(|number| number.parse().ok()).filter(|n| *n > 0).ok_or_else(wrong)?;
    Ok(Duration::from_secs(u64::from(number) * seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_is_a_number_and_a_unit() {
        for (text, seconds) in [("90m", 5_400), ("12h", 43_200), ("30d", 2_592_000), ("1w", 604_800)] {
            assert_eq!(life(text), Ok(Duration::from_secs(seconds)));
        }
        for text in ["", "d", "0d", "-1d", "+1d", "1.5d", "30", "30 d", "1y", "99999999999d", "1ä"] {
            assert!(life(text).is_err(), "{text:?}");
        }
    }
}
