//! Who types: the user of this host, as the operator log names them.

use crate::failure::Failure;
use crate::output;
use relink_core::id::OperatorId;
use relink_core::operator_log::Head;
use std::os::unix::fs::MetadataExt as _;

/// Bytes of a user's or host's name that are kept.
const NAME_MAX: usize = 60;

/// The user whose process this is, from the system and not from the environment, and the host.
pub(crate) fn current() -> Result<OperatorId, Failure> {
    let uid = std::fs::metadata("/proc/self").map(|process| process.uid()).ok();
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let user = uid.map_or_else(|| "unknown".to_owned(), |uid| user_name(&users, uid));
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let (user, host) = (plain(&user), plain(host.trim()));
    Ok(OperatorId::parse(&format!("cli:{user}@{host}"))?)
}

fn user_name(users: &str, uid: u32) -> String {
    let wanted = uid.to_string();
    let name = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == wanted).then(|| name.to_owned())
    });
    name.unwrap_or_else(|| format!("uid {uid}"))
}

fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_ascii_graphic() || *c == ' ').take(NAME_MAX).collect()
}

/// Says where an act is on record. Worth keeping: it is what shows that the end of the log was
/// cut off.
pub(crate) fn recorded(head: &Head) -> Result<(), Failure> {
    output::line(&format!("operator log: {head}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_named_by_the_system_or_by_number() {
        let users = "root:x:0:0:root:/root:/bin/sh\nops:x:1000:1000::/home/ops:/bin/sh\n";
        assert_eq!(user_name(users, 1000), "ops");
        assert_eq!(user_name(users, 7), "uid 7");
        assert!(current().is_ok_and(|operator| operator.as_str().starts_with("cli:")));
    }
}
