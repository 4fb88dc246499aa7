//! Whatever the answers are: an inspection comes to an end, asks nothing twice, and believes only a refresh token that works.

use std::collections::BTreeMap;

use mandate_schema::{Event, Field, Secret};
use proptest::{option, prelude::*};

use super::{
    effects::{Effect, confirmed_grant, confirmed_revocation, updated},
    given::{World, given},
    inspected::{authorized, broken, pending, revoked},
    samples::{access_token, code_refused, digest, token_refused},
};
use crate::{
    AuthorizerInfo, Because, Decision, Fact, Inspected, Inspection, Question, RedeemTask, Since, Status,
    Task, decide_inspected,
};

const TOKENS: [&str; 3] = ["token", "a", "b"];

#[derive(Clone, Copy, Debug)]
enum Trial {
    Works,
    Refused,
    Unreadable,
}

#[derive(Clone, Debug)]
enum Info {
    Said(Box<AuthorizerInfo>),
    Refused,
    Unreadable,
}

/// What `WeChat` answers to each question.
#[derive(Clone, Debug)]
struct Answers {
    info: Info,
    listed: Option<Secret>,
    trials: BTreeMap<&'static str, Trial>,
}

fn tokens() -> impl Strategy<Value = Secret> {
    prop::sample::select(TOKENS.to_vec()).prop_map(Secret::new)
}

fn answers() -> impl Strategy<Value = Answers> {
    let permissions = option::of(prop::collection::vec(1_i64..4, 0..2));
    let info = (option::of(tokens()), permissions).prop_map(|(refresh_token, permissions)| AuthorizerInfo {
        profile: None,
        refresh_token,
        permissions,
    });
    let trial = prop::sample::select(vec![Trial::Works, Trial::Refused, Trial::Refused, Trial::Unreadable]);
    let trials = prop::array::uniform3(trial).prop_map(|trials| TOKENS.into_iter().zip(trials).collect());
    let info = prop_oneof![
        8 => info.prop_map(|info| Info::Said(Box::new(info))),
        1 => Just(Info::Refused),
        1 => Just(Info::Unreadable),
    ];
    let answers = (info, option::of(tokens()), trials);
    answers.prop_map(|(info, listed, trials)| Answers { info, listed, trials })
}

fn reasons() -> impl Strategy<Value = Because> {
    prop_oneof![
        Just(Because::Redeemed),
        Just(Because::Doubt),
        Just(Because::RedemptionRefused { digest: digest("code"), refusal: code_refused() }),
        Just(Because::RefreshRefused { refusal: token_refused() }),
        tokens().prop_map(|refresh_token| Because::Named { refresh_token }),
    ]
}

fn worlds() -> impl Strategy<Value = World> {
    let unsure = given([confirmed_grant()]);
    prop::sample::select(vec![World::default(), pending(), authorized(), broken(), revoked(), unsure])
}

/// Since the call, the stream has gained facts, credentials, or both.
fn overtaking() -> impl Strategy<Value = Since> {
    let fact = prop::sample::select(vec![updated(200, "next"), confirmed_revocation()]);
    let facts = prop::collection::vec(fact, 0..3);
    (facts, any::<bool>(), any::<[bool; 2]>()).prop_map(|(facts, credentials, [permissions, profile])| {
        let facts: Vec<_> = facts.iter().map(fact_of).collect();
        let credentials = credentials || facts.is_empty();
        Since { facts, credentials, permissions, profile }
    })
}

fn fact_of(effect: &Effect) -> Fact {
    let Effect::Event(new) = effect else { unreachable!("an event") };
    Fact::of(&new.event).expect("a fact")
}

impl Answers {
    fn teach(&self, inspection: &mut Inspection, question: Question) {
        match question.clone() {
            Question::Info => match &self.info {
                Info::Said(info) => inspection.learn_info((**info).clone()),
                Info::Refused => inspection.learn_info_refused(),
                Info::Unreadable => inspection.learn_unreadable(question),
            },
            Question::List => inspection.learn_listed(self.listed.clone()),
            Question::Refresh(token) => match self.trials[token.expose()] {
                Trial::Works => inspection.learn_works(token, None, access_token()),
                Trial::Refused => inspection.learn_refused(token, token_refused()),
                Trial::Unreadable => inspection.learn_unreadable(question),
            },
        }
    }
}

/// Inspects to the end; answers what was found and the questions that were asked.
fn inspect(world: &World, because: Because, answers: &Answers) -> (Inspection, Vec<Question>) {
    let held = world.refresh_token().map(Secret::new);
    let times = crate::Times { queued_at: world.now(), asked_at: world.now() };
    let mut inspection = Inspection::begin(world.seen(), held, because, RedeemTask::Ended, times);
    let asked = ask(&mut inspection, answers);
    (inspection, asked)
}

/// Asks to the end; answers the questions that were asked.
fn ask(inspection: &mut Inspection, answers: &Answers) -> Vec<Question> {
    let mut asked = Vec::new();
    while let Some(question) = inspection.question() {
        assert!(!asked.contains(&question), "{question:?} is asked twice: {asked:?}");
        asked.push(question.clone());
        answers.teach(inspection, question);
    }
    asked
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn only_a_token_that_works_is_recovered(world in worlds(), because in reasons(), answers in answers()) {
        let (inspection, asked) = inspect(&world, because, &answers);
        prop_assert_eq!(&asked[0], &Question::Info);
        prop_assert!(asked.len() <= 2 + TOKENS.len());
        let tried: Vec<_> = asked.iter().filter_map(|question| match question {
            Question::Refresh(token) => Some(answers.trials[token.expose()]),
            Question::Info | Question::List => None,
        }).collect();
        let works = |trial: &Trial| matches!(trial, Trial::Works);
        prop_assert!(tried.iter().rev().skip(1).all(|trial| !works(trial)), "asked on after one that works: {asked:?}");
        let found = decide_inspected(world.seen(), &Since::default(), &inspection);
        let (Inspected::Done(decision) | Inspected::Again { decision, .. }) = found else {
            prop_assert_eq!(found, Inspected::Incomplete);
            prop_assert!(!tried.iter().any(works));
            return Ok(());
        };
        prop_assert_eq!(decision.access_token.is_some(), tried.iter().any(works));
        for new in &decision.events {
            if let (Event::CredentialsRecovered(_), [(Field::RefreshToken, token)]) = (&new.event, &new.secrets[..]) {
                prop_assert!(works(&answers.trials[token.expose()]), "{:?}", decision);
            }
        }
        let mut after = world;
        decision.events.iter().for_each(|new| after.record(new));
        prop_assert_ne!(after.state().status, Status::Pending);
        prop_assert_ne!(after.state().status, Status::Revoked);
    }

    #[test]
    fn what_came_since_is_never_replaced_and_a_token_that_works_never_lost(
        world in worlds(),
        because in reasons(),
        answers in answers(),
        since in overtaking(),
    ) {
        let (inspection, asked) = inspect(&world, because, &answers);
        let works = asked.iter().find_map(|question| match question {
            Question::Refresh(token) => {
                matches!(answers.trials[token.expose()], Trial::Works).then(|| token.clone())
            }
            Question::Info | Question::List => None,
        });
        let found = decide_inspected(world.seen(), &since, &inspection);
        let expected = match works {
            Some(refresh_token) => {
                Inspected::Done(Decision::task(Task::inspect(Because::Named { refresh_token })))
            }
            None => Inspected::Again { decision: Decision::nothing(), at: world.now() },
        };
        prop_assert_eq!(found, expected);
    }
}
