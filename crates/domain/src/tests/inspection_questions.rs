//! What an inspection asks, and in which order. A script fails when another question is asked than the next one in it.

use mandate_schema::{RecoverySource, Secret};

use super::{
    effects::{
        credentials_rejected, granted, issued, issued_without_token, keep_access_token, recovered,
        recovered_from,
    },
    given::given,
    inspected::{
        Script, authorized, broken, for_every_reason, for_every_reason_without_a_token, inspected, pending,
        revoked,
    },
    samples::{HOUR, info_granting, info_of, info_with_token, silent_info, token_refused},
};
use crate::{AuthorizerInfo, Because, Status};

fn listed(token: &str) -> Script {
    inspected(Because::Named { refresh_token: Secret::new(token) })
}

fn refresh_refused() -> Script {
    inspected(Because::RefreshRefused { refusal: token_refused() })
}

#[test]
fn of_an_authorizer_with_working_credentials_only_the_info_is_asked() {
    for because in [Because::Redeemed, Because::Doubt, Because::UnclearRevocation] {
        authorized().when(inspected(because).queued_ago(HOUR).info(info_with_token("token"))).then([]);
    }
}

#[test]
fn of_an_authorizer_without_api_permission_only_the_info_is_asked() {
    let redeemed = given([granted(100, "code"), issued_without_token(1, "code")]);
    for because in [Because::Redeemed, Because::Doubt, Because::UnclearRevocation] {
        for info in [silent_info(), info_granting(&[])] {
            let script = inspected(because.clone()).queued_ago(HOUR).info(info);
            for world in [redeemed.clone(), redeemed.clone().after(HOUR)] {
                world.when(script.clone()).then([]);
            }
        }
    }
}

#[test]
fn a_code_that_is_refused_while_credentials_work_tries_none_of_them() {
    let [_, _, _, refused, _, _] = for_every_reason();
    authorized().when(refused.info(info_with_token("token"))).then([]).is(Status::Authorized);
}

#[test]
fn a_token_of_the_list_that_is_ours_is_not_tried() {
    authorized().when(listed("token").info(info_with_token("token"))).then([]);
}

#[test]
fn the_info_is_the_first_question_whatever_the_reason() {
    for script in for_every_reason() {
        authorized().when(script.gone()).leads_to(Status::Revoked);
    }
}

#[test]
fn an_authorizer_that_is_gone_is_asked_nothing_more() {
    for script in for_every_reason() {
        for world in [pending(), broken(), authorized()] {
            world.when(script.clone().gone()).leads_to(Status::Revoked);
        }
    }
    broken().when(inspected(Because::Doubt).info(silent_info()).gone_at("token")).leads_to(Status::Revoked);
}

#[test]
fn a_named_token_other_than_ours_is_tried() {
    authorized()
        .when(inspected(Because::Redeemed).info(info_with_token("named")).works("named"))
        .then([recovered(1, "named"), keep_access_token()]);
    authorized()
        .when(listed("named").info(silent_info()).works("named"))
        .then([recovered_from(RecoverySource::List, 1, "named"), keep_access_token()]);
    given([granted(100, "code"), issued_without_token(1, "code")])
        .when(inspected(Because::Redeemed).info(info_with_token("named")).works("named"))
        .then([recovered(1, "named"), keep_access_token()]);
}

/// Infos that name no token.
fn without_a_name() -> [AuthorizerInfo; 4] {
    [silent_info(), info_granting(&[]), info_granting(&[1, 17]), info_of("shop")]
}

/// With an info that names no token, every reason after which ours is tried next: not after a redemption, and after a refused
/// refresh only when the list has been read.
fn ours_next() -> Vec<Script> {
    let scripts = without_a_name().map(|info| {
        let [_, doubt, unclear, code_refused, _, named] = for_every_reason();
        [doubt, unclear, code_refused, named].map(|script| script.info(info.clone()))
    });
    scripts.into_iter().flatten().collect()
}

#[test]
fn ours_is_tried_if_none_is_named() {
    for script in ours_next() {
        authorized().when(script.clone().works("token")).leads_to_token("token");
        authorized().when(script.clone().gone_at("token")).leads_to(Status::Revoked);
        let world = authorized().when(script.refused("token").not_listed()).leads_to(Status::Broken);
        assert_eq!(world.refresh_token().as_deref(), Some("token"));
    }
}

#[test]
fn ours_that_works_although_none_is_named_is_no_event() {
    let [_, doubt, unclear, code_refused, refresh_refused, named] =
        for_every_reason().map(|script| script.info(silent_info()));
    for script in [doubt, unclear, code_refused, refresh_refused.not_listed(), named] {
        authorized().when(script.works("token")).then([keep_access_token()]).is(Status::Authorized);
    }
}

#[test]
fn the_list_may_name_another_one_after_ours_is_refused() {
    for script in ours_next() {
        let script = script.refused("token").listed("list's").works("list's");
        authorized().when(script).leads_to_token("list's");
    }
}

#[test]
fn after_a_redemption_none_needs_to_be_named() {
    for info in without_a_name() {
        let just_redeemed = given([granted(100, "code"), issued(1, "code", "token")]);
        for world in [just_redeemed, authorized()] {
            let script = inspected(Because::Redeemed).info(info.clone());
            world.when(script).leads_to_token("token");
        }
    }
}

#[test]
fn a_refused_refresh_tries_ours_once_more_after_the_list() {
    for info in without_a_name() {
        let script = refresh_refused().info(info).not_listed();
        authorized().when(script.clone().works("token")).leads_to_token("token");
        authorized().when(script.clone().gone_at("token")).leads_to(Status::Revoked);
        let world = authorized().when(script.refused("token")).leads_to(Status::Broken);
        assert_eq!(world.refresh_token().as_deref(), Some("token"));
    }
}

#[test]
fn a_refused_refresh_tries_what_is_named_before_ours() {
    for info in without_a_name() {
        let script = refresh_refused().info(info).listed("list's");
        authorized().when(script.clone().works("list's")).leads_to_token("list's");
        authorized().when(script.refused("list's").works("token")).leads_to_token("token");
    }
    let script = refresh_refused().info(info_with_token("info's"));
    authorized().when(script.clone().works("info's")).leads_to_token("info's");
    let script = script.refused("info's").listed("list's");
    authorized()
        .when(script.clone().works("list's"))
        .then([recovered_from(RecoverySource::List, 1, "list's"), keep_access_token()]);
    authorized().when(script.refused("list's").works("token")).then([keep_access_token()]);
}

#[test]
fn a_refused_refresh_tries_ours_once_whoever_names_it() {
    let by_info = refresh_refused().info(info_with_token("token"));
    authorized().when(by_info.clone().works("token")).then([keep_access_token()]);
    authorized().when(by_info.refused("token").listed("token")).leads_to(Status::Broken);
    let by_list = refresh_refused().info(silent_info()).listed("token");
    authorized().when(by_list.clone().works("token")).then([keep_access_token()]);
    authorized().when(by_list.refused("token")).leads_to(Status::Broken);
}

#[test]
fn whoever_has_no_working_credentials_tries_all_there_are() {
    for world in [pending(), revoked()] {
        let script = inspected(Because::Doubt).info(info_with_token("named")).works("named");
        world.when(script).leads_to_token("named");
    }
    broken().when(inspected(Because::Doubt).info(silent_info()).works("token")).leads_to_token("token");
}

#[test]
fn the_tokens_are_tried_in_turn_and_the_list_is_read_last() {
    let script = listed("page's")
        .info(info_with_token("info's"))
        .refused("info's")
        .refused("page's")
        .refused("token")
        .listed("list's")
        .works("list's");
    for world in [authorized(), broken()] {
        world
            .when(script.clone())
            .then([recovered_from(RecoverySource::List, 1, "list's"), keep_access_token()])
            .is(Status::Authorized);
    }
}

#[test]
fn each_token_is_tried_once_however_often_it_is_named() {
    let script = listed("token").info(info_with_token("token")).refused("token").listed("token");
    broken().when(script).then([]).is(Status::Broken);
    let script =
        listed("named").info(info_with_token("named")).refused("named").refused("token").listed("named");
    broken().when(script).then([]).is(Status::Broken);
}

#[test]
fn nothing_is_asked_once_a_token_works() {
    broken()
        .when(listed("page's").info(info_with_token("info's")).works("info's"))
        .then([recovered(1, "info's"), keep_access_token()]);
    broken()
        .when(listed("page's").info(info_with_token("info's")).refused("info's").works("page's"))
        .then([recovered_from(RecoverySource::List, 1, "page's"), keep_access_token()]);
    broken()
        .when(listed("page's").info(silent_info()).refused("page's").works("token"))
        .then([recovered_from(RecoverySource::Held, 1, "token"), keep_access_token()]);
}

#[test]
fn the_source_is_the_first_that_names_the_token() {
    broken()
        .when(listed("token").info(info_with_token("token")).works("token"))
        .then([recovered(1, "token"), keep_access_token()]);
    broken()
        .when(listed("token").info(silent_info()).works("token"))
        .then([recovered_from(RecoverySource::List, 1, "token"), keep_access_token()]);
    broken()
        .when(inspected(Because::Doubt).info(silent_info()).works("token"))
        .then([recovered_from(RecoverySource::Held, 1, "token"), keep_access_token()]);
}

#[test]
fn an_unreadable_answer_does_not_stop_the_next_question() {
    broken().when(inspected(Because::Doubt).unreadable_info().works("token")).leads_to_token("token");
    let script = listed("page's").info(info_with_token("info's")).unreadable("info's").works("page's");
    broken().when(script).leads_to_token("page's");
    let script =
        inspected(Because::Doubt).info(silent_info()).unreadable("token").listed("list's").works("list's");
    broken().when(script).leads_to_token("list's");
    let script = inspected(Because::Doubt).unreadable_info().unreadable("token").unreadable_list();
    broken().when(script).then_incomplete().is(Status::Broken);
}

#[test]
fn a_code_that_waits_for_its_redemption_is_not_anticipated() {
    for script in for_every_reason_without_a_token() {
        let script = script.while_a_code_waits().info(info_with_token("named"));
        given([granted(100, "code")]).when(script.clone()).then([]).is(Status::Pending);
        pending().when(script).then([]).is(Status::Pending);
    }
}

#[test]
fn only_a_pending_authorizer_waits_for_a_redemption() {
    let script = inspected(Because::Doubt).while_a_code_waits().info(info_with_token("named")).works("named");
    for world in [authorized(), broken(), given([granted(100, "code"), credentials_rejected()]).after(HOUR)] {
        world.when(script.clone()).leads_to_token("named");
    }
}
