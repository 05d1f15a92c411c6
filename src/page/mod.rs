//! `jeton serve`: the page, from the ledger, read-only, while nights write.
//!
//! ```text
//! a request -> access: who asks? -> desk: what they may ask the ledger -> views: figures as blocks -> view: HTML
//! ```
//!
//! - `access`: the secret of a run, or what a proxy says; what is refused;
//! - `desk`: the ledger as one reader sees it: rows of other departments are never asked for; `cache`: days that were added up,
//!   kept until a night changes them;
//! - `views`: one file per page, each of which gives headings, tables, charts and forms;
//! - `view`: these as HTML, complete without a script; `chart`: as SVG, with a table beside.
//!
//! No request changes anything. Nothing is asked of any host, and no other site is named in what is sent.

mod access;
mod cache;
mod chart;
mod desk;
mod query;
mod view;
mod views;

use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use axum::body::Body;
use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderValue, Method, Response, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::serve::IncomingStream;
use fs_err as fs;
use tokio::net::{TcpListener, UnixListener};

use crate::config::{Config, Listen};
use crate::report::scope::Audience;
use access::{Access, Peer, Verdict};
use cache::Cache;
use desk::Desk;
use view::Answer;

/// The page of a site.
#[derive(Debug)]
struct Site {
    config: Config,
    access: Access,
    cache: Cache,
}

/// What is shown to whoever starts the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    /// Its address, with the secret of this run where there is one.
    pub address: String,
}

/// How many answers are made at once; others wait. Each holds what it reads: more at once would need more memory, and take
/// no less time on a small server.
const AT_ONCE: usize = 4;

/// Serves the page until the process ends. `tell` is called once it can be reached.
pub fn serve(config: Config, tell: &dyn Fn(&Served)) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(AT_ONCE)
        .enable_io()
        .build()?;
    runtime.block_on(async {
        if let Some(address) = config.page.metrics {
            let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen at {address}"))?;
            let app = Router::new().route("/metrics", get(metrics)).with_state(Arc::new(config.clone()));
            tokio::spawn(async move { axum::serve(listener, app).await });
        }
        match config.page.listen.clone() {
            Some(Listen::Unix(path)) => {
                let listener = bind(&path)?;
                let site = Site { access: Access::of(&config.page, None)?, config, cache: Cache::default() };
                tell(&Served { address: format!("unix:{}", path.display()) });
                axum::serve(listener, router(site).into_make_service_with_connect_info::<Peer>()).await
            }
            listen => {
                let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
                let wanted = match listen {
                    Some(Listen::Loopback(address)) => address,
                    _ => free,
                };
                let listener = TcpListener::bind(wanted).await.with_context(|| format!("cannot listen at {wanted}"))?;
                let address = listener.local_addr()?;
                let site = Site { access: Access::of(&config.page, Some(address))?, config, cache: Cache::default() };
                let secret = site.access.token().map(|token| format!("?token={token}")).unwrap_or_default();
                tell(&Served { address: format!("http://{address}/{secret}") });
                axum::serve(listener, router(site).into_make_service_with_connect_info::<Peer>()).await
            }
        }
        .context("the page ended")
    })
}

/// A socket that its owner and their group may use; a stale one is replaced.
fn bind(path: &Path) -> anyhow::Result<UnixListener> {
    if std::os::unix::net::UnixStream::connect(path).is_ok() {
        anyhow::bail!("`{}` is in use: another page listens there", path.display());
    }
    if path.symlink_metadata().is_ok_and(|found| std::os::unix::fs::FileTypeExt::is_socket(&found.file_type())) {
        fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path).with_context(|| format!("cannot listen at `{}`", path.display()))?;
    // Whoever is let in is told by who they are, not by the file: the proxy is another user.
    fs::set_permissions(path, std::fs::Permissions::from_mode(0o666))?;
    Ok(listener)
}

impl Connected<IncomingStream<'_, TcpListener>> for Peer {
    fn connect_info(_: IncomingStream<'_, TcpListener>) -> Self {
        Self::Loopback
    }
}

impl Connected<IncomingStream<'_, UnixListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, UnixListener>) -> Self {
        Self::User(stream.io().peer_cred().ok().map(|peer| peer.uid()))
    }
}

fn router(site: Site) -> Router {
    let site = Arc::new(site);
    let to_read = Arc::clone(&site);
    // The first reader need not wait until the days are added up.
    tokio::task::spawn_blocking(move || {
        if let Ok(desk) =
            Desk::open(&to_read.config, &to_read.cache, Audience::Everyone, to_read.config.site.language, None)
        {
            let _ = desk.read_ahead();
        }
    });
    Router::new().fallback(answer).with_state(site)
}

/// Answers any request: who asks, then what.
async fn answer(
    State(site): State<Arc<Site>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    request: Request,
) -> Response<Body> {
    let (parts, _) = request.into_parts();
    let language = view::language(&parts.headers, parts.uri.query(), site.config.site.language);
    if parts.uri.path() == "/style.css" {
        return secured(([(header::CONTENT_TYPE, "text/css; charset=utf-8")], view::STYLE).into_response());
    }
    let verdict = site.access.judge(peer, &parts);
    let audience = match verdict {
        Verdict::Guest(audience) => audience,
        Verdict::Welcome { cookie, to } => {
            let headers = [(header::SET_COOKIE, cookie), (header::LOCATION, to)];
            return secured((StatusCode::SEE_OTHER, headers).into_response());
        }
        Verdict::Refused(status, reason) => {
            return secured(view::refusal(status, reason, language));
        }
    };
    if ![Method::GET, Method::HEAD].contains(&parts.method) {
        return secured((StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET, HEAD")]).into_response());
    }
    // SQLite waits for the disk: not on the threads that listen.
    let work = tokio::task::spawn_blocking(move || {
        let path = parts.uri.path().to_owned();
        match Desk::open(&site.config, &site.cache, audience, language, parts.uri.query()) {
            Ok(desk) => views::answer(&desk, &path),
            Err(reason) => Answer::Unready(reason),
        }
        .into_response(&site.config, language)
    });
    match work.await {
        Ok(answer) => secured(answer),
        Err(_) => secured(StatusCode::INTERNAL_SERVER_ERROR.into_response()),
    }
}

/// What every answer says to the browser: nothing from elsewhere, nothing kept, no name passed on.
fn secured(mut answer: Response<Body>) -> Response<Body> {
    const HEADERS: [(header::HeaderName, &str); 6] = [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
        (header::VARY, "Accept-Language, Cookie"),
    ];
    for (name, value) in HEADERS {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    answer
}

/// What `jeton status --prometheus` prints.
async fn metrics(State(config): State<Arc<Config>>) -> Response<Body> {
    let work = tokio::task::spawn_blocking(move || {
        use crate::pipeline::Memory;
        let read = || -> anyhow::Result<String> {
            let ledger = crate::ledger::Ledger::open_to_read(&Memory::path(&config))?;
            let ledger = ledger.map(|ledger| ledger.showing(config.origin.feature.as_deref()));
            let evidence = crate::evidence::Evidence::open_to_read(&Memory::evidence_path(&config))?;
            let now = chrono::Utc::now();
            let found = match &ledger {
                Some(ledger) => crate::status::Status::of(&config, ledger, &evidence, now)?,
                None => None,
            };
            Ok(crate::status::prometheus(found.as_ref(), &config.alarm))
        };
        read()
    });
    match work.await {
        Ok(Ok(text)) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response(),
        _ => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}
