//! `relink demo --once`: one event from webhook to repair, told as it happens, for scripts and
//! for a first look. Fails if any part of it does not happen in time.

use crate::command::demo_world::{ACCOUNT_REF, World};
use crate::failure::Failure;
use crate::output;
use relink_http::Method;
use serde_json::Value;
use std::time::Duration;

/// For each part of the way. The steps themselves take seconds; a busy machine takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) async fn run(world: &World) -> Result<(), Failure> {
    output::line("1. The clinician's login breaks; Cobalt posts its signed webhook.")?;
    let posted = world.cobalt.break_login(ACCOUNT_REF).await;
    match posted.status {
        Some(202) => output::line(&format!("   answered 202 for event {}", posted.event_id))?,
        other => return Err(Failure::failed(format!("the webhook was answered {other:?}"))),
    }

    output::line("\n2. The message arrives:")?;
    let caught = tokio::time::timeout(PATIENCE, world.inbox.wait_for(1))
        .await
        .map_err(|_| Failure::failed("no message arrived"))?;
    for message in caught.iter().take(1) {
        output::line(&format!("   {} to {}", message.channel, message.to))?;
        if let Some(subject) = &message.subject {
            output::line(&format!("   Subject: {subject}"))?;
        }
        for line in message.text.trim().lines() {
            output::line(&format!("   | {}", output::visible(line)))?;
        }
    }

    output::line("\n3. The case and its attempt, as recorded:")?;
    let case = recorded(world).await?;
    print(&case)?;

    output::line("\n4. The clinician links again; the app says so; the case closes.")?;
    world.cobalt.repair_login(ACCOUNT_REF);
    world.api(Method::POST, &format!("/v1/accounts/{ACCOUNT_REF}/relinked")).await?;
    let case = world.api(Method::GET, &format!("/v1/cases/{}", text(&case, "/case/id"))).await?;
    match text(&case, "/case/close_reason") {
        "repaired" => {}
        other => return Err(Failure::failed(format!("the case did not close: \"{other}\""))),
    }
    print(&case)?;
    output::line("\nNobody hears of it again.")
}

/// The case, once its first attempt has its outcome.
async fn recorded(world: &World) -> Result<Value, Failure> {
    let list = format!("/v1/cases?account_ref={ACCOUNT_REF}");
    let look = async {
        loop {
            let cases = world.api(Method::GET, &list).await?;
            let id = text(&cases, "/cases/0/id");
            if !id.is_empty() {
                let case = world.api(Method::GET, &format!("/v1/cases/{id}")).await?;
                if !text(&case, "/attempts/0/outcome").is_empty() {
                    return Ok(case);
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, look)
        .await
        .map_err(|_| Failure::failed("no attempt was recorded"))?
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or("")
}

fn print(case: &Value) -> Result<(), Failure> {
    let closed = text(case, "/case/close_reason");
    let state = if closed.is_empty() { "open" } else { closed };
    output::line(&format!(
        "   case {} of {}: {state}",
        text(case, "/case/id"),
        text(case, "/case/account_ref")
    ))?;
    let rows =
        |pointer: &str| case.pointer(pointer).and_then(Value::as_array).into_iter().flatten();
    for row in rows("/attempts") {
        output::line(&format!(
            "   attempt: step {} by {} to {}: {} ({})",
            text(row, "/step"),
            text(row, "/channel"),
            text(row, "/address"),
            text(row, "/outcome"),
            text(row, "/provider_code"),
        ))?;
    }
    for row in rows("/notifications") {
        output::line(&format!(
            "   notification: step {} by {}: {}{}",
            text(row, "/step"),
            text(row, "/channel"),
            text(row, "/state"),
            match text(row, "/reason") {
                "" => String::new(),
                reason => format!(" ({reason})"),
            }
        ))?;
    }
    Ok(())
}
