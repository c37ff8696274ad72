//! Errors as programs and people read them.

use http_body_util::BodyExt as _;
use hyper::StatusCode;
use relink_http::problem::{Problem, json};
use serde_json::{Value, json as value};

async fn parts(
    response: hyper::Response<http_body_util::Full<bytes::Bytes>>,
) -> (u16, String, Value) {
    let status = response.status().as_u16();
    let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, kind, serde_json::from_slice(&body).unwrap())
}

#[tokio::test]
async fn a_problem_says_what_it_is_twice_and_leaves_out_what_it_has_not() {
    let short = Problem::new(StatusCode::CONFLICT, "conflict", "Nothing to change");
    let (status, kind, body) = parts(short.clone().into_response()).await;
    assert_eq!((status, kind.as_str()), (409, "application/problem+json"));
    assert_eq!(body, value!({"code": "conflict", "title": "Nothing to change", "status": 409}));

    let mut long = short.detail("Look here.");
    long.errors = vec![value!({"field": "a", "fault": "is empty"})];
    let (_, _, body) = parts(long.into_response()).await;
    assert_eq!(body["detail"], "Look here.");
    assert_eq!(body["errors"], value!([{"field": "a", "fault": "is empty"}]));
}

#[tokio::test]
async fn what_cannot_be_shown_as_json_is_an_internal_error_without_its_content() {
    let (status, kind, body) = parts(json(StatusCode::OK, &value!({"a": 1}))).await;
    assert_eq!((status, kind.as_str(), body), (200, "application/json", value!({"a": 1})));

    let unfit = std::collections::BTreeMap::from([((1, 2), "a key that JSON cannot have")]);
    let (status, kind, body) = parts(json(StatusCode::OK, &unfit)).await;
    assert_eq!((status, kind.as_str()), (500, "application/problem+json"));
    assert_eq!(body["code"], "internal");
}
