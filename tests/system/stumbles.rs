//! Small mistakes of operators, and what they are told.

use std::{net::TcpListener, path::Path, process::Command};

use serde_json::Value;
use tempfile::TempDir;

use crate::world::{COMPONENT_A as A, Options, World, process::MANDATE};

/// Runs a command in a folder; its exit code, stdout and stderr.
fn run(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let mut command = Command::new(MANDATE);
    command.args(arguments).current_dir(folder).envs(environment.iter().copied());
    for name in ["USER", "LOGNAME", "SUDO_USER"] {
        command.env_remove(name);
    }
    let done = command.output().expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (done.status.code(), text(&done.stdout), text(&done.stderr))
}

/// A folder with a configuration that works.
fn good() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("data")).expect("our own folder");
    Options::new().write(folder.path());
    folder
}

#[test]
fn config_check_names_the_file_and_refuses_what_cannot_work() {
    let folder = good();
    let (code, out, told) = run(folder.path(), &["config", "check"], &[]);
    assert_eq!(code, Some(0), "{told}");
    assert!(out.contains("mandate.toml") && out.contains("standalone"), "{out}");
    let broker = ("MANDATE_BROKER__URL", "amqp://u:p@127.0.0.1/v");
    for (environment, expected) in [
        (vec![("MANDATE_COMPONENT__0__TOKEN", "replacethistoken")], "component.0: token or encoding_aes_key"),
        (
            vec![("MANDATE_SEAL__KEYS", "k:cmVwbGFjZS1tZS13aXRoLW1hbmRhdGUta2V5Z2VuISE=")],
            "seal.keys: a key is",
        ),
        (vec![("MANDATE_COMPONENT__0__APP_ID", "wx1f2e3d4c5b6a79zz")], "component.0.app_id: is no appid"),
        (vec![("MANDATE_COMPONENT__0__APP_SECRET", "short")], "component.0.app_secret: is no app secret"),
        (vec![broker], "worker.settle_key: is required"),
        (vec![("MANDATE_COMPONENT_0_TOKEN", "x")], "as in MANDATE_COMPONENT__0__TOKEN"),
    ] {
        let (code, _, told) = run(folder.path(), &["config", "check"], &environment);
        assert_eq!(code, Some(2), "{environment:?}: {told}");
        assert!(told.contains(expected), "{environment:?}: {told}");
    }
    let (code, _, told) = run(folder.path(), &["config", "check", "--role", "ingress"], &[]);
    assert!(code == Some(2) && told.contains("`mandate ingress` would not work"), "{told}");
    let component = "[[component]]\napp_id = 'wx1f2e3d4c5b6a7988'\ntoken = 'ourowntoken'\n\
                     encoding_aes_key = 'BwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyAhIiMkJSY'\n";
    std::fs::write(folder.path().join("mandate.toml"), component).expect("our own folder");
    let (code, _, told) = run(folder.path(), &["config", "check"], &[]);
    assert!(
        code == Some(2) && told.contains("component.0.app_secret") && told.contains("seal.keys"),
        "{told}"
    );
}

#[test]
fn a_master_key_gets_no_id_that_the_configuration_would_refuse() {
    let folder = tempfile::tempdir().expect("a folder");
    for id in ["a b", "", "a:b", "ключ"] {
        let (code, out, told) = run(folder.path(), &["keygen", "--id", id], &[]);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{id:?}: {told}");
        assert!(told.contains("1 to 64"), "{told}");
    }
}

#[test]
fn an_unwritable_data_folder_ends_with_its_path_and_exit_code_5() {
    let folder = good();
    let nowhere = [("MANDATE_STORAGE__URL", "sqlite:/proc/mandate/mandate.db")];
    for command in ["migrate", "standalone"] {
        let (code, _, told) = run(folder.path(), &[command], &nowhere);
        assert_eq!(code, Some(5), "{command}: {told}");
        assert!(told.contains("/proc/mandate/mandate.db"), "{command}: {told}");
    }
}

#[test]
fn a_port_in_use_is_named_by_its_setting_before_the_database_is_made() {
    let folder = good();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("bound").to_string();
    for setting in ["ingress.listen", "ingress.admin_listen", "worker.listen", "worker.public_listen"] {
        let variable = format!("MANDATE_{}", setting.to_uppercase().replace('.', "__"));
        let (code, _, told) = run(folder.path(), &["standalone"], &[(&variable, &address)]);
        assert_eq!(code, Some(1), "{setting}: {told}");
        assert_eq!(told.matches(&address).count(), 1, "{setting}: told once: {told}");
        assert!(told.contains(&format!("{setting}: {address}")), "{told}");
    }
    assert!(!folder.path().join("data/mandate.db").exists(), "no migration ran");
}

#[tokio::test]
async fn commands_say_what_they_wait_for_and_that_there_is_nothing() {
    let world = World::start().await;
    let (code, table, told) = world.command(&["authorizers", "list"]);
    assert_eq!((code, table.lines().count()), (0, 1), "{told}");
    assert!(told.contains("(none)"), "{told}");
    let mut tail = Command::new(MANDATE);
    tail.arg("--config").arg(world.config_file()).args(["events", "tail"]).current_dir(world.folder());
    let mut child = tail.stderr(std::process::Stdio::piped()).spawn().expect("it runs");
    let stderr = std::io::BufReader::new(child.stderr.take().expect("piped"));
    let mut lines = std::io::BufRead::lines(stderr).map_while(Result::ok);
    assert!(lines.any(|line| line.starts_with("waiting for events after position")), "it says that it waits");
    child.kill().and_then(|()| child.wait()).expect("ours");

    let folder = world.folder();
    let create = ["link", "create", "--component", A, "--expires-in", "3600", "--qr", "qr.svg", "-o", "json"];
    let (code, link, told) = run(&folder, &create, &[]);
    assert_eq!(code, Some(0), "{told}");
    let link: Value = serde_json::from_str(&link).expect("JSON");
    assert_eq!((&link["qr_file"], link.get("qr_svg")), (&"qr.svg".into(), None), "{link}");
    assert!(std::fs::read_to_string(folder.join("qr.svg")).expect("written").starts_with("<svg"));
    let audit = world.command(&["audit"]).1;
    assert!(audit.contains("command line (user id "), "no unknown user: {audit}");
    world.ticket(A).await;
    for _ in 0..2 {
        world.authorize(A).await;
    }
    world.settle().await;
    let (_, _, told) = world.command(&["authorizers", "list", "--limit", "1"]);
    assert!(told.contains("may be more than these 1"), "{told}");
    world.finish().await;
}
