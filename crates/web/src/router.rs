//! Which route leads where, who may take it, and how the listener runs.

use crate::api::{accounts, attempts, cases};
use crate::error::ApiError;
use crate::feed::{self, component::Component, hub::Hub};
use crate::metrics::Metrics;
use crate::page;
use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post, put};
use hyper::StatusCode;
use hyper::header::{AUTHORIZATION, CACHE_CONTROL};
use hyper_util::service::TowerToHyperService;
use relink_cobalt::CobaltClient;
use relink_config::{ApiKey, ApiRole, Config, authenticate};
use relink_core::id::OperatorId;
use relink_core::policy::Rules;
use relink_http::listener::Listener;
use relink_http::server::{Limits, serve};
use relink_store::{FeedStore, Store};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use utoipa::OpenApi;

/// What every handler shares.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) pages: Arc<page::Pages>,
    pub(crate) keys: Arc<[ApiKey]>,
    pub(crate) metrics: Metrics,
    /// `None` without credentials for it.
    pub(crate) cobalt: Option<Arc<CobaltClient>>,
    pub(crate) rules: Arc<Rules>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) component: Arc<Component>,
    pub(crate) allowed_origins: Arc<[String]>,
}

/// What the web role is built from.
pub struct Parts<'a> {
    /// Everything it shows and changes.
    pub store: Arc<dyn Store>,
    /// The keys, and what pages are made of.
    pub config: &'a Config,
    /// What asks Cobalt; without it nobody can be handed to Link.
    pub cobalt: Option<CobaltClient>,
    /// What is counted.
    pub metrics: Metrics,
}

/// The web role.
#[derive(Clone)]
pub struct Web {
    router: Router,
    hub: Arc<Hub>,
    limits: Limits,
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Relink",
        description = "Register accounts, see their cases, act on them. Errors are \
                       `application/problem+json` (RFC 9457).",
        license(name = "MIT OR Apache-2.0")
    ),
    paths(
        accounts::put, accounts::get, accounts::delete, accounts::relinked,
        cases::list, cases::get, cases::close, cases::hold, cases::release,
        attempts::list,
        feed::cases::list, feed::stream::open, feed::way::link, feed::way::done, feed::way::seen,
        feed::token_route::mint,
    ),
    modifiers(&BearerKey),
)]
struct ApiDoc;

struct BearerKey;

impl utoipa::Modify for BearerKey {
    fn modify(&self, doc: &mut utoipa::openapi::OpenApi) {
        use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("A key from [[api.keys]] of the configuration."))
            .build();
        let components = doc.components.get_or_insert_with(Default::default);
        components.add_security_scheme("key", SecurityScheme::Http(scheme));
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some("A short-lived token of one user, signed by your backend (HS256)."))
            .build();
        components.add_security_scheme("user_token", SecurityScheme::Http(scheme));
    }
}

/// The description served at `/v1/openapi.json`.
pub fn openapi() -> utoipa::openapi::OpenApi {
    ApiDoc::openapi()
}

impl Web {
    /// Builds the routes.
    pub fn build(parts: Parts<'_>) -> Self {
        let Parts { store, config, cobalt, metrics } = parts;
        let limits = Limits { max_connections: config.web.max_connections, ..Limits::default() };
        let rules = config.rules();
        let feed_store: Arc<dyn FeedStore> = Arc::clone(&store) as Arc<dyn FeedStore>;
        // The rest of the connections stays for everything that is not a stream.
        let most = limits.max_connections / 4 * 3;
        let hub = Arc::new(Hub::new(feed_store, rules.clone(), most, metrics.streams()));
        let shared = Shared {
            store,
            rules: Arc::new(rules),
            hub: Arc::clone(&hub),
            component: Arc::new(Component::new(&config.cobalt.link_script_url)),
            allowed_origins: config.web.allowed_origins.clone().into(),
            pages: Arc::new(page::Pages::new(config)),
            keys: config.api_keys.clone().into(),
            metrics,
            cobalt: cobalt.map(Arc::new),
        };
        let app = table(app_routes())
            .route_layer(middleware::from_fn_with_state(shared.clone(), app_only));
        let ops = table(ops_routes())
            .route_layer(middleware::from_fn_with_state(shared.clone(), ops_only));
        let cors = middleware::from_fn_with_state(shared.clone(), feed::cors::layer);
        let users = table(feed::user_routes())
            .route_layer(middleware::from_fn_with_state(shared.clone(), feed::access::guard))
            .merge(table(banner_route()))
            .method_not_allowed_fallback(async || ApiError::MethodNotAllowed)
            // Behind the fallback: a preflight is of a method that no route has.
            .layer(cors);
        let router = app
            .merge(ops)
            .merge(users)
            .merge(table(open_routes()))
            .fallback(async || ApiError::NotFound("There is no such route."))
            .method_not_allowed_fallback(async || ApiError::MethodNotAllowed)
            .layer(middleware::from_fn_with_state(shared.clone(), count))
            .with_state(shared);
        Self { router, hub, limits }
    }

    /// The routes, for a listener of the caller's own.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// Serves until `stop`, then leaves the listener in its way and finishes what is in hand.
    pub async fn run(self, listener: impl Into<Listener>, stop: CancellationToken) {
        let Self { router, hub, limits } = self;
        let closing = async {
            stop.cancelled().await;
            // A stream never ends by itself: it would be waited for until the drain's deadline.
            hub.close();
        };
        let service = TowerToHyperService::new(router);
        tokio::join!(serve(listener.into(), service, limits, stop.clone()), closing);
    }
}

/// A route and its methods. What stands in these tables and in that of the feed exists; a test
/// compares all that need a key with the description.
pub(crate) type Row = (&'static str, MethodRouter<Shared>);

fn app_routes() -> Vec<Row> {
    vec![
        (
            "/v1/accounts/{account_ref}",
            put(accounts::put).get(accounts::get).delete(accounts::delete),
        ),
        ("/v1/accounts/{account_ref}/relinked", post(accounts::relinked)),
    ]
}

fn ops_routes() -> Vec<Row> {
    vec![
        ("/v1/cases", get(cases::list)),
        ("/v1/cases/{case_id}", get(cases::get)),
        ("/v1/cases/{case_id}/close", post(cases::close)),
        ("/v1/cases/{case_id}/hold", post(cases::hold)),
        ("/v1/cases/{case_id}/release", post(cases::release)),
        ("/v1/attempts", get(attempts::list)),
    ]
}

fn open_routes() -> Vec<Row> {
    vec![
        ("/r/{token}", get(page::show)),
        ("/r/{token}/link", post(page::launch).get(page::again)),
        ("/r/{token}/done", post(page::done).get(page::again)),
        ("/r/{token}/seen", post(page::seen)),
        ("/r/{token}/renew", post(page::renew).get(page::again)),
        ("/r/back", get(page::back)),
        ("/r/assets/{name}", get(page::asset)),
        ("/favicon.ico", get(no_icon)),
        ("/v1/openapi.json", get(document)),
    ]
}

fn banner_route() -> Vec<Row> {
    vec![("/relink-banner.js", get(feed::component::serve))]
}

fn table(rows: Vec<Row>) -> Router<Shared> {
    rows.into_iter().fold(Router::new(), |router, (path, methods)| router.route(path, methods))
}

/// Browsers ask for it beside every page; a 404 would stand in their consoles and in our counts.
async fn no_icon() -> impl IntoResponse {
    (StatusCode::NO_CONTENT, [(CACHE_CONTROL, "public, max-age=604800")])
}

async fn document() -> Response {
    axum::Json(openapi()).into_response()
}

async fn app_only(state: State<Shared>, request: Request, next: Next) -> Response {
    guarded(ApiRole::App, state, request, next).await
}

async fn ops_only(state: State<Shared>, request: Request, next: Next) -> Response {
    guarded(ApiRole::Ops, state, request, next).await
}

async fn guarded(
    needed: ApiRole,
    State(shared): State<Shared>,
    mut request: Request,
    next: Next,
) -> Response {
    let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    match authenticate(&shared.keys, header) {
        Ok(key) if key.role.covers(needed) => {
            let Ok(operator) = OperatorId::parse(&format!("key:{}", key.id)) else {
                return ApiError::Forbidden.into_response();
            };
            request.extensions_mut().insert(operator);
            next.run(request).await
        }
        Ok(_) => ApiError::Forbidden.into_response(),
        Err(_) => ApiError::NotAuthenticated.into_response(),
    }
}

async fn count(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "none".to_owned(), |path| path.as_str().to_owned());
    let changes = !request.method().is_safe();
    let response = next.run(request).await;
    if changes && response.status().is_success() {
        shared.hub.poke();
    }
    shared.metrics.request(&route, response.status().as_u16());
    response
}

#[cfg(test)]
#[path = "router_tests.rs"]
mod tests;
