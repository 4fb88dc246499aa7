//! Variables over the file.

use super::{Folder, component, shown};

const COMPONENT_0: [(&str, &str); 3] = [
    ("MANDATE_COMPONENT__0__APP_ID", "wx1f2e3d4c5b6a7988"),
    ("MANDATE_COMPONENT__0__TOKEN", "goodtoken"),
    ("MANDATE_COMPONENT__0__ENCODING_AES_KEY", super::KEY),
];

#[test]
fn a_variable_overrides_its_key_and_says_so() {
    let loaded =
        Folder::with("[ingress]\nlisten = '0.0.0.0:80'").loaded(&[("MANDATE_INGRESS__LISTEN", "0.0.0.0:81")]);
    assert_eq!(loaded.config.ingress.listen.port(), 81);
    let origin = "environment MANDATE_INGRESS__LISTEN".to_owned();
    assert_eq!(shown(&loaded, "ingress.listen"), ("0.0.0.0:81".to_owned(), origin));
}

#[test]
fn the_environment_of_the_process_can_be_read() {
    let path = std::env::var("PATH").expect("tests have a path");
    assert!(super::super::environment().any(|variable| variable == ("PATH".to_owned(), path.clone())));
}

#[test]
fn numbers_and_switches_are_read_from_text() {
    let env = [("MANDATE_STORAGE__POOL", "3"), ("MANDATE_WORKER__OPEN_CONSENT", "true")];
    let config = Folder::with("").loaded(&env).config;
    assert_eq!((config.storage.pool, config.worker.open_consent), (3, true));
}

#[test]
fn only_variables_with_two_underscores_are_configuration() {
    let env = [
        ("MANDATE_TEST_STACK", "embedded"),
        ("PATH", "/bin"),
        ("OTHER__LISTEN", "x"),
        ("MANDATE_FAILPOINT", "a:1"),
    ];
    Folder::with("").loaded(&env);
}

#[test]
fn one_underscore_too_few_is_a_problem_that_names_the_right_one() {
    let found = Folder::with("").problems(&[("MANDATE_INGRESS_LISTEN", "127.0.0.1:1")]);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].contains("MANDATE_INGRESS__LISTEN"), "{found:#?}");
}

#[test]
fn components_can_come_from_the_environment_alone() {
    let previous = [
        ("MANDATE_COMPONENT__0__PREVIOUS__0__TOKEN", "oldtoken"),
        ("MANDATE_COMPONENT__0__PREVIOUS__0__ENCODING_AES_KEY", super::KEY),
    ];
    let config = Folder::with("").loaded(&[COMPONENT_0.as_slice(), &previous].concat()).config;
    assert_eq!(config.components[0].app_id.as_str(), "wx1f2e3d4c5b6a7988");
    assert_eq!(config.components[0].previous[0].token.expose(), "oldtoken");
}

#[test]
fn an_entry_of_the_file_can_be_changed_and_one_be_added() {
    let folder = Folder::with(&component("app_secret = 'of-the-file'"));
    let env = [
        ("MANDATE_COMPONENT__0__TOKEN", "othertoken"),
        ("MANDATE_COMPONENT__1__APP_ID", "wxsecond0000000000"),
        ("MANDATE_COMPONENT__1__TOKEN", "secondtoken"),
        ("MANDATE_COMPONENT__1__ENCODING_AES_KEY", super::KEY),
    ];
    let components = folder.loaded(&env).config.components;
    assert_eq!(components[0].token.expose(), "othertoken");
    assert!(components[0].app_secret.is_some());
    assert_eq!(components[1].app_id.as_str(), "wxsecond0000000000");
}

#[test]
fn eleven_entries_keep_their_order() {
    let mut env = Vec::new();
    for at in (0..11).rev() {
        env.push((format!("MANDATE_COMPONENT__{at}__APP_ID"), format!("wxnumber{at}")));
        env.push((format!("MANDATE_COMPONENT__{at}__TOKEN"), "goodtoken".to_owned()));
        env.push((format!("MANDATE_COMPONENT__{at}__ENCODING_AES_KEY"), super::KEY.to_owned()));
    }
    let env: Vec<(&str, &str)> = env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let components = Folder::with("").loaded(&env).config.components;
    assert_eq!(components.len(), 11);
    assert_eq!(components[2].app_id.as_str(), "wxnumber2");
    assert_eq!(components[10].app_id.as_str(), "wxnumber10");
}

#[test]
fn lists_of_text_are_separated_by_commas_and_replace_those_of_the_file() {
    let folder = Folder::with("[worker]\nreturn_hosts = ['old.example']");
    let hosts = |value| folder.loaded(&[("MANDATE_WORKER__RETURN_HOSTS", value)]).config.worker.return_hosts;
    let text = |value| hosts(value).iter().map(|host| host.as_str().to_owned()).collect::<Vec<_>>();
    assert_eq!(text("a.example, B.example,"), ["a.example", "b.example"]);
    assert!(text("").is_empty());
}

#[test]
fn problems_name_the_variable() {
    let env = [
        ("MANDATE_INGRES__LISTEN", "0.0.0.0:80"),
        ("MANDATE_INGRESS__LISTEN", "80"),
        ("MANDATE_INGRESS__LISTEN__PORT", "80"),
        ("MANDATE_LOG__LEVLE", "debug"),
        ("MANDATE_COMPONENT__1__TOKEN", "goodtoken"),
        ("MANDATE_WORKER__listen", "127.0.0.1:1"),
        ("MANDATE_WORKER__LISTEN", "127.0.0.1:2"),
    ];
    let found = Folder::with("").problems(&env);
    let expect = |key: &str, name: &str| {
        let fits = |line: &&String| {
            line.starts_with(&format!("{key}: ")) && line.ends_with(&format!("(environment {name})"))
        };
        assert!(found.iter().any(|line| fits(&line)), "nothing about {key} from {name} in {found:#?}");
    };
    expect("ingres", "MANDATE_INGRES__LISTEN");
    expect("ingress.listen", "MANDATE_INGRESS__LISTEN");
    expect("ingress.listen.port", "MANDATE_INGRESS__LISTEN__PORT");
    expect("log.levle", "MANDATE_LOG__LEVLE");
    expect("component.1.token", "MANDATE_COMPONENT__1__TOKEN");
    expect("worker.listen", "MANDATE_WORKER__listen");
    assert_eq!(found.len(), 6, "{found:#?}");
}

#[test]
fn an_empty_variable_is_not_an_empty_token() {
    let found = Folder::with(&component("")).problems(&[("MANDATE_COMPONENT__0__TOKEN", "")]);
    assert_eq!(
        found,
        [
            "component.0.token: is empty; give it a value or leave it out (environment MANDATE_COMPONENT__0__TOKEN)"
        ]
    );
}
