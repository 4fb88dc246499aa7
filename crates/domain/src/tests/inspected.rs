//! An inspection as a script: what is asked, and what `WeChat` answers.

use jiff::SignedDuration;
use mandate_schema::Secret;

use super::{
    effects::{credentials_rejected, granted, issued, revoked_at},
    given::{World, given},
    samples::{HOUR, access_token, code_refused, digest, token_refused},
};
use crate::{
    Authorizer, AuthorizerInfo, Because, Inspected, Inspection, Question, RedeemTask, Since, Status,
    decide_inspected,
};

/// The questions of an inspection in the order in which they must be asked, each with its answer.
#[derive(Clone, Debug)]
pub(super) struct Script {
    because: Because,
    redemption: RedeemTask,
    queued_ago: SignedDuration,
    steps: Vec<(Question, Answer)>,
}

#[derive(Clone, Debug)]
enum Answer {
    Info(Box<AuthorizerInfo>),
    Gone,
    /// The refresh token works, and this one is named from now on.
    Works(Option<Secret>),
    Refused,
    Listed(Option<Secret>),
    Unreadable,
}

/// An inspection that begins now, and asks nothing but what follows.
pub(super) fn inspected(because: Because) -> Script {
    let queued_ago = SignedDuration::ZERO;
    Script { because, redemption: RedeemTask::Ended, queued_ago, steps: Vec::new() }
}

impl Script {
    fn asks(mut self, question: Question, answer: Answer) -> Self {
        self.steps.push((question, answer));
        self
    }

    /// The reason arose this many seconds before.
    pub(super) fn queued_ago(self, seconds: i64) -> Self {
        Self { queued_ago: SignedDuration::from_secs(seconds), ..self }
    }

    /// The newest code is still to be redeemed.
    pub(super) fn while_a_code_waits(self) -> Self {
        Self { redemption: RedeemTask::Waits, ..self }
    }

    /// `api_get_authorizer_info` says this.
    pub(super) fn info(self, info: AuthorizerInfo) -> Self {
        self.asks(Question::Info, Answer::Info(Box::new(info)))
    }

    /// `api_get_authorizer_info` says that it does not authorize us.
    pub(super) fn gone(self) -> Self {
        self.asks(Question::Info, Answer::Gone)
    }

    /// `api_get_authorizer_info` is refused, and not because it does not authorize us.
    pub(super) fn refused_info(self) -> Self {
        self.asks(Question::Info, Answer::Refused)
    }

    pub(super) fn unreadable_info(self) -> Self {
        self.asks(Question::Info, Answer::Unreadable)
    }

    /// The refresh token is tried, and works.
    pub(super) fn works(self, token: &str) -> Self {
        self.asks(refresh(token), Answer::Works(None))
    }

    /// The refresh token is tried, and the answer names another one.
    pub(super) fn rotates(self, token: &str, next: &str) -> Self {
        self.asks(refresh(token), Answer::Works(Some(Secret::new(next))))
    }

    /// The refresh token is tried, and refused with what [`token_refused`] says.
    pub(super) fn refused(self, token: &str) -> Self {
        self.asks(refresh(token), Answer::Refused)
    }

    /// The refresh token is tried, and the answer is that the authorizer does not authorize us.
    pub(super) fn gone_at(self, token: &str) -> Self {
        self.asks(refresh(token), Answer::Gone)
    }

    /// The refresh token is tried, and the answer cannot be read.
    pub(super) fn unreadable(self, token: &str) -> Self {
        self.asks(refresh(token), Answer::Unreadable)
    }

    /// The list names this refresh token.
    pub(super) fn listed(self, token: &str) -> Self {
        self.asks(Question::List, Answer::Listed(Some(Secret::new(token))))
    }

    /// The list names no refresh token.
    pub(super) fn not_listed(self) -> Self {
        self.asks(Question::List, Answer::Listed(None))
    }

    pub(super) fn unreadable_list(self) -> Self {
        self.asks(Question::List, Answer::Unreadable)
    }

    /// Asks as the script says, then decides on the state that there is then.
    #[track_caller]
    pub(super) fn run(self, began: &World, state: Option<&Authorizer>, since: &Since) -> Inspected {
        let mut inspection = Inspection::begin(
            began.seen(),
            began.refresh_token().map(Secret::new),
            self.because,
            self.redemption,
            crate::Times { queued_at: began.now() - self.queued_ago, asked_at: began.now() },
        );
        for (question, answer) in self.steps {
            assert_eq!(inspection.question().as_ref(), Some(&question), "after {:?}", began.history());
            learn(&mut inspection, question, answer);
        }
        assert_eq!(inspection.question(), None, "after {:?}", began.history());
        decide_inspected(state, since, &inspection)
    }
}

fn refresh(token: &str) -> Question {
    Question::Refresh(Secret::new(token))
}

#[track_caller]
fn learn(inspection: &mut Inspection, question: Question, answer: Answer) {
    match (question, answer) {
        (Question::Info, Answer::Info(info)) => inspection.learn_info(*info),
        (Question::Info, Answer::Refused) => inspection.learn_info_refused(),
        (Question::Info | Question::Refresh(_), Answer::Gone) => inspection.learn_gone(),
        (Question::Refresh(tried), Answer::Works(next)) => {
            inspection.learn_works(tried, next, access_token());
        }
        (Question::Refresh(tried), Answer::Refused) => inspection.learn_refused(tried, token_refused()),
        (Question::List, Answer::Listed(token)) => inspection.learn_listed(token),
        (question, Answer::Unreadable) => inspection.learn_unreadable(question),
        (question, answer) => panic!("{answer:?} does not answer {question:?}"),
    }
}

/// An authorizer in good standing, with refresh token "token", for an hour.
pub(super) fn authorized() -> World {
    given([granted(100, "code"), issued(1, "code", "token")]).after(HOUR).is(Status::Authorized)
}

/// Its code was to be redeemed an hour ago.
pub(super) fn pending() -> World {
    given([granted(100, "code")]).after(HOUR).is(Status::Pending)
}

/// Its refresh token "token" was refused an hour ago.
pub(super) fn broken() -> World {
    given([granted(100, "code"), issued(1, "code", "token"), credentials_rejected()])
        .after(HOUR)
        .is(Status::Broken)
}

/// It revoked an hour ago.
pub(super) fn revoked() -> World {
    given([granted(100, "code"), issued(1, "code", "token"), revoked_at(200)]).after(HOUR).is(Status::Revoked)
}

/// Every reason to inspect, and none of them just now.
/// All reasons but a late token, which is tried whatever waits: the last one.
pub(super) fn for_every_reason_without_a_token() -> impl Iterator<Item = Script> {
    for_every_reason().into_iter().take(5)
}

pub(super) fn for_every_reason() -> [Script; 6] {
    [
        Because::Redeemed,
        Because::Doubt,
        Because::UnclearRevocation,
        Because::RedemptionRefused { digest: digest("code"), refusal: code_refused() },
        Because::RefreshRefused { refusal: token_refused() },
        Because::Named { refresh_token: Secret::new("token") },
    ]
    .map(|because| inspected(because).queued_ago(HOUR))
}
