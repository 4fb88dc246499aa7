//! Tasks as stored: their kind and their arguments. A code is stored sealed beside them.

use mandate_domain::{Because, Redeem, Refusal, Task};
use mandate_schema::{CodeDigest, GrantedVia, Secret};
use mandate_storage::NewTask;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

#[derive(Serialize, Deserialize)]
struct RedeemForm {
    via: GrantedVia,
    /// Stored here by the version before; now beside the payload, where a known code learns it.
    #[serde(default, skip_serializing)]
    tag: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct ReleaseReplyForm {
    to_user: String,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "because", rename_all = "snake_case")]
enum InspectForm {
    Redeemed,
    Doubt,
    UnclearRevocation,
    RedemptionRefused { digest: CodeDigest, refusal: Refusal },
    RefreshRefused { refusal: Refusal },
    Named,
}

/// The arguments of task `recover`, which asked for the refresh token of an authorizer whose code was refused.
#[derive(Deserialize)]
struct RecoverForm {
    digest: CodeDigest,
    refusal: Refusal,
}

/// The arguments of task `renew`, which looked for another refresh token in place of a refused one.
#[derive(Deserialize)]
struct RenewForm {
    refusal: Refusal,
}

/// A stored task that this program cannot read.
#[derive(Debug, thiserror::Error)]
#[error("a task of kind {0} is not readable; it was written by a newer program, or its code was erased")]
pub(crate) struct UnreadableTask(pub String);

/// The kind of a task, as stored and as a label of metrics.
pub(crate) fn kind(task: &Task) -> &'static str {
    match task {
        Task::Redeem(_) => "redeem",
        Task::Inspect { .. } => "inspect",
        Task::ReleaseReply { .. } => "release_reply",
    }
}

/// The secret among the arguments of a task, stored sealed.
pub(crate) fn secret(task: &Task) -> Option<&Secret> {
    match task {
        Task::Redeem(redeem) => Some(&redeem.code),
        Task::ReleaseReply { code, .. } => Some(code),
        Task::Inspect { because: Because::Named { refresh_token } } => Some(refresh_token),
        Task::Inspect {
            because:
                Because::Redeemed
                | Because::Doubt
                | Because::UnclearRevocation
                | Because::RedemptionRefused { .. }
                | Because::RefreshRefused { .. },
        } => None,
    }
}

/// The tag of the consent link that a task's code came through, stored beside its payload.
pub(crate) fn tag(task: &Task) -> Option<&str> {
    match task {
        Task::Redeem(redeem) => redeem.tag.as_deref(),
        Task::Inspect { .. } | Task::ReleaseReply { .. } => None,
    }
}

/// The arguments of a task, without its secret.
pub(crate) fn write(task: &Task) -> String {
    let written = match task {
        Task::Redeem(redeem) => serde_json::to_string(&RedeemForm { via: redeem.via, tag: None }),
        Task::ReleaseReply { to_user, .. } => {
            serde_json::to_string(&ReleaseReplyForm { to_user: to_user.clone() })
        }
        Task::Inspect { because } => serde_json::to_string(&match because.clone() {
            Because::Redeemed => InspectForm::Redeemed,
            Because::Doubt => InspectForm::Doubt,
            Because::UnclearRevocation => InspectForm::UnclearRevocation,
            Because::RedemptionRefused { digest, refusal } => {
                InspectForm::RedemptionRefused { digest, refusal }
            }
            Because::RefreshRefused { refusal } => InspectForm::RefreshRefused { refusal },
            Because::Named { .. } => InspectForm::Named,
        }),
    };
    written.expect("plain data")
}

/// Reads a stored task; `secret` is its opened secret argument.
///
/// # Errors
///
/// [`UnreadableTask`].
pub(crate) fn read(task: &NewTask, secret: Option<Secret>) -> Result<Task, UnreadableTask> {
    let read = match (task.kind.as_str(), secret) {
        ("redeem", Some(code)) => form(task).map(|RedeemForm { via, tag }| {
            let (component, authorizer) = (task.component.clone(), task.authorizer.clone());
            let tag = tag.or_else(|| task.tag.clone());
            Task::Redeem(Redeem { component, authorizer, code, via, tag })
        }),
        ("release_reply", Some(code)) => {
            form(task).map(|ReleaseReplyForm { to_user }| Task::ReleaseReply { code, to_user })
        }
        (_, secret) => because(task, secret).map(Task::inspect),
    };
    read.ok_or_else(|| UnreadableTask(task.kind.clone()))
}

/// Why an authorizer is inspected. Four kinds of tasks that earlier versions queued are inspections, too.
fn because(task: &NewTask, secret: Option<Secret>) -> Option<Because> {
    match task.kind.as_str() {
        "inspect" => form(task).and_then(|form| match (form, secret) {
            (InspectForm::Redeemed, None) => Some(Because::Redeemed),
            (InspectForm::UnclearRevocation, None) => Some(Because::UnclearRevocation),
            (InspectForm::RedemptionRefused { digest, refusal }, None) => {
                Some(Because::RedemptionRefused { digest, refusal })
            }
            (InspectForm::RefreshRefused { refusal }, None) => Some(Because::RefreshRefused { refusal }),
            (InspectForm::Named, Some(refresh_token)) => Some(Because::Named { refresh_token }),
            // A named token that was erased since is not there: ask all the same.
            (InspectForm::Doubt | InspectForm::Named, None) => Some(Because::Doubt),
            (_, Some(_)) => None,
        }),
        "profile" => Some(Because::Redeemed),
        "confirm" => Some(Because::Doubt),
        "recover" => {
            form(task).map(|RecoverForm { digest, refusal }| Because::RedemptionRefused { digest, refusal })
        }
        "renew" => form(task).map(|RenewForm { refusal }| Because::RefreshRefused { refusal }),
        _ => None,
    }
}

fn form<F: DeserializeOwned>(task: &NewTask) -> Option<F> {
    serde_json::from_str(&task.payload).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_that_was_there_first_counts() {
        let code = Secret::new("queryauthcode@@@x");
        for (payload, learned, expected) in [
            (r#"{"via":"redirect","tag":"spring"}"#, None, Some("spring")),
            (r#"{"via":"redirect","tag":"spring"}"#, Some("autumn"), Some("spring")),
            (r#"{"via":"redirect"}"#, Some("autumn"), Some("autumn")),
            (r#"{"via":"redirect"}"#, None, None),
        ] {
            let stored = NewTask {
                key: String::new(),
                kind: "redeem".into(),
                component: "wx1f2e3d4c5b6a7988".parse().unwrap(),
                authorizer: None,
                tag: learned.map(str::to_owned),
                payload: payload.to_owned(),
                sealed: None,
            };
            let Task::Redeem(redeem) = read(&stored, Some(code.clone())).unwrap() else { panic!("a redeem") };
            assert_eq!(redeem.tag.as_deref(), expected, "{payload} {learned:?}");
        }
    }

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
        let digest = CodeDigest::of(&code);
        let reasons = [
            Because::Redeemed,
            Because::Doubt,
            Because::UnclearRevocation,
            Because::RedemptionRefused { digest, refusal: refusal.clone() },
            Because::RefreshRefused { refusal },
            Because::Named { refresh_token: code.clone() },
        ];
        let reply = Task::ReleaseReply { code: code.clone(), to_user: "oXyz".into() };
        let tasks = reasons.map(Task::inspect).into_iter().chain([Task::Redeem(redeem), reply]);
        for task in tasks {
            let stored = NewTask {
                key: String::new(),
                kind: kind(&task).into(),
                component: component.clone(),
                authorizer: None,
                tag: tag(&task).map(str::to_owned),
                payload: write(&task),
                sealed: None,
            };
            assert!(!stored.payload.contains(code.expose()));
            assert_eq!(read(&stored, secret(&task).cloned()).unwrap(), task);
        }
    }
    #[test]
    fn tasks_of_earlier_versions_are_inspections() {
        let refusal = || Refusal { errcode: 61009, errmsg: "invalid code".into(), rid: None };
        let digest = CodeDigest::of(&Secret::new("code"));
        let recover = format!(
            r#"{{"digest":"{digest}","refusal":{{"errcode":61009,"errmsg":"invalid code","rid":null}}}}"#
        );
        let renew = r#"{"refusal":{"errcode":61009,"errmsg":"invalid code","rid":null}}"#;
        for (kind, payload, because) in [
            ("profile", "{}", Because::Redeemed),
            ("confirm", "{}", Because::Doubt),
            ("recover", recover.as_str(), Because::RedemptionRefused { digest, refusal: refusal() }),
            ("renew", renew, Because::RefreshRefused { refusal: refusal() }),
        ] {
            let stored = NewTask {
                key: String::new(),
                kind: kind.into(),
                component: "wx1f2e3d4c5b6a7988".parse().unwrap(),
                authorizer: None,
                tag: None,
                payload: payload.into(),
                sealed: None,
            };
            assert_eq!(read(&stored, None).unwrap(), Task::inspect(because));
        }
    }
}
