//! The loader as a whole.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
};

use tempfile::TempDir;

use super::{Config, ConfigErrors, Loaded, load};

mod environment;
mod example;
mod loading;
mod replies;
mod roles;
mod secrets;

const KEY: &str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG";

/// The smallest configuration of a component.
fn component(rest: &str) -> String {
    format!(
        "[[component]]\napp_id = 'wx1f2e3d4c5b6a7988'\ntoken = 'goodtoken'\nencoding_aes_key = '{KEY}'\n{rest}\n"
    )
}

/// A folder with a configuration file in it; dropping it removes both.
struct Folder(TempDir);

impl Folder {
    fn with(toml: &str) -> Self {
        let folder = Self(TempDir::new().expect("a folder"));
        folder.write("mandate.toml", toml);
        folder
    }

    /// Writes a file and returns its path as text.
    fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.path().join(name);
        fs::write(&path, text).expect("written");
        fs::set_permissions(&path, Permissions::from_mode(0o640)).expect("ours");
        path.display().to_string()
    }

    fn load(&self, env: &[(&str, &str)]) -> Result<Loaded, ConfigErrors> {
        let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        load(None, &self.0.path().join("mandate.toml"), env)
    }

    #[track_caller]
    fn loaded(&self, env: &[(&str, &str)]) -> Loaded {
        self.load(env).unwrap_or_else(|errors| panic!("refused: {errors}"))
    }

    /// The problems as an operator sees them, file names without their folder.
    #[track_caller]
    fn problems(&self, env: &[(&str, &str)]) -> Vec<String> {
        let errors = self.load(env).expect_err("problems");
        let folder = format!("{}/", self.0.path().display());
        errors.to_string().lines().map(|line| line.replace(&folder, "")).collect()
    }
}

#[track_caller]
fn config(toml: &str) -> Config {
    Folder::with(toml).loaded(&[]).config
}

#[track_caller]
fn problems(toml: &str) -> Vec<String> {
    Folder::with(toml).problems(&[])
}

/// The row of a key in `config show`: value and origin.
#[track_caller]
fn shown(loaded: &Loaded, key: &str) -> (String, String) {
    let rows = super::show(loaded);
    let [_, value, origin] = rows.into_iter().find(|row| row[0] == key).expect("a row for the key");
    (value, origin)
}
