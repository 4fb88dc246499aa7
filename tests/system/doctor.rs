//! `mandate doctor` finds planted faults and names their cures.

use std::{
    fs::{self, Permissions},
    io::{Read, Write},
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    process::Command,
};

use jiff::{SignedDuration, Timestamp, fmt::rfc2822};
use mandate_schema::Secret;
use mandate_wechat::{
    envelope::{EncodingAesKey, cipher},
    signature,
};
use serde_json::{Value, json};

use crate::world::{COMPONENT_A as A, COMPONENT_B as B, World, free_port, process::MANDATE};

/// The findings of `mandate doctor` under these variables, and its exit code.
fn doctor(world: &World, arguments: &[&str], environment: &[(&str, String)]) -> (Vec<Value>, i32) {
    let mut command = Command::new(MANDATE);
    command.arg("--config").arg(world.config_file()).args(["doctor", "-o", "json"]).args(arguments);
    let done =
        command.envs(environment.iter().map(|(name, value)| (*name, value))).output().expect("it runs");
    let told = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(told.lines().all(|line| line.starts_with("mandate: ")), "no log line is mixed in: {told}");
    let found = serde_json::from_slice(&done.stdout).unwrap_or_else(|error| panic!("{error}: {told}"));
    (found, done.status.code().expect("an exit code"))
}

/// Asserts that a check failed, and that what it found and what it says to do contain these texts.
#[track_caller]
fn assert_found((findings, code): (Vec<Value>, i32), check: &str, found: &str, cure: &str) {
    assert_eq!(code, 1, "{findings:#?}");
    let text = |finding: &Value, field: &str| finding[field].as_str().unwrap_or_default().to_owned();
    let fits = |finding: &&Value| {
        finding["check"] == check
            && finding["verdict"] == "failed"
            && text(finding, "found").contains(found)
            && text(finding, "cure").contains(cure)
    };
    assert!(findings.iter().any(|finding| fits(&finding)), "{check}: {findings:#?}");
}

/// A push of the first component's event URL, as it goes over the wire.
fn request(world: &World) -> String {
    let component = &world.options.components[0];
    let (app_id, pair) = (&component.app_id, &component.pairs[0]);
    let key = EncodingAesKey::parse(&Secret::new(pair.key.as_str())).expect("a key");
    let now = Timestamp::now().as_second().to_string();
    let plaintext = format!(
        "<xml><AppId>{app_id}</AppId><CreateTime>{now}</CreateTime><InfoType>component_verify_ticket</InfoType>\
         <ComponentVerifyTicket>ticket@@@of-the-test</ComponentVerifyTicket></xml>"
    );
    let encrypt = cipher::encrypt(&key, app_id, [7; 16], &plaintext);
    let signed = signature::sign(&[&pair.token, &now, "135792", &encrypt]);
    let body = format!("<xml><AppId>{app_id}</AppId><Encrypt>{encrypt}</Encrypt></xml>");
    format!(
        "POST /wechat/{app_id}/events?timestamp={now}&nonce=135792&encrypt_type=aes&msg_signature={signed} HTTP/1.1\r\n\
         Host: example.com\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// A server whose clock is two hours behind.
fn server_of_the_past() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a caller");
            let read = stream.read(&mut [0; 4_096]);
            let then = Timestamp::now() - SignedDuration::from_hours(2);
            let date = rfc2822::to_string(&then.to_zoned(jiff::tz::TimeZone::UTC)).expect("a date");
            let answer = format!(
                "HTTP/1.1 404 Not Found\r\nDate: {date}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
            read.and_then(|_| stream.write_all(answer.as_bytes())).ok();
        }
    });
    format!("http://{address}")
}

#[tokio::test]
async fn doctor_finds_each_planted_fault_and_names_its_cure() {
    let world = World::start().await;
    world.ticket(A).await;
    assert_found(doctor(&world, &[], &[]), "tickets", &format!("{B} has no ticket"), "every 10 minutes");
    world.ticket(B).await;
    world.authorize(A).await;
    world.settle().await;

    let callbacks = format!("http://127.0.0.1:{}", world.options.ingress_port);
    let (findings, code) = doctor(&world, &["--callback-url", &callbacks], &[]);
    let bad: Vec<_> = findings.iter().filter(|finding| finding["verdict"] == "failed").collect();
    assert_eq!((bad, code), (vec![], 0), "a healthy service");
    let keys = findings.iter().find(|finding| finding["check"] == "master keys").expect("they are shown");
    assert!(keys["found"].as_str().is_some_and(|found| found.contains("fingerprint")), "{keys}");

    let with = |name: &'static str, value: &str| doctor(&world, &[], &[(name, value.to_owned())]);
    let other_key = "test:b3RoZXItb3RoZXItb3RoZXItb3RoZXItb3RoZXItb3Q=";
    assert_found(
        with("MANDATE_SEAL__KEYS", other_key),
        "master keys",
        "sealed by",
        "Put the former key back",
    );
    let past = server_of_the_past();
    assert_found(with("MANDATE_WECHAT__API_BASE", &past), "clock", "seconds ahead", "set-ntp");
    let nobody = format!("amqp://guest:guest@127.0.0.1:{}/%2f", free_port());
    assert_found(with("MANDATE_BROKER__URL", &nobody), "broker", "", "See that RabbitMQ runs");
    let nobody = format!("postgres://mandate:secret@127.0.0.1:{}/mandate", free_port());
    assert_found(with("MANDATE_STORAGE__URL", &nobody), "database", "127.0.0.1", "See that PostgreSQL runs");
    let read_only = "/proc/mandate/journal.db";
    assert_found(
        with("MANDATE_INGRESS__JOURNAL", read_only),
        "rights of files",
        "not writable",
        "read-only file system",
    );
    let elsewhere = format!("http://127.0.0.1:{}", world.options.simulator_port);
    assert_found(
        with("MANDATE_WORKER__PUBLIC_URL", &elsewhere),
        "public pages",
        "not as our pages do",
        "worker.public_listen",
    );
    let database = world.data().join("mandate.db");
    fs::set_permissions(&database, Permissions::from_mode(0o644)).expect("ours");
    assert_found(doctor(&world, &[], &[]), "rights of files", "has mode 644", "chmod 600");
    fs::set_permissions(&database, Permissions::from_mode(0o600)).expect("ours");
    world.fault("api_create_preauthcode", "errcode", 1, json!(61004)).await;
    assert_found(doctor(&world, &[], &[]), "outgoing address", "61004", "白名单 IP 地址列表");

    let file = world.folder().join("captured.txt");
    fs::write(&file, request(&world)).expect("writable");
    let arguments = ["--request", file.to_str().expect("text")];
    let (steps, code) = doctor(&world, &arguments, &[]);
    assert!(code == 0 && steps.iter().all(|step| step["verdict"] == "ok"), "{steps:#?}");
    assert_eq!(steps.len(), 6);
    let wrong = [("MANDATE_COMPONENT__0__TOKEN", "AnotherToken01".to_owned())];
    let cure = "message check token";
    let told = "the token differs from the one in WeChat's console";
    assert_found(doctor(&world, &arguments, &wrong), "signature", told, cure);
    let wrong = [("MANDATE_COMPONENT__0__ENCODING_AES_KEY", "a".repeat(43))];
    assert_found(doctor(&world, &arguments, &wrong), "key", "EncodingAESKey differs", "encoding_aes_key");
    fs::write(&file, request(&world).replace("/events?", "/evnts?")).expect("writable");
    assert_found(doctor(&world, &arguments, &[]), "URL", "belongs to no component", "event_path");
    fs::write(&file, request(&world).replace("<Encrypt>", "<Decrypt>")).expect("writable");
    assert_found(doctor(&world, &arguments, &[]), "envelope", "malformed", "changes the request");
    world.finish().await;
}
