//! Tasks as stored: their kind and their arguments. The code of a redeem task is stored sealed beside them.

use mandate_domain::{Redeem, Refusal, Task};
use mandate_schema::{CodeDigest, GrantedVia, Secret};
use mandate_storage::NewTask;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Payload {
    Recover { digest: CodeDigest, refusal: Refusal },
    Renew { refusal: Refusal },
    Redeem { via: GrantedVia },
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
    }
}

/// The arguments of a task, without its secret.
pub(crate) fn write(task: &Task) -> String {
    let payload = match task {
        Task::Redeem(redeem) => Payload::Redeem { via: redeem.via },
        Task::Recover { digest, refusal } => Payload::Recover { digest: *digest, refusal: refusal.clone() },
        Task::Renew { refusal } => Payload::Renew { refusal: refusal.clone() },
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
        ("redeem", Some(Payload::Redeem { via }), Some(code)) => Ok(Task::Redeem(Redeem {
            component: task.component.clone(),
            authorizer: task.authorizer.clone(),
            code,
            via,
        })),
        ("recover", Some(Payload::Recover { digest, refusal }), None) => {
            Ok(Task::Recover { digest, refusal })
        }
        ("renew", Some(Payload::Renew { refusal }), None) => Ok(Task::Renew { refusal }),
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
            via: GrantedVia::Notice,
        };
        let refusal = Refusal { errcode: 61009, errmsg: "invalid code".into(), rid: None };
        let recover = Task::Recover { digest: CodeDigest::of(&code), refusal: refusal.clone() };
        for task in [Task::Redeem(redeem), Task::Profile, Task::Confirm, recover, Task::Renew { refusal }] {
            let stored = NewTask {
                key: String::new(),
                kind: kind(&task).into(),
                component: component.clone(),
                authorizer: None,
                payload: write(&task),
                sealed: None,
            };
            assert!(!stored.payload.contains(code.expose()));
            let secret = matches!(task, Task::Redeem(_)).then(|| code.clone());
            assert_eq!(read(&stored, secret).unwrap(), task);
        }
    }
}
