use super::*;
use std::collections::BTreeSet;

#[test]
fn what_is_routed_is_described_and_what_is_described_is_routed() {
    let routed: BTreeSet<String> = [app_routes(), ops_routes(), feed::user_routes()]
        .concat()
        .into_iter()
        .map(|(path, _)| path.to_owned())
        .collect();
    let described: BTreeSet<String> = openapi().paths.paths.into_keys().collect();
    assert_eq!(routed, described);
    let undescribed: Vec<&str> = open_routes().iter().map(|(path, _)| *path).collect();
    assert_eq!(
        undescribed,
        [
            "/r/{token}",
            "/r/{token}/link",
            "/r/{token}/done",
            "/r/{token}/seen",
            "/r/{token}/renew",
            "/r/back",
            "/r/assets/{name}",
            "/favicon.ico",
            "/v1/openapi.json"
        ],
        "pages for people and the description itself"
    );
}
