//! Users, rights and settings of the stack's `RabbitMQ`.

use base64::{Engine, engine::general_purpose::STANDARD};
use mandate_runtime::random;
use ring::digest::{SHA256, digest};
use serde_json::json;

use crate::exit::CliError;

pub(super) const VHOST: &str = "mandate";
pub(super) const WORKER: &str = "mandate-worker";
pub(super) const INGRESS: &str = "mandate-ingress";
/// For the management page.
const ADMIN: &str = "admin";

/// What `RabbitMQ` loads when it starts: three users, and what each may do. Ingress may publish and make what is missing, and
/// may read from no queue.
pub(super) fn definitions(admin: &str, worker: &str, ingress: &str) -> Result<String, CliError> {
    let user = |name: &str, password: &str, tags: &[&str]| {
        Ok::<_, CliError>(json!({
            "name": name, "tags": tags, "password_hash": password_hash(password, random::bytes()),
            "hashing_algorithm": "rabbit_password_hashing_sha256"
        }))
    };
    let may = |name: &str, write: &str, read: &str| json!({"user": name, "vhost": VHOST, "configure": "^mandate[.]", "write": write, "read": read});
    let all = json!({"user": ADMIN, "vhost": VHOST, "configure": ".*", "write": ".*", "read": ".*"});
    let definitions = json!({
        "vhosts": [{"name": VHOST}],
        "users": [
            user(ADMIN, admin, &["administrator"])?,
            user(WORKER, worker, &[])?,
            user(INGRESS, ingress, &[])?,
        ],
        // To bind a queue its exchange must be readable; the names of queues go on behind that of the exchange.
        "permissions": [
            all,
            // Through the default exchange a worker reaches the stream of events past a subscriber's full queue.
            may(WORKER, "^(mandate[.].*|amq[.]default)$", "^mandate[.]"),
            may(INGRESS, "^mandate[.]", "^mandate[.](inbox|messages|events)$"),
        ],
    });
    Ok(definitions.to_string())
}

/// `RabbitMQ`'s own form: the salt, then SHA-256 over salt and password.
fn password_hash(password: &str, salt: [u8; 4]) -> String {
    let hash = digest(&SHA256, &[&salt, password.as_bytes()].concat());
    STANDARD.encode([&salt, hash.as_ref()].concat())
}

/// `rabbitmq.conf` of a node that finds its definitions in `folder`.
pub(super) fn configuration(folder: &str) -> String {
    format!(
        "# Written by `mandate init`.\nload_definitions = {folder}/definitions.json\nloopback_users = none\n\
         disk_free_limit.absolute = 1GB\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_hashed_as_rabbitmq_documents_it() {
        // The example of RabbitMQ's own page on password hashing: password test12, salt 908D C60A.
        let hash = password_hash("test12", [0x90, 0x8d, 0xc6, 0x0a]);
        assert_eq!(hash, "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR");
    }
}
