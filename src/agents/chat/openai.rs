//! A chat model behind a service that is compatible with OpenAI's chat completions.

use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use serde_json::json;
use tokio::time::{sleep, timeout};

use super::stream::Reader;
use super::{Answering, Asked, ChatError, ChatModel, Patience, Said, quoted};

/// How often it is asked in all, where asking again may help.
const TRIES: u32 = 3;
/// The first pause before it is asked again; each further one is twice as long.
const PAUSE_FIRST: Duration = Duration::from_millis(500);
/// The longest pause, whatever the service says.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// How long connecting may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// How much of a refusal is read.
const REFUSAL_BYTES_MAX: usize = 8 << 10;

/// Where the service is, and what is asked of it.
#[derive(Clone, PartialEq, Eq)]
pub struct OpenAiConfig {
    /// Its address, up to what comes before `/chat/completions`.
    pub base_url: String,
    /// The model's name.
    pub model: String,
    /// What it is paid by. Never shown.
    pub key: Option<String>,
    /// How long is waited for it.
    pub patience: Patience,
}

impl fmt::Debug for OpenAiConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = self.key.as_ref().map(|_| "***");
        f.debug_struct("OpenAiConfig")
            .field("base_url", &self.base_url)
            .field("model", &self.model)
            .field("key", &key)
            .field("patience", &self.patience)
            .finish()
    }
}

/// A chat model behind a service.
#[derive(Debug)]
pub struct OpenAi {
    config: OpenAiConfig,
    /// Made when first used.
    client: OnceLock<Client>,
}

impl OpenAi {
    /// A model that nothing is asked of yet.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the address, the model's name or the key.
    pub fn new(config: OpenAiConfig) -> Result<Self, String> {
        let url = reqwest::Url::parse(&config.base_url).map_err(|error| format!("base_url is no address: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err("base_url begins with neither http:// nor https://".into());
        }
        if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
            return Err("base_url has more than a host and a path; a key belongs into key_file or key_env".into());
        }
        if config.model.trim().is_empty() {
            return Err("model is empty".into());
        }
        if config.key.as_ref().is_some_and(|key| key.is_empty() || key.chars().any(|c| !c.is_ascii_graphic())) {
            return Err("the key is empty, or has other characters than a key has".into());
        }
        Ok(Self { config, client: OnceLock::new() })
    }

    async fn try_again_and_again(&self, asked: &Asked, said: &Said) -> Result<(), ChatError> {
        let mut pause = PAUSE_FIRST;
        for tried in 1.. {
            said.clear();
            let error = match self.try_once(asked, said).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            let after = match &error {
                ChatError::Unreachable(_) | ChatError::Cut => None,
                ChatError::Busy { after, .. } => *after,
                _ => return Err(error),
            };
            if tried >= TRIES {
                return Err(error);
            }
            tracing::info!(%error, tried, "the chat model is asked again");
            sleep(after.unwrap_or(pause).min(PAUSE_MAX)).await;
            pause *= 2;
        }
        Err(ChatError::Empty)
    }

    async fn try_once(&self, asked: &Asked, said: &Said) -> Result<(), ChatError> {
        let Patience { first, silence, .. } = self.config.patience;
        let begun = async {
            let mut answer = self.send(asked).await?;
            let chunk = self.chunk(&mut answer).await?;
            Ok::<_, ChatError>((answer, chunk))
        };
        let (mut answer, mut chunk) = timeout(first, begun).await.unwrap_or(Err(ChatError::Silent(first)))?;
        let mut reader = Reader::default();
        while let Some(bytes) = chunk {
            reader.push(&bytes, said)?;
            if reader.is_done {
                break;
            }
            chunk = timeout(silence, self.chunk(&mut answer)).await.unwrap_or(Err(ChatError::Silent(silence)))?;
        }
        reader.close(said)
    }

    async fn chunk(&self, answer: &mut Response) -> Result<Option<Vec<u8>>, ChatError> {
        let chunk = answer.chunk().await.map_err(|_| ChatError::Cut)?;
        Ok(chunk.map(|bytes| bytes.to_vec()))
    }

    async fn send(&self, asked: &Asked) -> Result<Response, ChatError> {
        let OpenAiConfig { base_url, model, key, .. } = &self.config;
        let url = format!("{}/chat/completions", base_url.trim_end_matches('/'));
        let body = json!({ "model": model, "messages": asked.messages, "stream": true });
        let mut request = self.client()?.post(url).header("accept", "text/event-stream").json(&body);
        if let Some(key) = key {
            request = request.bearer_auth(key);
        }
        let answer = request.send().await.map_err(|error| ChatError::Unreachable(reason(&error)))?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        Err(self.refusal(answer).await)
    }

    async fn refusal(&self, mut answer: Response) -> ChatError {
        let status = answer.status().as_u16();
        let after = answer.headers().get("retry-after").and_then(|after| after.to_str().ok()?.trim().parse().ok());
        let mut body = Vec::new();
        while body.len() < REFUSAL_BYTES_MAX
            && let Ok(Some(chunk)) = answer.chunk().await
        {
            body.extend_from_slice(&chunk);
        }
        let text = String::from_utf8_lossy(&body);
        let message = serde_json::from_str(&text).ok().and_then(|json: serde_json::Value| {
            let error = json.get("error")?;
            error.get("message").unwrap_or(error).as_str().map(str::to_owned)
        });
        // Services like to repeat the key that they don't know.
        let why = self.without_key(&quoted(&message.unwrap_or_else(|| text.into_owned())));
        match status {
            408 | 429 | 500..=599 => ChatError::Busy { status, why, after: after.map(Duration::from_secs) },
            _ => ChatError::Refused { status, why },
        }
    }

    fn without_key(&self, text: &str) -> String {
        self.config.key.as_ref().map_or_else(|| text.to_owned(), |key| text.replace(key, "***"))
    }

    fn client(&self) -> Result<&Client, ChatError> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        // Taken only where the program has chosen none: there is one for the process.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .referer(false)
            .connect_timeout(CONNECT_WITHIN)
            .user_agent(concat!("restage/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| ChatError::Unreachable(reason(&error)))?;
        Ok(self.client.get_or_init(|| client))
    }
}

impl ChatModel for OpenAi {
    fn name(&self) -> String {
        self.config.model.clone()
    }

    fn answer<'a>(&'a self, asked: &'a Asked, said: &'a Said) -> Answering<'a> {
        let whole = self.config.patience.whole;
        Box::pin(async move {
            let answered = timeout(whole, self.try_again_and_again(asked, said)).await;
            answered.unwrap_or(Err(ChatError::Endless(whole)))
        })
    }
}

/// What went wrong, with what is beneath it, and without the address.
fn reason(error: &reqwest::Error) -> String {
    let mut source = std::error::Error::source(error);
    let mut deepest = None;
    while let Some(error) = source {
        deepest = Some(error.to_string());
        source = error.source();
    }
    deepest.map_or_else(|| "the request failed".to_owned(), |why| quoted(&why))
}
