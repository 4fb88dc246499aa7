use super::*;

fn is_chinese(text: &str) -> bool {
    text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c))
}

/// The explanations of a code that are of one kind.
#[track_caller]
fn assert_explained(code: &str, of: Both) {
    for (language, of) in [(Language::English, of.0), (Language::Chinese, of.1)] {
        let found = explain(code, language);
        let one = found.iter().find(|one| one.of == of);
        let one = one.unwrap_or_else(|| panic!("{code} is not explained as {of}"));
        for text in [one.meaning, one.cure, one.fault] {
            assert!(
                !text.is_empty() && is_chinese(text) == (language == Language::Chinese)
                    || text.contains("备案"),
                "{code}: {text}"
            );
        }
    }
}

#[test]
fn every_code_of_the_lists_in_the_code_is_explained_in_both_languages() {
    let numbers = errors::all().map(|entry| (entry.code.to_string(), WECHAT));
    let names = |names: &[&str], of| names.iter().map(|name| ((*name).to_owned(), of)).collect::<Vec<_>>();
    let all = numbers
        .chain(Code::ALL.map(|code| (code.as_str().to_owned(), PROBLEM)))
        .chain(names(&EVENT_NAMES, EVENT))
        .chain(names(&DEAD_LETTER_REASONS, DEAD_LETTER))
        .chain(names(&WAITING_REASONS, WAITING));
    for (code, of) in all {
        assert_explained(&code, of);
    }
}

#[test]
fn a_code_is_found_in_the_forms_that_operators_copy() {
    for code in ["61004", "errcode 61004", "errcode=61004", "errcode:61004", " 61004 "] {
        assert_eq!(
            explain(code, Language::English)[0].meaning,
            "calling address not registered for the component"
        );
    }
    assert_eq!(explain("-1", Language::Chinese)[0].meaning, "系统繁忙，请稍后再试");
    let event = explain("webhook.disabled", Language::English);
    assert_eq!(explain("mandate.webhook.disabled.v1", Language::English), event);
    assert_eq!(explain("Webhook.Disabled", Language::English), event);
}

#[test]
fn a_name_of_several_places_has_several_explanations_and_an_unknown_one_none() {
    let kinds: Vec<_> = explain("no_ticket", Language::English).iter().map(|one| one.of).collect();
    assert_eq!(kinds, [PROBLEM.0, WAITING.0]);
    for unknown in ["", "99999", "no_such_code", "errcode"] {
        assert_eq!(explain(unknown, Language::English), [], "{unknown:?}");
    }
}

#[test]
fn every_code_that_is_offered_is_explained() {
    for code in all_codes() {
        assert!(!explain(&code, Language::English).is_empty(), "{code}");
    }
}
