use super::*;

const NEW_COMPONENT_TOKEN: Retry = Retry::OnceAfter(Repair::RefreshComponentToken);

#[test]
fn every_number_is_listed_once_and_found() {
    for table in TABLES {
        assert!(table.is_sorted_by_key(|entry| entry.code));
    }
    for entry in all() {
        assert_eq!(lookup(entry.code), Some(entry), "{} is listed twice", entry.code);
    }
}

#[test]
fn every_entry_says_something_in_both_languages() {
    let is_chinese = |text: &str| text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
    for entry in all() {
        assert!(!entry.meaning.is_empty() && entry.meaning.is_ascii(), "{}", entry.code);
        assert!(is_chinese(entry.meaning_zh), "{}", entry.code);
        assert!(!entry.cure().is_empty() && is_chinese(entry.cure_zh()), "{}", entry.code);
    }
}

#[test]
fn only_these_numbers_are_called_again() {
    let again: Vec<_> = all().filter(|e| e.retry != Retry::Never).map(|e| e.code).collect();
    let expected = [
        -1, 40001, 40014, 40091, 40094, 42001, 42006, 45009, 45011, 61005, 61006, 61023, 61039, 89247, 89401,
    ];
    assert_eq!(again, expected);
}

#[test]
fn an_unlisted_number_is_never_called_again() {
    for api in Api::ALL {
        assert_eq!(classify(api, 0), Retry::Never);
        assert_eq!(classify(api, 99_999), Retry::Never);
    }
}

#[test]
fn a_bad_token_is_replaced_once_where_one_was_sent() {
    for code in [40001, 40014, 40094, 42001, 42006] {
        for api in Api::ALL {
            let expected = match api.token() {
                Some(TokenOf::Component) => NEW_COMPONENT_TOKEN,
                Some(TokenOf::Authorizer) => Retry::OnceAfter(Repair::RefreshToken),
                None => Retry::Never,
            };
            assert_eq!(classify(api, code), expected, "{code} from {}", api.name());
        }
    }
    assert_eq!(classify(Api::ComponentToken, 40001), classify(Api::ComponentToken, 40125));
}

#[test]
fn each_repair_fits_its_number() {
    assert_eq!(classify(Api::ComponentToken, 61005), Retry::OnceAfter(Repair::NewestTicket));
    assert_eq!(classify(Api::ComponentToken, 61006), Retry::OnceAfter(Repair::NewestTicket));
    assert_eq!(classify(Api::AuthorizerToken, 61023), Retry::OnceAfter(Repair::RecoverRefreshToken));
    assert_eq!(classify(Api::QueryAuth, -1), Retry::Later);
    for code in [61003, 61004, 61007, 61009, 61010, 40125] {
        assert_eq!(classify(Api::QueryAuth, code), Retry::Never, "{code}");
    }
}

#[test]
fn quotas_by_day_and_by_minute_are_told_apart() {
    assert_eq!(classify(Api::ComponentToken, 45009), Retry::NextDay);
    assert_eq!(classify(Api::ComponentToken, 45011), Retry::Later);
    assert_eq!(min_wait(45011), Duration::from_mins(1));
    assert_eq!(min_wait(-1), Duration::ZERO);
}

#[test]
fn the_fault_tells_an_alarm_from_the_course_of_things() {
    let fault = |code| lookup(code).map(|entry| entry.fault);
    assert_eq!(fault(42001), Some(Fault::Nobody));
    assert_eq!(fault(61004), Some(Fault::Platform));
    assert_eq!(fault(61003), Some(Fault::Merchant));
    assert_eq!(fault(61014), Some(Fault::Us));
    assert_eq!(fault(-1), Some(Fault::WeChat));
}
