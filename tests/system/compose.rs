//! The compose files: valid, as strict as they say, and made of commands that work together.
//!
//! No container engine is needed: the commands of the file run as processes of this machine, with the folders of their
//! containers and the names of their neighbours put in place.

mod on_servers {
    use std::{
        collections::HashSet,
        fs,
        os::unix::fs::{DirBuilderExt, PermissionsExt, symlink},
        path::{Path, PathBuf},
        process::{Command, Output},
        sync::LazyLock,
        time::Duration,
    };

    use serde_json::{Value, json};
    use tokio::time::{Instant, sleep};
    use tokio_postgres::NoTls;

    use crate::world::{
        Ended, Options, Service, client, free_port, free_ports, own_servers::OwnServers, process::MANDATE,
    };

    const LOCAL: &[&str] = &["docker-compose.yml"];
    const PRODUCTION: &[&str] = &["docker-compose.yml", "docker-compose.production.yml"];
    /// From the first start to a merchant that is authorized.
    const A_MINUTE: Duration = Duration::from_mins(1);

    /// What docker-compose makes of the files of each stack without settings of the environment; it takes a second or two for that.
    static LOCAL_STACK: LazyLock<Value> = LazyLock::new(|| merged(LOCAL, &[]));
    static PRODUCTION_STACK: LazyLock<Value> = LazyLock::new(|| merged(PRODUCTION, &[]));

    /// What docker-compose makes of these files.
    fn merged(files: &[&str], environment: &[(&str, &str)]) -> Value {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut command = Command::new("docker-compose");
        command.envs(environment.iter().copied()).current_dir(&repository);
        for file in files {
            command.args(["--file", file]);
        }
        let yaml = output(command.arg("config"));
        // The parser that docker-compose itself brings along.
        let to_json = "import json, sys, yaml; json.dump(yaml.safe_load(sys.argv[1]), sys.stdout)";
        let json = output(Command::new("python3").args(["-c", to_json, &yaml]));
        serde_json::from_str(&json).expect("JSON")
    }

    fn output(command: &mut Command) -> String {
        let Output { status, stdout, stderr } = command.output().expect("it is installed by tests/run");
        assert!(status.success(), "{command:?}: {}", String::from_utf8_lossy(&stderr));
        String::from_utf8(stdout).expect("text")
    }

    fn strings(list: &Value) -> Vec<String> {
        let texts = list.as_array().into_iter().flatten();
        texts.map(|text| text.as_str().expect("a string").to_owned()).collect()
    }

    fn services(file: &Value) -> impl Iterator<Item = (&String, &Value)> {
        file["services"].as_object().expect("services").iter()
    }

    #[test]
    fn every_container_has_as_little_as_it_needs() {
        for file in [&*LOCAL_STACK, &*PRODUCTION_STACK] {
            let mut taken = HashSet::new();
            for (name, service) in services(file) {
                assert_eq!(
                    (&service["user"], &service["read_only"]),
                    (&json!("999:999"), &json!(true)),
                    "{name}"
                );
                assert_eq!(
                    (&service["cap_drop"], &service["privileged"]),
                    (&json!(["ALL"]), &Value::Null),
                    "{name}"
                );
                let ports = strings(&service["ports"]);
                assert!(ports.iter().all(|port| port.starts_with("127.0.0.1:")), "{name}: {ports:?}");
                if name == "init" {
                    continue;
                }
                assert!(service["healthcheck"]["test"].is_array(), "{name} says how it is");
                let volumes = strings(&service["volumes"]);
                let writable = volumes.iter().filter(|volume| !volume.ends_with(":ro")).count();
                assert!(writable <= 1, "{name}: {volumes:?}");
                for volume in volumes.iter().filter(|volume| !volume.starts_with('/')) {
                    let source = volume.split(':').next().map(ToOwned::to_owned);
                    assert!(taken.insert(source), "{volume} belongs to another, not to {name}");
                }
            }
            let networks = |name: &str| -> Vec<&String> {
                file["services"][name]["networks"].as_object().expect("networks").keys().collect()
            };
            assert_eq!(networks("ingress"), ["callbacks"], "the database is out of its reach");
            assert_eq!(networks("postgres"), ["storage"]);
        }
    }

    #[test]
    fn images_can_come_from_elsewhere() {
        let file = merged(
            LOCAL,
            &[
                ("POSTGRES_IMAGE", "mirror.example/a"),
                ("RABBITMQ_IMAGE", "mirror.example/b"),
                ("MANDATE_IMAGE", "mirror.example/c"),
                ("MANDATE_RUST_IMAGE", "mirror.example/d"),
                ("MANDATE_RUNTIME_IMAGE", "mirror.example/e"),
            ],
        );
        for (name, service) in services(&file) {
            let image = service["image"].as_str().expect("an image");
            assert!(image.starts_with("mirror.example/"), "{name}: {image}");
        }
        let expected = json!({"RUST_IMAGE": "mirror.example/d", "RUNTIME_IMAGE": "mirror.example/e"});
        assert_eq!(file["services"]["worker"]["build"]["args"], expected);
    }

    #[tokio::test]
    async fn production_has_no_simulator_and_the_operators_settings() {
        let file = &*PRODUCTION_STACK;
        assert_eq!(file["services"]["simulator"]["profiles"], json!(["development"]), "not started unasked");
        assert!(!file["services"]["init"]["command"].to_string().contains("--component"));
        let folder = tempfile::tempdir().expect("a folder");
        let stack = Stack::new(folder.path(), file);
        stack.secrets().await;
        let component = &Options::new().components[0];
        let settings = format!(
            "[[component]]\napp_id = \"{}\"\napp_secret = \"{}\"\ntoken = \"{}\"\nencoding_aes_key = \"{}\"\n",
            component.app_id, component.secret, component.pairs[0].token, component.pairs[0].key
        );
        for name in ["ingress", "worker"] {
            let mounted = strings(&file["services"][name]["volumes"]);
            let operators = "/mandate.toml:/etc/mandate/mandate.toml:ro";
            assert!(mounted.iter().any(|volume| volume.ends_with(operators)), "{name}: {mounted:?}");
            let etc = folder.path().join(name).join("etc/mandate");
            fs::create_dir_all(&etc).expect("our own folder");
            fs::write(etc.join("mandate.toml"), &settings).expect("our own folder");
            let shown = output(stack.command_with(name, &["config", "show"]).args(["-o", "json"]));
            assert!(shown.contains("https://api.weixin.qq.com"), "{shown}");
            output(&mut stack.command_with(name, &["config", "check"]));
        }
    }

    #[tokio::test]
    async fn the_commands_of_the_local_stack_bring_a_merchant_within_a_minute() {
        mandate_runtime::tls::install_provider();
        let folder = tempfile::tempdir().expect("a folder");
        let stack = Stack::new(folder.path(), &LOCAL_STACK);
        let began = Instant::now();

        // The database and the broker wait for what init writes, and init waits for the database.
        let init = Service::run(stack.command("init").args(stack.addresses()), &stack.log("init"));
        let secret =
            async |path: &str| stack.until(path, async || fs::read_to_string(stack.volume(path)).ok()).await;
        let password = secret("postgres-secrets/owner_password").await;
        let configuration = secret("rabbitmq-secrets/rabbitmq.conf").await;
        let servers = OwnServers::start_on(stack.postgres, stack.rabbitmq, &configuration).await;
        make_database(&servers, &password).await;
        assert_eq!(init.wait().await, Ended::Code(0), "{}", stack.logs());

        let processes = ["worker", "ingress", "simulator"];
        let _running = processes.map(|name| Service::run(&mut stack.command(name), &stack.log(name)));
        for name in processes {
            stack.until(name, async || stack.is_healthy(name).then_some(())).await;
        }
        let api = format!("http://127.0.0.1:{}/api/v1/authorizers", stack.port("worker"));
        let http = client().build().expect("a client");
        stack
            .until("a merchant", async || {
                let answer: Value = http.get(&api).send().await.ok()?.json().await.ok()?;
                (answer["data"][0]["status"] == "authorized").then_some(())
            })
            .await;
        let (_, _, pages) = stack.ports.iter().find(|(_, port, _)| *port == 8082).expect("the pages");
        let page = format!("http://127.0.0.1:{pages}/authorize?component=wx1f2e3d4c5b6a7988");
        let page = http.get(page).send().await.expect("a page").text().await.expect("text");
        let wechat =
            format!("href=\"http://127.0.0.1:{}/cgi-bin/componentloginpage?", stack.port("simulator"));
        assert!(page.contains(&wechat), "{page}");
        assert!(began.elapsed() < A_MINUTE, "it took {:?}", began.elapsed());

        let held = stack.files();
        let names = held.iter().filter_map(|(path, _)| path.strip_prefix("ingress-secrets/"));
        let names: HashSet<&str> = names.collect();
        assert_eq!(names, HashSet::from(["broker_url", "mandate.toml", "settle_key"]), "and nothing else");
        assert!(!secret("ingress-secrets/mandate.toml").await.contains("app_secret"));
        may_not_read_the_inbox(&secret("ingress-secrets/broker_url").await).await;

        // As at the next `docker compose up`: what is there stays.
        let again = Service::run(stack.command("init").args(stack.addresses()), &stack.log("init"));
        assert_eq!(again.wait().await, Ended::Code(0), "{}", stack.logs());
        let salted = |files: Vec<(String, Vec<u8>)>| -> Vec<_> {
            files.into_iter().filter(|(path, _)| !path.ends_with("definitions.json")).collect()
        };
        assert!(salted(held) == salted(stack.files()), "a secret was made anew");
    }

    /// What the image of the database does when it starts for the first time.
    async fn make_database(servers: &OwnServers, password: &str) {
        let url = format!("{}/postgres", servers.postgres_url());
        let (client, connection) = tokio_postgres::connect(&url, NoTls).await.expect("PostgreSQL");
        tokio::spawn(connection);
        let role = format!("create role mandate_owner superuser login password '{password}'");
        client.batch_execute(&role).await.expect("a role");
        client.batch_execute("create database mandate owner mandate_owner").await.expect("a database");
    }

    /// Ingress faces the internet: it may put callbacks in, and see none.
    async fn may_not_read_the_inbox(url: &str) {
        let connection = lapin::Connection::connect(url, lapin::ConnectionProperties::default()).await;
        let channel = connection.expect("its own user").create_channel().await.expect("a channel");
        let refused = channel
            .basic_get("mandate.inbox.callbacks".into(), lapin::options::BasicGetOptions::default())
            .await;
        let refused = refused.expect_err("it reads what WeChat sent").to_string();
        assert!(refused.contains("ACCESS_REFUSED") || refused.contains("ACCESS-REFUSED"), "{refused}");
    }

    /// A compose file in a folder: `volumes/NAME` for each volume, `SERVICE/…` for what a container sees.
    struct Stack<'a> {
        folder: &'a Path,
        services: Value,
        /// Port in the file, and here.
        ports: [(&'static str, u16, u16); 5],
        postgres: u16,
        rabbitmq: u16,
    }

    impl<'a> Stack<'a> {
        fn new(folder: &'a Path, file: &Value) -> Self {
            let ports = [
                ("worker", 8081),
                ("ingress", 8080),
                ("ingress", 9080),
                ("simulator", 8090),
                ("worker", 8082),
            ];
            let ports = ports.map(|(name, port)| (name, port, free_port()));
            let services = file["services"].clone();
            let stack = Self { folder, services, ports, postgres: free_port(), rabbitmq: free_ports(4) };
            for (name, service) in services_of_ours(&stack.services) {
                for volume in strings(&service["volumes"]) {
                    let (source, rest) = volume.split_once(':').expect("a source");
                    let target = rest.split(':').next().expect("a target");
                    if source.starts_with('/') {
                        continue; // a file of the operator
                    }
                    let place = folder.join(name).join(&target[1..]);
                    fs::create_dir_all(place.parent().expect("a folder")).expect("our own folder");
                    let kept = folder.join("volumes").join(source);
                    fs::DirBuilder::new().recursive(true).mode(0o700).create(&kept).expect("our own folder");
                    symlink(&kept, &place).expect("our own folder");
                }
            }
            stack
        }

        /// The command of a service with its settings, for this machine.
        fn command(&self, name: &str) -> Command {
            self.command_with(name, &[])
        }

        /// The same, with another subcommand if there is one.
        fn command_with(&self, name: &str, subcommand: &[&str]) -> Command {
            let service = &self.services[name];
            let mut arguments = strings(&service["command"]);
            if !subcommand.is_empty() {
                arguments.pop();
                arguments.extend(subcommand.iter().map(ToString::to_string));
            }
            let mut command = Command::new(MANDATE);
            command.args(arguments.iter().map(|argument| self.here(name, argument)));
            for (key, value) in service["environment"].as_object().into_iter().flatten() {
                command.env(key, self.here(name, value.as_str().expect("a string")));
            }
            command.current_dir(self.folder);
            command
        }

        /// A path of the container, or an address of a neighbour, as it is here.
        fn here(&self, name: &str, text: &str) -> String {
            if let Some(path) = text.strip_prefix('/') {
                return self.folder.join(name).join(path).display().to_string();
            }
            self.ports.iter().fold(text.to_owned(), |text, (owner, port, here)| {
                let hosts = [*owner, "0.0.0.0", "127.0.0.1"];
                hosts.iter().fold(text, |text, host| {
                    text.replace(&format!("{host}:{port}"), &format!("127.0.0.1:{here}"))
                })
            })
        }

        /// Where init finds its neighbours here.
        fn addresses(&self) -> Vec<String> {
            let mut addresses = vec![
                format!("--postgres=127.0.0.1:{}", self.postgres),
                format!("--rabbitmq=127.0.0.1:{}", self.rabbitmq),
                format!("--rabbitmq-folder={}", self.volume("rabbitmq-secrets").display()),
            ];
            if self.services["init"]["command"].to_string().contains("--component") {
                addresses.push(format!("--simulator=127.0.0.1:{}", self.port("simulator")));
                addresses.push(format!("--simulator-pages=127.0.0.1:{}", self.port("simulator")));
            }
            addresses
        }

        /// Runs init as far as the secrets: no database answers.
        async fn secrets(&self) {
            let _init = Service::run(self.command("init").args(self.addresses()), &self.log("init"));
            let last = self.volume("rabbitmq-secrets/rabbitmq.conf");
            self.until("the secrets", async || last.exists().then_some(())).await;
        }

        fn is_healthy(&self, name: &str) -> bool {
            let test = strings(&self.services[name]["healthcheck"]["test"]);
            let [kind, program, arguments @ ..] = test.as_slice() else { panic!("{test:?}") };
            assert_eq!((kind.as_str(), program.as_str()), ("CMD", "/usr/local/bin/mandate"));
            let arguments = arguments.iter().map(|argument| self.here(name, argument));
            Command::new(MANDATE).args(arguments).output().expect("it runs").status.success()
        }

        fn port(&self, name: &str) -> u16 {
            self.ports.iter().find(|(owner, ..)| *owner == name).expect("a port").2
        }

        /// A file in a volume.
        fn volume(&self, path: &str) -> PathBuf {
            self.folder.join("volumes").join(path)
        }

        /// What the volumes of secrets hold. Each file is for its owner alone.
        fn files(&self) -> Vec<(String, Vec<u8>)> {
            let mut files = Vec::new();
            for volume in fs::read_dir(self.folder.join("volumes")).expect("our own folder").flatten() {
                let name = volume.file_name().into_string().expect("text");
                if !name.ends_with("-secrets") {
                    continue;
                }
                for file in fs::read_dir(volume.path()).expect("our own folder").flatten() {
                    let mode = file.metadata().expect("there").permissions().mode();
                    let path = format!("{name}/{}", file.file_name().into_string().expect("text"));
                    assert_eq!(mode & 0o777, 0o400, "{path}");
                    files.push((path, fs::read(file.path()).expect("our own file")));
                }
            }
            files.sort();
            files
        }

        fn log(&self, name: &str) -> PathBuf {
            self.folder.join(format!("{name}.log"))
        }

        fn logs(&self) -> String {
            let read = |name| fs::read_to_string(self.log(name)).unwrap_or_default();
            ["init", "worker", "ingress", "simulator"].map(read).join("\n")
        }

        async fn until<T>(&self, what: &str, seen: impl AsyncFn() -> Option<T>) -> T {
            let deadline = Instant::now() + A_MINUTE;
            loop {
                if let Some(value) = seen().await {
                    return value;
                }
                assert!(Instant::now() < deadline, "waited in vain for {what}\n{}", self.logs());
                sleep(Duration::from_millis(50)).await;
            }
        }
    }

    /// Those that are made of our image.
    fn services_of_ours(services: &Value) -> impl Iterator<Item = (&String, &Value)> {
        services.as_object().into_iter().flatten().filter(|(_, service)| service["build"].is_object())
    }
}
