//! Tasks as stored: their kind and their arguments. A code is stored sealed beside them.

use mandate_domain::{Redeem, Refusal, Task};
use mandate_schema::{CodeDigest, GrantedVia, Secret};
use mandate_storage::NewTask;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Payload {
    Recover {
        digest: CodeDigest,
        refusal: Refusal,
    },
    Renew {
        refusal: Refusal,
    },
    Redeem {
        via: GrantedVia,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tag: Option<String>,
    },
    ReleaseReply {
        to_user: String,
    },
    Empty {},
}

/// A stored task that this program cannot read.
#[derive(Debug, thiserror::Error)]
#[error("a task of kind {0} is not readable; it was written by a newer program, or its code was erased")]
pub(crate) struct UnreadableTask(pub String);

/// The kind of a task, as stored and as a label of metrics.
pub(crate) fn kind(task: &Task) -> &'static str {
    match task {
        Task::Redeem(_) => "redeem",
        Task::Profile => "profile",
        Task::Confirm => "confirm",
        Task::Recover { .. } => "recover",
        Task::Renew { .. } => "renew",
        Task::ReleaseReply { .. } => "release_reply",
    }
}

/// The code among the arguments of a task, stored sealed.
pub(crate) fn secret(task: &Task) -> Option<&Secret> {
    match task {
        Task::Redeem(redeem) => Some(&redeem.code),
        Task::ReleaseReply { code, .. } => Some(code),
        Task::Profile | Task::Confirm | Task::Recover { .. } | Task::Renew { .. } => None,
    }
}

/// The arguments of a task, without its secret.
pub(crate) fn write(task: &Task) -> String {
    let payload = match task {
        Task::Redeem(redeem) => Payload::Redeem { via: redeem.via, tag: redeem.tag.clone() },
        Task::Recover { digest, refusal } => Payload::Recover { digest: *digest, refusal: refusal.clone() },
        Task::Renew { refusal } => Payload::Renew { refusal: refusal.clone() },
        Task::ReleaseReply { to_user, .. } => Payload::ReleaseReply { to_user: to_user.clone() },
        Task::Profile | Task::Confirm => Payload::Empty {},
    };
    serde_json::to_string(&payload).expect("plain data")
}

/// Reads a stored task; `secret` is its opened code.
///
/// # Errors
///
/// [`UnreadableTask`].
pub(crate) fn read(task: &NewTask, secret: Option<Secret>) -> Result<Task, UnreadableTask> {
    let payload = serde_json::from_str(&task.payload).ok();
    match (task.kind.as_str(), payload, secret) {
        ("redeem", Some(Payload::Redeem { via, tag }), Some(code)) => Ok(Task::Redeem(Redeem {
            component: task.component.clone(),
            authorizer: task.authorizer.clone(),
            code,
            via,
            tag,
        })),
        ("recover", Some(Payload::Recover { digest, refusal }), None) => {
            Ok(Task::Recover { digest, refusal })
        }
        ("renew", Some(Payload::Renew { refusal }), None) => Ok(Task::Renew { refusal }),
        ("release_reply", Some(Payload::ReleaseReply { to_user }), Some(code)) => {
            Ok(Task::ReleaseReply { code, to_user })
        }
        ("profile", Some(_), None) => Ok(Task::Profile),
        ("confirm", Some(_), None) => Ok(Task::Confirm),
        _ => Err(UnreadableTask(task.kind.clone())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_survives_its_stored_form() {
        let code = Secret::new("queryauthcode@@@x");
        let component: mandate_schema::ComponentId = "wx1f2e3d4c5b6a7988".parse().unwrap();
        let redeem = Redeem {
            component: component.clone(),
            authorizer: None,
            code: code.clone(),
            via: GrantedVia::Redirect,
            tag: Some("spring campaign".into()),
        };
        let refusal = Refusal { errcode: 61009, errmsg: "invalid code".into(), rid: None };
        let recover = Task::Recover { digest: CodeDigest::of(&code), refusal: refusal.clone() };
        let reply = Task::ReleaseReply { code: code.clone(), to_user: "oXyz".into() };
        let tasks =
            [Task::Redeem(redeem), Task::Profile, Task::Confirm, recover, Task::Renew { refusal }, reply];
        for task in tasks {
            let stored = NewTask {
                key: String::new(),
                kind: kind(&task).into(),
                component: component.clone(),
                authorizer: None,
                payload: write(&task),
                sealed: None,
            };
            assert!(!stored.payload.contains(code.expose()));
            assert_eq!(read(&stored, secret(&task).cloned()).unwrap(), task);
        }
    }
}
